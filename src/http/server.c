/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include <assert.h>
#include <unistd.h>

#include "base/when.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/share.h"
#include "net/net.h"
#include "net/proxy.h"
#include "tls/conn.h"
#include "tls/site.h"
#include "tls/stream.h"

struct http_server {
    struct http_server_conf conf;
    struct http_conn_conf conn_conf;
    const struct http_server_speaker *speaker;
    void *speaker_arg;
    struct ev_fd *watch; /* NULL once it drains */
    int fd;
    struct ev_timer pause;
    struct ev_timer grace;      /* of handshakes, once it drains */
    struct list members;        /* all of them */
    struct list idle;           /* oldest first */
    struct list shaking;        /* hands, the oldest first; without those that are refused */
    struct http_shares clients; /* connections */
    struct http_shares bodies;  /* bytes */
    size_t held;                /* of them all */
    size_t refusals;
    struct http_server_counts counts;
    void (*drained)(void *arg);
    void *drained_arg;
};

struct member {
    struct list link, idle, shaking;
    int64_t since; /* monotonic: it came */
    struct http_server *server;
    struct tls_conn *tls; /* while it shakes hands */
    const struct http_server_speaker *speaker;
    void *conn; /* the speaker's */
    struct addr client;
    bool refused;
    bool proxied; /* `client` is the load balancer until the handshake is over */
    bool counted; /* in its client's number */
    size_t held;  /* bytes of bodies */
};

static int64_t now(const struct http_server *s)
{
    return clock_mono(ev_clock(s->conf.ev));
}

/* ---- who has how much */

static enum rc count(struct member *m)
{
    TRY(http_share_take(&m->server->clients, &m->client, 1));
    m->counted = true;
    return RC_OK;
}

static void uncount(struct member *m)
{
    if (m->counted)
        http_share_give(&m->server->clients, &m->client, 1);
    m->counted = false;
}

/* The bodies of one connection are together `n` bytes now; false when it may not have more. */
static bool on_hold(void *owner, size_t n)
{
    struct member *m = owner;
    struct http_server *s = m->server;
    size_t more = n > m->held ? n - m->held : 0;

    if (more && (s->held + more > s->conf.bodies ||
                 http_share_of(&s->bodies, &m->client) + more > s->conf.bodies_per_client ||
                 http_share_take(&s->bodies, &m->client, more) != RC_OK))
        return false;
    if (n < m->held)
        http_share_give(&s->bodies, &m->client, m->held - n);
    s->held += n - m->held;
    m->held = n;
    return true;
}

/* ---- connections */

static void look_drained(struct http_server *s)
{
    void (*drained)(void *arg);

    if (!s->drained || s->counts.open > 0)
        return;
    ev_timer_stop(&s->grace);
    drained = MOVE(s->drained);
    drained(s->drained_arg);
}

static void member_free(struct member *m)
{
    struct http_server *s = m->server;

    uncount(m);
    (void)on_hold(m, 0);
    if (!list_empty(&m->idle))
        s->counts.idle--;
    list_remove(&m->idle);
    list_remove(&m->shaking);
    list_remove(&m->link);
    s->counts.open--;
    s->refusals -= m->refused;
    tls_conn_free(m->tls);
    if (m->conn)
        m->speaker->free(m->conn);
    mem_free(m);
    look_drained(s);
}

void http_server_idle(void *owner, bool idle)
{
    struct member *m = owner;

    if (idle) {
        list_push(&m->server->idle, &m->idle);
        m->server->counts.idle++;
    } else {
        list_remove(&m->idle);
        m->server->counts.idle--;
    }
}

void http_server_closed(void *owner)
{
    member_free(owner);
}

static void failed(struct member *m, const struct err *err)
{
    struct http_server *s = m->server;

    if (s->conf.on_failed)
        s->conf.on_failed(s->conf.arg, &m->client, err);
    member_free(m);
}

static void fail_rc(struct member *m, enum rc rc)
{
    struct err err = ERR_INIT;

    err.rc = rc;
    failed(m, &err);
}

