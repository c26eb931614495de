/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "pair.h"
#include "tls/identity_int.h"

enum { KEPT = 3, OPEN_MOST = 2 };

/* A server whose identity is taken from a shelf. */
struct stand {
    struct world w;
    struct tls_shelf *shelf;
    struct tls_identity *kept[KEPT];
    struct buf issuer;             /* PEM */
    struct buf leaf, issuers, key; /* of the last one, DER */
};

static void stand_done(struct stand *s)
{
    for (size_t i = 0; i < KEPT; i++)
        tls_identity_unref(s->kept[i]);
    tls_shelf_free(s->shelf);
    world_done(&s->w);
    buf_done(&s->issuer);
    buf_done(&s->leaf);
    buf_done(&s->issuers);
    buf_wipe(&s->key);
}

/* An EC certificate for `name`, and behind it the same for all. */
static enum rc make(struct stand *s, const char *name)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_p256);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);
    struct str rest;

    if (!key)
        return RC_NOMEM;
    buf_reset(&s->leaf);
    buf_reset(&s->issuers);
    buf_reset(&s->key);
    TRY(certificate_of(key, name, BY_ANOTHER, &pem));
    if (s->issuer.n == 0)
        TRY(certificate(key, "issuer", &s->issuer));
    buf_puts(&pem, buf_str(&s->issuer));
    TRY(buf_rc(&pem));
    rest = buf_str(&pem);
    TRY(text_unpem(&rest, STR("CERTIFICATE"), NULL, &s->leaf));
    TRY(text_unpem(&rest, STR("CERTIFICATE"), NULL, &s->issuers));
    return crypto_key_put_der(key, &s->key);
}

static enum rc put(struct stand *s, struct tls_identity **out, struct err *err)
{
    const struct tls_shelved in = {.kind = TLS_KIND_EC,
                                   .leaf = buf_str(&s->leaf),
                                   .issuers = buf_str(&s->issuers),
                                   .key = buf_str(&s->key)};

    return tls_shelf_put(s->shelf, &in, out, err);
}

static enum rc stand_init(struct stand *s)
{
    const struct tls_context_conf conf = {.clock = &s->w.clock.clock};
    static const char *const names[KEPT] = {"one", "two", "three"};

    *s = (struct stand){};
    buf_init(&s->issuer, 8192);
    buf_init(&s->leaf, 8192);
    buf_init(&s->issuers, 8192);
    buf_init(&s->key, 8192);
    TRY(world_init(&s->w, &conf));
    TRY(tls_shelf_new(OPEN_MOST, &s->shelf));
    for (size_t i = 0; i < KEPT; i++) {
        TRY(make(s, names[i]));
        TRY(put(s, &s->kept[i], NULL));
    }
    return RC_OK;
}

#define BEGIN(s)                                                                                   \
    CLEANUP(stand_done) struct stand s = {};                                                       \
    CHECK_OK(stand_init(&(s)))

static enum rc visit(struct stand *s, size_t i)
{
    TRY(connect_pair(&s->w));
    if (i < KEPT)
        tls_context_set_identity(s->w.context, s->kept[i]);
    shake(&s->w);
    TRY(s->w.opened);
    return exchange(&s->w);
}

static void opened_when_shown(void)
{
    static const char *const names[KEPT] = {"one", "two", "three"};
    char name[64];

    BEGIN(s);
    CHECK_INT(tls_shelf_n_open(s.shelf), 0);
    for (size_t i = 0; i < 3 * KEPT; i++) {
        CHECK_OK(visit(&s, i % KEPT));
        shown(&s.w, name);
        CHECK_STR(str_of(name), names[i % KEPT]);
        CHECK_INT(sk_X509_num(SSL_get_peer_cert_chain(s.w.client)), 2);
        CHECK_INT(tls_shelf_n_open(s.shelf), i ? OPEN_MOST : 1);
    }
    CHECK(!s.kept[0]->parts.leaf && s.kept[1]->parts.leaf && s.kept[2]->parts.leaf);
    CHECK_OK(visit(&s, 1)); /* used again: it is not the next to be closed */
    CHECK_OK(visit(&s, 0));
    CHECK(s.kept[0]->parts.leaf && s.kept[1]->parts.leaf && !s.kept[2]->parts.leaf);
    CHECK(s.kept[0]->issuers == s.kept[2]->issuers);
    tls_context_set_identity(s.w.context, NULL);
    tls_identity_unref(MOVE(s.kept[0]));
    CHECK_INT(tls_shelf_n_open(s.shelf), 1);
}

/* Between the ClientHello and the answer's place others come, and it is closed; and even opened
 * again. */
