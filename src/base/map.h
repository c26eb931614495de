/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from bytes to a pointer. Keys are copied in, values belong to the caller. The hash is
 * keyed with process-wide random bytes (SipHash-2-4), so strangers cannot choose keys that
 * collide. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t cap; /* power of two */
    size_t n;
    size_t used; /* slots that are not free: entries, and places of removed ones */
    size_t max;
};

/* At most `max` entries. Allocates nothing yet. */
void map_init(struct map *m, size_t max);
/* Frees keys and table, not the values. */
void map_done(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, struct str key);
/* RC_EXISTS when the key is there (nothing changes), RC_TOOBIG at the limit. `value` is not
 * NULL. */
enum rc map_add(struct map *m, struct str key, void *value);
/* Adds or replaces. */
enum rc map_set(struct map *m, struct str key, void *value);
/* Takes the entry out and returns its value; NULL when there is none. */
void *map_remove(struct map *m, struct str key);

/* Iteration: start with *at = 0; false at the end. The entry just returned may be removed; adding
 * ends the iteration. */
bool map_next(const struct map *m, size_t *at, struct str *out_key, void **out_value);

/* SipHash-2-4 of `s` under a 16-byte key; for callers that need the keyed hash itself. */
uint64_t map_siphash(const unsigned char key[static 16], struct str s);
