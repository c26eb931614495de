/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/fetch.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fd.h"

MSG(msg_broken, "validate.connection-broken", "{0} took the connection and broke it off: {1}");
MSG(msg_endless, "validate.response-endless", "{0} sent more than 64 KiB around the answer");

enum { READ_BYTES = 8 * 1024 };

#define USER_AGENT STR("autarky/" AUTARKY_VERSION " (ACME validation)")

void validate_fetch_init(struct validate_fetch *f, struct ev *ev, struct net *net)
{
    *f = (struct validate_fetch){.ev = ev, .net = net, .fd = -1};
    buf_init(&f->out, FETCH_REQUEST_MAX);
}

static void disconnect(struct validate_fetch *f)
{
    if (f->dial)
        net_cancel(f->net, MOVE(f->dial));
    ev_fd_free(MOVE(f->watch));
    fd_close(&f->fd);
}

void validate_fetch_done(struct validate_fetch *f)
{
    disconnect(f);
    http_client_free(MOVE(f->http));
    buf_done(&f->out);
}

static void finish(struct validate_fetch *f, enum rc rc, const struct err *err)
{
    disconnect(f);
    f->fn(f->arg, rc, err);
}

static void broken(struct validate_fetch *f, int e)
{
    struct err err = ERR_INIT;
    char text[ADDR_TEXT];
    const char *why = strerrordesc_np(e);
    enum rc rc = ERR(&err, RC_NET, msg_broken, str_of(addr_port_text(&f->to, text)),
                     str_of(why ? why : "unknown error"));

    finish(f, rc, &err);
}

static void receive(struct validate_fetch *f)
{
    char bytes[READ_BYTES], text[ADDR_TEXT];
    struct err err = ERR_INIT;
    ssize_t n = recv(f->fd, bytes, sizeof(bytes), 0);
    enum rc rc;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        broken(f, errno);
        return;
    }
    f->received += (size_t)n;
    if (n == 0)
        rc = http_client_eof(f->http, &err);
    else
        rc = http_client_feed(f->http, str_bytes(bytes, (size_t)n), &err);
    if (rc == RC_AGAIN && f->received > FETCH_BYTES_MAX)
        rc = ERR(&err, RC_PARSE, msg_endless, str_of(addr_port_text(&f->to, text)));
    if (rc != RC_AGAIN)
        finish(f, rc, &err);
}

static void transmit(struct validate_fetch *f)
{
    ssize_t n = send(f->fd, f->out.p, f->out.n, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        broken(f, errno);
        return;
    }
    if (n > 0)
        buf_consume(&f->out, (size_t)n);
    ev_fd_watch(f->watch, f->out.n ? EV_WRITE : EV_READ);
}

static void on_ready(void *arg, unsigned events)
{
    struct validate_fetch *f = arg;

    (void)events;
    if (f->out.n)
        transmit(f);
    else
        receive(f);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct validate_fetch *f = arg;
    struct err none = ERR_INIT;

    f->dial = NULL;
    f->fd = fd;
    if (rc != RC_OK) {
        finish(f, rc, err);
        return;
    }
    f->connected = true;
    none.rc = ev_fd_new(f->ev, f->fd, on_ready, f, &f->watch);
    if (none.rc == RC_OK)
        transmit(f);
    else
        finish(f, none.rc, &none);
}

enum rc validate_fetch_start(struct validate_fetch *f, const struct http_url *url,
                             const struct addr_port *to, size_t max_body, int64_t timeout)
{
    struct net_target target = {.to = *to, .timeout = timeout};

    validate_fetch_done(f);
    f->to = *to;
    f->connected = false;
    f->received = 0;
    http_client_put_get(url, USER_AGENT, &f->out);
    TRY(buf_rc(&f->out));
    TRY(http_client_new(max_body, &f->http));
    return net_dial(f->net, &target, on_dialled, f, &f->dial);
}
