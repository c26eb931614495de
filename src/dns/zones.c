/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/zones.h"

#include "base/arena.h"
#include "base/name.h"
#include "conf/conf.h"

enum { ZONES_BYTES = 16 * 1024 * 1024, DNS_PORT = 53 };

struct dns_zones {
    size_t refs;
    struct arena arena;
    struct dns_zone *zones;
    size_t n;
    struct dns_zone defaults;
};

static enum rc copy(struct dns_zones *z, const struct dns_zone *from, struct dns_zone *to)
{
    size_t n = from->n_servers < DNS_SERVERS_MAX ? from->n_servers : DNS_SERVERS_MAX;
    struct addr_port *servers = ARENA_ARRAY(&z->arena, struct addr_port, n);

    if (!servers)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        servers[i] = from->servers[i];
    *to = *from;
    to->servers = servers;
    to->n_servers = n;
    return arena_str(&z->arena, from->name, &to->name);
}

enum rc dns_zones_new(const struct dns_zone *zones, size_t n, struct dns_zones **out)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *z = MEM_NEW(struct dns_zones);

    if (!z)
        return RC_NOMEM;
    z->refs = 1;
    arena_init(&z->arena, ZONES_BYTES);
    z->zones = ARENA_ARRAY(&z->arena, struct dns_zone, n);
    if (!z->zones)
        return RC_NOMEM;
    for (; z->n < n; z->n++)
        TRY(copy(z, &zones[z->n], &z->zones[z->n]));
    *out = MOVE(z);
    return RC_OK;
}

enum rc dns_zones_of_conf(const struct conf *conf, const struct addr_port *defaults, size_t n,
                          struct dns_zones **out)
{
    size_t count = conf->n_resolvers;
    CLEANUP(mem_freep) struct dns_zone *zones = mem_calloc(count + 1, sizeof(struct dns_zone));
    CLEANUP(dns_zones_unrefp) struct dns_zones *z = NULL;
    const struct dns_zone fallback = {.name = STR("."), .servers = defaults, .n_servers = n};
    bool all = false;

    if (!zones)
        return RC_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct conf_resolver *r = &conf->resolvers[i];

        zones[i] = (struct dns_zone){
            .name = r->zone,
            .servers = r->servers.p,
            .n_servers = r->servers.n,
            .authoritative = r->mode == CONF_RESOLVER_AUTHORITATIVE,
            .agree = (size_t)r->agree,
        };
        all = all || str_eq(r->zone, STR("."));
    }
    if (!all)
        zones[count++] = fallback;
    TRY(dns_zones_new(zones, count, &z));
    TRY(copy(z, &fallback, &z->defaults));
    *out = MOVE(z);
    return RC_OK;
}

struct dns_zones *dns_zones_ref(struct dns_zones *z)
{
    z->refs++;
    return z;
}

void dns_zones_unref(struct dns_zones *z)
{
    if (!z || --z->refs)
        return;
    arena_done(&z->arena);
    mem_free(z);
}

/* How specific a zone is; the root is in every other one. */
static size_t depth(const struct dns_zone *zone)
{
    return str_eq(zone->name, STR(".")) ? 0 : zone->name.n;
}

static const struct dns_zone *longest(const struct dns_zones *z, struct str name, bool recursive)
{
    const struct dns_zone *best = NULL;

    for (size_t i = 0; i < z->n; i++) {
        const struct dns_zone *at = &z->zones[i];
        bool fit =
            recursive ? at->n_servers && !at->authoritative : at->n_servers || at->authoritative;

        if (fit && (depth(at) == 0 || name_under(name, at->name)) &&
            (!best || depth(at) > depth(best)))
            best = at;
    }
    return best;
}

const struct dns_zone *dns_zones_find(const struct dns_zones *z, struct str name)
{
    return longest(z, name, false);
}

const struct dns_zone *dns_zones_find_recursive(const struct dns_zones *z, struct str name)
{
    const struct dns_zone *best = longest(z, name, true);

    return best || !z->defaults.n_servers ? best : &z->defaults;
}

/* The next word of a line. */
static struct str word(struct str *line)
{
    size_t i = 0, from;

    while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t'))
        i++;
    for (from = i; i < line->n && line->p[i] != ' ' && line->p[i] != '\t';)
        i++;
    *line = str_skip(*line, from);
    return str_head(*line, i - from);
}

size_t dns_resolv_conf(struct str text, struct addr_port *out)
{
    struct str line;
    size_t n = 0;

    while (n < DNS_RESOLV_CONF_MAX && str_next(&text, '\n', &line)) {
        struct str key = word(&line), value;

        line = str_skip(line, key.n);
        value = word(&line);
        if (!str_eq(key, STR("nameserver")) || addr_parse(str_trim(value), &out[n].addr) != RC_OK)
            continue;
        out[n++].port = DNS_PORT;
    }
    return n;
}
