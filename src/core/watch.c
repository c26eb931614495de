/* SPDX-License-Identifier: Apache-2.0 */
/* Counting is a job of the writer's: records behind the position of the last one are read, counted
 * and the new position written in one transaction, so each record counts once, whoever dies. The
 * same job judges the hour; what it finds is written with it, lock and event too. */
#include "core/watch.h"

#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "conf/conf.h"
#include "core/blame.h"
#include "core/core_int.h"
#include "ev/clock.h"
#include "log/log.h"
#include "policy/limits.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/hours.h"
#include "store/locks.h"
#include "store/meta.h"

enum {
    BATCH = 200,                    /* records in one job */
    ARENA_BYTES = 64 * 1024 * 1024, /* at most; records are short as a rule */
    EVENT_BYTES = 64 * 1024,
    REASON_BYTES = 512,
    TEXT_BYTES = 32,
    FROZEN = 2, /* STORE_HOUR_EVERYBODY */
};
#define LOOK_EVERY (10 * WHEN_SECOND)
#define DNS_PROBLEM STR("urn:ietf:params:acme:error:dns")
#define BY "autarky"

/* What an hour is judged by, besides name servers. */
static const struct measure {
    enum store_hour_what what;
    uint64_t floor;
    const char *name;
} measures[] = {
    {STORE_HOUR_FAILED, CORE_WATCH_FLOOR_FAILED, "failed proofs of control"},
    {STORE_HOUR_ISSUED, CORE_WATCH_FLOOR_ISSUED, "certificates for clients, renewals left out"},
    {STORE_HOUR_NAMES, CORE_WATCH_FLOOR_NAMES, "names certified for the first time"},
};

struct core_watch {
    struct core *core;
    struct ev_timer timer;
    bool closing;
    /* of the job under way */
    bool busy;
    when_t now, hour;
    enum conf_automatic automatic;
    bool more;
    const struct conf *conf; /* with a reference: a reload may come meanwhile */
    uint64_t told;           /* STORE_HOUR_EVERYBODY of the hour */
    bool found, frozen;
    struct core_blame blame; /* whose doing it is */
    char reason[REASON_BYTES];
};

/* ---- counting */

/* The record that is counted: its arena, and the configuration that zones are by. */
struct watching {
    struct arena *a;
    const struct conf *conf;
};

/* Also by who did it. */
static enum rc count(struct store_txn *txn, when_t hour, enum store_hour_what what,
                     const struct store_hour_account *by)
{
    TRY(store_hour_add(txn, hour, what, by->n));
    return by->account.z[0] ? store_hour_account_add(txn, hour, what, by) : RC_OK;
}

/* And for which zone. */
static enum rc count_name(struct store_txn *txn, const struct watching *of, when_t hour,
                          enum store_hour_what what, const struct store_name *name)
{
    struct str zone;

    if (name->type != STORE_NAME_DNS && name->type != STORE_NAME_IP)
        return RC_OK;
    TRY(policy_zone(of->conf, name->value, of->a, &zone));
    return store_hour_zone_add(txn, hour, what, zone, 1);
}

/* RC_NOTFOUND when it is about staging, or has been pruned meanwhile and is long ago. */
static enum rc who_tried(struct store_txn *txn, struct arena *a, struct str object,
                         struct store_hour_account *out, struct store_name *name)
{
    struct store_authorization authz;
    struct store_account account;
    struct id id;

    if (id_parse(object, &id) != RC_OK)
        return RC_NOTFOUND;
    TRY(store_authorization_get(txn, a, &id, &authz));
    TRY(store_account_get(txn, a, &authz.account, &account));
    *out = (struct store_hour_account){authz.account, 1};
    *name = authz.name;
    return account.staging ? RC_NOTFOUND : RC_OK;
}