static void staple_of_one_that_was_closed(void)
{
    const unsigned char *p;

    BEGIN(s);
    CHECK_OK(tls_identity_staple(s.kept[0], STR(ANSWER_A), WHEN_MAX));
    for (size_t again = 0; again < 2; again++) {
        CHECK_OK(connect_pair(&s.w));
        tls_context_set_identity(s.w.context, s.kept[0]);
        SSL_set_tlsext_status_type(s.w.client, TLSEXT_STATUSTYPE_ocsp);
        SSL_set1_groups_list(s.w.client, "secp521r1:X25519");
        SSL_do_handshake(s.w.client);
        for (int i = 0; i < 3; i++)
            ev_run_once(s.w.ev, EV_NOWAIT);
        CHECK_RC(s.w.opened, RC_COUNT);
        CHECK(s.kept[0]->parts.leaf);
        CHECK(tls_shelf_open(s.kept[1]));
        CHECK(tls_shelf_open(s.kept[2]));
        CHECK(!s.kept[0]->parts.leaf);
        CHECK(!again || tls_shelf_open(s.kept[0]));
        shake(&s.w);
        CHECK_OK(s.w.opened);
        CHECK_INT(SSL_get_tlsext_status_ocsp_resp(s.w.client, &p), 5);
        CHECK_OK(exchange(&s.w));
    }
}

/* What is damaged is as good as none, each time, and takes no place. */
static void damaged_within(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *leaf = NULL, *key = NULL, *issuer = NULL;

    BEGIN(s);
    CHECK_OK(make(&s, "damaged"));
    s.leaf.p[6] ^= 0x55;
    CHECK_OK(put(&s, &leaf, NULL));
    CHECK_OK(make(&s, "damaged"));
    s.key.p[6] ^= 0x55;
    CHECK_OK(put(&s, &key, NULL));
    CHECK_OK(make(&s, "damaged"));
    s.issuers.p[6] ^= 0x55;
    CHECK_OK(put(&s, &issuer, NULL));
    for (size_t i = 0; i < 6; i++) {
        tls_context_set_identity(s.w.context, i % 3 == 0 ? leaf : i % 3 == 1 ? key : issuer);
        CHECK_RC(visit(&s, KEPT), RC_CRYPTO);
        CHECK_INT(tls_shelf_n_open(s.shelf), 0);
    }
    CHECK_OK(visit(&s, 0));
    tls_context_set_identity(s.w.context, NULL);
}

static void refused(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf one = BUF_INIT(8192);
    struct err err = ERR_INIT;

    BEGIN(s);
    s.leaf.n--;
    CHECK_RC(put(&s, &id, &err), RC_PARSE);
    CHECK(err.msg != NULL);
    s.leaf.n = 0;
    CHECK_RC(put(&s, &id, &err), RC_PARSE);
    CHECK_OK(make(&s, "four"));
    buf_puts(&s.leaf, buf_str(&s.issuers)); /* two */
    CHECK_RC(put(&s, &id, &err), RC_PARSE);
    CHECK_OK(make(&s, "four"));
    s.issuers.n--;
    CHECK_RC(put(&s, &id, &err), RC_PARSE);
    CHECK_OK(make(&s, "four"));
    s.key.n = 0;
    CHECK_RC(put(&s, &id, &err), RC_PARSE);
    CHECK_OK(make(&s, "four"));
    buf_puts(&one, buf_str(&s.issuers));
    CHECK_OK(buf_rc(&one));
    for (size_t i = 0; i < TLS_CHAIN_MAX - 2; i++)
        buf_puts(&s.issuers, buf_str(&one));
    CHECK_OK(buf_rc(&s.issuers));
    CHECK_OK(put(&s, &id, &err)); /* TLS_CHAIN_MAX of them */
    tls_identity_unref(MOVE(id));
    buf_puts(&s.issuers, buf_str(&one));
    CHECK_OK(buf_rc(&s.issuers));
    CHECK_RC(put(&s, &id, &err), RC_TOOBIG);
}

/* Shown from where another process has written it, which stays as long as the identity does. */
static void not_copied(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(segment_unrefp) struct segment *theirs = NULL, *ours = NULL;
    struct tls_shelved in = {.kind = TLS_KIND_EC};
    unsigned char *at;
    char name[64];

    BEGIN(s);
    CHECK_OK(make(&s, "far"));
    CHECK_OK(segment_new(1 << 20, &theirs));
    at = segment_alloc(theirs, s.leaf.n + s.key.n);
    memcpy(at, s.leaf.p, s.leaf.n);
    memcpy(at + s.leaf.n, s.key.p, s.key.n);
    CHECK_OK(segment_open(segment_fd(theirs), &ours));
    CHECK(segment_look(ours, 0, s.leaf.n, &in.leaf));
    CHECK(segment_look(ours, s.leaf.n, s.key.n, &in.key));
    in.issuers = buf_str(&s.issuers);
    in.segment = ours;
    CHECK_OK(tls_shelf_put(s.shelf, &in, &id, NULL));
    CHECK(id->leaf == (const unsigned char *)in.leaf.p && id->own_n == 0);
    segment_unref(MOVE(ours));
    segment_unref(MOVE(theirs));
    tls_context_set_identity(s.w.context, id);
    CHECK_OK(visit(&s, KEPT));
    shown(&s.w, name);
    CHECK_STR(str_of(name), "far");
    tls_context_set_identity(s.w.context, NULL);
}

CHECK_MAIN(CHECK_TEST(opened_when_shown), CHECK_TEST(staple_of_one_that_was_closed),
           CHECK_TEST(damaged_within), CHECK_TEST(refused), CHECK_TEST(not_copied))
