/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dns_alias.h"

#include "agent/trust.h"
#include "base/arena.h"
#include "dns/resolver.h"
#include "dns/zones.h"
#include "ev/ev.h"

MSG(msg_resolver, "agent.dns-resolver",
    "resolver cannot be \"{0}\"; it is an address or several, as in 10.0.0.53 or "
    "[2001:db8::53]:53, "
    "or " AGENT_ALIAS_NONE);
MSG(msg_loop, "agent.dns-alias-endless", "the aliases of {0} lead nowhere");

enum { NAMES_BYTES = 128 * 1024, LOOKUP_BYTES = 1 << 20, DNS_PORT = 53 };

struct known {
    struct str name, target;
};

struct agent_alias {
    const struct agent_world *w;
    struct dns_resolver *resolver; /* NULL: nobody is asked */
    struct dns_lookup *lookup;
    struct ev_defer soon; /* what is known already is told */
    struct arena names, scratch;
    struct known known[AGENT_ALIAS_NAMES];
    size_t n_known;
    struct str name, target; /* asked for, and what came of it; in `names` */
    agent_alias_fn fn;
    void *arg;
};

void agent_alias_free(struct agent_alias *a)
{
    if (!a)
        return;
    ev_defer_cancel(&a->soon);
    dns_resolver_free(a->resolver);
    arena_done(&a->names);
    arena_done(&a->scratch);
    mem_free(a);
}

/* ---- who is asked */

static enum rc read_resolver(struct str text, struct addr_port *out)
{
    *out = (struct addr_port){.port = DNS_PORT};
    return addr_parse(text, &out->addr) == RC_OK ? RC_OK : addr_port_parse(text, out);
}

static enum rc read_resolvers(struct str text, struct addr_port *out, size_t *out_n)
{
    size_t n = 0;

    while (text.n) {
        size_t end = 0;

        while (end < text.n && text.p[end] != ' ' && text.p[end] != ',')
            end++;
        if (end &&
            (n == AGENT_ALIAS_RESOLVERS || read_resolver(str_head(text, end), &out[n++]) != RC_OK))
            return RC_PARSE;
        text = str_skip(text, end < text.n ? end + 1 : end);
    }
    *out_n = n;
    return RC_OK;
}

static size_t machine_resolvers(struct addr_port out[static DNS_RESOLV_CONF_MAX])
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DNS_RESOLV_CONF_BYTES);

    if (agent_file_read(STR("/etc/resolv.conf"), &text, NULL) != RC_OK)
        return 0;
    return dns_resolv_conf(buf_str(&text), out);
}

static enum rc start(const struct agent_world *w, const struct addr_port *servers, size_t n,
                     struct dns_resolver **out)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    const struct dns_zone all = {.name = STR("."), .servers = servers, .n_servers = n};

    TRY(dns_zones_new(&all, 1, &zones));
    return dns_resolver_new(w->ev, w->net, zones, out);
}

enum rc agent_resolvers_read(struct str resolvers,
                             struct addr_port out[static AGENT_ALIAS_RESOLVERS], size_t *out_n,
                             struct err *err)
{
    bool none = str_eq(resolvers, STR(AGENT_ALIAS_NONE));

    *out_n = 0;
    if (!none && read_resolvers(resolvers, out, out_n) != RC_OK)
        return ERR(err, RC_PARSE, msg_resolver, resolvers);
    if (!none && *out_n == 0)
        *out_n = machine_resolvers(out);
    return RC_OK;
}

enum rc agent_resolver_new(const struct agent_world *w, struct str resolvers,
                           struct dns_resolver **out, struct err *err)
{
    struct addr_port servers[AGENT_ALIAS_RESOLVERS];
    size_t n = 0;

    TRY(agent_resolvers_read(resolvers, servers, &n, err));
    *out = NULL;
    return n ? start(w, servers, n, out) : RC_OK;
}

static void on_soon(void *arg);

enum rc agent_alias_new(const struct agent_world *w, struct str resolvers, struct agent_alias **out,
                        struct err *err)
{
    CLEANUP(agent_alias_freep) struct agent_alias *a = MEM_NEW(struct agent_alias);

    if (!a)
        return RC_NOMEM;
    a->w = w;
    ev_defer_init(&a->soon, on_soon, a);
    arena_init(&a->names, NAMES_BYTES);
    arena_init(&a->scratch, LOOKUP_BYTES);
    TRY(agent_resolver_new(w, resolvers, &a->resolver, err));
    *out = MOVE(a);
    return RC_OK;
}

/* ---- asking */

static void on_soon(void *arg)
{
    struct agent_alias *a = arg;

    a->fn(a->arg, RC_OK, a->target, NULL);
}

/* Where nobody says it, the name itself is as good as anything. */
static void say_unknown(const struct agent_alias *a, const struct dns_answer *answer)
{
    struct err why = ERR_INIT;
    char line[512];

    IGNORE_RC(dns_answer_err(answer, &why));
    agent_say(a->w, true,
              "whether %.*s is an alias cannot be looked up, so the record is put there itself: %s",
              STR_ARG(a->name), err_textz(&why, line, sizeof(line)));
}

/* Resolvers follow aliases themselves, and say nothing of one whose end they could not find. */
static bool is_known(const struct dns_answer *answer)
{
    return answer->status == DNS_FOUND || answer->status == DNS_NO_NAME ||
           answer->status == DNS_NO_DATA;
}

static void on_answer(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct agent_alias *a = arg;
    struct err err = ERR_INIT;

    a->lookup = NULL;
    a->target = a->name;
    if (rc == RC_OK && answer->status == DNS_LOOP)
        rc = ERR(&err, RC_CONFLICT, msg_loop, a->name);
    else if (rc == RC_OK && is_known(answer))
        rc = arena_str(&a->names, answer->canonical, &a->target);
    else if (rc == RC_OK)
        say_unknown(a, answer);
    if (rc == RC_OK && a->n_known < AGENT_ALIAS_NAMES)
        a->known[a->n_known++] = (struct known){a->name, a->target};
    arena_done(&a->scratch);
    arena_init(&a->scratch, LOOKUP_BYTES);
    a->fn(a->arg, rc, a->target, &err);
}

static bool remembered(struct agent_alias *a)
{
    for (size_t i = 0; i < a->n_known; i++)
        if (str_eq(a->known[i].name, a->name)) {
            a->target = a->known[i].target;
            return true;
        }
    return false;
}

enum rc agent_alias_find(struct agent_alias *a, struct str name, agent_alias_fn fn, void *arg)
{
    struct dns_question q = {.type = DNS_TXT, .timeout = AGENT_ALIAS_TIMEOUT, .arena = &a->scratch};

    a->fn = fn;
    a->arg = arg;
    a->name = a->target = name;
    if (!a->resolver || remembered(a)) {
        ev_defer(a->w->ev, &a->soon);
        return RC_OK;
    }
    TRY(arena_str(&a->names, name, &a->name));
    q.name = a->name;
    return dns_lookup_start(a->resolver, &q, on_answer, a, &a->lookup);
}
