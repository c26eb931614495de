/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by token.c, token_probe.c, key.c and sign.c. */
#pragma once

#include "crypto/crypto_int.h"
#include "crypto/token.h"

/* Asks the module itself, before OpenSSL does: that there is one such token, and that the PIN opens
 * it. Nothing of it stays open. `label` gets the token's name, padding cut off. */
enum rc crypto_token_probe(const struct crypto_token_at *at, struct secret *pin,
                           char label[static CRYPTO_TOKEN_LABEL + 1], struct err *err);

/* Called before a module is loaded; a file of its own in builds with AddressSanitizer. */
bool crypto_token_prepare(void);

/* A failure of Cryptoki as one of ours, in words; `what` was being done with the token `name`. */
enum rc crypto_token_failure(unsigned long rv, const char *what, const char *name, struct err *err);

/* What OpenSSL's provider left in this thread's error queue, which is empty afterwards; RC_CRYPTO
 * when it left nothing. */
enum rc crypto_token_failed(const char *what, const char *name, struct err *err);

/* The key of the token that belongs to `pub`, which it takes over, as it does `pkey`; on failure
 * neither. */
enum rc crypto_key_bind_token(struct crypto_key *pub, EVP_PKEY *pkey, struct crypto_token *t);
OSSL_LIB_CTX *crypto_token_ctx(const struct crypto_token *t);

/* What OpenSSL may use for keys and signatures of a token; in that context everything else is the
 * default provider's. */
#define CRYPTO_TOKEN_PROPERTIES "provider=pkcs11"

/* Where the private half of a key is used: the key and its library context; `token` is NULL for one
 * in memory. */
struct crypto_private {
    EVP_PKEY *pkey;
    OSSL_LIB_CTX *ctx;
    const char *properties;
    struct crypto_token *token;
};
struct crypto_private crypto_key_private(const struct crypto_key *k);
