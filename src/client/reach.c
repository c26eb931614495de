/* SPDX-License-Identifier: Apache-2.0 */
#include "client/reach.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/when.h"
#include "client/tunnel.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/lookup.h"
#include "net/race.h"
#include "net/stream.h"
#include "tls/client.h"

MSG(msg_lookup, "client.server-not-found",
    "the server's name {0} cannot be looked up: {1}; check the URL, and this machine's resolver "
    "and hosts file");
MSG(msg_connect, "client.server-not-reached",
    "{0} cannot be reached: {1}; check the URL, that the server runs, and what is between");
MSG(msg_proxy, "client.proxy-not-reached",
    "{0} cannot be reached through the proxy {1}: {2}; check the proxy (--proxy, HTTPS_PROXY), or "
    "except this server from it (--no-proxy, NO_PROXY)");
MSG(msg_tls, "client.server-tls", "no TLS connection to {0}: {1}");
MSG(msg_untrusted, "client.server-not-trusted",
    "no TLS connection to {0}: {1}; if its certificate comes from a CA of your own, name the roots "
    "of that CA (--ca-file)");
MSG(msg_untimely, "client.server-untimely",
    "no TLS connection to {0}: {1}, and by the clock of this machine it is {2}; if that is wrong, "
    "set it (`timedatectl set-ntp true`) and try again; if it is right, {0} needs a new "
    "certificate, which is for its administrator to see to");
MSG(msg_slow, "client.server-tls-timeout", "{0} did not finish the TLS handshake in {1} seconds");

struct client_reach {
    struct client_reach_conf conf;
    char host[HTTP_HOST_NAME_MAX + 1];
    char where[HTTP_HOST_NAME_MAX + 16]; /* with the port, for messages */
    bool tls;
    struct addr literal; /* n == 0: it is a name */
    uint16_t port;
    struct addr_port addrs[CLIENT_REACH_ADDRESSES_MAX];
    size_t n; /* those that are left */
    struct ev_defer begin;
    struct ev_timer patience;
    bool proxied; /* the addresses are those of the proxy */
    struct net_race *race;
    struct client_tunnel *tunnel;
    struct tls_client *client;
    client_reach_fn fn;
    void *arg;
};

void client_reach_cancel(struct client_reach *r)
{
    if (!r)
        return;
    ev_defer_cancel(&r->begin);
    ev_timer_stop(&r->patience);
    net_race_cancel(r->race);
    client_tunnel_free(r->tunnel);
    tls_client_free(r->client);
    mem_free(r);
}

static void finish(struct client_reach *done, struct net_stream *stream, struct err *err)
{
    CLEANUP(client_reach_cancelp) struct client_reach *r = done;

    r->fn(r->arg, err->rc, stream, err);
}

/* NULL: there is none. */
static const struct client_proxy *proxy_of(const struct client_reach *r)
{
    return r->conf.proxies ? &r->conf.proxies[r->tls] : NULL;
}

/* ---- the address */

static enum rc look_up(const struct client_reach *r, const char *host,
                       struct addr found[static CLIENT_REACH_ADDRESSES_MAX], size_t *out_n,
                       struct err *err)
{
    const struct client_reach_conf *c = &r->conf;
    const size_t max = CLIENT_REACH_ADDRESSES_MAX;
    struct err why = ERR_INIT;
    char line[256];
    size_t n = 0;
    enum rc rc = c->names ? c->names(c->names_arg, str_of(host), found, max, &n, &why)
                          : net_lookup(str_of(host), found, max, &n, &why);

    if (rc != RC_OK)
        return ERR(err, rc, msg_lookup, str_of(host), str_of(err_textz(&why, line, sizeof(line))));
    *out_n = n < CLIENT_REACH_ADDRESSES_MAX ? n : CLIENT_REACH_ADDRESSES_MAX;
    return RC_OK;
}

/* A name that only the proxy can look up is no failure where there is one. */
static enum rc choose(struct client_reach *r, struct err *err)
{
    const struct client_proxy *p = proxy_of(r);
    struct addr found[CLIENT_REACH_ADDRESSES_MAX];
    uint16_t port = r->port;
    size_t n = 0;
    enum rc rc = look_up(r, r->host, found, &n, err);

    r->proxied = client_proxy_applies(p, str_of(r->host), found, n);
    if (r->proxied) {
        port = p->port;
        rc = look_up(r, p->host, found, &n, err);
    }
    TRY(rc);
    net_race_order(found, n);
    r->n = n;
    for (size_t i = 0; i < n; i++)
        r->addrs[i] = (struct addr_port){found[i], port};
    return RC_OK;
}

/* ---- TLS */

static void race(struct client_reach *r);

/* Whoever is at this address is no help; at another one of the server there may be somebody. */
static bool go_on(struct client_reach *r, enum rc rc)
{
    if (r->proxied || r->n == 0 || (rc != RC_NET && rc != RC_CLOSED && rc != RC_TIMEOUT))
        return false;
    ev_timer_stop(&r->patience);
    tls_client_free(MOVE(r->client));
    race(r);
    return true;
}

static void on_late(void *arg)
{
    struct client_reach *r = arg;
    struct err err = ERR_INIT;
    char digits[16];

    if (go_on(r, RC_TIMEOUT))
        return;
    snprintf(digits, sizeof(digits), "%d", CLIENT_REACH_TLS_SECONDS);
    err.rc = ERR(&err, RC_TIMEOUT, msg_slow, str_of(r->where), str_of(digits));
    finish(r, NULL, &err);
}

/* Each cause has a cure of its own. `why` may be `err`. */
static enum rc no_tls(const struct client_reach *r, enum rc rc, const struct err *why,
                      struct err *err)
{
    struct str where = str_of(r->where), text;
    char line[512], now[WHEN_TEXT];

