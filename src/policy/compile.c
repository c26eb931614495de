/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to the snapshot. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/policy_int.h"

MSG(msg_entries, "policy.too-large",
    "the rules of the policy, spread out to their names, clients and networks, are more than {0}, "
    "which is the limit; rule \"{1}\" is where it is passed: gather clients under a key of "
    "`autarky eab create`, or names under a pattern");

enum {
    ARENA_MAX = 64 << 20,
    KEYS_MAX = 3 * POLICY_ENTRIES_MAX, /* of an entry its own, its end's, the end's above */
    FROM_MAX = 2 + 2 + 16,
};

/* Entries on their way into the index. */
struct draft {
    struct policy_entry entry;
    struct str end;   /* key of the end of names, or of the network */
    struct str above; /* of a pattern with something beside its star: its domain */
    struct policy_star star;
    char kind; /* 'e', 'a', 'c'; 0: anybody */
    struct str client;
};

struct compiler {
    struct policy *p;
    struct draft *drafts;
    size_t n, room;
    const struct conf_rule *rule;
    struct err *err;
};

/* ---- keys */

void policy_key_end(struct policy_key *k, struct str end)
{
    k->n = end.n < POLICY_KEY_MAX ? end.n : 0;
    if (k->n)
        memcpy(k->text, end.p, k->n);
}

static void put_net(struct policy_key *k, const struct addr *a, unsigned bits)
{
    size_t whole = bits / 8;

    k->text[k->n++] = (char)a->n;
    k->text[k->n++] = (char)bits;
    memcpy(k->text + k->n, a->b, whole);
    k->n += whole;
    if (bits % 8)
        k->text[k->n++] = (char)(a->b[whole] & (0xff00 >> bits % 8));
}

/* No name begins with a NUL. */
void policy_key_net(struct policy_key *k, const struct addr *a, unsigned bits)
{
    k->text[0] = '\0';
    k->n = 1;
    put_net(k, a, bits);
}

void policy_key_from(struct policy_key *k, const struct addr *a, unsigned bits)
{
    k->text[k->n++] = '\0';
    k->text[k->n++] = 'n';
    put_net(k, a, bits);
}

static void put(struct policy_key *k, struct str s)
{
    if (s.n)
        memcpy(k->text + k->n, s.p, s.n);
    k->n += s.n;
}

/* No end of a name has a star beside something. */
void policy_key_star(struct policy_key *k, const struct policy_star *star, struct str end)
{
    k->n = 0;
    if (star->prefix.n + star->suffix.n + end.n + 2 > POLICY_KEY_MAX)
        return;
    put(k, star->prefix);
    k->text[k->n++] = '*';
    put(k, star->suffix);
    k->text[k->n++] = '.';
    put(k, end);
}

void policy_key_client(struct policy_key *k, char kind, struct str client)
{
    if (k->n + 2 + client.n + FROM_MAX > POLICY_KEY_MAX)
        client.n = 0;
    k->text[k->n++] = '\0';
    k->text[k->n++] = kind;
    if (client.n)
        memcpy(k->text + k->n, client.p, client.n);
    k->n += client.n;
}

/* ---- spreading out */

static enum rc add(struct compiler *c, const struct draft *d)
{
    struct draft *more;
    char text[24];

    if (c->n == POLICY_ENTRIES_MAX) {
        snprintf(text, sizeof(text), "%d", POLICY_ENTRIES_MAX);
        return ERR(c->err, RC_TOOBIG, msg_entries, str_of(text), c->rule->name);
    }
    if (c->n == c->room) {
        more = mem_realloc(c->drafts, (c->room * 2 + 64) * sizeof(*more));
        if (!more)
            return RC_NOMEM;
        c->drafts = more;
        c->room = c->room * 2 + 64;
    }
    c->drafts[c->n] = *d;
    c->drafts[c->n++].entry.who |= conf_rule_from_one(c->rule) << 8;
    return RC_OK;
}

static enum rc add_from(struct compiler *c, struct draft d)
{
    const struct conf_nets *nets = &c->rule->networks;

