/* SPDX-License-Identifier: Apache-2.0 */
/* Each message written and read again, and everything that is no such message. */
#include "check.h"

#include "tlcp/message_int.h"

static const unsigned char randoms[TLCP_RANDOM] = "thirty-two random bytes, at last";

#define BODY(b) CLEANUP(buf_done) struct buf b = BUF_INIT(TLCP_HELLO_MAX)

static void client_hello(void)
{
    static const uint16_t suites[] = {0xe053, 0xe013};
    struct tlcp_client_hello_out out = {randoms, STR("id"), STR("a.example"), STR("h2 http/1.1"),
                                        suites,  2};
    struct tlcp_client_hello in;
    BODY(b);

    tlcp_client_hello_write(&out, &b);
    CHECK_OK(buf_rc(&b));
    CHECK_OK(tlcp_client_hello_read(buf_str(&b), &in));
    CHECK_INT(in.version, 0x0101);
    CHECK(str_eq(in.random, str_bytes(randoms, TLCP_RANDOM)));
    CHECK_STR(in.session_id, "id");
    CHECK(str_eq(in.suites, STR("\xe0\x53\xe0\x13")));
    CHECK(str_eq(in.compressions, STR("\0")));
    CHECK(str_eq(in.extensions.server_name, STR("\0\x0c\0\0\x09"
                                                "a.example")));
    CHECK(str_eq(in.extensions.alpn, STR("\0\x0c\x02h2\x08http/1.1")));
    for (size_t n = 0; n < b.n; n++) {
        enum rc rc = tlcp_client_hello_read(str_head(buf_str(&b), n), &in);

        /* Without extensions it is one as well. */
        CHECK((rc == RC_OK) == (n == 2 + 32 + 3 + 2 + 4 + 2));
    }
    buf_u8(&b, 0);
    CHECK_RC(tlcp_client_hello_read(buf_str(&b), &in), RC_PARSE);
}

/* Version, random, and what is behind them. */
static enum rc read_hello(const char *rest, size_t n)
{
    struct tlcp_client_hello in;
    BODY(b);

    buf_u16(&b, 0x0101);
    buf_put(&b, randoms, TLCP_RANDOM);
    buf_put(&b, rest, n);
    TRY(buf_rc(&b));
    return tlcp_client_hello_read(buf_str(&b), &in);
}
#define READ_HELLO(lit) read_hello(lit, sizeof(lit) - 1)

static void odd_client_hellos(void)
{
    CHECK_OK(READ_HELLO("\0\0\x02\xe0\x13\x01\0"));
    CHECK_OK(READ_HELLO("\0\0\x02\xe0\x13\x01\0\0\0"));
    /* Unknown extensions, also empty ones, and one that is known but empty. */
    CHECK_OK(READ_HELLO("\0\0\x02\xe0\x13\x01\0\0\x0d\0\x23\0\0\xff\x01\0\x01\0\0\x10\0\0"));
    CHECK_RC(READ_HELLO("\0\0\0\x01\0"), RC_PARSE);
    CHECK_RC(READ_HELLO("\0\0\x03\xe0\x13\xe0\x01\0"), RC_PARSE);
    CHECK_RC(READ_HELLO("\0\0\x02\xe0\x13\0"), RC_PARSE);
    CHECK_RC(READ_HELLO("\0\0\x02\xe0\x13\x01\0\0\x08\0\x10\0\0\0\x10\0\0"), RC_PARSE);
    CHECK_RC(READ_HELLO("\0\0\x02\xe0\x13\x01\0\0\x03\0\x10\0"), RC_PARSE);
    CHECK_RC(READ_HELLO("\x21"
                        "123456789012345678901234567890123\0\x02\xe0\x13\x01\0"),
             RC_PARSE);
}

static void too_many_extensions(void)
{
    struct tlcp_client_hello in;
    BODY(b);

    buf_u16(&b, 0x0101);
    buf_put(&b, randoms, TLCP_RANDOM);
    buf_puts(&b, STR("\0\0\x02\xe0\x13\x01\0"));
    buf_u16(&b, 4 * (TLCP_EXTENSIONS_MAX + 1));
    for (unsigned i = 0; i <= TLCP_EXTENSIONS_MAX; i++) {
        buf_u16(&b, (uint16_t)(1000 + i));
        buf_u16(&b, 0);
    }
    CHECK_OK(buf_rc(&b));
    CHECK_RC(tlcp_client_hello_read(buf_str(&b), &in), RC_PARSE);
}

