/* SPDX-License-Identifier: Apache-2.0 */
/* The same waiting (agent/seen.h) for who writes records elsewhere than at a name server: the zone
 * of the name, behind its aliases, and its name servers are found by a resolver, who is asked
 * nothing else. Where it does not say who they are nobody is waited for, and a person is told. */
#pragma once

#include "agent/seen.h"

struct agent_seen_zone;

/* `resolvers` as for agent_alias_new (agent/dns_alias.h). *out is NULL where nobody is to be
 * asked. RC_PARSE: these are none; RC_NOMEM. */
enum rc agent_seen_zone_new(const struct agent_world *w, struct str resolvers,
                            struct agent_seen_zone **out, struct err *err);
/* As agent_seen_start; name and value are copied. RC_TOOBIG: the callback does not come. */
enum rc agent_seen_zone_start(struct agent_seen_zone *z, struct str name, struct str value,
                              int64_t timeout, agent_seen_fn fn, void *arg);
void agent_seen_zone_forget(struct agent_seen_zone *z);
/* What is under way ends without a callback. */
void agent_seen_zone_free(struct agent_seen_zone *z);
DEFINE_FREEP(agent_seen_zone_free, struct agent_seen_zone)
