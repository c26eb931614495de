/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

void lines_init(struct lines *l, int fd, size_t max)
{
    *l = (struct lines){.fd = fd, .ended = fd < 0};
    buf_init(&l->bytes, max + PIECE);
}

void lines_done(struct lines *l)
{
    if (l->fd >= 0)
        close(l->fd);
    buf_done(&l->bytes);
    l->fd = -1;
}

static enum rc fill(struct lines *l)
{
    void *room;
    ssize_t n;

    if (l->at > 0) {
        buf_consume(&l->bytes, l->at);
        l->at = 0;
    }
    room = buf_reserve(&l->bytes, PIECE);
    if (!room)
        return buf_rc(&l->bytes);
    do
        n = read(l->fd, room, PIECE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return RC_IO;
    buf_advance(&l->bytes, (size_t)n);
    l->ended = n == 0;
    return RC_OK;
}

/* What is left of a line whose beginning was given. */
static enum rc skip_rest(struct lines *l)
{
    for (;;) {
        struct str rest = str_skip(buf_str(&l->bytes), l->at);
        size_t n = str_find(rest, '\n');

        l->at += n < rest.n ? n + 1 : n;
        if (n < rest.n || l->ended)
            return RC_OK;
        TRY(fill(l));
    }
}

enum rc lines_next(struct lines *l, struct str *out)
{
    if (l->cut) {
        l->cut = false;
        TRY(skip_rest(l));
    }
    for (;;) {
        struct str rest = str_skip(buf_str(&l->bytes), l->at);
        size_t n = str_find(rest, '\n');

        if (n < rest.n || (l->ended && rest.n)) {
            *out = str_head(rest, n);
            l->at += n < rest.n ? n + 1 : n;
            return RC_OK;
        }
        if (l->ended)
            return RC_NOTFOUND;
        if (rest.n + PIECE > l->bytes.max) {
            l->cut = true;
            l->at += rest.n;
            *out = rest;
            return RC_OK;
        }
        TRY(fill(l));
    }
}
