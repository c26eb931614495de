/* SPDX-License-Identifier: Apache-2.0 */
/* A backend is asked as the gateway would ask it. */
#include "cmd/site_int.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fd.h"
#include "base/when.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/client.h"
#include "http/url.h"
#include "net/proxy.h"
#include "net/stream.h"
#include "tls/client.h"
#include "tls/demand.h"

MSG(msg_silent, "cmd.look-silent", "it took the connection, and then nothing came for {0} seconds");
MSG(msg_broken, "cmd.look-broken", "the connection broke off");
MSG(msg_no_h2, "cmd.look-no-h2", "it does not speak HTTP/2 by TLS (ALPN \"h2\")");

enum { BODY_MAX = 1024 * 1024, ANSWER_MAX = 8 * 1024 * 1024 };

struct asking {
    struct ev *ev;
    struct ev_timer timer;
    struct tls_client *shakes;
    struct net_stream *stream;
    struct http_client *http; /* NULL: nothing is asked */
    struct buf ask;
    size_t sent, came;
    bool h2, over;
    struct err *err;
    enum rc rc;
};

static void end(struct asking *a, enum rc rc)
{
    if (a->over)
        return;
    a->over = true;
    a->rc = rc;
    ev_timer_stop(&a->timer);
    ev_stop(a->ev);
}

static void on_time(void *arg)
{
    struct asking *a = arg;
    char seconds[8];

    snprintf(seconds, sizeof(seconds), "%d", SITE_LOOK_SECONDS);
    end(a, ERR(a->err, RC_TIMEOUT, msg_silent, str_of(seconds)));
}

static void wait_more(struct asking *a, unsigned wants)
{
    ev_timer_start(&a->timer, SITE_LOOK_SECONDS * WHEN_SECOND, 0);
    a->stream->ops->want(a->stream, wants);
}

static enum rc send_more(struct asking *a)
{
    while (a->sent < a->ask.n) {
        size_t n = 0;

        TRY(a->stream->ops->write(a->stream, str_skip(buf_str(&a->ask), a->sent), &n));
        a->sent += n;
    }
    return RC_OK;
}

/* Until the head is there, and not much more. RC_OK: it is. */
static enum rc read_more(struct asking *a)
{
    char piece[NET_STREAM_READ];

    while (http_client_status(a->http) == 0 && a->came < ANSWER_MAX) {
        size_t n = 0;
        enum rc rc = a->stream->ops->read(a->stream, piece, sizeof(piece), &n);

        if (rc != RC_OK && rc != RC_CLOSED)
            return rc;
        rc = n ? http_client_feed(a->http, str_bytes(piece, n), a->err)
               : http_client_eof(a->http, a->err);
        if (rc != RC_OK && rc != RC_AGAIN && rc != RC_TOOBIG)
            return rc;
        a->came += n;
    }
    return RC_OK;
}

static void on_stream(void *arg)
{
    struct asking *a = arg;
    enum rc rc;

    if (a->over)
        return;
    rc = send_more(a);
    if (rc == RC_AGAIN) {
        wait_more(a, NET_WANT_WRITE);
        return;
    }
    if (rc == RC_OK)
        rc = read_more(a);
    if (rc == RC_AGAIN)
        wait_more(a, NET_WANT_READ);
    else
        end(a, rc == RC_NET ? ERR(a->err, rc, msg_broken) : rc);
}

static void speak(struct asking *a, struct net_stream *t)
{
    a->stream = t;
    t->ready = on_stream;
    t->arg = a;
    on_stream(a);
}

static void on_shaken(void *arg, enum rc rc, const struct err *err)
{
    struct asking *a = arg;

    if (rc != RC_OK) {
        if (err && a->err)
            *a->err = *err;
        end(a, rc);
    } else if (a->h2) {
        end(a,
            str_eq(tls_client_alpn(a->shakes), STR("h2")) ? RC_OK : ERR(a->err, RC_NET, msg_no_h2));
    } else {
        speak(a, tls_client_stream(MOVE(a->shakes)));
    }
}

