/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals that failed, of whichever ACME client: an order that came to nothing, whose account has
 * a valid certificate that it was to replace. Found behind the audit log, as it grows, so that
 * orders pay nothing for it. Whose doing it is is part of the kind, for routes and silences: what a
 * name server said (or a proof in DNS), what stands between here and the host, or neither. */
#include <stdio.h>

#include "alert/alert_int.h"
#include "json/json.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/events.h"
#include "store/expiries.h"
#include "store/meta.h"
#include "store/orders.h"

enum { EVENTS_MAX = 200, LOOKED_AT = 20, NUMBER_BYTES = 24, PROBLEM_MAX = 64 * 1024 };
enum { SUMMARY_MAX = 2 * PROBLEM_MAX };

static const char *const kinds[] = {"renewal.dns", "renewal.proxy", "renewal"};
enum { DNS, PROXY, OTHER, KINDS };

static void key_of(const struct id *id, int kind, char key[static ALERT_KEY_BYTES])
{
    snprintf(key, ALERT_KEY_BYTES, "%s:%s", kinds[kind], id->z);
}

/* ---- whose doing it is */

/* "dns" of urn:ietf:params:acme:error:dns. */
static struct str short_type(struct str type)
{
    while (str_find(type, ':') < type.n)
        type = str_skip(type, str_find(type, ':') + 1);
    return type;
}

static bool is_one_of(struct str s, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(s, str_of(*list)))
            return true;
    return false;
}

/* The challenge that failed; without a type: none did. */
static enum rc way_of(struct store_txn *txn, struct arena *a, const struct store_order *order,
                      struct store_challenge *out)
{
    *out = (struct store_challenge){};
    for (size_t i = 0; i < order->n_names; i++) {
        struct store_authorization z;
        enum rc rc = store_authorization_get(txn, a, &order->names[i].authorization, &z);

        if (rc == RC_NOTFOUND)
            continue;
        TRY(rc);
        for (size_t k = 0; k < z.n_challenges; k++)
            if (z.challenges[k].status == STORE_CHALLENGE_INVALID)
                *out = z.challenges[k];
    }
    return RC_OK;
}

static int cause_of(struct str way, struct str type)
{
    static const char *const dns[] = {"dns", "caa", NULL};
    static const char *const reached[] = {"connection", "tls", "incorrectResponse", "unauthorized",
                                          NULL};

    if (is_one_of(type, dns))
        return DNS;
    if (way.n == 0 || !is_one_of(type, reached))
        return OTHER;
    return str_starts(way, STR("dns-")) ? DNS : PROXY;
}

/* ---- what it was to replace */

static bool has(const struct store_order *order, const struct store_name *name)
{
    for (size_t i = 0; i < order->n_names; i++)
        if (order->names[i].name.type == name->type &&
            str_eq(order->names[i].name.value, name->value))
            return true;
    return false;
}

static bool covers(const struct store_order *order, const struct store_certificate *c)
{
    for (size_t i = 0; i < c->n_names; i++)
        if (!has(order, &c->names[i]))
            return false;
    return c->n_names > 0;
}

/* RC_NOTFOUND: there is none, or something has taken its place. */
static enum rc find(struct store_txn *txn, struct arena *a, const struct alert_job *j,
                    const struct store_order *order, struct store_certificate *out)
{
    struct store_certificate_filter filter = {.account = order->account,
                                              .statuses = 1u << STORE_CERTIFICATE_VALID,
                                              .staging = STORE_STAGING_NOT,
                                              .not_after_from = j->now,
                                              .sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST,
                                              .living = true,
                                              .without_der = true,
                                              .limit = LOOKED_AT};
    struct store_cursor at = {};
    struct store_certificate *list;
    bool over;
    size_t n;

    if (order->n_names == 0)
        return RC_NOTFOUND;
    filter.name = &order->names[0].name;
    TRY(store_certificate_list(txn, a, &filter, &at, &list, &n));
    for (size_t i = 0; i < n; i++) {
        if (!covers(order, &list[i]) || list[i].issued > j->now)
            continue;
        TRY(store_certificate_superseded(txn, &list[i], &over));
        if (over || list[i].issued >= order->created)
            return RC_NOTFOUND;
        *out = list[i];
        return RC_OK;
    }
    return RC_NOTFOUND;
}

/* ---- one that failed */

/* What the problem says, without the token of the challenge, which stands in URLs: what is told
 * here goes to the audit log, and to others. */
static void put_detail(const struct json *problem, struct str token, struct buf *out)
{
    struct str detail = json_shown(problem, "detail");

    if (detail.n == 0)
        detail = STR("no reason is known");
    while (detail.n) {
        bool is_token = token.n && str_starts(detail, token);

        buf_puts(out, is_token ? STR("(token)") : str_head(detail, 1));
        detail = str_skip(detail, is_token ? token.n : 1);
    }
}

/* Another cause than before is another alert, for others may have to be told. */
static enum rc end_kind(struct store_txn *txn, struct alert_job *j, struct arena *a,
                        const struct id *id, int kind)
{
    struct store_alert alert;
    char key[ALERT_KEY_BYTES];
    enum rc rc;

    key_of(id, kind, key);
    rc = store_alert_firing(txn, a, str_of(key), &alert);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    return rc == RC_OK ? alert_end(txn, j, &alert) : rc;
}

