/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the remote prober: remote.c (life), reach.c (the way to the CA's address), uplink.c
 * (one connection, from its handshake to its end). */
#pragma once

#include "base/arena.h"
#include "dns/resolver.h"
#include "ev/ev.h"
#include "net/net.h"
#include "remote/remote.h"
#include "role/probing.h"

struct remote_uplink;

#define REMOTE_ALPN "autarky-prober" /* as front knows it */

struct remote {
    const struct remote_options *options;
    struct ev *ev;
    struct net *net;
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    size_t n_servers;
    struct dns_resolver *resolver; /* for the server's name */
    struct ev_timer again;
    unsigned failures; /* in a row */
    /* reach.c */
    struct arena arena;
    struct dns_lookup *lookups[2];
    struct addr addrs[REMOTE_ADDRESSES_MAX];
    size_t n_addrs, next_addr;
    struct net_dial *dial;
    struct err why;
    struct remote_uplink *uplink;
};

/* Looks the server up and dials it; ends in remote_reached or remote_failed. */
void remote_reach(struct remote *r);
void remote_reach_stop(struct remote *r);
/* Takes over `fd`. */
void remote_reached(struct remote *r, int fd);
/* This attempt is over; the next one comes after a pause. */
void remote_failed(struct remote *r, const struct err *err);

/* Takes over `fd`, also on failure; ends in remote_lost, later. */
enum rc remote_uplink_new(struct remote *r, int fd, struct remote_uplink **out);
void remote_uplink_free(struct remote_uplink *u);
/* `steady`: it had joined, and long enough. */
void remote_lost(struct remote *r, bool steady, const struct err *err);
