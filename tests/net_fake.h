/* SPDX-License-Identifier: Apache-2.0 */
/* A network for tests of whatever dials: nothing leaves the process. Each address behaves as it was
 * told to; a connection is one end of a socket pair, whose other end the test takes and speaks. */
#pragma once

#include "net/net.h"

struct ev;

enum { NET_FAKE_RULES = 32, NET_FAKE_DIALS = 64 };

enum net_fake_what {
    NET_FAKE_REFUSE, /* RC_NET; also every address without a rule */
    NET_FAKE_ACCEPT,
    NET_FAKE_SILENT, /* RC_TIMEOUT, when the clock of the loop gets there */
    NET_FAKE_DENY,   /* RC_DENIED */
};

enum rc net_fake_new(struct ev *ev, struct net **out);
/* The latest rule for an address counts; port 0 means every port. RC_TOOBIG after NET_FAKE_RULES.
 */
enum rc net_fake_rule(struct net *net, const struct addr_port *at, enum net_fake_what what);
/* The next connection accepted and not yet taken, TCP or UDP (SOCK_SEQPACKET keeps datagrams
 * apart): its far end, which the caller owns, and the target it was made for (may be NULL).
 * RC_NOTFOUND when there is none. */
enum rc net_fake_take(struct net *net, int *out_fd, struct net_target *out_target);
/* How many dials there were, of any outcome. */
size_t net_fake_dials(struct net *net);
