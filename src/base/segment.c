/* SPDX-License-Identifier: Apache-2.0 */
#include "base/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/owned.h"

#ifdef MFD_NOEXEC_SEAL
#define NOEXEC_SEAL MFD_NOEXEC_SEAL
#else
#define NOEXEC_SEAL 0x0008U /* linux/memfd.h */
#endif

/* Nobody can write through the descriptor, only through the mapping that was there before; and a
 * reader finds each page that he was promised. */
enum {
    PIECE = 256 << 10, /* bytes that the system is asked for at a time */
    SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
    SEALED = SEALS | F_SEAL_SEAL,
};

struct segment {
    unsigned refs;
    int fd; /* -1: a reader's */
    unsigned char *map;
    size_t size, used;
    size_t backed; /* bytes that the system has memory for: to touch another would be SIGBUS */
};

static enum rc map_it(struct segment *s, int fd, int rights)
{
    void *map = mmap(NULL, s->size, rights, MAP_SHARED | MAP_NORESERVE, fd, 0);

    if (map == MAP_FAILED)
        return RC_NOMEM;
    s->map = map;
    /* Keys may be in it. What does not know this is not worse off without. */
    (void)madvise(map, s->size, MADV_DONTDUMP);
    return RC_OK;
}

/* Kernels before 6.3 do not know what cannot be executed, those after it may want no other. */
static int make_file(void)
{
    int fd = memfd_create("segment", MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL);

    return fd < 0 && errno == EINVAL ? memfd_create("segment", MFD_CLOEXEC | MFD_ALLOW_SEALING)
                                     : fd;
}

enum rc segment_new(size_t max, struct segment **out)
{
    CLEANUP(segment_unrefp) struct segment *s = MEM_NEW(struct segment);

    if (!s)
        return RC_NOMEM;
    s->refs = 1;
    s->size = max;
    s->fd = make_file();
    if (s->fd < 0 || ftruncate(s->fd, (off_t)max) != 0)
        return RC_IO;
    TRY(map_it(s, s->fd, PROT_READ | PROT_WRITE));
    if (fcntl(s->fd, F_ADD_SEALS, SEALED) != 0)
        return RC_IO;
    *out = MOVE(s);
    return RC_OK;
}

enum rc segment_open(int fd, struct segment **out)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL;
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS)
        return RC_DENIED;
    if (fstat(fd, &st) != 0)
        return RC_IO;
    if (st.st_size < 1 || st.st_size > SEGMENT_BYTES_MAX)
        return RC_DENIED;
    s = MEM_NEW(struct segment);
    if (!s)
        return RC_NOMEM;
    s->refs = 1;
    s->fd = -1;
    s->size = s->used = (size_t)st.st_size;
    TRY(map_it(s, fd, PROT_READ));
    *out = MOVE(s);
    return RC_OK;
}

struct segment *segment_ref(struct segment *s)
{
    s->refs++;
    return s;
}

void segment_unref(struct segment *s)
{
    if (!s || --s->refs > 0)
        return;
    if (s->map)
        munmap(s->map, s->size);
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s);
}

int segment_fd(const struct segment *s)
{
    return s->fd;
}

unsigned char *segment_alloc(struct segment *s, size_t n)
{
    unsigned char *at = s->map + s->used;

    if (s->fd < 0 || n > s->size - s->used)
        return NULL;
    if (s->used + n > s->backed) {
        size_t end = (s->used + n + PIECE - 1) / PIECE * PIECE;

        end = end < s->size ? end : s->size;
        if (fallocate(s->fd, 0, (off_t)s->backed, (off_t)(end - s->backed)) != 0)
            return NULL;
        s->backed = end;
    }
    s->used += n;
    return at;
}

size_t segment_used(const struct segment *s)
{
    return s->used;
}

uint64_t segment_at(const struct segment *s, const void *bytes)
{
    return (uint64_t)((const unsigned char *)bytes - s->map);
}

bool segment_look(const struct segment *s, uint64_t at, size_t n, struct str *out)
{
    if (n > s->used || at > s->used - n)
        return false;
    *out = str_bytes(s->map + at, n);
    return true;
}
