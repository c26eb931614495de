/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <arpa/inet.h>

#include "base/addr.h"

/* RFC 5952 sections 4 and 5; the second column is the canonical text. */
static void canonical_text(void)
{
    static const char *const pairs[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
        {"2001:DB8::ABCD", "2001:db8::abcd"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:0:0:0:0:0:0:2", "::2"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"fe80::1:192.0.2.1", "fe80::1:c000:201"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"::1.2.3.4", "::102:304"},
        {"::ffff:192.0.2.1", "192.0.2.1"}, /* one host, one form */
        {"::ffff:c000:0201", "192.0.2.1"},
        {"::FFFF:0:0", "0.0.0.0"},
        {"::fffe:192.0.2.1", "::fffe:c000:201"},
        {"::ffff:0:192.0.2.1", "::ffff:0:c000:201"},
    };
    char text[ADDR_TEXT];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct addr a, again;

        CHECK_OK(addr_parse(str_of(pairs[i][0]), &a));
        CHECK_STR(str_of(addr_text(&a, text)), pairs[i][1]);
        CHECK_OK(addr_parse(str_of(text), &again));
        CHECK(addr_eq(&a, &again));
    }
    CHECK_STR(str_of(addr_text(&(struct addr){0}, text)), "-");
}

/* Every pattern of zero and other groups, against the C library, which writes ::/96 differently. */
static void text_as_the_c_library(void)
{
    char text[ADDR_TEXT];
    char libc[INET6_ADDRSTRLEN];

    for (unsigned pattern = 0; pattern < 256; pattern++) {
        unsigned char b[16] = {0};
        struct addr a;

        for (size_t i = 0; i < 8; i++)
            b[2 * i + 1] = pattern >> i & 1 ? (unsigned char)(i + 1) : 0;
        CHECK_OK(addr_from_bytes(str_bytes(b, 16), &a));
        assert_non_null(inet_ntop(AF_INET6, b, libc, sizeof(libc)));
        if (!strchr(libc, '.'))
            CHECK_STR(str_of(addr_text(&a, text)), libc);
    }
}

static void refuses_other_addresses(void)
{
    static const char *const bad[] = {
        "",
        ".",
        ":",
        ":::",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.04",
        "01.2.3.4",
        "1.2.3.4.",
        ".1.2.3.4",
        "1..2.3",
        "0x1.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "+1.2.3.4",
        "1.2.3.-4",
        "16909060",
        "1.2.3.1234",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "12345::",
        "g::",
        "fe80::1%eth0",
        "[::1]",
        "::1.2.3",
        "::1.2.3.04",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:",
        "::1/128",
        "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1",
    };
    struct addr a = {.n = 7};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (addr_parse(str_of(bad[i]), &a) != RC_PARSE)
            fail_msg("accepted: %s", bad[i]);
    CHECK_RC(addr_parse(STR("1.2.3.4\0"), &a), RC_PARSE);
    CHECK_RC(addr_parse(STR("::1\0x"), &a), RC_PARSE);
    CHECK_RC(addr_from_bytes(STR(""), &a), RC_PARSE);
    CHECK_RC(addr_from_bytes(STR("12345"), &a), RC_PARSE);
    CHECK_INT(a.n, 7);
}

static void bytes(void)
{
    struct addr a, b;

    CHECK_OK(addr_from_bytes(STR("\x0a\x00\x00\x01"), &a));
    CHECK_INT(a.n, 4);
    CHECK_OK(addr_from_bytes(STR("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01"), &b));
    CHECK(addr_eq(&a, &b));
    CHECK(str_eq(addr_bytes(&b), STR("\x0a\x00\x00\x01")));
    CHECK_OK(addr_from_bytes(STR("\x0a\x00\x00\x02"), &b));
    CHECK(!addr_eq(&a, &b));
    CHECK_OK(addr_from_bytes(STR("\x0a\x00\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0"), &b));
    CHECK_INT(b.n, 16);
    CHECK(!addr_eq(&a, &b));
}

static bool in_net(const char *net_text, const char *addr)
{
    struct addr_net net;
    struct addr a;

    return addr_net_parse(str_of(net_text), &net) == RC_OK &&
           addr_parse(str_of(addr), &a) == RC_OK && addr_net_has(&net, &a);
}