/* ---- http_conn as a speaker */

static_assert((int)HTTP_SHOWN_SHA256 == (int)TLS_SHOWN_SHA256 &&
              (int)HTTP_SHOWN_SERIAL == (int)TLS_SHOWN_SERIAL);

static enum rc show(struct http_conn *c, const struct tls_conn *tls)
{
    struct http_shown shown = {};
    struct tls_shown tls_shown;
    enum rc rc = tls ? tls_conn_shown(tls, &tls_shown) : RC_NOTFOUND;

    if (rc != RC_OK)
        return rc == RC_NOTFOUND ? RC_OK : rc;
    memcpy(shown.sha256, tls_shown.sha256, sizeof(shown.sha256));
    memcpy(shown.serial, tls_shown.serial, sizeof(shown.serial));
    shown.n_serial = tls_shown.n_serial;
    http_conn_show(c, &shown);
    return RC_OK;
}

static enum rc conn_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                        const struct addr *client, void *owner, void **out)
{
    CLEANUP(http_conn_freep) struct http_conn *c = NULL;
    struct http_server *s = arg;

    TRY(http_conn_new(&s->conn_conf, t, client, owner, &c));
    TRY(show(c, tls));
    *out = MOVE(c);
    return RC_OK;
}

static void conn_start(void *c)
{
    http_conn_start(c);
}

static void conn_refuse(void *c)
{
    http_conn_refuse(c);
}

static void conn_drain(void *c)
{
    http_conn_drain(c);
}

static void conn_free(void *c)
{
    http_conn_free(c);
}

static const struct http_server_speaker conn_speaker = {conn_new, conn_start, conn_refuse,
                                                        conn_drain, conn_free};

/* ---- from the socket to the speaker */

/* Who else than the usual one; NULL: nobody. */
static const struct http_server_speaker *other(const struct http_server *s,
                                               const struct tls_conn *tls)
{
    if (!tls)
        return NULL;
    if (tls_conn_passes(tls))
        return s->conf.passer;
    return s->conf.other && str_eq(tls_conn_alpn(tls), s->conf.other_protocol) ? s->conf.other
                                                                               : NULL;
}

static void serve(struct member *m, struct net_stream *t, struct tls_conn *tls)
{
    struct http_server *s = m->server;
    const struct http_server_speaker *o = other(s, tls);
    enum rc rc;

    /* The handshake was all that was wanted. */
    if (tls && str_eq(tls_conn_alpn(tls), STR(TLS_CHALLENGE_ALPN))) {
        net_stream_free(t);
        member_free(m);
        return;
    }
    m->speaker = o ? o : s->speaker;
    rc = m->speaker->new (o ? s->conf.arg : s->speaker_arg, t, tls, &m->client, m, &m->conn);
    if (rc != RC_OK) {
        fail_rc(m, rc);
        return;
    }
    if (m->refused) {
        m->speaker->refuse(m->conn);
        return;
    }
    m->speaker->start(m->conn);
    if (!s->watch)
        m->speaker->drain(m->conn);
}

/* Takes the client that a load balancer has named, as may_enter would have done. False: not even a
 * refusal. */
static bool may_stay(struct member *m)
{
    struct http_server *s = m->server;
    bool full = http_share_of(&s->clients, &m->client) >= s->conf.per_client;

    if (m->refused)
        return true;
    if (!full)
        return count(m) == RC_OK;
    s->counts.refused++;
    if (s->refusals == HTTP_REFUSALS_MAX)
        return false;
    m->refused = true;
    s->refusals++;
    return true;
}

