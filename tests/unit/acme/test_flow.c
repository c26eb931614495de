/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an order from account to certificate and revocation, and everything that ends it
 * before. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "ceremony/authority.h"
#include "store/issuances.h"
#include "store/orders.h"
#include "x509/cert.h"
#include "x509/verify.h"

static void certificate_for_two_names(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *chain;
    struct x509_verify_in v = {.at = WORLD_NOW, .purpose = X509_FOR_SERVER};
    size_t n;

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    r = client_certificate(&c, "wiki.hospital.example,pacs.hospital.example");
    CHECK_INT(r.status, 200);
    CHECK_STR(world_header(r.x, "Content-Type"), "application/pem-certificate-chain");
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&r.x->res.body), 4, &chain, &n, NULL));
    CHECK_INT(n, 2);
    v.leaf = chain[0].der;
    v.chain = &chain[1].der;
    v.n_chain = 1;
    v.roots = &w.made.rows[0].certificate;
    v.n_roots = 1;
    v.dns = STR("pacs.hospital.example");
    CHECK_OK(x509_verify(&v, NULL));
    CHECK_INT(w.signatures, 1);
}

/* RFC 8555 section 7.4: an order is finalized when it is ready, once. */
static void finalize_only_when_ready(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply early = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char order[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_order(&c, "a.hospital.example", order));
    early = client_finalize(&c, order, "a.hospital.example");
    CHECK_INT(early.status, 403);
    CHECK_STR(reply_problem(&early), "orderNotReady");
    CHECK(client_validate(&c, order));
    good = client_finalize(&c, order, "a.hospital.example");
    CHECK_STR(reply_text(&good, "status"), "valid");
    again = client_finalize(&c, order, "a.hospital.example");
    CHECK_STR(reply_problem(&again), "orderNotReady");
    CHECK_INT(w.signatures, 1);
}

static void csr_must_name_the_order(void)
{
    static const struct {
        const char *csr;
        const char *problem;
    } cases[] = {
        {"a.hospital.example,b.hospital.example,c.hospital.example", "badCSR"},
        {"a.hospital.example", "badCSR"},
        {"c.hospital.example", "badCSR"},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    char order[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_order(&c, "a.hospital.example,b.hospital.example", order));
    CHECK(client_validate(&c, order));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = client_finalize(&c, order, cases[i].csr);

        CHECK_STR(reply_problem(&r), cases[i].problem);
    }
    CHECK_INT(w.signatures, 0);
}

static void names_outside_are_refused(void)
{
    static const char *const names[] = {"www.example.com", "*.hospital.example",
                                        "evil-hospital.example", "corp.test"};
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char payload[256];
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        snprintf(payload, sizeof(payload),
                 "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"ok.hospital.example\"},"
                 "{\"type\":\"dns\",\"value\":\"%s\"}]}",
                 names[i]);
        r = client_post(&c, "/acme/new-order", payload);
        CHECK_STR(reply_problem(&r), "rejectedIdentifier");
        CHECK_INT(r.status, 403);
        CHECK_INT(json_len(json_get(r.json, "subproblems")), 1);
    }
}

/* A refusal is tried again with growing pauses, then final: challenge, authorization and order end
 * together. */
static void validation_fails_in_the_end(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, "validation: {attempts: 3}\n"));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    w.verdict = RC_DENIED;
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    CHECK_INT(w.validations, 1);
    for (int i = 0; i < 30 && w.validations < 3; i++) {
        clock_fake_advance(&w.clock, WHEN_SECOND);
        world_spin(&w);
    }
    CHECK_INT(w.validations, 3);
    order = client_post(&c, url, "");
    CHECK_STR(reply_text(&order, "status"), "invalid");
    CHECK(json_get(order.json, "error") != NULL);
}

static void validation_succeeds_later(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    w.verdict = RC_NET;
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    w.verdict = RC_OK;
    clock_fake_advance(&w.clock, 5 * WHEN_SECOND);
    world_spin(&w);
    order = client_post(&c, url, "");
    CHECK_STR(reply_text(&order, "status"), "ready");
}

