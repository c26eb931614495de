/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_crl_parse and all below it. What it takes and we could have written, we write
 * again. */
#include "crypto/crypto.h"
#include "x509/crl.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(8 << 20);
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_CRL_MAX);
    struct x509_crl c;
    struct x509_crl_in in;

    if (crypto_init() != RC_OK || x509_crl_parse(&a, str_bytes(data, n), &c, NULL) != RC_OK)
        return 0;
    in = (struct x509_crl_in){
        .sig_alg = CRYPTO_SIG_ED25519,
        .issuer = c.issuer,
        .this_update = c.this_update,
        .next_update = c.next_update,
        .entries = c.entries,
        .n = c.n,
    };
    for (size_t i = 0; i < c.n; i++)
        if (c.entries[i].reason == X509_REASON_HOLD)
            return 0;
    if (x509_crl_build(&in, &tbs, NULL) != RC_OK || (c.n && !x509_crl_find(&c, &c.entries->serial)))
        __builtin_trap();
    return 0;
}
