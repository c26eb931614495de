/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's account, which needs no proof for the gateway's sites and gets nothing else, and
 * everybody who would like to be taken for it. */
#include "acme_client.h"

#include <stdio.h>

#include "audit/audit.h"
#include "base/text.h"
#include "jose/jwk.h"
#include "json/out.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"
#include "x509/csr.h"

#define SITES                                                                                      \
    "profiles: {short: {lifetime: 6d}, default: {lifetime: 90d}}\n"                                \
    "gateway:\n"                                                                                   \
    "  sites:\n"                                                                                   \
    "    - {name: wiki.hospital.example, backends: [\"http://10.0.3.7\"],\n"                       \
    "       profile: short, algorithms: [ecdsa, rsa]}\n"                                           \
    "    - {name: pacs.hospital.example, backends: [\"http://10.0.3.8\"]}\n"                       \
    "    - {name: gm.hospital.example, backends: [\"http://10.0.3.8\"],\n"                         \
    "       profile: short, algorithms: [ecdsa, sm2]}\n"                                           \
    "    - {name: www.example.com, backends: [\"http://10.0.3.9\"]}\n"

#define WIKI "wiki.hospital.example"

enum { BODY_MAX = 64 * 1024, URL_MAX = 512 };

static bool vouch(struct world *w, const struct client *c)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *jwk = NULL;

    return jose_jwk_from_key(c->key, &jwk) == RC_OK &&
           acme_set_vouched(w->acme, str_of(jose_jwk_thumbprint(jwk))) == RC_OK;
}

/* A world with sites, and in it the keeper, known and registered. */
static bool start(struct world *w, struct client *c)
{
    if (!world_start(w, SITES) || !client_start(c, w) || !vouch(w, c))
        return false;
    w->private_listener = true;
    return client_register(c);
}

#define BEGIN(w, c)                                                                                \
    CLEANUP(world_done) struct world w = {.dir.fd = -1};                                           \
    CLEANUP(client_done) struct client c = {.w = NULL};                                            \
    CHECK(start(&w, &c))

static struct reply new_order(struct client *c, const char *identifiers)
{
    char payload[1024];

    snprintf(payload, sizeof(payload), "{\"identifiers\":[%s]}", identifiers);
    return client_post(c, "/acme/new-order", payload);
}

#define DNS(name) "{\"type\":\"dns\",\"value\":\"" name "\"}"

/* Begins finalize with a new key of that kind. */
static bool finalize(struct client *c, const char *order, const char *name, const char *kind,
                     struct world_call *call)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(BODY_MAX);
    CLEANUP(buf_done) struct buf payload = BUF_INIT(BODY_MAX);
    struct str dns = str_of(name);
    struct x509_csr_in in = {.dns = &dns, .n_dns = 1};
    struct crypto_key_spec spec;
    char url[URL_MAX];
    struct json_out o;

    if (crypto_key_spec_parse(str_of(kind), &spec) != RC_OK ||
        crypto_key_generate(spec, &key) != RC_OK)
        return false;
    in.key = key;
    if (x509_csr_build(&in, &der, NULL) != RC_OK)
        return false;
    json_out_init(&o, &payload, JSON_COMPACT);
    json_obj(&o);
    json_kv_b64url(&o, "csr", buf_str(&der));
    json_end(&o);
    snprintf(url, sizeof(url), "%s/finalize", order);
    return client_begin(c, url, buf_z(&payload), call);
}

/* The whole way; the certificate's row. */
static bool obtain(struct client *c, const char *name, const char *kind, struct arena *a,
                   struct store_certificate *out)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call;
    char order[256];
    struct id id;
    struct str url;

    if (!client_order(c, name, order) || !finalize(c, order, name, kind, &call))
        return false;
    r = client_end(&call);
    url = reply_text(&r, "certificate");
    return url.n > ID_TEXT && id_parse(str_skip(url, url.n - (ID_TEXT - 1)), &id) == RC_OK &&
           store_certificate_get(store_read(c->w->store), a, &id, out) == RC_OK;
}

/* Events of that action, and whether the first one says `text`. */
static size_t events(struct world *w, const char *action, const char *text)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n = 0;

    if (store_event_list(store_read(w->store), &a, &filter, &list, &n) != RC_OK || n == 0)
        return 0;
    return memmem(list[0].bytes.p, list[0].bytes.n, text, strlen(text)) ? n : 0;
}

