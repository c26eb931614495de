/* SPDX-License-Identifier: Apache-2.0 */
/* The proxies that a certificate's server is reached through: as the plan has them, else as the
 * environment has them, each time anew. What is in the environment may have a password, and is not
 * remembered. */
#pragma once

#include "agent/plan.h"
#include "client/proxy.h"

#define AGENT_PROXY_NONE "none" /* in the plan: not even where the environment has one */

struct agent_proxies {
    struct client_proxy of[2]; /* of http and of https URLs */
};

/* $HTTPS_PROXY and $https_proxy; for http URLs $http_proxy alone, for a web server's CGI sets the
 * other one to what strangers say. $NO_PROXY and $no_proxy. RC_PARSE, RC_UNSUPPORTED, RC_TOOBIG. */
enum rc agent_proxies_load(struct agent_proxies *p, const struct agent_plan *plan, struct err *err);
/* Passwords are wiped. */
void agent_proxies_done(struct agent_proxies *p);
