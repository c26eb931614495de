/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/crl.h"

#include <stdio.h>

#include "x509/ext_int.h"

MSG(msg_times, "x509.crl-times", "nextUpdate of the list has to lie behind thisUpdate");
MSG(msg_number, "x509.crl-number", "the number of the base cannot be above that of the delta");
MSG(msg_entry, "x509.crl-entry", "entry {0} of the list has no serial number, or reason {1}");
MSG(msg_size, "x509.crl-size", "a list has at most 65536 entries and 4 MiB");
MSG(msg_broken, "x509.crl", "the list is not what RFC 5280 section 5 describes, in DER: {0}");
MSG(msg_critical, "x509.crl-critical", "the list has a critical extension {0} that is not known");
MSG(msg_scope, "x509.crl-scope",
    "the list is indirect, or of some reasons or of attribute certificates only; such are not "
    "taken");
MSG(msg_issuer, "x509.crl-issuer", "the list is of another issuer");
MSG(msg_may_not, "x509.crl-sign", "the issuer's key may not sign lists (keyUsage cRLSign)");
MSG(msg_sig_alg, "x509.crl-algorithm",
    "the list is signed with an algorithm that is not supported, or not of the issuer's type of "
    "key");
MSG(msg_signature, "x509.crl-signature", "the signature of the list is wrong");

enum { ENUMERATED = 0x0a };

/* Of an issuingDistributionPoint (section 5.2.5). */
enum {
    SCOPE_POINT = X509_DER_CONTEXT_IN(0),
    SCOPE_USERS = X509_DER_CONTEXT(1),
    SCOPE_CAS = X509_DER_CONTEXT(2),
    SCOPE_REASONS = X509_DER_CONTEXT(3),
    SCOPE_INDIRECT = X509_DER_CONTEXT(4),
    SCOPE_ATTRIBUTES = X509_DER_CONTEXT(5),
};

static const char *const reasons[X509_REASON_COUNT] = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", NULL,
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise",
};

const char *x509_reason_text(int reason)
{
    return reason >= 0 && reason < X509_REASON_COUNT && reasons[reason] ? reasons[reason]
                                                                        : "unknown";
}

enum rc x509_reason_parse(struct str s, int *out)
{
    uint64_t n;

    for (int i = 0; i < X509_REASON_COUNT; i++)
        if (reasons[i] && str_ieq(s, str_of(reasons[i]))) {
            *out = i;
            return RC_OK;
        }
    if (str_u64(s, X509_REASON_COUNT - 1, &n) != RC_OK || !reasons[n])
        return RC_NOTFOUND;
    *out = (int)n;
    return RC_OK;
}

/* ---- written ---- */

static bool is_writable(const struct x509_crl_entry *e)
{
    return e->serial.n > 0 && e->reason < X509_REASON_COUNT && reasons[e->reason] &&
           e->reason != X509_REASON_HOLD;
}

