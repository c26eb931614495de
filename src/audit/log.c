/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"

#include <assert.h>
#include <string.h>

#include "store/events.h"
#include "store/heads.h"

static_assert(sizeof(struct store_hash) == sizeof(struct tree_hash), "both are SHA-256");

static struct store_hash stored(const struct tree_hash *h)
{
    struct store_hash s;

    memcpy(s.b, h->b, TREE_HASH);
    return s;
}

struct records {
    struct tree tree;
    uint64_t next;
};

static enum rc add_record(void *arg, uint64_t sequence, struct str bytes)
{
    struct records *r = arg;
    struct tree_hash leaf;

    if (sequence != r->next++)
        return RC_CORRUPT;
    TRY(tree_leaf(bytes, &leaf));
    return tree_add(&r->tree, &leaf);
}

/* From the records themselves: below what is kept. */
static enum rc hash_records(struct store_txn *txn, uint64_t first, unsigned height,
                            struct tree_hash *out)
{
    struct records r = {.next = first + 1};
    enum rc rc = store_event_each(txn, first + 1, UINT64_C(1) << height, add_record, &r);

    TRY(rc == RC_NOTFOUND ? RC_CORRUPT : rc);
    return tree_root(&r.tree, out);
}

/* A subtree's root from those of the largest size below it that is kept. */
static enum rc read_subtree(void *arg, uint64_t first, unsigned height, struct tree_hash *out)
{
    struct store_txn *txn = arg;
    unsigned level = height - height % AUDIT_FOLD_BITS;
    uint64_t n = UINT64_C(1) << (height - level);
    struct tree t = {};

    if (level == 0)
        return hash_records(txn, first, height, out);
    for (uint64_t i = 0; i < n; i++) {
        struct store_hash kept;
        struct tree_hash hash;

        TRY(store_tree_node(txn, level, (first >> level) + i, &kept));
        memcpy(hash.b, kept.b, TREE_HASH);
        TRY(tree_add(&t, &hash));
    }
    return tree_root(&t, out);
}

/* One level above: a root of 256 of those below. */
static enum rc fold_level(struct store_txn *txn, unsigned level, uint64_t n)
{
    struct tree t = {};
    struct tree_hash root;
    struct store_hash hash;

    if (level == AUDIT_FOLD_BITS) {
        TRY(hash_records(txn, n << level, level, &root));
    } else {
        for (unsigned i = 0; i < 1U << AUDIT_FOLD_BITS; i++) {
            TRY(store_tree_node(txn, level - AUDIT_FOLD_BITS, (n << AUDIT_FOLD_BITS) + i, &hash));
            memcpy(root.b, hash.b, TREE_HASH);
            TRY(tree_add(&t, &root));
        }
        TRY(tree_root(&t, &root));
    }
    hash = stored(&root);
    return store_tree_keep(txn, level, n, &hash);
}

enum rc audit_log_fold(struct store_txn *txn, bool *out_more)
{
    uint64_t records, whole, kept;
    unsigned left = AUDIT_FOLD_MAX;

    TRY(store_event_last(txn, &records));
    *out_more = false;
    for (unsigned level = AUDIT_FOLD_BITS; records >> level; level += AUDIT_FOLD_BITS) {
        TRY(store_tree_count(txn, level, &kept));
        whole = records >> level;
        for (; kept < whole && left > 0; kept++, left--)
            TRY(fold_level(txn, level, kept));
        if (kept < whole) {
            *out_more = true;
            return RC_OK; /* what is above needs what is below */
        }
    }
    return RC_OK;
}

enum rc audit_log_step(struct store_txn *txn, const struct tree_head *from, struct audit_step *out)
{
    struct tree t;
    uint64_t records;

    *out = (struct audit_step){.from = *from};
    TRY(store_event_last(txn, &records));
    if (records < from->size) {
        out->behind = true;
        return RC_OK;
    }
    TRY(tree_at(records, read_subtree, txn, &t));
    out->to.size = records;
    TRY(tree_root(&t, &out->to.root));
    return tree_prove(from->size, records, read_subtree, txn, &out->proof);
}

enum rc audit_log_keep(struct store_txn *txn, const struct note *note, struct str text)
{
    struct tree t;
    struct tree_hash root;
    struct store_head head = {.size = note->head.size, .note = text};
    uint64_t records;

    TRY(store_event_last(txn, &records));
    if (records < note->head.size)
        return RC_CORRUPT;
    TRY(tree_at(note->head.size, read_subtree, txn, &t));
    TRY(tree_root(&t, &root));
    if (!tree_same(&root, &note->head.root))
        return RC_CORRUPT;
    head.frontier = str_bytes(t.frontier, tree_frontier_len(t.size) * sizeof(t.frontier[0]));
    return store_head_add(txn, &head);
}

enum rc audit_log_prove(struct store_txn *txn, struct arena *a, struct audit_between *b)
{
    struct store_head head;

    TRY(b->to ? store_head_of(txn, a, b->to, &head) : store_head_last(txn, a, &head));
    b->to = head.size;
    b->note = head.note;
    return tree_prove(b->from, b->to, read_subtree, txn, &b->proof);
}

enum rc audit_log_holds(struct store_txn *txn, const struct tree_head *head)
{
    struct records r = {.next = 1};
    struct tree_hash root;

    if (head->size)
        TRY(store_event_each(txn, 1, head->size, add_record, &r));
    TRY(tree_root(&r.tree, &root));
    return tree_same(&root, &head->root) ? RC_OK : RC_DENIED;
}
