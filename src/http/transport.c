/* SPDX-License-Identifier: Apache-2.0 */
#include "http/transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "ev/ev.h"
#include "tls/conn.h"

struct plain {
    struct http_transport t;
    struct ev_fd *watch;
    int fd;
};

struct secure {
    struct http_transport t;
    struct tls_conn *tls;
};

static enum rc of_errno(void)
{
    return errno == EAGAIN || errno == EINTR ? RC_AGAIN : RC_NET;
}

static enum rc plain_read(struct http_transport *t, void *p, size_t n, size_t *out_n)
{
    ssize_t got = recv(((struct plain *)t)->fd, p, n, 0);

    if (got < 0)
        return of_errno();
    if (got == 0)
        return RC_CLOSED;
    *out_n = (size_t)got;
    return RC_OK;
}

static enum rc plain_write(struct http_transport *t, struct str bytes, size_t *out_n)
{
    ssize_t sent = send(((struct plain *)t)->fd, bytes.p, bytes.n, MSG_NOSIGNAL);

    if (sent < 0)
        return of_errno();
    *out_n = (size_t)sent;
    return RC_OK;
}

static enum rc plain_shutdown(struct http_transport *t)
{
    return shutdown(((struct plain *)t)->fd, SHUT_WR) == 0 ? RC_OK : RC_NET;
}

static void plain_want(struct http_transport *t, unsigned wants)
{
    unsigned events = wants & HTTP_WANT_READ ? EV_READ : 0;

    ev_fd_watch(((struct plain *)t)->watch, events | (wants & HTTP_WANT_WRITE ? EV_WRITE : 0));
}

static void plain_free(struct http_transport *t)
{
    struct plain *p = (struct plain *)t;

    ev_fd_free(p->watch);
    fd_close(&p->fd);
    mem_free(p);
}

static void plain_event(void *arg, unsigned)
{
    struct plain *p = arg;

    p->t.ready(p->t.arg);
}

enum rc http_transport_fd(struct ev *ev, int fd, struct http_transport **out)
{
    static const struct http_transport_ops ops = {plain_read, plain_write, plain_shutdown,
                                                  plain_want, plain_free};
    struct plain *p = MEM_NEW(struct plain);
    enum rc rc = p ? ev_fd_new(ev, fd, plain_event, p, &p->watch) : RC_NOMEM;

    if (rc != RC_OK) {
        close(fd);
        mem_free(p);
        return rc;
    }
    p->t.ops = &ops;
    p->fd = fd;
    *out = &p->t;
    return RC_OK;
}

static enum rc secure_read(struct http_transport *t, void *p, size_t n, size_t *out_n)
{
    enum rc rc = tls_conn_read(((struct secure *)t)->tls, p, n, out_n);

    return rc == RC_CRYPTO ? RC_NET : rc;
}

static enum rc secure_write(struct http_transport *t, struct str bytes, size_t *out_n)
{
    enum rc rc = tls_conn_write(((struct secure *)t)->tls, bytes, out_n);

    return rc == RC_CRYPTO ? RC_NET : rc;
}

static enum rc secure_shutdown(struct http_transport *t)
{
    return tls_conn_shutdown(((struct secure *)t)->tls);
}

static void secure_want(struct http_transport *t, unsigned wants)
{
    unsigned events = wants & HTTP_WANT_READ ? TLS_READ : 0;

    events |= wants & HTTP_WANT_WRITE ? TLS_WRITE : 0;
    tls_conn_want(((struct secure *)t)->tls, events, t->ready, t->arg);
}

static void secure_free(struct http_transport *t)
{
    tls_conn_free(((struct secure *)t)->tls);
    mem_free(t);
}

enum rc http_transport_tls(struct tls_conn *tls, struct http_transport **out)
{
    static const struct http_transport_ops ops = {secure_read, secure_write, secure_shutdown,
                                                  secure_want, secure_free};
    struct secure *s = MEM_NEW(struct secure);

    if (!s) {
        tls_conn_free(tls);
        return RC_NOMEM;
    }
    s->t.ops = &ops;
    s->tls = tls;
    *out = &s->t;
    return RC_OK;
}
