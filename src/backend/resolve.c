/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/resolver.h"

#include "backend/backend.h"
#include "backend/find.h"
#include "base/arena.h"
#include "base/name.h"
#include "log/log.h"

MSG(msg_nothing, "gateway.no-address", "{0} has no address");

enum { QUERIES = 2, LOOKUP_ARENA = 256 * 1024, KEYS_MAX = 4096 };

struct query {
    struct backend *backend;
    struct dns_lookup *lookup; /* NULL: it has ended */
};

/* The addresses of one name being looked up, of both kinds. */
struct backend_lookup {
    struct query queries[QUERIES];
    struct arena arena;
    struct addr addrs[BACKEND_ADDRESSES_MAX];
    size_t n;
    int64_t ttl;
    struct err why;
};

void backend_lookup_free(struct backend_lookup *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        if (l->queries[i].lookup)
            dns_lookup_cancel(l->queries[i].lookup);
    arena_done(&l->arena);
    mem_free(l);
}

/* What is known goes on to count when nothing newer is to be had. */
static void settle(struct backend *b, struct backend_lookup *l)
{
    int64_t ttl = BACKEND_TTL_MIN_SECONDS;

    if (l->n) {
        memcpy(b->addrs, l->addrs, sizeof(b->addrs));
        b->n_addrs = l->n;
        b->first = 0;
        ttl = l->ttl < ttl ? ttl : l->ttl;
    } else {
        log_warn("gateway.backend-name", LOG_STR("backend", b->key), LOG_ERR(&l->why));
    }
    b->expires = backend_now(b) + ttl * WHEN_SECOND;
}

static void finish(struct backend *b)
{
    struct backend_lookup *l = MOVE(b->lookup);
    struct list waiting, *link;
    struct err err = l->why;

    settle(b, l);
    backend_lookup_free(l);
    list_init(&waiting);
    list_splice(&waiting, &b->waiting);
    b->refs++; /* whoever is called may drop the last one */
    while ((link = list_pop(&waiting)))
        backend_find_resolved(LIST_ENTRY(link, struct backend_find, waiting),
                              b->n_addrs ? NULL : &err);
    backend_unref(b);
}

static void on_answer(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct query *q = arg;
    struct backend_lookup *l = q->backend->lookup;

    q->lookup = NULL;
    if (rc == RC_OK && answer->status != DNS_FOUND)
        rc = dns_answer_err(answer, l->n ? NULL : &l->why);
    else
        l->why.rc = rc;
    for (size_t i = 0; rc == RC_OK && i < answer->n && l->n < BACKEND_ADDRESSES_MAX; i++) {
        l->addrs[l->n++] = answer->records[i].addr;
        if (answer->records[i].ttl < l->ttl)
            l->ttl = answer->records[i].ttl;
    }
    for (size_t i = 0; i < QUERIES; i++)
        if (l->queries[i].lookup)
            return;
    if (l->n == 0 && !l->why.msg && l->why.rc == RC_OK)
        IGNORE_RC(ERR(&l->why, RC_NOTFOUND, msg_nothing, q->backend->host));
    finish(q->backend);
}

static enum rc start(struct backend *b)
{
    static const enum dns_type types[QUERIES] = {DNS_A, DNS_AAAA};
    struct backend_lookup *l = MEM_NEW(struct backend_lookup);
    struct dns_question question = {.name = b->host,
                                    .timeout = BACKEND_RESOLVE_SECONDS * WHEN_SECOND};
    enum rc rc = RC_OK;

    if (!l)
        return RC_NOMEM;
    arena_init(&l->arena, LOOKUP_ARENA);
    question.arena = &l->arena;
    l->ttl = BACKEND_TTL_MAX_SECONDS;
    for (size_t i = 0; i < QUERIES && rc == RC_OK; i++) {
        l->queries[i].backend = b;
        question.type = types[i];
        rc = dns_lookup_start(b->all->resolver, &question, on_answer, &l->queries[i],
                              &l->queries[i].lookup);
    }
    if (rc == RC_OK)
        b->lookup = l;
    else
        backend_lookup_free(l);
    return rc;
}

/* RFC 6761 section 6.3: the name of this machine is nobody else's business. */
static bool local(struct backend *b)
{
    static const struct str addrs[] = {STR("127.0.0.1"), STR("::1")};

    if (!name_under(b->host, STR("localhost")))
        return false;
    for (b->n_addrs = 0; b->n_addrs < sizeof(addrs) / sizeof(addrs[0]); b->n_addrs++)
        IGNORE_RC(addr_parse(addrs[b->n_addrs], &b->addrs[b->n_addrs])); /* they are */
    b->expires = INT64_MAX;
    return true;
}

enum rc backend_resolve(struct backend *b, struct backend_find *f)
{
    if ((b->n_addrs && b->expires > backend_now(b)) || local(b))
        return RC_OK;
    if (!b->lookup)
        TRY(start(b));
    list_push(&b->waiting, &f->waiting);
    return RC_AGAIN;
}

void backend_forget(struct backend *b)
{
    if (b->expires != INT64_MAX)
        b->expires = 0;
}

void backends_init(struct backends *all, struct ev *ev, struct net *net)
{
    *all = (struct backends){.ev = ev, .net = net};
    map_init(&all->by_key, KEYS_MAX);
}

void backends_done(struct backends *all)
{
    dns_resolver_free(MOVE(all->resolver));
    map_done(&all->by_key);
}

enum rc backends_set_zones(struct backends *all, struct dns_zones *zones)
{
    if (!all->resolver)
        return dns_resolver_new(all->ev, all->net, zones, &all->resolver);
    dns_resolver_set_zones(all->resolver, zones);
    return RC_OK;
}
