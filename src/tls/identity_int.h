/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of identities, for identity.c and shelf.c. */
#pragma once

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/segment.h"
#include "base/shared.h"
#include "tls/shelf.h"

/* As OpenSSL has it. */
struct tls_parts {
    X509 *leaf; /* NULL: of a shelf, and closed */
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* without the leaf */
};

struct tls_identity {
    unsigned refs;
    size_t kind; /* of its key: index into the identities of a site */
    struct tls_parts parts;
    struct buf staple; /* empty: none */
    when_t staple_until;

    /* Of a shelf; NULL: always open. */
    struct tls_shelf *shelf;
    struct list link; /* among those that are open */
    struct shared *issuers;
    const struct tls_signer *signer;
    struct segment *segment;   /* where the two are; NULL: `own` has them */
    const unsigned char *leaf; /* DER */
    const unsigned char *key;  /* PKCS#8 in DER; with a signer it is what that is told */
    unsigned char *own;
    uint32_t leaf_n, key_n, own_n;
};

/* Gives the references back. */
void tls_parts_done(struct tls_parts *p);
/* False: it cannot be read, or no memory. */
bool tls_shelf_open(struct tls_identity *id);
/* Its bytes go, and its reference of the shelf. */
void tls_shelf_drop(struct tls_identity *id);
/* Its leaf is that one. */
bool tls_shelf_is(const struct tls_identity *id, const X509 *leaf);
