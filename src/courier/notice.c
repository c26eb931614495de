/* SPDX-License-Identifier: Apache-2.0 */
/* A message about alerts to its receiver: a connection each, over which it is said in HTTP
 * (webhook, Alertmanager) or SMTP. Core is told when the receiver's server has taken it in words of
 * its own protocol. When the connection breaks before, it is sent again, under the same id. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "courier/courier_int.h"
#include "courier/smtp.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "http/client.h"
#include "ipc/notice_messages.h"
#include "net/net.h"
#include "net/stream.h"
#include "starttls/dial.h"
#include "tls/client.h"
#include "tls/trust.h"

MSG(msg_unknown, "courier.receiver-unknown", "there is no receiver {0} under `receivers`");
MSG(msg_busy, "courier.receiver-busy", "a message is on its way to {0} already");
MSG(msg_closed, "courier.receiver-closed", "this process is about to end");
MSG(msg_connect, "courier.receiver-connect", "{0} could not be reached: {1}");
MSG(msg_tls, "courier.receiver-tls", "no TLS connection to {0}: {1}");
MSG(msg_slow, "courier.receiver-slow", "{0} did not take the message within {1} seconds");
MSG(msg_lost, "courier.receiver-lost", "the connection to {0} ended before it took the message");
MSG(msg_lost_why, "courier.receiver-said", "{0} did not take the message: {1}");
MSG(msg_status, "courier.receiver-status", "{0} answered with status {1}: {2}");
MSG(msg_secret, "courier.receiver-secret", "receivers: the file {0} of {1} cannot be used: {2}");

enum {
    OUT_MAX = 1 << 20,
    ANSWER_MAX = 64 * 1024,
    TEXT_BYTES = 200,
    SERVER_BYTES = 320,
    SECRET_BYTES = 4096,
};

struct courier_notice {
    struct courier_receiver *to;
    struct ipc_req *req;
    char server[SERVER_BYTES]; /* for messages */
    struct buf out;            /* to be sent */
    size_t sent;
    struct buf letter, recipients;
    struct courier_mail mail;
    struct courier_smtp smtp;
    struct http_client *http;
    struct starttls_dial *starttls;
    struct net_dial *dial;
    struct tls_client *tls; /* until it is open */
    struct net_stream *stream;
    struct ev_timer timer;
    struct ev_defer begin;
};

static struct courier *courier_of(const struct courier_notice *n)
{
    return n->to->courier;
}

/* ---- before confinement */

static enum rc read_secret(const struct role_env *env, struct str path, struct str name,
                           struct secret **out, struct err *err)
{
    struct err why = ERR_INIT;
    char file[4096], text[TEXT_BYTES];
    enum rc rc;

    if (path.n == 0)
        return RC_OK;
    TRY(str_copyz(path, file, sizeof(file)));
    rc = file_read_secret(env->data, file, SECRET_BYTES, out, &why);
    if (rc == RC_OK && str_trim(str_bytes(secret_bytes(*out), secret_len(*out))).n == 0)
        rc = RC_INVAL;
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_secret, path, name,
               why.msg ? str_of(err_textz(&why, text, sizeof(text))) : STR("it is empty"));
}

static struct str secret_str(struct secret *s)
{
    return s ? str_trim(str_bytes(secret_bytes(s), secret_len(s))) : STR("");
}

/* The URL of what is posted to. */
static enum rc read_url(struct courier_receiver *r)
{
    struct str base = r->conf->url;

    while (str_ends(base, STR("/")) && r->conf->kind == CONF_RECEIVER_ALERTMANAGER)
        base = str_head(base, base.n - 1);
    if (base.n + sizeof("/api/v2/alerts") > sizeof(r->url_text))
        return RC_TOOBIG;
    snprintf(r->url_text, sizeof(r->url_text), "%.*s%s", STR_ARG(base),
             r->conf->kind == CONF_RECEIVER_ALERTMANAGER ? "/api/v2/alerts" : "");
    TRY(http_url_parse(str_of(r->url_text), &r->url, NULL));
    if (r->conf->server.n == 0)
        r->server = (struct addr_port){r->url.at.addr, r->url.port};
    return RC_OK;
}

