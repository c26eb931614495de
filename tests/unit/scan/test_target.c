/* SPDX-License-Identifier: Apache-2.0 */
/* Targets as people write them, and the row of endpoints that comes of them. */
#include "check.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "scan/target.h"
#include "starttls/starttls.h"

static const char *text_of(const struct scan_endpoint *e, char *text, size_t cap)
{
    char at[ADDR_TEXT];

    snprintf(text, cap, "%s %s %.*s", e->protocol ? starttls_name(e->protocol) : "tls",
             addr_port_text(&e->to, at), STR_ARG(e->name));
    return text;
}

static void check_row(const char *ports, const char *targets, const char *const *row, size_t n)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct err err = ERR_INIT;
    uint64_t count = 0;

    scan_targets_init(&t);
    CHECK_OK(scan_ports_parse(&t, str_of(ports), &err));
    CHECK_OK(scan_targets_read(&t, str_of(targets), NULL, NULL, &err));
    CHECK_OK(scan_targets_count(&t, &count, &err));
    CHECK_INT(count, n);
    for (size_t i = 0; i < n; i++) {
        struct scan_endpoint e = scan_targets_at(&t, i);
        char text[300];

        CHECK_STR(str_of(text_of(&e, text, sizeof(text))), row[i]);
    }
}

static void all_hosts_at_one_port_first(void)
{
    static const char *const row[] = {
        "tls 10.0.0.0:443 ", "tls 10.0.0.1:443 ", "tls 192.0.2.7:443 ",
        "smtp 10.0.0.0:25 ", "smtp 10.0.0.1:25 ", "smtp 192.0.2.7:25 ",
    };

    check_row("443,smtp:25", "10.0.0.0/31\n# a comment\n  192.0.2.7 # and one more\n\n", row, 6);
}

static void with_ports_of_their_own(void)
{
    static const char *const row[] = {
        "tls 192.0.2.7:1 ",
        "tls 192.0.2.7:2 ",
        "tls 192.0.2.7:3 ",
        "imap [2001:db8::1]:143 ",
        "tls 10.0.0.254:8443 ",
        "tls 10.0.0.255:8443 ",
        "tls 192.0.2.9:443 wiki.example",
    };

    check_row("1-3",
              "imap:[2001:db8::1]:143\n10.0.0.254/31:8443\n192.0.2.7\n192.0.2.9:443/WIKI.example",
              row, 7);
}

static void names_behind_networks(void)
{
    static const char *const row[] = {"tls 10.0.0.0:443 a.example", "tls 10.0.0.1:443 a.example",
                                      "tls [2001:db8::ff]:443 b.example"};

    check_row("tls:443", "10.0.0.0/31/a.example\n2001:db8::ff/b.example", row, 3);
}

static void a_network_crosses_bytes(void)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct scan_endpoint e;
    uint64_t n = 0;
    char text[ADDR_TEXT];

    scan_targets_init(&t);
    CHECK_OK(scan_ports_parse(&t, str_of(scan_default_ports), NULL));
    CHECK_OK(scan_target_add(&t, STR("10.1.0.0/16"), NULL));
    CHECK_OK(scan_targets_count(&t, &n, NULL));
    CHECK_INT(n, 65536 * t.n_ports);
    e = scan_targets_at(&t, 65535);
    CHECK_STR(str_of(addr_port_text(&e.to, text)), "10.1.255.255:443");
    e = scan_targets_at(&t, n - 1);
    CHECK_STR(str_of(addr_port_text(&e.to, text)), "10.1.255.255:5269");
}

static void check_bad(struct str target, enum rc rc, const char *code)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct err err = ERR_INIT;

    scan_targets_init(&t);
    CHECK_OK(scan_ports_parse(&t, STR("443"), NULL));
    CHECK_RC(scan_target_add(&t, target, &err), rc);
    CHECK_STR(str_of(err.msg ? err.msg->code : "none"), code);
}

