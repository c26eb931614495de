/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "client/client.h"
#include "client/staple.h"
#include "unit/x509/pki.h"

#define NOW (PKI_FROM + WHEN_DAY)

/* An answer of the issuer's delegate about the leaf, changed by one thing at a time. */
struct test {
    struct pki pki;
    struct buf chain, responder, answer;
    struct x509_cert *certs;
    struct x509_ocsp_issuer names;
    struct x509_ocsp_single single;
    struct x509_ocsp_in in;
    struct client_staple got;
    char text[512];
};

static void test_done(struct test *t)
{
    pki_done(&t->pki);
    buf_done(&t->chain);
    buf_done(&t->responder);
    buf_done(&t->answer);
}

static enum rc make_responder(struct test *t, uint32_t eku)
{
    struct x509_tbs_in in = {.serial = {.n = 8, .b = {0x45}},
                             .issuer = t->pki.issuer.subject,
                             .issuer_key_id = t->pki.issuer.ski,
                             .sig_alg = crypto_sig_default(t->pki.issuer_key),
                             .not_before = PKI_FROM,
                             .not_after = NOW + 3 * WHEN_DAY,
                             .subject = {.common_name = STR("Example Issuer OCSP")},
                             .spki = crypto_key_spki(t->pki.leaf_key),
                             .subject_key_id = true,
                             .key_usage = X509_KU_DIGITAL_SIGNATURE,
                             .eku = eku,
                             .ocsp_nocheck = true};

    buf_reset(&t->responder);
    return pki_issue(&in, t->pki.issuer_key, &t->responder);
}

static enum rc test_init(struct test *t)
{
    size_t n;

    buf_init(&t->responder, X509_CERT_MAX);
    buf_init(&t->answer, X509_OCSP_MAX);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    TRY(x509_cert_read_pem(&t->pki.a, buf_str(&t->chain), X509_CHAIN_MAX, &t->certs, &n, NULL));
    TRY(make_responder(t, X509_EKU_OCSP_SIGNING));
    TRY(x509_ocsp_issuer_of(&t->pki.issuer, &t->names));
    t->single = (struct x509_ocsp_single){
        .id = x509_ocsp_id_of(&t->names, X509_OCSP_SHA1, &t->certs[0].serial),
        .this_update = NOW - WHEN_HOUR,
        .next_update = NOW + WHEN_DAY};
    t->in = (struct x509_ocsp_in){.singles = &t->single,
                                  .n = 1,
                                  .produced = NOW - WHEN_HOUR,
                                  .responder = buf_str(&t->responder),
                                  .key = t->pki.leaf_key};
    return RC_OK;
}

static enum rc check_at(struct test *t, when_t now)
{
    struct err err = ERR_INIT;
    enum rc rc;

    buf_reset(&t->answer);
    t->in.responder = buf_str(&t->responder);
    TRY(x509_ocsp_answer_build(&t->in, &t->answer, NULL));
    rc = client_staple_check(&t->pki.a, buf_str(&t->answer),
                             &(struct client_staple_of){&t->pki.issuer, &t->certs[0].serial, now},
                             &t->got, &err);
    err_textz(&err, t->text, sizeof(t->text));
    return rc;
}

static void what_counts(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(check_at(&t, NOW));
    CHECK(!t.got.revoked);
    CHECK_INT(t.got.since, t.single.this_update);
    CHECK_INT(t.got.until, t.single.next_update);
    /* That it is revoked is an answer like any other. */
    t.single.status = X509_OCSP_REVOKED;
    t.single.revoked = NOW - WHEN_DAY / 2;
    CHECK_OK(check_at(&t, NOW));
    CHECK(t.got.revoked);
}

