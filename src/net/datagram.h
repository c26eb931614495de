/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams (UDP) of a server: each answer leaves from the address that was asked, on which a
 * client holds it against its question, whatever addresses this host has. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"

/* Whence one came. */
struct net_origin {
    struct addr_port peer;
    struct in6_pktinfo local; /* where it arrived; an IPv4 address as an IPv6 one */
    bool v4;                  /* the socket is one of IPv4 */
};

/* As net_listen, for datagrams. */
enum rc net_listen_datagrams(const struct addr_port *at, int *out_fd, struct addr_port *out_local,
                             struct err *err);
/* The next one that waits; what is longer than `cap` is passed over, and so is what came from port
 * 0, to which no answer can go. RC_AGAIN: there is none; RC_IO. */
enum rc net_datagram_take(int fd, void *p, size_t cap, size_t *out_n, struct net_origin *out);
/* Answers it. What the system does not take now is lost, as datagrams are: RC_NET. */
enum rc net_datagram_give(int fd, struct str bytes, const struct net_origin *to);
