/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/csr.h"

#include <stdlib.h>

#include "base/name.h"
#include "base/text.h"
#include "crypto/sign.h"
#include "crypto/weak.h"
#include "x509/ext_int.h"

MSG(msg_broken, "x509.csr", "the certificate request is not PKCS#10 in DER (RFC 2986): {0}");
MSG(msg_no_pem, "x509.csr-no-pem",
    "there is no certificate request in it: neither DER nor a PEM block \"CERTIFICATE REQUEST\"");
MSG(msg_pem, "x509.csr-pem", "its PEM block \"CERTIFICATE REQUEST\" is broken or cut off");
MSG(msg_size, "x509.csr-size", "the certificate request is longer than 32 KiB");
MSG(msg_names, "x509.csr-names", "the certificate request holds more than 100 names");
MSG(msg_sig_alg, "x509.csr-signature-algorithm",
    "the certificate request is signed with an algorithm that is not supported; use SHA-256, "
    "SHA-384 or SHA-512, SM3 for SM2, and ML-DSA without a context");
MSG(msg_id, "x509.csr-id",
    "the certificate request is signed over an empty identifier, as OpenSSL below 4.0 does unless "
    "told otherwise: sign it with -sigopt distid:1234567812345678, or set ca.sm2_empty_id");
MSG(msg_signature, "x509.csr-signature", "the signature of the certificate request is wrong");
MSG(msg_dns, "x509.csr-dns", "the certificate request asks for \"{0}\", which is not a DNS name");
MSG(msg_common_name, "x509.csr-common-name",
    "the common name \"{0}\" in the certificate request is neither a DNS name nor an address; "
    "leave it out");
MSG(msg_common_names, "x509.csr-common-names",
    "the certificate request has more than one common name");
MSG(msg_email, "x509.csr-email",
    "the certificate request asks for the mail address \"{0}\", which is none: letters and digits "
    "of ASCII, \"@\" and a DNS name");
MSG(msg_uri, "x509.csr-uri",
    "the certificate request asks for the URI \"{0}\", which cannot stand in a certificate: it "
    "needs a host, no user and no fragment, scheme and host in lower case");
MSG(msg_other_names, "x509.csr-other-names",
    "the certificate request asks for names that are neither DNS names nor addresses");
MSG(msg_extension, "x509.csr-extension",
    "the certificate request asks for extension {0}, which is not given");
MSG(msg_attribute, "x509.csr-attribute",
    "the certificate request holds attribute {0}, which means nothing here");
MSG(msg_ca, "x509.csr-ca", "the certificate request asks for a CA certificate");

struct parse {
    struct arena *a;
    enum x509_csr_mode mode;
    struct x509_cert ext; /* what the extensions asked for said */
    struct x509_csr csr;
};

static enum rc bad(struct err *err, enum rc rc)
{
    return err_problem(err, rc, "badCSR", 400);
}

static enum rc broken(struct err *err, struct str what)
{
    return bad(err, ERR(err, RC_PARSE, msg_broken, what));
}

/* ---- attributes ---- */

/* Extensions that say nothing the profile does not decide: all that clients send by habit. */
static bool is_habit(enum x509_oid oid)
{
    return oid == X509_OID_SAN || oid == X509_OID_KEY_USAGE || oid == X509_OID_EKU ||
           oid == X509_OID_BASIC_CONSTRAINTS || oid == X509_OID_SKI || oid == X509_OID_TLS_FEATURE;
}

static enum rc read_extension(struct parse *p, const struct x509_ext *ext, struct err *err)
{
    char text[X509_OID_TEXT];
    enum rc rc;

    x509_oid_text(ext->oid, text);
    if (!is_habit(x509_oid_find(ext->oid))) {
        p->csr.n_ignored++;
        return p->mode == X509_CSR_LENIENT
                   ? RC_OK
                   : bad(err, ERR(err, RC_INVAL, msg_extension, str_of(text)));
    }
    rc = x509_ext_read(p->a, ext, &p->ext);
    if (rc == RC_TOOBIG)
        return bad(err, ERR(err, rc, msg_names));
    return rc == RC_PARSE ? broken(err, str_of(text)) : rc;
}

