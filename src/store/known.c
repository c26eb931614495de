/* SPDX-License-Identifier: Apache-2.0 */
#include "store/known.h"

enum { ENTRY_ARENA = 64 * 1024 };

struct entry {
    struct list link;
    struct arena arena;
    struct store_account account;
};

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    arena_done(&e->arena);
    mem_free(e);
}
DEFINE_FREEP(entry_free, struct entry)

void store_known_init(struct store_known *k)
{
    *k = (struct store_known){};
    map_init(&k->by_id, STORE_KNOWN_MAX);
    list_init(&k->by_use);
}

static void drop(struct store_known *k, struct entry *e)
{
    list_remove(&e->link);
    map_remove(&k->by_id, id_str(&e->account.id));
    entry_free(e);
}

static void drop_all(struct store_known *k)
{
    LIST_FOREACH (it, &k->by_use)
        drop(k, LIST_ENTRY(it, struct entry, link));
}

void store_known_done(struct store_known *k)
{
    drop_all(k);
    map_done(&k->by_id);
}

static enum rc read_account(struct store_known *k, struct store *s, const struct id *id,
                            struct entry **out)
{
    CLEANUP(entry_freep) struct entry *e = MEM_NEW(struct entry);

    if (!e)
        return RC_NOMEM;
    list_init(&e->link);
    arena_init(&e->arena, ENTRY_ARENA);
    k->read++;
    TRY(store_account_get(store_read(s), &e->arena, id, &e->account));
    if (k->by_id.n == STORE_KNOWN_MAX)
        drop(k, LIST_ENTRY(k->by_use.next, struct entry, link));
    TRY(map_add(&k->by_id, id_str(id), e));
    *out = MOVE(e);
    return RC_OK;
}

enum rc store_known_get(struct store_known *k, struct store *s, struct arena *a,
                        const struct id *id, struct store_account *out)
{
    uint64_t generation = store_accounts_generation(s); /* before anything is read */
    struct entry *e;

    if (generation != k->generation)
        drop_all(k);
    k->generation = generation;
    e = map_get(&k->by_id, id_str(id));
    if (!e)
        TRY(read_account(k, s, id, &e));
    list_remove(&e->link);
    list_push(&k->by_use, &e->link);
    return store_account_copy(a, &e->account, out);
}
