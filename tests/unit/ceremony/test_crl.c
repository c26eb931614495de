/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of roots: what was revoked stays so, numbers and times go up, another's list is none. */
#include "check.h"

#include "ceremony/certify.h"
#include "ceremony/crl.h"
#include "crypto/crypto.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

struct made {
    struct arena a;
    struct conf conf;
    struct crypto_key *key, *other_key;
    struct x509_cert root, other;
};

static void made_done(struct made *m)
{
    crypto_key_unref(m->key);
    crypto_key_unref(m->other_key);
    arena_done(&m->a);
}

static enum rc make_root(struct made *m, struct crypto_key **key, struct x509_cert *out)
{
    struct ceremony_plan plan = {.ref = {STR("rsa"), 1, true, false}, .conf = &m->conf, .now = NOW};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, key));
    return ceremony_certify_root(&plan, *key, &m->a, out, NULL);
}

static enum rc make(struct made *m)
{
    m->conf = (struct conf){.organization = STR("Example Hospital"),
                            .domain = STR("hospital.example"),
                            .ca = {.names = {.root = STR("{organization} Root {number}")}}};
    TRY(crypto_init());
    TRY(make_root(m, &m->key, &m->root));
    return make_root(m, &m->other_key, &m->other);
}

static struct x509_crl_entry entry(unsigned char n)
{
    return (struct x509_crl_entry){
        .serial = {2, {1, n}}, .reason = X509_REASON_CA_COMPROMISE, .revoked = NOW};
}

static enum rc list_of(struct made *m, struct ceremony_crl *c, when_t now, struct buf *der,
                       struct x509_crl *out)
{
    struct str kept;

    buf_reset(der);
    TRY(ceremony_crl_sign(c, m->key, now, 30, der, NULL));
    TRY(arena_str(&m->a, buf_str(der), &kept));
    return x509_crl_parse(&m->a, kept, out, NULL);
}

static void what_was_revoked_stays(void)
{
    CLEANUP(made_done) struct made m = {.a = ARENA_INIT(8 << 20)};
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    struct x509_crl_entry first = entry(1), second = entry(2);
    struct ceremony_crl c, next;
    struct x509_crl crl, later;

    CHECK_OK(make(&m));
    ceremony_crl_init(&c, STR("root-rsa"), &m.root);
    CHECK_OK(ceremony_crl_revoke(&c, &first, NULL));
    CHECK_RC(ceremony_crl_revoke(&c, &first, NULL), RC_EXISTS);
    CHECK_OK(list_of(&m, &c, NOW, &der, &crl));
    CHECK_OK(x509_crl_check(&crl, &m.root, m.key, NULL));
    CHECK_INT(crl.n, 1);
    CHECK_INT(crl.next_update, NOW + 30 * WHEN_DAY);
    ceremony_crl_init(&next, STR("root-rsa"), &m.root);
    CHECK_OK(ceremony_crl_merge(&next, crl.der, NULL));
    CHECK_OK(ceremony_crl_merge(&next, crl.der, NULL)); /* nothing twice */
    CHECK_OK(ceremony_crl_revoke(&next, &second, NULL));
    CHECK_OK(list_of(&m, &next, NOW, &der, &later));
    CHECK_INT(later.n, 2);
    CHECK(later.number > crl.number); /* at the same moment, too */
    CHECK_RC(ceremony_crl_sign(&next, m.key, NOW - WHEN_DAY, 30, &der, NULL), RC_DENIED);
    CHECK_RC(ceremony_crl_sign(&next, m.key, m.root.not_after, 30, &der, NULL), RC_DENIED);
}

static void lists_of_others_are_none(void)
{
    CLEANUP(made_done) struct made m = {.a = ARENA_INIT(8 << 20)};
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    struct x509_crl_in in = {.this_update = NOW, .next_update = NOW + WHEN_DAY, .number = 7};
    struct ceremony_crl c;

    CHECK_OK(make(&m));
    ceremony_crl_init(&c, STR("root-rsa"), &m.root);
    in.sig_alg = crypto_sig_default(m.other_key);
    in.issuer = m.other.subject;
    in.issuer_key_id = m.other.ski;
    CHECK_OK(x509_crl_sign(m.other_key, &in, &der, NULL));
    CHECK_RC(ceremony_crl_merge(&c, buf_str(&der), NULL), RC_DENIED);
    buf_reset(&der);
    in.issuer_key_id = m.root.ski;
    in.only_users = true;
    CHECK_OK(x509_crl_sign(m.key, &in, &der, NULL));
    CHECK_RC(ceremony_crl_merge(&c, buf_str(&der), NULL), RC_INVAL);
    CHECK_INT(c.number, 0);
}

CHECK_MAIN(CHECK_TEST(what_was_revoked_stays), CHECK_TEST(lists_of_others_are_none))
