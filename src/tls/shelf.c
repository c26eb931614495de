/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/shelf.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "crypto/ossl.h"
#include "crypto/pem.h"
#include "tls/identity_int.h"
#include "tls/signing_int.h"
#include "tls/tls_int.h"
#include "x509/der.h"

MSG(msg_der, "tls.shelf-der", "the chain or the key is empty or not in DER");
MSG(msg_many, "tls.shelf-long", "the chain has more than {0} certificates or 64 KiB");
MSG(msg_kind, "tls.shelf-kind", "keys of that kind cannot be in another process");

struct tls_shelf {
    unsigned refs;
    struct shared_pool issuers; /* what is behind leaves; `user` is that as a stack of X509 */
    struct list open;           /* identities, those shown last at the end */
    size_t n_open, most;
};

/* ---- the shelf */

enum rc tls_shelf_new(size_t most, struct tls_shelf **out)
{
    struct tls_shelf *s = MEM_NEW(struct tls_shelf);

    if (!s)
        return RC_NOMEM;
    s->refs = 1;
    s->most = most;
    shared_init(&s->issuers);
    list_init(&s->open);
    *out = s;
    return RC_OK;
}

void tls_shelf_free(struct tls_shelf *s)
{
    if (s && --s->refs == 0)
        mem_free(s);
}

size_t tls_shelf_n_open(const struct tls_shelf *s)
{
    return s->n_open;
}

/* ---- what issued the leaves */

static void issuers_free(void *stack)
{
    sk_X509_pop_free(stack, X509_free);
}

/* The next certificate; NULL: it is damaged, or no memory. */
static X509 *read_one(const unsigned char **at, const unsigned char *end)
{
    X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);

    if (x && d2i_X509(&x, at, (long)(end - *at)))
        return x;
    X509_free(x);
    return NULL;
}

/* Opened once, and then they stay: they are few. NULL: damaged, or no memory. */
static STACK_OF(X509) * open_issuers(struct shared *is)
{
    const unsigned char *at = is->bytes, *end = at + is->n;
    STACK_OF(X509) *opened = is->user ? NULL : sk_X509_new_null();

    while (opened && at < end) {
        X509 *x = read_one(&at, end);

        if (x && sk_X509_push(opened, x) > 0)
            continue;
        X509_free(x);
        issuers_free(MOVE(opened));
    }
    if (opened)
        is->user = opened;
    return is->user;
}

/* ---- identities, opened and closed */

void tls_parts_done(struct tls_parts *p)
{
    X509_free(p->leaf);
    EVP_PKEY_free(p->key);
    sk_X509_pop_free(p->chain, X509_free);
    *p = (struct tls_parts){};
}

static EVP_PKEY *key_of(const struct tls_identity *id, X509 *leaf)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct str behind = str_bytes(id->key, id->key_n);
    EVP_PKEY *public, *out;

    if (id->signer) {
        public = X509_get0_pubkey(leaf);
        return public ? tls_away_key(public, id->signer, behind) : NULL;
    }
    if (crypto_key_read_der(behind, &key, NULL) != RC_OK)
        return NULL;
    out = crypto_ossl_pkey(key);
    EVP_PKEY_up_ref(out);
    return out;
}

static void close_one(struct tls_identity *id)
{
    if (!id->parts.leaf)
        return;
    tls_parts_done(&id->parts);
    list_remove(&id->link);
    id->shelf->n_open--;
}

static bool open_one(struct tls_identity *id)
{
    const unsigned char *at = id->leaf;
    struct tls_parts p = {.leaf = read_one(&at, at + id->leaf_n)};
    STACK_OF(X509) *issuers = p.leaf ? open_issuers(id->issuers) : NULL;

    if (issuers) {
        p.key = key_of(id, p.leaf);
        p.chain = X509_chain_up_ref(issuers);
    }
    if (!p.key || !p.chain) {
        tls_parts_done(&p);
        crypto_ossl_clear();
        return false;
    }
    id->parts = p;
    id->shelf->n_open++;
    return true;
}