/* The first subproblem's detail, or else the problem's own. */
static struct str detail_of(const struct reply *r)
{
    struct json_iter it = json_iter(json_get(r->json, "subproblems"));
    struct str s = reply_text(r, "detail");
    const struct json *sub;

    if (json_next(&it, NULL, &sub))
        IGNORE_RC(json_str(json_get(sub, "detail"), &s)); /* the test sees the other */
    return s;
}

static bool has(struct str s, const char *text)
{
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

/* ---- what the keeper gets */

static void ready_at_once(void)
{
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    CLEANUP(reply_done) struct reply authz = {.x = NULL};
    const struct json *url;
    struct json_iter it;
    char path[URL_MAX];
    struct str text;

    BEGIN(w, c);
    order = new_order(&c, DNS(WIKI));
    CHECK_INT(order.status, 201);
    CHECK_STR(reply_text(&order, "status"), "ready");
    it = json_iter(json_get(order.json, "authorizations"));
    CHECK(json_next(&it, NULL, &url));
    CHECK_OK(json_str(url, &text));
    CHECK_OK(str_copyz(text, path, sizeof(path)));
    authz = client_post(&c, path, "");
    CHECK_STR(reply_text(&authz, "status"), "valid");
    CHECK_INT(json_type(json_get(authz.json, "challenges")), JSON_ARRAY);
    CHECK_INT(json_len(json_get(authz.json, "challenges")), 0);
    CHECK_INT(w.validations, 0);
    CHECK_INT(events(&w, "authorization.vouched",
                     "{\"rule\":\"gateway.sites\",\"site\":\"wiki.hospital.example\"}"),
              1);
    CHECK_INT(events(&w, "order.ready", "order"), 1);
}

static void with_evidence_in_the_store(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_authorization_filter all = {.limit = 10};
    struct store_authorization *list;
    struct store_cursor at = {0};
    char order[256];
    size_t n;

    BEGIN(w, c);
    CHECK(client_order(&c, WIKI, order));
    CHECK_OK(store_authorization_list(store_read(w.store), &a, &all, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].evidence, "{\"vouched\":\"gateway site wiki.hospital.example\"}");
    CHECK_INT(list[0].validated, WORLD_NOW);
    CHECK_INT(list[0].n_challenges, 0);
}

/* Which profile an order of the keeper is for, when it asks for that one. */
static bool is_for(struct client *c, const char *name, const char *asked, const char *want)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    char payload[512];

    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}],\"profile\":\"%s\"}", name,
             asked);
    r = client_post(c, "/acme/new-order", payload);
    return r.status == 201 && str_eq(reply_text(&r, "profile"), str_of(want));
}

static void sites_with_tlcp_have_profiles_beside_their_own(void)
{
    BEGIN(w, c);
    CHECK(is_for(&c, "gm.hospital.example", "tlcp-sign", "tlcp-sign"));
    CHECK(is_for(&c, "gm.hospital.example", "tlcp-enc", "tlcp-enc"));
    CHECK(is_for(&c, "gm.hospital.example", "default", "short"));
    CHECK(is_for(&c, WIKI, "tlcp-sign", "short"));
}

static void certificate_of_the_sites_profile(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate cert;

    BEGIN(w, c);
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &cert));
    CHECK_STR(cert.origin, "gateway");
    CHECK_STR(cert.profile, "short");
    CHECK_INT(cert.requester.n, 0);
    CHECK(cert.not_after - cert.not_before < 6 * WHEN_DAY);
    CHECK_INT(events(&w, "certificate.issued", "\"origin\":\"gateway\""), 1);
    CHECK_INT(w.validations, 0);
}

#define SAME(x, y) str_eq(id_str(&(x)), id_str(&(y)))

