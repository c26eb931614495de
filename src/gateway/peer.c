/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/peer.h"

#include "base/when.h"
#include "ev/clock.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "net/proxy.h"
#include "tls/clients.h"
#include "tls/conn.h"
#include "tls/context.h"

MSG(msg_stale, "gateway.client-stale",
    "since the connection was made, the client's certificate has run out, or what {0} demands of "
    "clients has changed");
MSG(msg_caller, "gateway.client-unknown",
    "who the client of {0} has proven to be could not be kept");

/* Without it, requests are refused. */
static void find_caller(struct gateway_peer *p)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CALLER_DER_MAX);

    if (p->tls && tls_conn_caller(p->tls, &der) == RC_OK)
        IGNORE_RC(tls_caller_new(buf_str(&der), &p->caller));
}

void gateway_peer_init(struct gateway_peer *p, struct gateway *g, struct net_stream *t,
                       struct tls_conn *tls, const struct addr *client)
{
    struct tls_site *site = tls ? tls_conn_site(tls) : NULL;

    p->gateway = g;
    p->t = t;
    list_init(&p->link);
    if (site) {
        p->site = gateway_site_ref(LIST_ENTRY(site, struct gateway_site, tls));
        list_push(&p->site->clients, &p->link);
    }
    p->tls = tls;
    find_caller(p);
    p->from = *client;
    (void)addr_text(client, p->addr);
    gateway_count_client(p->site, 1);
}

void gateway_peer_ends(const struct gateway_peer *p, struct net_proxy *out)
{
    *out = (struct net_proxy){};
    if (p->tls)
        IGNORE_RC(tls_conn_ends(p->tls, out)); /* then without */
}

struct str gateway_peer_preface(const struct gateway_peer *p, enum conf_send_proxy version,
                                const struct addr *client, char text[static NET_PROXY_PUT_MAX])
{
    struct buf out = {.cap = NET_PROXY_PUT_MAX, .max = NET_PROXY_PUT_MAX};
    struct net_proxy ends;

    out.p = text;
    if (version == CONF_SEND_PROXY_OFF)
        return (struct str){NULL, 0};
    gateway_peer_ends(p, &ends);
    if (!addr_eq(&ends.from.addr, client))
        ends.from = (struct addr_port){.addr = *client};
    if (ends.to.addr.n == 0)
        ends.to.addr.n = ends.from.addr.n;
    if (version == CONF_SEND_PROXY_V1)
        net_proxy_put_v1(&ends, &out);
    else
        net_proxy_put_v2(&ends, &out);
    return buf_str(&out);
}

/* The client has shown no certificate. */
static bool is_bare(const struct gateway_peer *p)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CLIENT_CERTS_MAX);

    return tls_conn_caller(p->tls, &der) == RC_NOTFOUND;
}

int gateway_peer_doubt(const struct gateway_peer *p, struct err *why)
{
    const struct tls_clients *demands = p->site->route->clients;
    when_t now = clock_now(ev_clock(p->gateway->conf.ev));

    if (!p->tls || (!demands && !tls_conn_clients(p->tls)))
        return 0;
    if (!tls_clients_same(demands, tls_conn_clients(p->tls)) ||
        (p->caller && p->caller->until <= now)) {
        IGNORE_RC(ERR(why, RC_DENIED, msg_stale, str_of(p->site->name)));
        return 421;
    }
    if (p->caller || is_bare(p))
        return 0;
    IGNORE_RC(ERR(why, RC_NOMEM, msg_caller, str_of(p->site->name)));
    return 503;
}

size_t gateway_peer_tell(const struct gateway_peer *p, unsigned what,
                         struct http_header out[static CONF_CLIENT_COUNT])
{
    const struct tls_caller *c = p->caller;
    size_t n = 0;

    if (!c)
        return 0;
    const struct http_header all[] = {
        [CONF_CLIENT_SUBJECT] = {STR("x-client-cert-subject"), c->subject},
        [CONF_CLIENT_ISSUER] = {STR("x-client-cert-issuer"), c->issuer},
        [CONF_CLIENT_SERIAL] = {STR("x-client-cert-serial"), c->serial},
        [CONF_CLIENT_SHA256] = {STR("x-client-cert-sha256"), c->sha256},
        [CONF_CLIENT_NAMES] = {STR("x-client-cert-names"), c->names},
        [CONF_CLIENT_CERTIFICATE] = {STR("client-cert"), c->certificate},
    };

    for (size_t i = 0; i < CONF_CLIENT_COUNT; i++)
        if (what & 1u << i && all[i].value.n)
            out[n++] = all[i];
    return n;
}

void gateway_peer_done(struct gateway_peer *p)
{
    gateway_count_client(p->site, -1);
    ev_timer_stop(&p->timer);
    /* Over TLS an end without close_notify looks like an attack. One try: there is room, or what
     * was written before has not been taken either. */
    if (!p->shut)
        IGNORE_RC(p->t->ops->shutdown(p->t)); /* the client is gone, or will find out */
    list_remove(&p->link);
    tls_caller_free(MOVE(p->caller));
    gateway_site_unref(p->site);
    net_stream_free(p->t);
}

void gateway_peer_allow(struct gateway_peer *p, int64_t micros)
{
    ev_timer_start(&p->timer, micros, 0);
}

int64_t gateway_peer_client_timeout(const struct gateway_peer *p)
{
    return p->site && p->site->route ? p->site->route->client_timeout
                                     : GATEWAY_STRANGER_SECONDS * WHEN_SECOND;
}

void gateway_peer_set_idle(struct gateway_peer *p, bool idle)
{
    if (p->idle == idle)
        return;
    p->idle = idle;
    p->gateway->on_idle(p->owner, idle);
}

void gateway_peer_want(struct gateway_peer *p, unsigned wants)
{
    if (p->wants != wants)
        p->t->ops->want(p->t, wants);
    p->wants = wants;
}

enum gateway_linger gateway_peer_linger(struct gateway_peer *p)
{
    char scratch[4096];
    enum rc rc = RC_OK;
    size_t n = 0;

    if (!p->shut) {
        rc = p->t->ops->shutdown(p->t);
        p->shut = rc != RC_AGAIN;
        if (rc == RC_AGAIN)
            gateway_peer_want(p, NET_WANT_WRITE);
    } else {
        rc = p->t->ops->read(p->t, scratch, sizeof(scratch), &n);
        if (rc == RC_OK && (p->lingered += n) > GATEWAY_LINGER_BYTES)
            rc = RC_TOOBIG;
        if (rc == RC_AGAIN)
            gateway_peer_want(p, NET_WANT_READ);
    }
    if (rc == RC_AGAIN)
        return GATEWAY_LINGER_WAIT;
    return rc == RC_OK ? GATEWAY_LINGER_MORE : GATEWAY_LINGER_OVER;
}
