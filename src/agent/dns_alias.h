/* SPDX-License-Identifier: Apache-2.0 */
/* Where the record of a proof has to be: at the end of the CNAME records of its name, as the
 * resolvers of this machine see them, or those that are named. RFC 8555 section 8.4 has the CA look
 * there, so a zone that no program may write to can point each such name into one that is there for
 * that. What was found is kept, for a record is to be taken away where it was put. */
#pragma once

#include "agent/solver.h"

struct agent_alias;

enum { AGENT_ALIAS_RESOLVERS = 8, AGENT_ALIAS_NAMES = 200 /* that are kept */ };
#define AGENT_ALIAS_TIMEOUT (10 * WHEN_SECOND)
/* Instead of resolvers: aliases are not looked for. */
#define AGENT_ALIAS_NONE "none"

/* RC_OK and the name where they end, borrowed for the callback: the name itself where there are
 * none, and, with a warning, where no resolver says. RC_CONFLICT: they end nowhere; RC_NOMEM. */
typedef void (*agent_alias_fn)(void *arg, enum rc rc, struct str target, const struct err *err);

struct dns_resolver;

/* The addresses of those who are to be asked, none at all perhaps. RC_PARSE: these are none. */
enum rc agent_resolvers_read(struct str resolvers,
                             struct addr_port out[static AGENT_ALIAS_RESOLVERS], size_t *out_n,
                             struct err *err);
/* Whom to ask, as for agent_alias_new; NULL where nobody is. */
enum rc agent_resolver_new(const struct agent_world *w, struct str resolvers,
                           struct dns_resolver **out, struct err *err);

/* `resolvers`: addresses with or without port, with spaces or commas between them; empty: those of
 * /etc/resolv.conf. RC_PARSE: these are none. */
enum rc agent_alias_new(const struct agent_world *w, struct str resolvers, struct agent_alias **out,
                        struct err *err);
/* One at a time; the callback never comes from inside. */
enum rc agent_alias_find(struct agent_alias *a, struct str name, agent_alias_fn fn, void *arg);
/* What is under way ends without a callback. */
void agent_alias_free(struct agent_alias *a);
DEFINE_FREEP(agent_alias_free, struct agent_alias)
