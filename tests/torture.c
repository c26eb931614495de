/* SPDX-License-Identifier: Apache-2.0 */
#include "torture.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>

#include "check.h"

enum { FRAMES_MAX = 64, SLOTS = 1 << 18 };
_Static_assert((int)SLOTS > 2 * (int)TORTURE_ALLOCATIONS_MAX, "the table of ways has room");

/* The program's own code, as the linker laid it out. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier): its name is the linker's */
extern const char __executable_start[], etext[];

/* A way is known by the hash of the return addresses in the program's own code between the test and
 * the allocation; they stay the same within a process. */
struct way {
    uint64_t hash;             /* 0: free */
    unsigned tests;            /* that have been along it */
    unsigned long first, last; /* in this one; 0: not yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct way ways[SLOTS];
static size_t n_ways;
static bool chosen[TORTURE_ALLOCATIONS_MAX + 1]; /* by number, from 1 */
static unsigned long list[TORTURE_ALLOCATIONS_MAX];
static unsigned long allocations;
static pthread_t tester;
static int outside; /* frames of the test function and outside of it, in that thread */

static bool own(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    return at >= (uintptr_t)__executable_start && at < (uintptr_t)etext;
}

static uint64_t way_here(void)
{
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    if (n < FRAMES_MAX && pthread_equal(pthread_self(), tester))
        n -= outside;
    for (int i = 0; i < n; i++)
        if (own(frames[i]))
            h = (h ^ (uint64_t)(uintptr_t)frames[i]) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

/* NULL: no room. */
static struct way *find(uint64_t hash)
{
    size_t i = hash % SLOTS;

    while (ways[i].hash && ways[i].hash != hash)
        i = (i + 1) % SLOTS;
    if (!ways[i].hash && n_ways++ == SLOTS - 1)
        return NULL;
    ways[i].hash = hash;
    return &ways[i];
}

static void seen(void)
{
    uint64_t hash = way_here();

    pthread_mutex_lock(&lock);
    if (++allocations <= TORTURE_ALLOCATIONS_MAX) {
        struct way *w = find(hash);

        if (w && !w->first)
            w->first = allocations;
        if (w)
            w->last = allocations;
        else
            chosen[allocations] = true;
    }
    pthread_mutex_unlock(&lock);
}

static void choose(struct way *w)
{
    if (w->first && w->tests++ < TORTURE_TESTS)
        chosen[w->first] = chosen[w->last] = true;
    w->first = w->last = 0;
}

size_t torture_ways(void (*fn)(void), const unsigned long **out)
{
    void *frames[FRAMES_MAX];
    size_t n = 0;

    memset(chosen, 0, sizeof(chosen));
    allocations = 0;
    tester = pthread_self();
    outside = backtrace(frames, FRAMES_MAX) + 1;
    mem_fail_watch(seen);
    fn();
    mem_fail_at(0);
    if (allocations > TORTURE_ALLOCATIONS_MAX)
        fail_msg("it allocates more than %d times", TORTURE_ALLOCATIONS_MAX);
    for (size_t i = 0; i < SLOTS; i++)
        choose(&ways[i]);
    for (unsigned long i = 1; i <= allocations; i++)
        if (chosen[i])
            list[n++] = i;
    *out = list;
    return n;
}