static void networks(void)
{
    struct addr_net net;

    CHECK(in_net("10.0.0.0/8", "10.255.255.255") && !in_net("10.0.0.0/8", "11.0.0.0"));
    CHECK(in_net("10.1.2.3", "10.1.2.3") && !in_net("10.1.2.3", "10.1.2.2"));
    CHECK(in_net("10.1.2.2/31", "10.1.2.3") && !in_net("10.1.2.2/31", "10.1.2.4"));
    CHECK(in_net("172.16.0.0/12", "172.31.0.1") && !in_net("172.16.0.0/12", "172.32.0.1"));
    CHECK(in_net("0.0.0.0/0", "255.1.2.3") && !in_net("0.0.0.0/0", "::1"));
    CHECK(in_net("::/0", "2001:db8::1") && !in_net("::/0", "1.2.3.4"));
    CHECK(in_net("2001:db8::/33", "2001:db8:7fff::1") &&
          !in_net("2001:db8::/33", "2001:db8:8000::"));
    CHECK(in_net("2001:db8::1", "2001:db8::1") && !in_net("2001:db8::1", "2001:db8::2"));
    CHECK(in_net("::ffff:10.0.0.0/104", "10.9.9.9") && !in_net("::ffff:10.0.0.0/104", "11.0.0.0"));
    CHECK(in_net("::ffff:0.0.0.0/96", "8.8.8.8") && in_net("::ffff:10.0.0.1", "10.0.0.1"));
    CHECK_OK(addr_net_parse(STR("192.168.0.0/16"), &net));
    CHECK_INT(net.bits, 16);
    CHECK(!addr_net_has(&net, &(struct addr){0}));
    CHECK(!addr_net_has(&(struct addr_net){0}, &(struct addr){0}));
}

static void refuses_other_networks(void)
{
    static const char *const bad[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        "10.0.0.0/255.0.0.0",
        "10/8",
        "10.0.0/8",
        "::/129",
        "::/0x0",
        "[::]/0",
        "10.0.0.0/99999999999999999999",
    };
    static const char *const host_bits[] = {
        "10.0.0.1/8",          "10.0.0.1/31",        "0.0.0.1/0",
        "128.0.0.0/0",         "2001:db8::1/64",     "::1/127",
        "2001:db8:8000::/32",  "::ffff:10.0.0.0/95", "::ffff:0.0.0.0/80",
        "::ffff:10.0.0.1/104",
    };
    struct addr_net net = {.bits = 77};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (addr_net_parse(str_of(bad[i]), &net) != RC_PARSE)
            fail_msg("accepted: %s", bad[i]);
    for (size_t i = 0; i < sizeof(host_bits) / sizeof(host_bits[0]); i++)
        if (addr_net_parse(str_of(host_bits[i]), &net) != RC_INVAL)
            fail_msg("host bits missed: %s", host_bits[i]);
    CHECK_INT(net.bits, 77);
}

static void with_ports(void)
{
    static const char *const pairs[][2] = {
        {"10.0.0.1:80", "10.0.0.1:80"},
        {"10.0.0.1:0", "10.0.0.1:0"},
        {"[::1]:443", "[::1]:443"},
        {"[0:0:0:0:0:0:0:1]:65535", "[::1]:65535"},
        {"[::ffff:10.0.0.1]:1", "10.0.0.1:1"},
        {"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
         "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"},
    };
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "10.0.0.1",
        "10.0.0.1:",
        "10.0.0.1:65536",
        "10.0.0.1:-1",
        "10.0.0.1:080",
        "10.0.0.1:80 ",
        "10.0.0.1:80:81",
        "::1",
        "::1:443",
        "[::1]",
        "[::1]:",
        "[::1]443",
        "[::1:443",
        "::1]:443",
        "[10.0.0.1]:80",
        "[]:80",
        "[[::1]]:80",
        "[::1]]:80",
        "localhost:80",
        "[::1]x:80",
        "10.0.0.1:http",
        "[fe80::1%eth0]:80",
    };
    struct addr_port ap = {.port = 7};
    char text[ADDR_TEXT];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (addr_port_parse(str_of(bad[i]), &ap) != RC_PARSE)
            fail_msg("accepted: %s", bad[i]);
    CHECK_INT(ap.port, 7);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CHECK_OK(addr_port_parse(str_of(pairs[i][0]), &ap));
        CHECK_STR(str_of(addr_port_text(&ap, text)), pairs[i][1]);
    }
}

