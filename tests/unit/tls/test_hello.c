/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "tls/hello.h"

static char name[NAME_MAX_BYTES + 1];

/* The extension with one name of this type. */
static enum rc one(uint8_t type, struct str s)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);

    buf_u16(&b, (uint16_t)(s.n + 3));
    buf_u8(&b, type);
    buf_u16(&b, (uint16_t)s.n);
    buf_puts(&b, s);
    TRY(buf_rc(&b));
    return tls_hello_server_name(buf_str(&b), name);
}

static void good(void)
{
    CHECK_OK(one(0, STR("wiki.hospital.example")));
    CHECK_STR(str_of(name), "wiki.hospital.example");
    CHECK_OK(one(0, STR("WiKi.Example")));
    CHECK_STR(str_of(name), "wiki.example");
    CHECK_OK(one(0, STR("xn--bcher-kva.example")));
    CHECK_OK(one(0, STR("wiki")));
}

static void odd_names(void)
{
    static const struct str odd[] = {
        STR(""),
        STR("wiki.example."),
        STR("."),
        STR(".wiki"),
        STR("a..b"),
        STR("*.example"),
        STR("10.0.0.1"),
        STR("::1"),
        STR("[::1]"),
        STR("0x7f.1"),
        STR("wiki\0.example"),
        STR("wiki.example\0"),
        STR("a b"),
        STR("-a.example"),
        STR("a_b.example"),
        STR("b\xc3\xbc.example"),
        STR("wiki.example:443"),
    };
    char longest[300];

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        CHECK_RC(one(0, odd[i]), RC_INVAL);
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 49; i < sizeof(longest); i += 50)
        longest[i] = '.';
    CHECK_RC(one(0, str_bytes(longest, NAME_MAX_BYTES + 1)), RC_INVAL);
    CHECK_OK(one(0, str_bytes(longest, NAME_MAX_BYTES)));
}

static void odd_lists(void)
{
    CHECK_RC(one(1, STR("wiki.example")), RC_INVAL);
    CHECK_RC(tls_hello_server_name(STR("\0\x08\0\0\1a\0\0\1b"), name), RC_INVAL);
    CHECK_RC(tls_hello_server_name(STR("\0\x08\0\0\1a\1\0\1b"), name), RC_INVAL);
    CHECK_OK(tls_hello_server_name(STR("\0\4\0\0\1a"), name));
    CHECK_RC(tls_hello_server_name(STR("\0\5\0\0\1a"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR("\0\3\0\0\1a"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR("\0\4\0\0\2a"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR("\0\4\0\0\1ab"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR("\0\0"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR("\0"), name), RC_PARSE);
    CHECK_RC(tls_hello_server_name(STR(""), name), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(good), CHECK_TEST(odd_names), CHECK_TEST(odd_lists))
