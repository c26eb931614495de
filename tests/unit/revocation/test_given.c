/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of roots, made where their keys are: what is published of them, and what is refused. */
#include "check.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "revocation/revocation.h"
#include "store/events.h"
#include "store/revocations.h"
#include "unit/ceremony/roots.h"
#include "unit/store/fixture.h"
#include "x509/crl.h"

#define NOW (ROOTS_NOW + WHEN_DAY)

/* A register with these roots, and the next list of root-rsa. */
struct given {
    struct fix f;
    struct roots r;
    struct x509_crl_entry entries[4];
    struct x509_crl_in in;
    struct buf der;
    struct str said;
    char text[512];
};

static void given_done(struct given *g)
{
    buf_done(&g->der);
    roots_done(&g->r);
    fix_done(&g->f);
}

static enum rc start(struct given *g)
{
    buf_init(&g->der, X509_CRL_MAX);
    TRY(fix_open(&g->f));
    TRY(roots_make(&g->r));
    for (size_t i = 0; i < 3; i++)
        TRY(DO(&g->f, store_issuer_add(T, &g->r.rows[i])));
    TRY(DO(&g->f, store_cross_add(T, &g->r.crosses[0])));
    g->in = (struct x509_crl_in){.sig_alg = crypto_sig_default(g->r.keys[0]),
                                 .issuer = g->r.old.subject,
                                 .issuer_key_id = g->r.old.ski,
                                 .this_update = NOW,
                                 .next_update = NOW + 30 * WHEN_DAY,
                                 .number = 5,
                                 .entries = g->entries};
    return RC_OK;
}

static void list(struct given *g, const struct x509_cert *cert)
{
    g->entries[g->in.n++] = (struct x509_crl_entry){
        .serial = cert->serial, .reason = X509_REASON_SUPERSEDED, .revoked = NOW};
}

static enum rc publish(struct given *g)
{
    struct revocation_given list = {
        .ref = STR("root-rsa"), .id = g->r.rows[0].id, .cert = g->r.old.der};
    struct err err = ERR_INIT;
    enum rc rc;

    list.der = buf_str(&g->der);
    rc = DO(&g->f, revocation_given_publish(T, &list, NOW, &err));
    err.rc = rc;
    g->said = str_of(err_textz(&err, g->text, sizeof(g->text)));
    return rc;
}

/* Signed with that key. */
static enum rc publish_by(struct given *g, size_t key)
{
    buf_reset(&g->der);
    TRY(x509_crl_sign(g->r.keys[key], &g->in, &g->der, NULL));
    return publish(g);
}

static bool says(const struct given *g, const char *what)
{
    return memmem(g->said.p, g->said.n, what, strlen(what)) != NULL;
}

static enum rc served(struct given *g, struct store_crl *out)
{
    return store_crl_get(READ(&g->f), &g->f.a, &g->r.rows[0].id, 0, false, out);
}

/* Of all records the only ones; the newest is of what is served. */
static bool recorded(struct given *g, size_t times)
{
    CLEANUP(buf_done) struct buf hash = BUF_INIT(64);
    const struct store_event_filter filter = {.newest = true};
    unsigned char sha256[CRYPTO_SHA256_BYTES];
    struct store_event *list;
    struct store_crl crl;
    size_t n;

    if (served(g, &crl) != RC_OK || crypto_sha256(crl.der, sha256) != RC_OK ||
        store_event_list(READ(&g->f), &g->f.a, &filter, &list, &n) != RC_OK || n != times)
        return false;
    text_b64url(&hash, str_bytes(sha256, sizeof(sha256)));
    return str_eq(list[0].action, STR("crl.published")) &&
           str_eq(list[0].object, id_str(&g->r.rows[0].id)) &&
           memmem(list[0].bytes.p, list[0].bytes.n, buf_z(&hash), hash.n);
}