static bool about_dns(const struct store_event *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str type;

    return json_parse(e->bytes, EVENT_BYTES, &doc, NULL) == RC_OK &&
           json_str(json_get(json_get(json_root(doc), "detail"), "type"), &type) == RC_OK &&
           str_eq(type, DNS_PROBLEM);
}

static enum rc count_proof(struct store_txn *txn, const struct watching *of,
                           const struct store_event *e, bool failed)
{
    when_t hour = store_hour_of(e->at);
    struct store_hour_account by;
    struct store_name name;
    enum rc rc = who_tried(txn, of->a, e->object, &by, &name);

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    if (!failed)
        return count(txn, hour, STORE_HOUR_VALIDATED, &by);
    if (about_dns(e)) {
        TRY(count(txn, hour, STORE_HOUR_DNS, &by));
        TRY(count_name(txn, of, hour, STORE_HOUR_DNS, &name));
    }
    TRY(count_name(txn, of, hour, STORE_HOUR_FAILED, &name));
    return count(txn, hour, STORE_HOUR_FAILED, &by);
}

/* What an order replaces it renews (RFC 9773); only the others count. */
static enum rc count_certificate(struct store_txn *txn, const struct watching *of,
                                 const struct store_event *e)
{
    when_t hour = store_hour_of(e->at);
    struct store_certificate c;
    uint64_t names = 0;
    struct id id;
    enum rc rc = id_parse(e->object, &id);

    if (rc == RC_OK)
        rc = store_certificate_get(txn, of->a, &id, &c);
    if (rc == RC_NOTFOUND || rc == RC_PARSE)
        return RC_OK;
    TRY(rc);
    if (!str_eq(c.origin, STR("acme")) || str_eq(c.hierarchy, STR("staging")))
        return RC_OK;
    for (size_t i = 0; i < c.n_names; i++) {
        bool known = true;

        if (c.names[i].type == STORE_NAME_DNS || c.names[i].type == STORE_NAME_IP)
            TRY(store_certificate_named_before(txn, &c.id, &c.names[i], &known));
        names += !known;
        if (!known)
            TRY(count_name(txn, of, hour, STORE_HOUR_NAMES, &c.names[i]));
    }
    if (names)
        TRY(count(txn, hour, STORE_HOUR_NAMES, &(struct store_hour_account){c.account, names}));
    if (c.replaces.z[0])
        return RC_OK;
    if (c.n_names)
        TRY(count_name(txn, of, hour, STORE_HOUR_ISSUED, &c.names[0]));
    return count(txn, hour, STORE_HOUR_ISSUED, &(struct store_hour_account){c.account, 1});
}

static enum rc count_event(struct store_txn *txn, const struct watching *a,
                           const struct store_event *e)
{
    if (str_eq(e->action, STR("authorization.failed")))
        return count_proof(txn, a, e, true);
    if (str_eq(e->action, STR("authorization.validated")))
        return count_proof(txn, a, e, false);
    if (str_eq(e->action, STR("certificate.issued")))
        return count_certificate(txn, a, e);
    return RC_OK;
}

/* ---- judging */

static const char *hour_text(when_t hour, char text[static TEXT_BYTES])
{
    struct when_civil c;

    if (when_to_civil(hour, &c) != RC_OK)
        return "?";
    snprintf(text, TEXT_BYTES, "%04d-%02d-%02dT%02d:00Z", c.year, c.month, c.day, c.hour);
    return text;
}

/* Who was told of is dealt with, and everybody else is judged on. */
static enum rc number_of(struct store_txn *txn, const struct core_watch *w,
                         enum store_hour_what what, struct core_blame_ask *out)
{
    uint64_t n;

    *out = (struct core_blame_ask){
        .conf = w->conf, .hour = w->hour, .what = what, .since = w->now - CORE_WATCH_LEARNING};
    TRY(store_hour_get(txn, w->hour, what, &n));
    TRY(store_hour_told(txn, w->hour, what, &out->told));
    out->n = n > out->told ? n - out->told : 0;
    return RC_OK;
}

