/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/cert.h"

#include "base/text.h"
#include "x509/ext_int.h"

MSG(msg_broken, "x509.certificate", "the certificate is not what RFC 5280 describes, in DER: {0}");
MSG(msg_extension, "x509.extension",
    "the certificate is not what RFC 5280 describes, in DER: extension {0}");
MSG(msg_twice, "x509.extension-twice", "RFC 5280 4.2: extension {0} is there twice");
MSG(msg_size, "x509.certificate-size",
    "the certificate is longer than 72 KiB, or has too many names or extensions");
MSG(msg_pem, "x509.pem", "the PEM text is damaged");
MSG(msg_no_pem, "x509.no-pem", "no certificate found: a PEM block \"CERTIFICATE\" was looked for");
MSG(msg_pem_count, "x509.pem-count", "there are more certificates than expected");
MSG(msg_sig_alg, "x509.signature-algorithm",
    "the certificate is signed with an algorithm that is not supported, or not of the issuer's "
    "type of key");
MSG(msg_signature, "x509.signature", "the signature of the certificate is wrong");
MSG(msg_other_tbs, "x509.other-tbs", "the certificate says something else than was to be signed");
MSG(msg_issuer_name, "x509.issuer-name", "the certificate names another issuer");
MSG(msg_issuer_id, "x509.issuer-id", "the certificate names another key of the issuer");
MSG(msg_issuer_ca, "x509.issuer-ca", "the issuer is not a CA that may sign certificates");

/* ---- parsing ---- */

static enum rc broken(struct err *err, struct str what)
{
    return ERR(err, RC_PARSE, msg_broken, what);
}

static enum rc extension_rc(struct err *err, enum rc rc, struct str oid)
{
    char text[X509_OID_TEXT];

    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_size);
    if (rc == RC_PARSE)
        return ERR(err, rc, msg_extension, str_of(x509_oid_text(oid, text)));
    return rc;
}

static bool seen(const struct str *oids, size_t n, struct str oid)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(oids[i], oid))
            return true;
    return false;
}

static enum rc read_extensions(struct arena *a, struct rd in, struct x509_cert *c, struct err *err)
{
    struct str *oids = ARENA_ARRAY(a, struct str, X509_EXTENSIONS_MAX);
    char text[X509_OID_TEXT];

    if (!oids)
        return RC_NOMEM;
    if (in.left == 0)
        return broken(err, STR("extensions"));
    while (in.left && !in.failed) {
        struct x509_ext ext = x509_ext_get(&in);
        enum rc rc;

        if (in.failed)
            break;
        if (c->n_extensions == X509_EXTENSIONS_MAX)
            return ERR(err, RC_TOOBIG, msg_size);
        if (seen(oids, c->n_extensions, ext.oid))
            return ERR(err, RC_PARSE, msg_twice, str_of(x509_oid_text(ext.oid, text)));
        c->critical |= (uint64_t)ext.critical << c->n_extensions;
        oids[c->n_extensions++] = ext.oid;
        rc = x509_ext_read(a, &ext, c);
        if (rc == RC_NOTFOUND)
            c->n_unknown_critical += ext.critical;
        else if (rc != RC_OK)
            return extension_rc(err, rc, ext.oid);
    }
    c->extensions = oids;
    return in.failed ? broken(err, STR("extensions")) : RC_OK;
}

static enum rc read_version(struct rd *in, struct x509_cert *c)
{
    struct str explicit;
    uint32_t v;
    struct rd r;

    c->version = 1;
    if (!x509_der_opt(in, X509_DER_CONTEXT_IN(0), &explicit))
        return rd_rc(in);
    r = rd_of(explicit);
    v = x509_der_get_u32(&r);
    TRY(rd_done(&r));
    /* v1, which is 0, is the default and not written. */
    if (v != 1 && v != 2)
        return RC_PARSE;
    c->version = (uint8_t)(v + 1);
    return RC_OK;
}