static enum rc raise(struct store_txn *txn, struct alert_job *j, struct arena *a,
                     const struct store_order *order, const struct store_certificate *c)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf summary = BUF_INIT(SUMMARY_MAX);
    const struct json *problem = NULL;
    char key[ALERT_KEY_BYTES], end[WHEN_TEXT];
    struct store_alert alert = {.object = c->names[0].value,
                                .owner = c->owner,
                                .team = c->team,
                                .ends = c->not_after,
                                .severity = alert_severity_of(j, c)};
    struct store_challenge way;
    int kind;

    TRY(way_of(txn, a, order, &way));
    if (json_parse(order->error, PROBLEM_MAX, &doc, NULL) == RC_OK)
        problem = json_root(doc);
    kind = cause_of(way.type, short_type(json_shown(problem, "type")));
    for (int i = 0; i < KINDS; i++)
        if (i != kind)
            TRY(end_kind(txn, j, a, &c->id, i));
    key_of(&c->id, kind, key);
    alert.key = str_of(key);
    alert.kind = str_of(kinds[kind]);
    buf_putz(&summary, "the renewal of the certificate for ");
    alert_names_put(c, &summary);
    buf_printf(&summary, " failed%s%.*s: ", way.type.n ? " by " : "", STR_ARG(way.type));
    put_detail(problem, way.token, &summary);
    buf_printf(&summary, "; the one in place ends %s", when_text(c->not_after, end));
    TRY(buf_rc(&summary));
    alert.summary = buf_str(&summary);
    alert.action = alert_show(a, c);
    if (!alert.action.p)
        return RC_NOMEM;
    TRY(store_expiry_sooner(txn, &c->id, j->now + ALERT_LOOK_AGAIN));
    return alert_raise(txn, j, &alert);
}

static enum rc take(struct store_txn *txn, struct alert_job *j, const struct store_event *event)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_certificate c;
    struct store_order order;
    struct id id;
    enum rc rc = id_parse(event->object, &id);

    if (rc == RC_OK)
        rc = store_order_get(txn, &a, &id, &order);
    if (rc == RC_OK)
        rc = find(txn, &a, j, &order, &c);
    if (rc == RC_OK)
        return raise(txn, j, &a, &order, &c);
    return rc == RC_NOTFOUND || rc == RC_PARSE ? RC_OK : rc; /* it is gone, or replaces nothing */
}

/* ---- the audit log, as it grows */

static enum rc read_position(struct store_txn *txn, uint64_t *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct str text;

    TRY(store_meta_get(txn, &a, STORE_META_FAILURES, &text));
    return str_u64(text, INT64_MAX, out);
}

enum rc alert_failures_due(struct store_txn *txn, uint64_t *seen, bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_event_filter filter = {.action = STR("order.failed"), .limit = 1};
    struct store_event *list;
    uint64_t last;
    size_t n = 0;
    enum rc rc = read_position(txn, &filter.after);

    *out = rc == RC_NOTFOUND;
    if (rc != RC_OK)
        return rc == RC_NOTFOUND ? RC_OK : rc;
    TRY(store_event_last(txn, &last));
    if (*seen > filter.after)
        filter.after = *seen;
    TRY(store_event_list(txn, &a, &filter, &list, &n));
    *out = n > 0;
    if (n == 0)
        *seen = last;
    return RC_OK;
}

static enum rc keep_position(struct store_txn *txn, uint64_t at)
{
    char text[NUMBER_BYTES];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)at);
    return store_meta_set(txn, STORE_META_FAILURES, str_of(text));
}

/* What failed before there was anybody to look counts no more. */
enum rc alert_failures_take(struct store_txn *txn, struct alert_job *j)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_event_filter filter = {.action = STR("order.failed"), .limit = EVENTS_MAX};
    struct store_event *list;
    uint64_t last;
    size_t n = 0;
    enum rc rc = read_position(txn, &filter.after);

    TRY(store_event_last(txn, &last));
    if (rc == RC_NOTFOUND)
        return keep_position(txn, last);
    TRY(rc);
    TRY(store_event_list(txn, &a, &filter, &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(take(txn, j, &list[i]));
    if (n == EVENTS_MAX)
        last = list[n - 1].sequence;
    j->more |= n == EVENTS_MAX;
    return last == filter.after ? RC_OK : keep_position(txn, last);
}

/* ---- while it lasts */

static enum rc look_at_kind(struct store_txn *txn, struct alert_job *j,
                            const struct store_certificate *c, int kind, bool *firing)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_alert alert;
    char key[ALERT_KEY_BYTES];
    enum rc rc;

    key_of(&c->id, kind, key);
    rc = store_alert_firing(txn, &a, str_of(key), &alert);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    *firing = true;
    alert.severity = alert_severity_of(j, c);
    return alert_raise(txn, j, &alert);
}

enum rc alert_failures_look(struct store_txn *txn, struct alert_job *j,
                            const struct store_certificate *c, bool over, bool *firing)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);

    *firing = false;
    for (int i = 0; i < KINDS; i++)
        TRY(over ? end_kind(txn, j, &a, &c->id, i) : look_at_kind(txn, j, c, i, firing));
    return RC_OK;
}
