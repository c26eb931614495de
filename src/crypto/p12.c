/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/p12.h"

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "crypto/crypto_int.h"

MSG(msg_password, "crypto.p12-password",
    "the password of a PKCS#12 file has 1 to 256 characters, all of them printable ASCII, for "
    "programs disagree about others");
MSG(msg_name, "crypto.p12-name",
    "the name in a PKCS#12 file has at most 255 bytes of UTF-8 without control characters");
MSG(msg_private, "crypto.p12-private", "a PKCS#12 file needs the private key");
MSG(msg_certificate, "crypto.p12-certificate", "one of the certificates cannot be read");
MSG(msg_mismatch, "crypto.p12-mismatch", "the certificate is not that of the private key");
MSG(msg_size, "crypto.p12-size",
    "more than 10 certificates, or 256 KiB, do not fit in a PKCS#12 file");

DEFINE_FREEP(X509_free, X509)
DEFINE_FREEP(PKCS12_free, PKCS12)

static void stack_free(STACK_OF(X509) * *sk)
{
    sk_X509_pop_free(*sk, X509_free);
}

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

static enum rc load(struct str der, X509 **out, struct err *err)
{
    CLEANUP(X509_freep) X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    const unsigned char *at = (const unsigned char *)der.p;

    if (!x)
        return failed(RC_NOMEM);
    /* On failure d2i has freed what it was given. */
    if (!d2i_X509(&x, &at, (long)der.n) || at != (const unsigned char *)der.p + der.n)
        return ERR(err, failed(RC_INVAL), msg_certificate);
    *out = MOVE(x);
    return RC_OK;
}

static enum rc load_chain(const struct crypto_p12_in *in, STACK_OF(X509) * chain, struct err *err)
{
    for (size_t i = 0; i < in->n_chain; i++) {
        CLEANUP(X509_freep) X509 *x = NULL;

        TRY(load(in->chain[i], &x, err));
        if (sk_X509_push(chain, x) <= 0)
            return failed(RC_NOMEM);
        x = NULL; /* the stack's */
    }
    return RC_OK;
}

static enum rc check(const struct crypto_p12_in *in, struct err *err)
{
    struct str password = str_bytes(secret_bytes(in->password), secret_len(in->password));

    if (password.n == 0 || password.n > CRYPTO_P12_PASSWORD_MAX || !str_printable(password))
        return ERR(err, RC_INVAL, msg_password);
    if (in->name.n > CRYPTO_P12_NAME_MAX || !str_utf8(in->name))
        return ERR(err, RC_INVAL, msg_name);
    for (size_t i = 0; i < in->name.n; i++)
        if ((unsigned char)in->name.p[i] < ' ' || in->name.p[i] == 0x7f)
            return ERR(err, RC_INVAL, msg_name);
    if (!crypto_key_has_private(in->key))
        return ERR(err, RC_INVAL, msg_private);
    return in->n_chain <= CRYPTO_P12_CHAIN_MAX ? RC_OK : ERR(err, RC_TOOBIG, msg_size);
}

static enum rc put(PKCS12 *p12, struct buf *out, struct err *err)
{
    unsigned char *der = NULL, *to = NULL;
    int n = i2d_PKCS12(p12, &der);

    if (n <= 0)
        return failed(RC_CRYPTO);
    if (n <= CRYPTO_P12_MAX) {
        to = buf_reserve(out, (size_t)n); /* at once: a buffer that grows leaves copies behind */
        if (to) {
            memcpy(to, der, (size_t)n);
            buf_advance(out, (size_t)n);
        }
    }
    OPENSSL_clear_free(der, (size_t)n);
    return n > CRYPTO_P12_MAX ? ERR(err, RC_TOOBIG, msg_size) : buf_rc(out);
}

enum rc crypto_p12_put(const struct crypto_p12_in *in, struct buf *out, struct err *err)
{
    CLEANUP(stack_free) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(X509_freep) X509 *leaf = NULL;
    CLEANUP(PKCS12_freep) PKCS12 *p12 = NULL;
    CLEANUP(secret_freep) struct secret *z = NULL;
    char name[CRYPTO_P12_NAME_MAX + 1];

    if (!chain)
        return failed(RC_NOMEM);
    TRY(check(in, err));
    TRY(str_copyz(in->name, name, sizeof(name)));
    TRY(secret_new(secret_len(in->password) + 1, &z));
    memcpy(secret_bytes(z), secret_bytes(in->password), secret_len(in->password));
    secret_bytes(z)[secret_len(in->password)] = 0;
    TRY(load(in->leaf, &leaf, err));
    TRY(load_chain(in, chain, err));
    if (X509_check_private_key(leaf, crypto_ossl_pkey(in->key)) != 1)
        return ERR(err, failed(RC_INVAL), msg_mismatch);
    p12 = PKCS12_create_ex((const char *)secret_bytes(z), name[0] ? name : NULL,
                           crypto_ossl_pkey(in->key), leaf, chain, NID_aes_256_cbc, NID_aes_256_cbc,
                           CRYPTO_P12_ROUNDS, CRYPTO_P12_ROUNDS, 0, crypto_ossl_ctx(), NULL);
    return p12 ? put(p12, out, err) : failed(RC_CRYPTO);
}
