/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/lookup_int.h"

void dns_agree_stop(struct dns_lookup *l)
{
    for (size_t i = 0; l->panel && i < l->panel->n; i++)
        dns_lookup_cancel(MOVE(l->panel->members[i].sub));
}

static bool same_record(const struct dns_record *a, const struct dns_record *b)
{
    return addr_eq(&a->addr, &b->addr) && str_eq(a->text, b->text) && str_eq(a->tag, b->tag) &&
           a->flags == b->flags;
}

static size_t count(const struct dns_answer *a, const struct dns_record *r)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++)
        n += same_record(&a->records[i], r);
    return n;
}

/* It says something about the name, be it that there is nothing. */
static bool is_word(const struct dns_answer *a)
{
    return a && (a->status == DNS_FOUND || a->status == DNS_NO_NAME || a->status == DNS_NO_DATA);
}

/* The same records, in whatever order and however long they may be kept. */
static bool same(const struct dns_answer *a, const struct dns_answer *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (count(a, &a->records[i]) != count(b, &a->records[i]))
            return false;
    return true;
}

static const struct dns_answer *winner(const struct dns_panel *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct dns_answer *a = p->members[i].answer;
        size_t votes = 0;

        for (size_t j = 0; is_word(a) && j < p->n; j++)
            votes += is_word(p->members[j].answer) && same(a, p->members[j].answer);
        if (votes >= p->wanted)
            return a;
    }
    return NULL;
}

static bool all_heard(const struct dns_panel *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->members[i].answer)
            return false;
    return true;
}

static void add_tries(struct dns_lookup *l)
{
    for (size_t i = 0; i < l->panel->n; i++)
        if (l->panel->members[i].answer)
            dns_lookup_add_tries(l, l->panel->members[i].answer);
}

/* Those that answer contradict each other; or too few of them answer. */
static enum dns_status why_not(const struct dns_panel *p)
{
    const struct dns_answer *first = NULL, *silent = NULL;

    for (size_t i = 0; i < p->n; i++) {
        const struct dns_answer *a = p->members[i].answer;

        if (!is_word(a)) {
            silent = a;
            continue;
        }
        if (first && !same(first, a))
            return DNS_DISAGREE;
        first = a;
    }
    return silent ? silent->status : DNS_DISAGREE;
}

static void conclude(struct dns_lookup *l)
{
    const struct dns_answer *a = winner(l->panel);

    if (!a && !all_heard(l->panel))
        return;
    add_tries(l);
    if (!a) {
        dns_lookup_status(l, why_not(l->panel));
        return;
    }
    for (size_t i = 0; i < a->n_aliases && l->answer->n_aliases < DNS_ALIASES_MAX; i++)
        l->answer->aliases[l->answer->n_aliases++] = a->aliases[i];
    l->answer->records = a->records;
    l->answer->n = a->n;
    l->answer->zone = a->zone;
    l->answer->agreed = true;
    l->name = a->canonical;
    dns_lookup_status(l, a->status);
}

static void on_member(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct dns_member *m = arg;

    m->sub = NULL;
    m->answer = answer;
    if (rc == RC_OK)
        conclude(m->owner);
    else
        dns_lookup_finish(m->owner, rc);
}

void dns_agree(struct dns_lookup *l)
{
    struct dns_question q = {
        .name = l->name, .type = l->answer->type, .timeout = dns_lookup_left(l), .arena = l->arena};
    struct dns_panel *p = ARENA_NEW(l->arena, struct dns_panel);
    enum rc rc = p ? RC_OK : RC_NOMEM;

    l->panel = p;
    if (p)
        p->wanted = l->zone->agree;
    for (size_t i = 0; rc == RC_OK && i < l->zone->n_servers && i < DNS_AGREE_MAX; i++) {
        struct dns_member *m = &p->members[p->n++];

        m->owner = l;
        rc = dns_lookup_start_part(l->resolver, &q, &(struct dns_part){.pin = (unsigned)i + 1},
                                   on_member, m, &m->sub);
    }
    if (rc != RC_OK)
        dns_lookup_finish(l, rc);
}
