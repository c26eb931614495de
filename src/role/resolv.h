/* SPDX-License-Identifier: Apache-2.0 */
/* The name servers of /etc/resolv.conf, for roles that resolve names: read before confinement. */
#pragma once

#include "dns/zones.h"

/* Into `out`, which has room for DNS_RESOLV_CONF_MAX; returns how many. None need not be an error:
 * the configuration may name servers for all that will be asked; `what` cannot be done without
 * them, says the log then. */
size_t role_resolv_conf(const char *what, struct addr_port *out);
