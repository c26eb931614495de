/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/tbs.h"

#include "base/name.h"
#include "x509/ext_int.h"
#include "x509/oid.h"

MSG(msg_serial, "x509.tbs-serial", "the certificate has no serial number");
MSG(msg_subject, "x509.tbs-subject",
    "an attribute of the subject cannot be written: at most 64 characters of UTF-8 without control "
    "characters, and two capital letters for the country");
MSG(msg_issuer, "x509.tbs-issuer", "the issuer's name is not a Name in DER");
MSG(msg_names, "x509.tbs-names", "a certificate holds at most 100 names");
MSG(msg_dns, "x509.tbs-dns", "\"{0}\" is not a DNS name in canonical form");
MSG(msg_email, "x509.tbs-email", "\"{0}\" is not a mail address in canonical form");
MSG(msg_uri, "x509.tbs-uri",
    "\"{0}\" is not a URI with a host, without user and fragment, scheme and host in lower case");
MSG(msg_ip, "x509.tbs-ip", "an address has neither 4 nor 16 bytes");
MSG(msg_validity, "x509.tbs-validity",
    "the certificate ends before it begins, or outside of 1970 to 9999");
MSG(msg_spki, "x509.tbs-spki", "the public key is not a SubjectPublicKeyInfo in DER");
MSG(msg_url, "x509.tbs-url",
    "\"{0}\" cannot be written into a certificate: plain ASCII, at most 512 bytes");
MSG(msg_policy, "x509.tbs-policy", "\"{0}\" is not an object identifier");
MSG(msg_constraints, "x509.tbs-constraints",
    "the name constraints hold a name that is not canonical, or more than 64 of a kind");
MSG(msg_size, "x509.tbs-size", "the certificate would be too long");

enum { SHOWN_MAX = 100 };

/* ---- checks ---- */

static enum rc check_others(const struct x509_san *s, struct err *err)
{
    char email[NAME_EMAIL_MAX + 1];

    for (size_t i = 0; i < s->n_emails; i++)
        if (name_email_canonical(s->emails[i], email) != RC_OK ||
            !str_eq(s->emails[i], str_of(email)))
            return ERR(err, RC_INVAL, msg_email, s->emails[i]);
    for (size_t i = 0; i < s->n_uris; i++)
        if (name_uri_check(s->uris[i]) != RC_OK)
            return ERR(err, RC_INVAL, msg_uri, str_head(s->uris[i], SHOWN_MAX));
    return RC_OK;
}

enum rc x509_ext_check_names(const struct x509_san *s, struct err *err)
{
    char text[NAME_MAX_BYTES + 1];

    if (s->n_dns > X509_NAMES_MAX || s->n_ips > X509_NAMES_MAX || s->n_emails > X509_NAMES_MAX ||
        s->n_uris > X509_NAMES_MAX || x509_san_count(s) > X509_NAMES_MAX)
        return ERR(err, RC_TOOBIG, msg_names);
    for (size_t i = 0; i < s->n_dns; i++)
        if (name_canonical(s->dns[i], true, text) != RC_OK || !str_eq(s->dns[i], str_of(text)))
            return ERR(err, RC_INVAL, msg_dns, s->dns[i]);
    for (size_t i = 0; i < s->n_ips; i++)
        if (s->ips[i].n != 4 && s->ips[i].n != 16)
            return ERR(err, RC_INVAL, msg_ip);
    return check_others(s, err);
}

/* The message for a failure that is the caller's doing; lack of memory or room is not. */
static enum rc explain(enum rc rc, const struct msg *msg, struct str arg, struct err *err)
{
    return rc == RC_INVAL || rc == RC_PARSE ? ERR(err, RC_INVAL, *msg, arg) : rc;
}

static enum rc check_urls(const struct str *urls, size_t n, struct err *err)
{
    if (n > X509_URLS_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    for (size_t i = 0; i < n; i++)
        if (urls[i].n == 0 || urls[i].n > X509_URL_BYTES || !str_printable(urls[i]) ||
            str_find(urls[i], ' ') < urls[i].n)
            return ERR(err, RC_INVAL, msg_url, urls[i]);
    return RC_OK;
}

/* What the key's identifiers are of: the content of the BIT STRING. */
static enum rc key_bits(struct str spki, struct str *out)
{
    struct rd r = rd_of(spki), in = x509_der_in(&r, X509_DER_SEQUENCE);

