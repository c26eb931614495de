/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/challenge.h"

#include "crypto/hash.h"
#include "crypto/sign.h"
#include "x509/cert.h"

enum rc x509_challenge_build(struct str identifier, struct str key_authorization,
                             const struct crypto_key *key, when_t now, struct buf *pem,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX), der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf issuer = BUF_INIT(X509_NAME_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct x509_tbs_in in = {.sig_alg = crypto_sig_default(key),
                             .subject = {.common_name = STR("ACME challenge")},
                             .not_before = now - WHEN_DAY,
                             .not_after = now + WHEN_DAY,
                             .spki = crypto_key_spki(key),
                             .acme_digest = str_bytes(digest, sizeof(digest))};
    struct addr ip;

    if (addr_parse(identifier, &ip) == RC_OK) {
        in.ips = &ip;
        in.n_ips = 1;
    } else {
        in.dns = &identifier;
        in.n_dns = 1;
    }
    TRY(crypto_sha256(key_authorization, digest));
    TRY(x509_serial_random(&in.serial));
    TRY(x509_name_build(&in.subject, &issuer));
    in.issuer = buf_str(&issuer);
    TRY(x509_tbs_build(&in, &tbs, err));
    TRY(x509_sign_tbs(key, buf_str(&tbs), &der));
    x509_cert_put_pem(buf_str(&der), pem);
    return buf_rc(pem);
}