static void one_thing_by_site(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate ec, rsa, ec2, rsa2, ec3, other;

    BEGIN(w, c);
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &ec));
    CHECK(obtain(&c, WIKI, "rsa2048", &a, &rsa));
    clock_fake_advance(&w.clock, WHEN_HOUR);
    CHECK(obtain(&c, WIKI, "p384", &a, &ec2));
    clock_fake_advance(&w.clock, WHEN_HOUR);
    CHECK(obtain(&c, WIKI, "rsa2048", &a, &rsa2));
    clock_fake_advance(&w.clock, WHEN_HOUR);
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &ec3));
    CHECK(obtain(&c, "pacs.hospital.example", "ecdsa", &a, &other));
    CHECK(ec.logical.z[0]);
    CHECK(SAME(ec.logical, rsa.logical));
    CHECK(SAME(ec.logical, ec2.logical));
    CHECK(SAME(ec.logical, rsa2.logical));
    CHECK(!SAME(ec.logical, other.logical));
    CHECK_STR(id_str(&ec.replaces), "");
    CHECK_STR(id_str(&rsa.replaces), "");
    CHECK_STR(id_str(&other.replaces), "");
    CHECK(SAME(ec2.replaces, ec.id));
    CHECK(SAME(rsa2.replaces, rsa.id));
    CHECK(SAME(ec3.replaces, ec2.id));
}

static void two_orders_at_the_same_time(void)
{
    CLEANUP(reply_done) struct reply ec = {.x = NULL};
    CLEANUP(reply_done) struct reply rsa = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate_filter all = {.origin = STR("gateway")};
    struct store_certificate *list;
    struct store_cursor at = {0};
    struct world_call first, second;
    char one[256], two[256];
    size_t n;

    BEGIN(w, c);
    CHECK(client_order(&c, WIKI, one));
    CHECK(client_order(&c, WIKI, two));
    CHECK(finalize(&c, one, WIKI, "ecdsa", &first));
    if (!finalize(&c, two, WIKI, "rsa2048", &second))
        first.w = NULL;
    ec = client_end(&first);
    rsa = client_end(&second);
    CHECK_STR(reply_text(&ec, "status"), "valid");
    CHECK_STR(reply_text(&rsa, "status"), "valid");
    CHECK_OK(store_certificate_list(store_read(w.store), &a, &all, &at, &list, &n));
    CHECK_INT(n, 2);
    CHECK(SAME(list[0].logical, list[1].logical));
    CHECK_STR(id_str(&list[0].replaces), "");
    CHECK_STR(id_str(&list[1].replaces), "");
}

/* What was reserved before a crash is signed after it, and is still of its site. */
static void recovery_keeps_the_lineage(void)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate_filter all = {.origin = STR("gateway"),
                                           .sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST};
    struct store_certificate before, *list;
    struct store_cursor at = {0};
    struct world_call call;
    char order[256];
    size_t n;

    BEGIN(w, c);
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &before));
    clock_fake_advance(&w.clock, WHEN_HOUR);
    CHECK(client_order(&c, WIKI, order));
    world_signer(&w, false);
    CHECK(finalize(&c, order, WIKI, "ecdsa", &call));
    r = client_end(&call);
    CHECK_STR(reply_text(&r, "status"), "processing");
    CHECK(world_restart(&w));
    CHECK_OK(store_certificate_list(store_read(w.store), &a, &all, &at, &list, &n));
    CHECK_INT(n, 2);
    CHECK(SAME(list[0].logical, before.logical));
    CHECK(SAME(list[0].replaces, before.id));
}

static void no_terms_for_the_keeper(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client keeper = {.w = NULL};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};

    CHECK(world_start(&w, SITES "acme: {terms_of_service: \"https://x.example/terms\"}\n"));
    CHECK(client_start(&keeper, &w));
    CHECK(client_start(&other, &w));
    CHECK(vouch(&w, &keeper));
    w.private_listener = true;
    refused = client_post(&other, "/acme/new-account", "{}");
    CHECK_STR(reply_problem(&refused), "userActionRequired");
    good = client_post(&keeper, "/acme/new-account", "{}");
    CHECK_INT(good.status, 201);
}

/* ---- what it does not get */

static void nothing_but_sites(void)
{
    static const struct {
        const char *identifiers, *detail;
        unsigned subs;
    } cases[] = {
        {DNS("mail.hospital.example"), "mail.hospital.example is not a site of the gateway", 1},
        {DNS(WIKI) "," DNS("mail.hospital.example"), "mail.hospital.example is not a site", 1},
        {DNS("x.wiki.hospital.example"), "is not a site", 1},
        {DNS("*.hospital.example"), "is not a site", 1},
        {DNS("hospital.example"), "is not a site", 1},
        {DNS("www.example.com"), "www.example.com is outside of what this CA may vouch for", 1},
        {DNS(WIKI) "," DNS("pacs.hospital.example"), "one site", 0},
    };

    BEGIN(w, c);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = new_order(&c, cases[i].identifiers);

        CHECK_INT(r.status, 403);
        CHECK_STR(reply_problem(&r), "rejectedIdentifier");
        CHECK_INT(json_len(json_get(r.json, "subproblems")), cases[i].subs);
        CHECK(has(detail_of(&r), cases[i].detail));
    }
    CHECK_INT(events(&w, "order.created", "order"), 0);
}

