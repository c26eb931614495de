/* SPDX-License-Identifier: Apache-2.0 */
/* Empty unless built with AUTARKY_TEST_HOOKS: in what is installed no file can move the clock. */
#include "ev/clock.h"

#ifdef AUTARKY_TEST_HOOKS
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ev/clock_test_int.h"

/* A loop must notice soon that a test has moved the clock under it. */
enum { SLEEP_MAX = 20'000 };

static const _Atomic int64_t *now_offset;
static const _Atomic int64_t *mono_offset;

int64_t clock_test_now(int64_t now)
{
    return now_offset ? now + atomic_load(now_offset) : now;
}

int64_t clock_test_mono(int64_t mono)
{
    static int64_t latest = INT64_MIN;

    if (mono_offset)
        mono += atomic_load(mono_offset);
    if (mono < latest)
        return latest;
    latest = mono;
    return mono;
}

int64_t clock_test_sleep(int64_t micros)
{
    return now_offset && micros > SLEEP_MAX ? SLEEP_MAX : micros;
}

enum rc clock_test_attach(int fd)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) != 0)
        return RC_IO;
    if (st.st_size != 8 && st.st_size != 16)
        return RC_INVAL;
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return RC_IO;
    /* Mapped for the life of the process; a second file simply takes the first one's place. */
    now_offset = map;
    mono_offset = st.st_size == 16 ? now_offset + 1 : NULL;
    return RC_OK;
}

enum rc clock_test_open(int *out_fd)
{
    const char *path = getenv("AUTARKY_TEST_CLOCK");
    CLEANUP(fd_closep) int fd = -1;

    if (path) {
        fd = open(path, O_RDONLY);
        if (fd < 0)
            return RC_IO;
        TRY(clock_test_attach(fd));
    }
    *out_fd = fd_move(&fd);
    return RC_OK;
}
#endif
