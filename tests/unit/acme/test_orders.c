/* SPDX-License-Identifier: Apache-2.0 */
/* What an order may ask for: addresses (RFC 8738), wildcards, dates, profiles; what is refused with
 * which problem; how many may be open; and one that is open already. */
#include "acme_client.h"

#include <stdio.h>

#include "json/out.h"
#include "x509/cert.h"
#include "x509/csr.h"

#define NAME(n) "{\"type\":\"dns\",\"value\":\"" n "\"}"
#define ADDRESS(n) "{\"type\":\"ip\",\"value\":\"" n "\"}"
#define CONFIG(more)                                                                               \
    "organization: Example Hospital\n"                                                             \
    "country: DE\n"                                                                                \
    "domain: hospital.example\n"                                                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy: [{name: all, allow: [\"*.hospital.example\"],"                                        \
    " addresses: [10.1.0.0/16, \"fd00::/8\"]" more "}]\n"

struct lab {
    struct world w;
    struct client c;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *config)
{
    return world_start(&l->w, NULL) && (!config || world_reload(&l->w, config)) &&
           client_start(&l->c, &l->w) && client_register(&l->c);
}

static struct reply order(struct lab *l, const char *identifiers, const char *more)
{
    char payload[2048];

    snprintf(payload, sizeof(payload), "{\"identifiers\":[%s]%s}", identifiers, more);
    return client_post(&l->c, "/acme/new-order", payload);
}

static struct reply finalize(struct lab *l, const char *url, const struct x509_csr_in *csr)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(1 << 16), payload = BUF_INIT(1 << 16);
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};
    struct x509_csr_in in = *csr;
    struct json_out o;
    char at[512];

    if (crypto_key_generate(spec, &key) != RC_OK)
        return (struct reply){.x = NULL};
    in.key = key;
    if (x509_csr_build(&in, &der, NULL) != RC_OK)
        return (struct reply){.x = NULL};
    json_out_init(&o, &payload, JSON_COMPACT);
    json_obj(&o);
    json_kv_b64url(&o, "csr", buf_str(&der));
    json_end(&o);
    snprintf(at, sizeof(at), "%s/finalize", url);
    return json_out_done(&o) == RC_OK ? client_post(&l->c, at, buf_z(&payload))
                                      : (struct reply){.x = NULL};
}

static void a_name_and_addresses(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply less = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct str dns = STR("a.hospital.example");
    struct addr ips[2];
    struct x509_csr_in csr = {.dns = &dns, .n_dns = 1, .ips = ips, .n_ips = 1};
    struct x509_cert *chain;
    char url[256];
    size_t n;

    CHECK_OK(addr_parse(STR("10.1.2.3"), &ips[0]));
    CHECK_OK(addr_parse(STR("fd00::7"), &ips[1]));
    CHECK(lab_start(&l, CONFIG("")));
    made =
        order(&l, NAME("a.hospital.example") "," ADDRESS("10.1.2.3") "," ADDRESS("fd00:0::7"), "");
    CHECK_INT(made.status, 201);
    CHECK_INT(json_len(json_get(made.json, "authorizations")), 3);
    CHECK_OK(str_copyz(world_header(made.x, "Location"), url, sizeof(url)));
    CHECK(client_validate(&l.c, url));
    less = finalize(&l, url, &csr);
    CHECK_STR(reply_problem(&less), "badCSR");
    csr.n_ips = 2;
    issued = finalize(&l, url, &csr);
    CHECK_STR(reply_text(&issued, "status"), "valid");
    CHECK_OK(str_copyz(reply_text(&issued, "certificate"), url, sizeof(url)));
    cert = client_post(&l.c, url, "");
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    CHECK_INT(chain[0].n_ips, 2);
    CHECK_INT(chain[0].n_dns, 1);
}

static void refusals(void)
{
    static const struct {
        const char *identifiers, *more, *problem;
    } cases[] = {
        {ADDRESS("10.2.0.1"), "", "rejectedIdentifier"},
        {ADDRESS("8.8.8.8"), "", "rejectedIdentifier"},
        {ADDRESS("010.1.2.3"), "", "malformed"},
        {ADDRESS("10.1.2"), "", "malformed"},
        {ADDRESS("a.hospital.example"), "", "malformed"},
        {NAME("10.1.2.3"), "", "malformed"},
        /* Wildcards: the rule has to say so, and then none of its challenges proves one. */
        {NAME("*.hospital.example"), "", "rejectedIdentifier"},
        {NAME("*.*.hospital.example"), "", "malformed"},
        {NAME("www.example.com") "," ADDRESS("8.8.8.8"), "", "rejectedIdentifier"},
        /* RFC 8555 section 6.7.1: of several kinds. */
        {NAME("www.example.com") ",{\"type\":\"email\",\"value\":\"a@b\"}", "", "compound"},
        {NAME("a.hospital.example"), ",\"profile\":\"nobody\"", "invalidProfile"},
        {NAME("a.hospital.example"), ",\"profile\":1", "invalidProfile"},
        {NAME("a.hospital.example"), ",\"notBefore\":\"2027-01-15T09:00:00Z\"", "malformed"},
        {NAME("a.hospital.example"), ",\"notBefore\":\"2027-01-14T08:00:00Z\"", "malformed"},
        {NAME("a.hospital.example"), ",\"notBefore\":\"1970-01-01T00:00:00Z\"", "malformed"},
        {NAME("a.hospital.example"), ",\"notAfter\":\"2027-01-15T07:00:00Z\"", "malformed"},
        {NAME("a.hospital.example"), ",\"notAfter\":\"2028-01-15T08:00:00Z\"", "malformed"},
        {NAME("a.hospital.example"), ",\"notAfter\":1", "malformed"},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, CONFIG(", wildcards: false")));
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            CLEANUP(reply_done)
            struct reply r = order(&l, cases[i].identifiers, cases[i].more);

            CHECK_STR(reply_problem(&r), cases[i].problem);
            CHECK(r.status >= 400 && r.status < 500);
        }
        CHECK(world_reload(&l.w, CONFIG(", wildcards: true")));
    }
}

