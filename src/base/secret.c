/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 16 };

/* Pages of its own between two that fault. The bytes end where the second begins, so that running
 * past them is noticed, but start aligned for the cryptographic library. */
struct secret {
    unsigned char *map;
    size_t map_n;
    unsigned char *p;
    size_t n;
    size_t cap;
};

static enum rc map_pages(struct secret *s, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (n + page - 1) / page * page;
    void *map = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED)
        return RC_NOMEM;
    s->map = map;
    s->map_n = room + 2 * page;
    if (mprotect(s->map + page, room, PROT_READ | PROT_WRITE) != 0)
        return RC_NOMEM;
    /* RLIMIT_MEMLOCK may be too small, which is no reason to stop; a process that holds secrets
     * refuses core dumps, too. */
    (void)mlock(s->map + page, room);
    (void)madvise(s->map + page, room, MADV_DONTDUMP);
    s->p = s->map + page + room - (n + ALIGN - 1) / ALIGN * ALIGN;
    s->n = n;
    s->cap = n;
    return RC_OK;
}

enum rc secret_new(size_t n, struct secret **out)
{
    CLEANUP(secret_freep) struct secret *s = NULL;

    if (n == 0 || n > SECRET_MAX)
        return RC_INVAL;
    s = MEM_NEW(struct secret);
    if (!s)
        return RC_NOMEM;
    TRY(map_pages(s, n));
    *out = MOVE(s);
    return RC_OK;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    if (s->p)
        explicit_bzero(s->p, s->cap);
    if (s->map)
        munmap(s->map, s->map_n);
    mem_free(s);
}

unsigned char *secret_bytes(struct secret *s)
{
    return s->p;
}

size_t secret_len(const struct secret *s)
{
    return s->n;
}

void secret_trim(struct secret *s, size_t n)
{
    if (n >= s->n)
        return;
    explicit_bzero(s->p + n, s->n - n);
    s->n = n;
}
