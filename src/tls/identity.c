/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/site.h"

#include <assert.h>
#include <stdio.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/ossl.h"
#include "tlcp/identity.h"
#include "tls/clients.h"
#include "tls/identity_int.h"
#include "tls/tls_int.h"

MSG(msg_chain, "tls.chain", "certificate {0} of the chain is damaged or not in PEM");
MSG(msg_none, "tls.chain-none", "the chain has no certificate");
MSG(msg_many, "tls.chain-long",
    "the chain has more than {0} certificates or is longer than 64 KiB");
MSG(msg_key, "tls.key", "the private key is missing or belongs to another certificate");

DEFINE_FREEP(X509_free, X509)

static enum rc bad_certificate(size_t index, struct err *err)
{
    char number[8];

    crypto_ossl_clear();
    snprintf(number, sizeof(number), "%zu", index + 1);
    return ERR(err, RC_PARSE, msg_chain, str_of(number));
}

static enum rc add(struct tls_identity *id, struct str der, size_t index, struct err *err)
{
    CLEANUP(X509_freep) X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    const unsigned char *at = (const unsigned char *)der.p;

    if (!x)
        return RC_NOMEM;
    if (!d2i_X509(&x, &at, (long)der.n) || at != (const unsigned char *)der.p + der.n)
        return bad_certificate(index, err);
    if (!id->parts.leaf)
        id->parts.leaf = MOVE(x);
    else if (sk_X509_push(id->parts.chain, x) > 0)
        x = NULL;
    else
        return RC_NOMEM;
    return RC_OK;
}

static enum rc add_all(struct tls_identity *id, struct str pem, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CHAIN_PEM_MAX);
    size_t n = 0;

    for (;; n++) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        if (rc != RC_OK)
            return rc == RC_NOMEM ? rc : bad_certificate(n, err);
        if (n == TLS_CHAIN_MAX)
            return ERR(err, RC_TOOBIG, msg_many, STR("10"));
        TRY(add(id, buf_str(&der), n, err));
    }
    return n ? RC_OK : ERR(err, RC_PARSE, msg_none);
}

/* Where OpenSSL keeps one certificate for each kind, so do sites: the place of its bit TLS_KIND_.
 */
static size_t kind_of(const EVP_PKEY *key)
{
    static const struct {
        const char *name;
        size_t kind;
    } kinds[] = {{"RSA", 0}, {"EC", 1}, {"ML-DSA-44", 3}, {"ML-DSA-65", 3}, {"ML-DSA-87", 3}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (EVP_PKEY_is_a(key, kinds[i].name))
            return kinds[i].kind;
    return 2;
}

static enum rc new_empty(struct tls_identity **out)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = MEM_NEW(struct tls_identity);

    if (!id)
        return RC_NOMEM;
    id->refs = 1;
    buf_init(&id->staple, TLS_STAPLE_MAX);
    id->parts.chain = sk_X509_new_null();
    if (!id->parts.chain)
        return RC_NOMEM;
    *out = MOVE(id);
    return RC_OK;
}

/* Without its key. */
static enum rc read_chain(struct str chain_pem, struct tls_identity **out, struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    if (chain_pem.n > TLS_CHAIN_PEM_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("10"));
    TRY(new_empty(&id));
    TRY(add_all(id, chain_pem, err));
    *out = MOVE(id);
    return RC_OK;
}

enum rc tls_identity_new(struct str chain_pem, const struct crypto_key *key,
                         struct tls_identity **out, struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    TRY(read_chain(chain_pem, &id, err));
    id->parts.key = crypto_ossl_pkey(key);
    id->kind = kind_of(id->parts.key);
    EVP_PKEY_up_ref(id->parts.key);
    if (!crypto_key_has_private(key) ||
        X509_check_private_key(id->parts.leaf, id->parts.key) != 1) {
        crypto_ossl_clear();
        return ERR(err, RC_INVAL, msg_key);
    }
    *out = MOVE(id);
    return RC_OK;
}

enum rc tls_identity_staple(struct tls_identity *id, struct str answer, when_t until)
{
    buf_reset(&id->staple);
    buf_puts(&id->staple, answer);
    id->staple_until = until;
    return buf_rc(&id->staple);
}

/* The key is the leaf's: tlcp/identity.h has seen to it. */
enum rc tls_identity_of_tlcp(const struct tlcp_identity *from, struct tls_identity **out)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct str der;

    TRY(new_empty(&id));
    for (size_t i = 0; (der = tlcp_identity_signs(from, i)).n; i++)
        TRY(add(id, der, i, NULL));
    id->parts.key = crypto_ossl_pkey(tlcp_identity_sign_key(from));
    EVP_PKEY_up_ref(id->parts.key);
    id->kind = TLS_IDENTITIES_MAX; /* none that a site has by kind */
    *out = MOVE(id);
    return RC_OK;
}

struct tls_identity *tls_identity_ref(struct tls_identity *id)
{
    id->refs++;
    return id;
}

