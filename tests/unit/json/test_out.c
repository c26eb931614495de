/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "json/json.h"
#include "json/out.h"

static void writes_every_kind(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    struct json_out o;
    struct id id;

    CHECK_OK(id_parse(STR("00000000000000000000000000"), &id));
    json_out_init(&o, &b, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "s", STR("a\"\\\n\x01\xc3\xa9"));
    json_kv_z(&o, "z", "x");
    json_kv_z(&o, "none", NULL);
    json_kv_i64(&o, "i", INT64_MIN);
    json_kv_u64(&o, "u", UINT64_MAX);
    json_kv_bool(&o, "t", true);
    json_kv_bool(&o, "f", false);
    json_kv_null(&o, "n");
    json_kv_when(&o, "w", 1'000'000 * WHEN_SECOND);
    json_kv_when(&o, "never", -1);
    json_kv_id(&o, "id", &id);
    json_kv_b64url(&o, "b", STR("\xff\xfe"));
    json_key_str(&o, STR("a"));
    json_arr(&o);
    json_put_i64(&o, 1);
    json_put_raw(&o, STR("{\"x\":2}"));
    json_obj(&o);
    json_end(&o);
    json_arr(&o);
    json_end(&o);
    json_end(&o);
    json_end(&o);
    CHECK_OK(json_out_done(&o));
    CHECK_STR(buf_str(&b),
              "{\"s\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"z\":\"x\",\"none\":null,"
              "\"i\":-9223372036854775808,\"u\":18446744073709551615,\"t\":true,\"f\":false,"
              "\"n\":null,\"w\":\"1970-01-12T13:46:40Z\",\"never\":null,"
              "\"id\":\"00000000000000000000000000\",\"b\":\"__4\",\"a\":[1,{\"x\":2},{},[]]}");
}

static void pretty(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    struct json_out o;

    json_out_init(&o, &b, JSON_PRETTY);
    json_obj(&o);
    json_key(&o, "items");
    json_arr(&o);
    json_put_i64(&o, 1);
    json_obj(&o);
    json_kv_bool(&o, "x", true);
    json_kv_bool(&o, "y", true);
    json_end(&o);
    json_end(&o);
    json_key(&o, "none");
    json_arr(&o);
    json_end(&o);
    json_key(&o, "empty");
    json_obj(&o);
    json_end(&o);
    json_end(&o);
    CHECK_OK(json_out_done(&o));
    CHECK_STR(buf_str(&b), "{\n"
                           "  \"items\": [\n"
                           "    1,\n"
                           "    {\n"
                           "      \"x\": true,\n"
                           "      \"y\": true\n"
                           "    }\n"
                           "  ],\n"
                           "  \"none\": [],\n"
                           "  \"empty\": {}\n"
                           "}\n");
}

static void a_value_alone(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct json_out o;

    json_out_init(&o, &b, JSON_COMPACT);
    json_put_str(&o, STR(""));
    CHECK_OK(json_out_done(&o));
    CHECK_STR(buf_str(&b), "\"\"");
}

static void appends(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct json_out o;

    buf_putz(&b, "data: ");
    json_out_init(&o, &b, JSON_COMPACT);
    json_put_bool(&o, true);
    CHECK_OK(json_out_done(&o));
    CHECK_STR(buf_str(&b), "data: true");
}

/* Whatever bytes go in, what comes out is JSON again. */
static void strange_bytes_stay_json(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_out o;
    unsigned char all[256];

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    json_out_init(&o, &b, JSON_COMPACT);
    json_obj(&o);
    json_key_str(&o, str_bytes(all, sizeof(all)));
    json_put_str(&o, str_bytes(all, sizeof(all)));
    json_end(&o);
    CHECK_OK(json_out_done(&o));
    CHECK_OK(json_parse(buf_str(&b), 4096, &doc, NULL));
    CHECK_INT(json_len(json_root(doc)), 1);
}

static void deepest(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_out o;

    json_out_init(&o, &b, JSON_COMPACT);
    for (int i = 0; i < JSON_OUT_DEPTH_MAX; i++) {
        if (i % 2) {
            json_arr(&o);
            continue;
        }
        json_obj(&o);
        json_kv_i64(&o, "i", i);
        json_key(&o, "in");
    }
    json_put_null(&o);
    for (int i = 0; i < JSON_OUT_DEPTH_MAX; i++)
        json_end(&o);
    CHECK_OK(json_out_done(&o));
    CHECK_OK(json_parse(buf_str(&b), 4096, &doc, NULL));
}

static void the_limit_is_the_buffers(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(8);
    struct json_out o;

    json_out_init(&o, &b, JSON_COMPACT);
    json_arr(&o);
    for (int i = 0; i < 100; i++)
        json_put_str(&o, STR("more than fits"));
    json_end(&o);
    CHECK_RC(json_out_done(&o), RC_TOOBIG);
    CHECK_INT(buf_str(&b).n, 0);
}

static void two_values(struct json_out *o)
{
    json_put_null(o);
    json_put_null(o);
}

static void value_without_key(struct json_out *o)
{
    json_obj(o);
    json_put_null(o);
}

static void key_in_array(struct json_out *o)
{
    json_arr(o);
    json_key(o, "x");
}

static void key_after_key(struct json_out *o)
{
    json_obj(o);
    json_key(o, "x");
    json_key(o, "y");
}

static void end_after_key(struct json_out *o)
{
    json_obj(o);
    json_key(o, "x");
    json_end(o);
}

static void end_of_nothing(struct json_out *o)
{
    json_end(o);
}

static void too_deep(struct json_out *o)
{
    for (int i = 0; i <= JSON_OUT_DEPTH_MAX; i++)
        json_arr(o);
}

static void incomplete(struct json_out *o)
{
    json_arr(o);
    IGNORE_RC(json_out_done(o));
}

static void raw_nothing(struct json_out *o)
{
    json_put_raw(o, STR(""));
}

/* True when `misuse` ends in an assertion. */
static bool asserts(void (*misuse)(struct json_out *))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct json_out o;
        struct buf b;

        close(STDERR_FILENO);
        buf_init(&b, 4096);
        json_out_init(&o, &b, JSON_COMPACT);
        misuse(&o);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

static void misuse_asserts(void)
{
    CHECK(asserts(two_values));
    CHECK(asserts(value_without_key));
    CHECK(asserts(key_in_array));
    CHECK(asserts(key_after_key));
    CHECK(asserts(end_after_key));
    CHECK(asserts(end_of_nothing));
    CHECK(asserts(too_deep));
    CHECK(asserts(incomplete));
    CHECK(asserts(raw_nothing));
    CHECK(!asserts(json_arr));
}

CHECK_MAIN(CHECK_TEST(writes_every_kind), CHECK_TEST(pretty), CHECK_TEST(a_value_alone),
           CHECK_TEST(appends), CHECK_TEST(strange_bytes_stay_json), CHECK_TEST(deepest),
           CHECK_TEST(the_limit_is_the_buffers), CHECK_TEST_ONCE(misuse_asserts))
