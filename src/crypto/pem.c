/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pem.h"

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/crypto_int.h"
#include "crypto/token.h"

MSG(msg_none, "crypto.pem-none",
    "no private key found: a PEM block \"PRIVATE KEY\" or \"ENCRYPTED PRIVATE KEY\" was looked "
    "for");
MSG(msg_old, "crypto.pem-old",
    "\"{0}\" is OpenSSL's old form of private keys; `openssl pkcs8 -topk8` turns it into PKCS#8");
MSG(msg_broken, "crypto.pem-broken", "the private key is damaged or not PKCS#8");
MSG(msg_size, "crypto.pem-size", "the file with the private key is longer than 32 KiB");
MSG(msg_locked, "crypto.pem-locked", "the private key is encrypted and no passphrase was given");
MSG(msg_passphrase, "crypto.pem-passphrase", "the passphrase does not open the private key");
MSG(msg_mismatch, "crypto.pem-mismatch", "the private key does not belong to its public half");
MSG(msg_type, "crypto.pem-type",
    "private keys of this type or size are not supported; use RSA of 2048 to 8192 bits, EC P-256 "
    "or P-384, Ed25519, SM2 or ML-DSA");

DEFINE_FREEP(PKCS8_PRIV_KEY_INFO_free, PKCS8_PRIV_KEY_INFO)
DEFINE_FREEP(X509_ALGOR_free, X509_ALGOR)
DEFINE_FREEP(X509_SIG_free, X509_SIG)
DEFINE_FREEP(EVP_CIPHER_free, EVP_CIPHER)

static const struct str label_clear = STR("PRIVATE KEY");
static const struct str label_locked = STR("ENCRYPTED PRIVATE KEY");

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

/* Armour around `der`, in room reserved at once: a buffer that grows leaves copies behind. */
static enum rc put_armour(struct str label, struct str der, struct buf *out)
{
    if (!buf_reserve(out, 128 + der.n * 3 / 2))
        return buf_rc(out);
    text_pem(out, label, der);
    return buf_rc(out);
}

static enum rc put_locked(PKCS8_PRIV_KEY_INFO *p8, struct secret *passphrase, struct buf *out)
{
    CLEANUP(EVP_CIPHER_freep)
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypto_ossl_ctx(), "AES-256-CBC", NULL);
    CLEANUP(X509_ALGOR_freep) X509_ALGOR *alg = NULL;
    CLEANUP(X509_SIG_freep) X509_SIG *sig = NULL;
    unsigned char salt[CRYPTO_SCRYPT_SALT], iv[16];
    unsigned char *der = NULL;
    enum rc rc;
    int n;

    TRY(crypto_random(salt, sizeof(salt)));
    TRY(crypto_random(iv, sizeof(iv)));
    if (!cipher)
        return failed(RC_CRYPTO);
    alg = PKCS5_pbe2_set_scrypt(cipher, salt, sizeof(salt), iv, CRYPTO_SCRYPT_N, CRYPTO_SCRYPT_R,
                                CRYPTO_SCRYPT_P);
    if (!alg)
        return failed(RC_CRYPTO);
    sig = PKCS8_set0_pbe_ex((const char *)secret_bytes(passphrase), (int)secret_len(passphrase), p8,
                            alg, crypto_ossl_ctx(), NULL);
    if (!sig)
        return failed(RC_CRYPTO);
    alg = NULL; /* now the signature's */
    n = i2d_X509_SIG(sig, &der);
    if (n <= 0)
        return failed(RC_CRYPTO);
    rc = put_armour(label_locked, str_bytes(der, (size_t)n), out);
    OPENSSL_free(der);
    return rc;
}

enum rc crypto_pem_put(const struct crypto_key *k, struct secret *passphrase, struct buf *out)
{
    CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;

    if (!crypto_key_has_private(k) || crypto_key_in_token(k) ||
        secret_len(passphrase) > CRYPTO_PASSPHRASE_MAX)
        return RC_INVAL;
    p8 = EVP_PKEY2PKCS8(crypto_ossl_pkey(k));
    return p8 ? put_locked(p8, passphrase, out) : failed(RC_CRYPTO);
}

static enum rc put_clear(const struct crypto_key *k, bool armoured, struct buf *out)
{
    CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    unsigned char *der = NULL;
    enum rc rc = RC_OK;
    int n;

    if (!crypto_key_has_private(k) || crypto_key_in_token(k))
        return RC_INVAL;
    p8 = EVP_PKEY2PKCS8(crypto_ossl_pkey(k));
    n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;
    if (n <= 0)
        return failed(RC_CRYPTO);
    if (armoured)
        rc = put_armour(label_clear, str_bytes(der, (size_t)n), out);
    else
        buf_puts(out, str_bytes(der, (size_t)n));
    OPENSSL_clear_free(der, (size_t)n);
    return rc == RC_OK ? buf_rc(out) : rc;
}

