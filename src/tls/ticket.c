/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_int.h"

#include <assert.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/secret.h"
#include "crypto/ossl.h"

enum { NAME_BYTES = 16, CIPHER_KEY = 32, MAC_KEY = 32, IV_BYTES = 16, ENCRYPTS = 1 };

static_assert(NAME_BYTES + CIPHER_KEY + MAC_KEY == TLS_TICKET_KEY);

struct tls_tickets {
    struct secret *keys;
    size_t n;
    EVP_CIPHER *cipher; /* fetched once, not for each ticket */
};

static const unsigned char *key_at(const struct tls_tickets *t, size_t i)
{
    return secret_bytes(t->keys) + i * TLS_TICKET_KEY;
}

static bool well_formed(const struct str *keys, size_t n)
{
    if (n < TLS_TICKET_KEYS_MIN || n > TLS_TICKET_KEYS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (keys[i].n != TLS_TICKET_KEY)
            return false;
        for (size_t k = 0; k < i; k++)
            if (str_eq(str_head(keys[i], NAME_BYTES), str_head(keys[k], NAME_BYTES)))
                return false;
    }
    return true;
}

enum rc tls_tickets_new(const struct str *keys, size_t n, struct tls_tickets **out)
{
    CLEANUP(tls_tickets_freep) struct tls_tickets *t = NULL;

    if (!well_formed(keys, n))
        return RC_INVAL;
    t = MEM_NEW(struct tls_tickets);
    if (!t)
        return RC_NOMEM;
    TRY(secret_new(n * TLS_TICKET_KEY, &t->keys));
    for (size_t i = 0; i < n; i++)
        memcpy(secret_bytes(t->keys) + i * TLS_TICKET_KEY, keys[i].p, TLS_TICKET_KEY);
    t->n = n;
    t->cipher = EVP_CIPHER_fetch(crypto_ossl_ctx(), "AES-256-CBC", NULL);
    if (!t->cipher) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    *out = MOVE(t);
    return RC_OK;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (!t)
        return;
    secret_free(t->keys);
    EVP_CIPHER_free(t->cipher);
    mem_free(t);
}

static bool start_mac(EVP_MAC_CTX *mac, const unsigned char *key)
{
    static char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_init(mac, key + NAME_BYTES + CIPHER_KEY, MAC_KEY, params) == 1;
}

static int seal(const struct tls_tickets *t, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const unsigned char *key = key_at(t, ENCRYPTS);

    memcpy(name, key, NAME_BYTES);
    return RAND_bytes_ex(crypto_ossl_ctx(), iv, IV_BYTES, 0) == 1 &&
                   EVP_EncryptInit_ex2(cipher, t->cipher, key + NAME_BYTES, iv, NULL) == 1 &&
                   start_mac(mac, key)
               ? 1
               : -1;
}

/* 2: and give the client a new one. With TLS 1.3, which uses a ticket once, always. */
static int unseal(const struct tls_tickets *t, const unsigned char *name, const unsigned char *iv,
                  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool once)
{
    size_t i = 0;

    while (i < t->n && memcmp(key_at(t, i), name, NAME_BYTES) != 0)
        i++;
    if (i == t->n)
        return 0;
    if (EVP_DecryptInit_ex2(cipher, t->cipher, key_at(t, i) + NAME_BYTES, iv, NULL) != 1 ||
        !start_mac(mac, key_at(t, i)))
        return -1;
    return once || i > ENCRYPTS ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int enc)
{
    const struct tls_choice *c = SSL_get_app_data(ssl);
    const struct tls_tickets *t = tls_context_tickets(c->context);

    return enc ? seal(t, name, iv, cipher, mac)
               : unseal(t, name, iv, cipher, mac, SSL_version(ssl) >= TLS1_3_VERSION);
}

bool tls_tickets_use(SSL_CTX *ssl)
{
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket) == 1;
}