void tls_identity_unref(struct tls_identity *id)
{
    if (!id || --id->refs)
        return;
    if (id->shelf)
        tls_shelf_drop(id);
    else
        tls_parts_done(&id->parts);
    buf_done(&id->staple);
    mem_free(id);
}

bool tls_identity_install(struct tls_identity *id, SSL *ssl)
{
    const struct tls_parts *p = &id->parts;

    if (id->shelf && !tls_shelf_open(id))
        return false;
    return SSL_use_cert_and_key(ssl, p->leaf, p->key, p->chain, 1) == 1;
}

int tls_identity_bits(struct tls_identity *id)
{
    if (id->shelf && !tls_shelf_open(id))
        return 0;
    return EVP_PKEY_get_bits(X509_get0_pubkey(id->parts.leaf));
}

/* One of a shelf may have been closed since, and opened again. */
bool tls_identity_is(const struct tls_identity *id, const X509 *leaf)
{
    return id->parts.leaf == leaf || (id->shelf && tls_shelf_is(id, leaf));
}

bool tls_identity_show_staple(const struct tls_identity *id, SSL *ssl, when_t now)
{
    struct str der = buf_str(&id->staple);
    unsigned char *copy; /* OpenSSL frees it */

    if (der.n == 0 || id->staple_until <= now)
        return false;
    copy = OPENSSL_memdup(der.p, der.n);
    if (copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)der.n) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

/* ---- sites */

enum rc tls_site_init(struct tls_site *s, struct str bound_to)
{
    static_assert(sizeof(s->session) == CRYPTO_SHA256_BYTES);
    static_assert(sizeof(s->session) <= SSL_MAX_SID_CTX_LENGTH);

    *s = (struct tls_site){};
    TRY(crypto_sha256(bound_to, s->own));
    memcpy(s->session, s->own, sizeof(s->session));
    return RC_OK;
}

void tls_site_set_identity(struct tls_site *s, struct tls_identity *id)
{
    tls_identity_ref(id);
    tls_identity_unref(s->identities[id->kind]);
    s->identities[id->kind] = id;
}

static void drop_tlcp(struct tls_site *s)
{
    tlcp_identity_unref(MOVE(s->tlcp));
    tls_identity_unref(MOVE(s->sm2));
}

void tls_site_set_tlcp(struct tls_site *s, struct tlcp_identity *id)
{
    tlcp_identity_ref(id);
    drop_tlcp(s);
    s->tlcp = id;
}

enum rc tls_site_staple_sm2(struct tls_site *s, struct str answer, when_t until)
{
    if (!s->tlcp)
        return RC_NOTFOUND;
    if (!s->sm2)
        TRY(tls_identity_of_tlcp(s->tlcp, &s->sm2));
    return tls_identity_staple(s->sm2, answer, until);
}

enum rc tls_site_set_clients(struct tls_site *s, struct tls_clients *clients)
{
    unsigned char both[TLS_SITE_SESSION + TLS_CLIENTS_ID];
    uint8_t session[TLS_SITE_SESSION];

    memcpy(both, s->own, TLS_SITE_SESSION);
    memcpy(session, s->own, TLS_SITE_SESSION);
    if (clients) {
        memcpy(both + TLS_SITE_SESSION, tls_clients_id(clients), TLS_CLIENTS_ID);
        TRY(crypto_sha256(str_bytes(both, sizeof(both)), session));
        tls_clients_ref(clients);
    }
    tls_clients_unref(s->clients);
    s->clients = clients;
    memcpy(s->session, session, sizeof(session));
    return RC_OK;
}

void tls_site_keep(struct tls_site *s, unsigned kinds)
{
    bool any = s->tlcp && kinds & TLS_KIND_TLCP;

    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++)
        any |= s->identities[i] && kinds & 1u << i;
    for (size_t i = 0; any && i < TLS_IDENTITIES_MAX; i++)
        if (!(kinds & 1u << i))
            tls_identity_unref(MOVE(s->identities[i]));
    if (any && !(kinds & TLS_KIND_TLCP))
        drop_tlcp(s);
}

void tls_site_set_challenge(struct tls_site *s, struct tls_identity *id)
{
    struct tls_identity *old = s->challenge;

    s->challenge = id ? tls_identity_ref(id) : NULL;
    tls_identity_unref(old);
}

void tls_site_clear(struct tls_site *s)
{
    tls_site_set_challenge(s, NULL);
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++)
        tls_identity_unref(MOVE(s->identities[i]));
    drop_tlcp(s);
}

bool tls_site_has_identity(const struct tls_site *s)
{
    if (s->tlcp)
        return true;
    for (size_t i = 0; i < TLS_IDENTITIES_MAX; i++)
        if (s->identities[i])
            return true;
    return false;
}

void tls_site_done(struct tls_site *s)
{
    tls_site_clear(s);
    tls_clients_unref(MOVE(s->clients));
}
