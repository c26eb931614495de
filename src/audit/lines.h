/* SPDX-License-Identifier: Apache-2.0 */
/* A file line by line, with bounded memory. */
#pragma once

#include "base/buf.h"

/* Owns the descriptor; -1: there is nothing. */
struct lines {
    int fd;
    struct buf bytes; /* its limit is that of a line */
    size_t at;
    bool ended;
    bool cut; /* the beginning of a line was given whose end is not read yet */
};
void lines_init(struct lines *l, int fd, size_t max);
void lines_done(struct lines *l);
/* The next line without its LF, borrowed until the next call; of a longer one than the limit, its
 * beginning. RC_NOTFOUND at the end, RC_IO. */
enum rc lines_next(struct lines *l, struct str *out);