/* RFC 8555 section 7.1.4: the authorization is for the name below, says "wildcard", and offers what
 * is in the DNS alone. */
static void a_wildcard(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply authz = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    struct json_iter it;
    const struct json *v;
    struct str text = STR("");
    char url[256], at[256];
    bool wildcard = false;

    CHECK(lab_start(&l, CONFIG(", wildcards: true, challenges: [http-01, dns-01]")));
    made = order(&l, NAME("*.hospital.example"), "");
    CHECK_INT(made.status, 201);
    CHECK_OK(str_copyz(world_header(made.x, "Location"), url, sizeof(url)));
    it = json_iter(json_get(made.json, "authorizations"));
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_str(v, &text));
    CHECK_OK(str_copyz(text, at, sizeof(at)));
    authz = client_post(&l.c, at, "");
    CHECK_OK(json_bool(json_get(authz.json, "wildcard"), &wildcard));
    CHECK(wildcard);
    CHECK_OK(json_str(json_get(json_get(authz.json, "identifier"), "value"), &text));
    CHECK_STR(text, "hospital.example");
    CHECK_INT(json_len(json_get(authz.json, "challenges")), 1);
    it = json_iter(json_get(authz.json, "challenges"));
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_str(json_get(v, "type"), &text));
    CHECK_STR(text, "dns-01");
    CHECK(client_validate(&l.c, url));
    issued = client_finalize(&l.c, url, "*.hospital.example");
    CHECK_STR(reply_text(&issued, "status"), "valid");
}

/* An earlier end than the profile's; the certificate has it. WORLD_NOW is 2027-01-15T08:00:00Z. */
static void ends_as_asked(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *chain;
    char url[256], end[WHEN_TEXT];
    size_t n;

    CHECK(lab_start(&l, WORLD_CONFIG "profiles: {short: {lifetime: 48h}}\n"));
    made = order(&l, NAME("a.hospital.example"),
                 ",\"profile\":\"short\",\"notBefore\":\"2027-01-15T07:59:00Z\","
                 "\"notAfter\":\"2027-01-16T00:00:00Z\"");
    CHECK_INT(made.status, 201);
    CHECK_STR(reply_text(&made, "profile"), "short");
    CHECK_STR(reply_text(&made, "notAfter"), "2027-01-16T00:00:00Z");
    CHECK_OK(str_copyz(world_header(made.x, "Location"), url, sizeof(url)));
    CHECK(client_validate(&l.c, url));
    issued = client_finalize(&l.c, url, "a.hospital.example");
    CHECK_OK(str_copyz(reply_text(&issued, "certificate"), url, sizeof(url)));
    cert = client_post(&l.c, url, "");
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    CHECK_STR(str_of(when_text(chain[0].not_after, end)), "2027-01-16T00:00:00Z");
    CHECK_STR(str_of(when_text(chain[0].not_before, end)), "2027-01-15T07:59:00Z");
}