enum rc courier_receiver_open(struct courier *c, const struct conf_receiver *conf, struct err *err)
{
    struct courier_receiver *r = &c->receivers[c->n_receivers++];

    *r = (struct courier_receiver){.courier = c, .conf = conf};
    if (conf->server.n)
        TRY(addr_port_parse(conf->server, &r->server));
    if (conf->url.n)
        TRY(read_url(r));
    if (!conf->plain)
        TRY(courier_roots_read(c->env, conf->name, conf->roots, &r->trust, err));
    TRY(read_secret(c->env, conf->secret_file, conf->name, &r->secret, err));
    TRY(read_secret(c->env, conf->password_file, conf->name, &r->password, err));
    if (conf->kind != CONF_RECEIVER_SYSLOG)
        return RC_OK;
    r->as_forward = (struct conf_forward){.name = conf->name,
                                          .server = conf->server,
                                          .server_name = conf->server_name,
                                          .plain = conf->plain,
                                          .bare_close = true};
    r->dest = (struct courier_dest){.courier = c,
                                    .conf = &r->as_forward,
                                    .server = r->server,
                                    .trust = r->trust,
                                    .notice = true};
    return RC_OK;
}

void courier_receiver_close(struct courier_receiver *r)
{
    courier_notice_stop(r);
    courier_syslog_stop(&r->dest);
    tls_trust_free(r->trust);
    secret_free(r->secret);
    secret_free(r->password);
}

/* ---- the end */

static void notice_free(struct courier_notice *n)
{
    if (n->dial)
        net_cancel(courier_of(n)->net, n->dial);
    starttls_dial_free(n->starttls);
    tls_client_free(n->tls);
    net_stream_free(n->stream);
    http_client_free(n->http);
    courier_smtp_done(&n->smtp);
    ev_timer_stop(&n->timer);
    ev_defer_cancel(&n->begin);
    buf_wipe(&n->out);
    buf_done(&n->letter);
    buf_done(&n->recipients);
    n->to->notice = NULL;
    mem_free(n);
}

/* `text` as the server's own words, printable. */
static void end(struct courier_notice *n, const struct err *err, struct str text)
{
    struct courier *c = courier_of(n);
    struct ipc_req *req = MOVE(n->req);
    char kept[TEXT_BYTES + 1];
    size_t k = 0;
    struct ipc_noticed reply = {};

    for (size_t i = 0; i < text.n && k < TEXT_BYTES; i++)
        kept[k++] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : ' ';
    reply.text = str_trim(str_bytes(kept, k));
    notice_free(n);
    if (err)
        ipc_reply_err(req, err);
    else
        IGNORE_RC(ipc_reply(req, &reply)); /* on failure core has been told */
    courier_look_drained(c);
}

static void fail(struct courier_notice *n, const struct msg *msg, enum rc rc, const struct err *why)
{
    struct err err = ERR_INIT;
    char text[TEXT_BYTES * 2];

    err_record(
        &err, rc, msg, (struct err_at){__FILE__, __LINE__},
        (const struct str[]){str_of(n->server), why ? str_of(err_textz(why, text, sizeof(text)))
                                                    : str_of(rc_text(rc))},
        2);
    end(n, &err, STR(""));
}

static void out_of_time(void *arg)
{
    struct courier_notice *n = arg;
    struct err err = ERR_INIT;

    err.rc = ERR(&err, RC_TIMEOUT, msg_slow, str_of(n->server), STR("45"));
    end(n, &err, STR(""));
}

void courier_notice_stop(struct courier_receiver *r)
{
    struct err err = ERR_INIT;

    if (!r->notice)
        return;
    err.rc = ERR(&err, RC_CLOSED, msg_closed);
    end(r->notice, &err, STR(""));
}

/* ---- what was heard */

