/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/segment.h"

enum { BYTES = 1 << 16 };

static void read_by_another(void)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL, *reader = NULL;
    struct str seen;
    unsigned char *one, *two;

    CHECK_OK(segment_new(BYTES, &s));
    CHECK_OK(segment_open(segment_fd(s), &reader)); /* before there is anything in it */
    one = segment_alloc(s, 3);
    two = segment_alloc(s, 5);
    memcpy(one, "one", 3);
    memcpy(two, "other", 5);
    CHECK_INT(segment_used(s), 8);
    CHECK(segment_look(reader, segment_at(s, one), 3, &seen));
    CHECK_STR(seen, "one");
    CHECK(segment_look(reader, segment_at(s, two), 5, &seen));
    CHECK_STR(seen, "other");
    CHECK(segment_look(s, 0, 8, &seen));
    CHECK_STR(seen, "oneother");
    CHECK(segment_look(reader, 0, 8, &seen));
    segment_unref(MOVE(s));
    CHECK_STR(seen, "oneother"); /* the reader's reference */
    CHECK_INT(segment_fd(reader), -1);
    CHECK(segment_alloc(reader, 1) == NULL);
}

static void as_long_as_somebody_has_it(void)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL, *again = NULL;

    CHECK_OK(segment_new(BYTES, &s));
    again = segment_ref(s);
    segment_unref(MOVE(s));
    CHECK(segment_alloc(again, 1) != NULL);
    segment_unref(NULL);
}

static void no_further_than_its_end(void)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL, *reader = NULL;
    struct str seen;

    CHECK_OK(segment_new(BYTES, &s));
    CHECK_OK(segment_open(segment_fd(s), &reader));
    CHECK(segment_alloc(s, BYTES + 1) == NULL);
    CHECK(segment_alloc(s, SIZE_MAX) == NULL);
    CHECK(segment_alloc(s, BYTES - 1) != NULL);
    CHECK(!segment_look(s, 0, BYTES, &seen)); /* not given out yet */
    CHECK(segment_alloc(s, 2) == NULL);
    CHECK(segment_alloc(s, 1) != NULL);
    CHECK(segment_alloc(s, 1) == NULL);
    CHECK(segment_look(reader, 0, BYTES, &seen));
    CHECK(segment_look(reader, BYTES, 0, &seen));
    CHECK(!segment_look(reader, 1, BYTES, &seen));
    CHECK(!segment_look(reader, BYTES, 1, &seen));
    CHECK(!segment_look(reader, UINT64_MAX, 1, &seen));
    CHECK(!segment_look(reader, UINT64_MAX - 1, 8, &seen));
    CHECK(!segment_look(reader, 0, SIZE_MAX, &seen));
}

/* Whoever is handed the descriptor can only read. */
static void written_by_nobody_else(void)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL;
    void *map;
    int fd;

    CHECK_OK(segment_new(BYTES, &s));
    fd = segment_fd(s);
    CHECK_INT(write(fd, "x", 1), -1);
    CHECK_INT(pwrite(fd, "x", 1, 10), -1);
    CHECK_INT(ftruncate(fd, 0), -1);
    CHECK_INT(ftruncate(fd, 2 * (off_t)BYTES), -1);
    CHECK_INT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map == MAP_FAILED);
    map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_INT(mprotect(map, BYTES, PROT_READ | PROT_WRITE), -1);
    munmap(map, BYTES);
}

/* What could change or vanish under its reader is not taken. */
static void refused(void)
{
    CLEANUP(segment_unrefp) struct segment *s = NULL;
    CLEANUP(fd_closep) int plain = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CLEANUP(fd_closep) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK_INT(ftruncate(plain, BYTES), 0);
    CHECK_RC(segment_open(plain, &s), RC_DENIED);
    CHECK_INT(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    CHECK_RC(segment_open(plain, &s), RC_DENIED);
    CHECK_RC(segment_open(null, &s), RC_DENIED);
    CHECK_RC(segment_open(-1, &s), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(read_by_another), CHECK_TEST(as_long_as_somebody_has_it),
           CHECK_TEST(no_further_than_its_end), CHECK_TEST(written_by_nobody_else),
           CHECK_TEST(refused))
