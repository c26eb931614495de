/* SPDX-License-Identifier: Apache-2.0 */
#include "starttls/dial.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/ev.h"
#include "net/net.h"

MSG(msg_gone, "starttls.gone", "the server ended the connection before TLS");

enum { READ_BYTES = 4096, SAY_MAX = 4096 };

struct starttls_dial {
    struct starttls_dial_conf conf;
    char name[STARTTLS_NAME_MAX + 1];
    struct net_dial *dial;
    int fd;
    struct ev_fd *watch;
    struct starttls talk;
    struct buf say; /* what is to be sent */
    bool agreed;    /* TLS begins once that is done */
};

void starttls_dial_free(struct starttls_dial *d)
{
    if (!d)
        return;
    if (d->dial)
        net_cancel(d->conf.net, d->dial);
    ev_fd_free(d->watch);
    fd_close(&d->fd);
    starttls_done(&d->talk);
    buf_done(&d->say);
    mem_free(d);
}

static void finish(struct starttls_dial *d, enum rc rc, bool connected, const struct err *why)
{
    struct err err = why ? *why : ERR_INIT;

    err.rc = rc;
    ev_fd_free(MOVE(d->watch));
    if (rc != RC_OK)
        fd_close(&d->fd);
    d->conf.fn(d->conf.arg, rc, fd_move(&d->fd), connected, &err);
}

static void gone(struct starttls_dial *d)
{
    struct err err = ERR_INIT;

    finish(d, ERR(&err, RC_NET, msg_gone), true, &err);
}

/* False: the connection is lost. */
static bool send_some(struct starttls_dial *d)
{
    struct str bytes = buf_str(&d->say);
    ssize_t n = bytes.n ? send(d->fd, bytes.p, bytes.n, MSG_NOSIGNAL) : 0;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    buf_consume(&d->say, (size_t)n);
    return true;
}

static void go_on(struct starttls_dial *d)
{
    if (!send_some(d))
        gone(d);
    else if (d->say.n)
        ev_fd_watch(d->watch, EV_WRITE);
    else if (d->agreed)
        finish(d, RC_OK, true, NULL);
    else
        ev_fd_watch(d->watch, EV_READ);
}

static void read_some(struct starttls_dial *d)
{
    char bytes[READ_BYTES];
    struct err err = ERR_INIT;
    ssize_t n = recv(d->fd, bytes, sizeof(bytes), 0);
    enum rc rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        gone(d);
        return;
    }
    rc = starttls_feed(&d->talk, str_bytes(bytes, (size_t)n), &d->say, &err);
    d->agreed = rc == RC_OK;
    if (rc != RC_OK && rc != RC_AGAIN)
        finish(d, rc, true, &err);
    else
        go_on(d);
}

static void on_event(void *arg, unsigned)
{
    struct starttls_dial *d = arg;

    if (d->say.n)
        go_on(d);
    else
        read_some(d);
}

static void talk(struct starttls_dial *d)
{
    enum rc rc = starttls_init(&d->talk, d->conf.protocol, str_of(d->name), &d->say);

    if (rc == RC_OK)
        rc = ev_fd_new(d->conf.ev, d->fd, on_event, d, &d->watch);
    if (rc == RC_OK)
        go_on(d);
    else
        finish(d, rc, true, NULL);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *why)
{
    struct starttls_dial *d = arg;

    d->dial = NULL;
    d->fd = fd;
    if (rc == RC_OK && d->conf.protocol)
        talk(d);
    else
        finish(d, rc, rc == RC_OK, why);
}

enum rc starttls_dial_new(const struct starttls_dial_conf *conf, struct starttls_dial **out)
{
    CLEANUP(starttls_dial_freep) struct starttls_dial *d = MEM_NEW(struct starttls_dial);
    const struct net_target target = {.to = conf->to, .timeout = conf->timeout};

    if (!d)
        return RC_NOMEM;
    d->conf = *conf;
    d->fd = -1;
    buf_init(&d->say, SAY_MAX);
    TRY(str_copyz(conf->name, d->name, sizeof(d->name)));
    TRY(net_dial(conf->net, &target, on_dialled, d, &d->dial));
    *out = MOVE(d);
    return RC_OK;
}