/* A load balancer says whom it brings. */
static bool on_named(void *arg, const struct addr *client)
{
    const struct http_server *s = ((struct member *)arg)->server;

    return !s->conf.enters || s->conf.enters(s->conf.arg, client);
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct member *m = arg;
    struct net_proxy ends;
    struct tls_conn *tls;
    struct net_stream *t;

    list_remove(&m->shaking);
    if (m->proxied && tls_conn_ends(m->tls, &ends) == RC_OK)
        m->client = ends.from.addr;
    if (rc == RC_QUOTA) {
        m->server->counts.refused++;
        member_free(m);
        return;
    }
    if (rc != RC_OK) {
        failed(m, err);
        return;
    }
    if (m->proxied && !may_stay(m)) {
        fail_rc(m, RC_QUOTA);
        return;
    }
    tls = MOVE(m->tls);
    rc = tls_stream_new(tls, &t);
    if (rc == RC_OK)
        serve(m, t, tls);
    else
        fail_rc(m, rc);
}

static void admit(struct member *m, int fd)
{
    struct http_server *s = m->server;
    struct tls_conn_conf tls = {s->conf.ev, s->conf.tls, on_open, m, m->proxied, on_named};
    struct net_stream *t;
    enum rc rc;

    if (s->conf.tls) {
        rc = tls_conn_accept(&tls, fd, &m->tls);
        if (rc != RC_OK)
            fail_rc(m, rc);
        else if (!m->refused)
            list_push(&s->shaking, &m->shaking);
        return;
    }
    rc = net_stream_fd(s->conf.ev, fd, &t);
    if (rc == RC_OK)
        serve(m, t, NULL);
    else
        fail_rc(m, rc);
}

/* ---- the door */

/* Who makes room: who has been idle longest, else the first who still shakes hands and has had time
 * for it. NULL: nobody. */
static struct member *spare(struct http_server *s)
{
    struct member *m;

    if (!list_empty(&s->idle))
        return LIST_ENTRY(s->idle.next, struct member, idle);
    if (list_empty(&s->shaking))
        return NULL;
    m = LIST_ENTRY(s->shaking.next, struct member, shaking);
    return now(s) - m->since >= HTTP_HANDSHAKE_SPARED_SECONDS * WHEN_SECOND ? m : NULL;
}

/* Decides what becomes of a newcomer whose client has that many already. False: not even a refusal.
 */
static bool may_enter(struct http_server *s, size_t share, bool *out_refuse)
{
    bool full = s->counts.open - s->refusals >= s->conf.connections;
    struct member *leaves = full ? spare(s) : NULL;

    *out_refuse = share >= s->conf.per_client || (full && !leaves);
    if (*out_refuse) {
        s->counts.refused++;
        return s->refusals < HTTP_REFUSALS_MAX;
    }
    if (leaves) {
        s->counts.evicted++;
        member_free(leaves);
    }
    return true;
}

static void enter(struct http_server *s, int fd, const struct addr *client)
{
    bool proxied = s->conf.proxied && s->conf.proxied(s->conf.arg, client);
    struct member *m;
    bool refused;

    s->counts.accepted++;
    if (!proxied && s->conf.enters && !s->conf.enters(s->conf.arg, client)) {
        s->counts.refused++;
        close(fd);
        return;
    }
    if (!may_enter(s, proxied ? 0 : http_share_of(&s->clients, client), &refused)) {
        close(fd);
        return;
    }
    m = MEM_NEW(struct member);
    if (!m) {
        close(fd);
        return;
    }
    list_init(&m->idle);
    list_init(&m->shaking);
    m->since = now(s);
    list_push(&s->members, &m->link);
    m->server = s;
    m->client = *client;
    m->refused = refused;
    m->proxied = proxied;
    s->refusals += refused;
    s->counts.open++;
    if (!refused && !proxied && count(m) != RC_OK) {
        close(fd);
        fail_rc(m, RC_NOMEM);
        return;
    }
    admit(m, fd);
}

/* One in a turn of the loop, with whatever else is ready in it: asking for another one that is not
 * there would cost each connection a system call. */
