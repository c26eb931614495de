/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/resolver.h"

#include <assert.h>

#include "base/list.h"
#include "base/when.h"
#include "dns/exchange.h"
#include "ev/clock.h"

enum { ROUNDS = 3 };

static const int64_t round_wait[ROUNDS] = {WHEN_SECOND, WHEN_SECOND, 2 * WHEN_SECOND};

struct dns_resolver {
    struct ev *ev;
    struct net *net;
    struct dns_zones *zones;
    struct list lookups;
    size_t n_lookups;
};

struct dns_lookup {
    struct list link;
    struct dns_resolver *resolver;
    struct dns_zones *zones;
    struct arena *arena;
    struct dns_answer *answer;
    dns_answer_fn fn;
    void *arg;
    int64_t began, deadline;
    struct ev_defer soon;
    struct dns_exchange exchange;
    /* Of the name asked now: */
    struct str name;
    const struct dns_zone *zone;
    unsigned round;
    size_t server;
    uint32_t struck; /* bit per server: not asked again */
    uint32_t plain;  /* bit per server: does not know EDNS */
    bool failed;     /* somebody answered, to no avail */
    int64_t asked;
};

static_assert(DNS_SERVERS_MAX <= 32, "bits of struck and plain");

static int64_t now(const struct dns_lookup *l)
{
    return clock_mono(ev_clock(l->resolver->ev));
}

static void lookup_free(struct dns_lookup *l)
{
    if (!l)
        return;
    if (!list_empty(&l->link))
        l->resolver->n_lookups--;
    list_remove(&l->link);
    ev_defer_cancel(&l->soon);
    dns_exchange_stop(&l->exchange);
    dns_zones_unref(l->zones);
    mem_free(l);
}
DEFINE_FREEP(lookup_free, struct dns_lookup)

static void finish(struct dns_lookup *l, enum rc rc)
{
    struct dns_answer *answer = l->answer;
    dns_answer_fn fn = l->fn;
    void *arg = l->arg;

    answer->micros = now(l) - l->began;
    answer->canonical = l->name;
    lookup_free(l);
    fn(arg, rc, rc == RC_OK ? answer : NULL);
}

static void finish_status(struct dns_lookup *l, enum dns_status status)
{
    l->answer->status = status;
    finish(l, RC_OK);
}

/* The next server to ask, at l->round and l->server; false when all have had their turns. */
static bool find_server(struct dns_lookup *l)
{
    for (; l->round < ROUNDS; l->round++, l->server = 0)
        for (; l->server < l->zone->n_servers; l->server++)
            if (!(l->struck & UINT32_C(1) << l->server))
                return true;
    return false;
}

static void on_reply(void *arg, enum rc rc, const struct dns_reply *reply, bool tcp);

static void note(struct dns_lookup *l, enum rc rc, const struct dns_reply *reply, bool tcp)
{
    l->answer->tries[l->answer->n_tries++] = (struct dns_try){
        .server = l->zone->servers[l->server],
        .tcp = tcp,
        .rc = rc,
        .rcode = reply ? reply->rcode : 0,
        .micros = now(l) - l->asked,
        .name = l->name,
    };
}

/* Asks the next server; one that cannot even be asked is struck, and the next is tried. */
static void ask(struct dns_lookup *l)
{
    while (l->answer->n_tries < DNS_TRIES_MAX && now(l) < l->deadline && find_server(l)) {
        uint32_t bit = UINT32_C(1) << l->server;
        struct dns_query query = {
            .type = l->answer->type,
            .name = l->name,
            .recurse = !l->zone->authoritative,
            .edns = !(l->plain & bit),
        };
        int64_t left = l->deadline - now(l);
        int64_t wait = round_wait[l->round] < left ? round_wait[l->round] : left;
        enum rc rc;

        l->asked = now(l);
        rc = dns_exchange_start(&l->exchange, &query, &l->zone->servers[l->server], wait, on_reply,
                                l);
        if (rc == RC_OK)
            return;
        if (rc == RC_NOMEM) {
            finish(l, rc);
            return;
        }
        note(l, rc, NULL, false);
        l->struck |= bit;
        l->failed = true;
    }
    finish_status(l, l->failed ? DNS_FAILED : DNS_TIMED_OUT);
}

/* Begins with another name: that of the question, or an alias of it. */
static void begin(struct dns_lookup *l)
{
    l->zone = dns_zones_find(l->zones, l->name);
    l->round = 0;
    l->server = 0;
    l->struck = l->plain = 0;
    l->failed = false;
    if (l->zone)
        ask(l);
    else
        finish_status(l, DNS_NO_SERVER);
}

/* ---- what came back */

static const struct dns_record *find(const struct dns_reply *reply, struct str owner,
                                     enum dns_type type)
{
    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == type && str_eq(reply->records[i].owner, owner))
            return &reply->records[i];
    return NULL;
}

static bool seen(const struct dns_answer *answer, struct str name)
{
    for (size_t i = 0; i < answer->n_aliases; i++)
        if (str_eq(answer->aliases[i], name))
            return true;
    return str_eq(answer->name, name);
}

enum follow { FOLLOW_END, FOLLOW_ASK, FOLLOW_LOOP };

/* Goes along the aliases in the reply as far as this zone's servers may speak for them. */
static enum follow follow(struct dns_lookup *l, const struct dns_reply *reply)
{
    struct dns_answer *answer = l->answer;
    bool moved = false;