static void a_good_one_is_served(void)
{
    CLEANUP(given_done) struct given g = {};
    struct store_crl crl;

    CHECK_OK(start(&g));
    CHECK_RC(served(&g, &crl), RC_NOTFOUND);
    CHECK_OK(publish_by(&g, 0));
    CHECK_OK(served(&g, &crl));
    CHECK_INT(crl.number, 5);
    CHECK_INT(crl.entries, 0);
    CHECK(str_eq(crl.der, buf_str(&g.der)));
    CHECK_RC(publish(&g), RC_CONFLICT);
    CHECK(says(&g, "number 5"));
    g.in.number = 4;
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(recorded(&g, 1));
    g.in.number = 6;
    CHECK_OK(publish_by(&g, 0));
    CHECK(recorded(&g, 2));
}

static void none_of_another_kind(void)
{
    CLEANUP(given_done) struct given g = {};
    struct store_crl crl;

    CHECK_OK(start(&g));
    buf_puts(&g.der, STR("no list"));
    CHECK_RC(publish(&g), RC_PARSE);
    CHECK_RC(publish_by(&g, 1), RC_DENIED); /* the other root's key */
    g.in.only_users = true;
    CHECK_RC(publish_by(&g, 0), RC_INVAL);
    CHECK(says(&g, "for a part of the certificates"));
    g.in.only_users = false;
    g.in.delta = true;
    g.in.base = 4;
    CHECK_RC(publish_by(&g, 0), RC_INVAL);
    g.in.delta = false;
    CHECK_RC(served(&g, &crl), RC_NOTFOUND);
    CHECK_OK(publish_by(&g, 0));
}

static void none_of_another_time(void)
{
    CLEANUP(given_done) struct given g = {};

    CHECK_OK(start(&g));
    g.in.this_update = NOW + REVOCATION_GIVEN_SKEW + WHEN_SECOND;
    CHECK_RC(publish_by(&g, 0), RC_INVAL);
    CHECK(says(&g, "set the clocks of both machines"));
    g.in.this_update = NOW - 2 * WHEN_DAY;
    g.in.next_update = NOW;
    CHECK_RC(publish_by(&g, 0), RC_INVAL);
    g.in.this_update = NOW + REVOCATION_GIVEN_SKEW;
    g.in.next_update = NOW + WHEN_DAY;
    CHECK_OK(publish_by(&g, 0));
}

static void register_and_list_say_the_same_of_issuers(void)
{
    CLEANUP(given_done) struct given g = {};

    CHECK_OK(start(&g));
    list(&g, &g.r.issuer);
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(says(&g, "rsa-1, which the register does not have as revoked"));
    CHECK_OK(
        DO(&g.f, store_issuer_move(T, &g.r.rows[2].id, STORE_ISSUER_ACTIVE, STORE_ISSUER_REVOKED)));
    g.in.n = 0;
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(says(&g, "lacks rsa-1"));
    g.in.n = 1;
    CHECK_OK(publish_by(&g, 0));
}

static void register_and_list_say_the_same_of_cross_certificates(void)
{
    CLEANUP(given_done) struct given g = {};

    CHECK_OK(start(&g));
    list(&g, &g.r.cross);
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(says(&g, "root-rsa-2-by-root-rsa, which the register does not have as revoked"));
    CHECK_OK(DO(&g.f, store_cross_revoke(T, &g.r.crosses[0].id, NOW, X509_REASON_SUPERSEDED)));
    g.in.n = 0;
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(says(&g, "lacks root-rsa-2-by-root-rsa"));
    g.in.n = 1;
    CHECK_OK(publish_by(&g, 0));
}

/* Whoever has restored the root from an old copy would take revocations back. */
static void what_was_listed_stays(void)
{
    CLEANUP(given_done) struct given g = {};

    CHECK_OK(start(&g));
    list(&g, &g.r.next); /* nothing that the register would miss */
    CHECK_OK(publish_by(&g, 0));
    g.in.number++;
    g.in.n = 0;
    CHECK_RC(publish_by(&g, 0), RC_CONFLICT);
    CHECK(says(&g, "stands on the list that is served"));
    g.in.n = 1;
    CHECK_OK(publish_by(&g, 0));
}

FIX_MAIN(CHECK_TEST(a_good_one_is_served), CHECK_TEST(none_of_another_kind),
         CHECK_TEST(none_of_another_time), CHECK_TEST(register_and_list_say_the_same_of_issuers),
         CHECK_TEST(register_and_list_say_the_same_of_cross_certificates),
         CHECK_TEST(what_was_listed_stays))
