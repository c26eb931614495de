/* SPDX-License-Identifier: Apache-2.0 */
/* Ten years of an authority, walked with a clock that stands until told: issuers are replaced when
 * they are due, roots roll over, certificates are renewed, of every algorithm. At every step each
 * certificate that lives is verified by OpenSSL at that time, as served, by a client that has only
 * the old root and by one that has only the new one. */
#include "world.h"

#include <stdio.h>

#include "ceremony/rotate.h"
#include "http/exchange.h"
#include "trust/trust.h"
#include "x509/verify.h"

#define STEP (45 * WHEN_DAY)
#define LIFETIME (90 * WHEN_DAY)
#define YEAR (365 * WHEN_DAY)
/* The new roots are made, and the old ones sign nothing more some time later. */
#define ROLLOVER (4 * YEAR)
#define FAREWELL (7 * YEAR)

enum { STEPS = 82, LIVE_MAX = 64, ROOTS = 3, WALK_ARENA = 64 << 20 };

static const struct crypto_key_spec leaf_keys[CEREMONY_KINDS] = {
    {CRYPTO_KEY_RSA, 2048}, {CRYPTO_KEY_P256, 0}, {CRYPTO_KEY_SM2, 0}, {CRYPTO_KEY_MLDSA44, 0}};

struct live {
    struct str der;
    struct id issuer;
    when_t not_after;
};

struct walk {
    struct world w;
    struct arena arena; /* for the whole of it */
    struct secret *passphrase;
    struct crypto_key *keys[CEREMONY_KINDS];
    struct live live[LIVE_MAX];
    size_t n_live;
    when_t begun;
    bool rolled, parted;
    /* what happened */
    unsigned issued, rotations, verified, crossed;
    struct str der; /* of the certificate just issued */
    struct id issuer;
    enum rc rc;
};

static void walk_done(struct walk *k)
{
    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        crypto_key_unref(k->keys[i]);
    secret_free(k->passphrase);
    world_done(&k->w);
    arena_done(&k->arena);
}

static void ceremony_now(struct walk *k, struct store_issuer **rows, struct ceremony *c)
{
    *c = (struct ceremony){.data = k->w.dir.fd,
                           .conf = k->w.conf,
                           .now = k->w.clock.now,
                           .root_passphrase = k->passphrase,
                           .passphrase = k->passphrase,
                           .make_key = world_make_key,
                           .arg = k->passphrase};

    CHECK_OK(store_issuer_list(store_read(k->w.store), &k->arena, 0, rows, &c->n_known));
    c->known = *rows;
}

/* As a command and core do it together. */
static void put_in_force(struct walk *k, const struct ceremony *c, struct ceremony_made *m,
                         struct ca_change *change)
{
    change->crosses = m->crosses;
    change->n_crosses = m->n_crosses;
    change->issuers = m->rows;
    change->n_issuers = m->n;
    change->actor = STR("walk");
    change->now = c->now;
    CHECK_OK(ca_change_check(k->w.ca, change, NULL));
    CHECK_OK(ceremony_write(c, m, NULL));
    CHECK_OK(store_write_now(k->w.store, ca_change_apply, change));
    CHECK_OK(ca_reload_issuers(k->w.ca, NULL));
    CHECK_OK(ceremony_publish(c, m, NULL));
    CHECK(world_signer_again(&k->w));
}

static void rotate_what_is_due(struct walk *k)
{
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    struct ca_change change = {.n_issuers = 0};
    struct store_issuer *rows = NULL;
    struct ceremony c = {.n_known = 0};

    ceremony_made_init(&m);
    ceremony_now(k, &rows, &c);
    for (size_t i = 0; i < c.n_known; i++)
        if (ceremony_rotation_due(k->w.conf, rows, c.n_known, &rows[i], c.now) != CA_NOT_DUE)
            CHECK_OK(ceremony_rotate(&c, &rows[i], false, &m, &change, NULL));
    if (m.n == 0)
        return;
    k->rotations += (unsigned)m.n;
    put_in_force(k, &c, &m, &change);
}

