/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree over the audit log, RFC 6962 section 2.1 (RFC 9162 section 2.1) with SHA-256: a
 * leaf is a record's canonical form, leaf n the record with sequence number n + 1. Pure functions;
 * whoever has the hashes gives them by callback. In core, in the signer and in `audit verify`. */
#pragma once

#include "base/buf.h"

enum {
    TREE_HASH = 32,
    TREE_DEPTH_MAX = 63,                 /* so sizes are below 2^63 */
    TREE_PROOF_MAX = 2 * TREE_DEPTH_MAX, /* hashes of a proof */
    TREE_FRONTIER_MAX = TREE_DEPTH_MAX,  /* hashes of a frontier */
};

#define TREE_SIZE_MAX (UINT64_C(1) << 62)

struct tree_hash {
    unsigned char b[TREE_HASH];
};

/* All fail only as crypto_hash does. */
enum rc tree_leaf(struct str record, struct tree_hash *out);
enum rc tree_node(const struct tree_hash *left, const struct tree_hash *right,
                  struct tree_hash *out);
bool tree_same(const struct tree_hash *a, const struct tree_hash *b);

/* A tree that grows: the roots of the whole subtrees it consists of, the largest first, one for
 * each bit of its size. */
struct tree {
    uint64_t size;
    struct tree_hash frontier[TREE_FRONTIER_MAX];
};
/* How many hashes the frontier of that size has. */
unsigned tree_frontier_len(uint64_t size);
/* Adds one leaf. RC_TOOBIG at TREE_SIZE_MAX. */
enum rc tree_add(struct tree *t, const struct tree_hash *leaf);
/* The tree's head; of none, SHA-256 of nothing. */
enum rc tree_root(const struct tree *t, struct tree_hash *out);

/* Gives the root of the whole subtree of 2^height leaves from leaf `first`, a multiple of that. */
typedef enum rc (*tree_read)(void *arg, uint64_t first, unsigned height, struct tree_hash *out);

/* Fills `t` with the frontier of that size. */
enum rc tree_at(uint64_t size, tree_read read, void *arg, struct tree *t);

struct tree_proof {
    struct tree_hash hash[TREE_PROOF_MAX];
    size_t n;
};
/* That the tree of `to` leaves begins with the one of `from` (RFC 6962 section 2.1.2). Empty when
 * `from` is 0 or `to`. RC_INVAL when `from` is the larger. */
enum rc tree_prove(uint64_t from, uint64_t to, tree_read read, void *arg, struct tree_proof *out);

/* What a proof is of. */
struct tree_head {
    uint64_t size;
    struct tree_hash root;
};
/* RC_OK when it holds (RFC 9162 section 2.1.4.2), RC_DENIED when it does not: `to` is then no
 * continuation of `from`, or the proof is another one's. */
enum rc tree_check(const struct tree_head *from, const struct tree_head *to,
                   const struct tree_hash *proof, size_t n);
