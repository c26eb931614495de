/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/leaf.h"

#include <assert.h>
#include <stdio.h>

#include "base/name.h"

MSG(msg_algorithm, "ca.profile-algorithm",
    "the profile \"{0}\" does not certify {1} keys; make a key of another kind, choose another "
    "profile, or add it to the profile's `key_algorithms`");
MSG(msg_rsa_bits, "ca.profile-rsa-bits",
    "the key has {1} bits and the profile \"{0}\" certifies RSA keys from {2} bits on "
    "(`rsa_bits`)");
MSG(msg_size, "ca.profile-key-size",
    "the profile \"{0}\" does not certify {1} keys: they are not among its `{2}`");
MSG(msg_kind, "ca.profile-names",
    "the profile \"{0}\" certifies no names of the kind of {1}; choose another profile, or add "
    "\"{2}\" to its `names`");
MSG(msg_no_cn, "ca.profile-no-common-name",
    "the profile \"{0}\" writes no common name (`common_name: none`), and \"{1}\" was asked for");
MSG(msg_cn, "ca.profile-common-name",
    "the common name \"{1}\" is none of the certificate's names; ask for that name as well, or use "
    "a profile with `common_name: text`, which \"{0}\" is not");
MSG(msg_cn_name, "ca.common-name-is-name",
    "the common name \"{0}\" reads as a name, and the certificate is not for it: ask for that name "
    "as well, or for another common name");

/* What the lists of the configuration mean, bit by bit, is what x509/tbs.h means. */
static_assert(X509_KU_DIGITAL_SIGNATURE == 1 << CONF_USAGE_DIGITAL_SIGNATURE &&
              X509_KU_NON_REPUDIATION == 1 << CONF_USAGE_NON_REPUDIATION &&
              X509_KU_KEY_ENCIPHERMENT == 1 << CONF_USAGE_KEY_ENCIPHERMENT &&
              X509_KU_DATA_ENCIPHERMENT == 1 << CONF_USAGE_DATA_ENCIPHERMENT &&
              X509_KU_KEY_AGREEMENT == 1 << CONF_USAGE_KEY_AGREEMENT);
static_assert(X509_EKU_SERVER_AUTH == 1 << CONF_EKU_SERVER_AUTH &&
              X509_EKU_CLIENT_AUTH == 1 << CONF_EKU_CLIENT_AUTH);
static_assert((int)X509_POLICIES_MAX == (int)CONF_POLICIES_MAX);

/* ---- what the profile certifies */

static enum rc wrong_size(const struct conf_profile *profile, enum crypto_key_type type,
                          const char *key, struct err *err)
{
    return ERR(err, RC_DENIED, msg_size, profile->name, str_of(crypto_key_type_text(type)),
               str_of(key));
}

enum rc ca_leaf_check_key(const struct conf_profile *profile, enum crypto_key_type type,
                          unsigned bits, struct err *err)
{
    char z[2][16];

    if (!(profile->key_algorithms & ca_leaf_algorithm(type)))
        return ERR(err, RC_DENIED, msg_algorithm, profile->name,
                   str_of(crypto_key_type_text(type)));
    if (type == CRYPTO_KEY_RSA && bits < profile->rsa_bits) {
        (void)snprintf(z[0], sizeof(z[0]), "%u", bits);
        (void)snprintf(z[1], sizeof(z[1]), "%u", (unsigned)profile->rsa_bits);
        return ERR(err, RC_DENIED, msg_rsa_bits, profile->name, str_of(z[0]), str_of(z[1]));
    }
    if ((type == CRYPTO_KEY_P256 && !(profile->curves & 1u << CONF_CURVE_P256)) ||
        (type == CRYPTO_KEY_P384 && !(profile->curves & 1u << CONF_CURVE_P384)))
        return wrong_size(profile, type, "curves", err);
    if ((type == CRYPTO_KEY_MLDSA44 && !(profile->mldsa & 1u << CONF_MLDSA_44)) ||
        (type == CRYPTO_KEY_MLDSA65 && !(profile->mldsa & 1u << CONF_MLDSA_65)) ||
        (type == CRYPTO_KEY_MLDSA87 && !(profile->mldsa & 1u << CONF_MLDSA_87)))
        return wrong_size(profile, type, "mldsa", err);
    return RC_OK;
}

