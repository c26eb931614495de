/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/ev.h"

struct plain {
    struct net_stream s;
    struct ev_fd *watch;
    int fd;
};

static enum rc of_errno(void)
{
    return errno == EAGAIN || errno == EINTR ? RC_AGAIN : RC_NET;
}

static enum rc plain_read(struct net_stream *s, void *p, size_t n, size_t *out_n)
{
    ssize_t got = recv(((struct plain *)s)->fd, p, n, 0);

    if (got < 0)
        return of_errno();
    if (got == 0)
        return RC_CLOSED;
    *out_n = (size_t)got;
    return RC_OK;
}

static enum rc plain_write(struct net_stream *s, struct str bytes, size_t *out_n)
{
    ssize_t sent = send(((struct plain *)s)->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

    if (sent < 0)
        return of_errno();
    *out_n = (size_t)sent;
    return RC_OK;
}

static enum rc plain_shutdown(struct net_stream *s)
{
    return shutdown(((struct plain *)s)->fd, SHUT_WR) == 0 ? RC_OK : RC_NET;
}

static void plain_want(struct net_stream *s, unsigned wants)
{
    unsigned events = wants & NET_WANT_READ ? EV_READ : 0;

    ev_fd_watch(((struct plain *)s)->watch, events | (wants & NET_WANT_WRITE ? EV_WRITE : 0));
}

static void plain_free(struct net_stream *s)
{
    struct plain *p = (struct plain *)s;

    ev_fd_free(p->watch);
    fd_close(&p->fd);
    mem_free(p);
}

static void plain_event(void *arg, unsigned)
{
    struct plain *p = arg;

    p->s.ready(p->s.arg);
}

enum rc net_stream_fd(struct ev *ev, int fd, struct net_stream **out)
{
    static const struct net_stream_ops ops = {plain_read, plain_write, plain_shutdown, plain_want,
                                              plain_free};
    struct plain *p = MEM_NEW(struct plain);
    enum rc rc = p ? ev_fd_new(ev, fd, plain_event, p, &p->watch) : RC_NOMEM;

    if (rc != RC_OK) {
        close(fd);
        mem_free(p);
        return rc;
    }
    p->s.ops = &ops;
    p->fd = fd;
    *out = &p->s;
    return RC_OK;
}
