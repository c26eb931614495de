/* SPDX-License-Identifier: Apache-2.0 */
/* Name servers for tests, behind tests/net_fake: each has its records and its faults, and writes
 * its answers by hand, so that the code under test is not checked against itself. */
#pragma once

#include "net_fake.h"

enum { DNS_FAKE_SERVERS = 4, DNS_FAKE_SOCKETS = 64 };

struct dns_fake_rr {
    const char *name;
    int type;         /* 1, 2, 5, 16 (one string), 28, 39, 257 */
    const char *data; /* address, target, text, or "issue ca.example", critical with a '!' before */
};

struct dns_fake_server {
    const char *at;                      /* "10.0.0.53:53" */
    const struct dns_fake_rr *rrs;       /* ends with a NULL name */
    bool silent;                         /* takes queries, answers none */
    bool authoritative;                  /* sets AA; without it RA */
    bool knows_nothing;                  /* sets neither */
    bool only_tcp;                       /* truncates by UDP */
    bool no_edns;                        /* FORMERR when there is more than a question */
    bool garbage;                        /* the right id and nothing sensible behind it */
    unsigned strays;                     /* datagrams before the answer that are not the answer */
    unsigned rcode;                      /* instead of an answer, unless 0 */
    const char *broken;                  /* SERVFAIL for this name; NULL: none */
    unsigned queries, by_tcp, recursive; /* counted */
};

struct dns_fake {
    struct net *net;
    struct dns_fake_server servers[DNS_FAKE_SERVERS];
    struct dns_fake_socket {
        int fd;
        bool tcp;
        struct dns_fake_server *server;
    } sockets[DNS_FAKE_SOCKETS];
    size_t n_sockets;
    int other; /* the last connection that was to no name server; -1: none; the taker's to close */
    struct net_target other_target;
};

/* `net` is a net_fake. */
void dns_fake_init(struct dns_fake *f, struct net *net);
void dns_fake_done(struct dns_fake *f);
/* Adds a server and lets its address be reached; returns it for its faults to be set. */
struct dns_fake_server *dns_fake_add(struct dns_fake *f, const char *at,
                                     const struct dns_fake_rr *rrs);
/* Takes new connections and answers every query that waits. */
void dns_fake_serve(struct dns_fake *f);