/* RFC 8555 section 6.6: refused with Retry-After; room comes with each that is finished, and with
 * time. Other accounts have their own. */
static void so_many_may_be_open(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply full = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char first[256], url[256];

    CHECK(lab_start(&l, WORLD_CONFIG "acme: {orders_open: 3}\n"));
    CHECK(client_order(&l.c, "a.hospital.example", first));
    for (int i = 0; i < 2; i++)
        CHECK(client_order(&l.c, "a.hospital.example", url));
    full = order(&l, NAME("a.hospital.example"), "");
    CHECK_INT(full.status, 429);
    CHECK_STR(reply_problem(&full), "rateLimited");
    CHECK(world_header(full.x, "Retry-After").n > 0);
    CHECK(client_start(&other, &l.w));
    CHECK(client_register(&other));
    CHECK(client_order(&other, "a.hospital.example", url));
    CHECK(client_validate(&l.c, first));
    issued = client_finalize(&l.c, first, "a.hospital.example");
    CHECK_STR(reply_text(&issued, "status"), "valid");
    CHECK(client_order(&l.c, "a.hospital.example", url));
    CHECK(!client_order(&l.c, "a.hospital.example", url));
    /* A new process counts in the store. */
    CHECK(world_restart(&l.w));
    CHECK(world_reload(&l.w, WORLD_CONFIG "acme: {orders_open: 3}\n"));
    again = order(&l, NAME("a.hospital.example"), "");
    CHECK_STR(reply_problem(&again), "rateLimited");
    clock_fake_advance(&l.w.clock, 8 * WHEN_DAY);
    CHECK(client_order(&l.c, "a.hospital.example", url));
}

/* Section 6.6 again: what is made ahead of orders counts, too, also when it is counted anew. */
static void ahead_counts_too(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char url[256], payload[128];

    CHECK(lab_start(&l, WORLD_CONFIG "acme: {orders_open: 4}\n"));
    CHECK(client_order(&l.c, "a.hospital.example", url));
    for (int i = 0; i < 6; i++) {
        CLEANUP(reply_done) struct reply z = {.x = NULL};

        snprintf(payload, sizeof(payload),
                 "{\"identifier\":{\"type\":\"dns\",\"value\":\"z%d.hospital.example\"}}", i);
        z = client_post(&l.c, "/acme/new-authz", payload);
        CHECK_INT(z.status, i < 3 ? 201 : 429);
        CHECK(i < 3 || world_header(z.x, "Retry-After").n > 0);
        clock_fake_advance(&l.w.clock, 2 * WHEN_SECOND);
        if (i != 4)
            continue;
        CHECK(world_restart(&l.w));
        CHECK(world_reload(&l.w, WORLD_CONFIG "acme: {orders_open: 4}\n"));
    }
    CHECK(!client_order(&l.c, "a.hospital.example", url));
    clock_fake_advance(&l.w.clock, 8 * WHEN_DAY);
    CHECK(client_order(&l.c, "a.hospital.example", url));
}

static void an_open_one_again(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply same = {.x = NULL};
    CLEANUP(reply_done) struct reply more = {.x = NULL};

    CHECK(lab_start(&l, WORLD_CONFIG "acme: {reuse: {orders: true}}\n"));
    first = order(&l, NAME("a.hospital.example") "," NAME("b.hospital.example"), "");
    CHECK_INT(first.status, 201);
    same = order(&l, NAME("b.hospital.example") "," NAME("a.hospital.example"), "");
    CHECK_INT(same.status, 200);
    CHECK(str_eq(world_header(same.x, "Location"), world_header(first.x, "Location")));
    more = order(&l, NAME("b.hospital.example"), "");
    CHECK_INT(more.status, 201);
}

CHECK_MAIN(CHECK_TEST_ONCE(a_name_and_addresses), CHECK_TEST_ONCE(refusals),
           CHECK_TEST_ONCE(a_wildcard), CHECK_TEST_ONCE(ends_as_asked),
           CHECK_TEST_ONCE(so_many_may_be_open), CHECK_TEST_ONCE(ahead_counts_too),
           CHECK_TEST_ONCE(an_open_one_again))
