/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/when.h"
#include "ev/ev.h"
#include "net/sock_int.h"

MSG(msg_timeout, "net.connect-timeout", "no answer from {0} within {1}");
MSG(msg_refused, "net.connect-refused", "{0} refused the connection: nothing listens there");
MSG(msg_unreachable, "net.connect-unreachable", "cannot reach {0}: {1}");
MSG(msg_denied, "net.connect-denied", "this machine forbids connecting to {0}: {1}");
MSG(msg_connect, "net.connect-failed", "cannot connect to {0}: {1}");

enum { SPAN_MAX = 64 };

struct net_sys {
    struct net net;
    struct ev *ev;
    struct list dials;
};

struct net_dial {
    struct list link;
    struct addr_port to;
    int64_t timeout;
    int fd;
    int failed; /* errno value of what failed at once, told in the next iteration */
    struct ev_fd *watch;
    struct ev_timer timer;
    struct ev_defer soon;
    net_dial_cb cb;
    void *arg;
    struct ev *ev;
};

static void dial_free(struct net_dial *d)
{
    if (!d)
        return;
    list_remove(&d->link);
    ev_timer_stop(&d->timer);
    ev_defer_cancel(&d->soon);
    ev_fd_free(d->watch);
    fd_close(&d->fd);
    mem_free(d);
}
DEFINE_FREEP(dial_free, struct net_dial)

static enum rc dial_failed(const struct addr_port *to, int e, struct err *err)
{
    char text[ADDR_TEXT];
    struct str where = str_of(addr_port_text(to, text));

    switch (e) {
    case ECONNREFUSED:
        return ERR(err, RC_NET, msg_refused, where);
    case EACCES:
    case EPERM:
        return ERR(err, RC_DENIED, msg_denied, where, net_errno_text(e));
    case ETIMEDOUT:
        return ERR(err, RC_TIMEOUT, msg_unreachable, where, net_errno_text(e));
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ECONNRESET:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return ERR(err, RC_NET, msg_unreachable, where, net_errno_text(e));
    default:
        return ERR(err, e == ENOMEM || e == ENOBUFS ? RC_NOMEM : RC_IO, msg_connect, where,
                   net_errno_text(e));
    }
}

/* The dial is gone before the callback runs, which may do as it likes. */
static void finish(struct net_dial *d, enum rc rc, const struct err *err)
{
    net_dial_cb cb = d->cb;
    void *arg = d->arg;
    int fd = rc == RC_OK ? fd_move(&d->fd) : -1;

    dial_free(d);
    cb(arg, rc, fd, err);
}

static void finish_errno(struct net_dial *d, int e)
{
    struct err err = ERR_INIT;

    if (e)
        finish(d, dial_failed(&d->to, e, &err), &err);
    else
        finish(d, RC_OK, NULL);
}

static void on_ready(void *arg, unsigned events)
{
    struct net_dial *d = arg;
    int e = 0;
    socklen_t n = sizeof(e);

    (void)events;
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &e, &n) != 0)
        e = errno;
    finish_errno(d, e);
}

static void on_soon(void *arg)
{
    struct net_dial *d = arg;

    finish_errno(d, d->failed);
}

static void on_timeout(void *arg)
{
    struct net_dial *d = arg;
    CLEANUP(buf_done) struct buf span = BUF_INIT(SPAN_MAX);
    char text[ADDR_TEXT];
    struct err err = ERR_INIT;

    when_put_span(&span, d->timeout);
    finish(d,
           ERR(&err, RC_TIMEOUT, msg_timeout, str_of(addr_port_text(&d->to, text)), buf_str(&span)),
           &err);
}

/* A socket bound and connected, or connecting; returns 0 or an errno value. */
static int open_socket(const struct net_target *target, int type, int *out_fd)
{
    const struct addr_port bind_to = {target->bind, 0};
    union net_sockaddr to, from;
    socklen_t to_n = net_sockaddr_put(&to, &target->to);
    socklen_t from_n = net_sockaddr_put(&from, &bind_to);
    CLEANUP(fd_closep) int fd = -1;
    int on = 1;

    if (to_n == 0)
        return EAFNOSUPPORT;
    fd = socket(to.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (type == SOCK_STREAM && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        return errno;
    if (from_n && bind(fd, &from.any, from_n) != 0)
        return errno;
    if (connect(fd, &to.any, to_n) != 0 && errno != EINPROGRESS)
        return errno;
    *out_fd = fd_move(&fd);
    return 0;
}

static enum rc sys_dial(struct net *net, const struct net_target *target, net_dial_cb cb, void *arg,
                        struct net_dial **out)
{
    struct net_sys *sys = LIST_ENTRY(net, struct net_sys, net);
    CLEANUP(dial_freep) struct net_dial *d = NULL;
    struct net_dial *made = MEM_NEW(struct net_dial);

    if (!made)
        return RC_NOMEM;
    *made = (struct net_dial){.to = target->to,
                              .timeout = target->timeout,
                              .fd = -1,
                              .cb = cb,
                              .arg = arg,
                              .ev = sys->ev};
    d = made;
    list_init(&d->link);
    ev_timer_init(&d->timer, sys->ev, on_timeout, d);
    ev_defer_init(&d->soon, on_soon, d);
    d->failed = open_socket(target, SOCK_STREAM, &d->fd);
    if (d->failed) {
        ev_defer(sys->ev, &d->soon);
    } else {
        TRY(ev_fd_new(sys->ev, d->fd, on_ready, d, &d->watch));
        ev_fd_watch(d->watch, EV_WRITE);
        ev_timer_start(&d->timer, target->timeout, 0);
    }
    list_push(&sys->dials, &d->link);
    if (out)
        *out = d;
    (void)MOVE(d);
    return RC_OK;
}

static void sys_cancel(struct net *net, struct net_dial *dial)
{
    (void)net;
    dial_free(dial);
}

static enum rc sys_udp(struct net *net, const struct net_target *target, int *out_fd,
                       struct err *err)
{
    int e = open_socket(target, SOCK_DGRAM, out_fd);

    (void)net;
    return e ? dial_failed(&target->to, e, err) : RC_OK;
}

static void sys_free(struct net *net)
{
    struct net_sys *sys = LIST_ENTRY(net, struct net_sys, net);

    LIST_FOREACH (it, &sys->dials)
        dial_free(LIST_ENTRY(it, struct net_dial, link));
    mem_free(sys);
}

enum rc net_system(struct ev *ev, struct net **out)
{
    static const struct net_ops ops = {sys_dial, sys_cancel, sys_udp, sys_free};
    struct net_sys *sys = MEM_NEW(struct net_sys);

    if (!sys)
        return RC_NOMEM;
    sys->net.ops = &ops;
    sys->ev = ev;
    list_init(&sys->dials);
    *out = &sys->net;
    return RC_OK;
}
