/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/approval.h"

#include <assert.h>

#include "acme/state.h"
#include "ev/clock.h"
#include "log/log.h"

MSG(msg_again, "acme.approval-again",
    "what persons allow, or do not, has changed this moment; finalize the order again");
MSG(msg_over, "acme.approval-over",
    "approval {0} was used for another order, or has ended; make a new order, which asks again");
MSG(msg_instead, "acme.approval-instead",
    "order {0} of the same account for the same names waits for approval {1} in its place");
MSG(msg_expired, "acme.approval-expired",
    "nobody decided on approval {0} until {1}; make a new order, which asks again");
MSG(msg_order, "acme.approval-order",
    "the order has expired; make a new one, for which approval {0} counts until {1}");

enum {
    EVIDENCE_MAX = 128 * 1024,
    EVENT_ARENA = 1024 * 1024,
    DUE_BATCH = 16,
    LOOK_SECONDS = 3600, /* when nothing is known to be due sooner */
};

/* ---- what is asked */

enum rc acme_approval_look(struct acme_request *r, const struct store_order *order,
                           const struct acme_judged *judged, enum crypto_key_type key,
                           struct ca_approval **out)
{
    struct store_name *names = ARENA_ARRAY(r->arena, struct store_name, order->n_names);
    struct ca_approval *c = ARENA_NEW(r->arena, struct ca_approval);
    struct ca_approval_ask ask = {
        .names = names,
        .n_names = order->n_names,
        .profile = order->profile,
        .key = key,
        .account = r->account.id,
        .eab = r->account.eab_key,
        .person = -1,
        .approvers = judged->approvers,
        .now = r->now,
        .wait = r->acme->conf->control.approval_wait,
    };

    *out = NULL;
    if (judged->approvers == 0 || r->staging)
        return RC_OK;
    if (!names || !c)
        return RC_NOMEM;
    for (size_t i = 0; i < order->n_names; i++)
        names[i] = order->names[i].name;
    TRY(ca_approval_begin(&ask, r->arena, c));
    TRY(ca_approval_find(store_read(r->acme->store), c));
    *out = c;
    return RC_OK;
}

static void put_proof(struct json_out *o, const struct store_authorization *z)
{
    json_obj(o);
    json_kv_str(o, "proven", z->name.value);
    for (size_t i = 0; i < z->n_challenges; i++) {
        const struct store_challenge *c = &z->challenges[i];

        if (c->status != STORE_CHALLENGE_VALID)
            continue;
        json_kv_str(o, "challenge", c->type);
        json_kv_when(o, "validated", c->validated);
        if (c->evidence.n && o->b->n + c->evidence.n < EVIDENCE_MAX - 4096) {
            json_key(o, "evidence");
            json_put_raw(o, c->evidence);
        }
        break;
    }
    if (z->evidence.n) {
        json_key(o, "evidence");
        json_put_raw(o, z->evidence);
    }
    json_end(o);
}

/* By what each name was proven. */
static enum rc put_evidence(struct store_txn *txn, struct acme_request *r,
                            const struct store_order *order, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(EVIDENCE_MAX);
    struct store_authorization z;
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    for (size_t i = 0; i < order->n_names; i++) {
        TRY(store_authorization_get(txn, r->arena, &order->names[i].authorization, &z));
        json_key_str(&o, order->names[i].name.value);
        put_proof(&o, &z);
    }
    json_end(&o);
    TRY(json_out_done(&o));
    return arena_str(r->arena, buf_str(&text), out);
}

/* ---- it waits */

static struct audit_event by_account(const struct acme_request *r)
{
    return (struct audit_event){
        .at = r->now,
        .actor_kind = AUDIT_ACCOUNT,
        .actor = id_str(&r->account.id),
        .request = id_str(&r->x->id),
        .address = r->client,
    };
}

/* An order that waits ends: RC_CONFLICT when it did not. */
static enum rc end(struct store_txn *txn, struct arena *a, const struct id *order,
                   const struct err *why, const struct audit_event *by)
{
    struct audit_event event = *by;
    struct str problem;

    assert(acme_order_may(STORE_ORDER_PROCESSING, STORE_ORDER_INVALID));
    TRY(acme_problem_json(a, why, NULL, 0, &problem));
    TRY(store_approval_end_wait(txn, order));
    TRY(store_order_fail(txn, order, STORE_ORDER_PROCESSING, problem));
    event.action = "order.failed";
    event.object_kind = "order";
    event.object = id_str(order);
    event.detail = problem;
    return audit_append(txn, &event, NULL);
}

static enum rc replace(struct store_txn *txn, struct acme_request *r, const struct id *order,
                       struct ca_approval *c)
{
    struct audit_event by = by_account(r);
    struct err why = ERR_INIT;

