/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/record_int.h"

#include <assert.h>

#include <openssl/evp.h>

#include "crypto/crypto.h"
#include "crypto/ossl.h"
#include "tlcp/conn.h"

enum { NONCE = 12, EXPLICIT = 8, TAG = 16, LENGTH_AT = 11 };

static_assert(TLCP_FIXED_IV + EXPLICIT == NONCE);

static const struct tlcp_suite suites[] = {
    {TLCP_ECC_SM4_GCM_SM3, false, false, "ECC_SM4_GCM_SM3"},
    {TLCP_ECC_SM4_CBC_SM3, false, true, "ECC_SM4_CBC_SM3"},
    {TLCP_ECDHE_SM4_GCM_SM3, true, false, "ECDHE_SM4_GCM_SM3"},
    {TLCP_ECDHE_SM4_CBC_SM3, true, true, "ECDHE_SM4_CBC_SM3"},
};

/* ECDHE last: clients offer it whether they have the two certificates that it takes or not. */
const uint16_t tlcp_suites_usual[] = {TLCP_ECC_SM4_GCM_SM3, TLCP_ECC_SM4_CBC_SM3,
                                      TLCP_ECDHE_SM4_GCM_SM3, TLCP_ECDHE_SM4_CBC_SM3};
const size_t tlcp_suites_usual_n = sizeof(tlcp_suites_usual) / sizeof(tlcp_suites_usual[0]);

const struct tlcp_suite *tlcp_suite_find(uint16_t code)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (suites[i].code == code)
            return &suites[i];
    return NULL;
}

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

enum rc tlcp_guard_init(struct tlcp_guard *g, const struct tlcp_suite *suite, bool seals,
                        struct tlcp_guard_keys keys)
{
    EVP_CIPHER *cipher =
        EVP_CIPHER_fetch(crypto_ossl_ctx(), suite->cbc ? "SM4-CBC" : "SM4-GCM", NULL);
    bool ok;

    tlcp_guard_done(g);
    g->cipher = EVP_CIPHER_CTX_new();
    ok = cipher && g->cipher &&
         EVP_CipherInit_ex2(g->cipher, cipher, keys.cipher, NULL, seals, NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding(g->cipher, 0) == 1;
    EVP_CIPHER_free(cipher);
    if (!ok)
        return failed(RC_CRYPTO);
    g->suite = suite;
    if (suite->cbc)
        tlcp_mac_init(&g->mac, keys.mac);
    else
        memcpy(g->fixed_iv, keys.iv, sizeof(g->fixed_iv));
    return RC_OK;
}

void tlcp_guard_done(struct tlcp_guard *g)
{
    EVP_CIPHER_CTX_free(g->cipher);
    explicit_bzero(g, sizeof(*g));
}

static void put_u64(uint64_t v, unsigned char *p)
{
    for (size_t i = 0; i < sizeof(v); i++)
        p[i] = (unsigned char)(v >> (sizeof(v) - 1 - i) * 8);
}

/* What the code covers beside the text. */
static void put_header(const struct tlcp_guard *g, enum tlcp_record type, size_t n,
                       unsigned char out[static TLCP_MAC_HEADER])
{
    put_u64(g->sequence, out);
    out[8] = (unsigned char)type;
    out[9] = TLCP_VERSION >> 8;
    out[10] = TLCP_VERSION & 0xff;
    out[LENGTH_AT] = (unsigned char)(n >> 8);
    out[LENGTH_AT + 1] = (unsigned char)n;
}

static void put_record(enum tlcp_record type, size_t n, struct buf *out)
{
    buf_u8(out, (uint8_t)type);
    buf_u16(out, TLCP_VERSION);
    buf_u16(out, (uint16_t)n);
}

static bool crypt(EVP_CIPHER_CTX *c, const unsigned char *iv, const unsigned char *in, size_t n,
                  unsigned char *out)
{
    int done = 0;

    return (!iv || EVP_CipherInit_ex2(c, NULL, NULL, iv, -1, NULL) == 1) &&
           EVP_CipherUpdate(c, out, &done, in, (int)n) == 1 && (!out || (size_t)done == n);
}

/* ---- SM4-GCM */

static enum rc seal_gcm(struct tlcp_guard *g, enum tlcp_record type, struct str plain,
                        struct buf *out)
{
    unsigned char header[TLCP_MAC_HEADER], nonce[NONCE];
    size_t n = EXPLICIT + plain.n + TAG;
    unsigned char *to;
    int none = 0;

