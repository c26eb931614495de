/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.3.4: accounts bound to a key that an administrator gave out, and what only
 * such accounts may have. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "jose/jwk.h"
#include "json/out.h"
#include "store/accounts.h"
#include "store/eab.h"
#include "store/events.h"
#include "x509/cert.h"

#define NEW_ACCOUNT "/acme/new-account"

struct bound {
    struct world w;
    struct client c;
    struct store_eab key;
};

static void bound_done(struct bound *b)
{
    client_done(&b->c);
    world_done(&b->w);
}

static enum rc add_key(struct store_txn *txn, void *arg)
{
    return store_eab_add(txn, arg);
}

static enum rc revoke_key(struct store_txn *txn, void *arg)
{
    return store_eab_revoke(txn, &((struct store_eab *)arg)->id, WORLD_NOW);
}

static bool bound_start(struct bound *b, const char *config)
{
    b->key = (struct store_eab){.name = STR("radiology"), .accounts = 1, .created = WORLD_NOW};
    return world_start(&b->w, config) && client_start(&b->c, &b->w) &&
           id_new(&b->key.id) == RC_OK && store_write_now(b->w.store, add_key, &b->key) == RC_OK;
}

/* What to get wrong; what is NULL is right. */
struct wrong {
    const char *alg, *kid, *url, *payload, *more;
    bool bit;
};

static bool sign(const struct bound *b, struct str part, bool bit, struct buf *out)
{
    unsigned char secret[ACME_EAB_KEY], mac[CRYPTO_SHA256_BYTES];

    if (acme_eab_secret(b->w.acme, &b->key.id, secret) != RC_OK ||
        crypto_hmac_sha256(str_bytes(secret, sizeof(secret)), part, mac) != RC_OK)
        return false;
    mac[0] ^= bit;
    text_b64url(out, str_bytes(mac, sizeof(mac)));
    return buf_rc(out) == RC_OK;
}

/* The payload of new-account with a binding of this client's key. */
static bool binding(const struct bound *b, const struct wrong *x, struct buf *out)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *jwk = NULL;
    CLEANUP(buf_done) struct buf head = BUF_INIT(4096), part = BUF_INIT(16384), mac = BUF_INIT(256);
    size_t dot;

    if (jose_jwk_from_key(b->c.key, &jwk) != RC_OK)
        return false;
    buf_printf(&head, "{\"alg\":\"%s\",\"kid\":\"%s\",\"url\":\"%s\"%s}", x->alg ? x->alg : "HS256",
               x->kid ? x->kid : b->key.id.z, x->url ? x->url : CLIENT_BASE NEW_ACCOUNT,
               x->more ? x->more : "");
    text_b64url(&part, buf_str(&head));
    dot = part.n;
    buf_u8(&part, '.');
    text_b64url(&part, x->payload ? str_of(x->payload) : jose_jwk_json(jwk));
    if (!sign(b, buf_str(&part), x->bit, &mac))
        return false;
    buf_printf(out,
               "{\"externalAccountBinding\":{\"protected\":\"%.*s\",\"payload\":\"%.*s\","
               "\"signature\":\"%.*s\"}}",
               STR_ARG(str_head(buf_str(&part), dot)), STR_ARG(str_skip(buf_str(&part), dot + 1)),
               STR_ARG(buf_str(&mac)));
    return buf_rc(out) == RC_OK;
}

static struct reply bind(struct bound *b, const struct wrong *x)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(32768);

    if (!binding(b, x, &payload))
        return (struct reply){.x = NULL};
    return client_post(&b->c, NEW_ACCOUNT, buf_z(&payload));
}

static void required_and_given(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply directory = {.x = NULL};
    CLEANUP(reply_done) struct reply none = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    struct store_account_filter filter = {.eab_key = STR("radiology")};
    uint64_t n;
    bool required = false;

    CHECK(bound_start(&b, "acme: {eab: required}\n"));
    directory = client_raw(&b.c, "GET", "/acme/directory", STR(""));
    CHECK_OK(json_bool(json_get(json_get(directory.json, "meta"), "externalAccountRequired"),
                       &required));
    CHECK(required);
    none = client_post(&b.c, NEW_ACCOUNT, "{}");
    CHECK_STR(reply_problem(&none), "externalAccountRequired");
    good = bind(&b, &(struct wrong){.bit = false});
    CHECK_INT(good.status, 201);
    CHECK_OK(store_account_count(store_read(b.w.store), &filter, &n));
    CHECK_INT(n, 1);
}

