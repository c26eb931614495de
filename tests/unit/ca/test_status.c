/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer says about certificates, asked by a core that was taken over: nothing dated
 * elsewhere, nothing that lives for ever, no number twice; in every algorithm there is. */
#include "world.h"

#include "ca/status.h"
#include "ceremony/authority.h"

static const struct ipc_revoked revoked[] = {
    {{"\x41\x02\x03\x04", 4}, WORLD_NOW - WHEN_HOUR, 1},
    {{"\x42\x02\x03\x05", 4}, WORLD_NOW, 0},
};

static struct ipc_sign_crl list_of(const char *issuer)
{
    return (struct ipc_sign_crl){
        .issuer = str_of(issuer),
        .shard = 3,
        .number = 7,
        .this_update = WORLD_NOW,
        .next_update = WORLD_NOW + 7 * WHEN_DAY,
        .entries = {revoked, 2},
    };
}

static const struct ipc_cert_status about[] = {
    {1, {"\x41\x02\x03\x04", 4}, X509_OCSP_REVOKED, WORLD_NOW - WHEN_HOUR, 1},
    {2, {"\x42\x02\x03\x05", 4}, X509_OCSP_GOOD, 0, 0},
};

static struct ipc_sign_ocsp answer_of(const char *issuer)
{
    return (struct ipc_sign_ocsp){
        .issuer = str_of(issuer),
        .about = {about, 2},
        .this_update = WORLD_NOW,
        .next_update = WORLD_NOW + WHEN_DAY,
        .nonce = STR("0123456789abcdef"),
    };
}

static enum rc sign_list(struct world *w, const struct ipc_sign_crl *msg)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);

    return ca_status_crl(w->signer, msg, WORLD_NOW, &der, NULL);
}

static enum rc sign_answer(struct world *w, const struct ipc_sign_ocsp *msg, when_t now)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);

    return ca_status_ocsp(w->signer, msg, now, &der, NULL);
}

static void every_issuer_signs_both(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};

    world_set_kinds((1u << CEREMONY_KINDS) - 1);
    CHECK(world_start(&w, NULL));
    CHECK(ca_signer_count(w.signer) >= CEREMONY_KINDS);
    for (size_t i = 0; i < ca_signer_count(w.signer); i++) {
        const struct ca_issuer *issuer = ca_signer_issuer(w.signer, i);
        struct ipc_sign_crl list = list_of(issuer->ref.p);
        struct ipc_sign_ocsp ask = answer_of(issuer->ref.p);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
        CLEANUP(buf_done) struct buf answer = BUF_INIT(X509_OCSP_MAX);
        struct x509_ocsp_answer parsed;
        struct x509_cert responder;
        struct x509_crl crl;

        CHECK_OK(ca_status_crl(w.signer, &list, WORLD_NOW, &der, NULL));
        CHECK_OK(x509_crl_parse(&a, buf_str(&der), &crl, NULL));
        CHECK_OK(x509_crl_check(&crl, &issuer->cert, issuer->key, NULL));
        CHECK(crl.n == 2 && crl.number == 7 && crl.only_users);
        CHECK_OK(ca_status_ocsp(w.signer, &ask, WORLD_NOW, &answer, NULL));
        CHECK_OK(x509_ocsp_answer_parse(&a, buf_str(&answer), &parsed, NULL));
        CHECK_OK(x509_ocsp_answer_check(&a, &parsed, &issuer->cert, WORLD_NOW, NULL));
        CHECK(parsed.n == 2 && parsed.singles[0].reason == 1 && parsed.n_certs == 1);
        CHECK(str_eq(parsed.nonce, ask.nonce));
        /* By a responder, and not by the issuer's key. */
        CHECK_OK(x509_cert_parse(&a, parsed.certs[0], &responder, NULL));
        CHECK(responder.eku == X509_EKU_OCSP_SIGNING && responder.ocsp_nocheck);
        CHECK(!str_eq(responder.spki, issuer->cert.spki));
        CHECK(responder.not_after <= WORLD_NOW + CA_RESPONDER_LIFETIME);
    }
}

