/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until a record can be seen where the CA will look: at the name servers of its zone (its
 * NS records), asked one after the other by TCP, round after round, until all have it. One way for
 * all who write records. A server that cannot be asked is passed over, and a person is told: the CA
 * may reach it, or not. Embedded in its owner. */
#pragma once

#include "agent/solver.h"
#include "dns/tcp.h"
#include "ev/ev.h"

enum { AGENT_SEEN_SERVERS = 16, AGENT_SEEN_NAMES = 8, AGENT_SEEN_PORT = 53 };

/* RC_OK: it is there; RC_TIMEOUT and which server does not have it; RC_CANCELLED: nobody wants to
 * know any more (agent_seen_forget). */
typedef void (*agent_seen_fn)(void *arg, enum rc rc, struct err *err);

struct agent_seen_at {
    const char *zone, *name, *value; /* they outlive the wait */
    struct addr_port server;         /* whom to ask for the zone's servers ... */
    bool holds;                      /* ... for it is one, and has to have the record first; */
    bool alone;                      /* and no other has to. Else it is a resolver */
    int64_t timeout;                 /* microseconds */
};

struct agent_seen {
    const struct agent_world *w;
    struct agent_seen_at at;
    when_t since;
    bool forgotten;
    struct ev_timer again;
    struct dns_tcp tcp;
    uint16_t id;
    enum { SEEN_PRIMARY, SEEN_NAMES, SEEN_ADDRESSES, SEEN_OTHERS } step;
    bool known; /* the servers, of `zone` */
    char zone[DNS_NAME_MAX + 1];
    char names[AGENT_SEEN_NAMES][DNS_NAME_MAX + 1];
    size_t n_names, at_name;
    struct addr_port servers[AGENT_SEEN_SERVERS];
    bool silent[AGENT_SEEN_SERVERS]; /* passed over from now on */
    size_t n_servers, at_server;
    enum dns_type asked;
    char asked_name[DNS_NAME_MAX + 1];
    char missing[ADDR_TEXT]; /* the server that did not have it last */
    agent_seen_fn fn;
    void *arg;
};

void agent_seen_init(struct agent_seen *s, const struct agent_world *w);
/* One at a time; the callback comes once, never from inside. What is known of a zone is used
 * again for the next record in it. */
void agent_seen_start(struct agent_seen *s, const struct agent_seen_at *at, agent_seen_fn fn,
                      void *arg);
/* The callback comes with the next round. */
void agent_seen_forget(struct agent_seen *s);
/* No callback comes any more. */
void agent_seen_stop(struct agent_seen *s);
