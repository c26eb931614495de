/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "x509/ocsp_int.h"

MSG(msg_single, "x509.ocsp-single",
    "what is said about certificate {0} cannot be written: times, status or reason");
MSG(msg_size, "x509.ocsp-size",
    "an answer has at most 64 KiB and is about at most 16 certificates");
MSG(msg_broken, "x509.ocsp", "the answer is not what RFC 6960 section 4.2 describes, in DER: {0}");
MSG(msg_unknown, "x509.ocsp-unknown",
    "the answer is of another type than id-pkix-ocsp-basic, or has a critical extension that is "
    "not known");
MSG(msg_responder, "x509.ocsp-responder",
    "the answer was signed neither by the issuer nor by a responder that it delegated to now");
MSG(msg_sig_alg, "x509.ocsp-algorithm",
    "the answer is signed with an algorithm that is not supported, or not of the responder's type "
    "of key");
MSG(msg_signature, "x509.ocsp-signature", "the signature of the answer is wrong");

enum { ENUMERATED = 0x0a };
enum {
    STATUS_GOOD = X509_DER_CONTEXT(0),
    STATUS_REVOKED = X509_DER_CONTEXT_IN(1),
    STATUS_UNKNOWN = X509_DER_CONTEXT(2),
};

/* ---- written ---- */

void x509_ocsp_put_failure(enum x509_ocsp_outcome outcome, struct buf *out)
{
    struct x509_der w = x509_der_of(out);
    unsigned char v = (unsigned char)outcome;

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_put(&w, ENUMERATED, str_bytes(&v, 1));
    x509_der_close(&w);
}

/* GeneralizedTime whatever the year (RFC 6960 section 4.2.2.1), unlike in certificates. */
static void put_time(struct x509_der *w, when_t t)
{
    struct when_civil c;
    char text[32];

    if (when_to_civil(t, &c) != RC_OK) {
        buf_fail(w->out, RC_INVAL);
        return;
    }
    snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    x509_der_put(w, X509_DER_TIME, str_of(text));
}

static void put_status(struct x509_der *w, const struct x509_ocsp_single *s)
{
    unsigned char reason = s->reason;

    if (s->status != X509_OCSP_REVOKED) {
        x509_der_put(w, s->status == X509_OCSP_GOOD ? STATUS_GOOD : STATUS_UNKNOWN,
                     (struct str){"", 0});
        return;
    }
    x509_der_open(w, STATUS_REVOKED);
    put_time(w, s->revoked);
    if (reason) {
        x509_der_open(w, X509_DER_CONTEXT_IN(0));
        x509_der_put(w, ENUMERATED, str_bytes(&reason, 1));
        x509_der_close(w);
    }
    x509_der_close(w);
}

static bool is_writable(const struct x509_ocsp_single *s)
{
    return s->id.hash && s->id.serial.n && s->status <= X509_OCSP_UNKNOWN &&
           s->next_update > s->this_update && s->reason < X509_REASON_COUNT && s->reason != 7;
}

static enum rc check(const struct x509_ocsp_in *in, struct err *err)
{
    if (in->n == 0 || in->n > X509_OCSP_IDS_MAX || in->nonce.n > X509_OCSP_NONCE_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    for (size_t i = 0; i < in->n; i++)
        if (!is_writable(&in->singles[i])) {
            char text[X509_SERIAL_TEXT];

            return ERR(err, RC_INVAL, msg_single,
                       str_of(x509_serial_text(&in->singles[i].id.serial, text)));
        }
    return RC_OK;
}

static enum rc put_data(const struct x509_ocsp_in *in, struct buf *out)
{
    struct x509_der w = x509_der_of(out);
    unsigned char id[CRYPTO_SHA1_BYTES];
    struct str key;

    TRY(x509_ocsp_key_bits(crypto_key_spki(in->key), &key));
    TRY(crypto_sha1(key, id));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_CONTEXT_IN(2)); /* byKey */
    x509_der_put(&w, X509_DER_OCTET_STRING, str_bytes(id, sizeof(id)));
    x509_der_close(&w);
    put_time(&w, in->produced);
    x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < in->n; i++) {
        const struct x509_ocsp_single *s = &in->singles[i];

        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_ocsp_put_id(&w, &s->id);
        put_status(&w, s);
        put_time(&w, s->this_update);
        x509_der_open(&w, X509_DER_CONTEXT_IN(0));
        put_time(&w, s->next_update);
        x509_der_close(&w);
        x509_der_close(&w);
    }
    x509_der_close(&w);
    x509_ocsp_put_nonce(&w, X509_DER_CONTEXT_IN(1), in->nonce);
    x509_der_close(&w);
    return x509_der_end(&w);
}

