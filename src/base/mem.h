/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory and the cleanup attribute. All of Autarky allocates here and nowhere else, so that
 * the failing-allocation mode of the unit tests reaches every allocation and live blocks can be
 * counted.
 *
 * Ownership is in the names: _new/_free heap, _init/_done embedded, _ref/_unref shared, _dup caller
 * frees, _take moves in, a plain getter borrows. Every _free takes NULL and half-built objects. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Runs `fn(&variable)` when the variable leaves its scope, at every return behind the declaration;
 * hence it needs a value there: CLEANUP(buf_done) struct buf b = BUF_INIT(MAX); */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Defines NAME_freep for CLEANUP of a pointer: DEFINE_FREEP(order_free, struct order) */
#define DEFINE_FREEP(free_fn, type)                                                                \
    [[maybe_unused]] static inline void free_fn##p(type **p)                                       \
    {                                                                                              \
        free_fn(*p);                                                                               \
    }

/* Gives the pointer away and leaves NULL behind: *out = MOVE(x); */
#define MOVE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) move_tmp_ = (p);                                                             \
        (p) = NULL;                                                                                \
        move_tmp_;                                                                                 \
    })

/* All return NULL when memory is out (or the size overflows); a size of 0 gives a valid block. */
[[nodiscard]] void *mem_alloc(size_t n);
[[nodiscard]] void *mem_calloc(size_t count, size_t size);
[[nodiscard]] void *mem_realloc(void *p, size_t n);
[[nodiscard]] void *mem_dup(const void *p, size_t n);
[[nodiscard]] char *mem_strdup(const char *s);
void mem_free(void *p);
/* First of all in main(): large blocks go back to the system when they are freed. */
void mem_init(void);
/* Hands what was freed back to the system; for once, after something large. */
void mem_trim(void);

/* For CLEANUP on a `char *` or any object pointer from here. */
static inline void mem_freep(void *pp)
{
    mem_free(*(void **)pp);
}

/* Zeroed room for one `type`, or NULL. */
#define MEM_NEW(type) ((type *)mem_calloc(1, sizeof(type)))

/* Test support: lets the n-th allocation from now on fail once (0: none). mem_fail_fired tells
 * whether it has; what is allocated while held neither fails nor counts, for a preparation that a
 * test of its own lets fail; mem_live counts the blocks not yet freed. */
void mem_fail_at(unsigned long n);
/* None fails, but `seen` is called at each that would count, in the thread that allocates and out
 * of mem_*(); it may not allocate here itself. Ends with the next mem_fail_at. */
void mem_fail_watch(void (*seen)(void));
void mem_fail_hold(bool held);
bool mem_fail_fired(void);
size_t mem_live(void);
