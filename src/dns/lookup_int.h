/* SPDX-License-Identifier: Apache-2.0 */
/* One lookup, for the files of dns/: resolver.c (asks and follows aliases), find.c (the servers of
 * a zone that names none), agree.c (several servers asked for the same). */
#pragma once

#include "base/list.h"
#include "dns/exchange.h"
#include "dns/resolver.h"

struct dns_resolver {
    struct ev *ev;
    struct net *net;
    struct dns_zones *zones;
    bool (*may)(void *arg, const struct addr *addr);
    void *may_arg;
    struct list lookups;
    size_t n_lookups;
};

/* What a part of another lookup is bound to. */
struct dns_part {
    bool recursive; /* asks resolvers that find out, and nobody else */
    unsigned pin;   /* n: where several must agree, asks the n-th alone; 0: not such a part */
};

/* The search for a zone's servers. */
struct dns_finding {
    struct dns_lookup *sub;
    struct str at; /* whose NS records are looked for */
    const struct dns_answer *ns;
    size_t next; /* twice the index of the server whose addresses are next, and 1 for IPv6 */
    struct addr_port servers[DNS_FOUND_MAX];
    struct dns_zone zone;
};

struct dns_panel {
    struct dns_member {
        struct dns_lookup *owner;
        struct dns_lookup *sub;
        const struct dns_answer *answer; /* NULL: not yet */
    } members[DNS_AGREE_MAX];
    size_t n, wanted;
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
    struct dns_part part;
    /* Of the name asked now: */
    struct str name;
    const struct dns_zone *zone;
    unsigned round;
    size_t server, end; /* of the zone, up to `end` */
    uint32_t struck;    /* bit per server: not asked again */
    uint32_t plain;     /* bit per server: does not know EDNS */
    bool failed;        /* somebody answered, to no avail */
    int64_t asked;
    struct dns_finding finding;
    struct dns_panel *panel; /* in the arena; NULL: one answer will do */
};

enum rc dns_lookup_start_part(struct dns_resolver *r, const struct dns_question *q,
                              const struct dns_part *part, dns_answer_fn fn, void *arg,
                              struct dns_lookup **out);
/* Ends it; the lookup is gone. */
void dns_lookup_finish(struct dns_lookup *l, enum rc rc);
void dns_lookup_status(struct dns_lookup *l, enum dns_status status);
/* Takes over what a part was told, as far as there is room. */
void dns_lookup_add_tries(struct dns_lookup *l, const struct dns_answer *of);
int64_t dns_lookup_left(const struct dns_lookup *l);

/* Finds the servers of l->zone for l->name; then dns_lookup_ask with l->zone as what was found, or
 * the end. */
void dns_find(struct dns_lookup *l);
void dns_find_stop(struct dns_lookup *l);
void dns_lookup_ask(struct dns_lookup *l, const struct dns_zone *zone);

/* Asks the servers of l->zone for l->name, each for itself, and ends the lookup with what enough of
 * them say. */
void dns_agree(struct dns_lookup *l);
void dns_agree_stop(struct dns_lookup *l);
