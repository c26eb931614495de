/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of dns-01 by dynamic updates: rfc2136.c (work, zones, updates), rfc2136_look.c (who
 * has the record). */
#pragma once

#include "agent/dns_conf.h"
#include "agent/solver.h"
#include "base/list.h"
#include "dns/tcp.h"
#include "dns/update.h"
#include "ev/ev.h"

enum { AGENT_TXT_MAX = DNS_TXT_MAX + 1, AGENT_LOOK_SERVERS = 16, AGENT_LOOK_NAMES = 8 };

struct rfc2136;

/* A record to be added or removed. */
struct dns_work {
    struct list link;
    bool remove;
    bool sent; /* the update is on its way, and not answered */
    char name[DNS_NAME_MAX + 1];
    char target[DNS_NAME_MAX + 1]; /* behind the aliases */
    char zone[DNS_NAME_MAX + 1];   /* "": not found yet */
    char value[AGENT_TXT_MAX];
    unsigned aliases;
    when_t since;           /* it was added */
    client_presented_fn fn; /* NULL: nobody waits */
    void *arg;
};

typedef void (*agent_seen_fn)(void *arg, enum rc rc, struct err *err);

/* One round of looking. */
struct dns_look {
    struct dns_tcp tcp;
    uint16_t id;
    enum { LOOK_PRIMARY, LOOK_NAMES, LOOK_ADDRESSES, LOOK_OTHERS } step;
    bool known; /* the zone's servers, of `zone` */
    char zone[DNS_NAME_MAX + 1];
    char names[AGENT_LOOK_NAMES][DNS_NAME_MAX + 1];
    size_t n_names, at_name;
    struct addr_port servers[AGENT_LOOK_SERVERS];
    bool silent[AGENT_LOOK_SERVERS]; /* passed over from now on */
    size_t n_servers, at_server;
    enum dns_type asked;
    char asked_name[DNS_NAME_MAX + 1];
    agent_seen_fn fn;
    void *arg;
};

struct rfc2136 {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    struct agent_dns_conf conf;
    size_t server; /* of its addresses, the one that answers */
    struct list queue;
    struct dns_work *at; /* under way */
    struct ev_defer go;
    struct ev_timer pause;
    struct dns_tcp tcp;
    uint16_t id;
    struct dns_tsig_sent sent;
    struct dns_look look;
    char missing[ADDR_TEXT]; /* the server that did not have it last */
};

/* Whether the record of d->at is at `server`, and where that is wanted at every name server of the
 * zone that can be reached: RC_OK; RC_AGAIN: not yet, d->missing has not got it. `fn` comes once,
 * never from inside. */
void agent_rfc2136_look(struct rfc2136 *d, agent_seen_fn fn, void *arg);
void agent_rfc2136_look_stop(struct rfc2136 *d);
