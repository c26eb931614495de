/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/pool.h"

#include <inttypes.h>
#include <stdio.h>

#include "backend/backend.h"
#include "backend/check.h"
#include "http/reader.h"

MSG(msg_backends, "gateway.backends", "the site {0} has more than {1} backends");

enum { NUMBER = 24 };

/* ---- life */

/* FNV-1a: the same in every process, and after a restart. It keeps addresses out of sight, not
 * from somebody who guesses one. */
static void name_member(struct backend_member *m, struct str site)
{
    const struct str parts[] = {site, m->backend->key};
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
        for (size_t i = 0; i < parts[k].n; i++)
            h = (h ^ (unsigned char)parts[k].p[i]) * UINT64_C(0x100000001b3);
    snprintf(m->sticky, sizeof(m->sticky), "%016" PRIx64, h);
}

static enum rc pool_alloc(size_t n, struct backend_pool **out)
{
    struct backend_pool *p = mem_calloc(1, sizeof(*p) + n * sizeof(p->members[0]));

    if (!p)
        return RC_NOMEM;
    p->n = n;
    *out = p;
    return RC_OK;
}

static bool drains(const struct conf_site *site, struct str url)
{
    for (size_t i = 0; i < site->drain.n; i++)
        if (str_eq(site->drain.p[i], url))
            return true;
    return false;
}

static enum rc fill(struct backends *all, const struct conf_site *site, struct str url,
                    struct backend_member *m, struct err *err)
{
    struct backend_check_conf check = {
        .site = site->name,
        .path = site->check,
        .interval = site->check_interval,
        .send_proxy = site->send_proxy,
    };

    TRY(backend_get(all, site, url, &m->backend, err));
    m->draining = drains(site, url);
    name_member(m, site->name);
    check.backend = m->backend;
    /* One alone gets the connections in any case. */
    if (site->check.n == 0 && (!site->passes || site->backends.n == 1))
        return RC_OK;
    return backend_check_new(&check, &m->check);
}

enum rc backend_pool_new(struct backends *all, const struct conf_site *site,
                         struct backend_pool **out, struct err *err)
{
    CLEANUP(backend_pool_freep) struct backend_pool *p = NULL;
    char most[NUMBER];

    snprintf(most, sizeof(most), "%d", BACKENDS_MAX);
    if (site->backends.n > BACKENDS_MAX)
        return ERR(err, RC_INVAL, msg_backends, site->name, str_of(most));
    TRY(pool_alloc(site->backends.n, &p));
    p->balance = site->balance;
    p->sticky = site->sticky;
    p->slow_start = site->slow_start;
    for (size_t i = 0; i < p->n; i++)
        TRY(fill(all, site, site->backends.p[i], &p->members[i], err));
    *out = MOVE(p);
    return RC_OK;
}

enum rc backend_pool_single(struct backend *b, struct backend_pool **out)
{
    TRY(pool_alloc(1, out));
    (*out)->members[0].backend = b;
    b->refs++;
    return RC_OK;
}

void backend_pool_free(struct backend_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        backend_check_free(p->members[i].check);
        backend_unref(p->members[i].backend);
    }
    mem_free(p);
}

static const struct backend_check *check_of(const struct backend_pool *p, const struct backend *b)
{
    for (size_t i = 0; p && i < p->n; i++)
        if (p->members[i].backend == b)
            return p->members[i].check;
    return NULL;
}

void backend_pool_start(struct backend_pool *p, struct backend_pool *before)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->members[i].check)
            backend_check_start(p->members[i].check, check_of(before, p->members[i].backend));
}

void backend_pool_stop(struct backend_pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->members[i].check)
            backend_check_stop(p->members[i].check);
}

/* ---- choosing */

/* Who is looked at. */
enum round {
    ROUND_FIT,   /* those that are fit for requests */
    ROUND_DRAIN, /* those that are, but are to go */
    ROUND_ANY,   /* who knows? */
    ROUNDS
};

static bool fit(const struct backend_member *m)
{
    return !backend_paused(m->backend) && !(m->check && backend_check_down(m->check));
}

static bool in_round(const struct backend_member *m, enum round round)
{
    return round == ROUND_ANY || (fit(m) && m->draining == (round == ROUND_DRAIN));
}

