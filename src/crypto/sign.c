/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sign.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "crypto/crypto_int.h"
#include "crypto/sm2.h"
#include "crypto/token_int.h"

DEFINE_FREEP(ECDSA_SIG_free, ECDSA_SIG)

enum family {
    FAMILY_RSA = 1,
    FAMILY_EC,
    FAMILY_SM2,
    /* those that take the message itself */
    FAMILY_ED25519,
    FAMILY_MLDSA44,
    FAMILY_MLDSA65,
    FAMILY_MLDSA87,
};

enum { RS_DER_MAX = 128 }; /* of r and s on the longest curve, with room */

struct scheme {
    enum family family;
    enum crypto_hash_alg md;
    bool pss;
    const char *text;
};

static const struct scheme schemes[CRYPTO_SIG_COUNT] = {
    [CRYPTO_SIG_RSA_SHA256] = {FAMILY_RSA, CRYPTO_SHA256, false, "RSA with SHA-256"},
    [CRYPTO_SIG_RSA_SHA384] = {FAMILY_RSA, CRYPTO_SHA384, false, "RSA with SHA-384"},
    [CRYPTO_SIG_RSA_SHA512] = {FAMILY_RSA, CRYPTO_SHA512, false, "RSA with SHA-512"},
    [CRYPTO_SIG_PSS_SHA256] = {FAMILY_RSA, CRYPTO_SHA256, true, "RSA-PSS with SHA-256"},
    [CRYPTO_SIG_PSS_SHA384] = {FAMILY_RSA, CRYPTO_SHA384, true, "RSA-PSS with SHA-384"},
    [CRYPTO_SIG_PSS_SHA512] = {FAMILY_RSA, CRYPTO_SHA512, true, "RSA-PSS with SHA-512"},
    [CRYPTO_SIG_ECDSA_SHA256] = {FAMILY_EC, CRYPTO_SHA256, false, "ECDSA with SHA-256"},
    [CRYPTO_SIG_ECDSA_SHA384] = {FAMILY_EC, CRYPTO_SHA384, false, "ECDSA with SHA-384"},
    [CRYPTO_SIG_ECDSA_SHA512] = {FAMILY_EC, CRYPTO_SHA512, false, "ECDSA with SHA-512"},
    [CRYPTO_SIG_ED25519] = {FAMILY_ED25519, 0, false, "Ed25519"},
    [CRYPTO_SIG_SM2_SM3] = {FAMILY_SM2, CRYPTO_SM3, false, "SM2 with SM3"},
    [CRYPTO_SIG_MLDSA44] = {FAMILY_MLDSA44, 0, false, "ML-DSA-44"},
    [CRYPTO_SIG_MLDSA65] = {FAMILY_MLDSA65, 0, false, "ML-DSA-65"},
    [CRYPTO_SIG_MLDSA87] = {FAMILY_MLDSA87, 0, false, "ML-DSA-87"},
};

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

/* By the key's type. */
static const struct {
    enum family family;
    enum crypto_sig_alg usual;
} types[CRYPTO_KEY_TYPES] = {
    [CRYPTO_KEY_RSA] = {FAMILY_RSA, CRYPTO_SIG_RSA_SHA256},
    [CRYPTO_KEY_P256] = {FAMILY_EC, CRYPTO_SIG_ECDSA_SHA256},
    [CRYPTO_KEY_P384] = {FAMILY_EC, CRYPTO_SIG_ECDSA_SHA384},
    [CRYPTO_KEY_ED25519] = {FAMILY_ED25519, CRYPTO_SIG_ED25519},
    [CRYPTO_KEY_SM2] = {FAMILY_SM2, CRYPTO_SIG_SM2_SM3},
    [CRYPTO_KEY_MLDSA44] = {FAMILY_MLDSA44, CRYPTO_SIG_MLDSA44},
    [CRYPTO_KEY_MLDSA65] = {FAMILY_MLDSA65, CRYPTO_SIG_MLDSA65},
    [CRYPTO_KEY_MLDSA87] = {FAMILY_MLDSA87, CRYPTO_SIG_MLDSA87},
};

static enum family family_of(const struct crypto_key *k)
{
    return types[crypto_key_type(k)].family;
}

static bool takes_message(const struct crypto_key *k)
{
    return family_of(k) >= FAMILY_ED25519;
}

static bool has_rs(const struct crypto_key *k)
{
    return family_of(k) == FAMILY_EC || family_of(k) == FAMILY_SM2;
}

/* Bytes of r and of s. */
static size_t field_size(const struct crypto_key *k)
{
    return crypto_key_bits(k) / 8;
}

enum crypto_sig_alg crypto_sig_default(const struct crypto_key *k)
{
    return types[crypto_key_type(k)].usual;
}

bool crypto_sig_fits(enum crypto_sig_alg alg, const struct crypto_key *k)
{
    return alg > 0 && alg < CRYPTO_SIG_COUNT && schemes[alg].family == family_of(k);
}

