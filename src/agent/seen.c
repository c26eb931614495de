/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for a record where it has to be: first at the server that took it, then at the name
 * servers of the zone (its NS records), which may have it later. A server that cannot be reached is
 * passed over, and a person is told: the CA may reach it, or not. */
#include "agent/rfc2136_int.h"

#include <netdb.h>
#include <netinet/in.h>

#include "base/id.h"

enum { ARENA_BYTES = 256 * 1024, DNS_PORT = 53 };
#define ASK_TIMEOUT (5 * WHEN_SECOND)

static void step(struct rfc2136 *d);

void agent_rfc2136_look_stop(struct rfc2136 *d)
{
    dns_tcp_stop(&d->look.tcp);
}

static void done(struct rfc2136 *d, enum rc rc)
{
    struct err err = ERR_INIT;

    d->look.fn(d->look.arg, rc, &err);
}

/* ---- answers */

static bool has_value(const struct dns_reply *reply, const char *value)
{
    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == DNS_TXT && str_eq(reply->records[i].text, str_of(value)))
            return true;
    return false;
}

static void add_server(struct dns_look *l, const struct addr *addr)
{
    if (l->n_servers < AGENT_LOOK_SERVERS)
        l->servers[l->n_servers++] = (struct addr_port){*addr, DNS_PORT};
}

static void take_names(struct dns_look *l, const struct dns_reply *reply)
{
    for (size_t i = 0; i < reply->n && l->n_names < AGENT_LOOK_NAMES; i++)
        if (reply->records[i].type == DNS_NS && reply->records[i].text.n &&
            str_copyz(reply->records[i].text, l->names[l->n_names], DNS_NAME_MAX + 1) == RC_OK)
            l->n_names++;
}

/* Of a name that the primary knows nothing of, this machine may. */
static void ask_libc(struct dns_look *l, const char *name)
{
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;

    if (getaddrinfo(name, NULL, &want, &found) != 0)
        return;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        const struct sockaddr_in *v4 = (const void *)at->ai_addr;
        const struct sockaddr_in6 *v6 = (const void *)at->ai_addr;
        struct addr addr;

        if (addr_from_bytes(at->ai_family == AF_INET ? str_bytes(&v4->sin_addr, 4)
                                                     : str_bytes(&v6->sin6_addr, 16),
                            &addr) == RC_OK)
            add_server(l, &addr);
    }
    freeaddrinfo(found);
}

static void take_addresses(const struct agent_world *w, struct dns_look *l,
                           const struct dns_reply *reply)
{
    size_t before = l->n_servers;

    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == DNS_A)
            add_server(l, &reply->records[i].addr);
    if (l->n_servers == before && !w->confined)
        ask_libc(l, l->names[l->at_name]);
    l->at_name++;
}

/* Not there: RC_AGAIN, and the round is over. */
static void not_there(struct rfc2136 *d, const struct addr_port *server)
{
    addr_port_text(server, d->missing);
    done(d, RC_AGAIN);
}

static void take(struct rfc2136 *d, const struct dns_reply *reply)
{
    struct dns_look *l = &d->look;

    switch (l->step) {
    case LOOK_PRIMARY:
        if (!has_value(reply, d->at->value)) {
            not_there(d, &d->conf.servers[d->server]);
            return;
        }
        l->step = l->known ? LOOK_OTHERS : LOOK_NAMES;
        if (d->conf.wait == AGENT_WAIT_PRIMARY) {
            done(d, RC_OK);
            return;
        }
        break;
    case LOOK_NAMES:
        take_names(l, reply);
        l->step = LOOK_ADDRESSES;
        break;
    case LOOK_ADDRESSES:
        take_addresses(d->w, l, reply);
        break;
    case LOOK_OTHERS:
        if (!has_value(reply, d->at->value)) {
            not_there(d, &l->servers[l->at_server]);
            return;
        }
        l->at_server++;
        break;
    }
    step(d);
}

/* ---- questions */

static void pass_over(struct rfc2136 *d, const char *why)
{
    struct dns_look *l = &d->look;
    char text[ADDR_TEXT];

    l->silent[l->at_server] = true;
    agent_say(d->w, true,
              "the name server %s of %s cannot be asked whether it has the record: %s; if the CA "
              "asks it, the proof may fail",
              addr_port_text(&l->servers[l->at_server], text), d->at->zone, why);
    l->at_server++;
    step(d);
}

static void on_answer(void *arg, enum rc rc, struct str wire, const struct err *why)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct rfc2136 *d = arg;
    struct dns_look *l = &d->look;
    struct dns_query q = {.id = l->id, .type = l->asked, .name = str_of(l->asked_name)};
    struct dns_reply reply = {};
    char line[256];

    if (rc == RC_OK)
        rc = dns_reply_parse(wire, &q, &a, &reply);
    if (rc == RC_OK && l->step == LOOK_OTHERS && reply.rcode != DNS_NOERROR &&
        reply.rcode != DNS_NXDOMAIN)
        rc = RC_DENIED;
    if (rc == RC_OK)
        take(d, &reply);
    else if (l->step == LOOK_OTHERS)
        pass_over(d, why ? err_textz(why, line, sizeof(line)) : "it refuses to say");
    else
        not_there(d, &d->conf.servers[d->server]);
}

static void ask(struct rfc2136 *d, enum dns_type type, const char *name,
                const struct addr_port *server)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(DNS_QUERY_MAX);
    struct dns_look *l = &d->look;
    struct dns_query q = {.type = type, .name = str_of(name)};
    enum rc rc = id_random(&l->id, sizeof(l->id));

    q.id = l->id;
    l->asked = type;
    if (rc == RC_OK)
        rc = str_copyz(str_of(name), l->asked_name, sizeof(l->asked_name));
    if (rc == RC_OK)
        rc = dns_query_put(&q, &message);
    if (rc == RC_OK)
        rc = dns_tcp_start(&l->tcp, buf_str(&message), server, ASK_TIMEOUT, on_answer, d);
    if (rc != RC_OK)
        done(d, rc);
}

static void step(struct rfc2136 *d)
{
    struct dns_look *l = &d->look;
    const struct addr_port *primary = &d->conf.servers[d->server];

    if (l->step == LOOK_ADDRESSES && l->at_name == l->n_names) {
        l->known = true;
        l->step = LOOK_OTHERS;
    }
    while (l->step == LOOK_OTHERS && l->at_server < l->n_servers && l->silent[l->at_server])
        l->at_server++;
    if (l->step == LOOK_PRIMARY)
        ask(d, DNS_TXT, d->at->target, primary);
    else if (l->step == LOOK_NAMES)
        ask(d, DNS_NS, d->at->zone, primary);
    else if (l->step == LOOK_ADDRESSES)
        ask(d, DNS_A, l->names[l->at_name], primary);
    else if (l->at_server < l->n_servers)
        ask(d, DNS_TXT, d->at->target, &l->servers[l->at_server]);
    else
        done(d, RC_OK);
}

void agent_rfc2136_look(struct rfc2136 *d, agent_seen_fn fn, void *arg)
{
    struct dns_look *l = &d->look;

    if (strcmp(l->zone, d->at->zone) != 0) {
        l->known = false;
        l->n_names = l->at_name = l->n_servers = 0;
        memset(l->silent, 0, sizeof(l->silent));
        memcpy(l->zone, d->at->zone, sizeof(l->zone));
    }
    l->step = LOOK_PRIMARY;
    l->at_server = 0;
    l->fn = fn;
    l->arg = arg;
    step(d);
}
