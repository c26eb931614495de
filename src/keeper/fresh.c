/* SPDX-License-Identifier: Apache-2.0 */
/* Which identities are newer than a version. A row for each slot that has one, in the order of
 * their versions; a slot that gets a new one leaves its row empty and takes one at the end. When
 * the rows are used up the empty ones are squeezed out: there are twice as many as slots, so that
 * happens once in as many changes as there are slots. */
#include "keeper/keeper_int.h"

struct keeper_row {
    struct keeper_slot *slot; /* NULL: it has a newer one, or none any more */
    uint64_t version;
};

enum { ROWS_LEAST = 16 };

/* The first row with a higher version. */
static size_t behind(const struct keeper *k, uint64_t version)
{
    size_t from = 0, to = k->n_rows;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (k->rows[middle].version > version)
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

enum rc keeper_fresh_reserve(struct keeper *k, size_t slots)
{
    size_t wanted = 2 * slots + ROWS_LEAST;
    struct keeper_row *rows;

    if (wanted <= k->max_rows)
        return RC_OK;
    wanted *= 2; /* more slots will come, one by one */
    rows = mem_realloc(k->rows, wanted * sizeof(*rows));
    if (!rows)
        return RC_NOMEM;
    k->rows = rows;
    k->max_rows = wanted;
    return RC_OK;
}

void keeper_fresh_free(struct keeper *k)
{
    mem_free(MOVE(k->rows));
    k->n_rows = k->max_rows = 0;
}

static void squeeze(struct keeper *k)
{
    size_t n = 0;

    for (size_t i = 0; i < k->n_rows; i++)
        if (k->rows[i].slot)
            k->rows[n++] = k->rows[i];
    k->n_rows = n;
}

void keeper_slot_forget(struct keeper_slot *slot)
{
    struct keeper *k = slot->keeper;
    size_t i = slot->version ? behind(k, slot->version - 1) : k->n_rows;

    if (i < k->n_rows && k->rows[i].version == slot->version)
        k->rows[i].slot = NULL;
    slot->version = 0;
}

void keeper_slot_touch(struct keeper_slot *slot)
{
    struct keeper *k = slot->keeper;

    keeper_slot_forget(slot);
    if (k->n_rows == k->max_rows)
        squeeze(k);
    slot->version = ++k->version;
    k->rows[k->n_rows++] = (struct keeper_row){slot, slot->version};
}

/* Of two that are one, the one that signs sends both, once there are both. */
uint64_t keeper_slot_version(const struct keeper_slot *slot)
{
    const struct keeper_slot *other = slot->other;

    if (!slot->pair || slot->encrypts ||
        (slot->algorithm == CONF_KEY_SM2 && (!other || !other->pair)) ||
        keeper_staple_awaited(slot))
        return 0;
    return other && other->version > slot->version ? other->version : slot->version;
}

const struct keeper_slot *keeper_fresh_after(const struct keeper *k, uint64_t version)
{
    for (size_t i = behind(k, version); i < k->n_rows; i++) {
        const struct keeper_slot *slot = k->rows[i].slot;

        if (slot && slot->encrypts)
            slot = slot->other;
        /* Its other half may be newer still; then it comes there. */
        if (slot && keeper_slot_version(slot) == k->rows[i].version)
            return slot;
    }
    return NULL;
}