static void server_hello(void)
{
    struct tlcp_server_hello_out out = {randoms, STR("id"), STR("h2"), 0xe013, true};
    struct tlcp_server_hello in;

    for (int i = 0; i < 4; i++) {
        BODY(b);

        out.named = i & 1;
        out.alpn = i & 2 ? STR("h2") : STR("");
        tlcp_server_hello_write(&out, &b);
        CHECK_OK(buf_rc(&b));
        CHECK_OK(tlcp_server_hello_read(buf_str(&b), &in));
        CHECK_INT(in.suite, 0xe013);
        CHECK_STR(in.session_id, "id");
        CHECK((in.extensions.server_name.p != NULL) == out.named);
        CHECK((in.extensions.alpn.p != NULL) == (out.alpn.n != 0));
        for (size_t n = 0; n < b.n; n++)
            if (n != 2 + 32 + 3 + 3)
                CHECK_RC(tlcp_server_hello_read(str_head(buf_str(&b), n), &in), RC_PARSE);
    }
}

static void offered_tickets(void)
{
    static const uint16_t suite = 0xe053;
    static const struct str tickets[] = {STR(""), STR("a ticket")};
    struct tlcp_server_hello_out answer = {.random = randoms, .suite = suite, .tickets = true};
    struct tlcp_server_hello answered;

    for (size_t i = 0; i < 2; i++) {
        struct tlcp_client_hello_out out = {
            .random = randoms, .suites = &suite, .n_suites = 1, .tickets = true};
        struct tlcp_client_hello in;
        BODY(b);

        out.ticket = tickets[i];
        tlcp_client_hello_write(&out, &b);
        CHECK_OK(buf_rc(&b));
        CHECK_OK(tlcp_client_hello_read(buf_str(&b), &in));
        CHECK(in.extensions.ticket.p);
        CHECK_STR(in.extensions.ticket, i ? "a ticket" : "");
        buf_reset(&b);
        tlcp_server_hello_write(&answer, &b);
        CHECK_OK(buf_rc(&b));
        CHECK_OK(tlcp_server_hello_read(buf_str(&b), &answered));
        CHECK(answered.extensions.ticket.p && answered.extensions.ticket.n == 0);
    }
}

static void new_tickets(void)
{
    struct str got;
    BODY(b);

    tlcp_new_ticket_write(3600, STR("a ticket"), &b);
    CHECK_OK(buf_rc(&b));
    CHECK(str_eq(str_head(buf_str(&b), 6), STR("\0\0\x0e\x10\0\x08")));
    CHECK_OK(tlcp_new_ticket_read(buf_str(&b), &got));
    CHECK_STR(got, "a ticket");
    for (size_t n = 0; n < b.n; n++)
        CHECK_RC(tlcp_new_ticket_read(str_head(buf_str(&b), n), &got), RC_PARSE);
    buf_u8(&b, 0);
    CHECK_RC(tlcp_new_ticket_read(buf_str(&b), &got), RC_PARSE);
    CHECK_OK(tlcp_new_ticket_read(STR("\0\0\0\0\0\0"), &got));
    CHECK_INT(got.n, 0);
}

static void protocols(void)
{
    static const struct {
        struct str list;
        enum rc rc;
        const char *chosen;
    } cases[] = {
        {STR("\0\x0c\x02h2\x08http/1.1"), RC_OK, "http/1.1"},
        {STR("\0\x03\x02h2"), RC_OK, "h2"},
        {STR("\0\x03\x02h3"), RC_NOTFOUND, NULL},
        {STR("\0\0"), RC_PARSE, NULL},
        {STR(""), RC_PARSE, NULL},
        {STR("\0\x01\0"), RC_PARSE, NULL},
        {STR("\0\x03\x03h2"), RC_PARSE, NULL},
        {STR("\0\x03\x02h2x"), RC_PARSE, NULL},
    };
    struct str got;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_RC(tlcp_alpn_choose(cases[i].list, STR("http/1.1 h2"), &got), cases[i].rc);
        if (cases[i].chosen)
            CHECK_STR(got, cases[i].chosen);
    }
    CHECK_OK(tlcp_alpn_read_one(STR("\0\x03\x02h2"), &got));
    CHECK_STR(got, "h2");
    CHECK_RC(tlcp_alpn_read_one(STR("\0\x06\x02h2\x02h3"), &got), RC_PARSE);
    CHECK_RC(tlcp_alpn_read_one(STR("\0\x01\0"), &got), RC_PARSE);
}