/* What it was put down to is part of the reason. */
static enum rc found(struct store_txn *txn, struct core_watch *w, const struct core_blame_ask *ask)
{
    const struct core_blame *b = &w->blame;
    size_t n = strlen(w->reason);

    TRY(core_blame_find(txn, ask, &w->blame));
    if (b->n == 0 && w->told && !b->everybody)
        return RC_OK; /* it was told, and goes on */
    w->found = true;
    if (b->n == 0)
        snprintf(w->reason + n, sizeof(w->reason) - n,
                 "; the doing of %llu accounts, of which %llu are among the %llu that were there "
                 "before",
                 (unsigned long long)b->accounts, (unsigned long long)b->before,
                 (unsigned long long)b->population);
    return core_blame_told(txn, ask, b);
}

static enum rc judge_measure(struct store_txn *txn, struct core_watch *w, const struct measure *m)
{
    struct core_blame_ask ask;
    uint64_t most;
    char text[TEXT_BYTES];

    TRY(number_of(txn, w, m->what, &ask));
    TRY(store_hour_most(txn, m->what, w->hour - CORE_WATCH_WINDOW, w->hour - CORE_WATCH_RECENT,
                        &most));
    ask.usual = CORE_WATCH_TIMES * most > m->floor ? CORE_WATCH_TIMES * most : m->floor;
    if (ask.n <= ask.usual)
        return RC_OK;
    snprintf(w->reason, sizeof(w->reason),
             "%llu %s in the hour from %s; expected were at most %llu (%d times the %llu of the "
             "busiest hour of four weeks, and never less than %llu)",
             (unsigned long long)ask.n, m->name, hour_text(w->hour, text),
             (unsigned long long)ask.usual, CORE_WATCH_TIMES, (unsigned long long)most,
             (unsigned long long)m->floor);
    return found(txn, w, &ask);
}

/* Nothing has to be learned for this: what proves control does not work for most. */
static enum rc judge_dns(struct store_txn *txn, struct core_watch *w)
{
    uint64_t failed, validated, tried;
    struct core_blame_ask ask;
    char text[TEXT_BYTES];

    TRY(number_of(txn, w, STORE_HOUR_DNS, &ask));
    TRY(store_hour_get(txn, w->hour, STORE_HOUR_FAILED, &failed));
    TRY(store_hour_get(txn, w->hour, STORE_HOUR_VALIDATED, &validated));
    tried = failed + validated;
    ask.usual = tried / 2 > CORE_WATCH_FLOOR_DNS ? tried / 2 : CORE_WATCH_FLOOR_DNS;
    if (ask.n <= ask.usual)
        return RC_OK;
    snprintf(
        w->reason, sizeof(w->reason),
        "name servers failed for %llu of the %llu proofs in the hour from %s; expected were at "
        "most half of them, or %d",
        (unsigned long long)ask.n, (unsigned long long)tried, hour_text(w->hour, text),
        CORE_WATCH_FLOOR_DNS);
    return found(txn, w, &ask);
}

/* ---- telling */

/* Sets the lock if that is wanted, and records it; `part` NULL: of all. A lock of an account stops
 * what is no renewal of its own; where others share it, only new names. */
static enum rc tell_of(struct store_txn *txn, struct core_watch *w,
                       const struct core_blame_part *part, bool lock_it)
{
    struct store_lock lock = {.scope = part ? part->scope : STORE_LOCK_ALL,
                              .value = part ? str_of(part->of) : (struct str){},
                              .reason = str_of(w->reason),
                              .set_by = STR(BY),
                              .set = w->now};
    struct audit_event event = {
        .at = w->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = "issuance.unusual",
        .object_kind = part ? store_lock_scope_text(part->scope) : "hour",
        .object = lock.value,
        .reason = lock.reason,
    };
    enum rc rc = lock_it ? id_new(&lock.id) : RC_EXISTS;

    lock.new_names = lock.scope != STORE_LOCK_ACCOUNT;
    if (rc == RC_OK)
        rc = store_lock_add(txn, &lock);
    if (rc == RC_EXISTS || rc == RC_QUOTA)
        return audit_append(txn, &event, NULL); /* not wanted, or it is frozen already */
    TRY(rc);
    w->frozen = true;
    event.action = "issuance.frozen";
    event.object_kind = "lock";
    event.object = id_str(&lock.id);
    return audit_append(txn, &event, NULL);
}

