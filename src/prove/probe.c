/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/probe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/when.h"
#include "ev/ev.h"
#include "net/net.h"
#include "tls/client.h"

MSG(msg_gone, "prove.gone", "the server ended the connection before TLS");
MSG(msg_slow, "prove.slow", "nothing was served within {0} seconds");

enum { READ_BYTES = 4096, SAY_MAX = 4096 };

struct prove_probe {
    struct prove_probe_conf conf;
    char name[TLS_CLIENT_NAME_MAX + 1];
    struct net_dial *dial;
    int fd;
    struct ev_fd *watch;
    struct starttls talk;
    struct buf say; /* what is to be sent */
    bool agreed;    /* TLS begins once that is done */
    struct tls_client *client;
    struct ev_timer patience;
};

void prove_probe_free(struct prove_probe *p)
{
    if (!p)
        return;
    ev_timer_stop(&p->patience);
    if (p->dial)
        net_cancel(p->conf.net, p->dial);
    ev_fd_free(p->watch);
    fd_close(&p->fd);
    tls_client_free(p->client);
    starttls_done(&p->talk);
    buf_done(&p->say);
    mem_free(p);
}

static void finish(struct prove_probe *p, enum rc rc, struct str chain, const struct err *why)
{
    struct err err = why ? *why : ERR_INIT;

    ev_timer_stop(&p->patience);
    ev_fd_free(MOVE(p->watch));
    err.rc = rc;
    p->conf.fn(p->conf.arg, rc, chain, &err);
}

static void fail(struct prove_probe *p, enum rc rc, const struct err *why)
{
    finish(p, rc, (struct str){}, why);
}

static void on_late(void *arg)
{
    struct prove_probe *p = arg;
    struct err err = ERR_INIT;
    char digits[16];

    /* Nothing of it may call any more, even if nobody frees it now. */
    tls_client_free(MOVE(p->client));
    if (p->dial)
        net_cancel(p->conf.net, MOVE(p->dial));
    snprintf(digits, sizeof(digits), "%d", PROVE_PROBE_SECONDS);
    fail(p, ERR(&err, RC_TIMEOUT, msg_slow, str_of(digits)), &err);
}

/* ---- TLS */

static void on_open(void *arg, enum rc rc, const struct err *why)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(TLS_LOOK_CHAIN_MAX);
    struct prove_probe *p = arg;
    struct err err = ERR_INIT;

    if (rc != RC_OK) {
        fail(p, rc, why);
        return;
    }
    rc = tls_client_chain(p->client, &chain, &err);
    finish(p, rc, buf_str(&chain), rc == RC_OK ? NULL : &err);
}

static void shake_hands(struct prove_probe *p)
{
    const struct tls_client_conf conf = {.ev = p->conf.ev,
                                         .server_name = str_of(p->name),
                                         .key = p->conf.key,
                                         .on_open = on_open,
                                         .arg = p};
    enum rc rc;

    ev_fd_free(MOVE(p->watch));
    rc = tls_client_new(&conf, fd_move(&p->fd), &p->client);
    if (rc != RC_OK)
        fail(p, rc, NULL);
}

/* ---- before TLS */

static void gone(struct prove_probe *p)
{
    struct err err = ERR_INIT;

    fail(p, ERR(&err, RC_NET, msg_gone), &err);
}

/* False: the connection is lost. */
static bool send_some(struct prove_probe *p)
{
    struct str bytes = buf_str(&p->say);
    ssize_t n = bytes.n ? send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL) : 0;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    buf_consume(&p->say, (size_t)n);
    return true;
}

static void go_on(struct prove_probe *p)
{
    if (!send_some(p))
        gone(p);
    else if (p->say.n)
        ev_fd_watch(p->watch, EV_WRITE);
    else if (p->agreed)
        shake_hands(p);
    else
        ev_fd_watch(p->watch, EV_READ);
}

static void read_some(struct prove_probe *p)
{
    char bytes[READ_BYTES];
    struct err err = ERR_INIT;
    ssize_t n = recv(p->fd, bytes, sizeof(bytes), 0);
    enum rc rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        gone(p);
        return;
    }
    rc = starttls_feed(&p->talk, str_bytes(bytes, (size_t)n), &p->say, &err);
    p->agreed = rc == RC_OK;
    if (rc != RC_OK && rc != RC_AGAIN)
        fail(p, rc, &err);
    else
        go_on(p);
}

static void on_event(void *arg, unsigned)
{
    struct prove_probe *p = arg;

    if (p->say.n)
        go_on(p);
    else
        read_some(p);
}

static void talk(struct prove_probe *p)
{
    enum rc rc = starttls_init(&p->talk, p->conf.protocol, str_of(p->name), &p->say);

    if (rc == RC_OK)
        rc = ev_fd_new(p->conf.ev, p->fd, on_event, p, &p->watch);
    if (rc == RC_OK)
        go_on(p);
    else
        fail(p, rc, NULL);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *why)
{
    struct prove_probe *p = arg;

    p->dial = NULL;
    p->fd = fd;
    if (rc != RC_OK)
        fail(p, rc, why);
    else if (p->conf.protocol)
        talk(p);
    else
        shake_hands(p);
}

enum rc prove_probe_new(const struct prove_probe_conf *conf, struct prove_probe **out)
{
    CLEANUP(prove_probe_freep) struct prove_probe *p = MEM_NEW(struct prove_probe);
    const struct net_target target = {.to = conf->to, .timeout = PROVE_PROBE_SECONDS * WHEN_SECOND};

    if (!p)
        return RC_NOMEM;
    p->conf = *conf;
    p->fd = -1;
    buf_init(&p->say, SAY_MAX);
    ev_timer_init(&p->patience, conf->ev, on_late, p);
    TRY(str_copyz(conf->name, p->name, sizeof(p->name)));
    TRY(net_dial(conf->net, &target, on_dialled, p, &p->dial));
    ev_timer_start(&p->patience, PROVE_PROBE_SECONDS * WHEN_SECOND, 0);
    *out = MOVE(p);
    return RC_OK;
}