static void deactivated(void)
{
    CLEANUP(reply_done) struct reply gone = {.x = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};

    BEGIN(w, c);
    gone = client_post(&c, c.kid, "{\"status\":\"deactivated\"}");
    CHECK_INT(gone.status, 200);
    order = new_order(&c, DNS(WIKI));
    CHECK_STR(reply_problem(&order), "unauthorized");
    c.kid[0] = '\0';
    again = client_post(&c, "/acme/new-account", "{}");
    CHECK_STR(reply_problem(&again), "unauthorized");
}

/* ---- who is not the keeper */

static bool is_ordinary(struct client *c)
{
    CLEANUP(reply_done) struct reply r = new_order(c, DNS(WIKI));
    CLEANUP(reply_done) struct reply early = {.x = NULL};
    struct world_call call;
    char order[URL_MAX];

    if (r.status != 201 || !str_eq(reply_text(&r, "status"), STR("pending")) ||
        str_copyz(world_header(r.x, "Location"), order, sizeof(order)) != RC_OK ||
        !finalize(c, order, WIKI, "ecdsa", &call))
        return false;
    early = client_end(&call);
    return str_eq(reply_problem(&early), STR("orderNotReady"));
}

/* The same user on the same host, over the same socket, with another key. */
static void another_account_over_the_private_listener(void)
{
    CLEANUP(client_done) struct client other = {.w = NULL};

    BEGIN(w, c);
    CHECK(client_start(&other, &w));
    CHECK(client_register(&other));
    CHECK(is_ordinary(&other));
    CHECK_INT(events(&w, "authorization.vouched", "site"), 0);
}

/* Rules that name networks are for those who come over one. */
static void networks_are_not_met_by_a_socket(void)
{
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    BEGIN(w, c);
    CHECK(world_reload(&w, WORLD_CONFIG "    networks: [0.0.0.0/0, \"::/0\"]\n" SITES));
    CHECK(client_start(&other, &w));
    CHECK(client_register(&other));
    r = new_order(&other, DNS(WIKI));
    CHECK_STR(reply_problem(&r), "rejectedIdentifier");
}

static void keepers_account_signed_by_another_key(void)
{
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    BEGIN(w, c);
    CHECK(client_start(&other, &w));
    CHECK_OK(str_copyz(str_of(c.kid), other.kid, sizeof(other.kid)));
    r = new_order(&other, DNS(WIKI));
    CHECK_STR(reply_problem(&r), "malformed");
    CHECK_INT(events(&w, "order.created", "order"), 0);
}

/* The keeper's key in other hands is worth nothing on the network. */
static void keepers_key_over_the_network(void)
{
    BEGIN(w, c);
    w.private_listener = false;
    CHECK(is_ordinary(&c));
}

static void nobody_without_the_keepers_word(void)
{
    static const char *const bad[] = {"AAAA", "not base64url!", "=",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

    BEGIN(w, c);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(vouch(&w, &c));
        CHECK(acme_set_vouched(w.acme, str_of(bad[i])) != RC_OK);
        CHECK(is_ordinary(&c));
    }
    CHECK(vouch(&w, &c));
    CHECK_OK(acme_set_vouched(w.acme, STR("")));
    CHECK(is_ordinary(&c));
    CHECK(world_restart(&w));
    c.nonce[0] = '\0';
    CHECK(is_ordinary(&c));
}

/* ---- judged again at finalize */

static bool refused_at_finalize(struct client *c, const char *order, const char *problem,
                                const char *detail)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call;

    if (!finalize(c, order, WIKI, "ecdsa", &call))
        return false;
    r = client_end(&call);
    if (!str_eq(reply_problem(&r), str_of(problem)) || !has(reply_text(&r, "detail"), detail))
        print_message("%.*s\n", STR_ARG(buf_str(&r.x->res.body)));
    return str_eq(reply_problem(&r), str_of(problem)) && has(reply_text(&r, "detail"), detail);
}