static bool has_text(const struct str *list, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], text))
            return true;
    return false;
}

/* An address is none that a common name can be: see ca_leaf_common_name. */
static bool has_name(const struct ca_leaf *leaf, struct str cn)
{
    return has_text(leaf->dns, leaf->n_dns, cn) || has_text(leaf->emails, leaf->n_emails, cn);
}

/* Old software takes a common name for the name of a host: one that could be must be in the SAN
 * (CABF BR 7.1.4.3). A single word is none that anybody connects to by its common name. */
static bool reads_as_name(struct str cn)
{
    struct addr ip;

    if (addr_parse(cn, &ip) == RC_OK || str_find(cn, '@') < cn.n || str_find(cn, '*') < cn.n)
        return true;
    /* With what is a name for clients and none for us: underscores, numbers as the last label.
     * OpenSSL holds such a common name against the issuer's constraints. */
    for (size_t i = 0; i < cn.n; i++) {
        char c = cn.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            c != '-' && c != '_' && c != '.')
            return false;
    }
    return name_labels(str_ends(cn, STR(".")) ? str_head(cn, cn.n - 1) : cn) > 1;
}

static enum rc check_common_name(const struct ca_leaf *leaf, const struct conf_profile *profile,
                                 struct err *err)
{
    if (leaf->common_name.n == 0)
        return RC_OK;
    if (profile->common_name == CONF_CN_NONE)
        return ERR(err, RC_DENIED, msg_no_cn, profile->name, leaf->common_name);
    if (has_name(leaf, leaf->common_name))
        return RC_OK;
    if (profile->common_name == CONF_CN_NAME)
        return ERR(err, RC_DENIED, msg_cn, profile->name, leaf->common_name);
    return reads_as_name(leaf->common_name) ? ERR(err, RC_DENIED, msg_cn_name, leaf->common_name)
                                            : RC_OK;
}

enum rc ca_leaf_check_names(const struct ca_leaf *leaf, const struct conf_profile *profile,
                            struct err *err)
{
    char ip[ADDR_TEXT] = "";
    const struct {
        size_t n;
        struct str first;
    } kinds[CONF_SAN_COUNT] = {
        [CONF_SAN_DNS] = {leaf->n_dns, leaf->n_dns ? leaf->dns[0] : STR("")},
        [CONF_SAN_IP] = {leaf->n_ips, str_of(leaf->n_ips ? addr_text(&leaf->ips[0], ip) : ip)},
        [CONF_SAN_EMAIL] = {leaf->n_emails, leaf->n_emails ? leaf->emails[0] : STR("")},
        [CONF_SAN_URI] = {leaf->n_uris, leaf->n_uris ? leaf->uris[0] : STR("")},
    };

    for (unsigned k = 0; k < CONF_SAN_COUNT; k++)
        if (kinds[k].n && !(profile->names & 1u << k))
            return ERR(err, RC_DENIED, msg_kind, profile->name, kinds[k].first,
                       str_of(conf_san_name(k)));
    return check_common_name(leaf, profile, err);
}

/* ---- what it writes */

/* RFC 5280 ends it at 64 characters, so a certificate may have none. An address is none: where
 * there is no DNS name, OpenSSL and GnuTLS take it for one, which the issuer's name constraints do
 * not permit. */
struct str ca_leaf_common_name(const struct ca_leaf *leaf, const struct conf_profile *profile)
{
    if (profile->common_name == CONF_CN_NONE)
        return (struct str){NULL, 0};
    if (leaf->common_name.n)
        return leaf->common_name;
    for (size_t i = 0; i < leaf->n_dns; i++)
        if (leaf->dns[i].n <= X509_ATTR_MAX)
            return leaf->dns[i];
    for (size_t i = 0; i < leaf->n_emails && leaf->n_dns == 0; i++)
        if (leaf->emails[i].n <= X509_ATTR_MAX)
            return leaf->emails[i];
    return (struct str){NULL, 0};
}

/* RFC 5280 section 4.2.1.3: keyEncipherment is the RSA key exchange of TLS 1.2, which has no
 * meaning for other keys. */
