/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: crypto_key_from_spki and crypto_public_read, which agree, crypto_weak_check,
 * crypto_pem_read, crypto_pem_encrypted. A public key that is read is written as it was; a private
 * one signs what its public half verifies. */
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "crypto/weak.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void use(const struct crypto_key *k)
{
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    enum crypto_sig_alg alg = crypto_sig_default(k);

    /* A damaged RSA key may sign nothing, or wrongly: its certificate would not verify. */
    if (crypto_key_type(k) != CRYPTO_KEY_RSA &&
        (crypto_sign(k, alg, CRYPTO_SIG_DER, STR("m"), &sig) != RC_OK ||
         crypto_verify(k, alg, CRYPTO_SIG_DER, STR("m"), buf_str(&sig)) != RC_OK))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *pub = NULL, *pair = NULL;
    struct str s = str_bytes(data, n);
    struct crypto_public looked;

    if (crypto_init() != RC_OK)
        return 0;
    if (crypto_key_from_spki(s, &pub, NULL) != crypto_public_read(s, &looked, NULL))
        __builtin_trap();
    if (pub && (crypto_weak_check(looked, NULL) == RC_NOMEM || !str_eq(crypto_key_spki(pub), s)))
        __builtin_trap();
    if (!crypto_pem_encrypted(s) && crypto_pem_read(s, NULL, &pair, NULL) == RC_OK)
        use(pair);
    return 0;
}