static void answered(struct courier_notice *n)
{
    int status = http_client_status(n->http);
    struct str body = str_head(http_client_body(n->http), TEXT_BYTES);
    struct err err = ERR_INIT;
    char number[16], line[TEXT_BYTES + 1];
    size_t k = 0;

    snprintf(number, sizeof(number), "%d", status);
    if (status / 100 == 2) {
        end(n, NULL, str_of(number));
        return;
    }
    for (size_t i = 0; i < body.n; i++)
        line[k++] = body.p[i] >= ' ' && body.p[i] <= '~' ? body.p[i] : ' ';
    err.rc = ERR(&err, RC_DENIED, msg_status, str_of(n->server), str_of(number),
                 str_trim(str_bytes(line, k)));
    end(n, &err, STR(""));
}

/* RC_AGAIN: it goes on. */
static enum rc take(struct courier_notice *n, struct str bytes, struct err *err)
{
    if (n->http)
        return http_client_feed(n->http, bytes, err);
    return courier_smtp_feed(&n->smtp, bytes, &n->out, err);
}

static void finish(struct courier_notice *n, enum rc rc, struct err *err)
{
    if (n->http && (rc == RC_OK || rc == RC_TOOBIG)) {
        answered(n);
    } else if (rc == RC_OK) {
        size_t sent;

        /* Its good-bye need not arrive. */
        IGNORE_RC(n->stream->ops->write(n->stream, str_skip(buf_str(&n->out), n->sent), &sent));
        end(n, NULL, str_of(n->smtp.text));
    } else if (err->msg && rc != RC_CLOSED) {
        err->rc = rc;
        fail(n, &msg_lost_why, rc, err);
    } else {
        fail(n, &msg_lost, RC_NET, NULL);
    }
}

/* RC_AGAIN: all that came is read, and the end is not there yet. */
static enum rc hear(struct courier_notice *n, struct err *err)
{
    char room[NET_STREAM_READ];
    size_t got;
    enum rc rc;

    while ((rc = n->stream->ops->read(n->stream, room, sizeof(room), &got)) == RC_OK) {
        rc = take(n, str_bytes(room, got), err);
        if (rc != RC_AGAIN)
            return rc;
    }
    if (rc == RC_CLOSED && n->http)
        return http_client_eof(n->http, err);
    return rc;
}

static enum rc say(struct courier_notice *n)
{
    enum rc rc = RC_OK;

    while (n->sent < n->out.n && rc == RC_OK) {
        size_t k = 0;

        rc = n->stream->ops->write(n->stream, str_skip(buf_str(&n->out), n->sent), &k);
        n->sent += rc == RC_OK ? k : 0;
    }
    return rc;
}

static void on_ready(void *arg)
{
    struct courier_notice *n = arg;
    struct err err = ERR_INIT;
    enum rc said = say(n), heard;

    heard = said == RC_OK || said == RC_AGAIN || n->http ? hear(n, &err) : said;
    if (heard == RC_AGAIN && said == RC_OK)
        said = say(n); /* what was heard may have been answered */
    if (heard != RC_AGAIN)
        finish(n, heard, &err);
    else if (said != RC_OK && said != RC_AGAIN)
        fail(n, &msg_lost, RC_NET, NULL);
    else
        n->stream->ops->want(n->stream, NET_WANT_READ | (said == RC_AGAIN ? NET_WANT_WRITE : 0u));
}

/* ---- the connection */

static void streaming(struct courier_notice *n)
{
    n->stream->ready = on_ready;
    n->stream->arg = n;
    ev_defer(courier_of(n)->env->ev, &n->begin); /* not within the callback of what opened it */
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct courier_notice *n = arg;

    if (rc != RC_OK) {
        fail(n, &msg_tls, rc, err);
        return;
    }
    n->stream = tls_client_stream(MOVE(n->tls));
    streaming(n);
}

