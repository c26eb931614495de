/* SPDX-License-Identifier: Apache-2.0 */
/* The OCSP answer (RFC 6960) that a server shows with its certificate (RFC 6066 section 8): what
 * its responder is asked, and which answers count. */
#pragma once

#include "x509/ocsp.h"

/* Whose answers count for a certificate. */
struct client_staple_chain {
    const struct x509_cert *certs; /* leaf first, at least that */
    size_t n;
    const struct str *roots; /* DER: where the issuer is, if it is not in the chain */
    size_t n_roots;
};
/* Who has signed it: a name alone is no proof. *out borrows from the chain or lies in the arena.
 * RC_NOTFOUND; RC_DENIED: the one behind it in the chain has not signed it. */
enum rc client_staple_issuer(struct arena *a, const struct client_staple_chain *chain,
                             const struct x509_cert **out, struct err *err);

struct client_staple_of {
    const struct x509_cert *issuer;
    const struct x509_serial *serial;
    when_t now;
};
/* Appends what the responder is asked, with neither signature nor nonce: its answer is for many.
 * RC_NOMEM, RC_TOOBIG. */
enum rc client_staple_request(const struct client_staple_of *of, struct buf *out);

struct client_staple {
    when_t since, until; /* thisUpdate and nextUpdate */
    bool revoked;
};
/* RC_AGAIN: the responder has none now; RC_CONFLICT: it is about another certificate; RC_CRYPTO: it
 * is not of now (it may be CLIENT_SKEW_SECONDS ahead), or has no end; RC_NOTFOUND: the certificate
 * is not known there; RC_DENIED: nobody has signed it who may; and as x509_ocsp_answer_parse. */
enum rc client_staple_check(struct arena *a, struct str der, const struct client_staple_of *of,
                            struct client_staple *out, struct err *err);

/* When the next one is asked for: a little after half of its life, for then responders make new
 * ones, and not all at once. */
when_t client_staple_next(const struct client_staple *s);
