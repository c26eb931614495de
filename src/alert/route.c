/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of what, and when: each alert that is due against each route. What is told is grouped
 * by receiver; the delivery and the note that they were told are one transaction. */
#include "alert/alert_int.h"

#define ALWAYS INT64_MAX /* the first rung of a route without `at` */
enum { GROUPS_MAX = 64 };

struct telling {
    const struct store_alert *alert;
    int64_t rung;
};

/* What one receiver is told together. */
struct group {
    const struct conf_receiver *receiver;
    struct str recipients;
    bool over;
    when_t repeat;
    struct telling v[ALERT_GROUP_MAX];
    size_t n;
};

struct router {
    struct store_txn *txn;
    struct alert_job *job;
    struct arena arena;
    struct store_silence *silences;
    size_t n_silences;
    struct group *groups;
    size_t n_groups;
    /* of the alert that is looked at */
    struct store_told *told;
    size_t n_told;
    when_t next;
};

/* ---- what is left */

static int64_t left_of(const struct store_alert *a, when_t now)
{
    if (a->ends)
        return a->ends - now;
    return a->severity == STORE_CRITICAL ? ALERT_CRITICAL_LEFT : ALERT_WARNING_LEFT;
}

static void sooner(struct router *r, when_t at)
{
    if (at > r->job->now && (!r->next || at < r->next))
        r->next = at;
}

/* The lowest rung that has been reached, -1: none has; and when the next one will be. A certificate
 * that has ended is a rung of its own. */
static int64_t rung_of(struct router *r, const struct conf_route *route,
                       const struct store_alert *a)
{
    static const when_t usual[] = {ALWAYS, ALERT_CRITICAL_LEFT, WHEN_DAY};
    const when_t *at = route->n_at ? route->at : usual;
    size_t n = route->n_at ? route->n_at : sizeof(usual) / sizeof(usual[0]);
    int64_t left = left_of(a, r->job->now), best = -1;

    if (a->ends && left <= 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (left <= at[i] && (best < 0 || at[i] < best))
            best = at[i];
        if (a->ends && left > at[i])
            sooner(r, a->ends - at[i]);
    }
    if (a->ends)
        sooner(r, a->ends);
    return best;
}

/* ---- what keeps from telling */

/* "*.x" is x's subdomains; otherwise the same. */
static bool fits(struct str pattern, struct str text)
{
    if (pattern.n == 0)
        return true;
    if (!str_starts(pattern, STR("*.")))
        return str_eq(pattern, text);
    return str_ends(text, str_skip(pattern, 1));
}

/* "renewal" has "renewal.dns": the cause stands behind the dot. */
static bool is_of(struct str wanted, struct str kind)
{
    return wanted.n == 0 || str_eq(wanted, kind) ||
           (str_starts(kind, wanted) && kind.p[wanted.n] == '.');
}

/* Until when it is silenced; 0: it is not. */
static when_t silenced(const struct router *r, const struct store_alert *a)
{
    when_t until = 0;

    for (size_t i = 0; i < r->n_silences; i++) {
        const struct store_silence *s = &r->silences[i];

        if (is_of(s->kind, a->kind) && fits(s->object, a->object) && fits(s->owner, a->owner) &&
            s->until > until)
            until = s->until;
    }
    return until;
}

/* The end of the quiet hours that `now` is in; 0: it is in none. */
static when_t quiet_until(const struct conf_route *route, when_t now)
{
    when_t day = now - now % WHEN_DAY, minute = (now - day) / WHEN_MINUTE;
    unsigned from, to;

    if (route->quiet.n == 0 || conf_quiet_parse(route->quiet, &from, &to) != RC_OK)
        return 0;
    if (from <= to)
        return minute >= from && minute < to ? day + to * WHEN_MINUTE : 0;
    if (minute >= from)
        return day + WHEN_DAY + to * WHEN_MINUTE;
    return minute < to ? day + to * WHEN_MINUTE : 0;
}