static void what_does_not(void)
{
    CLEANUP(test_done) struct test t = {};
    static const struct x509_serial other = {2, {7, 7}};
    struct client_staple_of of;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    of = (struct client_staple_of){&t.pki.issuer, &t.certs[0].serial, NOW};
    CHECK_RC(check_at(&t, t.single.next_update), RC_CRYPTO); /* it has ended */
    CHECK_RC(check_at(&t, NOW - 2 * WHEN_HOUR), RC_CRYPTO);  /* it is of tomorrow */
    t.single.status = X509_OCSP_UNKNOWN;
    CHECK_RC(check_at(&t, NOW), RC_NOTFOUND);
    t.single.status = X509_OCSP_GOOD;
    t.single.id = x509_ocsp_id_of(&t.names, X509_OCSP_SHA1, &other);
    CHECK_RC(check_at(&t, NOW), RC_CONFLICT);
    CHECK(strstr(t.text, "about another certificate"));
    t.single.id = x509_ocsp_id_of(&t.names, X509_OCSP_SHA1, &t.certs[0].serial);
    /* Whoever has any certificate of the issuer is no responder. */
    CHECK_OK(make_responder(&t, X509_EKU_SERVER_AUTH));
    CHECK_RC(check_at(&t, NOW), RC_DENIED);
    CHECK_OK(make_responder(&t, X509_EKU_OCSP_SIGNING));
    CHECK_OK(check_at(&t, NOW));
    /* Nothing that was changed counts. */
    t.answer.p[t.answer.n / 2] ^= 1;
    CHECK(client_staple_check(&t.pki.a, buf_str(&t.answer), &of, &t.got, &err) != RC_OK);
    buf_reset(&t.answer);
    x509_ocsp_put_failure(X509_OCSP_TRY_LATER, &t.answer);
    CHECK_RC(client_staple_check(&t.pki.a, buf_str(&t.answer), &of, &t.got, &err), RC_AGAIN);
}

/* Who has signed it, not who has the name. */
static void whose_answers_count(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct x509_cert *issuer = NULL;
    struct x509_cert both[2];
    struct str roots[2];
    struct client_staple_chain chain;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    both[0] = t.certs[0];
    both[1] = t.pki.issuer;
    chain = (struct client_staple_chain){.certs = both, .n = 2};
    CHECK_OK(client_staple_issuer(&t.pki.a, &chain, &issuer, &err));
    CHECK(issuer == &both[1]);
    both[1] = t.certs[0];
    CHECK_RC(client_staple_issuer(&t.pki.a, &chain, &issuer, &err), RC_DENIED);
    chain.n = 1;
    CHECK_RC(client_staple_issuer(&t.pki.a, &chain, &issuer, &err), RC_NOTFOUND);
    roots[0] = t.certs[0].der;
    roots[1] = t.pki.issuer.der;
    chain.roots = roots;
    chain.n_roots = 1;
    CHECK_RC(client_staple_issuer(&t.pki.a, &chain, &issuer, &err), RC_NOTFOUND);
    chain.n_roots = 2;
    CHECK_OK(client_staple_issuer(&t.pki.a, &chain, &issuer, &err));
    CHECK(str_eq(issuer->der, t.pki.issuer.der));
}

static void what_is_asked(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf request = BUF_INIT(X509_OCSP_REQUEST_MAX);
    struct x509_ocsp_request got;

    CHECK_OK(test_init(&t));
    CHECK_OK(client_staple_request(
        &(struct client_staple_of){&t.pki.issuer, &t.certs[0].serial, NOW}, &request));
    CHECK_OK(x509_ocsp_request_parse(&t.pki.a, buf_str(&request), &got, NULL));
    CHECK(got.n == 1 && got.nonce.n == 0 && !got.is_signed);
    CHECK(x509_ocsp_id_is(&got.ids[0], &t.names));
    CHECK(x509_serial_eq(&got.ids[0].serial, &t.certs[0].serial));
}

CHECK_MAIN(CHECK_TEST(what_counts), CHECK_TEST(what_does_not), CHECK_TEST(whose_answers_count),
           CHECK_TEST(what_is_asked))