const char *crypto_sig_text(enum crypto_sig_alg alg)
{
    return alg > 0 && alg < CRYPTO_SIG_COUNT ? schemes[alg].text : "an unknown algorithm";
}

static bool set_pss(EVP_PKEY_CTX *p)
{
    return EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* What OpenSSL wrote, in the form that was asked for. */
static enum rc put_form(const struct crypto_key *k, enum crypto_sig_form form, struct str sig,
                        struct buf *out)
{
    CLEANUP(ECDSA_SIG_freep) ECDSA_SIG *rs = NULL;
    const unsigned char *at = (const unsigned char *)sig.p;
    size_t n = field_size(k);
    unsigned char *to;

    if (form == CRYPTO_SIG_DER || !has_rs(k)) {
        buf_puts(out, sig);
        return buf_rc(out);
    }
    rs = d2i_ECDSA_SIG(NULL, &at, (long)sig.n);
    if (!rs)
        return failed(RC_CRYPTO);
    to = buf_reserve(out, 2 * n);
    if (!to)
        return buf_rc(out);
    if (BN_bn2binpad(ECDSA_SIG_get0_r(rs), to, (int)n) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(rs), to + n, (int)n) < 0)
        return failed(RC_CRYPTO);
    buf_advance(out, 2 * n);
    return RC_OK;
}

/* Why a token did not sign is for the caller to decide on: RC_AGAIN when it is gone. */
static enum rc failed_to_sign(const struct crypto_key *k)
{
    struct crypto_private at = crypto_key_private(k);

    return at.token ? crypto_token_failed("signing", "", NULL) : failed(RC_CRYPTO);
}

static EVP_PKEY_CTX *context_for(const struct crypto_key *k, enum crypto_use use)
{
    struct crypto_private at = crypto_key_private(k);

    if (use == CRYPTO_SIGNS)
        return EVP_PKEY_CTX_new_from_pkey(at.ctx, at.pkey, at.properties);
    return EVP_PKEY_CTX_new_from_pkey(crypto_ossl_ctx(), crypto_ossl_pkey(k), NULL);
}

/* For digests already made: the key's own context, or one for this time. */
static EVP_PKEY_CTX *prepare(const struct crypto_key *k, enum crypto_sig_alg alg,
                             enum crypto_use use)
{
    const struct scheme *s = &schemes[alg];
    EVP_PKEY_CTX *p = alg == crypto_sig_default(k) ? crypto_key_ctx_take(k, use) : NULL;

    if (p)
        return p;
    p = context_for(k, use);
    if (p && (use == CRYPTO_SIGNS ? EVP_PKEY_sign_init(p) : EVP_PKEY_verify_init(p)) == 1 &&
        (s->family != FAMILY_RSA || EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PADDING) == 1) &&
        (!s->pss || set_pss(p)) && EVP_PKEY_CTX_set_signature_md(p, crypto_md(s->md)) == 1)
        return p;
    EVP_PKEY_CTX_free(p);
    return NULL;
}

/* Kept after success only: what a failure leaves behind in it is nobody's to know. */
static enum rc finish(const struct crypto_key *k, enum crypto_sig_alg alg, enum crypto_use use,
                      EVP_PKEY_CTX *p, enum rc rc)
{
    if (rc == RC_OK && alg == crypto_sig_default(k))
        crypto_key_ctx_keep(k, use, p);
    else
        EVP_PKEY_CTX_free(p);
    if (rc != RC_OK && use == CRYPTO_SIGNS)
        return failed_to_sign(k);
    return rc == RC_OK ? RC_OK : failed(rc);
}

static enum rc sign_message(const struct crypto_key *k, struct str message, struct buf *out)
{
    CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    unsigned char sig[CRYPTO_SIG_MAX];
    struct crypto_private at = crypto_key_private(k);
    size_t n = sizeof(sig);

    if (!c || EVP_DigestSignInit_ex(c, NULL, NULL, at.ctx, at.properties, at.pkey, NULL) != 1 ||
        EVP_DigestSign(c, sig, &n, (const unsigned char *)message.p, message.n) != 1)
        return failed_to_sign(k);
    buf_put(out, sig, n);
    return buf_rc(out);
}

static enum rc make_digest(const struct crypto_key *k, enum crypto_sig_alg alg, struct str message,
                           unsigned char out[static CRYPTO_HASH_MAX])
{
    if (alg == CRYPTO_SIG_SM2_SM3)
        return crypto_sm2_digest(k, STR(CRYPTO_SM2_ID), message, out);
    return crypto_hash(schemes[alg].md, message, out);
}

enum rc crypto_sign(const struct crypto_key *k, enum crypto_sig_alg alg, enum crypto_sig_form form,
                    struct str message, struct buf *out)
{
    unsigned char digest[CRYPTO_HASH_MAX];

    if (!crypto_sig_fits(alg, k) || !crypto_key_has_private(k))
        return RC_INVAL;
    if (takes_message(k))
        return sign_message(k, message, out);
    TRY(make_digest(k, alg, message, digest));
    return crypto_sign_digest(k, alg, form, str_bytes(digest, crypto_hash_size(schemes[alg].md)),
                              out);
}