/* A key makes as many accounts as it was given for. */
static void used_up(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(reply_done) struct reply same = {.x = NULL};
    CLEANUP(reply_done) struct reply more = {.x = NULL};

    CHECK(bound_start(&b, NULL));
    good = bind(&b, &(struct wrong){.bit = false});
    CHECK_INT(good.status, 201);
    same = bind(&b, &(struct wrong){.bit = false});
    CHECK_INT(same.status, 200);
    client_done(&b.c);
    CHECK(client_start(&b.c, &b.w));
    more = bind(&b, &(struct wrong){.bit = false});
    CHECK_STR(reply_problem(&more), "unauthorized");
}

/* What was tried out in the staging directory takes nothing from it. */
static void used_up_in_staging(void)
{
    static const struct wrong staged = {.url = CLIENT_BASE "/acme/staging/new-account"};
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply tried = {.x = NULL};
    CLEANUP(reply_done) struct reply more = {.x = NULL};
    CLEANUP(reply_done) struct reply real = {.x = NULL};

    CHECK(bound_start(&b, NULL));
    b.c.staging = true;
    tried = bind(&b, &staged);
    CHECK_INT(tried.status, 201);
    client_done(&b.c);
    CHECK(client_start(&b.c, &b.w));
    b.c.staging = true;
    more = bind(&b, &staged);
    CHECK_STR(reply_problem(&more), "unauthorized");
    b.c.staging = false;
    b.c.nonce[0] = '\0';
    real = bind(&b, &(struct wrong){.bit = false});
    CHECK_INT(real.status, 201);
}

