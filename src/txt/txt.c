/* SPDX-License-Identifier: Apache-2.0 */
/* txt: the authoritative name server of one small zone, whose names are delegated to by CNAME and
 * hold nothing but the values of dns-01.
 *
 * owns     its sockets of DNS, UDP and TCP; the values of the zone, in memory
 * may      receive questions and answer them
 * may not  open a file, connect, ask anybody; it has no key, no password and no database
 * asked by core: TEXTS, which is answered when questions are
 *
 * It is a process of its own because strangers' bytes come in here, from anywhere that can reach
 * port 53, and what it could be made to say proves control over names. The values come from core,
 * which has them on disk first; after a start this process does not answer for the zone (SERVFAIL)
 * before core has told it everything. While core is away, it answers with what it was told last. */
#include <stdio.h>

#include "ev/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "net/datagram.h"
#include "role/roles.h"
#include "txt/txt_int.h"

static const struct sandbox sandbox = {
    .user = "autarky-txt",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT,
    .files = 1024,
};

MSG(msg_text, "txt.text", "{0} cannot be a name of the zone with these values");

static const char *const ways[] = {"udp", "tcp"};
static const char *const rcodes[] = {"NOERROR", "NXDOMAIN", "REFUSED", "SERVFAIL",
                                     "NOTIMP",  "FORMERR",  "other"};
METRIC_COUNTER_BY2(questions_total, "dns_questions_total",
                   "Questions to the server of TXT records that were answered", "way", ways,
                   "rcode", rcodes);
METRIC_COUNTER(
    limited_total, "dns_questions_limited_total",
    "Questions by UDP past the rate of a network, not answered or only by a hint at TCP");

static size_t rcode_at(unsigned rcode)
{
    static const unsigned values[] = {DNS_NOERROR,  DNS_NXDOMAIN, DNS_REFUSED,
                                      DNS_SERVFAIL, DNS_NOTIMP,   DNS_FORMERR};
    size_t i = 0;

    while (i < METRIC_LENGTH(rcodes) - 1 && values[i] != rcode)
        i++;
    return i;
}

enum rc txt_answer(struct txt *t, struct str wire, enum dns_serve_way way, struct buf *out)
{
    unsigned rcode = 0;

    TRY(dns_serve(&t->zone, wire, way, out, &rcode));
    metric_add(&questions_total, metric_at(&questions_total, way == DNS_SERVE_TCP, rcode_at(rcode)),
               1);
    return RC_OK;
}

/* ---- datagrams */

static bool answer_one(struct txt_listener *l)
{
    struct txt *t = l->txt;
    struct net_origin from;
    enum txt_verdict verdict;
    size_t n;

    if (net_datagram_take(l->fd, t->in, sizeof(t->in), &n, &from) != RC_OK)
        return false;
    verdict = txt_limit_take(&t->limit, &from.peer.addr, clock_mono(t->env->clock));
    if (verdict != TXT_ANSWER)
        metric_add(&limited_total, 0, 1);
    if (verdict == TXT_DROP)
        return true;
    buf_reset(&t->out);
    if (txt_answer(t, str_bytes(t->in, n), verdict == TXT_SHORT ? DNS_SERVE_SHORT : DNS_SERVE_UDP,
                   &t->out) == RC_OK)
        /* What cannot be sent is lost like any datagram: the client asks again. */
        IGNORE_RC(net_datagram_give(l->fd, buf_str(&t->out), &from));
    return true;
}

static void on_datagrams(void *listener, unsigned)
{
    for (unsigned i = 0; i < TXT_TURN; i++)
        if (!answer_one(listener))
            return;
}

/* ---- what core says */

static enum rc set_one(struct txt *t, const struct ipc_text *text)
{
    TRY(txt_names_set(&t->now, text));
    return t->filling ? txt_names_set(&t->next, text) : RC_OK;
}

static enum rc take_texts(struct txt *t, const struct ipc_texts *m, struct err *err)
{
    uint32_t now = (uint32_t)(clock_now(t->env->clock) / WHEN_SECOND);

