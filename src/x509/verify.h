/* SPDX-License-Identifier: Apache-2.0 */
/* A chain held against roots by OpenSSL, strictly: the second opinion on what we built ourselves.
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/when.h"

enum x509_purpose { X509_FOR_ANY, X509_FOR_SERVER, X509_FOR_CLIENT };

struct x509_verify_in {
    struct str leaf; /* DER, as all of them */
    const struct str *chain;
    size_t n_chain;
    const struct str *roots;
    size_t n_roots;
    when_t at;
    enum x509_purpose purpose;
    struct str dns;        /* empty: not asked */
    const struct addr *ip; /* NULL: not asked */
};

/* RC_DENIED and OpenSSL's reason with the depth it concerns; RC_PARSE when something is no
 * certificate. */
enum rc x509_verify(const struct x509_verify_in *in, struct err *err);

/* What is wrong with a certificate that is refused, as far as protocols have words for it (RFC 8446
 * section 6.2, GB/T 38636 section 6.4.4.2). */
enum x509_trouble {
    X509_TROUBLE_OTHER,
    X509_TROUBLE_ROOT, /* it leads to none of the roots */
    X509_TROUBLE_TIME, /* it, or one above it, is not valid at this time */
    X509_TROUBLE_USE,  /* it is for something else */
    X509_TROUBLE_REVOKED,
};
/* Of what x509_verify said; nothing else is known here. */
enum x509_trouble x509_verify_trouble(const struct err *why);