static enum rc read_extensions(struct parse *p, struct rd list, struct err *err)
{
    struct str oids[X509_EXTENSIONS_MAX];
    size_t n = 0;

    while (list.left && !list.failed) {
        struct x509_ext ext = x509_ext_get(&list);

        if (list.failed)
            break;
        for (size_t i = 0; i < n; i++)
            if (str_eq(oids[i], ext.oid))
                return broken(err, STR("an extension twice"));
        if (n == X509_EXTENSIONS_MAX)
            return broken(err, STR("too many extensions"));
        oids[n++] = ext.oid;
        TRY(read_extension(p, &ext, err));
    }
    return list.failed ? broken(err, STR("extensions")) : RC_OK;
}

static enum rc read_attribute(struct parse *p, struct str oid, struct rd values, struct err *err)
{
    enum x509_oid known = x509_oid_find(oid);
    char text[X509_OID_TEXT];
    struct rd list;

    if (known == X509_OID_CHALLENGE_PASSWORD)
        return RC_OK;
    if (known == X509_OID_EXTENSION_REQUEST) {
        list = x509_der_in(&values, X509_DER_SEQUENCE);
        if (rd_done(&values) != RC_OK)
            return broken(err, STR("extensionRequest"));
        return read_extensions(p, list, err);
    }
    p->csr.n_ignored++;
    return p->mode == X509_CSR_LENIENT
               ? RC_OK
               : bad(err, ERR(err, RC_INVAL, msg_attribute, str_of(x509_oid_text(oid, text))));
}

static enum rc read_attributes(struct parse *p, struct str attributes, struct err *err)
{
    struct rd r = rd_of(attributes);
    struct str oids[X509_CSR_ATTRIBUTES_MAX];
    size_t n = 0;

    for (; r.left && !r.failed; n++) {
        struct rd attr = x509_der_in(&r, X509_DER_SEQUENCE), values;
        struct str oid = x509_der_get(&attr, X509_DER_OID);

        values = x509_der_in(&attr, X509_DER_SET);
        if (rd_done(&attr) != RC_OK || n == X509_CSR_ATTRIBUTES_MAX)
            return broken(err, STR("attributes"));
        for (size_t i = 0; i < n; i++)
            if (str_eq(oids[i], oid))
                return broken(err, STR("an attribute twice"));
        oids[n] = oid;
        TRY(read_attribute(p, oid, values, err));
    }
    return r.failed ? broken(err, STR("attributes")) : RC_OK;
}

/* ---- names ---- */

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int compare_ips(const void *a, const void *b)
{
    return str_cmp(addr_bytes(a), addr_bytes(b));
}

/* Sorts and drops what is there twice; returns how many are left. */
static size_t unique(void *p, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    char *items = p;
    size_t kept = n > 0;

    qsort(items, n, size, compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(items + i * size, items + (kept - 1) * size) == 0)
            continue;
        if (kept != i)
            memcpy(items + kept * size, items + i * size, size);
        kept++;
    }
    return kept;
}

size_t x509_texts_sort(struct str *list, size_t n)
{
    return unique(list, n, sizeof(*list), compare_texts);
}

size_t x509_addrs_sort(struct addr *list, size_t n)
{
    return unique(list, n, sizeof(*list), compare_ips);
}

static enum rc add_dns(struct parse *p, struct str *list, struct str name, enum rc *out_form)
{
    char text[NAME_MAX_BYTES + 1];

    *out_form = name_canonical(name, true, text);
    /* The final dot that it drops has no place in a certificate. */
    if (*out_form == RC_OK && str_ends(name, STR(".")))
        *out_form = RC_PARSE;
    if (*out_form != RC_OK)
        return RC_OK;
    TRY(arena_str(p->a, str_of(text), &list[p->csr.n_dns]));
    p->csr.n_dns++;
    return RC_OK;
}