static enum rc open_tls(struct courier_notice *n, int fd)
{
    const struct courier_receiver *r = n->to;
    struct str name = r->conf->server_name.n  ? r->conf->server_name
                      : r->url.at.addr.n == 0 ? r->url.at.host
                                              : STR("");
    struct tls_client_conf conf = {
        .ev = courier_of(n)->env->ev,
        .server_name = name,
        .ip = name.n             ? NULL
              : r->url.at.addr.n ? &r->url.at.addr
                                 : &r->server.addr,
        .trust = r->trust,
        .farewell = true,
        .on_open = on_open,
        .arg = n,
    };

    return tls_client_new(&conf, fd, &n->tls);
}

static void connected(struct courier_notice *n, enum rc rc, int fd, const struct err *err)
{
    if (rc != RC_OK) {
        fail(n, &msg_connect, rc, err);
        return;
    }
    rc = n->to->trust ? open_tls(n, fd) : net_stream_fd(courier_of(n)->env->ev, fd, &n->stream);
    if (rc != RC_OK)
        fail(n, &msg_connect, rc, NULL);
    else if (n->stream)
        streaming(n);
}

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *err)
{
    struct courier_notice *n = arg;

    n->dial = NULL;
    connected(n, rc, fd, err);
}

static void on_starttls(void *arg, enum rc rc, int fd, bool, const struct err *err)
{
    struct courier_notice *n = arg;

    connected(n, rc, fd, err);
}

/* ---- the beginning */

/* Signed are the time of this attempt and the body: what was overheard is worth nothing later. */
static enum rc put_signature(const struct courier_receiver *r, when_t now, struct str body,
                             struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(OUT_MAX);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);
    unsigned char mac[CRYPTO_SHA256_BYTES];
    long long seconds = now / WHEN_SECOND;

    buf_printf(&text, "%lld.", seconds);
    buf_puts(&text, body);
    TRY(buf_rc(&text));
    TRY(crypto_hmac_sha256(secret_str(r->secret), buf_str(&text), mac));
    text_hex(&hex, str_bytes(mac, sizeof(mac)));
    buf_printf(out, "Autarky-Timestamp: %lld\r\nAutarky-Signature: sha256=%.*s\r\n", seconds,
               STR_ARG(buf_str(&hex)));
    return RC_OK;
}

static enum rc put_post(struct courier_notice *n, const struct ipc_notice *m)
{
    const struct courier_receiver *r = n->to;
    struct http_authority at = r->url.at;
    struct buf *out = &n->out;

    at.port = r->url.port == (r->url.tls ? 443 : 80) ? 0 : r->url.port;
    buf_printf(out, "POST %.*s", STR_ARG(r->url.path));
    if (r->url.query.p)
        buf_printf(out, "?%.*s", STR_ARG(r->url.query));
    buf_putz(out, " HTTP/1.1\r\nHost: ");
    http_authority_put(&at, out);
    buf_printf(out,
               "\r\nUser-Agent: Autarky/" AUTARKY_VERSION "\r\nContent-Type: application/json\r\n"
               "Content-Length: %zu\r\nConnection: close\r\nAutarky-Delivery: %s\r\n"
               "Idempotency-Key: \"%s\"\r\n",
               m->body.n, m->id.z, m->id.z);
    if (r->secret)
        TRY(put_signature(r, clock_now(courier_of(n)->env->clock), m->body, out));
    buf_putz(out, "\r\n");
    buf_puts(out, m->body);
    TRY(buf_rc(out));
    return http_client_new(ANSWER_MAX, &n->http);
}

static enum rc put_mail(struct courier_notice *n, const struct ipc_notice *m)
{
    const struct conf_receiver *conf = n->to->conf;
    const struct courier_letter letter = {
        .from = conf->from,
        .to = m->recipients,
        .subject = m->subject,
        .body = m->body,
        .id = id_str(&m->id),
        .date = m->created,
    };
    struct courier *c = courier_of(n);

    courier_letter_put(&letter, &n->letter);
    /* The message ends before the dialogue does. */
    buf_puts(&n->recipients, m->recipients);
    TRY(buf_rc(&n->letter));
    TRY(buf_rc(&n->recipients));
    n->mail = (struct courier_mail){
        .host = strcmp(c->host, "-") == 0 ? STR("localhost") : str_of(c->host),
        .from = conf->from,
        .to = buf_str(&n->recipients),
        .user = conf->user,
        .password = secret_str(n->to->password),
        .message = buf_str(&n->letter),
        .greets = conf->plain || conf->implicit,
        .secret = !conf->plain,
    };
    return courier_smtp_init(&n->smtp, &n->mail, &n->out);
}

