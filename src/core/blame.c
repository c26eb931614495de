/* SPDX-License-Identifier: Apache-2.0 */
#include "core/blame.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "policy/limits.h"
#include "store/accounts.h"
#include "store/certificates.h"

enum { ROOM = 64 << 20, EACH_ROOM = 256 * 1024, LOOKED_AT = 64 };

/* A key of account bindings, or a network. */
struct source {
    struct core_blame_part part;
    uint64_t n;
};

struct look {
    struct store_txn *txn;
    const struct core_blame_ask *ask;
    struct arena arena;
    struct store_hour_account *accounts; /* those that did most first */
    struct source **of;                  /* where each comes from; NULL: it cannot be told */
    size_t n;
    struct map known; /* sources by their text */
    struct source **sources;
    size_t n_sources;
};

static void look_done(struct look *l)
{
    map_done(&l->known);
    arena_done(&l->arena);
}

static enum rc look_begin(struct look *l, struct store_txn *txn, const struct core_blame_ask *ask)
{
    *l = (struct look){.txn = txn, .ask = ask};
    arena_init(&l->arena, ROOM);
    map_init(&l->known, CORE_BLAME_ACCOUNTS);
    l->accounts = ARENA_ARRAY(&l->arena, struct store_hour_account, CORE_BLAME_ACCOUNTS);
    l->of = ARENA_ARRAY(&l->arena, struct source *, CORE_BLAME_ACCOUNTS);
    l->sources = ARENA_ARRAY(&l->arena, struct source *, CORE_BLAME_ACCOUNTS);
    if (!l->accounts || !l->of || !l->sources)
        return RC_NOMEM;
    return store_hour_accounts(txn, ask->hour, ask->what, l->accounts, CORE_BLAME_ACCOUNTS, &l->n);
}

static uint64_t without(uint64_t n, uint64_t part)
{
    return n > part ? n - part : 0;
}

/* Who did no more than others do is not to blame for being the first of many. */
static bool stands_out(const struct look *l, uint64_t n)
{
    return n * CORE_BLAME_MAX >= l->ask->usual;
}

/* ---- accounts */

/* With a certificate from before, which fresh accounts have not, however many there are. */
static enum rc was_there(struct store_txn *txn, const struct id *account, when_t since, bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(EACH_ROOM);
    const struct store_certificate_filter filter = {.account = *account,
                                                    .staging = STORE_STAGING_NOT,
                                                    .sort = STORE_CERTIFICATE_BY_ISSUED,
                                                    .without_der = true,
                                                    .limit = 1};
    struct store_cursor at = {};
    struct store_certificate *list;
    size_t n;

    TRY(store_certificate_list(txn, &a, &filter, &at, &list, &n));
    *out = n > 0 && list[0].issued < since;
    return RC_OK;
}

/* The first of those at `order` without whom the hour were usual. */
static enum rc blame_first(const struct look *l, const size_t *order, size_t n_order,
                           struct core_blame *out)
{
    uint64_t n = l->ask->n;

    for (size_t i = 0; i < n_order && i < CORE_BLAME_MAX; i++) {
        const struct store_hour_account *a = &l->accounts[order[i]];

        n = without(n, a->n);
        out->parts[i].scope = STORE_LOCK_ACCOUNT;
        TRY(str_copyz(id_str(&a->account), out->parts[i].of, sizeof(out->parts[i].of)));
        if (n <= l->ask->usual) {
            out->n = i + 1;
            return RC_OK;
        }
    }
    return RC_OK;
}

/* Those that came since the time of learning, if the hour were usual without them: who has always
 * done as much is not to blame for what fresh accounts add to it, even where each of them did less.
 * Else those who did most. */
static enum rc blame_accounts(const struct look *l, struct core_blame *out)
{
    size_t all[LOOKED_AT], fresh[LOOKED_AT], n = 0, n_fresh = 0;

    for (size_t i = 0; i < l->n && i < LOOKED_AT && stands_out(l, l->accounts[i].n); i++) {
        bool was = false;

        TRY(was_there(l->txn, &l->accounts[i].account, l->ask->since, &was));
        all[n++] = i;
        if (!was)
            fresh[n_fresh++] = i;
    }
    TRY(blame_first(l, fresh, n_fresh, out));
    return out->n ? RC_OK : blame_first(l, all, n, out);
}

/* ---- where they come from */

static enum rc source_text(struct arena *a, const struct store_account *account,
                           struct core_blame_part *out)
{
    struct str text = account->eab_key;

    out->scope = STORE_LOCK_EAB;
    if (text.n == 0) {
        out->scope = STORE_LOCK_NETWORK;
        if (account->created_from.n == 0)
            return RC_NOTFOUND;
        TRY(policy_network(&account->created_from, a, &text));
    }
    return str_copyz(text, out->of, sizeof(out->of)) == RC_OK ? RC_OK : RC_NOTFOUND;
}

static enum rc add_to_source(struct look *l, const struct core_blame_part *part, size_t i)
{
    struct str key = arena_printf(&l->arena, "%d %s", (int)part->scope, part->of);
    struct source *s;

    if (!key.p)
        return RC_NOMEM;
    s = map_get(&l->known, key);
    if (!s) {
        s = ARENA_NEW(&l->arena, struct source);
        if (!s)
            return RC_NOMEM;
        *s = (struct source){.part = *part};
        TRY(map_add(&l->known, key, s));
        l->sources[l->n_sources++] = s;
    }
    s->n += l->accounts[i].n;
    l->of[i] = s;
    return RC_OK;
}