static void kinds(void)
{
    static const struct {
        const char *text;
        enum addr_kind kind;
    } rows[] = {
        {"8.8.8.8", ADDR_PUBLIC},
        {"9.255.255.255", ADDR_PUBLIC},
        {"11.0.0.0", ADDR_PUBLIC},
        {"10.0.0.0", ADDR_PRIVATE},
        {"10.255.255.255", ADDR_PRIVATE},
        {"172.15.255.255", ADDR_PUBLIC},
        {"172.16.0.0", ADDR_PRIVATE},
        {"172.31.255.255", ADDR_PRIVATE},
        {"172.32.0.0", ADDR_PUBLIC},
        {"192.168.0.1", ADDR_PRIVATE},
        {"192.169.0.0", ADDR_PUBLIC},
        {"100.64.0.0", ADDR_PRIVATE},
        {"100.63.255.255", ADDR_PUBLIC},
        {"100.127.255.255", ADDR_PRIVATE},
        {"100.128.0.0", ADDR_PUBLIC},
        {"100.100.100.200", ADDR_LINK_LOCAL},
        {"100.100.100.201", ADDR_PRIVATE},
        {"127.0.0.1", ADDR_LOOPBACK},
        {"127.255.255.255", ADDR_LOOPBACK},
        {"169.254.169.254", ADDR_LINK_LOCAL},
        {"169.255.0.0", ADDR_PUBLIC},
        {"168.63.129.16", ADDR_LINK_LOCAL},
        {"168.63.129.17", ADDR_PUBLIC},
        {"192.0.0.192", ADDR_LINK_LOCAL},
        {"192.0.0.8", ADDR_RESERVED},
        {"192.0.1.0", ADDR_PUBLIC},
        {"192.0.2.1", ADDR_RESERVED},
        {"192.88.99.1", ADDR_RESERVED},
        {"198.18.0.0", ADDR_RESERVED},
        {"198.19.255.255", ADDR_RESERVED},
        {"198.20.0.0", ADDR_PUBLIC},
        {"198.51.100.7", ADDR_RESERVED},
        {"203.0.113.7", ADDR_RESERVED},
        {"223.255.255.255", ADDR_PUBLIC},
        {"224.0.0.1", ADDR_MULTICAST},
        {"239.255.255.255", ADDR_MULTICAST},
        {"240.0.0.0", ADDR_RESERVED},
        {"255.255.255.255", ADDR_RESERVED},
        {"0.0.0.0", ADDR_UNSPECIFIED},
        {"0.255.255.255", ADDR_UNSPECIFIED},
        {"1.0.0.0", ADDR_PUBLIC},
        {"::ffff:127.0.0.1", ADDR_LOOPBACK},
        {"::", ADDR_UNSPECIFIED},
        {"::1", ADDR_LOOPBACK},
        {"::2", ADDR_RESERVED},
        {"::7f00:1", ADDR_RESERVED},
        {"64:ff9b::7f00:1", ADDR_LOOPBACK},
        {"64:ff9b::a9fe:a9fe", ADDR_LINK_LOCAL},
        {"64:ff9b::8.8.8.8", ADDR_PUBLIC},
        {"64:ff9b:1::1", ADDR_RESERVED},
        {"100::1", ADDR_RESERVED},
        {"2001::1", ADDR_RESERVED},
        {"2001:1ff::1", ADDR_RESERVED},
        {"2001:200::1", ADDR_PUBLIC},
        {"2001:db8::1", ADDR_RESERVED},
        {"2001:db9::1", ADDR_PUBLIC},
        {"2002:7f00:1::1", ADDR_RESERVED},
        {"2003::1", ADDR_PUBLIC},
        {"2a00:1450::1", ADDR_PUBLIC},
        {"3fff::1", ADDR_RESERVED},
        {"3fff:1000::", ADDR_PUBLIC},
        {"4000::", ADDR_RESERVED},
        {"5f00::1", ADDR_RESERVED},
        {"fbff::", ADDR_RESERVED},
        {"fc00::1", ADDR_PRIVATE},
        {"fdff::1", ADDR_PRIVATE},
        {"fd00:ec2::254", ADDR_LINK_LOCAL},
        {"fd20:ce::254", ADDR_LINK_LOCAL},
        {"fd00:ec2::255", ADDR_PRIVATE},
        {"fe00::1", ADDR_RESERVED},
        {"fe80::1", ADDR_LINK_LOCAL},
        {"febf::1", ADDR_LINK_LOCAL},
        {"fec0::1", ADDR_RESERVED},
        {"ff02::1", ADDR_MULTICAST},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;

        CHECK_OK(addr_parse(str_of(rows[i].text), &a));
        if (addr_kind(&a) != rows[i].kind)
            fail_msg("%s is of kind %d, not %d", rows[i].text, addr_kind(&a), rows[i].kind);
    }
    CHECK(addr_kind(&(struct addr){0}) == ADDR_UNSPECIFIED);
}

CHECK_MAIN(CHECK_TEST(canonical_text), CHECK_TEST(text_as_the_c_library),
           CHECK_TEST(refuses_other_addresses), CHECK_TEST(bytes), CHECK_TEST(networks),
           CHECK_TEST(refuses_other_networks), CHECK_TEST(with_ports), CHECK_TEST(kinds))
