/* SPDX-License-Identifier: Apache-2.0 */
#include "approval/due.h"

#include "base/mem.h"
#include "ev/clock.h"
#include "http/problem.h"
#include "json/out.h"
#include "log/log.h"
#include "store/orders.h"
#include "store/store.h"

MSG(msg_expired, "acme.approval-expired",
    "nobody decided on approval {0} until {1}; make a new order, which asks again");
MSG(msg_order, "acme.approval-order",
    "the order has expired; make a new one, for which approval {0} counts until {1}");

enum {
    EVENT_ARENA = 1024 * 1024,
    PROBLEM_MAX = 16 * 1024,
    DUE_BATCH = 16,
    LOOK_SECONDS = 3600, /* when nothing is known to be due sooner */
};

/* ---- an order that waits, and ends */

enum rc approval_fail_order(struct store_txn *txn, struct arena *a, const struct id *order,
                            const struct err *why, const struct audit_event *by)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PROBLEM_MAX);
    struct audit_event event = *by;
    struct json_out o;
    struct str problem;

    json_out_init(&o, &text, JSON_COMPACT);
    http_problem_put(&o, why, NULL, 0);
    TRY(json_out_done(&o));
    TRY(arena_str(a, buf_str(&text), &problem));
    TRY(store_approval_end_wait(txn, order));
    TRY(store_order_fail(txn, order, STORE_ORDER_PROCESSING, problem));
    event.action = "order.failed";
    event.object_kind = "order";
    event.object = id_str(order);
    event.detail = problem;
    return audit_append(txn, &event, NULL);
}

enum rc approval_end_order(struct store_txn *txn, struct arena *a, const struct store_approval *row,
                           const struct err *why, const struct audit_event *by)
{
    enum rc rc = row->order.z[0] ? approval_fail_order(txn, a, &row->order, why, by) : RC_OK;

    return rc == RC_CONFLICT ? RC_OK : rc;
}

/* ---- what is due */

struct look {
    struct approval_watch *watch;
    when_t now;
    struct id due[DUE_BATCH];
    size_t n;
    struct str expired[DUE_BATCH], reminded[DUE_BATCH]; /* what, for the log */
    struct id ids[DUE_BATCH];
    struct arena arena;
};

static enum rc expire(struct store_txn *txn, struct look *l, const struct store_approval *row,
                      const struct audit_event *by)
{
    char until[WHEN_TEXT];
    struct err why = ERR_INIT;

    IGNORE_RC(PROBLEM(&why, RC_DENIED, "unauthorized", msg_expired, id_str(&row->id),
                      str_of(when_text(row->expires, until))));
    TRY(approval_end_order(txn, &l->arena, row, &why, by));
    TRY(approval_audit(txn, row, by, "approval.expired"));
    return store_approval_later(txn, &row->id, 0);
}

/* The order that waits, if it lives; one that has expired ends. */
static enum rc look_at_order(struct store_txn *txn, struct look *l, struct store_approval *row,
                             const struct audit_event *by, when_t *out_until)
{
    char until[WHEN_TEXT];
    struct err why = ERR_INIT;
    struct store_order order;

    *out_until = 0;
    if (!row->order.z[0])
        return RC_OK;
    TRY(store_order_get(txn, &l->arena, &row->order, &order));
    *out_until = order.expires;
    if (order.expires > l->now && order.status == STORE_ORDER_PROCESSING)
        return RC_OK;
    *out_until = 0;
    if (order.status != STORE_ORDER_PROCESSING)
        return store_approval_end_wait(txn, &row->order);
    IGNORE_RC(PROBLEM(&why, RC_DENIED, "unauthorized", msg_order, id_str(&row->id),
                      str_of(when_text(row->expires, until))));
    return approval_end_order(txn, &l->arena, row, &why, by);
}

static when_t sooner(when_t a, when_t b)
{
    return a && (!b || a < b) ? a : b;
}

