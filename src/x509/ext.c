/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/ext_int.h"

const enum x509_oid x509_ext_eku_oids[X509_EXT_EKUS] = {
    X509_OID_SERVER_AUTH,      X509_OID_CLIENT_AUTH,   X509_OID_CODE_SIGNING,
    X509_OID_EMAIL_PROTECTION, X509_OID_TIME_STAMPING, X509_OID_OCSP_SIGNING,
};

struct x509_ext x509_ext_get(struct rd *r)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    struct x509_ext ext = {.oid = x509_der_get(&in, X509_DER_OID)};

    if (x509_der_peek(&in) == X509_DER_BOOLEAN) {
        ext.critical = x509_der_get_bool(&in);
        if (!ext.critical)
            rd_fail(&in); /* the default is not written (X.690 section 11.5) */
    }
    ext.value = x509_der_get(&in, X509_DER_OCTET_STRING);
    if (rd_done(&in) != RC_OK || ext.oid.n == 0) {
        rd_fail(r);
        return (struct x509_ext){.critical = false};
    }
    return ext;
}

/* ---- names ---- */

struct names {
    struct str *dns;
    struct addr *ips;
    struct str *emails;
    struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris, n_others;
};

static bool is_other_name(uint8_t tag)
{
    return tag == X509_DER_CONTEXT_IN(0) || tag == X509_DER_CONTEXT_IN(3) ||
           tag == X509_DER_CONTEXT_IN(4) || tag == X509_DER_CONTEXT_IN(5) ||
           tag == X509_DER_CONTEXT(8);
}

/* IA5String, of which the control characters have no meaning here. */
static bool get_text(struct rd *r, uint8_t tag, struct str *list, size_t *n, bool fill)
{
    struct str v = x509_der_get(r, tag);

    if (v.n == 0 || !str_printable(v))
        return false;
    if (fill)
        list[*n] = v;
    (*n)++;
    return true;
}

static bool get_ip(struct rd *r, struct names *n, bool fill)
{
    struct addr ip;

    if (addr_from_bytes(x509_der_get(r, X509_EXT_IP), &ip) != RC_OK)
        return false;
    if (fill)
        n->ips[n->n_ips] = ip;
    n->n_ips++;
    return true;
}

static bool get_name(struct rd *r, struct names *n, bool fill)
{
    uint8_t tag = x509_der_peek(r);

    if (tag == X509_EXT_DNS)
        return get_text(r, tag, n->dns, &n->n_dns, fill);
    if (tag == X509_EXT_EMAIL)
        return get_text(r, tag, n->emails, &n->n_emails, fill);
    if (tag == X509_EXT_URI)
        return get_text(r, tag, n->uris, &n->n_uris, fill);
    if (tag == X509_EXT_IP)
        return get_ip(r, n, fill);
    x509_der_any(r, &tag);
    n->n_others++;
    return is_other_name(tag);
}

/* Counts, or fills what was counted before. */
static bool get_names(struct rd r, struct names *n, bool fill)
{
    while (r.left && !r.failed)
        if (!get_name(&r, n, fill))
            return false;
    return !r.failed;
}

static enum rc new_names(struct arena *a, struct names *n)
{
    if (n->n_dns + n->n_ips + n->n_emails + n->n_uris + n->n_others > X509_CERT_NAMES_MAX)
        return RC_TOOBIG;
    n->dns = ARENA_ARRAY(a, struct str, n->n_dns);
    n->ips = ARENA_ARRAY(a, struct addr, n->n_ips);
    n->emails = ARENA_ARRAY(a, struct str, n->n_emails);
    n->uris = ARENA_ARRAY(a, struct str, n->n_uris);
    n->n_dns = n->n_ips = n->n_emails = n->n_uris = n->n_others = 0;
    return n->dns && n->ips && n->emails && n->uris ? RC_OK : RC_NOMEM;
}

static enum rc read_san(struct arena *a, struct str value, bool critical, struct x509_cert *c)
{
    struct rd r = rd_of(value), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct names n = {.n_dns = 0};

    if (rd_done(&r) != RC_OK || in.left == 0 || !get_names(in, &n, false))
        return RC_PARSE;
    TRY(new_names(a, &n));
    if (!get_names(in, &n, true))
        return RC_PARSE;
    c->dns = n.dns;
    c->n_dns = n.n_dns;
    c->ips = n.ips;
    c->n_ips = n.n_ips;
    c->emails = n.emails;
    c->n_emails = n.n_emails;
    c->uris = n.uris;
    c->n_uris = n.n_uris;
    c->n_other_names = n.n_others;
    c->san_critical = critical;
    return RC_OK;
}