static void site_removed_meanwhile(void)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call;
    char order[256];

    BEGIN(w, c);
    CHECK(client_order(&c, WIKI, order));
    CHECK(world_reload(&w, WORLD_CONFIG));
    CHECK(refused_at_finalize(&c, order, "rejectedIdentifier", "not a site of the gateway"));
    CHECK_INT(w.signatures, 0);
    CHECK(world_reload(&w, WORLD_CONFIG SITES));
    CHECK(finalize(&c, order, WIKI, "ecdsa", &call));
    r = client_end(&call);
    CHECK_STR(reply_text(&r, "status"), "valid");
}

/* Its rules would allow the name to anybody who proves control of it, which nobody has. */
static void no_longer_vouched_for(void)
{
    CLEANUP(client_done) struct client next = {.w = NULL};
    char order[256];

    BEGIN(w, c);
    CHECK(client_order(&c, WIKI, order));
    CHECK(client_start(&next, &w));
    CHECK(vouch(&w, &next));
    CHECK(refused_at_finalize(&c, order, "unauthorized", "no longer stands"));
    CHECK(vouch(&w, &c));
    w.private_listener = false;
    CHECK(refused_at_finalize(&c, order, "unauthorized", "no longer stands"));
    CHECK_INT(w.signatures, 0);
}

static void key_kinds_of_the_profile(void)
{
    char order[256];

    BEGIN(w, c);
    CHECK(world_reload(&w, WORLD_CONFIG
                       "profiles: {short: {lifetime: 6d, key_algorithms: [rsa]}}\n"
                       "gateway:\n"
                       "  sites:\n"
                       "    - {name: wiki.hospital.example, backends: [\"http://10.0.3.7\"],"
                       " profile: short, algorithms: [rsa]}\n"));
    CHECK(client_order(&c, WIKI, order));
    CHECK(refused_at_finalize(&c, order, "badCSR", "short"));
}

/* ---- where it asks */

static void without_a_public_url(void)
{
    static const char config[] = "organization: Example Hospital\n"
                                 "country: DE\n"
                                 "domain: hospital.example\n" SITES;
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply directory = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate cert;

    CHECK(world_start(&w, SITES));
    CHECK(world_reload(&w, config));
    CHECK(client_start(&c, &w));
    CHECK(vouch(&w, &c));
    w.private_listener = true;
    c.base = "https://localhost";
    directory = client_raw(&c, "GET", "/acme/directory", STR(""));
    CHECK_STR(reply_text(&directory, "newOrder"), "https://localhost/acme/new-order");
    CHECK(client_register(&c));
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &cert));
    /* It is set: URLs change, the account is the same. */
    CHECK(world_reload(&w, WORLD_CONFIG SITES));
    c.base = NULL;
    CHECK(obtain(&c, WIKI, "ecdsa", &a, &cert));
    w.private_listener = false;
    CHECK(!obtain(&c, WIKI, "ecdsa", &a, &cert));
}

CHECK_MAIN(CHECK_TEST_ONCE(ready_at_once), CHECK_TEST_ONCE(with_evidence_in_the_store),
           CHECK_TEST_ONCE(certificate_of_the_sites_profile),
           CHECK_TEST_ONCE(sites_with_tlcp_have_profiles_beside_their_own),
           CHECK_TEST_ONCE(one_thing_by_site), CHECK_TEST_ONCE(two_orders_at_the_same_time),
           CHECK_TEST_ONCE(recovery_keeps_the_lineage), CHECK_TEST_ONCE(no_terms_for_the_keeper),
           CHECK_TEST_ONCE(nothing_but_sites), CHECK_TEST_ONCE(deactivated),
           CHECK_TEST_ONCE(another_account_over_the_private_listener),
           CHECK_TEST_ONCE(networks_are_not_met_by_a_socket),
           CHECK_TEST_ONCE(keepers_account_signed_by_another_key),
           CHECK_TEST_ONCE(keepers_key_over_the_network),
           CHECK_TEST_ONCE(nobody_without_the_keepers_word),
           CHECK_TEST_ONCE(site_removed_meanwhile), CHECK_TEST_ONCE(no_longer_vouched_for),
           CHECK_TEST_ONCE(key_kinds_of_the_profile), CHECK_TEST_ONCE(without_a_public_url))