static enum rc look_at(struct store_txn *txn, struct look *l, size_t i)
{
    struct audit_event by = {.at = l->now, .actor_kind = AUDIT_SYSTEM};
    struct store_approval row;
    when_t due, since;

    TRY(store_approval_get(txn, &l->arena, &l->due[i], &row));
    l->ids[i] = row.id;
    if (row.state == STORE_APPROVAL_PENDING && row.expires <= l->now) {
        l->expired[i] = row.what;
        return expire(txn, l, &row, &by);
    }
    TRY(look_at_order(txn, l, &row, &by, &due));
    if (row.state != STORE_APPROVAL_PENDING)
        return store_approval_later(txn, &row.id, due);
    since = row.due - row.asked; /* reminders come a whole number of days after */
    if (since > 0 && since % WHEN_DAY == 0) {
        l->reminded[i] = row.what;
        TRY(approval_audit(txn, &row, &by, "approval.reminded"));
    }
    due = sooner(due, row.expires);
    since = (l->now - row.asked) / WHEN_DAY * WHEN_DAY;
    return store_approval_later(txn, &row.id, sooner(row.asked + since + WHEN_DAY, due));
}

static enum rc look_fn(struct store_txn *txn, void *arg)
{
    struct look *l = arg;

    for (size_t i = 0; i < l->n; i++) {
        l->expired[i] = l->reminded[i] = (struct str){NULL, 0};
        TRY(look_at(txn, l, i));
    }
    return RC_OK;
}

static void look_free(struct look *l)
{
    arena_done(&l->arena);
    mem_free(l);
}

static void start_timer(struct approval_watch *w)
{
    when_t now = clock_now(ev_clock(w->ev)), wait = LOOK_SECONDS * WHEN_SECOND, next;

    if (store_approval_next(store_read(w->store), &next) == RC_OK && next && next - now < wait)
        wait = next > now ? next - now : 0;
    ev_timer_start(&w->timer, wait, 0);
}

static void looked(enum rc rc, void *arg)
{
    struct look *l = arg;
    struct approval_watch *w = l->watch;

    for (size_t i = 0; rc == RC_OK && i < l->n; i++) {
        if (l->expired[i].n)
            log_warn("acme.approval-expired", LOG_STR("approval", id_str(&l->ids[i])),
                     LOG_STR("what", l->expired[i]));
        if (l->reminded[i].n)
            log_warn("acme.approval-waits", LOG_STR("approval", id_str(&l->ids[i])),
                     LOG_STR("what", l->reminded[i]));
    }
    look_free(l);
    ev_timer_start(&w->timer, rc == RC_OK ? 0 : WHEN_MINUTE, 0);
}

static void look(void *arg)
{
    struct approval_watch *w = arg;
    struct look *l = MEM_NEW(struct look);
    enum rc rc = RC_NOMEM;

    if (l) {
        *l = (struct look){.watch = w, .now = clock_now(ev_clock(w->ev))};
        arena_init(&l->arena, DUE_BATCH * EVENT_ARENA);
        rc = store_approval_due(store_read(w->store), l->now, DUE_BATCH, l->due, &l->n);
    }
    if (rc == RC_OK && l->n && store_write(w->store, look_fn, looked, l) == RC_OK)
        return;
    if (rc == RC_OK && l->n == 0)
        start_timer(w);
    else
        ev_timer_start(&w->timer, WHEN_MINUTE, 0);
    if (l)
        look_free(l);
}

void approval_watch_start(struct approval_watch *w, struct ev *ev, struct store *store)
{
    w->ev = ev;
    w->store = store;
    ev_timer_init(&w->timer, ev, look, w);
    approval_watch_look(w);
}

void approval_watch_stop(struct approval_watch *w)
{
    ev_timer_stop(&w->timer);
}

void approval_watch_look(struct approval_watch *w)
{
    ev_timer_start(&w->timer, 0, 0);
}
