/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

static void limits(void)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
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

CHECK_MAIN(CHECK_TEST(limits))
