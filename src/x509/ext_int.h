/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions, for certificates and requests alike. */
#pragma once

#include "x509/cert.h"
#include "x509/oid.h"

/* GeneralName, RFC 5280 section 4.2.1.6 */
enum {
    X509_EXT_EMAIL = X509_DER_CONTEXT(1),
    X509_EXT_DNS = X509_DER_CONTEXT(2),
    X509_EXT_URI = X509_DER_CONTEXT(6),
    X509_EXT_IP = X509_DER_CONTEXT(7),
};

enum { X509_EXT_STATUS_REQUEST = 5, X509_EXT_EKUS = 6 };

/* By the bit of X509_EKU_*. */
extern const enum x509_oid x509_ext_eku_oids[X509_EXT_EKUS];

/* The value is written between. */
void x509_ext_open(struct x509_der *w, enum x509_oid oid, bool critical);
void x509_ext_close(struct x509_der *w);

/* The names of a certificate, in the order in which they are written. */
struct x509_san {
    const struct str *dns;
    const struct addr *ips;
    const struct str *emails;
    const struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris;
};
/* Of any struct that has those fields. */
#define X509_SAN_OF(s)                                                                             \
    ((struct x509_san){(s)->dns, (s)->ips, (s)->emails, (s)->uris, (s)->n_dns, (s)->n_ips,         \
                       (s)->n_emails, (s)->n_uris})

static inline size_t x509_san_count(const struct x509_san *s)
{
    return s->n_dns + s->n_ips + s->n_emails + s->n_uris;
}

/* RC_INVAL, RC_TOOBIG past X509_NAMES_MAX. */
enum rc x509_ext_check_names(const struct x509_san *s, struct err *err);
/* Nothing when there are no names. */
void x509_ext_put_san(struct x509_der *w, const struct x509_san *s, bool critical);
void x509_ext_put_must_staple(struct x509_der *w);

struct x509_ext {
    struct str oid;
    bool critical;
    struct str value;
};

/* The next of an Extensions SEQUENCE. Marks `r` as failed, also for an encoded default. */
struct x509_ext x509_ext_get(struct rd *r);
/* Reads the value of one that we understand into `c`. RC_NOTFOUND for another; RC_PARSE, RC_TOOBIG,
 * RC_NOMEM. */
enum rc x509_ext_read(struct arena *a, const struct x509_ext *ext, struct x509_cert *c);
