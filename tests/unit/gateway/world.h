/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway with one site, a client's connection that does what the test says, and backends that
 * the test speaks for. */
#pragma once

#include "check.h"

#include <sys/socket.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "dns_fake.h"
#include "ev/clock.h"
#include "gateway/gateway_int.h"
#include "http/server.h"
#include "log/log.h"
#include "net_fake.h"
#include "stream_fake.h"

#define H "Host: wiki.example\r\n"
#define GET "GET /x HTTP/1.1\r\n" H
#define OK "HTTP/1.1 200 OK\r\n"

enum { TURNS = 64, OUT_MAX = 4 << 20 };

/* The defaults of the configuration, in seconds. */
enum {
    GATEWAY_HEAD_SECONDS = 10,
    GATEWAY_IDLE_SECONDS = 60,
    GATEWAY_CLIENT_SECONDS = 30,
    GATEWAY_RESPONSE_SECONDS = 60,
    GATEWAY_TUNNEL_SECONDS = 3600,
};

struct world {
    struct stream_fake t; /* first */
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct dns_fake dns;
    struct dns_fake_server *names; /* the only name server */
    struct dns_zones *zones;
    struct conf conf;
    struct conf_site sites[2];
    struct str backends[2];
    enum conf_send_proxy sends; /* set before world_init, as these */
    struct conf_nets allow, deny;
    unsigned rate, burst;
    enum rc (*write)(void *arg, unsigned format, struct str lines); /* the access log */
    enum conf_waf waf;
    struct gateway_ask inspect; /* who inspects requests */
    struct gateway *g;
    const struct http_server_speaker *speaker;
    struct gateway_peer *c; /* which is the first that either speaker has */
    bool closed, idle;
    int fd; /* the backend's end */
    struct buf asked;
    bool hung_up;     /* the gateway closed the backend's connection */
    struct buf lines; /* of the log */
};

/* What the name server knows. */
static const struct dns_fake_rr records[] = {
    {"one.lan", 1, "10.0.0.1"},
    {"two.lan", 1, "10.0.0.9"},
    {"two.lan", 1, "10.0.0.1"},
    {"six.lan", 28, "2001:db8::1"},
    {NULL, 0, NULL},
};

static void on_idle(void *owner, bool idle)
{
    ((struct world *)owner)->idle = idle;
}

static void on_closed(void *owner)
{
    struct world *w = owner;

    w->closed = true;
    w->speaker->free(MOVE(w->c));
}

static void on_line(void *arg, enum log_level, struct str line)
{
    buf_puts(&((struct world *)arg)->lines, line);
}

static enum rc configure(struct world *w)
{
    struct gateway_plan *plan;

    TRY(gateway_prepare(w->g, &w->conf, w->zones, &plan, NULL));
    gateway_commit(w->g, plan);
    return RC_OK;
}

/* A connection of a client for that site, past its handshake. */
static enum rc come(struct world *w, const char *site)
{
    struct addr addr = {.n = 4, .b = {192, 0, 2, 7}};
    void *conn;

    if (w->c)
        w->speaker->free(MOVE(w->c));
    buf_reset(&w->t.in);
    buf_reset(&w->t.out);
    w->t.eof = w->t.broken = w->t.shut = w->t.freed = w->closed = w->idle = false;
    w->t.room = OUT_MAX;
    TRY(w->speaker->new (w->g, &w->t.s, NULL, &addr, w, &conn));
    w->c = conn;
    w->c->site = gateway_site_ref(map_get(&w->g->sites, str_of(site)));
    list_push(&w->c->site->clients, &w->c->link);
    w->speaker->start(conn);
    return RC_OK;
}

static enum rc world_init_for(struct world *w, const struct http_server_speaker *speaker)
{
    static const struct addr_port server = {{4, {10, 0, 0, 53}}, 53};
    const struct dns_zone zone = {STR("."), &server, 1, false};
    struct addr_port at = {{.n = 4, .b = {10, 0, 0, 1}}, 0};

