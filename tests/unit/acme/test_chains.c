/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and the two hierarchies; chains while roots change, and their alternates. */
#include "acme_client.h"

#include <stdio.h>

#include "policy/policy.h"
#include "x509/verify.h"

#define EVERYTHING                                                                                 \
    "organization: Example Hospital\n"                                                             \
    "domain: hospital.example\n"                                                                   \
    "names: {single: [pacs]}\n"                                                                    \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy:\n"                                                                                    \
    "  - {name: all, allow: [\"*\", hospital.example]}\n"

static bool make(struct world *w, struct ceremony *c, struct ceremony_made *m,
                 struct secret *passphrase)
{
    struct store_issuer *rows;

    ceremony_made_init(m);
    *c = (struct ceremony){.data = w->dir.fd,
                           .conf = w->conf,
                           .now = w->clock.now,
                           .root_passphrase = passphrase,
                           .passphrase = passphrase,
                           .make_key = world_make_key,
                           .arg = passphrase};
    if (store_issuer_list(store_read(w->store), &m->arena, 0, &rows, &c->n_known) != RC_OK)
        return false;
    c->known = rows;
    return true;
}

static bool apply(struct world *w, const struct ceremony *c, struct ceremony_made *m)
{
    struct ca_change change = ceremony_change(c, m, "test");

    return ca_change_check(w->ca, &change, NULL) == RC_OK && ceremony_write(c, m, NULL) == RC_OK &&
           store_write_now(w->store, ca_change_apply, &change) == RC_OK &&
           ca_reload_issuers(w->ca, NULL) == RC_OK && world_signer_again(w);
}

/* A second RSA root, each certified by the other. */
static bool roll_over(struct world *w)
{
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    struct ca_ref root = {STR("rsa"), 2, true, false};
    struct ceremony c;

    return world_passphrase(&passphrase) && make(w, &c, &m, passphrase) &&
           ceremony_make_root(&c, &root, &m, NULL) == RC_OK &&
           ceremony_make_cross(&c, STR("root-rsa"), STR("root-rsa-2"), &m, NULL) == RC_OK &&
           ceremony_make_cross(&c, STR("root-rsa-2"), STR("root-rsa"), &m, NULL) == RC_OK &&
           apply(w, &c, &m);
}

static bool open_special(struct world *w)
{
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    struct ceremony c;

    return world_passphrase(&passphrase) && make(w, &c, &m, passphrase) &&
           ceremony_make_hierarchy(&c, 2, true, &m, NULL) == RC_OK &&
           ceremony_rules_write(w->dir.fd, w->conf, true, NULL) == RC_OK && apply(w, &c, &m);
}

static size_t links(const struct http_exchange *x, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < x->res.n_headers; i++)
        n += str_eq(x->res.headers[i].name, STR("Link")) &&
             memmem(x->res.headers[i].value.p, x->res.headers[i].value.n, text, strlen(text));
    return n;
}

/* The URL of the certificate that the order has. */
static bool certificate_url(struct client *c, const char *names, char url[static 256])
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    char order[256];

    if (!client_order(c, names, order) || !client_validate(c, order))
        return false;
    r = client_finalize(c, order, names);
    return str_copyz(reply_text(&r, "certificate"), url, 256) == RC_OK && url[0];
}

static void verify(struct world *w, struct str pem, const char *root_ref, enum rc expected)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct ca_issuer *root = ca_issuer_find(w->ca, str_of(root_ref));
    struct str chain[X509_CHAIN_MAX];
    struct x509_verify_in v = {.chain = chain,
                               .roots = &root->cert.der,
                               .n_roots = 1,
                               .at = w->clock.now,
                               .purpose = X509_FOR_SERVER};
    struct x509_cert *certs;
    size_t n;

    CHECK_OK(x509_cert_read_pem(&a, pem, X509_CHAIN_MAX, &certs, &n, NULL));
    v.leaf = certs[0].der;
    for (size_t i = 1; i < n; i++)
        chain[v.n_chain++] = certs[i].der;
    CHECK_RC(x509_verify(&v, NULL), expected);
}

static void alternates_are_linked_and_served(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done)
    struct reply before = {.x = NULL}, all = {.x = NULL}, brief = {.x = NULL}, none = {.x = NULL};
    char url[256], other[300];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(certificate_url(&c, "pacs.hospital.example", url));
    before = client_post(&c, url, "");
    CHECK_INT(before.status, 200);
    CHECK_INT(links(before.x, "alternate"), 0);
    snprintf(other, sizeof(other), "%s/alternate-1", url);
    CHECK(roll_over(&w));
    all = client_post(&c, url, "");
    CHECK_INT(all.status, 200);
    CHECK_INT(links(all.x, "alternate-1>;rel=\"alternate\""), 1);
    CHECK_INT(links(all.x, "rel=\"alternate\""), 1);
    verify(&w, buf_str(&all.x->res.body), "root-rsa", RC_OK);
    verify(&w, buf_str(&all.x->res.body), "root-rsa-2", RC_OK);
    brief = client_post(&c, other, "");
    CHECK_INT(brief.status, 200);
    CHECK_INT(links(brief.x, "rel=\"alternate\""), 1);
    CHECK_INT(links(brief.x, "alternate-1"), 0);
    verify(&w, buf_str(&brief.x->res.body), "root-rsa", RC_OK);
    verify(&w, buf_str(&brief.x->res.body), "root-rsa-2", RC_DENIED);
    snprintf(other, sizeof(other), "%s/alternate-2", url);
    none = client_post(&c, other, "");
    CHECK_INT(none.status, 404);
}

