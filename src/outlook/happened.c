/* SPDX-License-Identifier: Apache-2.0 */
#include "outlook/happened_int.h"

#include <stdlib.h>

#include "json/json.h"
#include "store/agents.h"
#include "store/orders.h"

enum {
    REASON_MAX = 48,
    SEEN_MAX = 100, /* different ones; what is beyond is "other" */
    SPANS_MAX = 4096,
};
#define PROOFS_OF (30 * WHEN_DAY)

/* ---- why orders failed */

struct reason {
    char text[REASON_MAX];
    uint64_t day, week;
};

struct failures {
    struct reason v[SEEN_MAX];
    size_t n;
    uint64_t looked;
    when_t day; /* from when on it is one of the last day */
};

/* Only what error types are made of: whatever else is there is none of ours. */
static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] | 0x20) < 'a' || (s.p[i] | 0x20) > 'z')
            return false;
    return s.n > 0 && s.n < REASON_MAX;
}

static struct str reason_of(const struct json *problem)
{
    static const struct str urn = {"urn:ietf:params:acme:error:", 27};
    struct str type = json_shown(problem, "type");

    type = str_starts(type, urn) ? str_skip(type, urn.n) : type;
    return is_word(type) ? type : STR("other");
}

static struct reason *find(struct failures *f, struct str text)
{
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(str_of(f->v[i].text), text))
            return &f->v[i];
    if (f->n == SEEN_MAX - 1 && !str_eq(text, STR("other")))
        return find(f, STR("other")); /* has the place that is left */
    if (f->n == SEEN_MAX)
        return &f->v[SEEN_MAX - 1];
    f->v[f->n] = (struct reason){};
    IGNORE_RC(str_copyz(text, f->v[f->n].text, REASON_MAX)); /* is_word says that it fits */
    return &f->v[f->n++];
}

static void count_failure(void *arg, when_t created, struct str error)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct failures *f = arg;
    struct reason *r;

    if (error.n)
        IGNORE_RC(json_parse(error, error.n, &doc, NULL)); /* then it is "other" */
    r = find(f, reason_of(doc ? json_root(doc) : NULL));
    r->week++;
    r->day += created >= f->day;
    f->looked++;
}

static bool is_other(const struct reason *r)
{
    return strcmp(r->text, "other") == 0;
}

/* "other" is the last one, so that what is joined is joined with it. */
static int by_week(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;

    if (is_other(x) != is_other(y))
        return is_other(x) - is_other(y);
    return x->week != y->week ? (x->week < y->week) - (x->week > y->week)
                              : str_cmp(str_of(x->text), str_of(y->text));
}

/* Past OUTLOOK_REASONS all that is left is one. */
static void join_rest(struct failures *f)
{
    struct reason *last = &f->v[OUTLOOK_REASONS - 1];

    if (f->n <= OUTLOOK_REASONS)
        return;
    for (size_t i = OUTLOOK_REASONS; i < f->n; i++) {
        last->day += f->v[i].day;
        last->week += f->v[i].week;
    }
    IGNORE_RC(str_copyz(STR("other"), last->text, REASON_MAX)); /* it fits */
    f->n = OUTLOOK_REASONS;
}

enum rc outlook_put_failures(const struct outlook_ask *ask, struct json_out *o)
{
    struct failures f = {.day = ask->now - WHEN_DAY};

    TRY(store_order_failures(store_read(ask->store), ask->now - 7 * WHEN_DAY, count_failure, &f));
    qsort(f.v, f.n, sizeof(f.v[0]), by_week);
    join_rest(&f);
    json_key(o, "failures");
    json_arr(o);
    for (size_t i = 0; i < f.n; i++) {
        json_obj(o);
        json_kv_z(o, "reason", f.v[i].text);
        json_kv_u64(o, "day", f.v[i].day);
        json_kv_u64(o, "week", f.v[i].week);
        json_end(o);
    }
    json_end(o);
    json_kv_u64(o, "failures_looked", f.looked);
    return RC_OK;
}

/* ---- how long it took */

struct spans {
    uint64_t ms[SPANS_MAX];
    size_t n;
    when_t from, now;
};

static int by_length(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The least that as many per cent are not above. */
static uint64_t percentile(const struct spans *s, size_t percent)
{
    return s->ms[(s->n * percent + 99) / 100 - 1];
}

static void put_spans(struct json_out *o, const char *name, struct spans *s)
{
    json_key(o, name);
    if (s->n == 0) {
        json_put_null(o);
        return;
    }
    qsort(s->ms, s->n, sizeof(s->ms[0]), by_length);
    json_obj(o);
    json_kv_u64(o, "n", s->n);
    json_kv_u64(o, "median", percentile(s, 50));
    json_kv_u64(o, "p95", percentile(s, 95));
    json_end(o);
}

/* Of certificates that are of lately: what a report says of them stays in it for as long as they
 * do. */
static enum rc take_report(void *arg, struct str report)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct spans *s = arg;
    struct json_iter it;
    const struct json *one;
    enum rc rc = json_parse(report, STORE_REPORT_MAX, &doc, NULL);

    if (rc == RC_NOMEM)
        return rc;
    it = json_iter(json_get(doc ? json_root(doc) : NULL, "certificates"));
    while (s->n < SPANS_MAX && json_next(&it, NULL, &one)) {
        uint64_t ms;
        when_t issued;

        if (json_u64(json_get(one, "prove_ms"), &ms) == RC_OK &&
            when_parse(json_shown(one, "issued"), &issued) == RC_OK && issued >= s->from &&
            issued <= s->now)
            s->ms[s->n++] = ms;
    }
    return RC_OK;
}

enum rc outlook_put_times(const struct outlook_ask *ask, struct json_out *o)
{
    struct store_txn *txn = store_read(ask->store);
    struct spans s = {.from = ask->now - PROOFS_OF, .now = ask->now};
    when_t waits[STORE_WAITS_LOOK];

    TRY(store_order_waits(txn, ask->now - WHEN_DAY, waits, &s.n));
    for (size_t i = 0; i < s.n; i++)
        s.ms[i] = (uint64_t)(waits[i] / (WHEN_SECOND / 1000));
    put_spans(o, "issue_ms", &s);
    s.n = 0;
    TRY(store_agent_reports(txn, ask->now - WHEN_DAY, OUTLOOK_REPORTS, take_report, &s));
    put_spans(o, "proof_ms", &s);
    return RC_OK;
}