/* What RFC 5280 does not allow here but the field has: negative, zero, more than 20 bytes; minimal
 * it must be. */
static enum rc read_serial(struct rd *in, struct x509_cert *c)
{
    struct str v = x509_der_get(in, X509_DER_INTEGER);
    unsigned first, second;

    if (v.n == 0)
        return RC_PARSE;
    first = (unsigned char)v.p[0];
    second = v.n > 1 ? (unsigned char)v.p[1] : 0;
    if (v.n > 1 && ((first == 0 && !(second & 0x80)) || (first == 0xff && second & 0x80)))
        return RC_PARSE;
    if (first & 0x80)
        return RC_OK;
    if (x509_serial_from_bytes(str_skip(v, first == 0), &c->serial) != RC_OK)
        c->serial = (struct x509_serial){.n = 0};
    return RC_OK;
}

static enum rc read_name(struct rd *in, struct str *out, struct x509_subject *subject)
{
    uint8_t tag = x509_der_peek(in);

    *out = x509_der_any(in, &tag);
    if (in->failed || out->n > X509_NAME_MAX)
        return RC_PARSE;
    return x509_name_parse(*out, subject, NULL);
}

static enum rc read_validity(struct rd *in, struct x509_cert *c)
{
    struct rd r = x509_der_in(in, X509_DER_SEQUENCE);

    c->not_before = x509_der_get_time(&r);
    c->not_after = x509_der_get_time(&r);
    return rd_done(&r);
}

static enum rc read_spki(struct rd *in, struct x509_cert *c)
{
    struct rd r, spki;

    if (x509_der_peek(in) != X509_DER_SEQUENCE)
        return RC_PARSE;
    c->spki = x509_der_any(in, NULL);
    r = rd_of(c->spki);
    spki = x509_der_in(&r, X509_DER_SEQUENCE);
    x509_der_get(&spki, X509_DER_SEQUENCE);
    x509_der_get_bits(&spki);
    return rd_done(&spki);
}

static enum rc read_tail(struct arena *a, struct rd *in, struct x509_cert *c, struct err *err)
{
    struct str unique, explicit;
    struct rd r, list;

    if (c->version >= 2) {
        c->has_unique_ids = x509_der_opt(in, X509_DER_CONTEXT(1), &unique);
        c->has_unique_ids |= x509_der_opt(in, X509_DER_CONTEXT(2), &unique);
    }
    if (c->version == 3 && x509_der_opt(in, X509_DER_CONTEXT_IN(3), &explicit)) {
        r = rd_of(explicit);
        list = x509_der_in(&r, X509_DER_SEQUENCE);
        if (rd_done(&r) != RC_OK)
            return broken(err, STR("extensions"));
        TRY(read_extensions(a, list, c, err));
    }
    return rd_done(in) == RC_OK ? RC_OK : broken(err, STR("bytes behind the extensions"));
}

static enum rc read_tbs(struct arena *a, struct str tbs, struct x509_cert *c, struct str *out_alg,
                        struct err *err)
{
    struct rd r = rd_of(tbs), in = x509_der_in(&r, X509_DER_SEQUENCE), alg;
    struct x509_subject issuer, subject;

    *c = (struct x509_cert){.tbs = tbs, .pathlen = -1};
    if (rd_done(&r) != RC_OK)
        return broken(err, STR("no TBSCertificate"));
    if (read_version(&in, c) != RC_OK)
        return broken(err, STR("version"));
    if (read_serial(&in, c) != RC_OK)
        return broken(err, STR("serial number"));
    *out_alg = x509_der_any(&in, NULL);
    alg = rd_of(*out_alg);
    c->sig_alg = x509_sigalg_get(&alg);
    if (in.failed || alg.failed)
        return broken(err, STR("signature algorithm"));
    if (read_name(&in, &c->issuer, &issuer) != RC_OK)
        return broken(err, STR("issuer"));
    if (read_validity(&in, c) != RC_OK)
        return broken(err, STR("validity"));
    if (read_name(&in, &c->subject, &subject) != RC_OK)
        return broken(err, STR("subject"));
    c->common_name = subject.common_name;
    if (read_spki(&in, c) != RC_OK)
        return broken(err, STR("public key"));
    return read_tail(a, &in, c, err);
}

