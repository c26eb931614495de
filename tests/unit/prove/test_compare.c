/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/crypto.h"
#include "prove/compare.h"
#include "unit/prove/certs.h"

enum { CHAIN = 32 * 1024 };

struct test {
    struct pki pki;
    struct buf fresh, before, other;
};

static void test_done(struct test *t)
{
    pki_done(&t->pki);
    buf_done(&t->fresh);
    buf_done(&t->before);
    buf_done(&t->other);
}

static enum rc test_init(struct test *t)
{
    buf_init(&t->fresh, CHAIN);
    buf_init(&t->before, CHAIN);
    buf_init(&t->other, CHAIN);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(make_chain(&t->pki, t->pki.leaf_key, 1, &t->fresh));
    TRY(make_chain(&t->pki, t->pki.leaf_key, 2, &t->before));
    return make_chain(&t->pki, t->pki.leaf_key, 3, &t->other);
}

static void expect_rc(struct test *t, struct str served, enum rc rc, const char *code)
{
    struct err err = ERR_INIT;

    CHECK_RC(prove_compare(served, buf_str(&t->fresh), buf_str(&t->before), &err), rc);
    if (code)
        CHECK_STR(str_of(err.msg->code), code);
}

#define END "-----END CERTIFICATE-----\n"

static struct str leaf_of(const struct buf *chain)
{
    struct str s = buf_str(chain);
    const char *end = s.n ? strstr(s.p, END) : NULL;

    return end ? str_head(s, (size_t)(end - s.p) + strlen(END)) : STR("");
}

static void what_is_served(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf more = BUF_INIT(CHAIN);

    CHECK_OK(test_init(&t));
    CHECK(buf_z(&t.fresh)[0]);
    expect_rc(&t, buf_str(&t.fresh), RC_OK, NULL);
    expect_rc(&t, buf_str(&t.before), RC_CONFLICT, "prove.serves-old");
    expect_rc(&t, buf_str(&t.other), RC_CONFLICT, "prove.serves-other");
    expect_rc(&t, leaf_of(&t.fresh), RC_CONFLICT, "prove.serves-no-chain");
    expect_rc(&t, STR(""), RC_CONFLICT, "prove.serves-unreadable");
    expect_rc(&t, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
              RC_CONFLICT, "prove.serves-unreadable");
    CHECK_RC(prove_compare(buf_str(&t.fresh), STR(""), STR(""), NULL), RC_PARSE);

    /* The root behind it, which does no harm; then something else. */
    buf_puts(&more, buf_str(&t.fresh));
    x509_cert_put_pem(buf_str(&t.pki.root_der), &more);
    CHECK_OK(buf_rc(&more));
    expect_rc(&t, buf_str(&more), RC_OK, NULL);
    x509_cert_put_pem(buf_str(&t.pki.root_der), &more);
    CHECK_OK(buf_rc(&more));
    expect_rc(&t, buf_str(&more), RC_CONFLICT, "prove.serves-other-chain");
    /* An old chain: the new leaf with another issuer behind it. */
    buf_reset(&more);
    CHECK(t.fresh.n > 0);
    buf_puts(&more, leaf_of(&t.fresh));
    x509_cert_put_pem(buf_str(&t.pki.root_der), &more);
    CHECK_OK(buf_rc(&more));
    expect_rc(&t, buf_str(&more), RC_CONFLICT, "prove.serves-other-chain");
    buf_reset(&more);
    buf_puts(&more, buf_str(&t.fresh));
    buf_puts(&more, leaf_of(&t.other));
    CHECK_OK(buf_rc(&more));
    expect_rc(&t, buf_str(&more), RC_CONFLICT, "prove.serves-other-chain");
}

/* ---- the pair of TLCP: what signs is `fresh`, `before` and `other`; what is encrypted to stands
 * beside it. */

struct pair {
    struct test t;
    struct buf encrypts, stranger;
};

static void pair_done(struct pair *p)
{
    test_done(&p->t);
    buf_done(&p->encrypts);
    buf_done(&p->stranger);
}

static enum rc pair_init(struct pair *p)
{
    buf_init(&p->encrypts, CHAIN);
    buf_init(&p->stranger, CHAIN);
    TRY(test_init(&p->t));
    TRY(make_half(&p->t.pki, p->t.pki.leaf_key, 4, HALF_ENCRYPTS, &p->encrypts));
    return make_half(&p->t.pki, p->t.pki.leaf_key, 5, HALF_ENCRYPTS, &p->stranger);
}