static enum rc check(const struct x509_crl_in *in, struct err *err)
{
    if (in->next_update / WHEN_SECOND <= in->this_update / WHEN_SECOND)
        return ERR(err, RC_INVAL, msg_times);
    if (in->delta && in->base > in->number)
        return ERR(err, RC_INVAL, msg_number);
    if (in->n > X509_CRL_ENTRIES_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    for (size_t i = 0; i < in->n; i++)
        if (!is_writable(&in->entries[i])) {
            char at[24], reason[24];

            snprintf(at, sizeof(at), "%zu", i);
            snprintf(reason, sizeof(reason), "%u", in->entries[i].reason);
            return ERR(err, RC_INVAL, msg_entry, str_of(at), str_of(reason));
        }
    return RC_OK;
}

static void put_entry(struct x509_der *w, const struct x509_crl_entry *e)
{
    unsigned char reason = e->reason;

    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_uint(w, x509_serial_bytes(&e->serial));
    x509_der_time(w, e->revoked);
    if (reason != X509_REASON_UNSPECIFIED) {
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_ext_open(w, X509_OID_CRL_REASON, false);
        x509_der_put(w, ENUMERATED, str_bytes(&reason, 1));
        x509_ext_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
}

/* DistributionPointName with one URI. */
static void put_point(struct x509_der *w, struct str url)
{
    x509_der_open(w, X509_DER_CONTEXT_IN(0)); /* [0] distributionPoint, a CHOICE: explicit */
    x509_der_open(w, X509_DER_CONTEXT_IN(0)); /* [0] fullName */
    x509_der_put(w, X509_EXT_URI, url);
    x509_der_close(w);
    x509_der_close(w);
}

static void put_scope(struct x509_der *w, const struct x509_crl_in *in)
{
    if (in->url.n == 0 && !in->only_users && !in->only_cas)
        return;
    x509_ext_open(w, X509_OID_CRL_SCOPE, true);
    x509_der_open(w, X509_DER_SEQUENCE);
    if (in->url.n)
        put_point(w, in->url);
    if (in->only_users)
        x509_der_put(w, SCOPE_USERS, STR("\xff"));
    if (in->only_cas)
        x509_der_put(w, SCOPE_CAS, STR("\xff"));
    x509_der_close(w);
    x509_ext_close(w);
}

static void put_extensions(struct x509_der *w, const struct x509_crl_in *in)
{
    if (in->issuer_key_id.n) {
        x509_ext_open(w, X509_OID_AKI, false);
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_put(w, X509_DER_CONTEXT(0), in->issuer_key_id);
        x509_der_close(w);
        x509_ext_close(w);
    }
    x509_ext_open(w, X509_OID_CRL_NUMBER, false);
    x509_der_u64(w, in->number);
    x509_ext_close(w);
    if (in->delta) {
        x509_ext_open(w, X509_OID_CRL_DELTA, true);
        x509_der_u64(w, in->base);
        x509_ext_close(w);
    }
    put_scope(w, in);
    if (in->delta_url.n && !in->delta) {
        x509_ext_open(w, X509_OID_CRL_FRESHEST, false);
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_open(w, X509_DER_SEQUENCE);
        put_point(w, in->delta_url);
        x509_der_close(w);
        x509_der_close(w);
        x509_ext_close(w);
    }
}

enum rc x509_crl_build(const struct x509_crl_in *in, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_CRL_MAX);
    struct x509_der w = x509_der_of(&tbs);

    TRY(check(in, err));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 1); /* v2 */
    x509_sigalg_put(&w, in->sig_alg);
    x509_der_raw(&w, in->issuer);
    x509_der_time(&w, in->this_update);
    x509_der_time(&w, in->next_update);
    if (in->n) { /* section 5.1.2.6: absent when there are none */
        x509_der_open(&w, X509_DER_SEQUENCE);
        for (size_t i = 0; i < in->n; i++)
            put_entry(&w, &in->entries[i]);
        x509_der_close(&w);
    }
    x509_der_open(&w, X509_DER_CONTEXT_IN(0));
    x509_der_open(&w, X509_DER_SEQUENCE);
    put_extensions(&w, in);
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    if (buf_rc(&tbs) == RC_TOOBIG)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(x509_der_end(&w));
    buf_puts(out, buf_str(&tbs));
    return buf_rc(out);
}

enum rc x509_crl_sign(const struct crypto_key *key, const struct x509_crl_in *in, struct buf *out,
                      struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_CRL_MAX);

    TRY(x509_crl_build(in, &tbs, err));
    return x509_sign_tbs(key, buf_str(&tbs), out);
}

/* ---- read ---- */

static enum rc broken(struct err *err, struct str what)
{
    return ERR(err, RC_PARSE, msg_broken, what);
}

/* An INTEGER of up to 64 bits; section 5.2.3 allows 20 bytes, which nobody needs. */
static uint64_t get_number(struct rd *r)
{
    struct str v = x509_der_get_uint(r, sizeof(uint64_t));
    uint64_t n = 0;

    for (size_t i = 0; i < v.n; i++)
        n = n << 8 | (unsigned char)v.p[i];
    return n;
}

static enum rc read_serial(struct rd *r, struct x509_serial *out)
{
    struct str v = x509_der_get_uint(r, X509_SERIAL_MAX);

