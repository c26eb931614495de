/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/ossl.h"
#include "tlcp/tlcp_int.h"

DEFINE_FREEP(EVP_KDF_CTX_free, EVP_KDF_CTX)
DEFINE_FREEP(EVP_MD_CTX_free, EVP_MD_CTX)

static enum rc failed(void)
{
    crypto_ossl_clear();
    return RC_CRYPTO;
}

static OSSL_PARAM octets(const char *name, struct str s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.p, s.n);
}

enum rc tlcp_prf(struct str secret, const char *label, struct str a, struct str b,
                 unsigned char *out, size_t n)
{
    static char digest[] = "SM3";
    EVP_KDF *kdf = EVP_KDF_fetch(crypto_ossl_ctx(), "TLS1-PRF", NULL);
    CLEANUP(EVP_KDF_CTX_freep) EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_SECRET, secret),
        octets(OSSL_KDF_PARAM_SEED, str_of(label)),
        octets(OSSL_KDF_PARAM_SEED, a),
        octets(OSSL_KDF_PARAM_SEED, b),
        OSSL_PARAM_construct_end(),
    };

    EVP_KDF_free(kdf);
    return c && EVP_KDF_derive(c, out, n, params) == 1 ? RC_OK : failed();
}

enum rc tlcp_master(struct tlcp_conn *c, struct str premaster)
{
    const struct tlcp_handshake *hs = c->hs;

    return tlcp_prf(premaster, "master secret", str_bytes(hs->client_random, TLCP_RANDOM),
                    str_bytes(hs->server_random, TLCP_RANDOM), c->session.master, TLCP_MASTER);
}

enum rc tlcp_expand(struct tlcp_conn *c)
{
    struct tlcp_handshake *hs = c->hs;
    /* As much as tlcp_use_keys takes: for GCM that is a third, and half of the time. */
    size_t n = c->suite->cbc ? TLCP_KEY_BLOCK : 2 * (TLCP_BLOCK + TLCP_FIXED_IV);

    return tlcp_prf(str_bytes(c->session.master, TLCP_MASTER), "key expansion",
                    str_bytes(hs->server_random, TLCP_RANDOM),
                    str_bytes(hs->client_random, TLCP_RANDOM), hs->key_block, n);
}

enum rc tlcp_use_keys(struct tlcp_conn *c, bool writes)
{
    /* Pairs for client and server, one kind behind the other. */
    size_t mac = c->suite->cbc ? TLCP_MAC : 0, iv = c->suite->cbc ? TLCP_BLOCK : TLCP_FIXED_IV;
    size_t side = writes == !c->server ? 0 : 1;
    const unsigned char *block = c->hs->key_block;
    struct tlcp_guard_keys keys = {
        block + side * mac,
        block + 2 * mac + side * TLCP_BLOCK,
        block + 2 * mac + 2 * TLCP_BLOCK + side * iv,
    };

    return tlcp_guard_init(writes ? &c->out : &c->in, c->suite, writes, keys);
}

enum rc tlcp_transcript(const struct tlcp_handshake *hs, unsigned char out[static TLCP_HASH])
{
    CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *copy = EVP_MD_CTX_new();

    if (!copy || EVP_MD_CTX_copy_ex(copy, hs->transcript) != 1 ||
        EVP_DigestFinal_ex(copy, out, NULL) != 1)
        return failed();
    return RC_OK;
}
