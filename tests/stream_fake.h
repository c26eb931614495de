/* SPDX-License-Identifier: Apache-2.0 */
/* A stream (net/stream.h) that does what the test says, embedded in the test's own struct: `in` is
 * what the peer sends, `out` what it got. */
#pragma once

#include <string.h>

#include "base/buf.h"
#include "net/stream.h"

struct stream_fake {
    struct net_stream s; /* first */
    struct buf in, out;
    bool eof, broken; /* after `in`; from now on */
    size_t room;      /* bytes that the peer takes */
    unsigned wants;
    bool shut, freed;
};

static enum rc stream_fake_read(struct net_stream *s, void *p, size_t n, size_t *out_n)
{
    struct stream_fake *t = (struct stream_fake *)s;

    if (t->broken)
        return RC_NET;
    if (t->in.n == 0)
        return t->eof ? RC_CLOSED : RC_AGAIN;
    *out_n = n < t->in.n ? n : t->in.n;
    memcpy(p, t->in.p, *out_n);
    buf_consume(&t->in, *out_n);
    return RC_OK;
}

static enum rc stream_fake_write(struct net_stream *s, struct str bytes, size_t *out_n)
{
    struct stream_fake *t = (struct stream_fake *)s;

    if (t->broken)
        return RC_NET;
    if (t->room == 0)
        return RC_AGAIN;
    *out_n = bytes.n < t->room ? bytes.n : t->room;
    t->room -= *out_n;
    buf_put(&t->out, bytes.p, *out_n);
    return RC_OK;
}

static enum rc stream_fake_shutdown(struct net_stream *s)
{
    ((struct stream_fake *)s)->shut = true;
    return RC_OK;
}

static void stream_fake_want(struct net_stream *s, unsigned wants)
{
    ((struct stream_fake *)s)->wants = wants;
}

static void stream_fake_free(struct net_stream *s)
{
    ((struct stream_fake *)s)->freed = true;
}

static const struct net_stream_ops stream_fake_ops = {
    stream_fake_read, stream_fake_write, stream_fake_shutdown, stream_fake_want, stream_fake_free};
