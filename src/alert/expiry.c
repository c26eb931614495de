/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "alert/alert_int.h"
#include "store/expiries.h"
#include "store/meta.h"

enum { KEY_BYTES = ALERT_KEY_BYTES, NUMBER_BYTES = 24, NAMES_SHOWN = 3 };

when_t alert_overdue_left(when_t not_before, when_t not_after, uint64_t at)
{
    when_t life = not_after > not_before ? not_after - not_before : 0;
    when_t window = life - life / 100 * (when_t)(at < 100 ? at : 100);

    return window / 5 * 4;
}

static void key_of(const struct id *id, char key[static KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "certificate:%s", id->z);
}

/* ---- taking up what is new */

static enum rc read_position(struct store_txn *txn, struct arena *a, uint64_t *out)
{
    struct str text;
    enum rc rc = store_meta_get(txn, a, STORE_META_EXPIRIES, &text);

    *out = 0;
    if (rc == RC_NOTFOUND)
        return RC_OK;
    return rc == RC_OK ? str_u64(text, INT64_MAX, out) : rc;
}

/* A client that says what it replaces (RFC 9773) may have changed the names. */
static enum rc end_replaced(struct store_txn *txn, struct alert_job *j, struct arena *a,
                            const struct id *replaced)
{
    const struct store_certificate c = {.id = *replaced};
    struct store_alert alert;
    char key[KEY_BYTES];
    bool firing;
    enum rc rc;

    TRY(store_expiry_end(txn, replaced));
    TRY(alert_failures_look(txn, j, &c, true, &firing));
    key_of(replaced, key);
    rc = store_alert_firing(txn, a, str_of(key), &alert);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    return rc == RC_OK ? alert_end(txn, j, &alert) : rc;
}

static enum rc take_one(struct store_txn *txn, struct alert_job *j, struct arena *a,
                        const struct store_expiry *e)
{
    when_t left = alert_overdue_left(e->not_before, e->not_after, j->conf->acme.renewal.at);

    if (e->replaces.z[0])
        TRY(end_replaced(txn, j, a, &e->replaces));
    if (!e->counts || e->not_after + ALERT_ENDED_KEPT <= j->now)
        return RC_OK;
    return store_expiry_set(txn, e->n, e->not_after - left);
}

enum rc alert_expiries_take(struct store_txn *txn, struct alert_job *j)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_expiry *list = ARENA_ARRAY(&a, struct store_expiry, ALERT_TAKE_MAX);
    char text[NUMBER_BYTES];
    uint64_t at;
    size_t n;

    if (!list)
        return RC_NOMEM;
    TRY(read_position(txn, &a, &at));
    TRY(store_expiry_new(txn, (int64_t)at, ALERT_TAKE_MAX, list, &n));
    if (n == 0)
        return RC_OK;
    for (size_t i = 0; i < n; i++)
        TRY(take_one(txn, j, &a, &list[i]));
    j->more |= n == ALERT_TAKE_MAX;
    snprintf(text, sizeof(text), "%lld", (long long)list[n - 1].n);
    return store_meta_set(txn, STORE_META_EXPIRIES, str_of(text));
}

/* ---- looking at what is due */

