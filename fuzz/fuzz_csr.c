/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_csr_parse and all below it. What the strict reading accepts, the lenient one does
 * as well, with the same names, and a certificate can be made for them. */
#include "crypto/crypto.h"
#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a;
    CLEANUP(buf_done) struct buf tbs;
    struct x509_csr strict, lenient;
    struct str der = str_bytes(data, n);
    bool ok;

    arena_init(&a, 1 << 20);
    buf_init(&tbs, X509_TBS_MAX);
    if (crypto_init() != RC_OK)
        return 0;
    ok = x509_csr_parse(&a, der, X509_CSR_STRICT, &strict, NULL) == RC_OK;
    if (x509_csr_parse(&a, der, X509_CSR_LENIENT, &lenient, NULL) != RC_OK) {
        if (ok)
            __builtin_trap();
        return 0;
    }
    if (ok && (strict.n_dns != lenient.n_dns || strict.n_ips != lenient.n_ips || strict.n_ignored))
        __builtin_trap();
    struct x509_tbs_in in = {
        .serial = {.n = 1, .b = {1}},
        .issuer = STR("\x30\x00"),
        .sig_alg = CRYPTO_SIG_ED25519,
        .dns = lenient.dns,
        .n_dns = lenient.n_dns,
        .ips = lenient.ips,
        .n_ips = lenient.n_ips,
        .spki = lenient.spki,
        .subject_key_id = true,
    };
    if (x509_tbs_build(&in, &tbs, NULL) != RC_OK)
        __builtin_trap();
    return 0;
}