enum rc x509_tbs_parse(struct arena *a, struct str tbs, struct x509_cert *out, struct err *err)
{
    struct x509_cert c;
    struct str alg;

    if (tbs.n > X509_TBS_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(read_tbs(a, tbs, &c, &alg, err));
    *out = c;
    return RC_OK;
}

/* The three parts of a certificate. */
static enum rc split(struct str der, struct str *tbs, struct str *alg, struct str *signature,
                     struct err *err)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE);

    if (der.n > X509_CERT_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    *tbs = x509_der_any(&in, NULL);
    *alg = x509_der_any(&in, NULL);
    *signature = x509_der_get_bits(&in);
    if (rd_done(&r) != RC_OK || rd_done(&in) != RC_OK)
        return broken(err, STR("its outermost structure"));
    return RC_OK;
}

enum rc x509_cert_parse(struct arena *a, struct str der, struct x509_cert *out, struct err *err)
{
    struct str tbs, alg, inner, signature;
    struct x509_cert c;

    TRY(split(der, &tbs, &alg, &signature, err));
    TRY(read_tbs(a, tbs, &c, &inner, err));
    if (!str_eq(alg, inner))
        return broken(err, STR("two different signature algorithms"));
    c.der = der;
    c.signature = signature;
    *out = c;
    return RC_OK;
}

enum rc x509_cert_read_pem(struct arena *a, struct str pem, size_t max, struct x509_cert **out,
                           size_t *out_n, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_cert *certs = ARENA_ARRAY(a, struct x509_cert, max);
    size_t n = 0;
    enum rc rc;

    if (!certs)
        return RC_NOMEM;
    for (;; n++) {
        struct str copy;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        if (rc == RC_PARSE || rc == RC_TOOBIG)
            return ERR(err, rc, msg_pem);
        TRY(rc);
        if (n == max)
            return ERR(err, RC_TOOBIG, msg_pem_count);
        TRY(arena_str(a, buf_str(&der), &copy));
        TRY(x509_cert_parse(a, copy, &certs[n], err));
    }
    if (n == 0)
        return ERR(err, RC_NOTFOUND, msg_no_pem);
    *out = certs;
    *out_n = n;
    return RC_OK;
}

enum rc x509_cert_read_der(struct arena *a, struct str ders, size_t max, struct x509_cert **out,
                           size_t *out_n, struct err *err)
{
    struct x509_cert *certs = ARENA_ARRAY(a, struct x509_cert, max);
    struct rd r = rd_of(ders);
    size_t n = 0;

    if (!certs)
        return RC_NOMEM;
    while (r.left && n < max) {
        uint8_t tag;
        struct str der = x509_der_any(&r, &tag);

        TRY(x509_cert_parse(a, der, &certs[n++], err));
    }
    if (n == 0)
        return ERR(err, RC_NOTFOUND, msg_no_pem);
    if (r.left)
        return ERR(err, RC_TOOBIG, msg_pem_count);
    *out = certs;
    *out_n = n;
    return RC_OK;
}

void x509_cert_put_pem(struct str der, struct buf *out)
{
    text_pem(out, STR("CERTIFICATE"), der);
}

enum rc x509_cert_put_pems(struct str ders, struct buf *out)
{
    struct rd r = rd_of(ders);

    while (r.left && !r.failed) {
        uint8_t tag;

        x509_cert_put_pem(x509_der_any(&r, &tag), out);
    }
    TRY(rd_done(&r));
    return buf_rc(out);
}

/* ---- asking ---- */