    if (nets->n == 0)
        return add(c, &d);
    for (size_t i = 0; i < nets->n; i++) {
        struct draft from = d;

        from.entry.net = nets->p[i];
        from.entry.who |= nets->p[i].bits + 1u;
        TRY(add(c, &from));
    }
    return RC_OK;
}

static enum rc add_client(struct compiler *c, struct draft d, char kind, unsigned who,
                          const struct conf_strs *clients)
{
    c->p->shown |= kind == 'c' && clients->n > 0;
    for (size_t i = 0; i < clients->n; i++) {
        d.kind = kind;
        d.client = clients->p[i];
        d.entry.who |= who << 9;
        TRY(add_from(c, d));
    }
    return RC_OK;
}

static enum rc add_who(struct compiler *c, const struct draft *d)
{
    const struct conf_rule *r = c->rule;

    if (!conf_rule_has_clients(r))
        return add_from(c, *d);
    TRY(add_client(c, *d, 'e', POLICY_WHO_EAB, &r->eab));
    TRY(add_client(c, *d, 'a', POLICY_WHO_ACCOUNT, &r->accounts));
    TRY(add_client(c, *d, 'c', POLICY_WHO_SHOWN, &r->client_certificates));
    for (size_t i = 0; i < r->groups.n; i++) {
        const struct conf_group *g = conf_group_find(c->p->conf, r->groups.p[i]);

        if (!g)
            continue;
        TRY(add_client(c, *d, 'e', POLICY_WHO_GROUP, &g->eab));
        TRY(add_client(c, *d, 'a', POLICY_WHO_GROUP, &g->accounts));
        TRY(add_client(c, *d, 'c', POLICY_WHO_GROUP, &g->client_certificates));
    }
    return RC_OK;
}

static enum rc add_address(struct compiler *c, const struct addr_net *net)
{
    struct draft d = {.entry = {.rule = c->rule, .rank = net->bits}};
    struct policy_key k;

    policy_key_net(&k, &net->base, net->bits);
    c->p->bits[net->base.n == 16][net->bits] = true;
    TRY(arena_str(&c->p->arena, str_bytes(k.text, k.n), &d.end));
    return add_who(c, &d);
}

/* In a label with something beside it. */
static bool has_star(const struct draft *d)
{
    return d->star.prefix.n + d->star.suffix.n > 0;
}

static enum rc add_pattern(struct compiler *c, struct str pattern)
{
    struct draft d = {
        .entry = {.rule = c->rule, .pattern = pattern, .rank = policy_pattern_rank(pattern)},
        .end = policy_pattern_domain(pattern),
        .above = policy_pattern_domain(pattern),
        .star = policy_pattern_star(pattern),
    };
    struct policy_key k;

    if (has_star(&d)) {
        policy_key_star(&k, &d.star, d.above);
        TRY(arena_str(&c->p->arena, str_bytes(k.text, k.n), &d.end));
    }
    return add_who(c, &d);
}

static enum rc spread(struct compiler *c)
{
    const struct conf_rule *r = c->rule;

    c->p->gateway |= (r->from & 1u << CONF_FROM_GATEWAY) != 0;
    for (size_t i = 0; i < r->allow.n; i++)
        TRY(add_pattern(c, r->allow.p[i]));
    for (size_t i = 0; i < r->addresses.n; i++)
        TRY(add_address(c, &r->addresses.p[i]));
    return RC_OK;
}

/* ---- the index */

static int falling(uint32_t a, uint32_t b)
{
    return a > b ? -1 : a < b;
}

static int by_net(const struct addr_net *a, const struct addr_net *b)
{
    int order = falling(a->base.n, b->base.n);

    if (order == 0)
        order = falling(a->bits, b->bits);
    return order ? order : memcmp(a->base.b, b->base.b, a->base.n);
}

/* By bucket; in it the most specific first. */
static int by_bucket(const void *pa, const void *pb)
{
    const struct draft *a = pa, *b = pb;
    int order = str_cmp(a->end, b->end);

    if (order == 0)
        order = a->kind - b->kind;
    if (order == 0)
        order = str_cmp(a->client, b->client);
    if (order == 0)
        order = by_net(&a->entry.net, &b->entry.net);
    if (order == 0)
        order = falling(a->entry.rank, b->entry.rank);
    if (order == 0)
        order = falling(a->entry.who, b->entry.who);
    if (order == 0)
        order = a->entry.rule < b->entry.rule ? -1 : a->entry.rule > b->entry.rule;
    return order;
}