static void certificates(void)
{
    struct str certs[TLCP_CHAIN_MAX + 1];
    struct tlcp_certificates in;
    BODY(b);

    for (size_t i = 0; i <= TLCP_CHAIN_MAX; i++)
        certs[i] = STR("a certificate");
    for (size_t n = 0; n <= TLCP_CHAIN_MAX; n++) {
        buf_reset(&b);
        tlcp_certificates_write(certs, n, &b);
        CHECK_OK(buf_rc(&b));
        CHECK_OK(tlcp_certificates_read(buf_str(&b), &in));
        CHECK_INT(in.n, n);
        if (n)
            CHECK_STR(in.certs[n - 1], "a certificate");
    }
    for (size_t n = 0; n < b.n; n++)
        CHECK_RC(tlcp_certificates_read(str_head(buf_str(&b), n), &in), RC_PARSE);
    buf_reset(&b);
    tlcp_certificates_write(certs, TLCP_CHAIN_MAX + 1, &b);
    CHECK_RC(tlcp_certificates_read(buf_str(&b), &in), RC_TOOBIG);
    CHECK_RC(tlcp_certificates_read(STR("\0\0\x03\0\0\0"), &in), RC_PARSE);
    CHECK_RC(tlcp_certificates_read(STR("\0\0\0x"), &in), RC_PARSE);
}

static void server_keys(void)
{
    char point[TLCP_POINT] = {4, 1, 2, 3};
    struct tlcp_server_key in;
    BODY(b);

    tlcp_params_write(str_bytes(point, sizeof(point)), &b);
    tlcp_signature_write(STR("signed"), &b);
    CHECK_OK(buf_rc(&b));
    CHECK_OK(tlcp_server_key_read(buf_str(&b), true, &in));
    CHECK_STR(in.signature, "signed");
    CHECK(str_eq(in.params, str_head(buf_str(&b), TLCP_PARAMS)));
    CHECK(str_eq(str_skip(in.params, 4), str_bytes(point, sizeof(point))));
    for (size_t n = 0; n < b.n; n++)
        CHECK_RC(tlcp_server_key_read(str_head(buf_str(&b), n), true, &in), RC_PARSE);
    b.p[0] = b.p[1] = b.p[2] = 0; /* the curve is not looked at */
    CHECK_OK(tlcp_server_key_read(buf_str(&b), true, &in));
    b.p[3] = 33;
    CHECK_RC(tlcp_server_key_read(buf_str(&b), true, &in), RC_PARSE);
    CHECK_OK(tlcp_server_key_read(STR("\0\x06signed"), false, &in));
    CHECK_STR(in.signature, "signed");
    CHECK_RC(tlcp_server_key_read(STR("\0\x06signed."), false, &in), RC_PARSE);
    CHECK_RC(tlcp_server_key_read(STR("\0\0"), false, &in), RC_PARSE);
}

static void requests(void)
{
    static char much[TLCP_REQUEST_MAX / 2];
    struct str names[] = {STR("0\x02one"), STR("0\x03three")};
    struct str long_names[] = {str_bytes(much, sizeof(much)), str_bytes(much, sizeof(much) - 8)};
    CLEANUP(buf_done) struct buf b = BUF_INIT(TLCP_REQUEST_MAX);

    tlcp_request_write(NULL, 0, &b);
    CHECK_OK(tlcp_request_read(buf_str(&b)));
    CHECK(str_eq(buf_str(&b), STR("\x01\x40\0\0")));
    buf_reset(&b);
    tlcp_request_write(names, 2, &b);
    CHECK_OK(tlcp_request_read(buf_str(&b)));
    CHECK(str_eq(buf_str(&b), STR("\x01\x40\0\x10\0\x05"
                                  "0\x02one\0\x07"
                                  "0\x03three")));
    /* As many as there is room for, or none. */
    buf_reset(&b);
    tlcp_request_write(long_names, 2, &b);
    CHECK_INT(b.n, TLCP_REQUEST_MAX);
    CHECK_OK(tlcp_request_read(buf_str(&b)));
    buf_reset(&b);
    long_names[1].n++;
    tlcp_request_write(long_names, 2, &b);
    CHECK(str_eq(buf_str(&b), STR("\x01\x40\0\0")));
    CHECK_OK(tlcp_request_read(STR("\x02\x01\x40\0\x05\0\x03"
                                   "abc")));
    CHECK_RC(tlcp_request_read(STR("\0\0\0")), RC_PARSE);
    CHECK_RC(tlcp_request_read(STR("\x01\x40\0\x02\0\0")), RC_PARSE);
    CHECK_RC(tlcp_request_read(STR("\x01\x40\0\x02\0\x01")), RC_PARSE);
    CHECK_RC(tlcp_request_read(STR("\x01\x40\0")), RC_PARSE);
    CHECK_RC(tlcp_request_read(STR("\x01\x40\0\0x")), RC_PARSE);
    CHECK_RC(tlcp_request_read(STR("")), RC_PARSE);
}

