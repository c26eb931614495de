/* SPDX-License-Identifier: Apache-2.0 */
/* A root and an issuer under it, for tests that need a certificate signed by somebody. */
#pragma once

#include "keys.h"
#include "x509/cert.h"

#define PKI_FROM (INT64_C(1'800'000'000) * WHEN_SECOND) /* 2027-01-15 */
#define PKI_ROOT_TO (PKI_FROM + 7300 * WHEN_DAY)
#define PKI_ISSUER_TO (PKI_FROM + 3650 * WHEN_DAY)
#define PKI_LEAF_TO (PKI_FROM + 90 * WHEN_DAY)

static const struct str pki_dns[] = {STR("wiki.hospital.example"), STR("*.apps.hospital.example")};
static const struct addr pki_ips[] = {{4, {10, 0, 3, 7}}, {16, {0xfd, [15] = 7}}};
static const struct str pki_crl[] = {STR("http://ca.hospital.example/crl/1")};
static const struct str pki_ocsp[] = {STR("http://ca.hospital.example/ocsp/")};
static const struct str pki_aia[] = {STR("http://ca.hospital.example/issuer/1.cer")};
static const struct str pki_permitted[] = {STR("hospital.example")};
static const struct x509_constraints pki_constraints = {.permitted_dns = pki_permitted,
                                                        .n_permitted_dns = 1};

struct pki {
    struct arena a;
    struct crypto_key *root_key, *issuer_key, *leaf_key;
    struct buf root_name, root_der, issuer_der;
    struct x509_cert root, issuer;
};

[[maybe_unused]] static void pki_done(struct pki *p)
{
    crypto_key_unref(p->root_key);
    crypto_key_unref(p->issuer_key);
    crypto_key_unref(p->leaf_key);
    buf_done(&p->root_name);
    buf_done(&p->root_der);
    buf_done(&p->issuer_der);
    arena_done(&p->a);
}

[[maybe_unused]] static struct x509_tbs_in pki_root_in(const struct pki *p)
{
    return (struct x509_tbs_in){
        .serial = {.n = 8, .b = {0x41}},
        .issuer = buf_str(&p->root_name),
        .sig_alg = crypto_sig_default(p->root_key),
        .not_before = PKI_FROM,
        .not_after = PKI_ROOT_TO,
        .subject = {.organization = STR("Example Hospital"), .common_name = STR("Example Root")},
        .spki = crypto_key_spki(p->root_key),
        .subject_key_id = true,
        .basic = X509_BASIC_CA,
        .pathlen = -1,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
    };
}

[[maybe_unused]] static struct x509_tbs_in pki_issuer_in(const struct pki *p)
{
    return (struct x509_tbs_in){
        .serial = {.n = 8, .b = {0x42}},
        .issuer = p->root.subject,
        .issuer_key_id = p->root.ski,
        .sig_alg = crypto_sig_default(p->root_key),
        .not_before = PKI_FROM,
        .not_after = PKI_ISSUER_TO,
        .subject = {.organization = STR("Example Hospital"), .common_name = STR("Example Issuer")},
        .spki = crypto_key_spki(p->issuer_key),
        .subject_key_id = true,
        .basic = X509_BASIC_CA,
        .pathlen = 0,
        .key_usage = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
        .eku = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH,
        .constraints = &pki_constraints,
    };
}

[[maybe_unused]] static struct x509_tbs_in pki_leaf_in(const struct pki *p)
{
    return (struct x509_tbs_in){
        .serial = {.n = 16, .b = {0x43, 1, 2, 3}},
        .issuer = p->issuer.subject,
        .issuer_key_id = p->issuer.ski,
        .sig_alg = crypto_sig_default(p->issuer_key),
        .not_before = PKI_FROM,
        .not_after = PKI_LEAF_TO - WHEN_SECOND,
        .subject = {.country = STR("DE"),
                    .organization = STR("Example Hospital"),
                    .common_name = STR("wiki.hospital.example")},
        .dns = pki_dns,
        .n_dns = 2,
        .ips = pki_ips,
        .n_ips = 2,
        .spki = crypto_key_spki(p->leaf_key),
        .subject_key_id = true,
        .key_usage = X509_KU_DIGITAL_SIGNATURE,
        .eku = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH,
        .crl_urls = pki_crl,
        .n_crl_urls = 1,
        .ocsp_urls = pki_ocsp,
        .n_ocsp_urls = 1,
        .issuer_urls = pki_aia,
        .n_issuer_urls = 1,
    };
}

/* Builds, signs and appends. */
static enum rc pki_issue(const struct x509_tbs_in *in, const struct crypto_key *key,
                         struct buf *out)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);

    TRY(x509_tbs_build(in, &tbs, NULL));
    return x509_sign_tbs(key, buf_str(&tbs), out);
}

/* Only a self-signed root of that key, which is taken over. CLEANUP(pki_done) frees it, also when
 * this has failed. */
[[maybe_unused]] static enum rc pki_init_root(struct pki *p, struct crypto_key *key)
{
    struct x509_tbs_in in;

    *p = (struct pki){.root_key = key};
    arena_init(&p->a, 1 << 20);
    buf_init(&p->root_name, X509_NAME_MAX);
    buf_init(&p->root_der, X509_CERT_MAX);
    buf_init(&p->issuer_der, X509_CERT_MAX);
    if (!key)
        return RC_NOMEM;
    in = pki_root_in(p);
    TRY(x509_name_build(&in.subject, &p->root_name));
    in = pki_root_in(p);
    return pki_issue(&in, p->root_key, &p->root_der);
}

/* Root with P-384, issuer with RSA, and a P-256 key for leaves. CLEANUP(pki_done) frees it, also
 * when this has failed. */
[[maybe_unused]] static enum rc pki_init(struct pki *p)
{
    struct x509_tbs_in in;

    TRY(pki_init_root(p, key_load(key_p384)));
    p->issuer_key = key_load(key_rsa);
    p->leaf_key = key_load(key_p256);
    if (!p->issuer_key || !p->leaf_key)
        return RC_NOMEM;
    TRY(x509_cert_parse(&p->a, buf_str(&p->root_der), &p->root, NULL));
    in = pki_issuer_in(p);
    TRY(pki_issue(&in, p->root_key, &p->issuer_der));
    return x509_cert_parse(&p->a, buf_str(&p->issuer_der), &p->issuer, NULL);
}

/* A certificate for that key, and the issuer's, in PEM; initialises `out`. */
[[maybe_unused]] static enum rc pki_chain(const struct pki *p, const struct crypto_key *key,
                                          struct buf *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in = pki_leaf_in(p);

    in.spki = crypto_key_spki(key);
    TRY(pki_issue(&in, p->issuer_key, &der));
    buf_init(out, 4 * X509_CERT_MAX);
    x509_cert_put_pem(buf_str(&der), out);
    x509_cert_put_pem(p->issuer.der, out);
    return buf_rc(out);
}
