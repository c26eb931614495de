/* SPDX-License-Identifier: Apache-2.0 */
/* Identities by the thousand. On a shelf an identity is its bytes; the first handshake that shows
 * it has OpenSSL take them apart, and only the identities that were shown last stay so. What issued
 * certificates is there once for all of them. */
#pragma once

#include "tls/site.h"

struct segment;
struct tls_shelf;
struct tls_signer;

enum {
    TLS_SHELF_OPEN = 256, /* identities that are open at a time: some 16 KiB each */
    TLS_ABOUT_MAX = 255,
};

struct tls_shelved {
    unsigned kind;      /* of the key, one TLS_KIND_ bit of TLS's */
    struct str leaf;    /* DER */
    struct str issuers; /* the same of what is behind it, one behind the other, without the root */
    /* The leaf's key, PKCS#8 in DER; or with `signer` none, and who is asked for signatures instead
     * (tls/signer.h; only for contexts with `away`), borrowed until the last reference is gone,
     * about `about`, of TLS_ABOUT_MAX bytes at most, which is for the signer's use. */
    struct str key;
    const struct tls_signer *signer;
    struct str about;
    /* NULL, or where leaf and key are: then they are not copied. */
    struct segment *segment;
};

/* `most` identities are open at a time, 1 or more. RC_NOMEM. */
enum rc tls_shelf_new(size_t most, struct tls_shelf **out);
/* It lives on until its last identity is gone. */
void tls_shelf_free(struct tls_shelf *s);
DEFINE_FREEP(tls_shelf_free, struct tls_shelf)
size_t tls_shelf_n_open(const struct tls_shelf *s);

/* Everything is copied but what is in a segment. What comes here has been checked: that the key is
 * the leaf's, say. Looked at is how many certificates there are, and where each ends; one that is
 * damaged within is as good as none in handshakes. RC_PARSE, RC_TOOBIG, RC_UNSUPPORTED for a kind
 * that cannot be away, RC_NOMEM. */
enum rc tls_shelf_put(struct tls_shelf *s, const struct tls_shelved *in, struct tls_identity **out,
                      struct err *err);