enum rc crypto_sign_digest(const struct crypto_key *k, enum crypto_sig_alg alg,
                           enum crypto_sig_form form, struct str digest, struct buf *out)
{
    unsigned char sig[CRYPTO_SIG_MAX];
    size_t n = sizeof(sig);
    EVP_PKEY_CTX *p;
    enum rc rc;

    if (!crypto_sig_fits(alg, k) || !crypto_key_has_private(k))
        return RC_INVAL;
    if (takes_message(k))
        return RC_UNSUPPORTED;
    if (digest.n != crypto_hash_size(schemes[alg].md))
        return RC_INVAL;
    p = prepare(k, alg, CRYPTO_SIGNS);
    rc = p && EVP_PKEY_sign(p, sig, &n, (const unsigned char *)digest.p, digest.n) == 1 ? RC_OK
                                                                                        : RC_CRYPTO;
    TRY(finish(k, alg, CRYPTO_SIGNS, p, rc));
    return put_form(k, form, str_bytes(sig, n), out);
}

/* r and s as the DER that OpenSSL verifies. */
static enum rc raw_to_der(const struct crypto_key *k, struct str raw,
                          unsigned char der[static RS_DER_MAX], struct str *out)
{
    CLEANUP(ECDSA_SIG_freep) ECDSA_SIG *rs = ECDSA_SIG_new();
    size_t n = field_size(k);
    unsigned char *to = der;
    BIGNUM *r, *s;
    int len;

    if (raw.n != 2 * n)
        return RC_DENIED;
    r = BN_bin2bn((const unsigned char *)raw.p, (int)n, NULL);
    s = BN_bin2bn((const unsigned char *)raw.p + n, (int)n, NULL);
    if (!rs || !r || !s || ECDSA_SIG_set0(rs, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return failed(RC_CRYPTO);
    }
    /* At most 2 * (48 + 3) + 3 bytes. */
    len = i2d_ECDSA_SIG(rs, &to);
    if (len <= 0)
        return failed(RC_CRYPTO);
    *out = str_bytes(der, (size_t)len);
    return RC_OK;
}

static enum rc verify_message(const struct crypto_key *k, struct str message, struct str signature)
{
    CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();

    if (!c || EVP_DigestVerifyInit_ex(c, NULL, NULL, crypto_ossl_ctx(), NULL, crypto_ossl_pkey(k),
                                      NULL) != 1)
        return failed(RC_CRYPTO);
    if (EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n,
                         (const unsigned char *)message.p, message.n) != 1)
        return failed(RC_DENIED);
    return RC_OK;
}

static enum rc verify_digest(const struct crypto_key *k, enum crypto_sig_alg alg,
                             enum crypto_sig_form form,
                             const unsigned char digest[static CRYPTO_HASH_MAX],
                             struct str signature)
{
    unsigned char der[RS_DER_MAX];
    EVP_PKEY_CTX *p;
    bool holds;

    if (form == CRYPTO_SIG_RAW && has_rs(k))
        TRY(raw_to_der(k, signature, der, &signature));
    p = prepare(k, alg, CRYPTO_VERIFIES);
    if (!p)
        return failed(RC_CRYPTO);
    holds = EVP_PKEY_verify(p, (const unsigned char *)signature.p, signature.n, digest,
                            crypto_hash_size(schemes[alg].md)) == 1;
    return finish(k, alg, CRYPTO_VERIFIES, p, holds ? RC_OK : RC_DENIED);
}

enum rc crypto_verify(const struct crypto_key *k, enum crypto_sig_alg alg,
                      enum crypto_sig_form form, struct str message, struct str signature)
{
    unsigned char digest[CRYPTO_HASH_MAX];

    if (!crypto_sig_fits(alg, k))
        return RC_INVAL;
    if (takes_message(k))
        return verify_message(k, message, signature);
    TRY(make_digest(k, alg, message, digest));
    return verify_digest(k, alg, form, digest, signature);
}

/* ---- SM2 ---- */

enum rc crypto_verify_sm2(const struct crypto_key *k, struct str id, enum crypto_sig_form form,
                          struct str message, struct str signature)
{
    unsigned char digest[CRYPTO_HASH_MAX];

    TRY(crypto_sm2_digest(k, id, message, digest));
    return verify_digest(k, CRYPTO_SIG_SM2_SM3, form, digest, signature);
}

enum rc crypto_sm2_digest(const struct crypto_key *k, struct str id, struct str message,
                          unsigned char out[static CRYPTO_HASH_MAX])
{
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;

    TRY(crypto_sm2_z(k, id, out));
    TRY(crypto_hasher_new(CRYPTO_SM3, &h));
    TRY(crypto_hasher_add(h, str_bytes(out, crypto_hash_size(CRYPTO_SM3))));
    TRY(crypto_hasher_add(h, message));
    return crypto_hasher_end(h, out);
}