static bool is_kind(const struct conf_route *route, struct str kind)
{
    for (size_t i = 0; i < route->kinds.n; i++)
        if (is_of(route->kinds.p[i], kind))
            return true;
    return route->kinds.n == 0;
}

/* When this receiver was last told: of that rung, or (rung < 0) of any. */
static when_t told_at(const struct router *r, struct str receiver, int64_t rung)
{
    when_t at = 0;

    for (size_t i = 0; i < r->n_told; i++)
        if (str_eq(r->told[i].receiver, receiver) && r->told[i].rung != STORE_TOLD_OVER &&
            (rung < 0 || r->told[i].rung == rung) && r->told[i].at > at)
            at = r->told[i].at;
    return at;
}

static bool told_of_end(const struct router *r, struct str receiver)
{
    for (size_t i = 0; i < r->n_told; i++)
        if (str_eq(r->told[i].receiver, receiver) && r->told[i].rung == STORE_TOLD_OVER)
            return true;
    return false;
}

/* ---- groups */

static enum rc flush(struct router *r, struct group *g)
{
    struct store_alert alerts[ALERT_GROUP_MAX];
    struct alert_group send = {
        .conf = r->job->conf,
        .receiver = g->receiver,
        .recipients = g->recipients,
        .v = alerts,
        .n = g->n,
        .now = r->job->now,
        .repeat = g->repeat,
    };
    struct store_told told = {.receiver = g->receiver->name, .at = r->job->now};

    if (g->n == 0)
        return RC_OK;
    for (size_t i = 0; i < g->n; i++)
        alerts[i] = *g->v[i].alert;
    TRY(alert_group_send(r->txn, &send, &told.delivery));
    for (size_t i = 0; i < g->n; i++) {
        told.rung = g->v[i].rung;
        TRY(store_alert_tell(r->txn, &alerts[i].id, &told));
    }
    g->n = 0;
    return RC_OK;
}

static enum rc flush_all(struct router *r)
{
    for (size_t i = 0; i < r->n_groups; i++)
        TRY(flush(r, &r->groups[i]));
    r->n_groups = 0;
    return RC_OK;
}

static bool holds(const struct group *g, const struct store_alert *alert)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].alert == alert)
            return true;
    return false;
}

static struct group *find_group(struct router *r, const struct conf_receiver *receiver,
                                struct str recipients, bool over)
{
    for (size_t i = 0; i < r->n_groups; i++)
        if (r->groups[i].receiver == receiver && r->groups[i].over == over &&
            str_eq(r->groups[i].recipients, recipients))
            return &r->groups[i];
    return NULL;
}

/* Two routes may lead to one receiver: told once. */
static enum rc tell(struct router *r, const struct conf_receiver *receiver,
                    const struct telling *what, when_t repeat)
{
    bool over = what->rung == STORE_TOLD_OVER;
    struct group *g;
    struct str recipients;

    TRY(alert_recipients(&r->arena, receiver, what->alert, &recipients));
    g = find_group(r, receiver, recipients, over);
    if (g && holds(g, what->alert))
        return RC_OK;
    if (g && g->n == ALERT_GROUP_MAX)
        TRY(flush(r, g));
    if (!g && r->n_groups == GROUPS_MAX)
        TRY(flush_all(r));
    if (!g) {
        g = &r->groups[r->n_groups++];
        *g = (struct group){.receiver = receiver, .recipients = recipients, .over = over};
    }
    if (repeat && (!g->repeat || repeat > g->repeat))
        g->repeat = repeat;
    g->v[g->n++] = *what;
    return RC_OK;
}

/* ---- one alert */

/* An Alertmanager forgets what it does not hear of again. */
static when_t repeat_of(const struct conf_route *route, const struct conf_receiver *receiver)
{
    if (route->repeat || receiver->kind != CONF_RECEIVER_ALERTMANAGER)
        return route->repeat;
    return WHEN_HOUR;
}

/* Who has acknowledged it is told again when it has become worse. An Alertmanager has
 * acknowledgements of its own. */
