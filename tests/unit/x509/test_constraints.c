/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "x509/constraints.h"

static const struct str permitted_dns[] = {STR("hospital.example"), STR("lan")};
static const struct str excluded_dns[] = {STR("secret.hospital.example")};
static const struct str permitted_email[] = {STR("hospital.example"), STR(".hospital.example")};
static const struct addr_net permitted_ip[] = {{{4, {10}}, 8}, {{16, {0xfd}}, 8}};
static const struct addr_net excluded_ip[] = {{{4, {10, 1, 2, 3}}, 32}, {{4, {10, 9}}, 17}};

static const struct x509_constraints all = {
    .permitted_dns = permitted_dns,
    .n_permitted_dns = 2,
    .excluded_dns = excluded_dns,
    .n_excluded_dns = 1,
    .permitted_email = permitted_email,
    .n_permitted_email = 2,
    .permitted_ip = permitted_ip,
    .n_permitted_ip = 2,
    .excluded_ip = excluded_ip,
    .n_excluded_ip = 2,
};

static bool permits(const struct x509_constraints *c, const char *name)
{
    return x509_constraints_dns(c, str_of(name), NULL) == RC_OK;
}

static bool permits_ip(const struct x509_constraints *c, const char *text)
{
    struct addr ip;

    return addr_parse(str_of(text), &ip) == RC_OK && x509_constraints_ip(c, &ip, NULL) == RC_OK;
}

static void written_and_read(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);
    CLEANUP(buf_done) struct buf der = BUF_INIT(4096);
    CLEANUP(buf_done) struct buf again = BUF_INIT(4096);
    struct x509_constraints c;

    CHECK(!x509_constraints_empty(&all));
    CHECK_OK(x509_constraints_put(&all, &der));
    CHECK_OK(x509_der_check(buf_str(&der)));
    CHECK_OK(x509_constraints_parse(&a, buf_str(&der), &c));
    CHECK_INT(c.n_permitted_dns, 2);
    CHECK_INT(c.n_excluded_ip, 2);
    CHECK_INT(c.n_excluded_email, 0);
    CHECK_INT(c.n_other, 0);
    CHECK_STR(c.permitted_dns[1], "lan");
    CHECK_STR(c.permitted_email[1], ".hospital.example");
    CHECK_INT(c.excluded_ip[1].bits, 17);
    CHECK_INT(c.permitted_ip[1].base.n, 16);
    CHECK_OK(x509_constraints_put(&c, &again));
    CHECK(str_eq(buf_str(&der), buf_str(&again)));
}