    TRY(rd_rc(r));
    return x509_serial_from_bytes(v, out) == RC_OK ? RC_OK : RC_PARSE;
}

static enum rc read_reason(struct str value, uint8_t *out)
{
    struct rd r = rd_of(value);
    struct str v = x509_der_get(&r, ENUMERATED);

    TRY(rd_done(&r));
    /* 0 is written by others, although it should not be. */
    if (v.n != 1 || (unsigned char)v.p[0] >= X509_REASON_COUNT || !reasons[(unsigned char)v.p[0]])
        return RC_PARSE;
    *out = (uint8_t)v.p[0];
    return RC_OK;
}

static enum rc read_entry(struct rd *list, struct x509_crl_entry *e)
{
    struct rd r = x509_der_in(list, X509_DER_SEQUENCE), in;
    bool seen = false;

    e->reason = X509_REASON_UNSPECIFIED;
    TRY(read_serial(&r, &e->serial));
    e->revoked = x509_der_get_time(&r);
    if (r.left == 0)
        return rd_done(&r);
    in = x509_der_in(&r, X509_DER_SEQUENCE);
    if (in.left == 0)
        return RC_PARSE;
    while (in.left && !in.failed) {
        struct x509_ext ext = x509_ext_get(&in);

        if (!str_eq(ext.oid, x509_oid_der(X509_OID_CRL_REASON))) {
            if (ext.critical)
                return RC_UNSUPPORTED;
            continue;
        }
        if (seen)
            return RC_PARSE;
        seen = true;
        TRY(read_reason(ext.value, &e->reason));
    }
    TRY(rd_done(&in));
    return rd_done(&r);
}

/* Counted first, so that the memory taken follows what is there. */
static enum rc read_entries(struct arena *a, struct rd in, struct x509_crl *c)
{
    struct rd counting = in;
    struct x509_crl_entry *entries;
    size_t n = 0;

    for (; counting.left && !counting.failed; n++)
        x509_der_get(&counting, X509_DER_SEQUENCE);
    TRY(rd_done(&counting));
    if (n == 0)
        return RC_PARSE;
    if (n > X509_CRL_ENTRIES_MAX)
        return RC_TOOBIG;
    entries = ARENA_ARRAY(a, struct x509_crl_entry, n);
    if (!entries)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(read_entry(&in, &entries[i]));
    c->entries = entries;
    c->n = n;
    return rd_done(&in);
}

/* DistributionPointName: the first URI of a fullName, if there is one. */
static enum rc read_point(struct rd r, struct str *out)
{
    struct str names, uri;
    struct rd in;

    if (!x509_der_opt(&r, X509_DER_CONTEXT_IN(0), &names)) {
        x509_der_get(&r, X509_DER_CONTEXT_IN(1));
        return rd_done(&r);
    }
    TRY(rd_done(&r));
    for (in = rd_of(names); in.left && !in.failed;) {
        if (!x509_der_opt(&in, X509_EXT_URI, &uri))
            x509_der_any(&in, NULL);
        else if (uri.n == 0 || !str_printable(uri))
            return RC_PARSE;
        else if (out->n == 0)
            *out = uri;
    }
    return names.n ? rd_done(&in) : RC_PARSE;
}

/* [n] BOOLEAN DEFAULT FALSE: when it is there it is true. */
static bool get_flag(struct rd *r, uint8_t tag)
{
    struct str v;

    if (!x509_der_opt(r, tag, &v))
        return false;
    if (!str_eq(v, STR("\xff")))
        rd_fail(r);
    return true;
}

static enum rc read_scope(struct str value, struct x509_crl *c)
{
    struct rd r = rd_of(value), in = x509_der_in(&r, X509_DER_SEQUENCE);
    bool other = false;
    struct str v;