static bool is_known(const struct conf_route *route, const struct conf_receiver *receiver,
                     const struct store_alert *a)
{
    return a->acked && receiver->kind != CONF_RECEIVER_ALERTMANAGER &&
           (route->after || a->severity <= a->acked_severity);
}

static enum rc tell_receiver(struct router *r, const struct conf_route *route,
                             const struct conf_receiver *receiver, const struct telling *what)
{
    when_t repeat = repeat_of(route, receiver), now = r->job->now, last;

    if (is_known(route, receiver, what->alert))
        return RC_OK;
    last = told_at(r, receiver->name, -1);
    if (told_at(r, receiver->name, what->rung) && (!repeat || last + repeat > now)) {
        sooner(r, repeat ? last + repeat : 0);
        return RC_OK;
    }
    sooner(r, repeat ? now + repeat : 0);
    return tell(r, receiver, what, repeat);
}

/* Not now: `next` says when, if it will at all. */
static bool must_wait(struct router *r, const struct conf_route *route, const struct store_alert *a)
{
    when_t wait = route->after ? a->started + route->after : 0;
    when_t quiet = a->severity == STORE_CRITICAL ? 0 : quiet_until(route, r->job->now);

    if (wait <= r->job->now && !quiet)
        return false;
    sooner(r, wait > quiet ? wait : quiet);
    return true;
}

static enum rc route_one(struct router *r, const struct store_alert *a)
{
    const struct conf *conf = r->job->conf;

    for (size_t i = 0; i < conf->n_routes; i++) {
        const struct conf_route *route = &conf->routes[i];
        struct telling what = {a, -1};

        if (!is_kind(route, a->kind) || must_wait(r, route, a))
            continue;
        what.rung = rung_of(r, route, a);
        for (size_t k = 0; what.rung >= 0 && k < route->to.n; k++) {
            const struct conf_receiver *to = conf_receiver_find(conf, route->to.p[k]);

            if (to)
                TRY(tell_receiver(r, route, to, &what));
        }
    }
    return RC_OK;
}

/* Those who know that it began hear that it is over. */
static enum rc route_end(struct router *r, const struct store_alert *a)
{
    const struct telling what = {a, STORE_TOLD_OVER};

    for (size_t i = 0; i < r->job->conf->n_receivers; i++) {
        const struct conf_receiver *to = &r->job->conf->receivers[i];

        if (to->resolved && told_at(r, to->name, -1) && !told_of_end(r, to->name))
            TRY(tell(r, to, &what, 0));
    }
    return RC_OK;
}

static enum rc look_at(struct router *r, const struct store_alert *a)
{
    when_t until = silenced(r, a);

    r->next = 0;
    TRY(store_alert_told(r->txn, &r->arena, &a->id, &r->told, &r->n_told));
    if (a->resolved)
        TRY(route_end(r, a));
    else if (until)
        r->next = until;
    else
        TRY(route_one(r, a));
    return store_alert_later(r->txn, &a->id, r->next);
}

static enum rc route_all(struct router *r)
{
    struct store_alert *list;
    size_t n;

    r->groups = ARENA_ARRAY(&r->arena, struct group, GROUPS_MAX);
    if (!r->groups)
        return RC_NOMEM;
    TRY(store_silence_list(r->txn, &r->arena, r->job->now, &r->silences, &r->n_silences));
    TRY(store_alert_due(r->txn, &r->arena, r->job->now, ALERT_LOOK_MAX, &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(look_at(r, &list[i]));
    r->job->more |= n == ALERT_LOOK_MAX;
    return flush_all(r);
}

enum rc alert_route_due(struct store_txn *txn, struct alert_job *j)
{
    struct router r = {.txn = txn, .job = j};
    enum rc rc;

    if (j->conf_changed)
        TRY(store_alert_all_due(txn, j->now));
    arena_init(&r.arena, ALERT_ARENA);
    rc = route_all(&r);
    arena_done(&r.arena);
    return rc;
}
