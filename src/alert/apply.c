/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert_int.h"
#include "audit/audit.h"
#include "json/out.h"

enum { DETAIL_MAX = 8 * 1024, FIRING_ARENA = 64 << 20 };

/* ---- one alert */

static enum rc record(struct store_txn *txn, when_t now, const char *action,
                      const struct store_alert *alert)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(DETAIL_MAX);
    struct audit_event event = {.at = now,
                                .actor_kind = AUDIT_SYSTEM,
                                .action = action,
                                .object_kind = "alert",
                                .object = id_str(&alert->id)};
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "key", alert->key);
    json_kv_z(&o, "severity", store_severity_text(alert->severity));
    json_kv_str(&o, "summary", alert->summary);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

/* What people see of it is the same. */
static bool looks_same(const struct store_alert *a, const struct store_alert *b)
{
    return a->severity == b->severity && a->ends == b->ends && str_eq(a->summary, b->summary) &&
           str_eq(a->action, b->action) && str_eq(a->owner, b->owner) && str_eq(a->team, b->team);
}

static enum rc begin(struct store_txn *txn, struct alert_job *j, struct store_alert *alert)
{
    enum rc rc;

    TRY(id_new(&alert->id));
    alert->started = alert->updated = alert->next = j->now;
    /* What is about the authority itself always finds a place. */
    rc = store_alert_add(txn, alert,
                         alert->ends ? ALERT_CERTIFICATES_MAX
                                     : ALERT_CERTIFICATES_MAX + ALERT_CONDITIONS_MAX);
    j->full = rc == RC_QUOTA;
    if (rc == RC_QUOTA)
        return RC_OK; /* looked at again; `alert list` says that there are that many */
    TRY(rc);
    j->fired++;
    return record(txn, j->now, "alert.fired", alert);
}

enum rc alert_raise(struct store_txn *txn, struct alert_job *j, struct store_alert *alert)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(FIRING_ARENA);
    struct store_alert before;
    enum rc rc;

    alert->summary = str_utf8_head(alert->summary, ALERT_TEXT_MAX);
    rc = store_alert_firing(txn, &a, alert->key, &before);
    if (rc == RC_NOTFOUND)
        return begin(txn, j, alert);
    TRY(rc);
    if (looks_same(&before, alert))
        return RC_OK;
    alert->id = before.id;
    alert->updated = j->now;
    alert->next =
        alert->severity == before.severity && alert->ends == before.ends ? before.next : j->now;
    TRY(store_alert_update(txn, alert));
    return alert->severity > before.severity ? record(txn, j->now, "alert.worsened", alert) : RC_OK;
}

enum rc alert_end(struct store_txn *txn, struct alert_job *j, const struct store_alert *alert)
{
    TRY(store_alert_resolve(txn, &alert->id, j->now));
    j->resolved++;
    return record(txn, j->now, "alert.resolved", alert);
}

/* ---- all that are about no certificate */

static enum rc raise_all(struct store_txn *txn, struct alert_job *j)
{
    for (size_t i = 0; i < j->conditions->n; i++) {
        const struct alert_condition *c = &j->conditions->v[i];
        struct store_alert alert = {
            .key = c->key,
            .kind = str_of(c->kind),
            .severity = c->severity,
            .object = c->object,
            .summary = c->summary,
            .action = c->action,
            .owner = c->owner,
            .team = c->team,
        };

        TRY(alert_raise(txn, j, &alert));
    }
    return RC_OK;
}

static bool holds(const struct alert_conditions *c, struct str key)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->v[i].key, key))
            return true;
    return false;
}

static enum rc end_others(struct store_txn *txn, struct alert_job *j)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(FIRING_ARENA);
    struct store_alert_filter filter = {.conditions = true};
    struct store_alert *list;
    size_t n;

    do {
        TRY(store_alert_list(txn, &a, &filter, &list, &n, &filter.after));
        for (size_t i = 0; i < n; i++)
            if (!holds(j->conditions, list[i].key))
                TRY(alert_end(txn, j, &list[i]));
    } while (filter.after);
    return RC_OK;
}

enum rc alert_apply(struct store_txn *txn, struct alert_job *j)
{
    if (!j->conditions)
        return RC_OK;
    TRY(raise_all(txn, j));
    return end_others(txn, j);
}