static void what_is_not_is_refused(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    struct ipc_sign_crl right = list_of("ecdsa-1"), m;
    struct ipc_sign_ocsp ask = answer_of("ecdsa-1"), o;
    struct ipc_revoked future = revoked[0];
    struct ipc_cert_status odd = about[0];

    CHECK(world_start(&w, NULL));
    m = list_of("root-rsa");
    CHECK_RC(sign_list(&w, &m), RC_NOTFOUND);
    m = right;
    m.this_update -= WHEN_DAY;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.this_update = WORLD_NOW + WHEN_DAY;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m = right;
    m.next_update = m.this_update;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.next_update = m.this_update + CA_CRL_LIFETIME_MAX + WHEN_SECOND;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.next_update = INT64_MAX;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m = right;
    m.shard = CA_SHARDS_MAX;
    CHECK_RC(sign_list(&w, &m), RC_TOOBIG);
    m = right;
    future.at = WORLD_NOW + WHEN_DAY;
    m.entries.v = &future;
    m.entries.n = 1;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    CHECK_OK(sign_list(&w, &right));
    o = ask;
    o.this_update -= WHEN_DAY;
    CHECK_RC(sign_answer(&w, &o, WORLD_NOW), RC_DENIED);
    o = ask;
    o.next_update = o.this_update + CA_OCSP_LIFETIME_MAX + WHEN_SECOND;
    CHECK_RC(sign_answer(&w, &o, WORLD_NOW), RC_DENIED);
    o = ask;
    odd.hash = 0;
    o.about.v = &odd;
    o.about.n = 1;
    CHECK_RC(sign_answer(&w, &o, WORLD_NOW), RC_INVAL);
    odd = about[0];
    odd.at = WORLD_NOW + WHEN_DAY;
    CHECK_RC(sign_answer(&w, &o, WORLD_NOW), RC_DENIED);
    CHECK_OK(sign_answer(&w, &ask, WORLD_NOW));
}

static void no_number_twice(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    struct ipc_sign_crl m = list_of("ecdsa-1");

    CHECK(world_start(&w, NULL));
    CHECK_OK(sign_list(&w, &m));
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.number--;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.shard = 400; /* another one has its own */
    CHECK_OK(sign_list(&w, &m));
    m.shard = 3;
    m.delta = true; /* and deltas have */
    m.base = 1;
    CHECK_OK(sign_list(&w, &m));
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.delta = false;
    m.number = 8;
    CHECK_OK(sign_list(&w, &m));
    m.number = 9;
    m.next_update =
        m.this_update + 999'999; /* cannot be written; the number is used all the same */
    CHECK(sign_list(&w, &m) != RC_OK);
    m.next_update = m.this_update + WHEN_DAY;
    CHECK_RC(sign_list(&w, &m), RC_DENIED);
    m.number = 10;
    CHECK_OK(sign_list(&w, &m));
}

/* Its certificate outlives every answer, and is renewed at half of its life. */
static void responders_renew_themselves(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    struct x509_cert first, other;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf one = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf two = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf three = BUF_INIT(X509_OCSP_MAX);
    struct ipc_sign_ocsp ask = answer_of("ecdsa-1");
    struct x509_ocsp_answer parsed;

    CHECK(world_start(&w, NULL));
    CHECK_OK(ca_status_ocsp(w.signer, &ask, WORLD_NOW, &one, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&a, buf_str(&one), &parsed, NULL));
    CHECK_OK(x509_cert_parse(&a, parsed.certs[0], &first, NULL));
    ask.this_update += 3 * WHEN_DAY;
    ask.next_update += 3 * WHEN_DAY;
    CHECK_OK(ca_status_ocsp(w.signer, &ask, ask.this_update, &two, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&a, buf_str(&two), &parsed, NULL));
    CHECK_OK(x509_cert_parse(&a, parsed.certs[0], &other, NULL));
    CHECK(str_eq(first.der, other.der));
    ask.this_update += WHEN_DAY;
    ask.next_update += WHEN_DAY;
    CHECK_OK(ca_status_ocsp(w.signer, &ask, ask.this_update, &three, NULL));
    CHECK_OK(x509_ocsp_answer_parse(&a, buf_str(&three), &parsed, NULL));
    CHECK_OK(x509_cert_parse(&a, parsed.certs[0], &other, NULL));
    CHECK(!str_eq(first.spki, other.spki));
    CHECK(other.not_after > ask.next_update);
}

CHECK_MAIN(CHECK_TEST_ONCE(every_issuer_signs_both), CHECK_TEST_ONCE(what_is_not_is_refused),
           CHECK_TEST_ONCE(no_number_twice), CHECK_TEST_ONCE(responders_renew_themselves))