    TRY(rd_done(&r));
    if (in.left == 0)
        return RC_PARSE;
    if (x509_der_opt(&in, SCOPE_POINT, &v))
        TRY(read_point(rd_of(v), &c->url));
    c->only_users = get_flag(&in, SCOPE_USERS);
    c->only_cas = get_flag(&in, SCOPE_CAS);
    if (x509_der_opt(&in, SCOPE_REASONS, &v))
        other = true;
    other |= get_flag(&in, SCOPE_INDIRECT);
    other |= get_flag(&in, SCOPE_ATTRIBUTES);
    TRY(rd_done(&in));
    if (c->only_users && c->only_cas)
        return RC_PARSE;
    c->has_scope = true;
    return other ? RC_UNSUPPORTED : RC_OK;
}

static enum rc read_freshest(struct str value, struct x509_crl *c)
{
    struct rd r = rd_of(value), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct str v, skipped;

    TRY(rd_done(&r));
    if (in.left == 0)
        return RC_PARSE;
    while (in.left && !in.failed) {
        struct rd point = x509_der_in(&in, X509_DER_SEQUENCE);

        if (x509_der_opt(&point, X509_DER_CONTEXT_IN(0), &v))
            TRY(read_point(rd_of(v), &c->delta_url));
        x509_der_opt(&point, X509_DER_CONTEXT(1), &skipped);
        x509_der_opt(&point, X509_DER_CONTEXT_IN(2), &skipped);
        TRY(rd_done(&point));
    }
    return rd_done(&in);
}

static enum rc read_key_id(struct str value, struct x509_crl *c)
{
    struct rd r = rd_of(value), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct str skipped;

    x509_der_opt(&in, X509_DER_CONTEXT(0), &c->aki);
    x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &skipped);
    x509_der_opt(&in, X509_DER_CONTEXT(2), &skipped);
    TRY(rd_done(&r));
    return rd_done(&in);
}

static enum rc read_count(struct str value, uint64_t *out)
{
    struct rd r = rd_of(value);

    *out = get_number(&r);
    return rd_done(&r);
}

static enum rc read_extension(const struct x509_ext *ext, struct x509_crl *c)
{
    switch ((unsigned)x509_oid_find(ext->oid)) {
    case X509_OID_AKI:
        return read_key_id(ext->value, c);
    case X509_OID_CRL_NUMBER:
        c->has_number = true;
        return read_count(ext->value, &c->number);
    case X509_OID_CRL_DELTA:
        c->delta = true;
        return ext->critical ? read_count(ext->value, &c->base) : RC_PARSE;
    case X509_OID_CRL_SCOPE:
        return ext->critical ? read_scope(ext->value, c) : RC_PARSE;
    case X509_OID_CRL_FRESHEST:
        return read_freshest(ext->value, c);
    default:
        return RC_NOTFOUND;
    }
}

static bool seen(const struct str *oids, size_t n, struct str oid)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(oids[i], oid))
            return true;
    return false;
}

/* What a failure to read an extension is called. */
static enum rc explain(enum rc rc, const struct x509_ext *ext, struct err *err)
{
    char text[X509_OID_TEXT];
    struct str oid = str_of(x509_oid_text(ext->oid, text));

    if (rc == RC_NOTFOUND)
        return ext->critical ? ERR(err, RC_UNSUPPORTED, msg_critical, oid) : RC_OK;
    if (rc == RC_UNSUPPORTED)
        return ERR(err, rc, msg_scope);
    return rc == RC_OK ? rc : broken(err, oid);
}

static enum rc read_extensions(struct rd in, struct x509_crl *c, struct err *err)
{
    struct str oids[X509_EXTENSIONS_MAX];
    size_t n = 0;

    if (in.left == 0)
        return broken(err, STR("extensions"));
    while (in.left && !in.failed) {
        struct x509_ext ext = x509_ext_get(&in);

        if (in.failed || n == X509_EXTENSIONS_MAX || seen(oids, n, ext.oid))
            return broken(err, STR("extensions"));
        oids[n++] = ext.oid;
        TRY(explain(read_extension(&ext, c), &ext, err));
    }
    if (c->delta && (!c->has_number || c->base > c->number))
        return broken(err, STR("numbers"));
    return in.failed ? broken(err, STR("extensions")) : RC_OK;
}

