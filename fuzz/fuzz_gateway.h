/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway with one site and one backend, for fuzz_gateway.c and fuzz_h2.c: made once, used for
 * every input. */
#pragma once

#include <sys/socket.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "gateway/gateway_int.h"
#include "http/server.h"
#include "log/log.h"
#include "net/net.h"

enum { TURNS = 6, TOLD_MAX = 1 << 20 };

struct world {
    struct net_stream t; /* first; the client's */
    struct clock_fake clock;
    struct ev *ev;
    struct net net;
    struct gateway *g;
    const struct http_server_speaker *speaker;
    struct gateway_peer *c;
    struct str in; /* what the client sends */
    size_t requests;
    bool wants_write;
};

static enum rc script_read(struct net_stream *t, void *p, size_t n, size_t *out_n)
{
    struct world *w = (struct world *)t;

    if (w->in.n == 0)
        return RC_AGAIN;
    *out_n = n < w->in.n ? n : w->in.n;
    memcpy(p, w->in.p, *out_n);
    w->in = str_skip(w->in, *out_n);
    return RC_OK;
}

static enum rc script_write(struct net_stream *, struct str bytes, size_t *out_n)
{
    *out_n = bytes.n;
    return RC_OK;
}

static enum rc script_shutdown(struct net_stream *)
{
    return RC_OK;
}

static void script_want(struct net_stream *, unsigned)
{
}

static void script_free(struct net_stream *)
{
}

static const struct net_stream_ops script = {script_read, script_write, script_shutdown,
                                             script_want, script_free};

static void on_idle(void *, bool)
{
}

static void on_closed(void *owner)
{
    struct world *w = owner;

    w->requests = w->c->requests;
    w->speaker->free(MOVE(w->c));
}

static enum rc no_dial(struct net *, const struct net_target *, net_dial_cb, void *,
                       struct net_dial **)
{
    return RC_NOMEM;
}

static void quiet(void *, enum log_level, struct str)
{
}

static const struct net_ops no_net = {.dial = no_dial};

static enum rc world_make(struct world *w)
{
    static const struct str backend = STR("http://10.0.0.1:81");
    static const struct conf_site site = {.name = STR("a.example"),
                                          .backends = {&backend, 1},
                                          .client_timeout = 30 * WHEN_SECOND,
                                          .response_timeout = WHEN_MINUTE,
                                          .tunnel_timeout = WHEN_HOUR};
    static struct conf conf;
    struct gateway_plan *plan;
    struct dns_zones *zones;

    log_init(&(struct log_conf){.role = "fuzz", .sink = quiet});
    conf.gateway.sites = &site;
    conf.gateway.n_sites = 1;
    conf.gateway.head_timeout = 10 * WHEN_SECOND;
    conf.gateway.idle_timeout = WHEN_MINUTE;
    w->t.ops = &script;
    w->net.ops = &no_net;
    clock_fake_init(&w->clock, 0);
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(dns_zones_new(NULL, 0, &zones));
    TRY(gateway_new(&(struct gateway_conf){.ev = w->ev, .net = &w->net}, &w->g));
    w->g->on_idle = on_idle;
    w->g->on_closed = on_closed;
    TRY(gateway_prepare(w->g, &conf, zones, &plan, NULL));
    gateway_commit(w->g, plan);
    return RC_OK;
}

/* A client, and a kept connection to the backend, whose other end is *out_fd. */
static enum rc world_begin(struct world *w, int *out_fd)
{
    struct gateway_site *site = map_get(&w->g->sites, STR("a.example"));
    struct addr addr = {.n = 4};
    struct net_stream *t;
    struct backend_link *l;
    void *conn;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        return RC_IO;
    *out_fd = fds[1];
    w->requests = 0;
    TRY(net_stream_fd(w->g->conf.ev, fds[0], &t));
    TRY(backend_link_new(site->route->pool->members[0].backend, t, &l));
    backend_link_keep(l);
    TRY(w->speaker->new (w->g, &w->t, NULL, &addr, w, &conn));
    w->c = conn;
    w->c->site = gateway_site_ref(site);
    w->speaker->start(conn);
    return RC_OK;
}

static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++) {
        if (w->c)
            w->t.ready(w->t.arg);
        ev_run_once(w->ev, EV_NOWAIT);
    }
}

/* Reads one request as the backend would. False: it is not complete. */
static bool next_request(struct http_reader *r, struct str *in, size_t *seen)
{
    struct str piece;
    enum rc rc = http_reader_head(r, in, NULL);

    *seen += rc == RC_OK;
    while (rc == RC_OK)
        rc = http_reader_body(r, in, &piece, NULL);
    if (rc == RC_DENIED)
        __builtin_trap();
    http_reader_next(r, false);
    return rc == RC_CLOSED;
}

/* A client says `in`, the backend `answers`. What the backend gets must be whole requests, and no
 * more of them than the client was heard to make: else one was smuggled. */
static void converse(struct world *w, struct str in, struct str answers)
{
    static char told[TOLD_MAX];
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    struct str got;
    size_t seen = 0;
    ssize_t len;
    int fd = -1;

    if ((!w->g && world_make(w) != RC_OK) || http_reader_new(&gateway_requests, &r) != RC_OK ||
        world_begin(w, &fd) != RC_OK)
        return;
    w->in = in;
    turn(w);
    (void)!send(fd, answers.p, answers.n, MSG_NOSIGNAL);
    turn(w);
    len = recv(fd, told, sizeof(told), 0);
    got = str_bytes(told, len > 0 ? (size_t)len : 0);
    while (got.n && next_request(r, &got, &seen))
        ;
    if (w->c)
        on_closed(w);
    if (seen > w->requests)
        __builtin_trap();
    close(fd);
    ev_run_once(w->ev, EV_NOWAIT);
}
