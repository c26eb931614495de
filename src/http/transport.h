/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection stands on: bytes in, bytes out, and a call when more may be possible. A plain
 * socket, TLS, or a script in tests. */
#pragma once

#include "base/mem.h"
#include "base/str.h"

struct ev;
struct http_transport;
struct tls_conn;

enum { HTTP_WANT_READ = 1, HTTP_WANT_WRITE = 2 };

struct http_transport_ops {
    /* RC_OK and at least one byte; RC_AGAIN: none now; RC_CLOSED: the peer sends no more; RC_NET:
     * broken. */
    enum rc (*read)(struct http_transport *t, void *p, size_t n, size_t *out_n);
    /* RC_OK and at least one byte taken; RC_AGAIN: none now, the next call brings the same bytes,
     * or more of them; RC_NET. */
    enum rc (*write)(struct http_transport *t, struct str bytes, size_t *out_n);
    /* Says that we send no more. RC_OK; RC_AGAIN: call again when writable; RC_NET. */
    enum rc (*shutdown)(struct http_transport *t);
    /* Call `ready` when reading, or writing, may do something again, until told otherwise; 0: do
     * not call. Never from inside this function. */
    void (*want)(struct http_transport *t, unsigned wants);
    void (*free)(struct http_transport *t);
};

struct http_transport {
    const struct http_transport_ops *ops;
    void (*ready)(void *arg); /* set by the user before the first want */
    void *arg;
};

static inline void http_transport_free(struct http_transport *t)
{
    if (t)
        t->ops->free(t);
}
DEFINE_FREEP(http_transport_free, struct http_transport)

/* Takes over the connected socket, also on failure. RC_NOMEM, RC_IO. */
enum rc http_transport_fd(struct ev *ev, int fd, struct http_transport **out);
/* Takes over an open TLS connection, also on failure. RC_NOMEM. */
enum rc http_transport_tls(struct tls_conn *tls, struct http_transport **out);