static bool same_bucket(const struct draft *a, const struct draft *b)
{
    return a->kind == b->kind && str_eq(a->end, b->end) && str_eq(a->client, b->client) &&
           by_net(&a->entry.net, &b->entry.net) == 0;
}

static enum rc bucket_at(struct policy *p, const struct policy_key *k, struct policy_bucket **out)
{
    struct str key = str_bytes(k->text, k->n);

    *out = map_get(&p->index, key);
    if (*out)
        return RC_OK;
    *out = ARENA_NEW(&p->arena, struct policy_bucket);
    return *out ? map_add(&p->index, key, *out) : RC_NOMEM;
}

/* What the end's own bucket says of this one. */
static void announce(struct policy_bucket *of_end, const struct draft *d)
{
    const struct addr_net *net = &d->entry.net;

    if (d->entry.rank > of_end->rank)
        of_end->rank = d->entry.rank;
    of_end->clients |= d->kind == 'a' || d->kind == 'e';
    of_end->shown |= d->kind == 'c';
    if (net->base.n)
        of_end->nets[net->base.n == 16].words[net->bits / 64] |= UINT64_C(1) << net->bits % 64;
}

static enum rc put_bucket(struct compiler *c, const struct draft *first, size_t n)
{
    struct policy *p = c->p;
    struct policy_entry *entries = ARENA_ARRAY(&p->arena, struct policy_entry, n);
    struct policy_bucket *b, *above;
    struct policy_key k;

    if (!entries)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        entries[i] = first[i].entry;
    if (has_star(first)) {
        policy_key_end(&k, first->above);
        TRY(bucket_at(p, &k, &above));
        above->prefixes |= UINT64_C(1) << first->star.prefix.n;
        above->suffixes |= UINT64_C(1) << first->star.suffix.n;
    }
    policy_key_end(&k, first->end);
    TRY(bucket_at(p, &k, &b));
    announce(b, first);
    if (first->kind)
        policy_key_client(&k, first->kind, first->client);
    if (first->entry.net.base.n)
        policy_key_from(&k, &first->entry.net.base, first->entry.net.bits);
    TRY(bucket_at(p, &k, &b));
    b->entries = entries;
    b->n = n;
    return RC_OK;
}

static enum rc compile(struct compiler *c)
{
    const struct conf *conf = c->p->conf;

    for (size_t i = 0; i < conf->n_policy; i++) {
        c->rule = &conf->policy[i];
        TRY(spread(c));
    }
    if (c->n)
        qsort(c->drafts, c->n, sizeof(*c->drafts), by_bucket);
    for (size_t i = 0, n; i < c->n; i += n) {
        for (n = 1; i + n < c->n && same_bucket(&c->drafts[i], &c->drafts[i + n]); n++)
            ;
        TRY(put_bucket(c, &c->drafts[i], n));
    }
    return RC_OK;
}

enum rc policy_new(const struct conf *conf, struct policy **out, struct err *err)
{
    CLEANUP(policy_unrefp) struct policy *p = MEM_NEW(struct policy);
    struct compiler c = {.p = p, .err = err};
    enum rc rc;

    if (!p)
        return RC_NOMEM;
    p->refs = 1;
    p->conf = conf_ref(conf);
    arena_init(&p->arena, ARENA_MAX);
    map_init(&p->index, KEYS_MAX);
    policy_reserved_nets(p->reserved);
    rc = compile(&c);
    mem_free(c.drafts);
    TRY(rc);
    *out = MOVE(p);
    return RC_OK;
}

struct policy *policy_ref(struct policy *p)
{
    p->refs++;
    return p;
}

void policy_unref(struct policy *p)
{
    if (!p || --p->refs)
        return;
    map_done(&p->index);
    arena_done(&p->arena);
    conf_unref(p->conf);
    mem_free(p);
}

const struct conf *policy_conf(const struct policy *p)
{
    return p->conf;
}
