/* SPDX-License-Identifier: Apache-2.0 */
/* Records to a syslog server over TCP (RFC 6587) or TLS (RFC 5425). Syslog has no acknowledgement
 * of its own, so every delivery is a connection, and the server's orderly end of it is the receipt:
 * we say that we send no more, and it closes. A Linux that closes a socket in which something is
 * unread resets the connection, and one that closed it before something came resets it then; so an
 * end without a reset, with all we sent acknowledged, says that the server's program had read
 * everything before it closed. With TLS it also has to say so itself (close_notify), which a
 * process that was killed cannot, and nobody on the way. What it does with what it has read is its
 * own affair. */
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "courier/courier_int.h"
#include "ipc/notice_messages.h"
#include "log/log.h"
#include "net/net.h"
#include "net/stream.h"
#include "tls/client.h"
#include "tls/trust.h"

MSG(msg_connect, "courier.server-connect", "{0} could not be reached: {1}");
MSG(msg_tls, "courier.server-tls", "no TLS connection to {0}: {1}");
MSG(msg_slow, "courier.server-slow", "{0} did not take the records within {1} seconds");
MSG(msg_lost, "courier.server-lost", "the connection to {0} broke before the records were across");
MSG(msg_early, "courier.server-early",
    "{0} closed the connection before the records were across; does it speak {1} on this port?");
MSG(msg_no_receipt, "courier.server-no-receipt",
    "{0} has not confirmed the records: the connection was reset, or ended without close_notify. "
    "Was the server stopped? If it never sends one (rsyslog with the gtls driver), set bare_close");
MSG(msg_draining, "courier.server-draining", "this process is about to end");

enum {
    FRAMES_MAX = IPC_DELIVER_BYTES + IPC_DELIVER_RECORDS * 512,
    TALK_MAX = 64 * 1024, /* a syslog server has nothing to say */
};
#define SETTLE_AGAIN (20 * WHEN_SECOND / 1000)

struct courier_job {
    struct courier_dest *dest;
    struct ipc_req *req;
    struct buf out;
    uint64_t through;
    size_t sent, heard;
    struct net_dial *dial;
    struct tls_client *tls; /* until it is open */
    struct net_stream *stream;
    int fd; /* the socket once more, for net_settled; -1: none yet */
    bool said_end, heard_end;
    struct ev_timer timer, settle;
    struct ev_defer begin;
};

static struct str server(const struct courier_job *j)
{
    return j->dest->conf->server;
}

static void job_free(struct courier_job *j)
{
    if (j->dial)
        net_cancel(j->dest->courier->net, j->dial);
    tls_client_free(j->tls);
    net_stream_free(j->stream);
    fd_close(&j->fd);
    ev_timer_stop(&j->timer);
    ev_timer_stop(&j->settle);
    ev_defer_cancel(&j->begin);
    buf_done(&j->out);
    j->dest->job = NULL;
    mem_free(j);
}

/* The connection is gone before core hears of it, so the next delivery may begin. */
static void end(struct courier_job *j, const struct err *err)
{
    struct courier *c = j->dest->courier;
    struct ipc_delivered reply = {j->through};
    struct ipc_noticed noticed = {};
    bool notice = j->dest->notice;
    struct ipc_req *req = MOVE(j->req);

    job_free(j);
    if (err)
        ipc_reply_err(req, err);
    else /* on failure core has been told */
        IGNORE_RC(notice ? ipc_reply(req, &noticed) : ipc_reply(req, &reply));
    courier_look_drained(c);
}

static void fail(struct courier_job *j, const struct msg *msg)
{
    struct err err = ERR_INIT;
    struct str what = j->dest->trust ? STR("syslog over TLS") : STR("syslog over TCP");

    err_record(&err, RC_NET, msg, (struct err_at){__FILE__, __LINE__},
               (const struct str[]){server(j), what}, 2);
    end(j, &err);
}

static void fail_why(struct courier_job *j, const struct msg *msg, enum rc rc,
                     const struct err *why)
{
    struct err err = ERR_INIT;
    char text[512];

    err_record(&err, rc, msg, (struct err_at){__FILE__, __LINE__},
               (const struct str[]){server(j), why ? str_of(err_textz(why, text, sizeof(text)))
                                                   : str_of(rc_text(rc))},
               2);
    end(j, &err);
}

static void out_of_time(void *arg)
{
    struct courier_job *j = arg;
    struct err err = ERR_INIT;

    err.rc = ERR(&err, RC_TIMEOUT, msg_slow, server(j), STR("30"));
    end(j, &err);
}

/* ---- the receipt */

static void settle(void *arg)
{
    struct courier_job *j = arg;
    enum rc rc = net_settled(j->fd);

    if (rc == RC_AGAIN)
        ev_timer_start(&j->settle, SETTLE_AGAIN, 0);
    else if (rc == RC_OK)
        end(j, NULL);
    else
        fail(j, &msg_no_receipt);
}

