/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a validation may connect to. Strangers choose names, and names choose addresses:
 * without this the CA could be made to talk to what only it can reach. Asked for the very address
 * that is then dialled, at every attempt and every redirect. */
#pragma once

#include "base/err.h"
#include "conf/conf.h"

/* RC_DENIED with the reason: in validation.deny (also when it is the IPv4 address inside a NAT64
 * one), or loopback, link-local, multicast, unspecified or a cloud's metadata service and not in
 * validation.allow. Private addresses are what an intranet is made of. */
enum rc validate_reach(const struct conf *conf, const struct addr *addr, struct err *err);
/* The same for a connection that was made to `to`, before a byte is sent: RC_DENIED when the other
 * end is this very host and one of Autarky's own ports. */
enum rc validate_reach_self(const struct conf *conf, int fd, const struct addr_port *to,
                            struct err *err);