    x509_der_get(&in, X509_DER_SEQUENCE);
    *out = x509_der_get_bits(&in);
    TRY(rd_done(&r));
    return rd_done(&in);
}

static enum rc check(const struct x509_tbs_in *in, struct err *err)
{
    struct x509_serial serial;
    struct str bits;

    if (x509_serial_from_bytes(x509_serial_bytes(&in->serial), &serial) != RC_OK)
        return ERR(err, RC_INVAL, msg_serial);
    if (in->issuer.n > X509_NAME_MAX ||
        x509_name_parse(in->issuer, &(struct x509_subject){0}, NULL) != RC_OK)
        return ERR(err, RC_INVAL, msg_issuer);
    if (in->not_before < 0 || in->not_after > WHEN_MAX || in->not_after < in->not_before)
        return ERR(err, RC_INVAL, msg_validity);
    if (x509_der_check(in->spki) != RC_OK || key_bits(in->spki, &bits) != RC_OK)
        return ERR(err, RC_INVAL, msg_spki);
    TRY(x509_ext_check_names(&X509_SAN_OF(in), err));
    TRY(check_urls(in->crl_urls, in->n_crl_urls, err));
    TRY(check_urls(in->ocsp_urls, in->n_ocsp_urls, err));
    return check_urls(in->issuer_urls, in->n_issuer_urls, err);
}

/* ---- extensions ---- */

void x509_ext_open(struct x509_der *w, enum x509_oid oid, bool critical)
{
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_oid_put(w, oid);
    if (critical)
        x509_der_bool(w, true);
    x509_der_open(w, X509_DER_OCTET_STRING);
}

void x509_ext_close(struct x509_der *w)
{
    x509_der_close(w);
    x509_der_close(w);
}

void x509_ext_put_san(struct x509_der *w, const struct x509_san *s, bool critical)
{
    if (x509_san_count(s) == 0)
        return;
    x509_ext_open(w, X509_OID_SAN, critical);
    x509_der_open(w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < s->n_dns; i++)
        x509_der_put(w, X509_EXT_DNS, s->dns[i]);
    for (size_t i = 0; i < s->n_ips; i++)
        x509_der_put(w, X509_EXT_IP, addr_bytes(&s->ips[i]));
    for (size_t i = 0; i < s->n_emails; i++)
        x509_der_put(w, X509_EXT_EMAIL, s->emails[i]);
    for (size_t i = 0; i < s->n_uris; i++)
        x509_der_put(w, X509_EXT_URI, s->uris[i]);
    x509_der_close(w);
    x509_ext_close(w);
}

void x509_ext_put_must_staple(struct x509_der *w)
{
    x509_ext_open(w, X509_OID_TLS_FEATURE, false);
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_u64(w, X509_EXT_STATUS_REQUEST);
    x509_der_close(w);
    x509_ext_close(w);
}

static void put_basic(struct x509_der *w, const struct x509_tbs_in *in)
{
    if (in->basic == X509_BASIC_ABSENT)
        return;
    x509_ext_open(w, X509_OID_BASIC_CONSTRAINTS, true);
    x509_der_open(w, X509_DER_SEQUENCE);
    if (in->basic == X509_BASIC_CA) {
        x509_der_bool(w, true);
        if (in->pathlen >= 0)
            x509_der_u64(w, (uint64_t)in->pathlen);
    }
    x509_der_close(w);
    x509_ext_close(w);
}

static void put_usage(struct x509_der *w, const struct x509_tbs_in *in)
{
    if (in->key_usage) {
        x509_ext_open(w, X509_OID_KEY_USAGE, true);
        x509_der_named_bits(w, in->key_usage);
        x509_ext_close(w);
    }
    if (in->eku) {
        x509_ext_open(w, X509_OID_EKU, false);
        x509_der_open(w, X509_DER_SEQUENCE);
        for (unsigned bit = 0; bit < X509_EXT_EKUS; bit++)
            if (in->eku & 1u << bit)
                x509_oid_put(w, x509_ext_eku_oids[bit]);
        x509_der_close(w);
        x509_ext_close(w);
    }
}

static enum rc put_key_ids(struct x509_der *w, const struct x509_tbs_in *in)
{
    unsigned char id[X509_KEY_ID];

