/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_csr_parse and all below it. What the strict reading accepts, the lenient one does
 * as well, with the same names, and a certificate can be made for them. */
#include "crypto/crypto.h"
#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void check(const struct x509_csr *c)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in = {.serial = {.n = 1, .b = {1}}, .issuer = STR("\x30\x00")};

    in.sig_alg = CRYPTO_SIG_ED25519;
    in.spki = c->spki;
    in.dns = c->dns;
    in.n_dns = c->n_dns;
    if (x509_tbs_build(&in, &tbs, NULL) != RC_OK)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_csr strict, lenient;

    if (crypto_init() != RC_OK ||
        x509_csr_parse(&a, str_bytes(data, n), X509_CSR_LENIENT, &lenient, NULL) != RC_OK)
        return 0;
    check(&lenient);
    if (x509_csr_parse(&a, str_bytes(data, n), X509_CSR_STRICT, &strict, NULL) == RC_OK &&
        (strict.n_ignored || strict.n_dns != lenient.n_dns || strict.n_ips != lenient.n_ips))
        __builtin_trap();
    return 0;
}