/* The common name counts as a name, RFC 8555 section 7.4. */
static enum rc read_common_name(struct parse *p, struct str *dns, struct addr *ips, struct err *err)
{
    struct str cn = p->csr.common_name;
    enum rc form;

    if (cn.n == 0)
        return RC_OK;
    if (x509_name_count(p->csr.subject, x509_oid_der(X509_OID_CN)) > 1) {
        if (p->mode == X509_CSR_STRICT)
            return bad(err, ERR(err, RC_INVAL, msg_common_names));
        p->csr.n_ignored++;
    }
    p->csr.common_name_is_name = true;
    if (addr_parse(cn, &ips[p->csr.n_ips]) == RC_OK) {
        p->csr.n_ips++;
        return RC_OK;
    }
    TRY(add_dns(p, dns, cn, &form));
    if (form == RC_OK) {
        p->csr.common_name = dns[p->csr.n_dns - 1];
        return RC_OK;
    }
    p->csr.common_name_is_name = false;
    p->csr.n_ignored++;
    return p->mode == X509_CSR_LENIENT ? RC_OK : bad(err, ERR(err, RC_INVAL, msg_common_name, cn));
}

static enum rc read_emails(struct parse *p, struct err *err)
{
    struct str *emails = ARENA_ARRAY(p->a, struct str, p->ext.n_emails);
    char text[NAME_EMAIL_MAX + 1];

    if (!emails)
        return RC_NOMEM;
    for (size_t i = 0; i < p->ext.n_emails; i++) {
        if (name_email_canonical(p->ext.emails[i], text) != RC_OK)
            return bad(err, ERR(err, RC_INVAL, msg_email, p->ext.emails[i]));
        TRY(arena_str(p->a, str_of(text), &emails[i]));
    }
    p->csr.emails = emails;
    p->csr.n_emails = x509_texts_sort(emails, p->ext.n_emails);
    return RC_OK;
}

static enum rc read_uris(struct parse *p, struct err *err)
{
    struct str *uris = ARENA_ARRAY(p->a, struct str, p->ext.n_uris);

    if (!uris)
        return RC_NOMEM;
    for (size_t i = 0; i < p->ext.n_uris; i++) {
        if (name_uri_check(p->ext.uris[i]) != RC_OK)
            return bad(err, ERR(err, RC_INVAL, msg_uri, str_head(p->ext.uris[i], 100)));
        uris[i] = p->ext.uris[i];
    }
    p->csr.uris = uris;
    p->csr.n_uris = x509_texts_sort(uris, p->ext.n_uris);
    return RC_OK;
}

static enum rc read_names(struct parse *p, struct err *err)
{
    struct str *dns = ARENA_ARRAY(p->a, struct str, p->ext.n_dns + 1);
    struct addr *ips = ARENA_ARRAY(p->a, struct addr, p->ext.n_ips + 1);
    enum rc form;

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < p->ext.n_dns; i++) {
        TRY(add_dns(p, dns, p->ext.dns[i], &form));
        if (form != RC_OK)
            return bad(err, ERR(err, RC_INVAL, msg_dns, p->ext.dns[i]));
    }
    for (size_t i = 0; i < p->ext.n_ips; i++)
        ips[p->csr.n_ips++] = p->ext.ips[i];
    TRY(read_common_name(p, dns, ips, err));
    p->csr.dns = dns;
    p->csr.ips = ips;
    p->csr.n_dns = x509_texts_sort(dns, p->csr.n_dns);
    p->csr.n_ips = x509_addrs_sort(ips, p->csr.n_ips);
    TRY(read_emails(p, err));
    TRY(read_uris(p, err));
    if (x509_san_count(&X509_SAN_OF(&p->csr)) > X509_NAMES_MAX)
        return bad(err, ERR(err, RC_TOOBIG, msg_names));
    return RC_OK;
}

