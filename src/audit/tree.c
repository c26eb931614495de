/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/tree.h"

#include <assert.h>
#include <string.h>

#include "crypto/hash.h"

enum { LEAF = 0, NODE = 1 };

static_assert((int)TREE_HASH == (int)CRYPTO_SHA256_BYTES, "the hash is SHA-256");

enum rc tree_leaf(struct str record, struct tree_hash *out)
{
    static const unsigned char prefix = LEAF;
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;
    unsigned char digest[CRYPTO_HASH_MAX];

    TRY(crypto_hasher_new(CRYPTO_SHA256, &h));
    TRY(crypto_hasher_add(h, str_bytes(&prefix, 1)));
    TRY(crypto_hasher_add(h, record));
    TRY(crypto_hasher_end(h, digest));
    memcpy(out->b, digest, TREE_HASH);
    return RC_OK;
}

enum rc tree_node(const struct tree_hash *left, const struct tree_hash *right,
                  struct tree_hash *out)
{
    unsigned char bytes[1 + 2 * TREE_HASH] = {NODE};

    memcpy(bytes + 1, left->b, TREE_HASH);
    memcpy(bytes + 1 + TREE_HASH, right->b, TREE_HASH);
    return crypto_sha256(str_bytes(bytes, sizeof(bytes)), out->b);
}

bool tree_same(const struct tree_hash *a, const struct tree_hash *b)
{
    return memcmp(a->b, b->b, TREE_HASH) == 0;
}

unsigned tree_frontier_len(uint64_t size)
{
    return (unsigned)__builtin_popcountll(size);
}

enum rc tree_add(struct tree *t, const struct tree_hash *leaf)
{
    unsigned n = tree_frontier_len(t->size);
    struct tree_hash hash = *leaf;

    if (t->size >= TREE_SIZE_MAX)
        return RC_TOOBIG;
    /* Like a carry: a subtree of the same height at the end becomes one with it. */
    for (uint64_t rest = t->size; rest & 1; rest >>= 1)
        TRY(tree_node(&t->frontier[--n], &hash, &hash));
    t->frontier[n] = hash;
    t->size++;
    return RC_OK;
}

enum rc tree_root(const struct tree *t, struct tree_hash *out)
{
    unsigned n = tree_frontier_len(t->size);
    struct tree_hash hash;

    if (n == 0)
        return crypto_sha256((struct str){"", 0}, out->b);
    hash = t->frontier[--n];
    while (n > 0)
        TRY(tree_node(&t->frontier[--n], &hash, &hash));
    *out = hash;
    return RC_OK;
}

static unsigned top_bit(uint64_t v)
{
    return 63 - (unsigned)__builtin_clzll(v);
}

/* The frontier of the `size` leaves from `first` on: whole subtrees, by the bits of `size`. */
static enum rc read_frontier(uint64_t first, uint64_t size, tree_read read, void *arg,
                             struct tree *t)
{
    struct tree made = {.size = size};
    unsigned n = 0;

    if (size > TREE_SIZE_MAX)
        return RC_TOOBIG;
    for (uint64_t rest = size; rest; n++) {
        unsigned height = top_bit(rest);

        TRY(read(arg, first, height, &made.frontier[n]));
        first += UINT64_C(1) << height;
        rest -= UINT64_C(1) << height;
    }
    *t = made;
    return RC_OK;
}

enum rc tree_at(uint64_t size, tree_read read, void *arg, struct tree *t)
{
    return read_frontier(0, size, read, arg, t);
}

/* MTH of the leaves from `first` to `end`. */
static enum rc read_range(uint64_t first, uint64_t end, tree_read read, void *arg,
                          struct tree_hash *out)
{
    struct tree part;

    TRY(read_frontier(first, end - first, read, arg, &part));
    return tree_root(&part, out);
}

struct range {
    uint64_t first, end;
};

enum rc tree_prove(uint64_t from, uint64_t to, tree_read read, void *arg, struct tree_proof *out)
{
    struct range beside[TREE_PROOF_MAX], here = {0, to};
    size_t n = 0;
    bool known = true; /* the verifier has this part's root: it is the old head */

    if (from > to)
        return RC_INVAL;
    if (to > TREE_SIZE_MAX)
        return RC_TOOBIG;
    out->n = 0;
    if (from == 0 || from == to)
        return RC_OK;
    /* RFC 6962 section 2.1.2, SUBPROOF: down to where the old tree ends; what lies beside the way
     * is the proof, the lowest first. */
    while (here.end != from) {
        uint64_t half = UINT64_C(1) << top_bit(here.end - here.first - 1);
        uint64_t middle = here.first + half;

        if (from <= middle) {
            beside[n++] = (struct range){middle, here.end};
            here.end = middle;
        } else {
            beside[n++] = (struct range){here.first, middle};
            here.first = middle;
            known = false;
        }
    }
    if (!known)
        TRY(read_range(here.first, here.end, read, arg, &out->hash[out->n++]));
    while (n > 0) {
        n--;
        TRY(read_range(beside[n].first, beside[n].end, read, arg, &out->hash[out->n++]));
    }
    return RC_OK;
}

/* The way up from the old tree's last node, in both trees at once. */
struct climb {
    uint64_t fn, sn;
    struct tree_hash fr, sr;
};

static enum rc climb_step(struct climb *c, const struct tree_hash *hash)
{
    if (c->sn == 0)
        return RC_DENIED;
    if ((c->fn & 1) || c->fn == c->sn) {
        TRY(tree_node(hash, &c->fr, &c->fr));
        TRY(tree_node(hash, &c->sr, &c->sr));
        while (!(c->fn & 1) && c->fn != 0) {
            c->fn >>= 1;
            c->sn >>= 1;
        }
    } else {
        TRY(tree_node(&c->sr, hash, &c->sr));
    }
    c->fn >>= 1;
    c->sn >>= 1;
    return RC_OK;
}

enum rc tree_check(const struct tree_head *from, const struct tree_head *to,
                   const struct tree_hash *proof, size_t n)
{
    struct climb c = {.fn = from->size - 1, .sn = to->size - 1};
    size_t at = 0;

    if (from->size > to->size || to->size > TREE_SIZE_MAX)
        return RC_DENIED;
    if (from->size == to->size)
        return n == 0 && tree_same(&from->root, &to->root) ? RC_OK : RC_DENIED;
    if (from->size == 0)
        return n == 0 ? RC_OK : RC_DENIED;
    if (n == 0)
        return RC_DENIED;
    while (c.fn & 1) {
        c.fn >>= 1;
        c.sn >>= 1;
    }
    /* A whole subtree is its own first node. */
    c.fr = (from->size & (from->size - 1)) == 0 ? from->root : proof[at++];
    c.sr = c.fr;
    for (; at < n; at++)
        TRY(climb_step(&c, &proof[at]));
    return c.sn == 0 && tree_same(&c.fr, &from->root) && tree_same(&c.sr, &to->root) ? RC_OK
                                                                                     : RC_DENIED;
}