/* A second root of each kind, certified by the first, and the first by it. */
static void roll_over(struct walk *k)
{
    static const char *const kinds[ROOTS] = {"rsa", "sm2", "mldsa"};
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    struct ca_change change = {.n_issuers = 0};
    struct store_issuer *rows = NULL;
    struct ceremony c = {.n_known = 0};
    char old[32], fresh[32];

    ceremony_made_init(&m);
    ceremony_now(k, &rows, &c);
    for (size_t i = 0; i < ROOTS; i++) {
        struct ca_ref ref = {str_of(kinds[i]), 2, true, false};

        snprintf(old, sizeof(old), "root-%s", kinds[i]);
        snprintf(fresh, sizeof(fresh), "root-%s-2", kinds[i]);
        CHECK_OK(ceremony_make_root(&c, &ref, &m, NULL));
        CHECK_OK(ceremony_make_cross(&c, str_of(old), str_of(fresh), &m, NULL));
        CHECK_OK(ceremony_make_cross(&c, str_of(fresh), str_of(old), &m, NULL));
    }
    k->crossed += (unsigned)m.n_crosses;
    put_in_force(k, &c, &m, &change);
    k->rolled = true;
}

static void part_with_old_roots(struct walk *k)
{
    CLEANUP(ceremony_made_done) struct ceremony_made m = {.n = 0};
    struct ca_change change = {.n_issuers = 0};
    struct store_issuer *rows = NULL;
    struct ceremony c = {.n_known = 0};

    ceremony_made_init(&m);
    ceremony_now(k, &rows, &c);
    for (size_t i = 0; i < c.n_known; i++) {
        struct ca_ref ref;

        CHECK_OK(ca_ref_parse(rows[i].name, &ref));
        if (!ref.root || ref.number != 1)
            continue;
        change.retire[change.n_retire].id = rows[i].id;
        change.retire[change.n_retire++].at = c.now;
    }
    CHECK_INT(change.n_retire, ROOTS);
    put_in_force(k, &c, &m, &change);
    k->parted = true;
}

/* ---- certificates */

static void issued(void *arg, enum rc rc, const struct store_certificate *cert,
                   const struct err *err)
{
    struct walk *k = arg;

    (void)err;
    k->rc = rc;
    if (rc != RC_OK)
        return;
    k->rc = arena_str(&k->arena, cert->der, &k->der);
    k->issuer = cert->issuer;
}

static void renew(struct walk *k, size_t kind)
{
    static const struct str names[] = {{"pacs.hospital.example", 21}};
    struct ca_request ask = {.profile = STR("default"),
                             .spki = crypto_key_spki(k->keys[kind]),
                             .key_type = leaf_keys[kind].type,
                             .dns = names,
                             .n_dns = 1,
                             .origin = STR("walk")};
    const struct ca_issuer *issuer;
    struct x509_cert *cert = ARENA_NEW(&k->arena, struct x509_cert);
    struct err err = ERR_INIT;

    k->rc = RC_AGAIN;
    CHECK_OK(ca_issue(k->w.ca, &ask, issued, k, &err));
    world_spin(&k->w);
    CHECK_OK(k->rc);
    CHECK(cert);
    CHECK_OK(x509_cert_parse(&k->arena, k->der, cert, NULL));
    issuer = ca_issuer_by_id(k->w.ca, &k->issuer);
    CHECK(issuer);
    /* Of its own algorithm, and not beyond its issuer's end. */
    CHECK_STR(issuer->algorithm, ceremony_kinds[kind].algorithm);
    CHECK(cert->not_after <= issuer->cert.not_after);
    CHECK_INT(cert->not_after - cert->not_before, LIFETIME - WHEN_SECOND);
    CHECK(k->n_live < LIVE_MAX);
    k->live[k->n_live++] = (struct live){k->der, k->issuer, cert->not_after};
    k->issued++;
}

static void forget_ended(struct walk *k)
{
    size_t kept = 0;

    for (size_t i = 0; i < k->n_live; i++)
        if (k->live[i].not_after > k->w.clock.now)
            k->live[kept++] = k->live[i];
    k->n_live = kept;
}

/* ---- clients */

static void verify_with(struct walk *k, const struct live *leaf, struct str root, size_t way)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(1 << 20);
    struct str chain[X509_CHAIN_MAX];
    struct x509_verify_in v = {.leaf = leaf->der,
                               .chain = chain,
                               .roots = &root,
                               .n_roots = 1,
                               .at = k->w.clock.now,
                               .purpose = X509_FOR_SERVER,
                               .dns = STR("pacs.hospital.example")};
    struct err err = ERR_INIT;
    struct x509_cert *certs;
    char text[512];
    size_t n;

    CHECK_OK(ca_chain_pem_by(k->w.ca, &leaf->issuer, leaf->der, way, &pem));
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&pem), X509_CHAIN_MAX, &certs, &n, NULL));
    CHECK(str_eq(certs[0].der, leaf->der));
    for (size_t i = 1; i < n; i++) {
        chain[v.n_chain++] = certs[i].der;
        /* Each was issued by the one behind it: some clients insist. */
        CHECK_OK(x509_cert_check_issuer(&certs[i - 1], &certs[i], NULL));
        CHECK(!x509_cert_self_issued(&certs[i]));
    }
    err.rc = x509_verify(&v, &err);
    if (err.rc != RC_OK)
        fail_msg("%u days on: %s", (unsigned)((k->w.clock.now - k->begun) / WHEN_DAY),
                 err_textz(&err, text, sizeof(text)));
    k->verified++;
}

