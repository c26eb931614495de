/* SPDX-License-Identifier: Apache-2.0 */
/* Who may write into the zones where names are proven by dynamic updates: said by the zones' own
 * server, which is asked by an update that nobody has signed, and that changes nothing whatever it
 * allows (agent_rfc2136_unsigned). One way for all who look: the client's doctor and the server's.
 */
#pragma once

#include "agent/dns_conf.h"

enum { AGENT_WRITERS_ASKED = 20 /* names at most, from the first */ };

struct agent_writers {
    bool unsigned_taken; /* at least one of the zones takes what nobody has signed */
    bool no_key;         /* what is sent there is not signed either */
};

/* Of names as certificates have them, wildcards too; `label` is "_acme-challenge", or that of
 * dns-persist-01. Runs loops of its own; *out is set also on failure, of the settings. Errors of
 * the way to the server. */
enum rc agent_writers_ask(const struct agent_dns_conf *conf, const char *label,
                          const struct str *names, size_t n, struct agent_writers *out,
                          struct err *err);
/* What is wrong, and its cure, which is static; appends nothing and NULL when nothing is. */
const char *agent_writers_text(const struct agent_dns_conf *conf, const struct agent_writers *w,
                               struct buf *out);