    if (c->row.order.z[0]) {
        IGNORE_RC(PROBLEM(&why, RC_CONFLICT, "unauthorized", msg_instead, id_str(order),
                          id_str(&c->row.id)));
        TRY(end(txn, r->arena, &c->row.order, &why, &by));
    }
    return RC_OK;
}

enum rc acme_approval_wait(struct store_txn *txn, struct acme_request *r,
                           const struct store_order *order, struct ca_approval *c)
{
    struct audit_event by = by_account(r);
    struct str csr = c->row.csr, rules = c->row.rules;

    TRY(ca_approval_find(txn, c));
    if (c->granted)
        return PROBLEM(&r->err, RC_CONFLICT, "orderNotReady", msg_again);
    if (c->known)
        TRY(replace(txn, r, &order->id, c));
    c->row.csr = csr;
    c->row.rules = rules;
    c->row.order = order->id;
    c->row.client = r->client;
    c->row.due = r->now; /* acme_approval_start's timer finds out when */
    TRY(put_evidence(txn, r, order, &c->row.evidence));
    return c->known ? store_approval_wait(txn, &c->row) : ca_approval_add(txn, c, &by);
}

enum rc acme_approval_use(struct store_txn *txn, struct acme_request *r,
                          const struct ca_approval *c, struct err *err)
{
    struct audit_event by = by_account(r);
    enum rc rc = ca_approval_use(txn, c, &by);

    return rc == RC_CONFLICT ? PROBLEM(err, rc, "unauthorized", msg_over, id_str(&c->row.id)) : rc;
}

enum rc acme_approval_fail(struct store_txn *txn, struct acme_request *r, const struct id *order)
{
    struct audit_event by = by_account(r);

    return end(txn, r->arena, order, &r->err, &by);
}

/* ---- for who decides */

enum rc acme_approval_ends(struct store_txn *txn, struct arena *a, const struct id *order,
                           const struct err *why, const struct audit_event *by)
{
    enum rc rc = order->z[0] ? end(txn, a, order, why, by) : RC_OK;

    return rc == RC_CONFLICT ? RC_OK : rc;
}

void acme_approvals_look(struct acme *a)
{
    ev_timer_start(&a->approval, 0, 0);
}

/* ---- what is due */

struct look {
    struct acme *acme;
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
    TRY(acme_approval_ends(txn, &l->arena, &row->order, &why, by));
    TRY(ca_approval_audit(txn, row, by, "approval.expired"));
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
    return acme_approval_ends(txn, &l->arena, &row->order, &why, by);
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
        TRY(ca_approval_audit(txn, &row, &by, "approval.reminded"));
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

static void start_timer(struct acme *a)
{
    when_t now = clock_now(ev_clock(a->ev)), wait = LOOK_SECONDS * WHEN_SECOND, next;

    if (store_approval_next(store_read(a->store), &next) == RC_OK && next && next - now < wait)
        wait = next > now ? next - now : 0;
    ev_timer_start(&a->approval, wait, 0);
}

static void looked(enum rc rc, void *arg)
{
    struct look *l = arg;
    struct acme *a = l->acme;

    for (size_t i = 0; rc == RC_OK && i < l->n; i++) {
        if (l->expired[i].n)
            log_warn("acme.approval-expired", LOG_STR("approval", id_str(&l->ids[i])),
                     LOG_STR("what", l->expired[i]));
        if (l->reminded[i].n)
            log_warn("acme.approval-waits", LOG_STR("approval", id_str(&l->ids[i])),
                     LOG_STR("what", l->reminded[i]));
    }
    look_free(l);
    ev_timer_start(&a->approval, rc == RC_OK ? 0 : WHEN_MINUTE, 0);
}

static void look(void *arg)
{
    struct acme *a = arg;
    struct look *l = MEM_NEW(struct look);
    enum rc rc = RC_NOMEM;

    if (l) {
        *l = (struct look){.acme = a, .now = clock_now(ev_clock(a->ev))};
        arena_init(&l->arena, DUE_BATCH * EVENT_ARENA);
        rc = store_approval_due(store_read(a->store), l->now, DUE_BATCH, l->due, &l->n);
    }
    if (rc == RC_OK && l->n && store_write(a->store, look_fn, looked, l) == RC_OK)
        return;
    if (rc == RC_OK && l->n == 0)
        start_timer(a);
    else
        ev_timer_start(&a->approval, WHEN_MINUTE, 0);
    if (l)
        look_free(l);
}

void acme_approval_start(struct acme *a)
{
    ev_timer_init(&a->approval, a->ev, look, a);
    ev_timer_start(&a->approval, 0, 0);
}

void acme_approval_stop(struct acme *a)
{
    ev_timer_stop(&a->approval);
}
