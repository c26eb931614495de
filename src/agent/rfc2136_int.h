/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of dns-01 by dynamic updates. */
#pragma once

#include "agent/dns_conf.h"
#include "agent/seen.h"
#include "agent/solver.h"
#include "base/list.h"
#include "dns/tcp.h"
#include "dns/update.h"
#include "ev/ev.h"

enum { AGENT_TXT_MAX = DNS_TXT_MAX + 1 };

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
    client_presented_fn fn; /* NULL: nobody waits */
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
    struct agent_seen seen;
};