enum rc crypto_pem_put_clear(const struct crypto_key *k, struct buf *out)
{
    return put_clear(k, true, out);
}

enum rc crypto_key_put_der(const struct crypto_key *k, struct buf *out)
{
    return put_clear(k, false, out);
}

/* The first block that is a private key in PKCS#8, decoded into `der`. */
static enum rc find_key(struct str pem, struct buf *der, bool *out_locked, struct err *err)
{
    if (!buf_reserve(der, pem.n))
        return buf_rc(der);
    for (;;) {
        struct str label;
        enum rc rc;

        buf_reset(der);
        rc = text_unpem(&pem, (struct str){"", 0}, &label, der);
        if (rc == RC_NOTFOUND)
            return ERR(err, rc, msg_none);
        if (rc != RC_OK)
            return ERR(err, rc, msg_broken);
        *out_locked = str_eq(label, label_locked);
        if (*out_locked || str_eq(label, label_clear))
            return RC_OK;
        if (str_ends(label, label_clear))
            return ERR(err, RC_UNSUPPORTED, msg_old, label);
    }
}

bool crypto_pem_encrypted(struct str pem)
{
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(CRYPTO_PEM_MAX);
    bool locked = false;

    return pem.n <= CRYPTO_PEM_MAX && find_key(pem, &der, &locked, NULL) == RC_OK && locked;
}

static enum rc unlock(struct str der, struct secret *passphrase, PKCS8_PRIV_KEY_INFO **out,
                      struct err *err)
{
    CLEANUP(X509_SIG_freep) X509_SIG *sig = NULL;
    const unsigned char *at = (const unsigned char *)der.p;

    if (!passphrase)
        return ERR(err, RC_DENIED, msg_locked);
    sig = d2i_X509_SIG(NULL, &at, (long)der.n);
    if (!sig || at != (const unsigned char *)der.p + der.n)
        return ERR(err, failed(RC_PARSE), msg_broken);
    *out = PKCS8_decrypt_ex(sig, (const char *)secret_bytes(passphrase),
                            (int)secret_len(passphrase), crypto_ossl_ctx(), NULL);
    return *out ? RC_OK : ERR(err, failed(RC_DENIED), msg_passphrase);
}

/* An EC key brings its public half along, and nothing so far says that the two belong together. The
 * check is cheap; of RSA it would take longer than generating some keys, and a signature by a
 * damaged one is caught when the certificate is verified. */
static enum rc check_pair(EVP_PKEY *pkey, struct err *err)
{
    CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *c = NULL;

    if (EVP_PKEY_is_a(pkey, "RSA"))
        return RC_OK;
    c = EVP_PKEY_CTX_new_from_pkey(crypto_ossl_ctx(), pkey, NULL);
    if (!c || EVP_PKEY_pairwise_check(c) != 1)
        return ERR(err, failed(RC_PARSE), msg_mismatch);
    return RC_OK;
}

static enum rc take_key(const PKCS8_PRIV_KEY_INFO *p8, struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = EVP_PKCS82PKEY_ex(p8, crypto_ossl_ctx(), NULL);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    enum rc rc;

    if (!pkey)
        return ERR(err, failed(RC_UNSUPPORTED), msg_type);
    rc = crypto_ossl_key_take(pkey, true, &k);
    if (rc == RC_UNSUPPORTED || rc == RC_INVAL)
        return ERR(err, rc, msg_type);
    TRY(rc);
    pkey = NULL;
    TRY(check_pair(crypto_ossl_pkey(k), err));
    *out = MOVE(k);
    return RC_OK;
}

static enum rc read_clear(struct str der, PKCS8_PRIV_KEY_INFO **out, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.p;

    *out = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.n);
    if (!*out || at != (const unsigned char *)der.p + der.n)
        return ERR(err, failed(RC_PARSE), msg_broken);
    return RC_OK;
}

enum rc crypto_pem_der(struct str pem, struct buf *out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(CRYPTO_PEM_MAX);
    bool locked = false;

    if (pem.n > CRYPTO_PEM_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(find_key(pem, &der, &locked, err));
    if (locked)
        return ERR(err, RC_DENIED, msg_locked);
    buf_puts(out, buf_str(&der));
    return buf_rc(out);
}

enum rc crypto_pem_read(struct str pem, struct secret *passphrase, struct crypto_key **out,
                        struct err *err)
{
    CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(CRYPTO_PEM_MAX);
    bool locked = false;

    if (pem.n > CRYPTO_PEM_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(find_key(pem, &der, &locked, err));
    TRY(locked ? unlock(buf_str(&der), passphrase, &p8, err) : read_clear(buf_str(&der), &p8, err));
    return take_key(p8, out, err);
}

enum rc crypto_key_read_der(struct str der, struct crypto_key **out, struct err *err)
{
    CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;

    TRY(read_clear(der, &p8, err));
    return take_key(p8, out, err);
}
