/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of one authority, for the tests of this folder. */
#pragma once

#include "unit/x509/pki.h"

enum { HALF_SIGNS = X509_KU_DIGITAL_SIGNATURE, HALF_ENCRYPTS = X509_KU_KEY_ENCIPHERMENT };

/* Leaf and issuer, in PEM; `serial` tells one from the other. */
[[maybe_unused]] static enum rc make_half(const struct pki *pki, const struct crypto_key *key,
                                          uint8_t serial, uint16_t usage, struct buf *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in = pki_leaf_in(pki);

    in.serial.b[1] = serial;
    in.spki = crypto_key_spki(key);
    in.key_usage = usage;
    TRY(pki_issue(&in, pki->issuer_key, &der));
    x509_cert_put_pem(buf_str(&der), out);
    x509_cert_put_pem(pki->issuer.der, out);
    return buf_rc(out);
}

[[maybe_unused]] static enum rc make_chain(const struct pki *pki, const struct crypto_key *key,
                                           uint8_t serial, struct buf *out)
{
    return make_half(pki, key, serial, HALF_SIGNS, out);
}