static void wrong_bindings(void)
{
    static const struct {
        struct wrong x;
        const char *problem;
    } cases[] = {
        {{.alg = "none"}, "badSignatureAlgorithm"},
        {{.alg = "HS512"}, "badSignatureAlgorithm"},
        {{.alg = "ES256"}, "badSignatureAlgorithm"},
        {{.kid = "0123456789abcdefghjkmnpqrs"}, "unauthorized"},
        {{.kid = "radiology"}, "unauthorized"},
        {{.url = CLIENT_BASE "/acme/new-order"}, "malformed"},
        {{.payload = "{\"kty\":\"EC\"}"}, "malformed"},
        {{.payload = ""}, "malformed"},
        {{.more = ",\"nonce\":\"abc\""}, "malformed"},
        {{.more = ",\"alg\":\"HS256\""}, "malformed"},
        {{.bit = true}, "malformed"},
    };
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply text = {.x = NULL};
    struct store_account_filter all = {.statuses = 0};
    uint64_t n;

    CHECK(bound_start(&b, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = bind(&b, &cases[i].x);

        CHECK_STR(reply_problem(&r), cases[i].problem);
    }
    text = client_post(&b.c, NEW_ACCOUNT, "{\"externalAccountBinding\":\"x\"}");
    CHECK_STR(reply_problem(&text), "malformed");
    CHECK_OK(store_account_count(store_read(b.w.store), &all, &n));
    CHECK_INT(n, 0);
}

static void revoked_and_expired(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply revoked = {.x = NULL};
    CLEANUP(reply_done) struct reply expired = {.x = NULL};
    struct store_eab old = {
        .name = STR("old"), .accounts = 1, .created = WORLD_NOW - 2, .expires = WORLD_NOW - 1};

    CHECK(bound_start(&b, NULL));
    CHECK_OK(store_write_now(b.w.store, revoke_key, &b.key));
    revoked = bind(&b, &(struct wrong){.bit = false});
    CHECK_STR(reply_problem(&revoked), "unauthorized");
    CHECK_OK(id_new(&old.id));
    CHECK_OK(store_write_now(b.w.store, add_key, &old));
    b.key = old;
    expired = bind(&b, &(struct wrong){.bit = false});
    CHECK_STR(reply_problem(&expired), "unauthorized");
}

/* A rule may be for such accounts alone. */
static void rules_ask_for_it(void)
{
    static const char config[] = "organization: Example Hospital\n"
                                 "domain: hospital.example\n"
                                 "urls: {api: \"https://ca.hospital.example:8555\"}\n"
                                 "policy: [{name: a, allow: [\"*.hospital.example\"],"
                                 " eab: [cardiology, radiology]}]\n";
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply account = {.x = NULL};
    char order[256];

    CHECK(bound_start(&b, NULL));
    CHECK(world_reload(&b.w, config));
    CHECK(client_start(&other, &b.w));
    CHECK(client_register(&other));
    CHECK(!client_order(&other, "a.hospital.example", order));
    account = bind(&b, &(struct wrong){.bit = false});
    CHECK_OK(str_copyz(world_header(account.x, "Location"), b.c.kid, sizeof(b.c.kid)));
    CHECK(client_order(&b.c, "a.hospital.example", order));
}

static bool account_of_key(struct bound *b)
{
    CLEANUP(reply_done) struct reply account = bind(b, &(struct wrong){.bit = false});

    return account.status == 201 &&
           str_copyz(world_header(account.x, "Location"), b->c.kid, sizeof(b->c.kid)) == RC_OK;
}

/* All accounts of a key share what limits.certificates_per_eab lets it have; others do not. */
static void limited_together(void)
{
    static const char config[] = WORLD_CONFIG "limits: {certificates_per_eab: 1/10d}\n";
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL}, unbound = {.x = NULL};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};

    CHECK(bound_start(&b, NULL));
    b.key.name = STR("pumps");
    b.key.accounts = 2;
    CHECK_OK(id_new(&b.key.id));
    CHECK_OK(store_write_now(b.w.store, add_key, &b.key));
    CHECK(world_reload(&b.w, config));
    CHECK(account_of_key(&b));
    cert = client_certificate(&b.c, "a.hospital.example");
    CHECK_INT(cert.status, 200);
    client_done(&b.c);
    b.c = (struct client){.w = NULL};
    CHECK(client_start(&b.c, &b.w));
    CHECK(account_of_key(&b));
    refused = client_post(&b.c, "/acme/new-order",
                          "{\"identifiers\":[{\"type\":\"dns\","
                          "\"value\":\"b.hospital.example\"}]}");
    CHECK_STR(reply_problem(&refused), "rateLimited");
    CHECK(strstr(reply_text(&refused, "detail").p, "certificates_per_eab (1 in 10d) of pumps ") !=
          NULL);
    CHECK(client_start(&other, &b.w));
    CHECK(client_register(&other));
    unbound = client_certificate(&other, "b.hospital.example");
    CHECK_INT(unbound.status, 200);
}

/* ---- the key as the proof */

#define HEAD                                                                                       \
    "organization: Example Hospital\ncountry: DE\n"                                                \
    "domain: hospital.example\n"                                                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"
#define BY_KEY                                                                                     \
    "policy: [{name: devices, allow: [\"*.hospital.example\"], eab: [radiology], "                 \
    "challenges: [none], key_algorithms: [ecdsa], lifetime: 2d}]\n"
#define BY_PROOF "policy: [{name: devices, allow: [\"*.hospital.example\"], eab: [radiology]}]\n"

/* With an account made with the key. */
static bool devices_start(struct bound *b, const char *config)
{
    return bound_start(b, NULL) && world_reload(&b->w, config) && account_of_key(b);
}

static struct reply ask_order(struct client *c, const char *more)
{
    char payload[512];

    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"pump.hospital.example\"}]%s}", more);
    return client_post(c, "/acme/new-order", payload);
}

static size_t events(struct bound *b, const char *action)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n = 0;

    return store_event_list(store_read(b->w.store), &a, &filter, &list, &n) == RC_OK ? n : 0;
}

static void key_is_the_proof(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply authz = {.x = NULL};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *chain;
    char order[256], url[256];
    size_t n;

    CHECK(devices_start(&b, HEAD BY_KEY));
    made = ask_order(&b.c, "");
    CHECK_STR(reply_text(&made, "status"), "ready");
    CHECK_OK(str_copyz(world_header(made.x, "Location"), order, sizeof(order)));
    CHECK(client_authorization(&b.c, order, url));
    authz = client_post(&b.c, url, "");
    CHECK_STR(reply_text(&authz, "status"), "valid");
    CHECK_INT(json_len(json_get(authz.json, "challenges")), 0);
    done = client_finalize(&b.c, order, "pump.hospital.example");
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK_INT(b.w.validations, 0);
    CHECK_INT(events(&b, "authorization.vouched"), 1);
    CHECK_OK(str_copyz(reply_text(&done, "certificate"), url, sizeof(url)));
    cert = client_post(&b.c, url, "");
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    CHECK_INT(chain[0].not_after - chain[0].not_before, 2 * WHEN_DAY - WHEN_SECOND);
}