    put_record(type, n, out);
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    put_header(g, type, plain.n, header);
    memcpy(nonce, g->fixed_iv, TLCP_FIXED_IV);
    put_u64(g->sequence, nonce + TLCP_FIXED_IV);
    memcpy(to, nonce + TLCP_FIXED_IV, EXPLICIT);
    to += EXPLICIT;
    if (!crypt(g->cipher, nonce, header, sizeof(header), NULL) ||
        (plain.n && !crypt(g->cipher, NULL, (const unsigned char *)plain.p, plain.n, to)) ||
        EVP_CipherFinal_ex(g->cipher, to + plain.n, &none) != 1 ||
        EVP_CIPHER_CTX_ctrl(g->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, to + plain.n) != 1)
        return failed(RC_CRYPTO);
    buf_advance(out, n);
    return RC_OK;
}

static enum rc open_gcm(struct tlcp_guard *g, enum tlcp_record type, unsigned char *body, size_t n,
                        struct str *out)
{
    unsigned char header[TLCP_MAC_HEADER], nonce[NONCE], *text = body + EXPLICIT;
    int none = 0;

    if (n < EXPLICIT + TAG)
        return RC_DENIED;
    n -= EXPLICIT + TAG;
    if (n > TLCP_PLAIN_MAX)
        return RC_TOOBIG;
    put_header(g, type, n, header);
    memcpy(nonce, g->fixed_iv, TLCP_FIXED_IV);
    memcpy(nonce + TLCP_FIXED_IV, body, EXPLICIT);
    if (!crypt(g->cipher, nonce, header, sizeof(header), NULL) ||
        (n && !crypt(g->cipher, NULL, text, n, text)) ||
        EVP_CIPHER_CTX_ctrl(g->cipher, EVP_CTRL_AEAD_SET_TAG, TAG, text + n) != 1)
        return failed(RC_CRYPTO);
    if (EVP_CipherFinal_ex(g->cipher, text + n, &none) != 1)
        return failed(RC_DENIED);
    *out = str_bytes(text, n);
    return RC_OK;
}

/* ---- SM4-CBC with HMAC-SM3, the code under the cipher */

static enum rc seal_cbc(struct tlcp_guard *g, enum tlcp_record type, struct str plain,
                        struct buf *out)
{
    size_t padding = TLCP_BLOCK - (plain.n + TLCP_MAC) % TLCP_BLOCK;
    size_t n = plain.n + TLCP_MAC + padding;
    struct tlcp_mac_length length = {(uint32_t)plain.n, (uint32_t)plain.n, (uint32_t)plain.n};
    unsigned char header[TLCP_MAC_HEADER], *iv, *text;

    put_record(type, TLCP_BLOCK + n, out);
    iv = buf_reserve(out, TLCP_BLOCK + n);
    if (!iv)
        return buf_rc(out);
    text = iv + TLCP_BLOCK;
    TRY(crypto_random(iv, TLCP_BLOCK));
    if (plain.n)
        memcpy(text, plain.p, plain.n);
    put_header(g, type, plain.n, header);
    tlcp_mac_make(&g->mac, header, text, length, text + plain.n);
    memset(text + plain.n + TLCP_MAC, (int)(padding - 1), padding);
    if (!crypt(g->cipher, iv, text, n, text))
        return failed(RC_CRYPTO);
    buf_advance(out, TLCP_BLOCK + n);
    return RC_OK;
}

static enum rc open_cbc(struct tlcp_guard *g, enum tlcp_record type, unsigned char *body, size_t n,
                        struct str *out)
{
    unsigned char header[TLCP_MAC_HEADER], *text = body + TLCP_BLOCK;
    size_t plain = 0;

    /* Known to whoever looks: how long it is. */
    if (n % TLCP_BLOCK || n < TLCP_BLOCK + TLCP_MAC + TLCP_BLOCK)
        return RC_DENIED;
    n -= TLCP_BLOCK;
    if (!crypt(g->cipher, body, text, n, text))
        return failed(RC_CRYPTO);
    put_header(g, type, 0, header);
    TRY(tlcp_cbc_check(&g->mac, header, text, n, &plain));
    if (plain > TLCP_PLAIN_MAX)
        return RC_TOOBIG;
    *out = str_bytes(text, plain);
    return RC_OK;
}

enum rc tlcp_guard_seal(struct tlcp_guard *g, enum tlcp_record type, struct str plain,
                        struct buf *out)
{
    enum rc rc;

    assert(plain.n <= TLCP_PLAIN_MAX);
    if (!g->suite) {
        put_record(type, plain.n, out);
        buf_puts(out, plain);
        return buf_rc(out);
    }
    rc = g->suite->cbc ? seal_cbc(g, type, plain, out) : seal_gcm(g, type, plain, out);
    g->sequence++;
    return rc;
}

enum rc tlcp_guard_open(struct tlcp_guard *g, enum tlcp_record type, unsigned char *body, size_t n,
                        struct str *out)
{
    enum rc rc;

    if (!g->suite) {
        if (n > TLCP_PLAIN_MAX)
            return RC_TOOBIG;
        *out = str_bytes(body, n);
        return RC_OK;
    }
    rc = g->suite->cbc ? open_cbc(g, type, body, n, out) : open_gcm(g, type, body, n, out);
    g->sequence++;
    return rc;
}
