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

CHECK_MAIN(CHECK_TEST(what_is_served))