/* BasicOCSPResponse around what was signed. */
static void put_basic(struct x509_der *w, const struct x509_ocsp_in *in, struct str data,
                      struct str signature)
{
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_raw(w, data);
    x509_sigalg_put(w, crypto_sig_default(in->key));
    x509_der_open_bits(w);
    x509_der_raw(w, signature);
    x509_der_close(w);
    if (in->responder.n) {
        x509_der_open(w, X509_DER_CONTEXT_IN(0));
        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_raw(w, in->responder);
        x509_der_close(w);
        x509_der_close(w);
    }
    x509_der_close(w);
}

enum rc x509_ocsp_answer_build(const struct x509_ocsp_in *in, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf data = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_der w = x509_der_of(&der);
    static const unsigned char ok = X509_OCSP_SUCCESSFUL;

    TRY(check(in, err));
    TRY(put_data(in, &data));
    TRY(crypto_sign(in->key, crypto_sig_default(in->key), CRYPTO_SIG_DER, buf_str(&data), &sig));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_put(&w, ENUMERATED, str_bytes(&ok, 1));
    x509_der_open(&w, X509_DER_CONTEXT_IN(0));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_oid_put(&w, X509_OID_OCSP_BASIC);
    x509_der_open(&w, X509_DER_OCTET_STRING);
    put_basic(&w, in, buf_str(&data), buf_str(&sig));
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    if (buf_rc(&der) == RC_TOOBIG)
        return ERR(err, RC_TOOBIG, msg_size);
    TRY(x509_der_end(&w));
    buf_puts(out, buf_str(&der));
    return buf_rc(out);
}

/* ---- read ---- */

static int get_digits(struct rd *r, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = rd_u8(r);

        if (c < '0' || c > '9')
            rd_fail(r);
        v = 10 * v + (c - '0');
    }
    return v;
}

/* Without fractions of a second, which RFC 5280 forbids. */
static when_t get_time(struct rd *r)
{
    struct rd t = x509_der_in(r, X509_DER_TIME);
    struct when_civil c = {.year = get_digits(&t, 4)};
    when_t out = 0;

    c.month = get_digits(&t, 2);
    c.day = get_digits(&t, 2);
    c.hour = get_digits(&t, 2);
    c.minute = get_digits(&t, 2);
    c.second = get_digits(&t, 2);
    if (rd_u8(&t) != 'Z' || rd_done(&t) != RC_OK || when_from_civil(&c, &out) != RC_OK)
        rd_fail(r);
    return r->failed ? 0 : out;
}

static void get_revoked(struct rd *r, struct x509_ocsp_single *s)
{
    struct rd in = x509_der_in(r, STATUS_REVOKED), inner;
    struct str explicit, v;

    s->status = X509_OCSP_REVOKED;
    s->revoked = get_time(&in);
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &explicit)) {
        inner = rd_of(explicit);
        v = x509_der_get(&inner, ENUMERATED);
        if (rd_done(&inner) != RC_OK || v.n != 1 || (unsigned char)v.p[0] >= X509_REASON_COUNT)
            rd_fail(r);
        else
            s->reason = (uint8_t)v.p[0];
    }
    if (rd_done(&in) != RC_OK)
        rd_fail(r);
}

static void get_status(struct rd *r, struct x509_ocsp_single *s)
{
    uint8_t tag = x509_der_peek(r);

    if (tag == STATUS_REVOKED) {
        get_revoked(r, s);
        return;
    }
    if ((tag != STATUS_GOOD && tag != STATUS_UNKNOWN) || x509_der_get(r, tag).n != 0)
        rd_fail(r);
    s->status = tag == STATUS_GOOD ? X509_OCSP_GOOD : X509_OCSP_UNKNOWN;
}

static enum rc read_single(struct rd *list, struct x509_ocsp_single *s)
{
    struct rd r = x509_der_in(list, X509_DER_SEQUENCE), in;
    struct str explicit, nonce = {NULL, 0};