    for (const struct dns_record *r; (r = find(reply, l->name, DNS_CNAME)); moved = true) {
        if (r->text.n == 0 || answer->n_aliases == DNS_ALIASES_MAX || seen(answer, r->text))
            return FOLLOW_LOOP;
        answer->aliases[answer->n_aliases++] = r->text;
        l->name = r->text;
        if (dns_zones_find(l->zones, l->name) != l->zone)
            return FOLLOW_ASK;
    }
    /* Who holds the zone need not hold what the alias is for. */
    if (moved && l->zone->authoritative && !find(reply, l->name, answer->type))
        return FOLLOW_ASK;
    return FOLLOW_END;
}

static enum rc collect(struct dns_lookup *l, const struct dns_reply *reply)
{
    struct dns_answer *answer = l->answer;

    answer->records = ARENA_ARRAY(l->arena, struct dns_record, reply->n + 1);
    if (!answer->records)
        return RC_NOMEM;
    for (size_t i = 0; i < reply->n; i++)
        if (reply->records[i].type == answer->type && str_eq(reply->records[i].owner, l->name))
            answer->records[answer->n++] = reply->records[i];
    return RC_OK;
}

static void digest(struct dns_lookup *l, const struct dns_reply *reply)
{
    enum follow how = follow(l, reply);

    if (how == FOLLOW_LOOP) {
        finish_status(l, DNS_LOOP);
    } else if (how == FOLLOW_ASK) {
        begin(l);
    } else if (reply->rcode == DNS_NXDOMAIN) {
        finish_status(l, DNS_NO_NAME);
    } else if (collect(l, reply) != RC_OK) {
        finish(l, RC_NOMEM);
    } else {
        finish_status(l, l->answer->n ? DNS_FOUND : DNS_NO_DATA);
    }
}

/* A server that neither holds the zone nor finds out: its "nothing" means nothing. */
static bool is_lame(const struct dns_lookup *l, const struct dns_reply *reply)
{
    if (l->zone->authoritative)
        return !reply->authoritative;
    return reply->n == 0 && !reply->authoritative && !reply->recursion_available;
}

static void on_reply(void *arg, enum rc rc, const struct dns_reply *reply, bool tcp)
{
    struct dns_lookup *l = arg;
    uint32_t bit = UINT32_C(1) << l->server;

    if (rc == RC_NOMEM) {
        finish(l, rc);
        return;
    }
    note(l, rc, reply, tcp);
    if (rc == RC_OK && (reply->rcode == DNS_NOERROR || reply->rcode == DNS_NXDOMAIN)) {
        if (!is_lame(l, reply)) {
            digest(l, reply);
            return;
        }
        l->answer->tries[l->answer->n_tries - 1].lame = true;
    }
    if (rc == RC_OK && !(l->plain & bit) &&
        (reply->rcode == DNS_FORMERR || reply->rcode == DNS_NOTIMP ||
         reply->rcode == DNS_BADVERS)) {
        l->plain |= bit; /* the same again, as it was before EDNS */
    } else {
        if (rc != RC_TIMEOUT) {
            l->struck |= bit;
            l->failed = true;
        }
        l->server++;
    }
    ask(l);
}

/* ---- lookups */

static void on_soon(void *arg)
{
    begin(arg);
}

enum rc dns_lookup_start(struct dns_resolver *r, const struct dns_question *q, dns_answer_fn fn,
                         void *arg, struct dns_lookup **out)
{
    CLEANUP(lookup_freep) struct dns_lookup *l = NULL;
    CLEANUP(buf_done) struct buf probe = BUF_INIT(DNS_QUERY_MAX);

    if (r->n_lookups == DNS_LOOKUPS_MAX)
        return RC_QUOTA;
    TRY(dns_query_put(&(struct dns_query){.type = q->type, .name = q->name}, &probe));
    l = MEM_NEW(struct dns_lookup);
    if (!l)
        return RC_NOMEM;
    list_init(&l->link);
    ev_defer_init(&l->soon, on_soon, l);
    dns_exchange_init(&l->exchange, r->ev, r->net, q->arena);
    l->resolver = r;
    l->zones = dns_zones_ref(r->zones);
    l->arena = q->arena;
    l->fn = fn;
    l->arg = arg;
    l->began = now(l);
    l->deadline = l->began + q->timeout;
    l->answer = ARENA_NEW(q->arena, struct dns_answer);
    if (!l->answer)
        return RC_NOMEM;
    l->answer->type = q->type;
    TRY(arena_str(q->arena, q->name, &l->answer->name));
    l->name = l->answer->name;
    list_push(&r->lookups, &l->link);
    r->n_lookups++;
    ev_defer(r->ev, &l->soon);
    if (out)
        *out = l;
    (void)MOVE(l);
    return RC_OK;
}

void dns_lookup_cancel(struct dns_lookup *l)
{
    lookup_free(l);
}

enum rc dns_resolver_new(struct ev *ev, struct net *net, struct dns_zones *zones,
                         struct dns_resolver **out)
{
    struct dns_resolver *r = MEM_NEW(struct dns_resolver);

    if (!r)
        return RC_NOMEM;
    r->ev = ev;
    r->net = net;
    r->zones = dns_zones_ref(zones);
    list_init(&r->lookups);
    *out = r;
    return RC_OK;
}

void dns_resolver_free(struct dns_resolver *r)
{
    if (!r)
        return;
    LIST_FOREACH (it, &r->lookups)
        lookup_free(LIST_ENTRY(it, struct dns_lookup, link));
    dns_zones_unref(r->zones);
    mem_free(r);
}

void dns_resolver_set_zones(struct dns_resolver *r, struct dns_zones *zones)
{
    struct dns_zones *old = r->zones;

    r->zones = dns_zones_ref(zones);
    dns_zones_unref(old);
}