static void names_are_judged(void)
{
    static const char *const good[] = {"hospital.example",
                                       "wiki.hospital.example",
                                       "a.b.hospital.example",
                                       "lan",
                                       "x.lan",
                                       "*.lan",
                                       "*.a.hospital.example",
                                       "xsecret.hospital.example"};
    static const char *const bad[] = {"example",
                                      "xhospital.example",
                                      "hospital.example.org",
                                      "*.example",
                                      "secret.hospital.example",
                                      "a.secret.hospital.example",
                                      "*.secret.hospital.example",
                                      "*.hospital.example",
                                      "lan.example"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(permits(&all, good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!permits(&all, bad[i]));
}

static void errors_name_the_rule(void)
{
    struct err err = ERR_INIT;
    char text[200];

    CHECK_RC(x509_constraints_dns(&all, STR("a.example"), &err), RC_DENIED);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "RFC 5280 4.2.1.10: the name constraints of the issuer do not permit a.example");
    CHECK_RC(x509_constraints_dns(&all, STR("secret.hospital.example"), &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "x509.name-excluded");
}

static void addresses_are_judged(void)
{
    CHECK(permits_ip(&all, "10.0.0.1"));
    CHECK(permits_ip(&all, "fd00::1"));
    CHECK(permits_ip(&all, "10.9.128.0"));
    CHECK(!permits_ip(&all, "10.9.127.255"));
    CHECK(!permits_ip(&all, "10.1.2.3"));
    CHECK(permits_ip(&all, "10.1.2.4"));
    CHECK(!permits_ip(&all, "11.0.0.1"));
    CHECK(!permits_ip(&all, "fe80::1"));
}

static void empty_lists_forbid_nothing(void)
{
    static const struct x509_constraints none = {.n_other = 1};
    static const struct str everything[] = {{"", 0}};
    static const struct addr_net any[] = {{{4, {0}}, 0}, {{16, {0}}, 0}};
    static const struct x509_constraints nothing = {
        .excluded_dns = everything, .n_excluded_dns = 1, .excluded_ip = any, .n_excluded_ip = 2};
    static const struct x509_constraints only_ip = {.permitted_ip = any, .n_permitted_ip = 1};

    CHECK(x509_constraints_empty(&none));
    CHECK(permits(&none, "a.example") && permits_ip(&none, "10.0.0.1") && permits_ip(&none, "::1"));
    CHECK(!permits(&nothing, "a.example") && !permits(&nothing, "*.a") &&
          !permits_ip(&nothing, "::1"));
    CHECK(!permits_ip(&nothing, "10.0.0.1"));
    CHECK(permits(&only_ip, "a.example") && permits_ip(&only_ip, "10.0.0.1"));
    CHECK(!permits_ip(&only_ip, "::1"));
}

/* From other CAs: capital letters, and a dot in front that means "below". */
static void foreign_forms_are_understood(void)
{
    static const struct str dotted[] = {STR(".Hospital.EXAMPLE")};
    static const struct x509_constraints below = {.permitted_dns = dotted, .n_permitted_dns = 1};
    static const struct x509_constraints not_below = {.excluded_dns = dotted, .n_excluded_dns = 1};

    CHECK(permits(&below, "wiki.hospital.example") && permits(&below, "*.hospital.example"));
    CHECK(!permits(&below, "hospital.example"));
    CHECK(permits(&not_below, "hospital.example"));
    CHECK(!permits(&not_below, "wiki.hospital.example") &&
          !permits(&not_below, "*.hospital.example"));
}

static void bad_values_are_not_written(void)
{
    static const struct str upper[] = {STR("Hospital.example")}, dot[] = {STR(".hospital.example")},
                            wild[] = {STR("*.hospital.example")}, mail[] = {STR("a@b.example")};
    static const struct addr_net odd[] = {{{5, {1}}, 8}}, bits[] = {{{4, {1}}, 33}};
    const struct x509_constraints bad[] = {
        {.permitted_dns = upper, .n_permitted_dns = 1},
        {.excluded_dns = dot, .n_excluded_dns = 1},
        {.permitted_dns = wild, .n_permitted_dns = 1},
        {.permitted_email = mail, .n_permitted_email = 1},
        {.permitted_ip = odd, .n_permitted_ip = 1},
        {.excluded_ip = bits, .n_excluded_ip = 1},
    };
    static struct str many[X509_CONSTRAINTS_MAX + 1];
    const struct x509_constraints big = {.permitted_dns = many,
                                         .n_permitted_dns = X509_CONSTRAINTS_MAX + 1};
    static struct addr_net nets[X509_CONSTRAINTS_MAX + 1];
    const struct x509_constraints big_ip = {.excluded_ip = nets,
                                            .n_excluded_ip = X509_CONSTRAINTS_MAX + 1};
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 16);

    for (size_t i = 0; i <= X509_CONSTRAINTS_MAX; i++)
        nets[i] = permitted_ip[0];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(x509_constraints_put(&bad[i], &b), RC_INVAL);
    CHECK_RC(x509_constraints_put(&big, &b), RC_TOOBIG);
    CHECK_RC(x509_constraints_put(&big_ip, &b), RC_TOOBIG);
}

static void broken_values_are_refused(void)
{
    static const struct {
        const char *hex;
        enum rc rc;
    } cases[] = {
        {"", RC_PARSE},
        {"3000", RC_PARSE},
        {"3002a000", RC_PARSE},
        {"3007a0053003820161", RC_OK},
        {"300aa0083006820161800100", RC_PARSE}, /* minimum, even though it is the default */
        {"300aa0083006820161810101", RC_PARSE}, /* maximum */
        {"3007a1053003820161", RC_OK},
        {"3007a2053003820161", RC_PARSE},
        {"300ea1053003820161a0053003820161", RC_PARSE}, /* out of order */
        {"300ea00c300a87080a000000ff000000", RC_OK},
        {"300ea00c300a87080a000000ff00ff00", RC_PARSE}, /* holes in the mask */
        {"300da00b300987070a000000ff0000", RC_PARSE},
        {"300ca00a300887060a0000ffffff", RC_PARSE},
        {"3007a0053003820107", RC_PARSE}, /* a control character */
        {"3007a0053003860161", RC_OK},    /* a URI: of another kind */
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);
    CLEANUP(buf_done) struct buf der = BUF_INIT(1000);
    struct x509_constraints c = {.n_other = 0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unhex(str_of(cases[i].hex), &der);
        if (rc == RC_OK)
            rc = x509_constraints_parse(&a, buf_str(&der), &c);
        CHECK_RC(rc, cases[i].rc);
    }
    CHECK_INT(c.n_other, 1);
}

static void lists_have_limits(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);
    struct x509_constraints c;

    for (int n = X509_CONSTRAINTS_MAX; n <= X509_CONSTRAINTS_MAX + 1; n++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(1 << 12);
        struct x509_der w = x509_der_of(&der);

        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_der_open(&w, X509_DER_CONTEXT_IN(0));
        for (int i = 0; i < n; i++)
            x509_der_raw(&w, STR("\x30\x03\x82\x01"
                                 "a"));
        x509_der_close(&w);
        x509_der_close(&w);
        CHECK_OK(x509_der_end(&w));
        CHECK_RC(x509_constraints_parse(&a, buf_str(&der), &c),
                 n == X509_CONSTRAINTS_MAX ? RC_OK : RC_TOOBIG);
    }
}

CHECK_MAIN(CHECK_TEST(lists_have_limits), CHECK_TEST(written_and_read),
           CHECK_TEST(names_are_judged), CHECK_TEST(errors_name_the_rule),
           CHECK_TEST(addresses_are_judged), CHECK_TEST(empty_lists_forbid_nothing),
           CHECK_TEST(foreign_forms_are_understood), CHECK_TEST(bad_values_are_not_written),
           CHECK_TEST(broken_values_are_refused))