    s->id = x509_ocsp_get_id(&r);
    get_status(&r, s);
    s->this_update = get_time(&r);
    if (x509_der_opt(&r, X509_DER_CONTEXT_IN(0), &explicit)) {
        in = rd_of(explicit);
        s->next_update = get_time(&in);
        TRY(rd_done(&in));
    }
    if (x509_der_opt(&r, X509_DER_CONTEXT_IN(1), &explicit))
        TRY(x509_ocsp_read_extensions(explicit, &nonce));
    return rd_done(&r);
}

static enum rc read_singles(struct arena *a, struct rd in, struct x509_ocsp_answer *out)
{
    struct x509_ocsp_single *list = ARENA_ARRAY(a, struct x509_ocsp_single, X509_OCSP_IDS_MAX);

    if (!list)
        return RC_NOMEM;
    for (; in.left && !in.failed; out->n++) {
        if (out->n == X509_OCSP_IDS_MAX)
            return RC_TOOBIG;
        TRY(read_single(&in, &list[out->n]));
    }
    out->singles = list;
    return out->n ? rd_done(&in) : RC_PARSE;
}

static enum rc read_responder(struct rd *r, struct x509_ocsp_answer *out)
{
    struct x509_subject name;
    struct str v;
    struct rd in;

    if (x509_der_opt(r, X509_DER_CONTEXT_IN(1), &v)) {
        out->by_name = v;
        return x509_name_parse(v, &name, NULL) == RC_OK ? RC_OK : RC_PARSE;
    }
    in = x509_der_in(r, X509_DER_CONTEXT_IN(2));
    out->by_key = x509_der_get(&in, X509_DER_OCTET_STRING);
    TRY(rd_done(&in));
    return out->by_key.n == CRYPTO_SHA1_BYTES ? RC_OK : RC_PARSE;
}

/* ResponseData. */
static enum rc read_data(struct arena *a, struct x509_ocsp_answer *out)
{
    struct rd r = rd_of(out->tbs), in = x509_der_in(&r, X509_DER_SEQUENCE);
    struct str explicit;

    TRY(rd_done(&r));
    TRY(read_responder(&in, out));
    out->produced = get_time(&in);
    TRY(read_singles(a, x509_der_in(&in, X509_DER_SEQUENCE), out));
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &explicit))
        TRY(x509_ocsp_read_extensions(explicit, &out->nonce));
    return rd_done(&in);
}

static enum rc read_certs(struct str explicit, struct x509_ocsp_answer *out)
{
    struct rd r = rd_of(explicit), in = x509_der_in(&r, X509_DER_SEQUENCE);

    TRY(rd_done(&r));
    for (; in.left && !in.failed; out->n_certs++) {
        if (out->n_certs == X509_OCSP_CERTS_MAX)
            return RC_TOOBIG;
        if (x509_der_peek(&in) != X509_DER_SEQUENCE)
            return RC_PARSE;
        out->certs[out->n_certs] = x509_der_any(&in, NULL);
    }
    return rd_done(&in);
}

static enum rc read_basic(struct arena *a, struct str der, struct x509_ocsp_answer *out)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE), alg;
    struct str explicit, alg_der;

    TRY(rd_done(&r));
    out->tbs = x509_der_any(&in, NULL);
    alg_der = x509_der_any(&in, NULL);
    alg = rd_of(alg_der);
    out->sig_alg = x509_sigalg_get(&alg);
    out->signature = x509_der_get_bits(&in);
    TRY(rd_rc(&in));
    TRY(rd_rc(&alg));
    if (x509_der_opt(&in, X509_DER_CONTEXT_IN(0), &explicit))
        TRY(read_certs(explicit, out));
    TRY(rd_done(&in));
    return read_data(a, out);
}

static enum rc read_outcome(struct rd *r, enum x509_ocsp_outcome *out)
{
    struct str v = x509_der_get(r, ENUMERATED);

    if (v.n != 1 || (unsigned char)v.p[0] > X509_OCSP_UNAUTHORIZED || v.p[0] == 4)
        return RC_PARSE;
    *out = (enum x509_ocsp_outcome)v.p[0];
    return RC_OK;
}

static enum rc read_all(struct arena *a, struct str der, struct x509_ocsp_answer *out)
{
    struct rd r = rd_of(der), in = x509_der_in(&r, X509_DER_SEQUENCE), bytes;
    struct str explicit, type, basic;