/* Others prove nothing by it, nor does it prove what the rule has not. */
static void only_its_own_accounts(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply ahead = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};

    CHECK(devices_start(&b, HEAD BY_KEY));
    CHECK(client_start(&other, &b.w));
    CHECK(client_register(&other));
    refused = ask_order(&other, "");
    CHECK_STR(reply_problem(&refused), "rejectedIdentifier");
    ahead = client_post(&b.c, "/acme/new-authz",
                        "{\"identifier\":{\"type\":\"dns\",\"value\":\"pump.hospital.example\"}}");
    CHECK_STR(reply_problem(&ahead), "unauthorized");
    late = ask_order(&b.c, ",\"notAfter\":\"2027-01-20T00:00:00Z\"");
    CHECK_STR(reply_problem(&late), "malformed");
}

/* The word stands no longer than the rule: what was ready is not finalized, and the next order has
 * something to prove. */
static void its_rule_is_gone(void)
{
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    CLEANUP(reply_done) struct reply next = {.x = NULL};
    char order[256];

    CHECK(devices_start(&b, HEAD BY_KEY));
    made = ask_order(&b.c, "");
    CHECK_OK(str_copyz(world_header(made.x, "Location"), order, sizeof(order)));
    CHECK(world_reload(&b.w, HEAD BY_PROOF "acme: {reuse: {authorizations: 1d}}\n"));
    late = client_finalize(&b.c, order, "pump.hospital.example");
    CHECK_STR(reply_problem(&late), "unauthorized");
    next = ask_order(&b.c, ",\"notAfter\":\"2027-01-20T00:00:00Z\"");
    CHECK_STR(reply_text(&next, "status"), "pending");
}

/* An order that renews itself waits for the rule to come back. */
static void renewed_by_its_key(void)
{
    static const char star[] = ",\"auto-renewal\":{\"end-date\":\"2027-02-15T08:00:00Z\","
                               "\"lifetime\":86400}";
    static const char on[] = "acme: {star: {enabled: true}}\n";
    CLEANUP(bound_done) struct bound b = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf config = BUF_INIT(4096);
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    char order[256];

    buf_printf(&config, "%s%s", HEAD BY_KEY, on);
    CHECK(devices_start(&b, buf_z(&config)));
    made = ask_order(&b.c, star);
    CHECK_STR(reply_text(&made, "status"), "ready");
    CHECK_OK(str_copyz(world_header(made.x, "Location"), order, sizeof(order)));
    done = client_finalize(&b.c, order, "pump.hospital.example");
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK(world_reload(&b.w, HEAD BY_PROOF));
    clock_fake_advance(&b.w.clock, 12 * WHEN_HOUR);
    world_spin(&b.w);
    CHECK_INT(events(&b, "certificate.issued"), 1);
    CHECK(world_reload(&b.w, HEAD BY_KEY));
    clock_fake_advance(&b.w.clock, 4 * WHEN_HOUR);
    world_spin(&b.w);
    CHECK_INT(events(&b, "certificate.issued"), 2);
}

__attribute__((constructor)) static void with_staging(void)
{
    world_set_staging();
}

CHECK_MAIN(CHECK_TEST_ONCE(required_and_given), CHECK_TEST_ONCE(used_up),
           CHECK_TEST_ONCE(used_up_in_staging), CHECK_TEST_ONCE(wrong_bindings),
           CHECK_TEST_ONCE(revoked_and_expired), CHECK_TEST_ONCE(rules_ask_for_it),
           CHECK_TEST_ONCE(limited_together), CHECK_TEST_ONCE(key_is_the_proof),
           CHECK_TEST_ONCE(only_its_own_accounts), CHECK_TEST_ONCE(its_rule_is_gone),
           CHECK_TEST_ONCE(renewed_by_its_key))