static struct str root_of(struct walk *k, const struct ca_issuer *issuer, unsigned number)
{
    const struct ceremony_kind *kind = ceremony_kind_find(issuer->algorithm);
    struct ca_ref ref = {str_of(kind->root), number, true, false};
    char name[CA_REF_MAX + 1];
    const struct ca_issuer *root = ca_issuer_find(k->w.ca, str_of(ca_ref_text(&ref, name)));

    return root ? root->cert.der : STR("");
}

/* Where its certificate says that the issuer's is. */
static void answered(struct http_exchange *x, void *arg)
{
    (void)x;
    *(bool *)arg = true;
}

static void check_aia(struct walk *k, const struct ca_issuer *issuer)
{
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    bool done = false;
    char path[128];

    snprintf(path, sizeof(path), "/issuer/%.*s.cer", STR_ARG(issuer->ref));
    CHECK_OK(http_exchange_new(answered, &done, &x));
    x->req.listener = STR("plain");
    x->req.method = STR("GET");
    x->req.path = str_of(path);
    trust_handle(k->w.ca, x);
    CHECK(done);
    CHECK_INT(x->res.status, 200);
    CHECK(str_eq(buf_str(&x->res.body), issuer->cert.der));
    x->done_arg = NULL;
}

static void clients_verify(struct walk *k)
{
    for (size_t i = 0; i < k->n_live; i++) {
        const struct live *leaf = &k->live[i];
        const struct ca_issuer *issuer = ca_issuer_by_id(k->w.ca, &leaf->issuer);

        CHECK(issuer);
        check_aia(k, issuer);
        verify_with(k, leaf, root_of(k, issuer, 1), 0);
        if (!k->rolled) {
            CHECK_INT(ca_chain_ways(k->w.ca, &leaf->issuer), 1);
            continue;
        }
        verify_with(k, leaf, root_of(k, issuer, 2), 0);
        /* The other way is the short one, for who has the root that it hangs below. */
        CHECK_INT(ca_chain_ways(k->w.ca, &leaf->issuer), 2);
        verify_with(k, leaf, ca_issuer_by_id(k->w.ca, &issuer->parent)->cert.der, 1);
    }
}

static void begin(struct walk *k)
{
    world_set_kinds((1u << CEREMONY_KINDS) - 1);
    k->w.dir.fd = -1;
    arena_init(&k->arena, WALK_ARENA);
    CHECK(world_start(&k->w, "profiles: {default: {key_algorithms: [rsa, ecdsa, sm2, mldsa]}}\n"
                             "ca: {rotation: {lifetime: 730d, before: 200d, overlap: 20d}}\n"));
    CHECK(world_passphrase(&k->passphrase));
    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        CHECK_OK(crypto_key_generate(leaf_keys[i], &k->keys[i]));
    k->begun = k->w.clock.now;
}

static void ten_years(void)
{
    CLEANUP(walk_done) struct walk k = {.n_live = 0};

    begin(&k);
    for (unsigned step = 0; step < STEPS; step++) {
        when_t age = k.w.clock.now - k.begun;

        forget_ended(&k);
        if (!k.rolled && age >= ROLLOVER)
            roll_over(&k);
        if (!k.parted && age >= FAREWELL)
            part_with_old_roots(&k);
        rotate_what_is_due(&k);
        for (size_t kind = 0; kind < CEREMONY_KINDS; kind++)
            renew(&k, kind);
        clients_verify(&k);
        clock_fake_advance(&k.w.clock, STEP);
        world_spin(&k.w);
    }
    CHECK(k.w.clock.now - k.begun > 10 * YEAR);
    print_message(
        "%u certificates, %u issuers replaced, %u cross certificates, %u chains verified\n",
        k.issued, k.rotations, k.crossed, k.verified);
    CHECK_INT(k.issued, STEPS * CEREMONY_KINDS);
    CHECK(k.rotations >= 5 * CEREMONY_KINDS);
    CHECK_INT(k.crossed, 2 * ROOTS);
}

CHECK_MAIN(CHECK_TEST_ONCE(ten_years))