enum rc x509_cert_key(const struct x509_cert *c, struct crypto_key **out, struct err *err)
{
    return crypto_key_from_spki(c->spki, out, err);
}

bool x509_certs_have(const struct x509_cert *certs, size_t n, enum crypto_key_type type)
{
    bool found = false;

    for (size_t i = 0; i < n && !found; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

        found = x509_cert_key(&certs[i], &key, NULL) == RC_OK && crypto_key_type(key) == type;
    }
    return found;
}

static enum rc check_signature(const struct crypto_key *issuer, enum crypto_sig_alg alg,
                               struct str tbs, struct str signature, struct err *err)
{
    enum rc rc;

    if (!crypto_sig_fits(alg, issuer))
        return ERR(err, RC_UNSUPPORTED, msg_sig_alg);
    rc = crypto_verify(issuer, alg, CRYPTO_SIG_DER, tbs, signature);
    return rc == RC_DENIED ? ERR(err, rc, msg_signature) : rc;
}

enum rc x509_cert_check_signature(const struct x509_cert *c, const struct crypto_key *issuer,
                                  struct err *err)
{
    return check_signature(issuer, c->sig_alg, c->tbs, c->signature, err);
}

enum rc x509_cert_check_tbs(struct str der, struct str tbs, const struct crypto_key *issuer,
                            struct err *err)
{
    struct str there, alg, inner, signature, version;
    struct rd r = rd_of(tbs), in = x509_der_in(&r, X509_DER_SEQUENCE);

    TRY(split(der, &there, &alg, &signature, err));
    if (!str_eq(there, tbs))
        return ERR(err, RC_CONFLICT, msg_other_tbs);
    x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &version);
    x509_der_get(&in, X509_DER_INTEGER);
    inner = x509_der_any(&in, NULL);
    if (in.failed || !str_eq(alg, inner))
        return broken(err, STR("two different signature algorithms"));
    r = rd_of(alg);
    return check_signature(issuer, x509_sigalg_get(&r), tbs, signature, err);
}

enum rc x509_cert_check_issuer(const struct x509_cert *c, const struct x509_cert *issuer,
                               struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    if (!str_eq(c->issuer, issuer->subject))
        return ERR(err, RC_DENIED, msg_issuer_name);
    if (c->aki.n && issuer->ski.n && !str_eq(c->aki, issuer->ski))
        return ERR(err, RC_DENIED, msg_issuer_id);
    if (!issuer->is_ca || (issuer->has_key_usage && !(issuer->key_usage & X509_KU_CERT_SIGN)))
        return ERR(err, RC_DENIED, msg_issuer_ca);
    TRY(x509_cert_key(issuer, &key, err));
    return x509_cert_check_signature(c, key, err);
}

bool x509_cert_self_issued(const struct x509_cert *c)
{
    return str_eq(c->issuer, c->subject);
}

enum rc x509_cert_fingerprint(const struct x509_cert *c,
                              unsigned char out[static CRYPTO_SHA256_BYTES])
{
    return crypto_sha256(c->der, out);
}

bool x509_cert_has_dns(const struct x509_cert *c, struct str name)
{
    size_t dot = str_find(name, '.');
    bool wild = str_starts(name, STR("*."));

    for (size_t i = 0; i < c->n_dns; i++) {
        struct str have = c->dns[i];

        if (str_ieq(have, name))
            return true;
        /* "*.b" stands for one label in front of b, and for no wildcard below it. */
        if (!wild && dot > 0 && dot < name.n && str_starts(have, STR("*.")) &&
            str_ieq(str_skip(have, 1), str_skip(name, dot)))
            return true;
    }
    return false;
}

bool x509_cert_has_ip(const struct x509_cert *c, const struct addr *ip)
{
    for (size_t i = 0; i < c->n_ips; i++)
        if (addr_eq(&c->ips[i], ip))
            return true;
    return false;
}
