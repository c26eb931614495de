/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates with their keys, by the ten thousand: as bytes, what issued them once for all; a key
 * is opened when something is to be signed with it, and only those used last stay open. The bytes
 * are in a segment that the gateway's workers read as well, so that there is one copy for all, the
 * keys only where workers have them. Bytes of pairs that are gone stay there until a new segment
 * takes its place. */
#pragma once

#include "base/segment.h"
#include "base/shared.h"
#include "crypto/key.h"

struct x509_cert;

enum {
    KEEPER_KEYS_OPEN = 256,           /* at a time */
    KEEPER_SEGMENT_EACH = 12 << 10,   /* bytes for each certificate: two of ML-DSA with keys ... */
    KEEPER_SEGMENT_MIN = 1 << 20,     /* ... and at least; what does not fit is sent to workers */
    KEEPER_SEGMENT_WASTE = 256 << 10, /* bytes that are gone, and half of all: another is made */
};

struct keeper_pairs {
    struct shared_pool issuers;
    struct segment *segment; /* NULL: the system has none */
    size_t room;             /* bytes that it takes */
    bool with_keys;          /* these are in it, too */
    bool full;               /* something found no room in it */
    size_t gone;             /* bytes in it of pairs that are no more */
    struct list open;        /* pairs whose key is, those used last at the end */
    size_t n_open;
};

struct keeper_pair {
    struct shared *issuers;    /* DER, one behind the other, without the root */
    struct crypto_key *opened; /* NULL: it is not */
    struct list link;
    struct segment *segment; /* a reference; NULL: nothing of it is in one */
    unsigned char *leaf;     /* DER */
    unsigned char *key;      /* PKCS#8 in DER */
    uint32_t leaf_n, key_n;
    unsigned char own[]; /* of these what is in no segment */
};

void keeper_pairs_init(struct keeper_pairs *all);
void keeper_pairs_done(struct keeper_pairs *all);
/* A new segment, with room for `n` pairs, for those that come and those for which keeper_pair_move
 * is called; without memory or such a thing there is none. */
void keeper_pairs_share(struct keeper_pairs *all, size_t n, bool with_keys);
/* Another is worth the work: there is much in it that is gone, or it is full, and one for `n` pairs
 * would have more room. */
bool keeper_pairs_wasteful(const struct keeper_pairs *all, size_t n);
/* `certs` is the chain, leaf first; the key PKCS#8 in DER. All of it is copied. RC_NOMEM. */
enum rc keeper_pair_new(struct keeper_pairs *all, const struct x509_cert *certs, size_t n,
                        struct str key, struct keeper_pair **out);
void keeper_pair_free(struct keeper_pairs *all, struct keeper_pair *p);
/* Into the segment that there is now; NULL: nothing. RC_NOMEM: it stays where it was. */
enum rc keeper_pair_move(struct keeper_pairs *all, struct keeper_pair **p);
/* A worker that has the key finds it in the segment `all` has now. */
bool keeper_pair_shared(const struct keeper_pairs *all, const struct keeper_pair *p);
/* Borrowed, until others are asked for. Errors of crypto_key_read_der. */
enum rc keeper_pair_key(struct keeper_pairs *all, struct keeper_pair *p,
                        const struct crypto_key **out);
static inline struct str keeper_pair_key_der(const struct keeper_pair *p)
{
    return str_bytes(p->key, p->key_n);
}
static inline struct str keeper_pair_leaf(const struct keeper_pair *p)
{
    return str_bytes(p->leaf, p->leaf_n);
}
/* DER, one behind the other, appended. */
enum rc keeper_pair_chain(const struct keeper_pair *p, struct buf *out);
