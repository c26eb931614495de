/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/request.h"

#include "x509/crl.h"

MSG(msg_line, "ceremony.request-line",
    "\"{0}\" is none of the lines of such a request: {1}, and the certificate in PEM");
MSG(msg_reason, "ceremony.revocation-reason",
    "\"{0}\" is no reason for which an issuer is revoked: cACompromise, keyCompromise, superseded, "
    "cessationOfOperation, affiliationChanged, privilegeWithdrawn, unspecified");
MSG(msg_words, "ceremony.revocation-words",
    "the words of the request are longer than {0} characters, or not plain text");
MSG(msg_plain, "ceremony.crossing-plain",
    "\"{0}\" is no address of a server's lists, as in http://ca.example");

/* ---- lines, and the certificate behind them */

struct form {
    const char *names; /* of its lines, for people */
    /* RC_NOTFOUND: there is no such line. */
    enum rc (*line)(void *out, struct str name, struct str value, struct err *err);
};

static enum rc read_line(const struct form *form, struct str line, void *out, struct err *err)
{
    struct str name, value;
    enum rc rc = RC_NOTFOUND;

    if (str_cut(line, ':', &name, &value))
        rc = form->line(out, name, str_trim(value), err);
    return rc == RC_NOTFOUND ? ERR(err, RC_PARSE, msg_line, str_head(line, 80), str_of(form->names))
                             : rc;
}

static enum rc read_text(struct arena *a, struct str text, const struct form *form, void *out,
                         struct x509_cert *cert, struct err *err)
{
    struct x509_cert *certs;
    struct str kept, line;
    size_t n;

    if (text.n > CEREMONY_REQUEST_MAX)
        return RC_TOOBIG;
    TRY(arena_str(a, text, &kept));
    while (!str_starts(kept, STR("-----BEGIN")) && str_next(&kept, '\n', &line)) {
        line = str_trim(line);
        if (line.n)
            TRY(read_line(form, line, out, err));
    }
    TRY(x509_cert_read_pem(a, kept, 1, &certs, &n, err));
    *cert = certs[0];
    return RC_OK;
}

/* ---- revocations */

static bool fits_issuer(int reason)
{
    return reason >= 0 && reason < X509_REASON_COUNT && reason != 7 && reason != X509_REASON_HOLD &&
           reason != X509_REASON_REMOVE;
}

static enum rc revocation_line(void *out, struct str name, struct str value, struct err *err)
{
    struct ceremony_revocation *r = out;

    if (str_eq(name, STR("reason"))) {
        if (x509_reason_parse(value, &r->reason) != RC_OK || !fits_issuer(r->reason))
            return ERR(err, RC_INVAL, msg_reason, str_head(value, 80));
        return RC_OK;
    }
    if (!str_eq(name, STR("words")))
        return RC_NOTFOUND;
    if (value.n > CEREMONY_WORDS_MAX || !str_printable(value))
        return ERR(err, RC_INVAL, msg_words, STR("200"));
    r->words = value;
    return RC_OK;
}

enum rc ceremony_revocation_parse(struct arena *a, struct str text, struct ceremony_revocation *out,
                                  struct err *err)
{
    static const struct form form = {"reason, words", revocation_line};
    struct ceremony_revocation r = {.reason = X509_REASON_CA_COMPROMISE};

    TRY(read_text(a, text, &form, &r, &r.cert, err));
    *out = r;
    return RC_OK;
}

enum rc ceremony_revocation_put(const struct ceremony_revocation *r, struct buf *out)
{
    buf_printf(out, "reason: %s\n", x509_reason_text(r->reason));
    if (r->words.n)
        buf_printf(out, "words: %.*s\n", STR_ARG(r->words));
    x509_cert_put_pem(r->cert.der, out);
    return buf_rc(out);
}

/* ---- cross certificates */

static enum rc crossing_line(void *out, struct str name, struct str value, struct err *err)
{
    struct ceremony_crossing *r = out;

    if (!str_eq(name, STR("plain")))
        return RC_NOTFOUND;
    if (value.n > CEREMONY_PLAIN_MAX || !str_printable(value) || str_find(value, ' ') < value.n ||
        !str_starts(value, STR("http://")))
        return ERR(err, RC_INVAL, msg_plain, str_head(value, 80));
    r->plain = value;
    return RC_OK;
}

enum rc ceremony_crossing_parse(struct arena *a, struct str text, struct ceremony_crossing *out,
                                struct err *err)
{
    static const struct form form = {"plain", crossing_line};
    struct ceremony_crossing r = {.plain = {NULL, 0}};

    TRY(read_text(a, text, &form, &r, &r.subject, err));
    *out = r;
    return RC_OK;
}

enum rc ceremony_crossing_put(const struct ceremony_crossing *r, struct buf *out)
{
    if (r->plain.n)
        buf_printf(out, "plain: %.*s\n", STR_ARG(r->plain));
    x509_cert_put_pem(r->subject.der, out);
    return buf_rc(out);
}
