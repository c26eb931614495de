/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shared.h"

#include "base/mem.h"

void shared_init(struct shared_pool *pool)
{
    list_init(&pool->all);
}

enum rc shared_take(struct shared_pool *pool, struct str bytes, struct shared **out)
{
    struct shared *s;
    size_t looked = 0;

    LIST_FOREACH (it, &pool->all) {
        s = LIST_ENTRY(it, struct shared, link);
        if (str_eq(shared_str(s), bytes)) {
            s->refs++;
            *out = s;
            return RC_OK;
        }
        if (++looked == SHARED_LOOK_MAX)
            break;
    }
    s = mem_alloc(sizeof(*s) + bytes.n);
    if (!s)
        return RC_NOMEM;
    *s = (struct shared){.refs = 1, .n = bytes.n};
    if (bytes.n)
        memcpy(s->bytes, bytes.p, bytes.n);
    list_insert(pool->all.next, &s->link);
    *out = s;
    return RC_OK;
}

void shared_drop(struct shared *s, void (*user_free)(void *user))
{
    if (!s || --s->refs)
        return;
    if (user_free && s->user)
        user_free(s->user);
    list_remove(&s->link);
    mem_free(s);
}
