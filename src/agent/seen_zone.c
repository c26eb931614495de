/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/seen_zone.h"

#include "agent/dns_alias.h"
#include "base/id.h"
#include "dns/update.h"

enum { ALIASES_MAX = 8 };
#define ASK_TIMEOUT (5 * WHEN_SECOND)

struct agent_seen_zone {
    const struct agent_world *w;
    struct addr_port resolvers[AGENT_ALIAS_RESOLVERS];
    size_t n, at; /* the one that answers */
    struct dns_tcp tcp;
    uint16_t id;
    unsigned aliases;
    bool forgotten;
    int64_t timeout;
    char name[DNS_NAME_MAX + 1], zone[DNS_NAME_MAX + 1], value[DNS_TXT_MAX + 1];
    struct agent_seen seen;
    agent_seen_fn fn;
    void *arg;
};

static void find_zone(struct agent_seen_zone *z);

static void done(struct agent_seen_zone *z, enum rc rc)
{
    struct err err = {.rc = rc};

    z->fn(z->arg, rc, &err);
}

static void unfound(struct agent_seen_zone *z, const char *why)
{
    char text[ADDR_TEXT];

    agent_say(z->w, true,
              "the zone of %s cannot be found at %s, so nobody is asked whether the record is "
              "there: %s",
              z->name, addr_port_text(&z->resolvers[z->at], text), why);
    done(z, RC_OK);
}

static void wait_for_it(struct agent_seen_zone *z)
{
    const struct agent_seen_at at = {.zone = z->zone,
                                     .name = z->name,
                                     .value = z->value,
                                     .server = z->resolvers[z->at],
                                     .timeout = z->timeout};

    agent_seen_start(&z->seen, &at, z->fn, z->arg);
}

static void take_zone(struct agent_seen_zone *z, const struct dns_soa *soa)
{
    char text[16];

    if (soa->alias[0]) {
        memcpy(z->name, soa->alias, sizeof(z->name));
        if (++z->aliases > ALIASES_MAX)
            unfound(z, "its aliases lead nowhere");
        else
            find_zone(z);
    } else if (soa->zone[0]) {
        memcpy(z->zone, soa->zone, sizeof(z->zone));
        wait_for_it(z);
    } else {
        unfound(z, dns_rcode_text(soa->rcode, text));
    }
}

static void on_soa(void *arg, enum rc rc, struct str wire, const struct err *why)
{
    struct agent_seen_zone *z = arg;
    struct dns_soa soa;
    char line[256];

    if (z->forgotten) {
        done(z, RC_CANCELLED);
        return;
    }
    if (rc != RC_OK && z->at + 1 < z->n) {
        z->at++;
        find_zone(z);
        return;
    }
    if (rc == RC_OK)
        rc = dns_soa_read(wire, z->id, &soa);
    if (rc == RC_OK)
        take_zone(z, &soa);
    else
        unfound(z, why ? err_textz(why, line, sizeof(line)) : rc_text(rc));
}

static enum rc ask(struct agent_seen_zone *z)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(DNS_UPDATE_MAX);

    TRY(id_random(&z->id, sizeof(z->id)));
    TRY(dns_soa_put(z->id, str_of(z->name), true, &message));
    return dns_tcp_start(&z->tcp, buf_str(&message), &z->resolvers[z->at], ASK_TIMEOUT, on_soa, z);
}

static void find_zone(struct agent_seen_zone *z)
{
    enum rc rc = ask(z);

    if (rc != RC_OK)
        done(z, rc);
}

enum rc agent_seen_zone_new(const struct agent_world *w, struct str resolvers,
                            struct agent_seen_zone **out, struct err *err)
{
    CLEANUP(agent_seen_zone_freep) struct agent_seen_zone *z = MEM_NEW(struct agent_seen_zone);

    if (!z)
        return RC_NOMEM;
    z->w = w;
    dns_tcp_init(&z->tcp, w->ev, w->net);
    agent_seen_init(&z->seen, w);
    TRY(agent_resolvers_read(resolvers, z->resolvers, &z->n, err));
    *out = z->n ? MOVE(z) : NULL;
    return RC_OK;
}

enum rc agent_seen_zone_start(struct agent_seen_zone *z, struct str name, struct str value,
                              int64_t timeout, agent_seen_fn fn, void *arg)
{
    TRY(str_copyz(name, z->name, sizeof(z->name)));
    TRY(str_copyz(value, z->value, sizeof(z->value)));
    z->timeout = timeout;
    z->aliases = 0;
    z->forgotten = false;
    z->fn = fn;
    z->arg = arg;
    return ask(z);
}

void agent_seen_zone_forget(struct agent_seen_zone *z)
{
    z->forgotten = true;
    agent_seen_forget(&z->seen);
}

void agent_seen_zone_free(struct agent_seen_zone *z)
{
    if (!z)
        return;
    dns_tcp_stop(&z->tcp);
    agent_seen_stop(&z->seen);
    mem_free(z);
}