/* A header that names nobody, as in checks of backends. */
static enum rc send_proxy(const struct conf_site *site, int fd, struct err *err)
{
    CLEANUP(buf_done) struct buf head = BUF_INIT(NET_PROXY_PUT_MAX);
    const struct net_proxy ours = {.local = true};

    if (site->send_proxy == CONF_SEND_PROXY_V1)
        net_proxy_put_v1(&ours, &head);
    else if (site->send_proxy == CONF_SEND_PROXY_V2)
        net_proxy_put_v2(&ours, &head);
    TRY(buf_rc(&head));
    /* Short enough for the empty buffer of a new connection. */
    return head.n && send(fd, head.p, head.n, MSG_NOSIGNAL) != (ssize_t)head.n
               ? ERR(err, RC_NET, msg_broken)
               : RC_OK;
}

static enum rc begin(struct asking *a, const struct conf_site *site, const struct http_url *url)
{
    CLEANUP(tls_demand_unrefp) struct tls_demand *demand = NULL;
    CLEANUP(fd_closep) int fd = -1;
    struct net_stream *t = NULL;

    if (url->tls)
        TRY(backend_demand(site, url, &demand, a->err));
    TRY(site_connect(url->at.host, url->port, &fd, a->err));
    TRY(send_proxy(site, fd, a->err));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return RC_IO;
    ev_timer_start(&a->timer, SITE_LOOK_SECONDS * WHEN_SECOND, 0);
    if (url->tls)
        return tls_client_new(&(struct tls_client_conf){.ev = a->ev,
                                                        .alpn = a->h2 ? STR("h2") : STR("http/1.1"),
                                                        .demand = demand,
                                                        .on_open = on_shaken,
                                                        .arg = a},
                              fd_move(&fd), &a->shakes);
    TRY(net_stream_fd(a->ev, fd_move(&fd), &t));
    speak(a, t);
    return RC_OK;
}

static void done(struct asking *a)
{
    ev_timer_stop(&a->timer);
    tls_client_free(a->shakes);
    net_stream_free(a->stream);
    http_client_free(a->http);
    buf_done(&a->ask);
    ev_free(a->ev);
}

static enum rc ask(struct asking *a, const struct conf_site *site, struct http_url *url,
                   struct str target)
{
    struct http_url asked = *url;

    asked.at = (struct http_authority){.host = site->name};
    asked.query = (struct str){NULL, 0};
    if (!str_cut(target, '?', &asked.path, &asked.query))
        asked.path = target;
    http_client_put_get(&asked, STR("autarky"), &a->ask);
    TRY(buf_rc(&a->ask));
    TRY(http_client_new(BODY_MAX, &a->http));
    TRY(ev_new(clock_system(), &a->ev));
    ev_timer_init(&a->timer, a->ev, on_time, a);
    TRY(begin(a, site, url));
    if (!a->over)
        ev_run(a->ev);
    return a->rc;
}

enum rc site_ask_backend(const struct conf_site *site, struct str base, struct str target,
                         int *out_status, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(HTTP_URL_MAX);
    struct asking a = {.err = err, .h2 = str_starts(base, STR("h2:"))};
    struct http_url url;
    enum rc rc;

    buf_init(&a.ask, HTTP_CLIENT_HEAD_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    if (a.h2) {
        buf_putz(&text, "https:");
        base = str_skip(base, strlen("h2:"));
    }
    buf_puts(&text, base);
    rc = buf_rc(&text);
    if (rc == RC_OK)
        rc = http_url_parse(buf_str(&text), &url, err);
    if (rc == RC_OK)
        rc = ask(&a, site, &url, target);
    *out_status = rc == RC_OK && !a.h2 ? http_client_status(a.http) : 0;
    done(&a);
    return rc;
}