/* ---- the others; the cursor is over the value, and what is left over at the end fails ---- */

static enum rc read_basic(struct arena *, struct rd *r, bool critical, struct x509_cert *c)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    bool ca = false;

    if (x509_der_peek(&in) == X509_DER_BOOLEAN) {
        ca = x509_der_get_bool(&in);
        if (!ca)
            return RC_PARSE;
    }
    if (in.left) {
        uint32_t pathlen = x509_der_get_u32(&in);

        /* RFC 5280 section 4.2.1.9: only where cA is asserted. */
        if (!ca || pathlen > INT32_MAX)
            return RC_PARSE;
        c->pathlen = (int)pathlen;
    }
    c->is_ca = ca;
    c->basic = ca ? X509_BASIC_CA : X509_BASIC_LEAF;
    c->basic_critical = critical;
    return rd_done(&in);
}

static enum rc read_key_usage(struct arena *, struct rd *r, bool critical, struct x509_cert *c)
{
    c->key_usage = x509_der_get_named_bits(r);
    c->has_key_usage = true;
    c->key_usage_critical = critical;
    return c->key_usage ? RC_OK : RC_PARSE; /* section 4.2.1.3: at least one bit */
}

static unsigned eku_bit(struct str oid)
{
    for (unsigned i = 0; i < X509_EXT_EKUS; i++)
        if (str_eq(oid, x509_oid_der(x509_ext_eku_oids[i])))
            return 1u << i;
    return str_eq(oid, x509_oid_der(X509_OID_ANY_EKU)) ? X509_EKU_ANY : X509_EKU_OTHER;
}

/* SEQUENCE SIZE (1..MAX) OF, as all lists here are. */
static struct rd list_in(struct rd *r)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);

    if (in.left == 0)
        rd_fail(&in);
    return in;
}

static enum rc read_eku(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    struct rd in = list_in(r);

    while (in.left && !in.failed)
        c->eku = (uint16_t)(c->eku | eku_bit(x509_der_get(&in, X509_DER_OID)));
    c->has_eku = true;
    return rd_done(&in);
}

static enum rc read_ski(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    c->ski = x509_der_get(r, X509_DER_OCTET_STRING);
    return c->ski.n ? RC_OK : RC_PARSE;
}

static enum rc read_aki(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    struct str issuer;

    x509_der_opt(&in, X509_DER_CONTEXT(0), &c->aki);
    x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &issuer);
    x509_der_opt(&in, X509_DER_CONTEXT(2), &issuer);
    return rd_done(&in);
}

/* A list of at most `max` places, to be filled one by one. */
static struct str *new_list(struct arena *a, size_t max)
{
    return ARENA_ARRAY(a, struct str, max);
}

static void add_uri(struct str *list, size_t *n, struct str uri, struct rd *r)
{
    if (!str_printable(uri) || uri.n == 0)
        rd_fail(r);
    else if (*n < X509_URLS_MAX)
        list[(*n)++] = uri;
}

static enum rc read_crl_points(struct arena *a, struct rd *r, bool, struct x509_cert *c)
{
    struct rd points = list_in(r);
    struct str *list = new_list(a, X509_URLS_MAX);

    if (!list)
        return RC_NOMEM;
    while (points.left && !points.failed) {
        struct rd point = x509_der_in(&points, X509_DER_SEQUENCE), full;
        struct str name = {NULL, 0}, names = {NULL, 0}, skipped;

        x509_der_opt(&point, X509_DER_CONTEXT_IN(0), &name);
        x509_der_opt(&point, X509_DER_CONTEXT(1), &skipped);
        x509_der_opt(&point, X509_DER_CONTEXT_IN(2), &skipped);
        TRY(rd_done(&point));
        full = rd_of(name);
        if (!x509_der_opt(&full, X509_DER_CONTEXT_IN(0), &names))
            continue;
        TRY(rd_done(&full));
        for (full = rd_of(names); full.left && !full.failed;) {
            if (x509_der_opt(&full, X509_EXT_URI, &skipped))
                add_uri(list, &c->n_crl_urls, skipped, &full);
            else
                x509_der_any(&full, NULL);
        }
        TRY(rd_done(&full));
    }
    c->crl_urls = list;
    return rd_done(&points);
}

static enum rc read_aia(struct arena *a, struct rd *r, bool, struct x509_cert *c)
{
    struct rd in = list_in(r);
    struct str *ocsp = new_list(a, X509_URLS_MAX), *issuers = new_list(a, X509_URLS_MAX);

