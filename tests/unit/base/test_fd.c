/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int open_null(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void closes_once(void)
{
    int fd = open_null();
    int was = fd;

    CHECK(fd >= 0);
    fd_close(&fd);
    CHECK_INT(fd, -1);
    CHECK(!is_open(was) && errno == EBADF);
    fd_close(&fd);
    CHECK_INT(fd, -1);
}

static int moved_out(int *out_other)
{
    CLEANUP(fd_closep) int kept = open_null();
    CLEANUP(fd_closep) int lost = open_null();

    *out_other = lost;
    return fd_move(&kept);
}

static void cleanup_closes_what_was_not_moved(void)
{
    int other = -1;
    CLEANUP(fd_closep) int fd = moved_out(&other);

    CHECK(is_open(fd));
    CHECK(other >= 0 && !is_open(other));
}

CHECK_MAIN(CHECK_TEST(closes_once), CHECK_TEST(cleanup_closes_what_was_not_moved))
