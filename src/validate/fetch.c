/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/fetch.h"

#include "base/fd.h"
#include "net/stream.h"
#include "tls/client.h"
#include "validate/reach.h"

MSG(msg_broken, "validate.connection-broken", "{0} took the connection and broke it off");
MSG(msg_endless, "validate.response-endless", "{0} sent more than 64 KiB around the answer");

enum { READ_BYTES = 16 * 1024 };

#define USER_AGENT STR("autarky/" AUTARKY_VERSION " (ACME validation)")

void validate_fetch_init(struct validate_fetch *f, struct ev *ev, struct net *net)
{
    *f = (struct validate_fetch){.ev = ev, .net = net};
    buf_init(&f->out, FETCH_REQUEST_MAX);
}

static void disconnect(struct validate_fetch *f)
{
    if (f->dial)
        net_cancel(f->net, MOVE(f->dial));
    net_stream_free(MOVE(f->stream));
    tls_client_free(MOVE(f->tls));
}

void validate_fetch_done(struct validate_fetch *f)
{
    disconnect(f);
    http_client_free(MOVE(f->http));
    buf_done(&f->out);
}

static void finish(struct validate_fetch *f, enum rc rc, const struct err *err)
{
    if (rc != RC_OK || !f->alpn.n)
        disconnect(f);
    f->fn(f->arg, rc, err);
}

static void broken(struct validate_fetch *f)
{
    struct err err = ERR_INIT;
    char text[ADDR_TEXT];
    enum rc rc = ERR(&err, RC_NET, msg_broken, str_of(addr_port_text(&f->to, text)));

    finish(f, rc, &err);
}

static void receive(struct validate_fetch *f)
{
    char bytes[READ_BYTES], text[ADDR_TEXT];
    struct err err = ERR_INIT;
    size_t n = 0;
    enum rc rc = f->stream->ops->read(f->stream, bytes, sizeof(bytes), &n);

    if (rc == RC_AGAIN)
        return;
    f->received += n;
    if (rc == RC_OK)
        rc = http_client_feed(f->http, str_bytes(bytes, n), &err);
    else if (rc == RC_CLOSED)
        rc = http_client_eof(f->http, &err);
    else {
        broken(f);
        return;
    }
    if (rc == RC_AGAIN && f->received > FETCH_BYTES_MAX)
        rc = ERR(&err, RC_PARSE, msg_endless, str_of(addr_port_text(&f->to, text)));
    if (rc != RC_AGAIN)
        finish(f, rc, &err);
}

static void transmit(struct validate_fetch *f)
{
    size_t n = 0;
    enum rc rc = f->stream->ops->write(f->stream, buf_str(&f->out), &n);

    if (rc != RC_OK && rc != RC_AGAIN) {
        broken(f);
        return;
    }
    buf_consume(&f->out, n);
    f->stream->ops->want(f->stream, f->out.n ? NET_WANT_WRITE : NET_WANT_READ);
}

static void on_ready(void *arg)
{
    struct validate_fetch *f = arg;

    if (f->out.n)
        transmit(f);
    else
        receive(f);
}

static void speak(struct validate_fetch *f)
{
    f->stream->ready = on_ready;
    f->stream->arg = f;
    transmit(f);
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct validate_fetch *f = arg;

    if (rc != RC_OK || f->alpn.n) {
        finish(f, rc, err);
        return;
    }
    f->stream = tls_client_stream(MOVE(f->tls));
    speak(f);
}

static enum rc begin(struct validate_fetch *f, int fd)
{
    struct tls_client_conf conf = {
        .ev = f->ev,
        .server_name = f->server_name,
        .alpn = f->alpn,
        .on_open = on_open,
        .arg = f,
    };

    return f->secure ? tls_client_new(&conf, fd, &f->tls) : net_stream_fd(f->ev, fd, &f->stream);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct validate_fetch *f = arg;
    struct err own = ERR_INIT;

    f->dial = NULL;
    if (rc != RC_OK) {
        finish(f, rc, err);
        return;
    }
    own.rc = validate_reach_self(f->conf, fd, &f->to, &own);
    if (own.rc != RC_OK) {
        fd_close(&fd);
        finish(f, own.rc, &own);
        return;
    }
    f->connected = true;
    own.rc = begin(f, fd);
    if (own.rc != RC_OK)
        finish(f, own.rc, &own);
    else if (!f->secure)
        speak(f);
}

enum rc validate_fetch_start(struct validate_fetch *f, const struct validate_fetch_plan *plan)
{
    struct net_target target = {.to = plan->to, .timeout = plan->timeout};

    validate_fetch_done(f);
    f->to = plan->to;
    f->alpn = plan->alpn;
    f->server_name = plan->server_name;
    f->secure = plan->url->tls;
    f->connected = false;
    f->received = 0;
    http_client_put_get(plan->url, USER_AGENT, &f->out);
    TRY(buf_rc(&f->out));
    TRY(http_client_new(plan->max_body, &f->http));
    return net_dial(f->net, &target, on_dialled, f, &f->dial);
}
