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