/* The only one below root-rsa: of root-rsa itself, by root-rsa-2. */
static bool take_back(struct world *w)
{
    const struct ca_cross *cross = ca_cross_find(w->ca, STR("root-rsa-by-root-rsa-2"));
    struct ca_change change = {.n_revoke_cross = 1, .actor = STR("test"), .now = w->clock.now};
    enum rc once, twice;

    if (!cross)
        return false;
    change.revoke_cross[0].id = cross->id;
    change.revoke_cross[0].reason = 4;
    once = store_write_now(w->store, ca_change_apply, &change);
    twice = store_write_now(w->store, ca_change_apply, &change);
    return once == RC_OK && twice == RC_CONFLICT && ca_reload_issuers(w->ca, NULL) == RC_OK &&
           cross->revoked == w->clock.now && cross->reason == 4;
}

static void one_that_is_revoked_is_in_no_chain(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply with = {.x = NULL}, without = {.x = NULL}, again = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(certificate_url(&c, "pacs.hospital.example", url));
    CHECK(roll_over(&w));
    with = client_post(&c, url, "");
    verify(&w, buf_str(&with.x->res.body), "root-rsa-2", RC_OK);
    CHECK(take_back(&w));
    without = client_post(&c, url, "");
    CHECK_INT(without.status, 200);
    CHECK_INT(links(without.x, "alternate"), 0);
    verify(&w, buf_str(&without.x->res.body), "root-rsa", RC_OK);
    verify(&w, buf_str(&without.x->res.body), "root-rsa-2", RC_DENIED);
    CHECK(world_restart(&w)); /* it is the register that knows */
    again = client_post(&c, url, "");
    CHECK_INT(again.status, 200);
    CHECK(str_eq(buf_str(&again.x->res.body), buf_str(&without.x->res.body)));
}

static void order_problem(struct client *c, const char *names, const char *code)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct str rest = str_of(names), one;
    char payload[1024] = "{\"identifiers\":[";

    while (str_next(&rest, ' ', &one))
        snprintf(payload + strlen(payload), sizeof(payload) - strlen(payload),
                 "%s{\"type\":\"dns\",\"value\":\"%.*s\"}", payload[16] ? "," : "", STR_ARG(one));
    snprintf(payload + strlen(payload), sizeof(payload) - strlen(payload), "]}");
    r = client_post(c, "/acme/new-order", payload);
    CHECK_INT(r.status, code ? 403 : 201);
    if (code)
        CHECK(memmem(r.x->res.body.p, r.x->res.body.n, code, strlen(code)) != NULL);
}

static void orders_and_hierarchies(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    const char *mixed = "no issuer may vouch for both";
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(!ca_hierarchy_open(w.ca, STR("special")));
    order_problem(&c, "a.hospital.example pacs", NULL);
    order_problem(&c, "www.example.com", "outside of what this CA may vouch for");
    order_problem(&c, "printer", "names: single:");
    CHECK(open_special(&w));
    CHECK(ca_hierarchy_open(w.ca, STR("special")));
    order_problem(&c, "www.example.com", NULL);
    order_problem(&c, "a.hospital.example www.example.com", mixed);
    order_problem(&c, "printer", "names: single:");
    CHECK(certificate_url(&c, "www.example.com,mail.example.com", url));
    r = client_post(&c, url, "");
    CHECK_INT(r.status, 200);
    verify(&w, buf_str(&r.x->res.body), "root-rsa-s", RC_OK);
    verify(&w, buf_str(&r.x->res.body), "root-rsa", RC_DENIED);
}

/* The domain was changed, and nobody has made an issuer for it. */
static void names_no_issuer_is_made_for(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(world_reload(&w, "organization: Example Hospital\ndomain: clinic.example\n"
                           "names: {single: [pacs, printer]}\n"
                           "urls: {api: \"https://ca.hospital.example:8555\"}\n"
                           "policy: [{name: all, allow: [\"*\"]}]\n"));
    order_problem(&c, "a.clinic.example", "no issuer was made for a.clinic.example");
    order_problem(&c, "printer", "no issuer was made for printer");
    order_problem(&c, "pacs", NULL);
    CHECK(ca_covers_dns(w.ca, STR("a.hospital.example")));
    CHECK(!ca_covers_dns(w.ca, STR("a.clinic.example")));
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST_ONCE(alternates_are_linked_and_served),
                                              CHECK_TEST_ONCE(one_that_is_revoked_is_in_no_chain),
                                              CHECK_TEST_ONCE(orders_and_hierarchies),
                                              CHECK_TEST_ONCE(names_no_issuer_is_made_for)};

    world_config = EVERYTHING;
    return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