    if (in->subject_key_id) {
        TRY(x509_key_id(in->spki, id));
        x509_ext_open(w, X509_OID_SKI, false);
        x509_der_put(w, X509_DER_OCTET_STRING, str_bytes(id, sizeof(id)));
        x509_ext_close(w);
    }
    if (in->issuer_key_id.n) {
        x509_ext_open(w, X509_OID_AKI, false);
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_put(w, X509_DER_CONTEXT(0), in->issuer_key_id);
        x509_der_close(w);
        x509_ext_close(w);
    }
    return RC_OK;
}

static enum rc put_policies(struct x509_der *w, const struct x509_tbs_in *in, struct err *err)
{
    if (in->n_policies > X509_POLICIES_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    if (in->n_policies == 0)
        return RC_OK;
    x509_ext_open(w, X509_OID_POLICIES, false);
    x509_der_open(w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < in->n_policies; i++) {
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_open(w, X509_DER_OID);
        TRY(explain(x509_oid_from_text(in->policies[i], w->out), &msg_policy, in->policies[i],
                    err));
        x509_der_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
    x509_ext_close(w);
    return RC_OK;
}

/* One DistributionPoint for each place, RFC 5280 section 4.2.1.13. */
static void put_crl_urls(struct x509_der *w, const struct x509_tbs_in *in)
{
    if (in->n_crl_urls == 0)
        return;
    x509_ext_open(w, X509_OID_CRL_POINTS, false);
    x509_der_open(w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < in->n_crl_urls; i++) {
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_open(w, X509_DER_CONTEXT_IN(0)); /* distributionPoint */
        x509_der_open(w, X509_DER_CONTEXT_IN(0)); /* fullName */
        x509_der_put(w, X509_EXT_URI, in->crl_urls[i]);
        x509_der_close(w);
        x509_der_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
    x509_ext_close(w);
}

static void put_access(struct x509_der *w, enum x509_oid method, const struct str *urls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_oid_put(w, method);
        x509_der_put(w, X509_EXT_URI, urls[i]);
        x509_der_close(w);
    }
}

static void put_aia(struct x509_der *w, const struct x509_tbs_in *in)
{
    if (in->n_ocsp_urls + in->n_issuer_urls == 0)
        return;
    x509_ext_open(w, X509_OID_AIA, false);
    x509_der_open(w, X509_DER_SEQUENCE);
    put_access(w, X509_OID_AD_OCSP, in->ocsp_urls, in->n_ocsp_urls);
    put_access(w, X509_OID_AD_CA_ISSUERS, in->issuer_urls, in->n_issuer_urls);
    x509_der_close(w);
    x509_ext_close(w);
}

static void put_flag(struct x509_der *w, enum x509_oid oid, bool there)
{
    if (!there)
        return;
    x509_ext_open(w, oid, false);
    x509_der_null(w);
    x509_ext_close(w);
}

static void put_acme_identifier(struct x509_der *w, struct str digest)
{
    if (digest.n == 0)
        return;
    x509_ext_open(w, X509_OID_ACME_IDENTIFIER, true);
    x509_der_put(w, X509_DER_OCTET_STRING, digest);
    x509_ext_close(w);
}

static bool has_subject(const struct x509_subject *s)
{
    return s->country.n || s->state.n || s->locality.n || s->organization.n || s->unit.n ||
           s->common_name.n;
}

static enum rc put_extensions(struct x509_der *w, const struct x509_tbs_in *in, struct err *err)
{
    put_basic(w, in);
    put_usage(w, in);
    TRY(put_key_ids(w, in));
    /* RFC 5280 section 4.1.2.6: it alone says who the subject is, then. */
    x509_ext_put_san(w, &X509_SAN_OF(in), !has_subject(&in->subject));
    if (in->constraints && !x509_constraints_empty(in->constraints)) {
        x509_ext_open(w, X509_OID_NAME_CONSTRAINTS, !in->constraints_noncritical);
        TRY(explain(x509_constraints_put(in->constraints, w->out), &msg_constraints, STR(""), err));
        x509_ext_close(w);
    }
    TRY(put_policies(w, in, err));
    put_crl_urls(w, in);
    put_aia(w, in);
    if (in->must_staple)
        x509_ext_put_must_staple(w);
    put_flag(w, X509_OID_NO_REV_AVAIL, in->no_rev_avail);
    put_flag(w, X509_OID_OCSP_NOCHECK, in->ocsp_nocheck);
    put_acme_identifier(w, in->acme_digest);
    return buf_rc(w->out);
}

/* ---- the whole ---- */

static enum rc put_head(struct x509_der *w, const struct x509_tbs_in *in, struct err *err)
{
    x509_der_open(w, X509_DER_CONTEXT_IN(0));
    x509_der_u64(w, 2); /* v3 */
    x509_der_close(w);
    x509_der_uint(w, x509_serial_bytes(&in->serial));
    x509_sigalg_put(w, in->sig_alg);
    x509_der_raw(w, in->issuer);
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_time(w, in->not_before);
    x509_der_time(w, in->not_after);
    x509_der_close(w);
    TRY(explain(x509_name_build(&in->subject, w->out), &msg_subject, STR(""), err));
    x509_der_raw(w, in->spki);
    return RC_OK;
}

static bool has_extensions(const struct x509_tbs_in *in)
{
    size_t lists = in->n_policies + in->n_crl_urls + in->n_ocsp_urls + in->n_issuer_urls;

    return in->basic || in->key_usage || in->eku || in->subject_key_id || in->issuer_key_id.n ||
           x509_san_count(&X509_SAN_OF(in)) ||
           (in->constraints && !x509_constraints_empty(in->constraints)) || lists ||
           in->must_staple || in->no_rev_avail || in->ocsp_nocheck || in->acme_digest.n;
}

static enum rc put_tbs(struct x509_der *w, const struct x509_tbs_in *in, struct err *err)
{
    x509_der_open(w, X509_DER_SEQUENCE);
    TRY(put_head(w, in, err));
    if (has_extensions(in)) {
        x509_der_open(w, X509_DER_CONTEXT_IN(3));
        x509_der_open(w, X509_DER_SEQUENCE);
        TRY(put_extensions(w, in, err));
        x509_der_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
    return x509_der_end(w);
}

enum rc x509_tbs_build(const struct x509_tbs_in *in, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_der w = x509_der_of(&tbs);
    enum rc rc;

    TRY(check(in, err));
    rc = put_tbs(&w, in, err);
    if (buf_rc(&tbs) == RC_TOOBIG)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(rc);
    buf_puts(out, buf_str(&tbs));
    return buf_rc(out);
}

/* The signature algorithm as the to-be-signed part names it: known, and in DER. */
static enum rc tbs_algorithm(struct str tbs, enum crypto_sig_alg *out_alg, struct str *out_der)
{
    struct rd r = rd_of(tbs), in = x509_der_in(&r, X509_DER_SEQUENCE), alg;
    struct str version;

    x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &version);
    x509_der_get(&in, X509_DER_INTEGER);
    *out_der = x509_der_any(&in, NULL);
    TRY(rd_done(&r));
    TRY(rd_rc(&in));
    alg = rd_of(*out_der);
    *out_alg = x509_sigalg_get(&alg);
    return *out_alg ? RC_OK : RC_UNSUPPORTED;
}

enum rc x509_assemble(struct str tbs, struct str signature, struct buf *out)
{
    struct x509_der w = x509_der_of(out);
    enum crypto_sig_alg alg;
    struct str alg_der;

    TRY(tbs_algorithm(tbs, &alg, &alg_der));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_raw(&w, tbs);
    x509_der_raw(&w, alg_der);
    x509_der_open_bits(&w);
    x509_der_raw(&w, signature);
    x509_der_close(&w);
    x509_der_close(&w);
    return x509_der_end(&w);
}

enum rc x509_sign_tbs(const struct crypto_key *key, struct str tbs, struct buf *out)
{
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    enum crypto_sig_alg alg;
    struct str alg_der;

    TRY(tbs_algorithm(tbs, &alg, &alg_der));
    TRY(crypto_sign(key, alg, CRYPTO_SIG_DER, tbs, &sig));
    return x509_assemble(tbs, buf_str(&sig), out);
}

enum rc x509_key_id(struct str spki, unsigned char out[static X509_KEY_ID])
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct str bits;

    TRY(key_bits(spki, &bits));
    TRY(crypto_sha256(bits, digest));
    memcpy(out, digest, X509_KEY_ID);
    return RC_OK;
}