/* RC_CLOSED: it has ended. */
static enum rc hear(struct courier_job *j)
{
    char room[NET_STREAM_READ];
    size_t n;
    enum rc rc;

    while ((rc = j->stream->ops->read(j->stream, room, sizeof(room), &n)) == RC_OK) {
        j->heard += n;
        if (j->heard > TALK_MAX)
            return RC_TOOBIG;
    }
    return rc;
}

/* ---- sending */

static enum rc say(struct courier_job *j)
{
    enum rc rc = RC_OK;

    while (j->sent < j->out.n && rc == RC_OK) {
        size_t n = 0;

        rc = j->stream->ops->write(j->stream, str_skip(buf_str(&j->out), j->sent), &n);
        j->sent += rc == RC_OK ? n : 0;
    }
    if (rc == RC_OK && !j->said_end) {
        rc = j->stream->ops->shutdown(j->stream);
        j->said_end = rc == RC_OK;
    }
    return rc;
}

static void on_ready(void *arg)
{
    struct courier_job *j = arg;
    enum rc said = j->said_end ? RC_OK : say(j);
    enum rc heard = said == RC_OK || said == RC_AGAIN ? hear(j) : RC_NET;

    if (said != RC_OK && said != RC_AGAIN) {
        fail(j, &msg_lost);
    } else if (heard == RC_CLOSED && !j->said_end) {
        fail(j, &msg_early);
    } else if (heard == RC_CLOSED) {
        j->stream->ops->want(j->stream, 0);
        settle(j);
    } else if (heard != RC_AGAIN) {
        fail(j, j->said_end ? &msg_no_receipt : &msg_lost);
    } else {
        j->stream->ops->want(j->stream, NET_WANT_READ | (said == RC_AGAIN ? NET_WANT_WRITE : 0u));
    }
}

static void begin(void *arg)
{
    on_ready(arg);
}

static void streaming(struct courier_job *j)
{
    j->stream->ready = on_ready;
    j->stream->arg = j;
    ev_defer(j->dest->courier->env->ev, &j->begin); /* not within the callback of what opened it */
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct courier_job *j = arg;

    if (rc != RC_OK) {
        fail_why(j, &msg_tls, rc, err);
        return;
    }
    j->stream = tls_client_stream(MOVE(j->tls));
    streaming(j);
}

static enum rc open_tls(struct courier_job *j, int fd)
{
    const struct courier_dest *d = j->dest;
    struct tls_client_conf conf = {
        .ev = d->courier->env->ev,
        .server_name = d->conf->server_name,
        .ip = d->conf->server_name.n ? NULL : &d->server.addr,
        .trust = d->trust,
        .farewell = true,
        .whole = !d->conf->bare_close,
        .on_open = on_open,
        .arg = j,
    };

    return tls_client_new(&conf, fd, &j->tls);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct courier_job *j = arg;

    j->dial = NULL;
    if (rc != RC_OK) {
        fail_why(j, &msg_connect, rc, err);
        return;
    }
    j->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (j->fd < 0) {
        close(fd);
        fail_why(j, &msg_connect, RC_IO, NULL);
        return;
    }
    rc =
        j->dest->trust ? open_tls(j, fd) : net_stream_fd(j->dest->courier->env->ev, fd, &j->stream);
    if (rc != RC_OK)
        fail_why(j, &msg_connect, rc, NULL);
    else if (j->stream)
        streaming(j);
}

/* ---- life */

static enum rc start(struct courier_job *j, const struct ipc_deliver *m)
{
    struct courier *c = j->dest->courier;
    struct net_target target = {.to = j->dest->server,
                                .timeout = COURIER_DIAL_SECONDS * WHEN_SECOND};

    for (size_t i = 0; i < m->records.n; i++) {
        courier_frame_put(&j->out, c->host, &m->records.v[i]);
        j->through = m->records.v[i].sequence;
    }
    TRY(buf_rc(&j->out));
    ev_timer_start(&j->timer, COURIER_SECONDS * WHEN_SECOND, 0);
    return net_dial(c->net, &target, on_dialled, j, &j->dial);
}

void courier_syslog_send(struct courier_dest *d, struct ipc_req *req, const struct ipc_deliver *m)
{
    struct courier_job *j = MEM_NEW(struct courier_job);
    struct err err = {.rc = RC_NOMEM};

    if (!j) {
        ipc_reply_err(req, &err);
        return;
    }
    j->dest = d;
    j->req = req;
    j->fd = -1;
    buf_init(&j->out, FRAMES_MAX);
    ev_timer_init(&j->timer, d->courier->env->ev, out_of_time, j);
    ev_timer_init(&j->settle, d->courier->env->ev, settle, j);
    ev_defer_init(&j->begin, begin, j);
    d->job = j;
    err.rc = start(j, m);
    if (err.rc != RC_OK)
        end(j, &err);
}

void courier_syslog_stop(struct courier_dest *d)
{
    struct err err = ERR_INIT;

    if (!d->job)
        return;
    err.rc = ERR(&err, RC_CLOSED, msg_draining);
    end(d->job, &err);
}
