/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors as owned things: CLEANUP(fd_closep) int fd = -1; and fd_move to hand one
 * over. */
#pragma once

#include <unistd.h>

static inline void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static inline void fd_closep(int *fd)
{
    fd_close(fd);
}

static inline int fd_move(int *fd)
{
    int moved = *fd;

    *fd = -1;
    return moved;
}