uint16_t ca_leaf_key_usage(const struct conf_profile *profile, enum crypto_key_type type)
{
    if (profile->key_usage)
        return (uint16_t)profile->key_usage;
    return type == CRYPTO_KEY_RSA ? X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT
                                  : X509_KU_DIGITAL_SIGNATURE;
}

/* Where things are found, below urls.plain. */
struct urls {
    struct buf text[3];
    struct str issuer, crl, ocsp;
};

static void urls_done(struct urls *u)
{
    for (size_t i = 0; i < 3; i++)
        buf_done(&u->text[i]);
}

static enum rc make_urls(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                         const struct conf *conf, struct urls *u)
{
    struct str base = conf->urls.plain, ref = issuer->ref;

    buf_printf(&u->text[0], "%.*s/issuer/%.*s.cer", STR_ARG(base), STR_ARG(ref));
    buf_printf(&u->text[1], "%.*s/crl/%.*s/%u.crl", STR_ARG(base), STR_ARG(ref),
               x509_serial_shard(&leaf->serial, issuer->crl_shards));
    buf_printf(&u->text[2], "%.*s/ocsp/%.*s", STR_ARG(base), STR_ARG(ref));
    for (size_t i = 0; i < 3; i++)
        TRY(buf_rc(&u->text[i]));
    u->issuer = buf_str(&u->text[0]);
    u->crl = buf_str(&u->text[1]);
    u->ocsp = buf_str(&u->text[2]);
    return RC_OK;
}

static enum rc build(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                     const struct conf *conf, struct x509_tbs_in *in, struct buf *out,
                     struct err *err)
{
    const struct conf_profile *profile = conf_profile_find(conf, leaf->profile);
    CLEANUP(urls_done)
    struct urls urls = {
        .text = {BUF_INIT(X509_URL_BYTES), BUF_INIT(X509_URL_BYTES), BUF_INIT(X509_URL_BYTES)}};

    if (conf->urls.plain.n) {
        TRY(make_urls(leaf, issuer, conf, &urls));
        in->issuer_urls = &urls.issuer;
        in->n_issuer_urls = 1;
        in->crl_urls = &urls.crl;
        in->n_crl_urls = conf_profile_crl(conf, profile);
        in->ocsp_urls = &urls.ocsp;
        in->n_ocsp_urls = conf_profile_ocsp(conf, profile);
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): `in` ends with the caller's return */
    return x509_tbs_build(in, out, err);
}

/* basicConstraints stay out: GmSSL takes the empty SEQUENCE that says cA FALSE for an error, and
 * RFC 5280 section 4.2.1.9 lets end-entity certificates do without. */
enum rc ca_leaf_tbs(const struct ca_leaf *leaf, const struct ca_issuer *issuer,
                    enum crypto_key_type key_type, const struct conf *conf, struct buf *out,
                    struct err *err)
{
    const struct conf_profile *profile = conf_profile_find(conf, leaf->profile);
    struct x509_tbs_in in = {
        .serial = leaf->serial,
        .issuer = issuer->cert.subject,
        .issuer_key_id = issuer->cert.ski,
        .sig_alg = crypto_sig_default(issuer->key),
        .not_before = leaf->not_before,
        .not_after = leaf->not_after,
        .subject = {.country = conf->country, .organization = conf->organization},
        .dns = leaf->dns,
        .n_dns = leaf->n_dns,
        .ips = leaf->ips,
        .n_ips = leaf->n_ips,
        .emails = leaf->emails,
        .n_emails = leaf->n_emails,
        .uris = leaf->uris,
        .n_uris = leaf->n_uris,
        .spki = leaf->spki,
        .subject_key_id = true,
        .basic = X509_BASIC_ABSENT,
    };

    if (!profile)
        return RC_NOTFOUND;
    in.subject.locality = profile->locality;
    in.subject.unit = profile->unit;
    in.subject.common_name = ca_leaf_common_name(leaf, profile);
    in.key_usage = ca_leaf_key_usage(profile, key_type);
    in.eku = (uint16_t)profile->extended_usage;
    in.must_staple = profile->must_staple;
    in.no_rev_avail = profile->revocation == CONF_REVOCATION_NONE;
    in.policies = profile->policies.p;
    in.n_policies = profile->policies.n;
    return build(leaf, issuer, conf, &in, out, err);
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
