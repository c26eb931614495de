/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/seen.h"

#include <netdb.h>
#include <netinet/in.h>

#include "base/id.h"
#include "ev/clock.h"

MSG(msg_late, "agent.dns-not-seen",
    "{0} does not have the record {1} after {2}; `wait` says how long, or for whom, it is waited");

enum { ARENA_BYTES = 256 * 1024 };
#define LOOK_EVERY WHEN_SECOND
#define ASK_TIMEOUT (5 * WHEN_SECOND)

static void step(struct agent_seen *s);

static when_t now(const struct agent_seen *s)
{
    return clock_now(ev_clock(s->w->ev));
}

static void done(struct agent_seen *s, enum rc rc, struct err *err)
{
    err->rc = rc;
    s->fn(s->arg, rc, err);
}

/* ---- answers */

static bool has_value(const struct dns_reply *reply, const char *value)
{
    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == DNS_TXT && str_eq(reply->records[i].text, str_of(value)))
            return true;
    return false;
}

static void add_server(struct agent_seen *s, const struct addr *addr)
{
    if (s->n_servers < AGENT_SEEN_SERVERS)
        s->servers[s->n_servers++] = (struct addr_port){*addr, AGENT_SEEN_PORT};
}

static void forget_servers(struct agent_seen *s)
{
    s->known = false;
    s->n_names = s->at_name = s->n_servers = 0;
    memset(s->silent, 0, sizeof(s->silent));
}

static void take_names(struct agent_seen *s, const struct dns_reply *reply)
{
    forget_servers(s);
    for (size_t i = 0; i < reply->n && s->n_names < AGENT_SEEN_NAMES; i++)
        if (reply->records[i].type == DNS_NS && reply->records[i].text.n &&
            str_copyz(reply->records[i].text, s->names[s->n_names], DNS_NAME_MAX + 1) == RC_OK)
            s->n_names++;
}

/* Of a name that the primary knows nothing of, this machine may. */
static void ask_libc(struct agent_seen *s, const char *name)
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
            add_server(s, &addr);
    }
    freeaddrinfo(found);
}

/* Of one that has addresses of both kinds those are asked that everybody reaches. */
static void take_addresses(struct agent_seen *s, const struct dns_reply *reply)
{
    size_t before = s->n_servers;

    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == s->asked)
            add_server(s, &reply->records[i].addr);
    if (s->n_servers == before && s->asked == DNS_A) {
        s->asked = DNS_AAAA;
        return;
    }
    if (s->n_servers == before && s->at.holds && !s->w->confined)
        ask_libc(s, s->names[s->at_name]);
    s->asked = DNS_A;
    s->at_name++;
}

/* The round is over, without it. */
static void not_there(struct agent_seen *s, const struct addr_port *server)
{
    addr_port_text(server, s->missing);
    ev_timer_start(&s->again, LOOK_EVERY, 0);
}

static bool seen_at(struct agent_seen *s, const struct dns_reply *reply,
                    const struct addr_port *server)
{
    if (has_value(reply, s->at.value))
        return true;
    not_there(s, server);
    return false;
}

static void take_primary(struct agent_seen *s)
{
    struct err err = ERR_INIT;

    s->step = s->known ? SEEN_OTHERS : SEEN_NAMES;
    if (s->at.alone)
        done(s, RC_OK, &err);
    else
        step(s);
}

static void take(struct agent_seen *s, const struct dns_reply *reply)
{
    switch (s->step) {
    case SEEN_PRIMARY:
        if (seen_at(s, reply, &s->at.server))
            take_primary(s);
        return;
    case SEEN_NAMES:
        take_names(s, reply);
        s->asked = DNS_A;
        s->step = SEEN_ADDRESSES;
        break;
    case SEEN_ADDRESSES:
        take_addresses(s, reply);
        break;
    case SEEN_OTHERS:
        if (!seen_at(s, reply, &s->servers[s->at_server]))
            return;
        s->at_server++;
        break;
    }
    step(s);
}

/* ---- questions */

static void pass_over(struct agent_seen *s, const char *why)
{
    char text[ADDR_TEXT];

    s->silent[s->at_server] = true;
    agent_say(s->w, true,
              "the name server %s of %s cannot be asked whether it has the record: %s; if the CA "
              "asks it, the proof may fail",
              addr_port_text(&s->servers[s->at_server], text), s->at.zone, why);
    s->at_server++;
    step(s);
}

/* A resolver that does not say who they are: nobody can be waited for. */
static void unfound(struct agent_seen *s, const char *why)
{
    struct err err = ERR_INIT;
    char text[ADDR_TEXT];

    agent_say(s->w, true,
              "the name servers of %s cannot be found at %s, so nobody is asked whether the record "
              "is there: %s",
              s->at.zone, addr_port_text(&s->at.server, text), why);
    done(s, RC_OK, &err);
}