static void on_listener(void *arg, unsigned)
{
    struct http_server *s = arg;
    struct addr_port peer = {.port = 0};
    int fd;
    enum rc rc = net_accept(s->fd, &fd, &peer);

    if (rc == RC_AGAIN)
        return;
    if (rc != RC_OK) {
        ev_fd_watch(s->watch, 0);
        ev_timer_start(&s->pause, HTTP_ACCEPT_PAUSE_SECONDS * WHEN_SECOND, 0);
        return;
    }
    if (!s->conf.admits || s->conf.admits(s->conf.arg, fd)) {
        enter(s, fd, &peer.addr);
        return;
    }
    s->counts.refused++;
    close(fd);
}

static void accept_again(void *arg)
{
    http_server_start(arg);
}

static void on_grace(void *arg)
{
    struct http_server *s = arg;
    void (*drained)(void *arg) = MOVE(s->drained);

    LIST_FOREACH (link, &s->members) {
        struct member *m = LIST_ENTRY(link, struct member, link);

        if (!m->conn)
            member_free(m);
    }
    s->drained = drained; /* it may free the server, so not from inside the loop */
    look_drained(s);
}

enum rc http_server_new(const struct http_server_conf *conf, int listener, struct http_server **out)
{
    CLEANUP(http_server_freep) struct http_server *s = MEM_NEW(struct http_server);

    if (!s)
        return RC_NOMEM;
    s->conf = *conf;
    s->fd = listener;
    if (conf->connections == 0)
        s->conf.connections = HTTP_CONNECTIONS_MAX;
    if (conf->per_client == 0)
        s->conf.per_client = HTTP_CLIENT_CONNECTIONS_MAX;
    if (conf->bodies == 0)
        s->conf.bodies = HTTP_BODIES_MAX;
    if (conf->bodies_per_client == 0)
        s->conf.bodies_per_client = HTTP_CLIENT_BODIES_MAX;
    s->conn_conf =
        (struct http_conn_conf){conf->ev,  conf->name,       conf->on_request,   conf->on_answered,
                                conf->arg, http_server_idle, http_server_closed, on_hold};
    s->speaker = conf->speaker ? conf->speaker : &conn_speaker;
    s->speaker_arg = conf->speaker ? conf->arg : s;
    list_init(&s->members);
    list_init(&s->idle);
    list_init(&s->shaking);
    http_shares_init(&s->clients, s->conf.connections + HTTP_REFUSALS_MAX);
    http_shares_init(&s->bodies, s->conf.connections + HTTP_REFUSALS_MAX);
    ev_timer_init(&s->pause, conf->ev, accept_again, s);
    ev_timer_init(&s->grace, conf->ev, on_grace, s);
    net_listener_prompt(listener);
    TRY(ev_fd_new(conf->ev, listener, on_listener, s, &s->watch));
    *out = MOVE(s);
    return RC_OK;
}

void http_server_start(struct http_server *s)
{
    if (s->watch)
        ev_fd_watch(s->watch, EV_READ);
}

static void leave_listener(struct http_server *s)
{
    ev_timer_stop(&s->pause);
    ev_fd_free(MOVE(s->watch));
}

void http_server_drain(struct http_server *s, void (*done)(void *arg), void *arg)
{
    leave_listener(s);
    LIST_FOREACH (link, &s->members) {
        struct member *m = LIST_ENTRY(link, struct member, link);

        if (m->conn)
            m->speaker->drain(m->conn);
    }
    s->drained = done;
    s->drained_arg = arg;
    ev_timer_start(&s->grace, HTTP_DRAIN_SECONDS * WHEN_SECOND, 0);
    look_drained(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    leave_listener(s);
    ev_timer_stop(&s->grace);
    s->drained = NULL;
    LIST_FOREACH (link, &s->members)
        member_free(LIST_ENTRY(link, struct member, link));
    http_shares_done(&s->clients);
    http_shares_done(&s->bodies);
    mem_free(s);
}

const char *http_server_name(const struct http_server *s)
{
    return s->conf.name;
}

void http_server_counts(const struct http_server *s, struct http_server_counts *out)
{
    *out = s->counts;
}
