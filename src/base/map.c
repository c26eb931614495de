/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <pthread.h>

#include "base/id.h"

enum { CAP_FIRST = 16, KEY_BYTES = 16 };

/* Open addressing, linear probing. A removed entry leaves a slot with a hash but no value: a probe
 * goes on past it, and an iteration under way does not see entries move. */
struct map_slot {
    uint64_t hash;
    char *key; /* NULL: free, or removed */
    size_t key_n;
    void *value;
    bool removed;
};

static unsigned char process_key[KEY_BYTES];
static enum rc process_key_rc;

static void process_key_make(void)
{
    process_key_rc = id_random(process_key, sizeof(process_key));
}

/* A failure stays: without random bytes no map may take keys from strangers. */
static enum rc process_key_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, process_key_make);
    return process_key_rc;
}

static uint64_t rotl(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static uint64_t load_le(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void sip_rounds(uint64_t v[static 4], int rounds)
{
    for (; rounds > 0; rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] = rotl(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] = rotl(v[2], 32);
    }
}

uint64_t map_siphash(const unsigned char key[static 16], struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    uint64_t k0 = load_le(key, 8);
    uint64_t k1 = load_le(key + 8, 8);
    uint64_t v[4] = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = s.n - s.n % 8;

    for (size_t i = 0; i <= whole; i += 8) {
        uint64_t m = i < whole ? load_le(p + i, 8)
                               : (uint64_t)s.n << 56 | (s.n % 8 ? load_le(p + i, s.n % 8) : 0);

        v[3] ^= m;
        sip_rounds(v, 2);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, size_t max)
{
    *m = (struct map){.max = max};
}

void map_done(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        mem_free(m->slots[i].key);
    mem_free(m->slots);
    map_init(m, m->max);
}

/* The slot of the key, or NULL. Growth keeps a quarter of the slots free, so every probe ends. */
static struct map_slot *find(const struct map *m, struct str key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *slot = &m->slots[i];

        if (!slot->key && !slot->removed)
            return NULL;
        if (slot->key && slot->hash == hash && str_eq(str_bytes(slot->key, slot->key_n), key))
            return slot;
    }
}

static struct map_slot *lookup(const struct map *m, struct str key)
{
    return m->n ? find(m, key, map_siphash(process_key, key)) : NULL;
}

void *map_get(const struct map *m, struct str key)
{
    const struct map_slot *slot = lookup(m, key);

    return slot ? slot->value : NULL;
}

static struct map_slot *free_slot(struct map_slot *slots, size_t cap, uint64_t hash)
{
    size_t i = hash & (cap - 1);

    while (slots[i].key)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

/* Makes room for one more: doubles when it holds many entries, else only sweeps out removed ones.
 */
static enum rc make_room(struct map *m)
{
    struct map_slot *slots;
    size_t cap = m->cap ? m->cap : CAP_FIRST;

    if (m->cap && m->used + 1 <= m->cap - m->cap / 4)
        return RC_OK;
    if (m->cap && m->n >= m->cap / 2 && __builtin_mul_overflow(cap, (size_t)2, &cap))
        return RC_NOMEM;
    slots = mem_calloc(cap, sizeof(*slots));
    if (!slots)
        return RC_NOMEM;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key)
            *free_slot(slots, cap, m->slots[i].hash) = m->slots[i];
    mem_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    m->used = m->n;
    return RC_OK;
}

enum rc map_add(struct map *m, struct str key, void *value)
{
    struct map_slot *slot;
    uint64_t hash;
    char *copy;

    TRY(process_key_ready());
    if (lookup(m, key))
        return RC_EXISTS;
    if (m->n >= m->max)
        return RC_TOOBIG;
    TRY(make_room(m));
    copy = mem_dup(key.p, key.n);
    if (!copy)
        return RC_NOMEM;
    hash = map_siphash(process_key, key);
    slot = free_slot(m->slots, m->cap, hash);
    m->used += slot->removed ? 0 : 1;
    m->n++;
    *slot = (struct map_slot){.hash = hash, .key = copy, .key_n = key.n, .value = value};
    return RC_OK;
}

enum rc map_set(struct map *m, struct str key, void *value)
{
    struct map_slot *slot = lookup(m, key);

    if (!slot)
        return map_add(m, key, value);
    slot->value = value;
    return RC_OK;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *slot = lookup(m, key);
    void *value;

    if (!slot)
        return NULL;
    value = slot->value;
    mem_free(slot->key);
    *slot = (struct map_slot){.removed = true};
    m->n--;
    return value;
}

bool map_next(const struct map *m, size_t *at, struct str *out_key, void **out_value)
{
    while (*at < m->cap) {
        const struct map_slot *slot = &m->slots[(*at)++];

        if (!slot->key)
            continue;
        *out_key = str_bytes(slot->key, slot->key_n);
        *out_value = slot->value;
        return true;
    }
    return false;
}