/* Many accounts, one after the other, would fill the list of locks, and an administrator could
 * set none any more; what comes then is told of, and is no reason to freeze more. */
static enum rc room_for_locks(struct store_txn *txn, size_t *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct store_lock *list;
    size_t n, own = 0;

    TRY(store_lock_active(txn, &a, &list, &n));
    for (size_t i = 0; i < n; i++)
        own += list[i].scope != STORE_LOCK_ALL && str_eq(list[i].set_by, STR(BY));
    *out = own < CORE_WATCH_LOCKS ? CORE_WATCH_LOCKS - own : 0;
    return RC_OK;
}

/* Each part once an hour, and so all: who has lifted the lock has seen it. */
static enum rc tell(struct store_txn *txn, struct core_watch *w)
{
    bool on = w->automatic == CONF_AUTOMATIC_ON;
    size_t room = 0;

    TRY(store_hour_add(txn, w->hour, STORE_HOUR_UNUSUAL, 1));
    TRY(room_for_locks(txn, &room));
    if (w->blame.n == 0) {
        TRY(store_hour_add(txn, w->hour, STORE_HOUR_EVERYBODY,
                           w->blame.everybody ? FROZEN - w->told : 1));
        return tell_of(txn, w, NULL, on && w->blame.everybody);
    }
    for (size_t i = 0; i < w->blame.n; i++)
        TRY(tell_of(txn, w, &w->blame.parts[i], on && i < room));
    return RC_OK;
}

static enum rc judge(struct store_txn *txn, struct core_watch *w, when_t hour)
{
    when_t first;

    w->hour = hour;
    TRY(store_hour_get(txn, hour, STORE_HOUR_EVERYBODY, &w->told));
    if (w->told >= FROZEN || w->automatic == CONF_AUTOMATIC_OFF)
        return RC_OK;
    TRY(store_hour_first(txn, &first));
    TRY(judge_dns(txn, w));
    for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]) && !w->found &&
                       w->now - first >= CORE_WATCH_LEARNING;
         i++)
        TRY(judge_measure(txn, w, &measures[i]));
    return w->found ? tell(txn, w) : RC_OK;
}

/* ---- the job */

/* At first: what there is has been before; the row says since when it learns. */
static enum rc begin_counting(struct store_txn *txn, const struct core_watch *w, uint64_t *at)
{
    TRY(store_event_last(txn, at));
    return store_hour_add(txn, store_hour_of(w->now), STORE_HOUR_ISSUED, 0);
}

static enum rc read_position(struct store_txn *txn, struct arena *a, const struct core_watch *w,
                             uint64_t *out)
{
    struct str text;
    enum rc rc = store_meta_get(txn, a, STORE_META_WATCH, &text);

    if (rc == RC_NOTFOUND)
        return begin_counting(txn, w, out);
    return rc == RC_OK ? str_u64(text, INT64_MAX, out) : rc;
}

static enum rc write_position(struct store_txn *txn, uint64_t at)
{
    char text[TEXT_BYTES];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)at);
    return store_meta_set(txn, STORE_META_WATCH, str_of(text));
}

static enum rc count_and_judge(struct store_txn *txn, void *arg)
{
    struct core_watch *w = arg;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct store_event_filter filter = {.limit = BATCH};
    when_t hour = store_hour_of(w->now);
    struct store_event *list;
    size_t n;