    text = str_of(err_textz(why, line, sizeof(line)));
    if (tls_client_untimely(why))
        return ERR(err, rc, msg_untimely, where, text,
                   str_of(when_text(clock_now(ev_clock(r->conf.ev)), now)));
    return rc == RC_CRYPTO ? ERR(err, rc, msg_untrusted, where, text)
                           : ERR(err, rc, msg_tls, where, text);
}

static void on_open(void *arg, enum rc rc, const struct err *why)
{
    struct client_reach *r = arg;
    struct err err = {.rc = rc};

    ev_timer_stop(&r->patience);
    if (rc == RC_OK && r->conf.chain)
        rc = err.rc = tls_client_chain(r->client, r->conf.chain, &err);
    if (rc == RC_OK) {
        finish(r, tls_client_stream(MOVE(r->client)), &err);
        return;
    }
    if (go_on(r, rc))
        return;
    IGNORE_RC(no_tls(r, rc, why ? why : &err, &err));
    finish(r, NULL, &err);
}

static enum rc shake_hands(struct client_reach *r, int fd)
{
    const struct tls_client_conf conf = {.ev = r->conf.ev,
                                         .server_name = r->literal.n ? STR("") : str_of(r->host),
                                         .alpn = r->conf.alpn.n ? r->conf.alpn : STR("http/1.1"),
                                         .identity = r->conf.identity,
                                         .ip = r->literal.n ? &r->literal : NULL,
                                         .trust = r->conf.chain ? NULL : r->conf.trust,
                                         .on_open = on_open,
                                         .arg = r};

    ev_timer_start(&r->patience, CLIENT_REACH_TLS_SECONDS * WHEN_SECOND, 0);
    return tls_client_new(&conf, fd, &r->client);
}

/* ---- the connection */

static enum rc not_reached(const struct client_reach *r, const struct err *why, struct err *err)
{
    char line[512];
    struct str text = str_of(err_textz(why, line, sizeof(line)));

    return r->proxied
               ? ERR(err, why->rc, msg_proxy, str_of(r->where), str_of(proxy_of(r)->host), text)
               : ERR(err, why->rc, msg_connect, str_of(r->where), text);
}

/* To the server, whatever is in between. */
static void connected(struct client_reach *r, int fd)
{
    struct net_stream *stream = NULL;
    struct err err = ERR_INIT;

    err.rc = r->tls ? shake_hands(r, fd) : net_stream_fd(r->conf.ev, fd, &stream);
    if (err.rc != RC_OK || !r->tls)
        finish(r, stream, &err);
}

static void on_tunnel(void *arg, enum rc rc, int fd, const struct err *why)
{
    struct client_reach *r = arg;
    struct err err = ERR_INIT;

    r->tunnel = NULL;
    if (rc == RC_OK) {
        connected(r, fd);
        return;
    }
    err.rc = not_reached(r, why, &err);
    finish(r, NULL, &err);
}

/* It is tried no more, whatever becomes of this connection. */
static void leave_out(struct client_reach *r, size_t at)
{
    r->n--;
    memmove(&r->addrs[at], &r->addrs[at + 1], (r->n - at) * sizeof(r->addrs[0]));
}

static void on_raced(void *arg, enum rc rc, int fd, size_t at, const struct err *why)
{
    struct client_reach *r = arg;
    const struct client_tunnel_conf conf = {.ev = r->conf.ev,
                                            .proxy = proxy_of(r),
                                            .where = str_of(r->where),
                                            .fn = on_tunnel,
                                            .arg = r};
    struct err err = ERR_INIT;

    r->race = NULL;
    if (rc != RC_OK) {
        err.rc = not_reached(r, why, &err);
        finish(r, NULL, &err);
        return;
    }
    leave_out(r, at);
    if (!r->proxied) {
        connected(r, fd);
        return;
    }
    err.rc = client_tunnel_new(&conf, fd, &r->tunnel);
    if (err.rc != RC_OK)
        finish(r, NULL, &err);
}

static void race(struct client_reach *r)
{
    const struct net_race_conf conf = {.ev = r->conf.ev,
                                       .net = r->conf.net,
                                       .to = r->addrs,
                                       .n = r->n,
                                       .timeout = CLIENT_REACH_DIAL_SECONDS * WHEN_SECOND};
    struct err err = ERR_INIT;

    err.rc = net_race_start(&conf, on_raced, r, &r->race);
    if (err.rc != RC_OK)
        finish(r, NULL, &err);
}

static void on_begin(void *arg)
{
    struct client_reach *r = arg;
    struct err err = ERR_INIT;

    err.rc = choose(r, &err);
    if (err.rc == RC_OK)
        race(r);
    else
        finish(r, NULL, &err);
}

enum rc client_reach_start(const struct client_reach_conf *conf, const struct http_url *url,
                           client_reach_fn fn, void *arg, struct client_reach **out)
{
    CLEANUP(client_reach_cancelp) struct client_reach *r = MEM_NEW(struct client_reach);

    if (!r)
        return RC_NOMEM;
    r->conf = *conf;
    r->fn = fn;
    r->arg = arg;
    r->tls = url->tls;
    r->literal = url->at.addr;
    r->port = url->port;
    ev_defer_init(&r->begin, on_begin, r);
    ev_timer_init(&r->patience, conf->ev, on_late, r);
    if (url->tls && !conf->trust && !conf->chain)
        return RC_UNSUPPORTED;
    TRY(str_copyz(url->at.host, r->host, sizeof(r->host)));
    snprintf(r->where, sizeof(r->where), r->literal.n == 16 ? "[%s]:%u" : "%s:%u", r->host,
             url->port);
    ev_defer(conf->ev, &r->begin);
    *out = MOVE(r);
    return RC_OK;
}
