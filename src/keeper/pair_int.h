/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with their keys, by the ten thousand: as bytes, what issued them once for all; a key
 * is opened when something is to be signed with it, and only those used last stay open. */
#pragma once

#include "base/shared.h"
#include "crypto/key.h"

struct x509_cert;

enum { KEEPER_KEYS_OPEN = 256 /* at a time */ };

struct keeper_pairs {
    struct shared_pool issuers;
    struct list open; /* pairs whose key is, those used last at the end */
    size_t n_open;
};

struct keeper_pair {
    struct shared *issuers;    /* DER, one behind the other, without the root */
    struct crypto_key *opened; /* NULL: it is not */
    struct list link;
    size_t leaf_n, key_n;
    unsigned char bytes[]; /* the leaf, DER, and behind it the key, PKCS#8 in DER */
};

void keeper_pairs_init(struct keeper_pairs *all);
/* `certs` is the chain, leaf first; the key PKCS#8 in DER. All of it is copied. RC_NOMEM. */
enum rc keeper_pair_new(struct keeper_pairs *all, const struct x509_cert *certs, size_t n,
                        struct str key, struct keeper_pair **out);
void keeper_pair_free(struct keeper_pairs *all, struct keeper_pair *p);
/* Borrowed, until others are asked for. Errors of crypto_key_read_der. */
enum rc keeper_pair_key(struct keeper_pairs *all, struct keeper_pair *p,
                        const struct crypto_key **out);
static inline struct str keeper_pair_key_der(const struct keeper_pair *p)
{
    return str_bytes(p->bytes + p->leaf_n, p->key_n);
}
/* DER, one behind the other, appended. */
enum rc keeper_pair_chain(const struct keeper_pair *p, struct buf *out);
