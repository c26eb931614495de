/* SPDX-License-Identifier: Apache-2.0 */
/* What lies behind the opaque types, for x509/, jose/, tls/ and tlcp/ only: the one header here
 * with OpenSSL's names. */
#pragma once

#include <openssl/types.h>

#include "crypto/key.h"

/* Never NULL after crypto_init; borrowed. */
OSSL_LIB_CTX *crypto_ossl_ctx(void);
/* Borrowed for as long as the key lives. */
EVP_PKEY *crypto_ossl_pkey(const struct crypto_key *k);
/* Takes over `pkey` on success; RC_UNSUPPORTED for a type that crypto/key.h does not list, RC_INVAL
 * for a size that it does not allow. */
enum rc crypto_ossl_key_take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out);
/* Empties OpenSSL's error queue of this thread; called after every failure, so that none surfaces
 * in a later TLS call. */
void crypto_ossl_clear(void);
