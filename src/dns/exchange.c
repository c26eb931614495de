/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/exchange.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/when.h"

enum {
    STRAYS_MAX = 64, /* datagrams that are not the answer, until the server counts as broken */
    UDP_READ = 4096,
    TCP_PREFIX = 2,
};
#define TCP_TIMEOUT_MIN (2 * WHEN_SECOND)

void dns_exchange_init(struct dns_exchange *x, struct ev *ev, struct net *net, struct arena *arena)
{
    *x = (struct dns_exchange){.ev = ev, .net = net, .arena = arena, .fd = -1};
    buf_init(&x->out, TCP_PREFIX + DNS_QUERY_MAX);
    buf_init(&x->in, TCP_PREFIX + DNS_MESSAGE_MAX);
}

static void close_socket(struct dns_exchange *x)
{
    if (x->dial)
        net_cancel(x->net, MOVE(x->dial));
    ev_fd_free(MOVE(x->watch));
    fd_close(&x->fd);
}

void dns_exchange_stop(struct dns_exchange *x)
{
    close_socket(x);
    if (x->cb)
        ev_timer_stop(&x->timer);
    x->cb = NULL;
    buf_done(&x->out);
    buf_done(&x->in);
}

static void finish(struct dns_exchange *x, enum rc rc, const struct dns_reply *reply)
{
    dns_exchange_cb cb = x->cb;
    bool tcp = x->tcp;

    dns_exchange_stop(x);
    cb(x->arg, rc, reply, tcp);
}

static void on_timeout(void *arg)
{
    finish(arg, RC_TIMEOUT, NULL);
}

static enum rc tcp_begin(struct dns_exchange *x);

static void take(struct dns_exchange *x, struct str wire)
{
    struct dns_reply reply;
    enum rc rc = dns_reply_parse(wire, &x->query, x->arena, &reply);

    if (rc == RC_NOTFOUND && !x->tcp && ++x->strays < STRAYS_MAX)
        return;
    if (rc == RC_OK && reply.truncated && !x->tcp) {
        rc = tcp_begin(x);
        if (rc == RC_OK)
            return;
    } else if (rc == RC_NOTFOUND || (rc == RC_OK && reply.truncated)) {
        rc = RC_PARSE;
    }
    finish(x, rc, rc == RC_OK ? &reply : NULL);
}

/* ---- UDP */

static void on_datagram(void *arg, unsigned events)
{
    struct dns_exchange *x = arg;
    char bytes[UDP_READ];
    ssize_t n = recv(x->fd, bytes, sizeof(bytes), 0);

    (void)events;
    if (n >= 0)
        take(x, str_bytes(bytes, (size_t)n));
    else if (errno != EAGAIN && errno != EINTR)
        finish(x, RC_NET, NULL);
}

static enum rc udp_begin(struct dns_exchange *x)
{
    struct net_target target = {.to = x->server, .timeout = x->timeout};

    TRY(net_udp(x->net, &target, &x->fd, NULL));
    TRY(ev_fd_new(x->ev, x->fd, on_datagram, x, &x->watch));
    if (send(x->fd, x->out.p, x->out.n, MSG_NOSIGNAL) != (ssize_t)x->out.n)
        return RC_NET;
    ev_fd_watch(x->watch, EV_READ);
    return RC_OK;
}

/* ---- TCP: each message behind its length */

static void tcp_write(struct dns_exchange *x)
{
    ssize_t n = send(x->fd, x->out.p, x->out.n, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        finish(x, RC_NET, NULL);
        return;
    }
    if (n > 0)
        buf_consume(&x->out, (size_t)n);
    ev_fd_watch(x->watch, x->out.n ? EV_WRITE : EV_READ);
}

static void tcp_read(struct dns_exchange *x)
{
    size_t have = x->in.n;
    size_t want = TCP_PREFIX;
    char *room;
    ssize_t n;

    if (have >= TCP_PREFIX)
        want += (size_t)(unsigned char)x->in.p[0] << 8 | (unsigned char)x->in.p[1];
    room = buf_reserve(&x->in, want - have);
    n = room ? recv(x->fd, room, want - have, 0) : -1;
    if (room && n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        finish(x, room ? RC_NET : buf_rc(&x->in), NULL);
        return;
    }
    buf_advance(&x->in, (size_t)n);
    if (have >= TCP_PREFIX && x->in.n == want)
        take(x, str_skip(buf_str(&x->in), TCP_PREFIX));
}

static void on_stream(void *arg, unsigned events)
{
    struct dns_exchange *x = arg;

    (void)events;
    if (x->out.n)
        tcp_write(x);
    else
        tcp_read(x);
}

static void on_connected(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct dns_exchange *x = arg;

    (void)err;
    x->dial = NULL;
    x->fd = fd;
    if (rc == RC_OK)
        rc = ev_fd_new(x->ev, x->fd, on_stream, x, &x->watch);
    if (rc == RC_OK)
        tcp_write(x);
    else
        finish(x, rc == RC_NOMEM || rc == RC_TIMEOUT ? rc : RC_NET, NULL);
}

static enum rc put_query(struct dns_exchange *x)
{
    TRY(id_random(&x->query.id, sizeof(x->query.id)));
    buf_reset(&x->out);
    if (x->tcp)
        buf_u16(&x->out, 0);
    TRY(dns_query_put(&x->query, &x->out));
    if (x->tcp) {
        x->out.p[0] = (char)((x->out.n - TCP_PREFIX) >> 8);
        x->out.p[1] = (char)((x->out.n - TCP_PREFIX) & 0xff);
    }
    return RC_OK;
}

static enum rc tcp_begin(struct dns_exchange *x)
{
    struct net_target target = {.to = x->server, .timeout = x->timeout};

    if (target.timeout < TCP_TIMEOUT_MIN)
        target.timeout = TCP_TIMEOUT_MIN;
    close_socket(x);
    x->tcp = true;
    TRY(put_query(x));
    TRY(net_dial(x->net, &target, on_connected, x, &x->dial));
    ev_timer_start(&x->timer, target.timeout, 0);
    return RC_OK;
}

enum rc dns_exchange_start(struct dns_exchange *x, const struct dns_query *query,
                           const struct addr_port *server, int64_t timeout, dns_exchange_cb cb,
                           void *arg)
{
    enum rc rc;

    x->query = *query;
    x->server = *server;
    x->timeout = timeout;
    x->tcp = false;
    x->strays = 0;
    rc = put_query(x);
    if (rc == RC_OK)
        rc = udp_begin(x);
    if (rc != RC_OK) {
        dns_exchange_stop(x);
        return rc == RC_NOMEM || rc == RC_INVAL ? rc : RC_NET;
    }
    x->cb = cb;
    x->arg = arg;
    ev_timer_init(&x->timer, x->ev, on_timeout, x);
    ev_timer_start(&x->timer, timeout, 0);
    return RC_OK;
}