/* One name of several: the others may have addresses. */
static void pass_over_name(struct agent_seen *s, const char *why)
{
    char text[ADDR_TEXT];

    agent_say(s->w, true,
              "the address of the name server %s of %s cannot be found at %s, so it is not asked "
              "whether it has the record: %s; if the CA asks it, the proof may fail",
              s->names[s->at_name], s->at.zone, addr_port_text(&s->at.server, text), why);
    s->asked = DNS_A;
    s->at_name++;
    step(s);
}

static void failed(struct agent_seen *s, const struct err *err)
{
    char line[256];
    const char *why = err ? err_textz(err, line, sizeof(line)) : "it refuses to say";

    if (s->step == SEEN_OTHERS)
        pass_over(s, why);
    else if (s->at.holds)
        not_there(s, &s->at.server);
    else if (s->step == SEEN_ADDRESSES)
        pass_over_name(s, why);
    else
        unfound(s, why);
}

static void on_answer(void *arg, enum rc rc, struct str wire, const struct err *why)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct agent_seen *s = arg;
    struct dns_query q = {.id = s->id,
                          .type = s->asked,
                          .name = str_of(s->asked_name),
                          .recurse = s->step != SEEN_OTHERS && !s->at.holds};
    struct dns_reply reply = {};

    if (rc == RC_OK)
        rc = dns_reply_parse(wire, &q, &a, &reply);
    if (rc == RC_OK && (s->step == SEEN_OTHERS || !s->at.holds) && reply.rcode != DNS_NOERROR &&
        reply.rcode != DNS_NXDOMAIN)
        rc = RC_DENIED;
    if (rc == RC_OK)
        take(s, &reply);
    else
        failed(s, why);
}

static void ask(struct agent_seen *s, enum dns_type type, const char *name,
                const struct addr_port *server)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(DNS_QUERY_MAX);
    struct dns_query q = {
        .type = type, .name = str_of(name), .recurse = s->step != SEEN_OTHERS && !s->at.holds};
    struct err err = ERR_INIT;
    enum rc rc = id_random(&s->id, sizeof(s->id));

    q.id = s->id;
    s->asked = type;
    if (rc == RC_OK)
        rc = str_copyz(str_of(name), s->asked_name, sizeof(s->asked_name));
    if (rc == RC_OK)
        rc = dns_query_put(&q, &message);
    if (rc == RC_OK)
        rc = dns_tcp_start(&s->tcp, buf_str(&message), server, ASK_TIMEOUT, on_answer, s);
    if (rc != RC_OK)
        done(s, rc, &err);
}

static void step(struct agent_seen *s)
{
    struct err err = ERR_INIT;

    if (s->step == SEEN_ADDRESSES && s->at_name == s->n_names) {
        if (!s->at.holds && s->n_servers == 0) {
            unfound(s, "it has no address of any");
            return;
        }
        s->known = true;
        s->step = SEEN_OTHERS;
    }
    while (s->step == SEEN_OTHERS && s->at_server < s->n_servers && s->silent[s->at_server])
        s->at_server++;
    if (s->step == SEEN_PRIMARY)
        ask(s, DNS_TXT, s->at.name, &s->at.server);
    else if (s->step == SEEN_NAMES)
        ask(s, DNS_NS, s->at.zone, &s->at.server);
    else if (s->step == SEEN_ADDRESSES)
        ask(s, s->asked, s->names[s->at_name], &s->at.server);
    else if (s->at_server < s->n_servers)
        ask(s, DNS_TXT, s->at.name, &s->servers[s->at_server]);
    else
        done(s, RC_OK, &err);
}

/* ---- rounds */

static void look(void *arg)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(64);
    struct agent_seen *s = arg;
    struct err err = ERR_INIT;

    if (s->forgotten) {
        done(s, RC_CANCELLED, &err);
    } else if (now(s) - s->since > s->at.timeout) {
        when_put_span(&span, s->at.timeout);
        done(
            s,
            ERR(&err, RC_TIMEOUT, msg_late, str_of(s->missing), str_of(s->at.name), buf_str(&span)),
            &err);
    } else {
        s->at_server = 0;
        s->step = s->at.holds ? SEEN_PRIMARY : s->known ? SEEN_OTHERS : SEEN_NAMES;
        step(s);
    }
}

void agent_seen_init(struct agent_seen *s, const struct agent_world *w)
{
    s->w = w;
    ev_timer_init(&s->again, w->ev, look, s);
    dns_tcp_init(&s->tcp, w->ev, w->net);
}

void agent_seen_start(struct agent_seen *s, const struct agent_seen_at *at, agent_seen_fn fn,
                      void *arg)
{
    if (strcmp(s->zone, at->zone) != 0) {
        forget_servers(s);
        IGNORE_RC(str_copyz(str_of(at->zone), s->zone, sizeof(s->zone))); /* of the same size */
    }
    s->at = *at;
    s->since = now(s);
    s->forgotten = false;
    s->fn = fn;
    s->arg = arg;
    addr_port_text(&at->server, s->missing);
    ev_timer_start(&s->again, 0, 0);
}

void agent_seen_forget(struct agent_seen *s)
{
    s->forgotten = true;
}

void agent_seen_stop(struct agent_seen *s)
{
    dns_tcp_stop(&s->tcp);
    ev_timer_stop(&s->again);
}
