/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/tcp.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "dns/update.h"

MSG(msg_broken, "dns.tcp-broken", "the name server broke off the connection");
MSG(msg_late, "dns.tcp-timeout", "the name server did not answer in time");

enum { PREFIX = 2 };

void dns_tcp_init(struct dns_tcp *x, struct ev *ev, struct net *net)
{
    *x = (struct dns_tcp){.ev = ev, .net = net, .fd = -1};
    buf_init(&x->out, PREFIX + DNS_MESSAGE_MAX);
    buf_init(&x->in, PREFIX + DNS_MESSAGE_MAX);
}

void dns_tcp_stop(struct dns_tcp *x)
{
    if (x->dial)
        net_cancel(x->net, MOVE(x->dial));
    ev_fd_free(MOVE(x->watch));
    fd_close(&x->fd);
    if (x->fn)
        ev_timer_stop(&x->timer);
    x->fn = NULL;
    buf_done(&x->out);
}

static void finish(struct dns_tcp *x, enum rc rc, const struct err *err)
{
    CLEANUP(buf_done) struct buf in = x->in;
    dns_tcp_fn fn = x->fn;

    buf_init(&x->in, PREFIX + DNS_MESSAGE_MAX);
    dns_tcp_stop(x);
    fn(x->arg, rc, rc == RC_OK ? str_skip(buf_str(&in), PREFIX) : STR(""), err);
}

static void broken(struct dns_tcp *x)
{
    struct err err = ERR_INIT;

    finish(x, ERR(&err, RC_NET, msg_broken), &err);
}

static void on_late(void *arg)
{
    struct err err = ERR_INIT;

    finish(arg, ERR(&err, RC_TIMEOUT, msg_late), &err);
}

static void transmit(struct dns_tcp *x)
{
    ssize_t n = send(x->fd, x->out.p, x->out.n, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        broken(x);
        return;
    }
    if (n > 0)
        buf_consume(&x->out, (size_t)n);
    ev_fd_watch(x->watch, x->out.n ? EV_WRITE : EV_READ);
}

static void receive(struct dns_tcp *x)
{
    size_t have = x->in.n, want = PREFIX;
    char *room;
    ssize_t n;

    if (have >= PREFIX)
        want += dns_u16(str_bytes(x->in.p, PREFIX), 0);
    room = buf_reserve(&x->in, want - have);
    n = room ? recv(x->fd, room, want - have, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        broken(x);
        return;
    }
    buf_advance(&x->in, (size_t)n);
    if (have >= PREFIX && x->in.n == want)
        finish(x, RC_OK, NULL);
}

static void on_ready(void *arg, unsigned)
{
    struct dns_tcp *x = arg;

    if (x->out.n)
        transmit(x);
    else
        receive(x);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct dns_tcp *x = arg;
    struct err mine = err ? *err : (struct err){.rc = rc};

    x->dial = NULL;
    x->fd = fd;
    if (rc == RC_OK)
        rc = ev_fd_new(x->ev, x->fd, on_ready, x, &x->watch);
    if (rc == RC_OK)
        transmit(x);
    else
        finish(x, rc, &mine);
}

enum rc dns_tcp_start(struct dns_tcp *x, struct str message, const struct addr_port *server,
                      int64_t timeout, dns_tcp_fn fn, void *arg)
{
    const struct net_target target = {.to = *server, .timeout = timeout};

    if (message.n > DNS_MESSAGE_MAX)
        return RC_TOOBIG;
    buf_reset(&x->out);
    buf_reset(&x->in);
    buf_u16(&x->out, (uint16_t)message.n);
    buf_puts(&x->out, message);
    TRY(buf_rc(&x->out));
    TRY(net_dial(x->net, &target, on_dialled, x, &x->dial));
    x->fn = fn;
    x->arg = arg;
    ev_timer_init(&x->timer, x->ev, on_late, x);
    ev_timer_start(&x->timer, timeout, 0);
    return RC_OK;
}