/* Two leaves, and behind them all that follows the first one in its file. */
static enum rc show(const struct buf *signs, const struct buf *encrypts, struct buf *out)
{
    struct str first = leaf_of(signs), second = leaf_of(encrypts);

    buf_reset(out);
    buf_puts(out, first);
    buf_puts(out, second);
    buf_puts(out, str_skip(buf_str(signs), first.n));
    return buf_rc(out);
}

static void expect_pair(const struct prove_pair *pair, const char *code)
{
    struct err err = ERR_INIT;

    CHECK_RC(prove_compare_pair(pair, &err), code ? RC_CONFLICT : RC_OK);
    if (code)
        CHECK_STR(str_of(err.msg->code), code);
}

static void both_are_served(void)
{
    CLEANUP(pair_done) struct pair p = {};
    CLEANUP(buf_done) struct buf served = BUF_INIT(2 * CHAIN);
    struct prove_pair pair;

    CHECK_OK(pair_init(&p));
    pair = (struct prove_pair){.expected = buf_str(&p.t.fresh), .before = buf_str(&p.t.before)};
    CHECK_OK(show(&p.t.fresh, &p.encrypts, &served));
    pair.served = buf_str(&served);
    expect_pair(&pair, NULL);
    pair.beside = buf_str(&p.encrypts);
    expect_pair(&pair, NULL);
    /* The other half, which is looked for at its own place. */
    pair.expected = buf_str(&p.encrypts);
    pair.beside = buf_str(&p.t.fresh);
    expect_pair(&pair, NULL);
    /* A root behind it. */
    x509_cert_put_pem(buf_str(&p.t.pki.root_der), &served);
    CHECK_OK(buf_rc(&served));
    pair.served = buf_str(&served);
    expect_pair(&pair, NULL);
}

static void one_is_not_served(void)
{
    CLEANUP(pair_done) struct pair p = {};
    CLEANUP(buf_done) struct buf served = BUF_INIT(2 * CHAIN);
    struct prove_pair pair;

    CHECK_OK(pair_init(&p));
    pair = (struct prove_pair){.expected = buf_str(&p.t.fresh),
                               .before = buf_str(&p.t.before),
                               .beside = buf_str(&p.encrypts)};
    CHECK_OK(show(&p.t.before, &p.encrypts, &served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-old");
    CHECK_OK(show(&p.t.other, &p.encrypts, &served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-other");
    CHECK_OK(show(&p.t.fresh, &p.stranger, &served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-other-half");
    /* What is encrypted to is not where what signs belongs. */
    CHECK_OK(show(&p.encrypts, &p.t.fresh, &served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-other");
    pair.expected = buf_str(&p.encrypts);
    pair.beside = STR("");
    expect_pair(&pair, "prove.serves-other");
}

static void chain_of_both(void)
{
    CLEANUP(pair_done) struct pair p = {};
    CLEANUP(buf_done) struct buf served = BUF_INIT(2 * CHAIN);
    struct prove_pair pair;
    struct str signs, encrypts;

    CHECK_OK(pair_init(&p));
    signs = leaf_of(&p.t.fresh);
    encrypts = leaf_of(&p.encrypts);
    pair = (struct prove_pair){.served = signs, .expected = buf_str(&p.t.fresh)};
    expect_pair(&pair, "prove.serves-single");
    pair.served = STR("");
    expect_pair(&pair, "prove.serves-unreadable");
    buf_puts(&served, signs);
    buf_puts(&served, encrypts);
    CHECK_OK(buf_rc(&served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-no-chain");
    x509_cert_put_pem(buf_str(&p.t.pki.root_der), &served);
    CHECK_OK(buf_rc(&served));
    pair.served = buf_str(&served);
    expect_pair(&pair, "prove.serves-other-chain");
    /* A stranger among the issuers matters where all of them are known. */
    CHECK_OK(show(&p.t.fresh, &p.encrypts, &served));
    buf_puts(&served, leaf_of(&p.t.other));
    CHECK_OK(buf_rc(&served));
    pair.served = buf_str(&served);
    expect_pair(&pair, NULL);
    pair.beside = buf_str(&p.encrypts);
    expect_pair(&pair, "prove.serves-other-chain");
}

CHECK_MAIN(CHECK_TEST(what_is_served), CHECK_TEST(both_are_served), CHECK_TEST(one_is_not_served),
           CHECK_TEST(chain_of_both))
