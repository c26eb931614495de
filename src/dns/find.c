/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"
#include "dns/lookup_int.h"

enum { DNS_PORT = 53, NAMES_MAX = 4 /* servers of a zone whose addresses are looked up */ };

static const struct dns_part recursive = {.recursive = true};

void dns_find_stop(struct dns_lookup *l)
{
    dns_lookup_cancel(MOVE(l->finding.sub));
}

static void ask_ns(struct dns_lookup *l);
static void ask_address(struct dns_lookup *l);

static enum rc start(struct dns_lookup *l, struct str name, enum dns_type type, dns_answer_fn fn)
{
    struct dns_question q = {
        .name = name, .type = type, .timeout = dns_lookup_left(l), .arena = l->arena};

    return dns_lookup_start_part(l->resolver, &q, &recursive, fn, l, &l->finding.sub);
}

/* One label up, but not out of the zone of the configuration. */
static bool climb(struct dns_lookup *l)
{
    struct str label, rest;
    bool all = str_eq(l->zone->name, STR("."));

    if (!str_cut(l->finding.at, '.', &label, &rest) || !(all || name_under(rest, l->zone->name)))
        return false;
    l->finding.at = rest;
    return true;
}

static void on_ns(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct dns_lookup *l = arg;
    struct dns_finding *f = &l->finding;

    f->sub = NULL;
    if (rc != RC_OK) {
        dns_lookup_finish(l, rc);
        return;
    }
    /* Behind an alias are the servers of something else. */
    if (answer->status == DNS_FOUND && answer->n_aliases == 0) {
        f->ns = answer;
        f->next = 0;
        ask_address(l);
    } else if (answer->status == DNS_FAILED || answer->status == DNS_TIMED_OUT ||
               answer->status == DNS_NO_SERVER) {
        dns_lookup_add_tries(l, answer);
        dns_lookup_status(l, answer->status);
    } else if (climb(l)) {
        ask_ns(l);
    } else {
        dns_lookup_add_tries(l, answer);
        dns_lookup_status(l, DNS_NO_SERVER);
    }
}

static void ask_ns(struct dns_lookup *l)
{
    enum rc rc = start(l, l->finding.at, DNS_NS, on_ns);

    if (rc != RC_OK)
        dns_lookup_finish(l, rc);
}

static void take(struct dns_lookup *l, const struct dns_answer *answer)
{
    struct dns_zone *zone = &l->finding.zone;
    const struct dns_resolver *r = l->resolver;

    for (size_t i = 0; i < answer->n && zone->n_servers < DNS_FOUND_MAX; i++) {
        const struct addr *addr = &answer->records[i].addr;

        if (!r->may || r->may(r->may_arg, addr))
            l->finding.servers[zone->n_servers++] = (struct addr_port){*addr, DNS_PORT};
    }
}

static void on_address(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct dns_lookup *l = arg;

    l->finding.sub = NULL;
    if (rc != RC_OK) {
        dns_lookup_finish(l, rc);
        return;
    }
    take(l, answer);
    l->finding.next++;
    ask_address(l);
}

static void found(struct dns_lookup *l)
{
    struct dns_finding *f = &l->finding;

    if (f->zone.n_servers == 0) {
        dns_lookup_add_tries(l, f->ns);
        dns_lookup_status(l, DNS_NO_SERVER);
        return;
    }
    l->answer->zone = f->at;
    dns_lookup_ask(l, &f->zone);
}

/* The next address of the next server; a name that cannot be asked for has none. */
static void ask_address(struct dns_lookup *l)
{
    struct dns_finding *f = &l->finding;

    while (f->next / 2 < f->ns->n && f->next / 2 < NAMES_MAX && f->zone.n_servers < DNS_FOUND_MAX) {
        const struct dns_record *ns = &f->ns->records[f->next / 2];
        enum rc rc = start(l, ns->text, f->next % 2 ? DNS_AAAA : DNS_A, on_address);

        if (rc == RC_OK)
            return;
        if (rc != RC_INVAL) {
            dns_lookup_finish(l, rc);
            return;
        }
        f->next++;
    }
    found(l);
}

void dns_find(struct dns_lookup *l)
{
    struct dns_finding *f = &l->finding;

    f->at = l->name;
    f->zone = (struct dns_zone){.servers = f->servers, .authoritative = true};
    ask_ns(l);
}