    if (m->first) {
        txt_names_done(&t->next);
        t->filling = true;
    }
    for (size_t i = 0; i < m->names.n; i++) {
        enum rc rc = set_one(t, &m->names.v[i]);

        if (rc == RC_INVAL)
            return ERR(err, rc, msg_text, m->names.v[i].label);
        TRY(rc);
    }
    if (m->last && t->filling) {
        struct txt_names old = t->now;

        t->now = t->next;
        t->next = old;
        txt_names_done(&t->next);
        t->filling = false;
        t->zone.ready = true;
    }
    t->zone.serial = now > t->zone.serial ? now : t->zone.serial + 1;
    return RC_OK;
}

static void on_texts(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct err err = ERR_INIT;

    err.rc = take_texts(env->state, msg, &err);
    if (err.rc != RC_OK)
        ipc_reply_err(req, &err);
    else
        IGNORE_RC(ipc_reply(req, NULL)); /* on failure core has been told */
}

/* ---- life */

static enum rc txt_open(struct role_env *env, struct err *err)
{
    struct txt *t = MEM_NEW(struct txt);
    const struct conf *conf = env->conf;

    (void)err;
    if (!t)
        return RC_NOMEM;
    env->state = t;
    t->env = env;
    t->conf = conf_ref(conf);
    list_init(&t->conns);
    txt_names_init(&t->now);
    txt_names_init(&t->next);
    buf_init(&t->out, DNS_MESSAGE_MAX);
    snprintf(t->contact, sizeof(t->contact), "hostmaster.%.*s", STR_ARG(conf->txt.zone));
    t->zone = (struct dns_serve_zone){
        .zone = conf->txt.zone,
        .server = conf->txt.server.n ? conf->txt.server : conf->txt.zone,
        .contact = str_of(t->contact),
        .serial = (uint32_t)(clock_now(env->clock) / WHEN_SECOND),
        .find = txt_names_find,
        .arg = &t->now,
    };
    for (size_t i = 0; i < conf->txt.addresses.n && i < DNS_SERVE_ADDRS; i++)
        t->zone.addrs[t->zone.n_addrs++] = conf->txt.addresses.p[i].base;
    return txt_limit_init(&t->limit);
}

static enum rc txt_start(struct role_env *env, struct err *)
{
    struct txt *t = env->state;

    for (size_t i = 0; i < env->n_listeners; i++) {
        const struct role_listener *from = &env->listeners[i];
        bool tcp = str_eq(str_of(from->kind), STR("dns-tcp"));
        struct txt_listener *l = &t->listeners[t->n_listeners];

        *l = (struct txt_listener){t, from->fd, NULL};
        TRY(ev_fd_new(env->ev, l->fd, tcp ? txt_tcp_ready : on_datagrams, l, &l->watch));
        t->n_listeners++;
        ev_fd_watch(l->watch, EV_READ);
    }
    return RC_OK;
}

static void stop(struct txt *t)
{
    for (size_t i = 0; i < t->n_listeners; i++)
        ev_fd_free(t->listeners[i].watch);
    t->n_listeners = 0;
    txt_tcp_close_all(t);
}

/* Questions that wait meet the successor: the sockets are the supervisor's. */
static void txt_drain(struct role_env *env)
{
    stop(env->state);
    role_drained(env);
}

static void txt_close(struct role_env *env)
{
    struct txt *t = env->state;

    if (!t)
        return;
    stop(t);
    txt_names_done(&t->now);
    txt_names_done(&t->next);
    buf_done(&t->out);
    conf_unref(t->conf);
    mem_free(t);
    env->state = NULL;
}

static const struct ipc_handler handlers[] = {{IPC_TEXTS, on_texts}};

const struct role_def role_txt = {
    .role = ROLE_TXT,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_txt,
    .drain_order = 3, /* core asks it */
    .open = txt_open,
    .start = txt_start,
    .drain = txt_drain,
    .close = txt_close,
};
