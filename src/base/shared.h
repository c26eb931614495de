/* SPDX-License-Identifier: Apache-2.0 */
/* Byte strings that many have in common (the issuers of certificates), kept once and shared by
 * count. For few that differ: what is new is looked for among the SHARED_LOOK_MAX that were taken
 * last. */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"

enum { SHARED_LOOK_MAX = 64 };

struct shared_pool {
    struct list all;
};

struct shared {
    struct list link;
    size_t refs;
    void *user; /* of whoever has the pool; NULL at first */
    size_t n;
    unsigned char bytes[];
};

void shared_init(struct shared_pool *pool);
/* A reference to these bytes, copied if they are new. RC_NOMEM. */
enum rc shared_take(struct shared_pool *pool, struct str bytes, struct shared **out);
static inline struct str shared_str(const struct shared *s)
{
    return str_bytes(s->bytes, s->n);
}
/* Drops one reference (NULL: none). With the last one, `user` goes to `user_free`, if there are
 * both. */
void shared_drop(struct shared *s, void (*user_free)(void *user));
