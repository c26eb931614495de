/* SPDX-License-Identifier: Apache-2.0 */
/* Names as people read them; the long ones are samples of RFC 3492 section 7.1. */
#include "check.h"

#include "base/name.h"

static void read_as(void)
{
    static const struct {
        const char *name, *want; /* NULL: it is not shown so */
    } cases[] = {
        {"xn--bcher-kva.hospital.example", "b\u00fccher.hospital.example"},
        {"*.xn--bcher-kva.example", "*.b\u00fccher.example"},
        {"a.xn--p1ai", "a.\u0440\u0444"},
        {"xn--80ak6aa92e.com", "\u0430\u0440\u0440\u04cf\u0435.com"}, /* no "apple" */
        {"xn--ihqwcrb4cv8a8dqg056pqjye", "\u4ed6\u4eec\u4e3a\u4ec0\u4e48\u4e0d\u8bf4\u4e2d\u6587"},
        {"xn--3b-ww4c5e180e575a65lsy2b", "3\u5e74b\u7d44\u91d1\u516b\u5148\u751f"},
        {"xn--ls8h.example", "\U0001f4a9.example"},
        {"hospital.example", NULL},
        {"", NULL},
        {"xn--", NULL},
        {"xn--abc-", NULL},            /* ASCII alone */
        {"xn--a", NULL},               /* a control character */
        {"xn--99999999", NULL},        /* past all numbers */
        {"xn--bcher-kv\xff", NULL},    /* no digit */
        {"xn--bcher-kva.xn--a", NULL}, /* none of it */
        {"xn--ab-m1t.example", NULL},  /* a zero width joiner */
        {"xn--ab-g4t.example", NULL},  /* turns round what follows */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[NAME_UNICODE_MAX] = "";
        enum rc rc = name_unicode(str_of(cases[i].name), out);

        if (cases[i].want) {
            CHECK_OK(rc);
            CHECK_STR(str_of(out), cases[i].want);
        } else if (rc == RC_OK) {
            fail_msg("%s is shown as %s", cases[i].name, out);
        }
    }
}

static void longest(void)
{
    char name[NAME_MAX_BYTES + 2], out[NAME_UNICODE_MAX];

    memset(name, 'a', sizeof(name));
    CHECK_RC(name_unicode(str_bytes(name, NAME_MAX_BYTES + 1), out), RC_TOOBIG);
    CHECK_RC(name_unicode(str_bytes(name, NAME_MAX_BYTES), out), RC_NOTFOUND);
    memcpy(name, "xn--", 4);
    CHECK_RC(name_unicode(str_bytes(name, NAME_MAX_BYTES), out), RC_NOTFOUND);
}

CHECK_MAIN(CHECK_TEST(read_as), CHECK_TEST(longest))
