/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy, sections 2.1
 * and 2.2): what a load balancer writes in front of all else on a connection to say whose it is.
 * Whoever takes one believes it, so it is read from those alone who are known to send it, and from
 * these always: nothing in the bytes tells a header from what a client made look like one. Pure. */
#pragma once

#include "base/addr.h"

enum {
    NET_PROXY_V1_MAX = 107,
    NET_PROXY_MAX = 1024, /* of version 2, with what is added to it */
    NET_PROXY_PUT_MAX = NET_PROXY_V1_MAX,
};

struct net_proxy {
    bool local; /* the sender's own business, or an address that is none of ours: the connection is
                   the one who made it, and what follows is empty */
    struct addr_port from, to;
};

/* `first` is all that has come so far. RC_OK: *out_n bytes of it are the header. RC_AGAIN: more are
 * needed; never with NET_PROXY_MAX of them. RC_PARSE: it is none, or longer than that. What version
 * 2 adds behind the addresses (section 2.2.1) has to be well formed, and the sum (2.2.3) of a
 * header that names any right; nothing else is looked at. */
enum rc net_proxy_read(struct str first, struct net_proxy *out, size_t *out_n);

/* Append one, of NET_PROXY_PUT_MAX bytes at most. An IPv4 address beside an IPv6 one is written as
 * IPv4-mapped. */
void net_proxy_put_v1(const struct net_proxy *p, struct buf *out);
void net_proxy_put_v2(const struct net_proxy *p, struct buf *out);
