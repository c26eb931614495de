/* SPDX-License-Identifier: Apache-2.0 */
/* A host without the rule engine, or with something else of its name: said, with the cure. */
#include "check.h"

#include <string.h>

#include "waf/library.h"

static const char *code_of(const char *name, char text[static 512])
{
    struct waf_library lib = {};
    struct err err = ERR_INIT;
    enum rc rc = waf_library_open(name, &lib, &err);

    err_textz(&err, text, 512);
    return rc == RC_NOTFOUND && err.msg && !lib.handle ? err.msg->code : "";
}

static void there_is_none(void)
{
    char text[512];

    CHECK_STR(str_of(code_of("libmodsecurity-that-is-not-there.so.3", text)), "waf.engine-missing");
    CHECK(strstr(text, "apt install libmodsecurity3 modsecurity-crs"));
}

static void it_is_another(void)
{
    char text[512];

    CHECK_STR(str_of(code_of("libc.so.6", text)), "waf.engine-other");
    CHECK(strstr(text, "lacks msc_init"));
}

CHECK_MAIN(CHECK_TEST_ONCE(there_is_none), CHECK_TEST_ONCE(it_is_another))