/* How much it gets beside the others. */
static int64_t share(const struct backend_pool *p, const struct backend_member *m)
{
    int64_t up = m->backend->up_at, since, grown;

    if (m->check && backend_check_up_at(m->check) > up)
        up = backend_check_up_at(m->check);
    if (p->slow_start == 0 || up == INT64_MIN)
        return BACKEND_SHARE;
    since = backend_now(m->backend) - up;
    if (since >= p->slow_start)
        return BACKEND_SHARE;
    grown = BACKEND_SHARE * since / p->slow_start;
    return grown ? grown : 1;
}

static int64_t load(const struct backend_pool *p, const struct backend_member *m)
{
    size_t busy = m->backend->n_open - m->backend->n_idle;

    return ((int64_t)busy + 1) * BACKEND_SHARE * BACKEND_SHARE / share(p, m);
}

static struct backend_member *candidate(struct backend_pool *p, size_t i, uint64_t tried,
                                        enum round round)
{
    struct backend_member *m = &p->members[i];

    return !(tried & UINT64_C(1) << i) && in_round(m, round) ? m : NULL;
}

static struct backend_member *first(struct backend_pool *p, uint64_t tried, enum round round)
{
    struct backend_member *m = NULL;

    for (size_t i = 0; !m && i < p->n; i++)
        m = candidate(p, i, tried, round);
    return m;
}

/* Each is owed its share at every turn, and who is owed most pays for all: so turns are spread
 * evenly, whatever the shares. */
static struct backend_member *in_turn(struct backend_pool *p, uint64_t tried, enum round round)
{
    struct backend_member *best = NULL;
    int64_t all = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct backend_member *m = candidate(p, i, tried, round);

        if (!m)
            continue;
        m->owed += share(p, m);
        all += share(p, m);
        if (!best || m->owed > best->owed)
            best = m;
    }
    if (best)
        best->owed -= all;
    return best;
}

/* Of equals, each in turn. */
static struct backend_member *least(struct backend_pool *p, uint64_t tried, enum round round)
{
    struct backend_member *best = NULL;

    for (size_t k = 0; k < p->n; k++) {
        struct backend_member *m = candidate(p, (p->turn + k) % p->n, tried, round);

        if (m && (!best || load(p, m) < load(p, best)))
            best = m;
    }
    if (best)
        p->turn = (size_t)(best - p->members + 1) % p->n;
    return best;
}

static struct backend_member *wished(struct backend_pool *p, uint64_t tried, struct str wish)
{
    for (size_t i = 0; wish.n && i < p->n; i++) {
        struct backend_member *m = &p->members[i];

        if (!(tried & UINT64_C(1) << i) && fit(m) && str_eq(str_of(m->sticky), wish))
            return m;
    }
    return NULL;
}

struct backend_member *backend_pool_choose(struct backend_pool *p, uint64_t *tried, struct str wish)
{
    static struct backend_member *(*const balances[])(struct backend_pool *, uint64_t,
                                                      enum round) = {
        [CONF_BALANCE_FIRST] = first,
        [CONF_BALANCE_ROUND_ROBIN] = in_turn,
        [CONF_BALANCE_LEAST_CONNECTIONS] = least,
    };
    struct backend_member *m = wished(p, *tried, wish);

    for (enum round round = ROUND_FIT; !m && round < ROUNDS; round++)
        m = balances[p->balance](p, *tried, round);
    if (m)
        *tried |= UINT64_C(1) << (m - p->members);
    return m;
}

/* ---- cookies */

struct str backend_pool_wish(const struct backend_pool *p, const struct http_reader *request)
{
    struct str crumb, name, value;

    for (size_t i = 0; p->sticky && i < http_reader_fields(request); i++) {
        struct http_field f = http_reader_field(request, i);

        if (!str_eq(f.name, STR("cookie")))
            continue;
        while (str_next(&f.value, ';', &crumb))
            if (str_cut(str_trim(crumb), '=', &name, &value) &&
                str_eq(name, STR(BACKEND_STICKY_NAME)))
                return value;
    }
    return (struct str){NULL, 0};
}

struct str backend_pool_cookie(const struct backend_member *m,
                               char text[static BACKEND_STICKY_COOKIE_MAX])
{
    int n = snprintf(text, BACKEND_STICKY_COOKIE_MAX,
                     BACKEND_STICKY_NAME "=%s; Path=/; Secure; HttpOnly; SameSite=Lax", m->sticky);

    return str_bytes(text, (size_t)n);
}
