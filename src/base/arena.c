/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* Blocks grow with the arena: the large ones malloc takes from the system, and gives back. */
enum { BLOCK_MIN = 4096, BLOCK_MAX = 256 << 10, ALIGN = _Alignof(max_align_t) };
/* Leaves room for rounding up and the block's head, whatever the cap. */
#define MAX_BYTES (SIZE_MAX / 2)

struct arena_block {
    struct arena_block *next;
    size_t n;
    size_t cap;
    max_align_t data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_done(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    arena_init(a, a->max);
}

static struct arena_block *add_block(struct arena *a, size_t n)
{
    size_t cap = a->used < BLOCK_MIN ? BLOCK_MIN : a->used < BLOCK_MAX ? a->used : BLOCK_MAX;
    struct arena_block *b;

    cap = n > cap ? n : cap;
    b = mem_calloc(1, sizeof(*b) + cap);
    if (!b)
        return NULL;
    b->cap = cap;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *b = a->blocks;
    char *at;

    if (n > MAX_BYTES || n > a->max || a->used > a->max - n)
        return NULL;
    n = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (!b || b->cap - b->n < n) {
        b = add_block(a, n);
        if (!b)
            return NULL;
    }
    at = (char *)b->data + b->n;
    b->n += n;
    a->used += n;
    return at;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    return arena_alloc(a, n);
}

enum rc arena_str(struct arena *a, struct str s, struct str *out)
{
    char *p;

    if (s.n == 0) {
        *out = STR("");
        return RC_OK;
    }
    p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (!p)
        return RC_NOMEM;
    memcpy(p, s.p, s.n);
    *out = (struct str){p, s.n};
    return RC_OK;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!p)
        return (struct str){NULL, 0};
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){p, (size_t)n};
}
