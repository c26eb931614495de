/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_envelope_parse, x509_envelope_open. What opens is a key pair whose envelope, made
 * anew, opens to the same. */
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "x509/envelope.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* key_sm2 of tests/keys.h, to which the corpus is sealed. */
static const struct str pem =
    STR("-----BEGIN PRIVATE KEY-----\n"
        "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQg3THKOG72Pep1rfCS\n"
        "GeReESlGAb/FrMKia6hQe4u0bHuhRANCAAT5CrusV2To/Vzk7byIXmaR+ltsSajv\n"
        "hh5jmBrPP4mHi6VRUCnHmHgLqariBTRyJacyUSuhBGbDSkFBD08iUXpD\n"
        "-----END PRIVATE KEY-----\n");
static struct crypto_key *own;

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *same = NULL;
    CLEANUP(buf_done) struct buf again = BUF_INIT(X509_ENVELOPE_MAX);

    if (crypto_init() != RC_OK || (!own && crypto_pem_read(pem, NULL, &own, NULL) != RC_OK))
        return 0;
    if (x509_envelope_open(own, str_bytes(data, n), &k, NULL) != RC_OK)
        return 0;
    if (x509_envelope_seal(k, own, &again) != RC_OK ||
        x509_envelope_open(own, buf_str(&again), &same, NULL) != RC_OK || !crypto_key_same(k, same))
        __builtin_trap();
    return 0;
}