static int by_most(const void *a, const void *b)
{
    const struct source *x = *(struct source *const *)a, *y = *(struct source *const *)b;

    return x->n == y->n ? strcmp(x->part.of, y->part.of) : x->n < y->n ? 1 : -1;
}

static enum rc find_sources(struct look *l)
{
    for (size_t i = 0; i < l->n; i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(EACH_ROOM);
        struct core_blame_part part = {};
        struct store_account account;
        enum rc rc = store_account_get(l->txn, &a, &l->accounts[i].account, &account);

        if (rc == RC_OK)
            rc = source_text(&a, &account, &part);
        if (rc == RC_NOTFOUND)
            continue;
        TRY(rc);
        TRY(add_to_source(l, &part, i));
    }
    if (l->n_sources)
        qsort(l->sources, l->n_sources, sizeof(struct source *), by_most);
    return RC_OK;
}

static void blame_sources(const struct look *l, struct core_blame *out)
{
    uint64_t n = l->ask->n;

    for (size_t i = 0; i < l->n_sources && i < CORE_BLAME_MAX && stands_out(l, l->sources[i]->n);
         i++) {
        n = without(n, l->sources[i]->n);
        out->parts[i] = l->sources[i]->part;
        if (n <= l->ask->usual) {
            out->n = i + 1;
            return;
        }
    }
}

/* ---- zones */

/* What was told of already may all have been there, so that much of each is not counted. */
static enum rc blame_zones(const struct look *l, struct core_blame *out)
{
    struct store_hour_zone zones[CORE_BLAME_ZONES];
    uint64_t n = l->ask->n;
    size_t found;

    TRY(store_hour_zones(l->txn, l->ask->hour, l->ask->what, zones, CORE_BLAME_ZONES, &found));
    for (size_t i = 0; i < found; i++) {
        uint64_t part = without(zones[i].n, l->ask->told);

        if (!stands_out(l, part))
            return RC_OK;
        n = without(n, part);
        out->parts[i].scope = STORE_LOCK_ZONE;
        memcpy(out->parts[i].of, zones[i].zone, sizeof(zones[i].zone));
        if (n <= l->ask->usual) {
            out->n = i + 1;
            return RC_OK;
        }
    }
    return RC_OK;
}

/* ---- everybody */

static enum rc measure_breadth(const struct look *l, struct core_blame *out)
{
    const struct store_account_filter all = {.statuses = 1u << STORE_ACCOUNT_VALID,
                                             .staging = STORE_STAGING_NOT,
                                             .certified_before = l->ask->since};

    out->accounts = l->n;
    TRY(store_account_count(l->txn, &all, &out->population));
    for (size_t i = 0; i < l->n; i++) {
        bool was = false;

        TRY(was_there(l->txn, &l->accounts[i].account, l->ask->since, &was));
        out->before += was;
    }
    out->everybody =
        out->before >= CORE_BLAME_LEAST && out->before * CORE_BLAME_SHARE >= out->population;
    return RC_OK;
}

enum rc core_blame_find(struct store_txn *txn, const struct core_blame_ask *ask,
                        struct core_blame *out)
{
    CLEANUP(look_done) struct look l = {};

    *out = (struct core_blame){};
    TRY(look_begin(&l, txn, ask));
    TRY(blame_accounts(&l, out));
    if (out->n)
        return RC_OK;
    TRY(find_sources(&l));
    blame_sources(&l, out);
    if (out->n == 0)
        TRY(blame_zones(&l, out));
    return out->n ? RC_OK : measure_breadth(&l, out);
}

/* ---- told */

static bool is_blamed(const struct core_blame *blame, const struct core_blame_part *part)
{
    for (size_t i = 0; i < blame->n; i++)
        if (blame->parts[i].scope == part->scope && strcmp(blame->parts[i].of, part->of) == 0)
            return true;
    return false;
}

static enum rc zones_told(struct store_txn *txn, const struct core_blame_ask *ask,
                          const struct core_blame *blame)
{
    for (size_t i = 0; i < blame->n; i++)
        TRY(store_hour_zone_told(txn, ask->hour, ask->what, str_of(blame->parts[i].of)));
    return RC_OK;
}

static enum rc account_told(struct look *l, size_t i)
{
    return store_hour_account_told(l->txn, l->ask->hour, l->ask->what, &l->accounts[i].account);
}

enum rc core_blame_told(struct store_txn *txn, const struct core_blame_ask *ask,
                        const struct core_blame *blame)
{
    CLEANUP(look_done) struct look l = {};

    if (blame->n == 0)
        return RC_OK;
    if (blame->parts[0].scope == STORE_LOCK_ZONE)
        return zones_told(txn, ask, blame);
    TRY(look_begin(&l, txn, ask));
    if (blame->parts[0].scope != STORE_LOCK_ACCOUNT)
        TRY(find_sources(&l));
    for (size_t i = 0; i < l.n; i++) {
        struct core_blame_part part = {.scope = STORE_LOCK_ACCOUNT};

        TRY(str_copyz(id_str(&l.accounts[i].account), part.of, sizeof(part.of)));
        if (is_blamed(blame, &part) || (l.of[i] && is_blamed(blame, &l.of[i]->part)))
            TRY(account_told(&l, i));
    }
    return RC_OK;
}