    w->found = w->frozen = w->more = false;
    TRY(read_position(txn, &a, w, &filter.after));
    TRY(store_event_list(txn, &a, &filter, &list, &n));
    for (size_t i = 0; i < n; i++) {
        CLEANUP(arena_done) struct arena each = ARENA_INIT(ARENA_BYTES);

        TRY(count_event(txn, &(struct watching){&each, w->conf}, &list[i]));
        filter.after = list[i].sequence;
    }
    TRY(write_position(txn, filter.after));
    w->more = n == BATCH;
    if (w->more)
        return RC_OK;
    TRY(store_hours_prune(txn, hour - CORE_WATCH_WINDOW - CORE_WATCH_RECENT, hour - WHEN_HOUR));
    if (w->now - hour < WHEN_MINUTE) /* its last seconds were not counted before it ended */
        TRY(judge(txn, w, hour - WHEN_HOUR));
    return w->found ? RC_OK : judge(txn, w, hour);
}

static void done(enum rc rc, void *arg)
{
    struct core_watch *w = arg;

    w->busy = false;
    conf_unref(w->conf);
    w->conf = NULL;
    if (rc != RC_OK && !w->closing)
        log_warn("core.watch-failed", LOG_RC(rc));
    if (rc == RC_OK && w->frozen)
        log_warn("core.issuance-frozen", LOG_Z("by", BY), LOG_Z("reason", w->reason));
    else if (rc == RC_OK && w->found)
        log_warn("core.issuance-unusual", LOG_Z("reason", w->reason));
    if (!w->closing)
        ev_timer_start(&w->timer, rc == RC_OK && w->more ? 0 : LOOK_EVERY, 0);
}

/* With nothing new there is nothing to write: an idle server leaves its disk alone. */
static bool anything_new(const struct core_watch *w)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct store_txn *txn = store_read(w->core->store);
    uint64_t last, counted;
    struct str text;

    return store_meta_get(txn, &a, STORE_META_WATCH, &text) != RC_OK ||
           str_u64(text, INT64_MAX, &counted) != RC_OK || store_event_last(txn, &last) != RC_OK ||
           last != counted;
}

static void look(void *arg)
{
    struct core_watch *w = arg;

    ev_timer_start(&w->timer, LOOK_EVERY, 0);
    if (w->busy || !anything_new(w))
        return;
    w->now = clock_now(ev_clock(w->core->ev));
    w->automatic = w->core->conf->locks.automatic;
    w->conf = conf_ref(w->core->conf);
    w->busy = store_write(w->core->store, count_and_judge, done, w) == RC_OK;
    if (w->busy)
        return;
    conf_unref(w->conf);
    w->conf = NULL;
}

/* ---- life */

enum rc core_watch_new(struct core *core)
{
    struct core_watch *w = MEM_NEW(struct core_watch);

    if (!w)
        return RC_NOMEM;
    core->watch = w;
    w->core = core;
    ev_timer_init(&w->timer, core->ev, look, w);
    ev_timer_start(&w->timer, 0, 0);
    return RC_OK;
}

void core_watch_stop(struct core *core)
{
    if (!core->watch)
        return;
    core->watch->closing = true;
    ev_timer_stop(&core->watch->timer);
}

void core_watch_free(struct core *core)
{
    if (core->watch)
        conf_unref(core->watch->conf);
    mem_free(core->watch);
    core->watch = NULL;
}

void core_watch_show(const struct core *core, struct api_watch *out)
{
    struct store_txn *txn = store_read(core->store);
    when_t now = clock_now(ev_clock(core->ev));
    when_t first = 0;

    *out = (struct api_watch){};
    if (store_hour_first(txn, &first) != RC_OK || store_hour_unusual(txn, &out->unusual) != RC_OK)
        return; /* doctor reports the store */
    if (first && first + CORE_WATCH_LEARNING > now)
        out->learns_until = first + CORE_WATCH_LEARNING;
}
