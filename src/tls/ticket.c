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

/* Before what is authenticated for TLCP: for TLS a key's name stands there, which is random. */
static const char for_tlcp[] = "autarky TLCP ticket";

enum {
    NAME_BYTES = 16,
    CIPHER_KEY = 32,
    MAC_KEY = 32,
    IV_BYTES = 16, /* and a block */
    CODE_BYTES = 32,
    ENCRYPTS = 1,
    TICKET_PLAIN_MAX = 8 * 1024,
};

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

/* ---- bytes, for TLCP: name, IV, cipher text, code, as OpenSSL lays them out for TLS */

DEFINE_FREEP(EVP_CIPHER_CTX_free, EVP_CIPHER_CTX)

static EVP_MAC_CTX *mac_new(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(crypto_ossl_ctx(), OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

    EVP_MAC_free(hmac);
    return mac;
}

DEFINE_FREEP(EVP_MAC_CTX_free, EVP_MAC_CTX)

static bool authenticate(EVP_MAC_CTX *mac, struct str sealed, unsigned char out[static CODE_BYTES])
{
    size_t n = 0;

    return EVP_MAC_update(mac, (const unsigned char *)for_tlcp, sizeof(for_tlcp)) == 1 &&
           EVP_MAC_update(mac, (const unsigned char *)sealed.p, sealed.n) == 1 &&
           EVP_MAC_final(mac, out, &n, CODE_BYTES) == 1 && n == CODE_BYTES;
}

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

enum rc tls_tickets_seal(const struct tls_tickets *t, struct str plain, struct buf *out)
{
    CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    CLEANUP(EVP_MAC_CTX_freep) EVP_MAC_CTX *mac = mac_new();
    unsigned char *to;
    int n = 0, last = 0;
    size_t all;

    if (!cipher || !mac)
        return failed(RC_NOMEM);
    if (plain.n > TICKET_PLAIN_MAX)
        return RC_TOOBIG;
    to = buf_reserve(out, NAME_BYTES + IV_BYTES + plain.n + IV_BYTES + CODE_BYTES);
    if (!to)
        return buf_rc(out);
    all = NAME_BYTES + IV_BYTES;
    if (seal(t, to, to + NAME_BYTES, cipher, mac) != 1 ||
        EVP_EncryptUpdate(cipher, to + all, &n, (const unsigned char *)plain.p, (int)plain.n) !=
            1 ||
        EVP_EncryptFinal_ex(cipher, to + all + n, &last) != 1)
        return failed(RC_CRYPTO);
    all += (size_t)n + (size_t)last;
    if (!authenticate(mac, str_bytes(to, all), to + all))
        return failed(RC_CRYPTO);
    buf_advance(out, all + CODE_BYTES);
    return RC_OK;
}

enum rc tls_tickets_open(const struct tls_tickets *t, struct str ticket, struct buf *out,
                         bool *renew)
{
    CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    CLEANUP(EVP_MAC_CTX_freep) EVP_MAC_CTX *mac = mac_new();
    const unsigned char *p = (const unsigned char *)ticket.p;
    unsigned char code[CODE_BYTES], *to;
    size_t head = NAME_BYTES + IV_BYTES, body;
    int found, n = 0, last = 0;

    if (!cipher || !mac)
        return failed(RC_NOMEM);
    if (ticket.n < head + IV_BYTES + CODE_BYTES || ticket.n > TICKET_PLAIN_MAX)
        return RC_DENIED;
    body = ticket.n - head - CODE_BYTES;
    found = unseal(t, p, p + NAME_BYTES, cipher, mac, false);
    if (found <= 0)
        return failed(found == 0 ? RC_DENIED : RC_CRYPTO);
    if (!authenticate(mac, str_head(ticket, head + body), code))
        return failed(RC_CRYPTO);
    /* Nothing is decrypted that was not made here. */
    if (!str_eq_ct(str_skip(ticket, head + body), str_bytes(code, CODE_BYTES)))
        return RC_DENIED;
    to = buf_reserve(out, body + IV_BYTES);
    if (!to)
        return buf_rc(out);
    if (EVP_DecryptUpdate(cipher, to, &n, p + head, (int)body) != 1 ||
        EVP_DecryptFinal_ex(cipher, to + n, &last) != 1)
        return failed(RC_DENIED);
    buf_advance(out, (size_t)n + (size_t)last);
    *renew = found == 2;
    return RC_OK;
}
