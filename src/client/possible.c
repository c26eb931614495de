/* SPDX-License-Identifier: Apache-2.0 */
#include "client/possible.h"

bool client_possible(const struct x509_cert *roots, size_t n, enum conf_key_algorithm algorithm)
{
    if (algorithm == CONF_KEY_SM2)
        return x509_certs_have(roots, n, CRYPTO_KEY_SM2);
    if (algorithm == CONF_KEY_MLDSA)
        return x509_certs_have(roots, n, CRYPTO_KEY_MLDSA44) ||
               x509_certs_have(roots, n, CRYPTO_KEY_MLDSA65) ||
               x509_certs_have(roots, n, CRYPTO_KEY_MLDSA87);
    return true;
}
