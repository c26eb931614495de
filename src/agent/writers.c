/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/writers.h"

#include <stdio.h>

#include "agent/solver.h"
#include "base/buf.h"

static enum rc ask(const struct agent_dns_conf *conf, const char *label, struct str of, bool *out,
                   struct err *err)
{
    struct str base = str_starts(of, STR("*.")) ? str_skip(of, 2) : of;
    char name[DNS_NAME_MAX + 1];
    int n = snprintf(name, sizeof(name), "%s.%.*s", label, STR_ARG(base));

    if (n < 0 || (size_t)n >= sizeof(name))
        return RC_TOOBIG;
    return agent_rfc2136_unsigned(conf, str_of(name), out, err);
}

/* Names may be in several zones; one that is open to all is enough to be told of. */
enum rc agent_writers_ask(const struct agent_dns_conf *conf, const char *label,
                          const struct str *names, size_t n, struct agent_writers *out,
                          struct err *err)
{
    *out = (struct agent_writers){.no_key = !conf->key.name[0]};
    for (size_t i = 0; i < n && i < AGENT_WRITERS_ASKED && !out->unsigned_taken; i++)
        TRY(ask(conf, label, names[i], &out->unsigned_taken, err));
    return RC_OK;
}

const char *agent_writers_text(const struct agent_dns_conf *conf, const struct agent_writers *w,
                               struct buf *out)
{
    if (!w->unsigned_taken && !w->no_key)
        return NULL;
    if (w->no_key)
        buf_printf(out,
                   "updates that go to %s are not signed%s: who may send from this address, or "
                   "claims it, writes to that zone",
                   conf->server, w->unsigned_taken ? ", and it takes them" : "");
    else
        buf_printf(out,
                   "%s takes updates of that zone that nobody has signed: who may send from this "
                   "address, or claims it, writes to it, and has certificates for its names",
                   conf->server);
    return w->no_key ? "give the name server and this file a key: tsig-keygen(8), key_file"
                     : "allow the key alone: update-policy (BIND), an acl with a key (Knot), "
                       "TSIG-ALLOW-DNSUPDATE (PowerDNS)";
}