static enum rc dial(struct courier_notice *n)
{
    struct courier *c = courier_of(n);
    const struct conf_receiver *conf = n->to->conf;
    struct net_target target = {.to = n->to->server, .timeout = COURIER_DIAL_SECONDS * WHEN_SECOND};
    const struct starttls_dial_conf starttls = {
        .ev = c->env->ev,
        .net = c->net,
        .to = n->to->server,
        .timeout = COURIER_DIAL_SECONDS * WHEN_SECOND,
        .protocol = starttls_find(STR("smtp")),
        .fn = on_starttls,
        .arg = n,
    };

    if (conf->kind == CONF_RECEIVER_MAIL && !conf->plain && !conf->implicit)
        return starttls_dial_new(&starttls, &n->starttls);
    return net_dial(c->net, &target, on_dialled, n, &n->dial);
}

static enum rc start(struct courier_notice *n, const struct ipc_notice *m)
{
    char address[ADDR_TEXT];

    snprintf(n->server, sizeof(n->server), "%s (%.*s)", addr_port_text(&n->to->server, address),
             STR_ARG(n->to->conf->name));
    ev_timer_start(&n->timer, COURIER_NOTICE_SECONDS * WHEN_SECOND, 0);
    TRY(n->to->conf->kind == CONF_RECEIVER_MAIL ? put_mail(n, m) : put_post(n, m));
    return dial(n);
}

static void begin(struct courier_receiver *r, struct ipc_req *req, const struct ipc_notice *m)
{
    struct courier_notice *n = MEM_NEW(struct courier_notice);
    struct err err = {.rc = RC_NOMEM};

    if (!n) {
        ipc_reply_err(req, &err);
        return;
    }
    n->to = r;
    n->req = req;
    r->notice = n;
    buf_init(&n->out, OUT_MAX);
    buf_init(&n->letter, OUT_MAX);
    buf_init(&n->recipients, OUT_MAX);
    ev_timer_init(&n->timer, r->courier->env->ev, out_of_time, n);
    ev_defer_init(&n->begin, on_ready, n);
    err.rc = start(n, m);
    if (err.rc != RC_OK)
        end(n, &err, STR(""));
}

/* A line is a message of its own. */
static void send_syslog(struct courier_receiver *r, struct ipc_req *req, const struct ipc_notice *m)
{
    struct ipc_record records[COURIER_NOTICE_LINES];
    struct ipc_deliver deliver = {.name = r->conf->name};
    struct str rest = m->body, line;
    size_t n = 0;

    while (n < COURIER_NOTICE_LINES && str_next(&rest, '\n', &line))
        if (line.n) {
            records[n] = (struct ipc_record){n + 1, m->created, STR("alert"), line};
            n++;
        }
    deliver.records.v = records;
    deliver.records.n = n;
    courier_syslog_send(&r->dest, req, &deliver);
}

void courier_on_notice(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct courier *c = env->state;
    const struct ipc_notice *m = msg;
    struct courier_receiver *r = NULL;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < c->n_receivers && !r; i++)
        if (str_eq(c->receivers[i].conf->name, m->receiver))
            r = &c->receivers[i];
    if (c->draining)
        err.rc = ERR(&err, RC_CLOSED, msg_closed);
    else if (!r)
        err.rc = ERR(&err, RC_NOTFOUND, msg_unknown, m->receiver);
    else if (r->notice || r->dest.job)
        err.rc = ERR(&err, RC_QUOTA, msg_busy, m->receiver);
    if (err.rc != RC_OK)
        ipc_reply_err(req, &err);
    else if (r->conf->kind == CONF_RECEIVER_SYSLOG)
        send_syslog(r, req, m);
    else
        begin(r, req, m);
}