/* What was asked for beside the names. */
static enum rc read_wishes(struct parse *p, struct err *err)
{
    if (p->ext.n_other_names + p->ext.n_emails + p->ext.n_uris && p->mode == X509_CSR_STRICT)
        return bad(err, ERR(err, RC_INVAL, msg_other_names));
    if (p->ext.is_ca && p->mode == X509_CSR_STRICT)
        return bad(err, ERR(err, RC_INVAL, msg_ca));
    p->csr.n_ignored += p->ext.n_other_names;
    p->csr.ca = p->ext.is_ca;
    p->csr.key_usage = p->ext.key_usage;
    p->csr.eku = p->ext.eku;
    p->csr.must_staple = p->ext.must_staple;
    return RC_OK;
}

/* ---- the whole ---- */

/* RFC 2986 section 3: whoever asks has the private key. SM2 signs together with an identifier that
 * is not in the request; what OpenSSL below 4 signs without being told one proves the same. */
static enum rc check_possession(struct parse *p, const struct crypto_key *key,
                                enum crypto_sig_alg alg, struct str info, struct str signature)
{
    enum rc rc = crypto_verify(key, alg, CRYPTO_SIG_DER, info, signature);

    if (rc != RC_DENIED || alg != CRYPTO_SIG_SM2_SM3)
        return rc;
    p->csr.empty_id = true;
    return crypto_verify_sm2(key, STR(""), CRYPTO_SIG_DER, info, signature);
}

static enum rc check_key(struct parse *p, struct str info, enum crypto_sig_alg alg,
                         struct str signature, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    enum rc rc = crypto_key_from_spki(p->csr.spki, &key, err);

    if (rc == RC_OK)
        rc = crypto_weak_check(crypto_key_public(key), err);
    if (rc == RC_PARSE || rc == RC_INVAL || rc == RC_UNSUPPORTED || rc == RC_DENIED)
        return err_problem(err, rc, "badPublicKey", 400);
    TRY(rc);
    if (!crypto_sig_fits(alg, key))
        return bad(err, ERR(err, RC_UNSUPPORTED, msg_sig_alg));
    rc = check_possession(p, key, alg, info, signature);
    if (rc == RC_DENIED)
        return bad(err, ERR(err, rc, msg_signature));
    TRY(rc);
    p->csr.key_type = crypto_key_type(key);
    p->csr.key_bits = crypto_key_bits(key);
    memcpy(p->csr.spki_sha256, crypto_key_spki_sha256(key).p, CRYPTO_SHA256_BYTES);
    return RC_OK;
}

/* A zero byte ends the name for one program and not for another. */
static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

static enum rc read_info(struct parse *p, struct str info, struct str *out_attributes,
                         struct err *err)
{
    struct rd r = rd_of(info), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct x509_subject subject;
    uint8_t tag;

    if (x509_der_get_u32(&in) != 0 || in.failed)
        return broken(err, STR("version"));
    p->csr.subject = x509_der_any(&in, &tag);
    if (in.failed || p->csr.subject.n > X509_NAME_MAX ||
        x509_name_parse(p->csr.subject, &subject, NULL) != RC_OK)
        return broken(err, STR("subject"));
    if (has_control(subject.common_name))
        return broken(err, STR("a control character in the common name"));
    p->csr.common_name = subject.common_name;
    p->csr.spki = x509_der_any(&in, &tag);
    if (in.failed)
        return broken(err, STR("public key"));
    /* Some clients leave out the attributes when there are none. */
    *out_attributes = (struct str){"", 0};
    x509_der_opt(&in, X509_DER_CONTEXT_IN(0), out_attributes);
    return rd_done(&in) == RC_OK ? RC_OK : broken(err, STR("attributes"));
}