bool tls_shelf_open(struct tls_identity *id)
{
    struct tls_shelf *s = id->shelf;

    if (id->parts.leaf)
        list_remove(&id->link);
    else if (!open_one(id))
        return false;
    list_push(&s->open, &id->link);
    /* Handshakes under way have references of their own. */
    while (s->n_open > s->most)
        close_one(LIST_ENTRY(s->open.next, struct tls_identity, link));
    return true;
}

void tls_shelf_drop(struct tls_identity *id)
{
    close_one(id);
    shared_drop(id->issuers, issuers_free);
    if (id->own)
        OPENSSL_cleanse(id->own, id->own_n);
    mem_free(id->own);
    segment_unref(id->segment);
    tls_shelf_free(id->shelf);
}

bool tls_shelf_is(const struct tls_identity *id, const X509 *leaf)
{
    unsigned char *der = NULL;
    int n = i2d_X509(leaf, &der);
    bool same = n > 0 && (size_t)n == id->leaf_n && memcmp(der, id->leaf, id->leaf_n) == 0;

    OPENSSL_free(der);
    return same;
}

/* ---- put there */

/* How many certificates, or what looks so, are one behind the other; false: something else. */
static bool count_der(struct str ders, size_t *out)
{
    struct rd r = rd_of(ders);

    for (*out = 0; r.left && !r.failed; ++*out) {
        uint8_t tag = 0;

        x509_der_any(&r, &tag);
        if (tag != X509_DER_SEQUENCE)
            rd_fail(&r);
    }
    return rd_done(&r) == RC_OK;
}

static enum rc check(const struct tls_shelved *in, struct err *err)
{
    struct str behind = in->signer ? in->about : in->key;
    size_t leaves, issuers;

    if (in->signer && in->kind == TLS_KIND_ED25519)
        return ERR(err, RC_UNSUPPORTED, msg_kind);
    if (in->signer && behind.n > TLS_ABOUT_MAX)
        return RC_TOOBIG;
    if (in->leaf.n > TLS_CHAIN_PEM_MAX || in->issuers.n > TLS_CHAIN_PEM_MAX ||
        behind.n > CRYPTO_PEM_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("10"));
    if (behind.n == 0 || !count_der(in->leaf, &leaves) || leaves != 1 ||
        !count_der(in->issuers, &issuers))
        return ERR(err, RC_PARSE, msg_der);
    return issuers < TLS_CHAIN_MAX ? RC_OK : ERR(err, RC_TOOBIG, msg_many, STR("10"));
}

/* Copies of what is in no segment. */
static enum rc keep(struct tls_identity *id, const struct tls_shelved *in)
{
    struct str leaf = in->segment ? STR("") : in->leaf;
    struct str behind = in->signer ? in->about : in->segment ? STR("") : in->key;

    id->leaf = (const unsigned char *)in->leaf.p;
    id->key = (const unsigned char *)in->key.p;
    id->leaf_n = (uint32_t)in->leaf.n;
    id->key_n = (uint32_t)(in->signer ? in->about.n : in->key.n);
    id->segment = in->segment ? segment_ref(in->segment) : NULL;
    id->own_n = (uint32_t)(leaf.n + behind.n);
    if (id->own_n == 0)
        return RC_OK;
    id->own = mem_alloc(id->own_n);
    if (!id->own)
        return RC_NOMEM;
    if (leaf.n)
        id->leaf = memcpy(id->own, leaf.p, leaf.n);
    if (behind.n)
        id->key = memcpy(id->own + leaf.n, behind.p, behind.n);
    return RC_OK;
}

static size_t index_of(unsigned kind)
{
    size_t i = 0;

    while (i < TLS_IDENTITIES_MAX - 1 && kind != 1u << i)
        i++;
    return i;
}

enum rc tls_shelf_put(struct tls_shelf *s, const struct tls_shelved *in, struct tls_identity **out,
                      struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    TRY(check(in, err));
    id = MEM_NEW(struct tls_identity);
    if (!id)
        return RC_NOMEM;
    id->refs = 1;
    id->kind = index_of(in->kind);
    id->signer = in->signer;
    buf_init(&id->staple, TLS_STAPLE_MAX);
    list_init(&id->link);
    id->shelf = s;
    s->refs++;
    TRY(shared_take(&s->issuers, in->issuers, &id->issuers));
    TRY(keep(id, in));
    *out = MOVE(id);
    return RC_OK;
}
