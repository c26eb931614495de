/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01\x0a\x00\x00\x01\xdc\x04\x01\xbb"
#define ONE "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"
#define V6 ONE ONE "\x00\x01\x01\xbb"

struct sample {
    struct str in;
    const char *from, *to; /* NULL: nobody's but the sender's */
};

static const struct sample good[] = {
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n"), "192.0.2.1:56324", "10.0.0.1:443"},
    {STR("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n"), "255.255.255.255:65535",
     "255.255.255.255:0"},
    {STR("PROXY TCP6 2001:db8::1 ::1 1 443\r\n"), "[2001:db8::1]:1", "[::1]:443"},
    {STR("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n"), "192.0.2.1:1", "[::1]:443"},
    {STR("PROXY UNKNOWN\r\n"), NULL, NULL},
    {STR("PROXY UNKNOWN anything at all\r\n"), NULL, NULL},
    {STR(SIGNATURE "\x21\x11\x00\x0c" V4), "192.0.2.1:56324", "10.0.0.1:443"},
    {STR(SIGNATURE "\x21\x21\x00\x24" V6), "[2001:db8::1]:1", "[2001:db8::1]:443"},
    {STR(SIGNATURE "\x21\x21\x00\x24" MAPPED ONE "\x00\x01\x01\xbb"), "192.0.2.1:1",
     "[2001:db8::1]:443"},
    /* what is added: a protocol, nothing at all of type 4 */
    {STR(SIGNATURE "\x21\x11\x00\x14" V4 "\x01\x00\x02h2\x04\x00\x00"), "192.0.2.1:56324",
     "10.0.0.1:443"},
    /* of a type that nobody has given a meaning; sums, alone and between others */
    {STR(SIGNATURE "\x21\x11\x00\x10" V4 "\xee\x00\x01x"), "192.0.2.1:56324", "10.0.0.1:443"},
    {STR(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04"
                   "\xa4\x54\x06\x56"),
     "192.0.2.1:56324", "10.0.0.1:443"},
    {STR(SIGNATURE "\x21\x11\x00\x1c" V4 "\x01\x00\x02h2\x03\x00\x04"
                   "\xd6\x7f\x9c\xda"
                   "\xee\x00\x01x"),
     "192.0.2.1:56324", "10.0.0.1:443"},
    {STR(SIGNATURE "\x20\x00\x00\x00"), NULL, NULL},
    {STR(SIGNATURE "\x20\x11\x00\x0c" V4), NULL, NULL},
    {STR(SIGNATURE "\x21\x00\x00\x03xyz"), NULL, NULL},
};

