/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one request, parse or job: allocated piece by piece, freed at once, with a hard cap.
 * Not thread safe. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used; /* of all blocks together */
    size_t max;
};

/* The initial value, for a declaration with CLEANUP; as arena_init. */
#define ARENA_INIT(max_) ((struct arena){.max = (max_)})

/* At most `max` bytes may be taken from it in all. Allocates nothing yet. */
void arena_init(struct arena *a, size_t max);
/* Frees everything; usable again, as after arena_init. */
void arena_done(struct arena *a);

/* Zeroed, aligned for any type; NULL when memory is out or the cap is reached. */
[[nodiscard]] void *arena_alloc(struct arena *a, size_t n);
[[nodiscard]] void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A copy with a terminator behind it, which is not counted. RC_NOMEM as above. */
enum rc arena_str(struct arena *a, struct str s, struct str *out);
/* printf into the arena; {NULL, 0} when there is no room. */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_calloc((a), (count), sizeof(type)))