    log_init(&(struct log_conf){.role = "test",
                                .sink = on_line,
                                .sink_arg = w,
                                .level = LOG_LEVEL_INFO,
                                .rate = UINT32_MAX});
    w->speaker = speaker;
    w->fd = -1;
    w->t.s.ops = &stream_fake_ops;
    buf_init(&w->t.in, OUT_MAX);
    buf_init(&w->t.out, OUT_MAX);
    buf_init(&w->asked, OUT_MAX);
    buf_init(&w->lines, OUT_MAX);
    clock_fake_init(&w->clock, 20'000 * WHEN_DAY);
    w->backends[0] = STR("http://10.0.0.1:81");
    w->backends[1] = STR("http://10.0.0.2:82");
    w->sites[0] = (struct conf_site){.name = STR("wiki.example"),
                                     .backends = {w->backends, 2},
                                     .send_proxy = w->sends,
                                     .allow = w->allow,
                                     .deny = w->deny,
                                     .rate = w->rate,
                                     .burst = w->burst,
                                     .waf = w->waf,
                                     .access_log = true};
    w->sites[1] = (struct conf_site){.name = STR("name.example"), .backends = {w->backends, 1}};
    for (int i = 0; i < 2; i++) {
        w->sites[i].client_timeout = GATEWAY_CLIENT_SECONDS * WHEN_SECOND;
        w->sites[i].response_timeout = GATEWAY_RESPONSE_SECONDS * WHEN_SECOND;
        w->sites[i].tunnel_timeout = GATEWAY_TUNNEL_SECONDS * WHEN_SECOND;
    }
    w->conf.gateway.head_timeout = GATEWAY_HEAD_SECONDS * WHEN_SECOND;
    w->conf.gateway.idle_timeout = GATEWAY_IDLE_SECONDS * WHEN_SECOND;
    w->conf.gateway.sites = w->sites;
    w->conf.gateway.n_sites = 2;
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(net_fake_new(w->ev, &w->net));
    TRY(net_fake_rule(w->net, &at, NET_FAKE_ACCEPT));
    dns_fake_init(&w->dns, w->net);
    w->names = dns_fake_add(&w->dns, "10.0.0.53:53", records);
    TRY(dns_zones_new(&zone, 1, &w->zones));
    TRY(gateway_new(
        &(struct gateway_conf){
            .ev = w->ev, .net = w->net, .write = w->write, .arg = w, .inspect = w->inspect},
        &w->g));
    w->g->on_idle = on_idle;
    w->g->on_closed = on_closed;
    TRY(configure(w));
    return come(w, "wiki.example");
}

[[maybe_unused]] static enum rc world_init(struct world *w)
{
    return world_init_for(w, &gateway_client_speaker);
}

static void world_done(struct world *w)
{
    if (w->c)
        w->speaker->free(MOVE(w->c));
    gateway_free(w->g);
    fd_close(&w->fd);
    dns_zones_unref(w->zones);
    if (w->net)
        dns_fake_done(&w->dns);
    net_free(w->net);
    ev_free(w->ev);
    buf_done(&w->t.in);
    buf_done(&w->t.out);
    buf_done(&w->asked);
    buf_done(&w->lines);
    crypto_done();
}

/* Lets everything happen that can; takes what the backend was sent. */
static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++) {
        char bytes[4096];
        ssize_t n;

        ev_run_once(w->ev, EV_NOWAIT);
        dns_fake_serve(&w->dns);
        if (w->fd < 0 && w->dns.other >= 0) {
            w->fd = fd_move(&w->dns.other);
            w->hung_up = false;
        }
        n = w->fd < 0 ? -1 : recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0)
            buf_put(&w->asked, bytes, (size_t)n);
        w->hung_up = w->hung_up || n == 0;
        if (w->c && w->t.wants & NET_WANT_READ && (w->t.in.n || w->t.eof || w->t.broken))
            w->t.s.ready(w->t.s.arg);
        else if (w->c && w->t.wants & NET_WANT_WRITE && (w->t.room || w->t.broken))
            w->t.s.ready(w->t.s.arg);
    }
}

/* The client's stream may do something. */
[[maybe_unused]] static void poke(struct world *w)
{
    if (w->c)
        w->t.s.ready(w->t.s.arg);
}

/* The client sends this. */
[[maybe_unused]] static void say(struct world *w, const char *text)
{
    buf_putz(&w->t.in, text);
    turn(w);
}

/* The backend sends this. */
static void reply(struct world *w, const char *text)
{
    if (w->fd >= 0)
        (void)send(w->fd, text, strlen(text), MSG_NOSIGNAL);
    turn(w);
}

[[maybe_unused]] static void hang_up(struct world *w)
{
    fd_close(&w->fd);
    turn(w);
}

[[maybe_unused]] static void wait_for(struct world *w, int64_t seconds)
{
    clock_fake_advance(&w->clock, seconds * WHEN_SECOND);
    turn(w);
}

[[maybe_unused]] static bool has(const struct buf *b, const char *text)
{
    return b->n && memmem(b->p, b->n, text, strlen(text));
}

[[maybe_unused]] static bool starts(const struct buf *b, const char *text)
{
    return str_starts(buf_str(b), str_of(text));
}

[[maybe_unused]] static bool ends(const struct buf *b, const char *text)
{
    return str_ends(buf_str(b), str_of(text));
}