static const struct str bad[] = {
    STR("GET / HTTP/1.1\r\n"),
    STR("\x16\x03\x01\x02\x00"),
    STR("proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    STR("PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r \r\n"),
    STR("PROXY \n"),
    STR("PROXY \r\n"),
    STR("PROXY TCP4\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.1 -1 2\r\n"),
    STR("PROXY TCP4 192.0.2.1 10.0.0.01 1 2\r\n"),
    STR("PROXY TCP4 192.0.2.1\0 10.0.0.1 1 2\r\n"),
    STR("PROXY TCP4 ::1 ::1 1 2\r\n"),
    STR("PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n"),
    STR("PROXY TCP6 [::1] ::1 1 2\r\n"),
    STR("PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n"),
    STR("PROXY UNKNOWN11111111111111111111111111111111111111111111111111111111111111111111111111111"
        "1111111111111111111\r\n"),
    STR(SIGNATURE "\x11\x11\x00\x0c" V4),
    STR(SIGNATURE "\x22\x11\x00\x0c" V4),
    STR(SIGNATURE "\x21\x12\x00\x0c" V4),
    STR(SIGNATURE "\x21\x22\x00\x24" V6),
    STR(SIGNATURE "\x21\x41\x00\x0c" V4),
    STR(SIGNATURE "\x21\x31\x00\x0c" V4),
    STR(SIGNATURE "\x21\x21\x00\x0c" V4),
    STR(SIGNATURE "\x21\x11\x00\x0b" V4),
    STR(SIGNATURE "\x21\x11\x00\x10" V4 "\x01\x00\x02h"),
    STR(SIGNATURE "\x21\x11\x00\x0e" V4 "\x01\x00"),
    STR(SIGNATURE "\x21\x11\x04\x00" V4),
    /* sums that are another header's, none, or too long */
    STR(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04"
                  "\xd6\x7f\x9c\xda"),
    STR(SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\x00\x00\x00\x00"),
    STR(SIGNATURE "\x21\x11\x00\x0f" V4 "\x03\x00\x00"),
    STR(SIGNATURE "\x21\x11\x00\x14" V4 "\x03\x00\x05"
                  "\xa4\x54\x06\x56\x00"),
};

/* Whatever the pieces it comes in, and whatever follows. */
static void reads_headers(void)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(buf_done) struct buf all = BUF_INIT(4096);
        char text[ADDR_TEXT];
        struct net_proxy p = {.from.port = 7};
        size_t n = 0;

        for (size_t k = 0; k < good[i].in.n; k++)
            CHECK_RC(net_proxy_read(str_head(good[i].in, k), &p, &n), RC_AGAIN);
        CHECK_INT(p.from.port, 7);
        buf_puts(&all, good[i].in);
        buf_putz(&all, "\x16\x03\x01");
        CHECK_OK(buf_rc(&all));
        CHECK_OK(net_proxy_read(buf_str(&all), &p, &n));
        CHECK_INT(n, good[i].in.n);
        CHECK_INT(p.local, !good[i].from);
        CHECK_STR(str_of(p.local ? "-" : addr_port_text(&p.from, text)),
                  good[i].from ? good[i].from : "-");
        CHECK_STR(str_of(p.local ? "-" : addr_port_text(&p.to, text)),
                  good[i].to ? good[i].to : "-");
    }
}

/* It never waits for what cannot come, and never takes what it should not. */
static void refuses_what_is_none(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct net_proxy p = {.from.port = 7};
        enum rc rc = RC_AGAIN;
        size_t n = 0;

        for (size_t k = 0; k <= bad[i].n && rc == RC_AGAIN; k++)
            rc = net_proxy_read(str_head(bad[i], k), &p, &n);
        CHECK_RC(rc, RC_PARSE);
        CHECK_RC(net_proxy_read(bad[i], &p, &n), RC_PARSE);
        CHECK_INT(p.from.port, 7);
        CHECK_INT(n, 0);
    }
}

static void writes_headers(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(NET_PROXY_PUT_MAX);
    struct net_proxy p = {.local = true};

    net_proxy_put_v1(&p, &out);
    CHECK_STR(buf_str(&out), "PROXY UNKNOWN\r\n");
    buf_reset(&out);
    net_proxy_put_v2(&p, &out);
    CHECK_INT(str_eq(buf_str(&out), STR(SIGNATURE "\x20\x00\x00\x00")), true);
    p.local = false;
    CHECK_OK(addr_port_parse(STR("192.0.2.1:56324"), &p.from));
    CHECK_OK(addr_port_parse(STR("10.0.0.1:443"), &p.to));
    buf_reset(&out);
    net_proxy_put_v1(&p, &out);
    CHECK_STR(buf_str(&out), "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n");
    buf_reset(&out);
    net_proxy_put_v2(&p, &out);
    CHECK_INT(str_eq(buf_str(&out), STR(SIGNATURE "\x21\x11\x00\x0c" V4)), true);
    CHECK_OK(addr_port_parse(STR("[2001:db8::1]:443"), &p.to));
    buf_reset(&out);
    net_proxy_put_v1(&p, &out);
    CHECK_STR(buf_str(&out), "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 56324 443\r\n");
    buf_reset(&out);
    net_proxy_put_v2(&p, &out);
    CHECK_INT(
        str_eq(buf_str(&out), STR(SIGNATURE "\x21\x21\x00\x24" MAPPED ONE "\xdc\x04\x01\xbb")),
        true);
}

CHECK_MAIN(CHECK_TEST(reads_headers), CHECK_TEST(refuses_what_is_none), CHECK_TEST(writes_headers))