/* The signer is away: the client sees "processing", and the certificate comes when the signer does.
 */
static void signer_away_then_back(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    world_signer(&w, false);
    r = client_finalize(&c, url, "a.hospital.example");
    CHECK_STR(reply_text(&r, "status"), "processing");
    CHECK(world_header(r.x, "Retry-After").n > 0);
    world_signer(&w, true);
    world_spin(&w);
    later = client_post(&c, url, "");
    CHECK_STR(reply_text(&later, "status"), "valid");
    CHECK_INT(w.signatures, 1);
}

/* Core crashed between reservation and certificate: what was reserved is signed, and nothing else.
 */
static void crash_between_reserve_and_commit(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_cursor at = {0};
    struct store_issuance *rows;
    char url[256];
    size_t n;

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    world_signer(&w, false);
    r = client_finalize(&c, url, "a.hospital.example");
    CHECK_STR(reply_text(&r, "status"), "processing");
    CHECK_OK(store_issuance_reserved(store_read(w.store), &a, 0, &at, &rows, &n));
    CHECK_INT(n, 1);
    CHECK(world_restart(&w));
    later = client_post(&c, url, "");
    CHECK_STR(reply_text(&later, "status"), "valid");
    CHECK_INT(w.signatures, 1);
    at = (struct store_cursor){0};
    CHECK_OK(store_issuance_reserved(store_read(w.store), &a, 0, &at, &rows, &n));
    CHECK_INT(n, 0);
}

static void revoke_by_account(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    CLEANUP(reply_done) struct reply reason = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    struct x509_cert *chain;
    size_t n;

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_start(&other, &w));
    CHECK(client_register(&other));
    cert = client_certificate(&c, "a.hospital.example");
    CHECK_INT(cert.status, 200);
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, chain[0].der);
    buf_putz(&payload, "\",\"reason\":2}");
    reason = client_post(&c, "/acme/revoke-cert", buf_z(&payload));
    CHECK_STR(reply_problem(&reason), "badRevocationReason");
    payload.n -= strlen(",\"reason\":2}");
    buf_putz(&payload, ",\"reason\":4}");
    foreign = client_post(&other, "/acme/revoke-cert", buf_z(&payload));
    CHECK_STR(reply_problem(&foreign), "unauthorized");
    good = client_post(&c, "/acme/revoke-cert", buf_z(&payload));
    CHECK_INT(good.status, 200);
    again = client_post(&c, "/acme/revoke-cert", buf_z(&payload));
    CHECK_STR(reply_problem(&again), "alreadyRevoked");
}

/* The clock went back behind what was vouched for: nothing is issued until it is right again. */
static void no_issuing_with_the_clock_behind(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply first_cert = {.x = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    first_cert = client_certificate(&c, "a.hospital.example");
    CHECK_INT(first_cert.status, 200);
    CHECK(client_order(&c, "b.hospital.example", url));
    CHECK(client_validate(&c, url));
    clock_fake_set(&w.clock, WORLD_NOW - WHEN_HOUR);
    r = client_finalize(&c, url, "b.hospital.example");
    CHECK_INT(r.status, 500);
    CHECK_INT(w.signatures, 1);
    clock_fake_set(&w.clock, WORLD_NOW + WHEN_SECOND);
    later = client_finalize(&c, url, "b.hospital.example");
    CHECK_STR(reply_text(&later, "status"), "valid");
}

/* What was reserved before the clock went wrong waits, too. */
static void no_recovery_with_the_clock_behind(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply waits = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};
    char url[256];

    CHECK(world_start(&w, NULL));
    CHECK(client_start(&c, &w));
    CHECK(client_register(&c));
    CHECK(client_order(&c, "a.hospital.example", url));
    CHECK(client_validate(&c, url));
    world_signer(&w, false);
    r = client_finalize(&c, url, "a.hospital.example");
    CHECK_STR(reply_text(&r, "status"), "processing");
    clock_fake_set(&w.clock, WORLD_NOW - WHEN_MINUTE);
    world_signer(&w, true);
    world_spin(&w);
    waits = client_post(&c, url, "");
    CHECK_STR(reply_text(&waits, "status"), "processing");
    CHECK_INT(w.signatures, 0);
    clock_fake_set(&w.clock, WORLD_NOW);
    clock_fake_advance(&w.clock, 5 * WHEN_SECOND);
    world_spin(&w);
    later = client_post(&c, url, "");
    CHECK_STR(reply_text(&later, "status"), "valid");
    CHECK_INT(w.signatures, 1);
}

