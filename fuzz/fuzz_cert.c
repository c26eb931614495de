/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: x509_cert_parse, x509_tbs_parse, x509_name_text, x509_constraints_*,
 * crypto_key_from_spki, tls_caller_new, whose text is safe in a header. A certificate that is read
 * is well-formed DER throughout, and its parts put together again are the same bytes. */
#include "crypto/crypto.h"
#include "tls/clients.h"
#include "x509/cert.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(tls_caller_freep) struct tls_caller *caller = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf again = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
    struct str der = str_bytes(data, n);
    struct x509_cert c, tbs;

    if (crypto_init() != RC_OK || x509_cert_parse(&a, der, &c, NULL) != RC_OK)
        return 0;
    if (tls_caller_new(der, &caller) == RC_OK && !str_printable(buf_str(&caller->text)))
        __builtin_trap();
    x509_name_text(c.subject, &text);
    x509_name_text(c.issuer, &text);
    IGNORE_RC(x509_constraints_dns(&c.constraints, STR("*.a.example"), NULL));
    IGNORE_RC(x509_cert_key(&c, &key, NULL)); /* many keys are none of ours */
    x509_cert_has_dns(&c, STR("x.a.example"));
    if (x509_tbs_parse(&a, c.tbs, &tbs, NULL) != RC_OK)
        __builtin_trap();
    if (c.sig_alg &&
        (x509_assemble(c.tbs, c.signature, &again) != RC_OK || !str_eq(der, buf_str(&again))))
        __builtin_trap();
    return 0;
}
