/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/leaf.h"

/* The common name is for people and old software; it must repeat a name of the SAN (CABF
 * BR 7.1.4.3), and RFC 5280 ends it at 64 characters, so a certificate may have none. */
static struct str common_name(const struct ca_leaf *leaf, char text[static ADDR_TEXT])
{
    for (size_t i = 0; i < leaf->n_dns; i++)
        if (leaf->dns[i].n <= X509_ATTR_MAX)
            return leaf->dns[i];
    if (leaf->n_dns == 0 && leaf->n_ips > 0)
        return str_of(addr_text(&leaf->ips[0], text));
    return (struct str){NULL, 0};
}

/* RFC 5280 section 4.2.1.3: keyEncipherment is the RSA key exchange of TLS 1.2, which has no
 * meaning for other keys. */
static uint16_t key_usage(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_RSA ? X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT
                                  : X509_KU_DIGITAL_SIGNATURE;
}

enum rc ca_leaf_tbs(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                    enum crypto_key_type key_type, const struct conf *conf, struct buf *out,
                    struct err *err)
{
    CLEANUP(buf_done) struct buf url = BUF_INIT(X509_URL_BYTES);
    char ip[ADDR_TEXT];
    struct str urls[1];
    struct x509_tbs_in in = {
        .serial = leaf->serial,
        .issuer = issuer->cert.subject,
        .issuer_key_id = issuer->cert.ski,
        .sig_alg = crypto_sig_default(issuer->key),
        .not_before = leaf->not_before,
        .not_after = leaf->not_after,
        .subject = {.country = conf->country,
                    .organization = conf->organization,
                    .common_name = common_name(leaf, ip)},
        .dns = leaf->dns,
        .n_dns = leaf->n_dns,
        .ips = leaf->ips,
        .n_ips = leaf->n_ips,
        .spki = leaf->spki,
        .subject_key_id = true,
        .basic = X509_BASIC_ABSENT,
        .key_usage = key_usage(key_type),
        .eku = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH,
    };

    if (conf->urls.plain.n) {
        buf_printf(&url, "%.*s/issuer/%.*s.cer", STR_ARG(conf->urls.plain), STR_ARG(issuer->ref));
        TRY(buf_rc(&url));
        urls[0] = buf_str(&url);
        in.issuer_urls = urls;
        in.n_issuer_urls = 1;
    }
    return x509_tbs_build(&in, out, err);
}

unsigned ca_leaf_algorithm(enum crypto_key_type type)
{
    static const enum conf_key_algorithm of[CRYPTO_KEY_TYPES] = {
        [CRYPTO_KEY_RSA] = CONF_KEY_RSA,       [CRYPTO_KEY_P256] = CONF_KEY_ECDSA,
        [CRYPTO_KEY_P384] = CONF_KEY_ECDSA,    [CRYPTO_KEY_ED25519] = CONF_KEY_ED25519,
        [CRYPTO_KEY_SM2] = CONF_KEY_SM2,       [CRYPTO_KEY_MLDSA44] = CONF_KEY_MLDSA,
        [CRYPTO_KEY_MLDSA65] = CONF_KEY_MLDSA, [CRYPTO_KEY_MLDSA87] = CONF_KEY_MLDSA,
    };

    return 1u << of[type];
}