/* The answer to finalize, with this key. */
static struct reply certify(struct client *c, struct crypto_key *key, const char *name)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    char order[256], url[300];

    if (!client_order(c, name, order) || !client_validate(c, order) ||
        !client_csr_of(key, name, &payload))
        return (struct reply){.x = NULL};
    snprintf(url, sizeof(url), "%s/finalize", order);
    return client_post(c, url, buf_z(&payload));
}

/* An account may renew with its key; nobody else gets a certificate for it. */
static void keys_belong_to_one_account(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client a = {.w = NULL};
    CLEANUP(client_done) struct client b = {.w = NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *other = NULL;
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};
    CLEANUP(reply_done) struct reply third = {.x = NULL};
    CLEANUP(reply_done) struct reply fourth = {.x = NULL};
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    CHECK(world_start(&w, NULL));
    CHECK_OK(crypto_key_generate(spec, &key));
    CHECK_OK(crypto_key_generate(spec, &other));
    CHECK(client_start(&a, &w) && client_register(&a));
    CHECK(client_start(&b, &w) && client_register(&b));
    first = certify(&a, key, "a.hospital.example");
    CHECK_INT(first.status, 200);
    second = certify(&a, key, "a.hospital.example");
    CHECK_INT(second.status, 200);
    third = certify(&b, key, "b.hospital.example");
    CHECK_INT(third.status, 400);
    CHECK_STR(reply_problem(&third), "badPublicKey");
    fourth = certify(&b, other, "b.hospital.example");
    CHECK_INT(fourth.status, 200);
}

static void keys_of_all_kinds_are_certified(void)
{
    static const enum crypto_key_type types[] = {CRYPTO_KEY_P384,    CRYPTO_KEY_ED25519,
                                                 CRYPTO_KEY_SM2,     CRYPTO_KEY_MLDSA44,
                                                 CRYPTO_KEY_MLDSA65, CRYPTO_KEY_MLDSA87};
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(client_done) struct client c = {.w = NULL};

    CHECK(world_start(&w, "profiles: {default: {key_algorithms: [ecdsa, ed25519, sm2, mldsa]}}\n"));
    CHECK(client_start(&c, &w) && client_register(&c));
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        CHECK_OK(crypto_key_generate((struct crypto_key_spec){types[i], 0}, &key));
        r = certify(&c, key, "a.hospital.example");
        CHECK_INT(r.status, 200);
        CHECK_STR(reply_text(&r, "status"), "valid");
    }
}

/* Before the first world, whose files all others get. */
__attribute__((constructor)) static void with_issuers_of_all_kinds(void)
{
    world_set_kinds((1u << CEREMONY_KINDS) - 1);
}

CHECK_MAIN(CHECK_TEST_ONCE(certificate_for_two_names), CHECK_TEST_ONCE(finalize_only_when_ready),
           CHECK_TEST_ONCE(csr_must_name_the_order), CHECK_TEST_ONCE(names_outside_are_refused),
           CHECK_TEST_ONCE(validation_fails_in_the_end), CHECK_TEST_ONCE(validation_succeeds_later),
           CHECK_TEST_ONCE(signer_away_then_back), CHECK_TEST_ONCE(keys_belong_to_one_account),
           CHECK_TEST_ONCE(keys_of_all_kinds_are_certified),
           CHECK_TEST_ONCE(crash_between_reserve_and_commit), CHECK_TEST_ONCE(revoke_by_account),
           CHECK_TEST_ONCE(no_issuing_with_the_clock_behind),
           CHECK_TEST_ONCE(no_recovery_with_the_clock_behind))