static void client_keys(void)
{
    char point[TLCP_POINT] = {4, 1, 2, 3};
    struct str got;
    BODY(bare);
    BODY(vector);

    tlcp_params_write(str_bytes(point, sizeof(point)), &bare);
    buf_u16(&vector, TLCP_PARAMS);
    buf_puts(&vector, buf_str(&bare));
    CHECK_OK(buf_rc(&vector));
    CHECK_OK(tlcp_client_key_read_point(buf_str(&bare), &got));
    CHECK(str_eq(got, str_bytes(point, sizeof(point))));
    CHECK_OK(tlcp_client_key_read_point(buf_str(&vector), &got));
    CHECK(str_eq(got, str_bytes(point, sizeof(point))));
    for (size_t n = 0; n < vector.n; n++)
        if (n != bare.n)
            CHECK_RC(tlcp_client_key_read_point(str_head(buf_str(&vector), n), &got), RC_PARSE);
    vector.p[1]++;
    CHECK_RC(tlcp_client_key_read_point(buf_str(&vector), &got), RC_PARSE);
}

static void ciphers(void)
{
    static const struct {
        struct str body;
        enum rc rc;
        size_t n;
    } cases[] = {
        {STR("\0\x04\x30\x02xx"), RC_OK, 4},     {STR("\0\x06\x30\x02xx\0\0"), RC_OK, 4},
        {STR("\0\x05\x30\x81\x02xx"), RC_OK, 5}, {STR("\0\x06\x30\x82\0\x02xx"), RC_OK, 6},
        {STR("\0\x04\x31\x02xx"), RC_PARSE, 0},  {STR("\0\x04\x30\x03xx"), RC_PARSE, 0},
        {STR("\0\x04\x30\x80xx"), RC_PARSE, 0},  {STR("\0\x04\x30\x83xx"), RC_PARSE, 0},
        {STR("\0\x02\x30\x82"), RC_PARSE, 0},    {STR("\0\0"), RC_PARSE, 0},
        {STR("\0\x04\x30\x02xxy"), RC_PARSE, 0},
    };
    struct str got;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_RC(tlcp_client_key_read_cipher(cases[i].body, &got), cases[i].rc);
        if (cases[i].n)
            CHECK_INT(got.n, cases[i].n);
    }
}

static void signatures(void)
{
    struct str got;
    BODY(b);

    tlcp_signature_write(STR("signed"), &b);
    CHECK_OK(buf_rc(&b));
    CHECK_OK(tlcp_signature_read(buf_str(&b), &got));
    CHECK_STR(got, "signed");
    for (size_t n = 0; n < b.n; n++)
        CHECK_RC(tlcp_signature_read(str_head(buf_str(&b), n), &got), RC_PARSE);
    buf_u8(&b, 0);
    CHECK_RC(tlcp_signature_read(buf_str(&b), &got), RC_PARSE);
    CHECK_RC(tlcp_signature_read(STR("\0\0"), &got), RC_PARSE);
}

/* Those of one length. */
static void fixed_messages(void)
{
    static const char bytes[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e";
    uint8_t level = 0, what = 0;
    struct str got;

    for (size_t n = 0; n < sizeof(bytes) - 1; n++) {
        struct str body = str_bytes(bytes, n);

        CHECK_RC(tlcp_done_read(body), n == 0 ? RC_OK : RC_PARSE);
        CHECK_RC(tlcp_finished_read(body, &got), n == 12 ? RC_OK : RC_PARSE);
        CHECK_RC(tlcp_change_read(body), n == 1 ? RC_OK : RC_INVAL);
        CHECK_RC(tlcp_alert_read(body, &level, &what), n == 2 ? RC_OK : RC_PARSE);
    }
    CHECK_INT(level, 1);
    CHECK_INT(what, 2);
    CHECK_RC(tlcp_change_read(STR("\x02")), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(client_hello), CHECK_TEST(odd_client_hellos), CHECK_TEST(too_many_extensions),
           CHECK_TEST(server_hello), CHECK_TEST(offered_tickets), CHECK_TEST(new_tickets),
           CHECK_TEST(protocols), CHECK_TEST(certificates), CHECK_TEST(server_keys),
           CHECK_TEST(requests), CHECK_TEST(client_keys), CHECK_TEST(ciphers),
           CHECK_TEST(signatures), CHECK_TEST(fixed_messages))