enum rc x509_csr_parse(struct arena *a, struct str der, enum x509_csr_mode mode,
                       struct x509_csr *out, struct err *err)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE), alg;
    struct parse p = {.a = a, .mode = mode, .csr = {.der = der}};
    struct str info, alg_der, signature, attributes;

    if (der.n > X509_CSR_MAX)
        return bad(err, ERR(err, RC_TOOBIG, msg_size));
    info = x509_der_any(&in, NULL);
    alg_der = x509_der_any(&in, NULL);
    signature = x509_der_get_bits(&in);
    if (rd_done(&r) != RC_OK || rd_done(&in) != RC_OK)
        return broken(err, STR("its outermost structure"));
    alg = rd_of(alg_der);
    TRY(read_info(&p, info, &attributes, err));
    TRY(read_attributes(&p, attributes, err));
    TRY(read_wishes(&p, err));
    TRY(read_names(&p, err));
    /* Last, as it costs most. */
    TRY(check_key(&p, info, x509_sigalg_get(&alg), signature, err));
    *out = p.csr;
    return RC_OK;
}

enum rc x509_csr_check_id(const struct x509_csr *csr, bool allowed, struct err *err)
{
    return csr->empty_id && !allowed ? bad(err, ERR(err, RC_DENIED, msg_id)) : RC_OK;
}

/* ---- files ---- */

static bool is_der(struct str bytes)
{
    return bytes.n > 1 && (unsigned char)bytes.p[0] == X509_DER_SEQUENCE;
}

enum rc x509_csr_from_file(struct str bytes, struct buf *out, struct err *err)
{
    static const struct str labels[] = {{"CERTIFICATE REQUEST", 19},
                                        {"NEW CERTIFICATE REQUEST", 23}};
    enum rc rc = RC_NOTFOUND;

    if (is_der(bytes)) {
        buf_puts(out, bytes);
        return buf_rc(out) == RC_TOOBIG ? ERR(err, RC_TOOBIG, msg_size) : buf_rc(out);
    }
    for (size_t i = 0; i < 2 && rc == RC_NOTFOUND; i++) {
        struct str rest = bytes;

        rc = text_unpem(&rest, labels[i], NULL, out);
    }
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_no_pem);
    if (rc == RC_PARSE)
        return ERR(err, rc, msg_pem);
    return rc == RC_TOOBIG ? ERR(err, rc, msg_size) : rc;
}

/* ---- building ---- */

static void put_attributes(struct x509_der *w, const struct x509_csr_in *in)
{
    x509_der_open(w, X509_DER_CONTEXT_IN(0));
    if (x509_san_count(&X509_SAN_OF(in)) || in->must_staple) {
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_oid_put(w, X509_OID_EXTENSION_REQUEST);
        x509_der_open(w, X509_DER_SET);
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_ext_put_san(w, &X509_SAN_OF(in), false);
        if (in->must_staple)
            x509_ext_put_must_staple(w);
        x509_der_close(w);
        x509_der_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
}

enum rc x509_csr_build(const struct x509_csr_in *in, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf info = BUF_INIT(X509_CSR_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    struct x509_der w = x509_der_of(&info);
    enum crypto_sig_alg alg = crypto_sig_default(in->key);

    TRY(x509_ext_check_names(&X509_SAN_OF(in), err));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 0);
    TRY(x509_name_build(&in->subject, &info));
    x509_der_raw(&w, crypto_key_spki(in->key));
    put_attributes(&w, in);
    x509_der_close(&w);
    TRY(x509_der_end(&w));
    TRY(crypto_sign(in->key, alg, CRYPTO_SIG_DER, buf_str(&info), &sig));
    w = x509_der_of(out);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_raw(&w, buf_str(&info));
    x509_sigalg_put(&w, alg);
    x509_der_open_bits(&w);
    x509_der_raw(&w, buf_str(&sig));
    x509_der_close(&w);
    x509_der_close(&w);
    return x509_der_end(&w);
}
