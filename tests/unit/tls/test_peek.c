/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "tls/peek.h"

#define PEEK(lit) ((int)tls_peek(STR(lit)))

/* Record header, type and length of the message, its version. */
#define TLS_1_2 "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"

static void tls(void)
{
    CHECK_INT(PEEK(TLS_1_2), TLS_PEEK_TLS);
    CHECK_INT(PEEK(TLS_1_2 "more"), TLS_PEEK_TLS);
    CHECK_INT(PEEK("\x16\x03\x03\x40\x00\x01\x00\x00\xfc\x03\x04"), TLS_PEEK_TLS);
    /* A message in pieces, whose version comes in a later one. */
    CHECK_INT(PEEK("\x16\x03\x01\x00\x05\x01"), TLS_PEEK_TLS);
    for (size_t i = 0; i < TLS_PEEK_BYTES; i++)
        CHECK_INT(tls_peek(str_head(STR(TLS_1_2), i)), TLS_PEEK_MORE);
}

static void tlcp(void)
{
    CHECK_INT(PEEK("\x16\x01\x01"), TLS_PEEK_TLCP);
    CHECK_INT(PEEK("\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x01\x01"), TLS_PEEK_TLCP);
    CHECK_INT(PEEK("\x16"), TLS_PEEK_MORE);
    CHECK_INT(PEEK("\x16\x01"), TLS_PEEK_MORE);
    CHECK_INT(PEEK("\x16\x01\x02"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x16\x01\x00"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x17\x01\x01"), TLS_PEEK_OTHER);
}

static void http(void)
{
    CHECK_INT(PEEK("GET / HTTP/1.1\r\n\r\n"), TLS_PEEK_HTTP);
    CHECK_INT(PEEK("get "), TLS_PEEK_HTTP);
    CHECK_INT(PEEK("M-SEARCH *"), TLS_PEEK_HTTP);
    CHECK_INT(PEEK("VERSION-CONTROL / HTTP/1.1"), TLS_PEEK_HTTP);
    CHECK_INT(PEEK("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), TLS_PEEK_HTTP);
    CHECK_INT(PEEK("G"), TLS_PEEK_MORE);
    CHECK_INT(PEEK("VERSION-CO"), TLS_PEEK_MORE);
    CHECK_INT(PEEK("VERSION-CON"), TLS_PEEK_HTTP);
}

static void other(void)
{
    CHECK_INT(PEEK(""), TLS_PEEK_MORE);
    CHECK_INT(PEEK("\0"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK(" GET /"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("-GET /"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("GET\t/"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("G\xc3\x84T /"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("SSH-2.0-OpenSSH_9.2\r\n"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x80\x2e\x01\x00\x02"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x16\x02\x00"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x16\x04\x00"), TLS_PEEK_OTHER);
    /* Record of no bytes, of too many, and with another message than a ClientHello. */
    CHECK_INT(PEEK("\x16\x03\x01\x00\x00\x01"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x16\x03\x01\x40\x01\x01"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x16\x03\x01\x00\x40\x02"), TLS_PEEK_OTHER);
    CHECK_INT(PEEK("\x15\x03\x01\x00\x02\x02\x28"), TLS_PEEK_OTHER);
}

CHECK_MAIN(CHECK_TEST(tls), CHECK_TEST(tlcp), CHECK_TEST(http), CHECK_TEST(other))
