/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/resolver.h"

#include <assert.h>

#include "base/name.h"
#include "base/when.h"
#include "dns/lookup_int.h"
#include "ev/clock.h"

enum { ROUNDS = 3 };

static const int64_t round_wait[ROUNDS] = {WHEN_SECOND, WHEN_SECOND, 2 * WHEN_SECOND};

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
    dns_find_stop(l);
    dns_agree_stop(l);
    dns_zones_unref(l->zones);
    mem_free(l);
}
DEFINE_FREEP(lookup_free, struct dns_lookup)

void dns_lookup_finish(struct dns_lookup *l, enum rc rc)
{
    struct dns_answer *answer = l->answer;
    dns_answer_fn fn = l->fn;
    void *arg = l->arg;

    answer->micros = now(l) - l->began;
    answer->canonical = l->name;
    lookup_free(l);
    fn(arg, rc, rc == RC_OK ? answer : NULL);
}

void dns_lookup_status(struct dns_lookup *l, enum dns_status status)
{
    l->answer->status = status;
    dns_lookup_finish(l, RC_OK);
}

int64_t dns_lookup_left(const struct dns_lookup *l)
{
    int64_t left = l->deadline - now(l);

    return left > 0 ? left : 0;
}

void dns_lookup_add_tries(struct dns_lookup *l, const struct dns_answer *of)
{
    for (size_t i = 0; i < of->n_tries && l->answer->n_tries < DNS_TRIES_MAX; i++)
        l->answer->tries[l->answer->n_tries++] = of->tries[i];
}

/* A part of several that must agree has one server. */
static size_t first_server(const struct dns_lookup *l)
{
    return l->end && l->zone->agree > 1 && l->part.pin ? (l->part.pin - 1) % l->zone->n_servers : 0;
}

/* The next server to ask, at l->round and l->server; false when all have had their turns. */
static bool find_server(struct dns_lookup *l)
{
    for (; l->round < ROUNDS; l->round++, l->server = first_server(l))
        for (; l->server < l->end; l->server++)
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
            dns_lookup_finish(l, rc);
            return;
        }
        note(l, rc, NULL, false);
        l->struck |= bit;
        l->failed = true;
    }
    dns_lookup_status(l, l->failed ? DNS_FAILED : DNS_TIMED_OUT);
}

void dns_lookup_ask(struct dns_lookup *l, const struct dns_zone *zone)
{
    l->zone = zone;
    l->round = 0;
    l->struck = l->plain = 0;
    l->failed = false;
    l->end = zone->n_servers;
    l->server = first_server(l);
    if (zone->agree > 1 && l->part.pin)
        l->end = l->server + 1;
    ask(l);
}

/* Begins with another name: that of the question, or an alias of it. */
static void begin(struct dns_lookup *l)
{
    l->zone = l->part.recursive ? dns_zones_find_recursive(l->zones, l->name)
                                : dns_zones_find(l->zones, l->name);
    if (!l->zone)
        dns_lookup_status(l, DNS_NO_SERVER);
    else if (l->zone->n_servers == 0)
        dns_find(l);
    else if (l->zone->agree > 1 && !l->part.pin && !l->part.recursive)
        dns_agree(l);
    else
        dns_lookup_ask(l, l->zone);
}

/* ---- what came back */

/* RFC 6672: the name with that part of it replaced which is an alias, in the arena; the empty str
 * when there is no such part, or the result is no name. */
static struct str substitute(struct dns_lookup *l, const struct dns_reply *reply)
{
    for (size_t i = 0; i < reply->n; i++) {
        const struct dns_record *r = &reply->records[i];
        struct str head = str_head(l->name, l->name.n - r->owner.n);

        if (r->type != DNS_DNAME || r->owner.n == 0 || r->text.n == 0 || r->owner.n >= l->name.n ||
            !name_under(l->name, r->owner) || head.n + r->text.n > DNS_NAME_MAX)
            continue;
        return arena_printf(l->arena, "%.*s%.*s", STR_ARG(head), STR_ARG(r->text));
    }
    return STR("");
}

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

/* The servers asked may speak for this name too. */
static bool in_charge(const struct dns_lookup *l)
{
    if (l->zone == &l->finding.zone)
        return name_under(l->name, l->finding.at);
    return (l->part.recursive ? dns_zones_find_recursive(l->zones, l->name)
                              : dns_zones_find(l->zones, l->name)) == l->zone;
}

/* The next name along the aliases; empty at their end. A record that leads nowhere is a loop. */
static struct str next_alias(struct dns_lookup *l, const struct dns_reply *reply, bool *loop)
{
    const struct dns_record *r = find(reply, l->name, DNS_CNAME);
    struct str to = r ? r->text : substitute(l, reply);

    *loop = (r && to.n == 0) ||
            (to.n && (l->answer->n_aliases == DNS_ALIASES_MAX || seen(l->answer, to)));
    return to;
}

/* Goes along the aliases in the reply as far as this zone's servers may speak for them. */
static enum follow follow(struct dns_lookup *l, const struct dns_reply *reply)
{
    struct dns_answer *answer = l->answer;
    bool moved = false, loop = false;

    for (struct str to; (to = next_alias(l, reply, &loop)).n; moved = true) {
        if (loop)
            return FOLLOW_LOOP;
        answer->aliases[answer->n_aliases++] = to;
        l->name = to;
        if (!in_charge(l))
            return FOLLOW_ASK;
    }
    if (loop)
        return FOLLOW_LOOP;
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
        dns_lookup_status(l, DNS_LOOP);
    } else if (how == FOLLOW_ASK) {
        begin(l);
    } else if (reply->rcode == DNS_NXDOMAIN) {
        dns_lookup_status(l, DNS_NO_NAME);
    } else if (collect(l, reply) != RC_OK) {
        dns_lookup_finish(l, RC_NOMEM);
    } else {
        dns_lookup_status(l, l->answer->n ? DNS_FOUND : DNS_NO_DATA);
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
        dns_lookup_finish(l, rc);
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
    return dns_lookup_start_part(r, q, &(struct dns_part){.pin = 0}, fn, arg, out);
}

enum rc dns_lookup_start_part(struct dns_resolver *r, const struct dns_question *q,
                              const struct dns_part *part, dns_answer_fn fn, void *arg,
                              struct dns_lookup **out)
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
    l->part = *part;
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

/* One that is no part of another; there is one as long as there are any. */
static struct dns_lookup *whole(struct dns_resolver *r)
{
    LIST_FOREACH (it, &r->lookups) {
        struct dns_lookup *l = LIST_ENTRY(it, struct dns_lookup, link);

        if (!l->part.recursive && !l->part.pin)
            return l;
    }
    return NULL;
}

void dns_resolver_free(struct dns_resolver *r)
{
    if (!r)
        return;
    /* Each takes its parts along, so the next one is looked for afresh. */
    while (!list_empty(&r->lookups))
        lookup_free(whole(r));
    dns_zones_unref(r->zones);
    mem_free(r);
}

void dns_resolver_set_filter(struct dns_resolver *r,
                             bool (*may)(void *arg, const struct addr *addr), void *arg)
{
    r->may = may;
    r->may_arg = arg;
}

struct dns_zones *dns_resolver_zones(const struct dns_resolver *r)
{
    return r->zones;
}

void dns_resolver_set_zones(struct dns_resolver *r, struct dns_zones *zones)
{
    struct dns_zones *old = r->zones;

    r->zones = dns_zones_ref(zones);
    dns_zones_unref(old);
}
