/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/authority.h"

MSG(msg_algorithm, "ceremony.algorithm",
    "\"{0}\" is not one of the algorithms of this version: {1}");

const struct ceremony_kind ceremony_kinds[CEREMONY_KINDS] = {
    {"rsa", "RSA", "rsa", {CRYPTO_KEY_RSA, 4096}, {CRYPTO_KEY_RSA, 3072}},
    {"ecdsa", "ECDSA", "rsa", {0, 0}, {CRYPTO_KEY_P256, 0}},
    {"sm2", "SM2", "sm2", {CRYPTO_KEY_SM2, 0}, {CRYPTO_KEY_SM2, 0}},
    {"mldsa", "ML-DSA", "mldsa", {CRYPTO_KEY_MLDSA87, 0}, {CRYPTO_KEY_MLDSA65, 0}},
};

const struct ceremony_kind *ceremony_kind_find(struct str algorithm)
{
    for (size_t i = 0; i < CEREMONY_KINDS; i++)
        if (str_eq(algorithm, str_of(ceremony_kinds[i].algorithm)))
            return &ceremony_kinds[i];
    return NULL;
}

enum rc ceremony_kinds_parse(struct str list, unsigned *out, struct err *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(128);
    unsigned bits = 0;
    struct str one;

    while (str_next(&list, ',', &one)) {
        const struct ceremony_kind *kind = ceremony_kind_find(one);

        if (!kind) {
            for (size_t i = 0; i < CEREMONY_KINDS; i++)
                buf_printf(&all, "%s%s", i ? "," : "", ceremony_kinds[i].algorithm);
            return ERR(err, RC_INVAL, msg_algorithm, one, buf_str(&all));
        }
        bits |= 1u << (kind - ceremony_kinds);
    }
    if (!bits)
        return ERR(err, RC_INVAL, msg_algorithm, STR(""), STR("rsa,ecdsa,sm2,mldsa"));
    *out = bits;
    return RC_OK;
}

struct crypto_key_spec ceremony_key_spec(const struct ca_ref *ref)
{
    const struct ceremony_kind *kind = ceremony_kind_find(ref->algorithm);

    return ref->root ? kind->root_key : kind->issuer_key;
}

/* ---- names */

static void expand(struct str template, const struct ceremony_plan *plan, struct str organization,
                   struct buf *out)
{
    const struct ceremony_kind *kind = ceremony_kind_find(plan->ref.algorithm);
    struct str before, field;

    if (plan->ref.hierarchy == CA_STAGING)
        buf_putz(out, "STAGING ");
    while (str_cut(template, '{', &before, &template)) {
        buf_puts(out, before);
        str_cut(template, '}', &field, &template);
        if (str_eq(field, STR("organization")))
            buf_puts(out, organization);
        else if (str_eq(field, STR("algorithm")))
            buf_putz(out, kind->label);
        else
            buf_printf(out, "%u", plan->ref.number);
    }
    buf_puts(out, before);
    if (plan->ref.hierarchy == CA_SPECIAL)
        buf_putz(out, " S");
}

static enum rc common_name(const struct ceremony_plan *plan, struct arena *a, struct str *out)
{
    struct str template = plan->ref.root ? plan->conf->ca.names.root : plan->conf->ca.names.issuer;
    struct str organization = plan->conf->organization;
    CLEANUP(buf_done) struct buf name = BUF_INIT(1024);

    expand(template, plan, organization, &name);
    if (name.n > X509_ATTR_MAX && organization.n > name.n - X509_ATTR_MAX) {
        organization = str_utf8_head(organization, organization.n - (name.n - X509_ATTR_MAX));
        buf_reset(&name);
        expand(template, plan, str_trim(organization), &name);
    }
    TRY(buf_rc(&name));
    return arena_str(a, buf_str(&name), out);
}

enum rc ceremony_subject(const struct ceremony_plan *plan, struct arena *a,
                         struct x509_subject *out)
{
    *out = (struct x509_subject){
        .country = plan->conf->country,
        .locality = plan->conf->locality,
        .organization = plan->conf->organization,
        .unit = plan->conf->unit,
    };
    return common_name(plan, a, &out->common_name);
}
