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

__attribute__((constructor)) static void with_staging(void)
{
    world_set_staging();
}

CHECK_MAIN(CHECK_TEST_ONCE(required_and_given), CHECK_TEST_ONCE(used_up),
           CHECK_TEST_ONCE(used_up_in_staging), CHECK_TEST_ONCE(wrong_bindings),
           CHECK_TEST_ONCE(revoked_and_expired), CHECK_TEST_ONCE(rules_ask_for_it))
