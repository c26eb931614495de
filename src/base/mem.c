/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_BYTES = 128 << 10 };

/* The store's writer thread allocates too, hence atomics; they cost nothing beside malloc itself.
 */
static atomic_ulong fail_countdown;
static atomic_bool fail_fired, fail_held;
static atomic_size_t live;
static void (*_Atomic fail_seen)(void);

static bool must_fail(void)
{
    unsigned long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    void (*seen)(void);

    if (left == 0 || atomic_load_explicit(&fail_held, memory_order_relaxed))
        return false;
    seen = atomic_load_explicit(&fail_seen, memory_order_relaxed);
    if (seen) {
        seen();
        return false;
    }
    atomic_store_explicit(&fail_countdown, left - 1, memory_order_relaxed);
    if (left != 1)
        return false;
    atomic_store_explicit(&fail_fired, true, memory_order_relaxed);
    return true;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *mem_alloc(size_t n)
{
    if (must_fail())
        return NULL;
    return counted(malloc(n ? n : 1));
}

void *mem_calloc(size_t count, size_t size)
{
    size_t n;

    if (must_fail() || __builtin_mul_overflow(count, size, &n))
        return NULL;
    return counted(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
    if (!p)
        return mem_alloc(n);
    if (must_fail())
        return NULL;
    return realloc(p, n ? n : 1);
}

void *mem_dup(const void *p, size_t n)
{
    void *copy = mem_alloc(n);

    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

void mem_init(void)
{
    /* Otherwise both rise with the largest block that was ever freed, and a process that has once
     * read ten thousand sites keeps what that took. */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

void mem_trim(void)
{
    malloc_trim(0);
}

void mem_fail_at(unsigned long n)
{
    atomic_store(&fail_seen, NULL);
    atomic_store(&fail_fired, false);
    atomic_store(&fail_countdown, n);
}

void mem_fail_watch(void (*seen)(void))
{
    mem_fail_at(1);
    atomic_store(&fail_seen, seen);
}

void mem_fail_hold(bool held)
{
    atomic_store(&fail_held, held);
}

bool mem_fail_fired(void)
{
    return atomic_load(&fail_fired);
}

size_t mem_live(void)
{
    return atomic_load(&live);
}