static void not_targets(void)
{
    check_bad(STR(""), RC_INVAL, "scan.target");
    check_bad(STR("443"), RC_INVAL, "scan.target");
    check_bad(STR("10.0.0.1/8"), RC_INVAL, "scan.target-bits");
    check_bad(STR("11.0.0.0/7"), RC_INVAL, "scan.target-bits");
    check_bad(STR("10.0.0.0/33"), RC_INVAL, "scan.target");
    check_bad(STR("0.0.0.0/0"), RC_TOOBIG, "scan.target-wide");
    check_bad(STR("2001:db8::/64"), RC_TOOBIG, "scan.target-wide");
    check_bad(STR("10.0.0.1:0"), RC_INVAL, "scan.target");
    check_bad(STR("10.0.0.1:65536"), RC_INVAL, "scan.target");
    check_bad(STR("gopher:10.0.0.1:70"), RC_INVAL, "scan.target");
    check_bad(STR("tlcp:10.0.0.1:443"), RC_INVAL, "scan.target"); /* every port is asked for it */
    check_bad(STR("10.0.0.0/24:0"), RC_INVAL, "scan.target");
    check_bad(STR("a b"), RC_INVAL, "scan.target");
    check_bad(STR("10.0.0.1/"), RC_INVAL, "scan.target");
}

static void not_ports(void)
{
    static const char *const bad[] = {"",     "0",        "65536", "10-9", "1-",     "x",
                                      "tls:", "nntp:119", ",",     "443,", "1-65535"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(scan_targets_done) struct scan_targets t = {};
        struct err err = ERR_INIT;
        enum rc rc;

        scan_targets_init(&t);
        rc = scan_ports_parse(&t, str_of(bad[i]), &err);
        if (rc == RC_NOMEM && mem_fail_fired())
            return;
        if (strcmp(bad[i], "443,") == 0) /* an end like that is no harm */
            CHECK_OK(rc);
        else
            CHECK(rc == RC_INVAL || rc == RC_TOOBIG);
    }
}

static void a_wrong_line_is_named(void)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    struct err err = ERR_INIT;
    char text[512];

    scan_targets_init(&t);
    CHECK_OK(scan_ports_parse(&t, STR("443"), NULL));
    CHECK_RC(scan_targets_read(&t, STR("10.0.0.1\n\n10.0.0.0/2x\n"), NULL, NULL, &err), RC_INVAL);
    CHECK(str_starts(str_of(err_textz(&err, text, sizeof(text))), STR("line 3: \"10.0.0.0/2x\"")));
}

static void too_many_endpoints(void)
{
    CLEANUP(scan_targets_done) struct scan_targets t = {};
    uint64_t n = 7;

    scan_targets_init(&t);
    CHECK_OK(scan_ports_parse(&t, STR("1-9"), NULL));
    CHECK_OK(scan_target_add(&t, STR("10.0.0.0/8"), NULL));
    CHECK_RC(scan_targets_count(&t, &n, NULL), RC_TOOBIG);
    CHECK_INT(n, 7);
}

static void digests_differ(void)
{
    static const char *const rows[][2] = {{"443", "10.0.0.0/31"},   {"444", "10.0.0.0/31"},
                                          {"443", "10.0.0.0/30"},   {"443", "10.0.0.2/31"},
                                          {"443", "10.0.0.0/31/a"}, {"smtp:443", "10.0.0.0/31"}};
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    unsigned char digests[ROWS][32];

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < ROWS; i++) {
        CLEANUP(scan_targets_done) struct scan_targets t = {};

        scan_targets_init(&t);
        CHECK_OK(scan_ports_parse(&t, str_of(rows[i][0]), NULL));
        CHECK_OK(scan_target_add(&t, str_of(rows[i][1]), NULL));
        CHECK_OK(scan_targets_digest(&t, digests[i]));
        for (size_t k = 0; k < i; k++)
            CHECK(memcmp(digests[i], digests[k], 32) != 0);
    }
}

CHECK_MAIN(CHECK_TEST(all_hosts_at_one_port_first), CHECK_TEST(with_ports_of_their_own),
           CHECK_TEST(names_behind_networks), CHECK_TEST(a_network_crosses_bytes),
           CHECK_TEST(not_targets), CHECK_TEST(not_ports), CHECK_TEST(a_wrong_line_is_named),
           CHECK_TEST(too_many_endpoints), CHECK_TEST(digests_differ))
