/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

static void there_and_back(void)
{
    CLEANUP(conf_input_done) struct conf_input in, back;
    CLEANUP(buf_done) struct buf b;
    struct rd rd;

    conf_input_init(&in);
    conf_input_init(&back);
    buf_init(&b, 1 << 16);
    in.unprivileged = true;
    CHECK_OK(conf_input_add(&in, STR("a.yaml"), STR(LEAST)));
    CHECK_OK(conf_input_add(&in, STR("b.yaml"), STR("")));
    conf_input_put(&in, &b);
    buf_putz(&b, "more");
    CHECK_OK(buf_rc(&b));
    rd = rd_of(buf_str(&b));
    CHECK_OK(conf_input_get(&back, &rd));
    CHECK_STR(rd_rest(&rd), "more");
    memset(b.p, 'x', b.n);
    CHECK(back.unprivileged);
    CHECK_INT(back.n, 2);
    CHECK_STR(back.files[0].name, "a.yaml");
    CHECK_STR(back.files[0].text, LEAST);
    CHECK_STR(back.files[1].name, "b.yaml");
    CHECK_INT(back.files[1].text.n, 0);
}

static void every_cut_is_refused(void)
{
    CLEANUP(conf_input_done) struct conf_input in, back;
    CLEANUP(buf_done) struct buf b;

    conf_input_init(&in);
    conf_input_init(&back);
    buf_init(&b, 1 << 16);
    CHECK_OK(conf_input_add(&in, STR("a.yaml"), STR("x")));
    CHECK_OK(conf_input_add(&in, STR("b.yaml"), STR("y")));
    conf_input_put(&in, &b);
    CHECK_OK(buf_rc(&b));
    for (size_t n = 0; n < b.n; n++) {
        struct rd rd = rd_of(str_head(buf_str(&b), n));

        CHECK_RC(conf_input_get(&back, &rd), RC_PARSE);
        CHECK(back.n == 0 && back.bytes.n == 0);
    }
}

static void hostile_bytes(void)
{
    CLEANUP(conf_input_done) struct conf_input back;
    struct rd rd;

    conf_input_init(&back);
    rd = rd_of(STR("\x02\0\0\0\0"));
    CHECK_RC(conf_input_get(&back, &rd), RC_PARSE);
    rd = rd_of(STR("\0\0\0\0\x41"));
    CHECK_RC(conf_input_get(&back, &rd), RC_PARSE);
    rd = rd_of(STR("\0\0\0\0\x01\xff\xff\xff\xff"));
    CHECK_RC(conf_input_get(&back, &rd), RC_PARSE);
    rd = rd_of(STR("\0\0\0\0\0"));
    CHECK_OK(conf_input_get(&back, &rd));
    CHECK_INT(back.n, 0);
}

static void limits(void)
{
    CLEANUP(conf_input_done) struct conf_input in;
    CLEANUP(mem_freep) char *big = mem_calloc(1, CONF_FILE_BYTES_MAX + 1);

    CHECK(big);
    conf_input_init(&in);
    CHECK_RC(conf_input_add(&in, STR("a"), str_bytes(big, CONF_FILE_BYTES_MAX + 1)), RC_TOOBIG);
    CHECK_RC(conf_input_add(&in, str_bytes(big, CONF_NAME_BYTES_MAX + 1), STR("")), RC_TOOBIG);
    CHECK_INT(in.n, 0);
    for (int i = 0; i < CONF_BYTES_MAX / CONF_FILE_BYTES_MAX; i++)
        CHECK_OK(conf_input_add(&in, STR("a"), str_bytes(big, CONF_FILE_BYTES_MAX)));
    CHECK_RC(conf_input_add(&in, STR("b"), STR("x")), RC_TOOBIG);
    conf_input_done(&in);
    for (int i = 0; i < CONF_FILES_MAX; i++)
        CHECK_OK(conf_input_add(&in, STR("a"), STR("x")));
    CHECK_RC(conf_input_add(&in, STR("b"), STR("")), RC_TOOBIG);
    CHECK_INT(in.n, CONF_FILES_MAX);
}

CHECK_MAIN(CHECK_TEST(there_and_back), CHECK_TEST(every_cut_is_refused), CHECK_TEST(hostile_bytes),
           CHECK_TEST(limits))