    TRY(rd_done(&r));
    TRY(read_outcome(&in, &out->outcome));
    if (out->outcome != X509_OCSP_SUCCESSFUL)
        return rd_done(&in);
    explicit = x509_der_get(&in, X509_DER_CONTEXT_IN(0));
    TRY(rd_done(&in));
    r = rd_of(explicit);
    bytes = x509_der_in(&r, X509_DER_SEQUENCE);
    TRY(rd_done(&r));
    type = x509_der_get(&bytes, X509_DER_OID);
    basic = x509_der_get(&bytes, X509_DER_OCTET_STRING);
    TRY(rd_done(&bytes));
    if (!str_eq(type, x509_oid_der(X509_OID_OCSP_BASIC)))
        return RC_UNSUPPORTED;
    return read_basic(a, basic, out);
}

enum rc x509_ocsp_answer_parse(struct arena *a, struct str der, struct x509_ocsp_answer *out,
                               struct err *err)
{
    struct x509_ocsp_answer answer = {.n = 0};
    enum rc rc;

    if (der.n > X509_OCSP_MAX)
        return ERR(err, RC_TOOBIG, msg_size);
    rc = read_all(a, der, &answer);
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_size);
    if (rc == RC_UNSUPPORTED)
        return ERR(err, rc, msg_unknown);
    if (rc == RC_PARSE)
        return ERR(err, rc, msg_broken, answer.tbs.n ? STR("ResponseData") : STR("its outside"));
    TRY(rc);
    *out = answer;
    return RC_OK;
}

static bool is_named(const struct x509_ocsp_answer *answer, const struct x509_cert *who)
{
    unsigned char id[CRYPTO_SHA1_BYTES];
    struct str key;

    if (answer->by_name.n)
        return str_eq(answer->by_name, who->subject);
    return x509_ocsp_key_bits(who->spki, &key) == RC_OK && crypto_sha1(key, id) == RC_OK &&
           str_eq(answer->by_key, str_bytes(id, sizeof(id)));
}

/* RFC 6960 section 4.2.2.2: issued directly by the CA that issued what is asked about. */
static bool is_delegate(const struct x509_cert *who, const struct x509_cert *issuer, when_t now)
{
    return who->has_eku && who->eku & X509_EKU_OCSP_SIGNING && who->not_before <= now &&
           who->not_after >= now && x509_cert_check_issuer(who, issuer, NULL) == RC_OK;
}

/* Whose signature it has to be. */
static enum rc find_signer(struct arena *a, const struct x509_ocsp_answer *answer,
                           const struct x509_cert *issuer, when_t now, struct x509_cert *out)
{
    struct x509_cert c;
    enum rc rc;

    if (is_named(answer, issuer)) {
        *out = *issuer;
        return RC_OK;
    }
    for (size_t i = 0; i < answer->n_certs; i++) {
        rc = x509_cert_parse(a, answer->certs[i], &c, NULL);
        if (rc == RC_NOMEM)
            return rc;
        if (rc == RC_OK && is_named(answer, &c) && is_delegate(&c, issuer, now)) {
            *out = c;
            return RC_OK;
        }
    }
    return RC_DENIED;
}

enum rc x509_ocsp_answer_check(struct arena *a, const struct x509_ocsp_answer *answer,
                               const struct x509_cert *issuer, when_t now, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert who;
    enum rc rc = find_signer(a, answer, issuer, now, &who);

    if (rc == RC_DENIED)
        return ERR(err, rc, msg_responder);
    TRY(rc);
    TRY(x509_cert_key(&who, &key, err));
    if (!crypto_sig_fits(answer->sig_alg, key))
        return ERR(err, RC_UNSUPPORTED, msg_sig_alg);
    rc = crypto_verify(key, answer->sig_alg, CRYPTO_SIG_DER, answer->tbs, answer->signature);
    return rc == RC_DENIED ? ERR(err, rc, msg_signature) : rc;
}

const struct x509_ocsp_single *x509_ocsp_answer_find(const struct x509_ocsp_answer *answer,
                                                     const struct x509_ocsp_issuer *issuer,
                                                     const struct x509_serial *serial)
{
    for (size_t i = 0; i < answer->n; i++)
        if (x509_serial_eq(&answer->singles[i].id.serial, serial) &&
            x509_ocsp_id_is(&answer->singles[i].id, issuer))
            return &answer->singles[i];
    return NULL;
}