static enum rc read_head(struct rd *in, struct x509_crl *c, struct str *out_alg)
{
    struct x509_subject name;
    struct rd alg;
    uint8_t tag;

    if (x509_der_get_u32(in) != 1) /* v2, as all must be that have extensions */
        return RC_PARSE;
    *out_alg = x509_der_any(in, NULL);
    alg = rd_of(*out_alg);
    c->sig_alg = x509_sigalg_get(&alg);
    if (in->failed || alg.failed)
        return RC_PARSE;
    c->issuer = x509_der_any(in, &tag);
    if (in->failed || c->issuer.n > X509_NAME_MAX)
        return RC_PARSE;
    TRY(x509_name_parse(c->issuer, &name, NULL));
    c->this_update = x509_der_get_time(in);
    c->next_update = x509_der_get_time(in); /* section 5.1.2.5: it must be there */
    return in->failed || c->next_update <= c->this_update ? RC_PARSE : RC_OK;
}

static enum rc read_tbs(struct arena *a, struct x509_crl *c, struct str *out_alg, struct err *err)
{
    struct rd r = rd_of(c->tbs), in = x509_der_in(&r, X509_DER_SEQUENCE), list;
    struct str explicit;
    enum rc rc = RC_OK;

    if (rd_done(&r) != RC_OK || read_head(&in, c, out_alg) != RC_OK)
        return broken(err, STR("version, algorithm, issuer or times"));
    if (x509_der_peek(&in) == X509_DER_SEQUENCE)
        rc = read_entries(a, x509_der_in(&in, X509_DER_SEQUENCE), c);
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_size);
    if (rc == RC_UNSUPPORTED)
        return ERR(err, rc, msg_scope);
    if (rc != RC_OK)
        return rc == RC_NOMEM ? rc : broken(err, STR("an entry"));
    explicit = x509_der_get(&in, X509_DER_CONTEXT_IN(0));
    if (rd_done(&in) != RC_OK)
        return broken(err, STR("its end"));
    r = rd_of(explicit);
    list = x509_der_in(&r, X509_DER_SEQUENCE);
    if (rd_done(&r) != RC_OK)
        return broken(err, STR("extensions"));
    return read_extensions(list, c, err);
}

enum rc x509_crl_parse(struct arena *a, struct str der, struct x509_crl *out, struct err *err)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct x509_crl c = {.der = der};
    struct str alg, inner;

    if (der.n > X509_CRL_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    c.tbs = x509_der_any(&in, NULL);
    alg = x509_der_any(&in, NULL);
    c.signature = x509_der_get_bits(&in);
    if (rd_done(&r) != RC_OK || rd_done(&in) != RC_OK)
        return broken(err, STR("its outermost structure"));
    TRY(read_tbs(a, &c, &inner, err));
    if (!str_eq(alg, inner))
        return broken(err, STR("two different signature algorithms"));
    *out = c;
    return RC_OK;
}

enum rc x509_crl_check(const struct x509_crl *crl, const struct x509_cert *issuer,
                       const struct crypto_key *key, struct err *err)
{
    enum rc rc;

    if (!str_eq(crl->issuer, issuer->subject) ||
        (crl->aki.n && issuer->ski.n && !str_eq(crl->aki, issuer->ski)))
        return ERR(err, RC_DENIED, msg_issuer);
    if (issuer->has_key_usage && !(issuer->key_usage & X509_KU_CRL_SIGN))
        return ERR(err, RC_DENIED, msg_may_not);
    if (!crypto_sig_fits(crl->sig_alg, key))
        return ERR(err, RC_UNSUPPORTED, msg_sig_alg);
    rc = crypto_verify(key, crl->sig_alg, CRYPTO_SIG_DER, crl->tbs, crl->signature);
    return rc == RC_DENIED ? ERR(err, rc, msg_signature) : rc;
}

const struct x509_crl_entry *x509_crl_find(const struct x509_crl *crl, const struct x509_serial *s)
{
    for (size_t i = 0; i < crl->n; i++)
        if (x509_serial_eq(&crl->entries[i].serial, s))
            return &crl->entries[i];
    return NULL;
}
