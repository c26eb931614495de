/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tunnel.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/when.h"
#include "ev/ev.h"

MSG(msg_gone, "client.proxy-gone", "the proxy ended the connection");
MSG(msg_slow, "client.proxy-slow", "the proxy did not answer within 30 seconds");

struct client_tunnel {
    int fd;
    struct ev_fd *watch;
    struct ev_timer patience;
    struct buf say, heard;
    client_tunnel_fn fn;
    void *arg;
};

void client_tunnel_free(struct client_tunnel *t)
{
    if (!t)
        return;
    ev_timer_stop(&t->patience);
    ev_fd_free(t->watch);
    fd_close(&t->fd);
    buf_wipe(&t->say);
    buf_done(&t->heard);
    mem_free(t);
}

static void finish(struct client_tunnel *done, enum rc rc, struct err *err)
{
    CLEANUP(client_tunnel_freep) struct client_tunnel *t = done;

    err->rc = rc;
    ev_fd_free(MOVE(t->watch));
    t->fn(t->arg, rc, rc == RC_OK ? fd_move(&t->fd) : -1, err);
}

static void gone(struct client_tunnel *t)
{
    struct err err = ERR_INIT;

    finish(t, ERR(&err, RC_NET, msg_gone), &err);
}

static void on_late(void *arg)
{
    struct err err = ERR_INIT;

    finish(arg, ERR(&err, RC_TIMEOUT, msg_slow), &err);
}

static void send_some(struct client_tunnel *t)
{
    struct str bytes = buf_str(&t->say);
    ssize_t n = send(t->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        gone(t);
        return;
    }
    if (n > 0)
        buf_consume(&t->say, (size_t)n);
    if (t->say.n == 0)
        ev_fd_watch(t->watch, EV_READ);
}

static void read_some(struct client_tunnel *t)
{
    struct err err = ERR_INIT;
    char *to = buf_reserve(&t->heard, 1024);
    ssize_t n = to ? recv(t->fd, to, 1024, 0) : 0;
    enum rc rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        gone(t);
        return;
    }
    buf_advance(&t->heard, (size_t)n);
    rc = client_proxy_answer(buf_str(&t->heard), &err);
    if (rc != RC_AGAIN)
        finish(t, rc, &err);
}

static void on_event(void *arg, unsigned)
{
    struct client_tunnel *t = arg;

    if (t->say.n)
        send_some(t);
    else
        read_some(t);
}

enum rc client_tunnel_new(const struct client_tunnel_conf *conf, int fd, struct client_tunnel **out)
{
    CLEANUP(fd_closep) int mine = fd;
    CLEANUP(client_tunnel_freep) struct client_tunnel *t = MEM_NEW(struct client_tunnel);

    if (!t)
        return RC_NOMEM;
    t->fd = fd_move(&mine);
    t->fn = conf->fn;
    t->arg = conf->arg;
    buf_init(&t->say, 4096);
    buf_init(&t->heard, CLIENT_PROXY_ANSWER_MAX + 2048);
    ev_timer_init(&t->patience, conf->ev, on_late, t);
    TRY(client_proxy_ask(conf->proxy, conf->where, &t->say));
    TRY(ev_fd_new(conf->ev, t->fd, on_event, t, &t->watch));
    ev_fd_watch(t->watch, EV_WRITE);
    ev_timer_start(&t->patience, CLIENT_PROXY_ANSWER_SECONDS * WHEN_SECOND, 0);
    *out = MOVE(t);
    return RC_OK;
}