    if (!ocsp || !issuers)
        return RC_NOMEM;
    while (in.left && !in.failed) {
        struct rd access = x509_der_in(&in, X509_DER_SEQUENCE);
        enum x509_oid method = x509_oid_find(x509_der_get(&access, X509_DER_OID));
        struct str uri = {NULL, 0};

        if (!x509_der_opt(&access, X509_EXT_URI, &uri))
            x509_der_any(&access, NULL);
        TRY(rd_done(&access));
        if (uri.n && method == X509_OID_AD_OCSP)
            add_uri(ocsp, &c->n_ocsp_urls, uri, &in);
        else if (uri.n && method == X509_OID_AD_CA_ISSUERS)
            add_uri(issuers, &c->n_issuer_urls, uri, &in);
    }
    c->ocsp_urls = ocsp;
    c->issuer_urls = issuers;
    return rd_done(&in);
}

static enum rc read_policies(struct arena *a, struct rd *r, bool, struct x509_cert *c)
{
    struct rd in = list_in(r);
    struct str *list = new_list(a, X509_POLICIES_MAX);
    struct str qualifiers;

    if (!list)
        return RC_NOMEM;
    while (in.left && !in.failed) {
        struct rd policy = x509_der_in(&in, X509_DER_SEQUENCE);
        struct str oid = x509_der_get(&policy, X509_DER_OID);

        x509_der_opt(&policy, X509_DER_SEQUENCE, &qualifiers);
        TRY(rd_done(&policy));
        if (c->n_policies < X509_POLICIES_MAX)
            list[c->n_policies++] = oid;
    }
    c->policies = list;
    return rd_done(&in);
}

static enum rc read_tls_feature(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    struct rd in = list_in(r);

    for (; in.left && !in.failed; c->n_tls_features++)
        c->must_staple |= x509_der_get_u32(&in) == X509_EXT_STATUS_REQUEST;
    return rd_done(&in);
}

/* NULL says all: that the extension is there. */
static enum rc read_flag(struct rd *r, bool *out)
{
    *out = x509_der_get(r, X509_DER_NULL).n == 0;
    return *out ? RC_OK : RC_PARSE;
}

static enum rc read_no_rev_avail(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    return read_flag(r, &c->no_rev_avail);
}

static enum rc read_ocsp_nocheck(struct arena *, struct rd *r, bool, struct x509_cert *c)
{
    return read_flag(r, &c->ocsp_nocheck);
}

static enum rc read_whole_san(struct arena *a, struct rd *r, bool critical, struct x509_cert *c)
{
    return read_san(a, rd_rest(r), critical, c);
}

static enum rc read_constraints(struct arena *a, struct rd *r, bool critical, struct x509_cert *c)
{
    c->has_constraints = true;
    c->constraints_critical = critical;
    return x509_constraints_parse(a, rd_rest(r), &c->constraints);
}

static enum rc read_acme_identifier(struct arena *, struct rd *r, bool critical,
                                    struct x509_cert *c)
{
    c->acme_digest = x509_der_get(r, X509_DER_OCTET_STRING);
    c->acme_critical = critical;
    c->n_unknown_critical += critical;
    return c->acme_digest.n == CRYPTO_SHA256_BYTES ? RC_OK : RC_PARSE;
}

enum rc x509_ext_read(struct arena *a, const struct x509_ext *ext, struct x509_cert *c)
{
    static const struct {
        enum x509_oid oid;
        enum rc (*read)(struct arena *, struct rd *, bool, struct x509_cert *);
    } readers[] = {
        {X509_OID_BASIC_CONSTRAINTS, read_basic},
        {X509_OID_KEY_USAGE, read_key_usage},
        {X509_OID_EKU, read_eku},
        {X509_OID_SKI, read_ski},
        {X509_OID_AKI, read_aki},
        {X509_OID_SAN, read_whole_san},
        {X509_OID_NAME_CONSTRAINTS, read_constraints},
        {X509_OID_POLICIES, read_policies},
        {X509_OID_CRL_POINTS, read_crl_points},
        {X509_OID_AIA, read_aia},
        {X509_OID_TLS_FEATURE, read_tls_feature},
        {X509_OID_NO_REV_AVAIL, read_no_rev_avail},
        {X509_OID_OCSP_NOCHECK, read_ocsp_nocheck},
        {X509_OID_ACME_IDENTIFIER, read_acme_identifier},
    };
    enum x509_oid oid = x509_oid_find(ext->oid);
    struct rd r = rd_of(ext->value);

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (readers[i].oid == oid) {
            TRY(readers[i].read(a, &r, ext->critical, c));
            return rd_done(&r);
        }
    return RC_NOTFOUND;
}
