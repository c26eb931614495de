/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection stands on: bytes in, bytes out, and a call when more may be possible. A plain
 * socket (here), TLS on a socket (tls/stream.h), or a script in tests; whoever reads or writes
 * does not see which. One that stands on another one owns it. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct ev;
struct net_stream;

enum {
    NET_WANT_READ = 1,
    NET_WANT_WRITE = 2,
    NET_STREAM_READ = 16 * 1024, /* what a record of TLS holds */
};

struct net_stream_ops {
    /* RC_OK and at least one byte; RC_AGAIN: none now; RC_CLOSED: the peer sends no more; RC_NET:
     * broken. Fewer than `n`, and n was at least NET_STREAM_READ: the stream itself holds no more
     * back, so that `want` will tell of what comes. */
    enum rc (*read)(struct net_stream *s, void *p, size_t n, size_t *out_n);
    /* RC_OK and at least one byte taken; RC_AGAIN: none now, the next call brings the same bytes,
     * or more of them; RC_NET. */
    enum rc (*write)(struct net_stream *s, struct str bytes, size_t *out_n);
    /* Says that we send no more. RC_OK; RC_AGAIN: call again when writable; RC_NET. */
    enum rc (*shutdown)(struct net_stream *s);
    /* Call `ready` when reading, or writing, may do something again, until told otherwise; 0: do
     * not call. Never from inside this function. */
    void (*want)(struct net_stream *s, unsigned wants);
    void (*free)(struct net_stream *s);
};

struct net_stream {
    const struct net_stream_ops *ops;
    void (*ready)(void *arg); /* set by the user before the first want */
    void *arg;
};

static inline void net_stream_free(struct net_stream *s)
{
    if (s)
        s->ops->free(s);
}
DEFINE_FREEP(net_stream_free, struct net_stream)

/* Takes over the connected socket, also on failure. RC_NOMEM, RC_IO. */
enum rc net_stream_fd(struct ev *ev, int fd, struct net_stream **out);