void alert_names_put(const struct store_certificate *c, struct buf *out)
{
    for (size_t i = 0; i < c->n_names && i < NAMES_SHOWN; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", STR_ARG(str_head(c->names[i].value, 100)));
    if (c->n_names > NAMES_SHOWN)
        buf_printf(out, " and %zu more", c->n_names - NAMES_SHOWN);
    if (c->n_names == 0)
        buf_printf(out, "%s", "no name");
}

static void put_summary(const struct store_certificate *c, when_t now, struct buf *out)
{
    char end[WHEN_TEXT];

    buf_putz(out, "the certificate for ");
    alert_names_put(c, out);
    if (c->not_after <= now)
        buf_printf(out, " ended %s, and nothing has replaced it", when_text(c->not_after, end));
    else
        buf_printf(out, " ends %s, its renewal is overdue, and nothing has replaced it",
                   when_text(c->not_after, end));
}

enum store_severity alert_severity_of(const struct alert_job *j, const struct store_certificate *c)
{
    when_t overdue = alert_overdue_left(c->not_before, c->not_after, j->conf->acme.renewal.at);
    when_t critical = overdue / 10 * 3;

    if (critical > ALERT_CRITICAL_LEFT)
        critical = ALERT_CRITICAL_LEFT;
    return c->not_after - j->now <= critical ? STORE_CRITICAL : STORE_WARNING;
}

struct str alert_show(struct arena *a, const struct store_certificate *c)
{
    CLEANUP(buf_done) struct buf serial = BUF_INIT(2 * STORE_SERIAL_MAX);

    for (size_t i = 0; i < c->serial.n; i++)
        buf_printf(&serial, "%02x", (unsigned char)c->serial.p[i]);
    return arena_printf(a, "autarky cert show %.*s", STR_ARG(buf_str(&serial)));
}

static enum rc raise(struct store_txn *txn, struct alert_job *j, struct arena *a,
                     const struct store_certificate *c)
{
    CLEANUP(buf_done) struct buf summary = BUF_INIT(1024);
    char key[KEY_BYTES];
    struct store_alert alert = {
        .kind = STR("certificate"),
        .object = c->n_names ? c->names[0].value : STR("-"),
        .owner = c->owner,
        .team = c->team,
        .ends = c->not_after,
    };

    alert.severity = alert_severity_of(j, c);
    key_of(&c->id, key);
    alert.key = str_of(key);
    put_summary(c, j->now, &summary);
    TRY(buf_rc(&summary));
    alert.summary = buf_str(&summary);
    alert.action = alert_show(a, c);
    return alert.action.p ? alert_raise(txn, j, &alert) : RC_NOMEM;
}

static enum rc end_if_firing(struct store_txn *txn, struct alert_job *j, struct arena *a,
                             const struct id *id)
{
    struct store_alert alert;
    char key[KEY_BYTES];
    enum rc rc;

    key_of(id, key);
    rc = store_alert_firing(txn, a, str_of(key), &alert);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    return rc == RC_OK ? alert_end(txn, j, &alert) : rc;
}

/* `firing`: so many alerts there were before. */
static enum rc look_at(struct store_txn *txn, struct alert_job *j, const struct store_expiry *e,
                       uint64_t firing)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_certificate c = {.id = e->id};
    when_t overdue =
        e->not_after - alert_overdue_left(e->not_before, e->not_after, j->conf->acme.renewal.at);
    when_t again = (when_t)firing * ALERT_LOOK_EACH;
    bool over = !e->counts || e->not_after + ALERT_ENDED_KEPT <= j->now;
    bool failing = false, told;

    if (!over) {
        TRY(store_certificate_get(txn, &a, &e->id, &c));
        TRY(store_certificate_superseded(txn, &c, &over));
    }
    TRY(alert_failures_look(txn, j, &c, over, &failing));
    if (over) {
        TRY(store_expiry_set(txn, e->n, 0));
        return end_if_firing(txn, j, &a, &e->id);
    }
    if (again < ALERT_LOOK_AGAIN)
        again = ALERT_LOOK_AGAIN;
    if (j->now < overdue)
        return store_expiry_set(txn, e->n,
                                failing && j->now + again < overdue ? j->now + again : overdue);
    j->full = false;
    TRY(store_certificate_told(txn, &c, &told));
    TRY(told ? end_if_firing(txn, j, &a, &e->id) : raise(txn, j, &a, &c));
    return store_expiry_set(txn, e->n, j->now + (j->full ? ALERT_LOOK_FULL : again));
}

enum rc alert_expiries_look(struct store_txn *txn, struct alert_job *j)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_expiry *list = ARENA_ARRAY(&a, struct store_expiry, ALERT_LOOK_MAX);
    uint64_t firing[STORE_SEVERITIES];
    size_t n;

    if (!list)
        return RC_NOMEM;
    TRY(store_expiry_due(txn, j->now, ALERT_LOOK_MAX, list, &n));
    if (n == 0)
        return RC_OK;
    TRY(store_alert_count(txn, firing));
    for (size_t i = 0; i < n; i++)
        TRY(look_at(txn, j, &list[i], firing[STORE_WARNING] + firing[STORE_CRITICAL]));
    j->more |= n == ALERT_LOOK_MAX;
    return RC_OK;
}
