/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that come from the audit log: what failed and why, who allowed what, what was done to
 * the authority. */
#include <stdio.h>

#include "audit/audit.h"
#include "audit/canonical.h"
#include "json/json.h"
#include "report/report_int.h"
#include "store/events.h"

enum { DETAIL_SHOWN = 2048 /* bytes */ };

static const struct report_table failures_table = {
    "failures",
    "Failures",
    "Orders of certificates that failed in this time.",
    {"time", "order", "by", "kind", "reason", "problem", NULL},
};
static const struct report_table reasons_table = {
    "reasons",
    "Reasons of failure",
    "How often each kind of problem made an order fail.",
    {"kind", "orders", NULL},
};
static const struct report_table approvals_table = {
    "approvals",
    "Approvals",
    "What was asked of persons, and what they decided.",
    {"time", "what", "approval", "by", "reason", "detail", NULL},
};
static const struct report_table authority_table = {
    "authority",
    "Acts of the authority",
    "Issuers, locks, the audit log, external account keys, users, tokens and the configuration.",
    {"time", "what", "object", "by", "reason", "detail", NULL},
};

struct reason {
    struct str kind;
    uint64_t n;
};

struct pass {
    struct report *r;
    const char *const *actions; /* those that begin so; ends with NULL */
    uint64_t *count;
    bool failures;
    struct arena kinds;
    struct reason reasons[REPORT_REASONS_MAX];
    size_t n_reasons;
    uint64_t others; /* past those */
};

static const char *const failing[] = {"order.failed", NULL};
static const char *const approving[] = {"approval.", NULL};
static const char *const acting[] = {"issuer.", "issuance.", "audit.",         "eab.", "user.",
                                     "token.",  "renewal.",  "configuration.", NULL};

static bool wanted(const struct pass *p, struct str action)
{
    for (size_t i = 0; p->actions[i]; i++)
        if (str_starts(action, str_of(p->actions[i])))
            return true;
    return false;
}

/* Compact, as it stands in the record; nothing where there is none. */
static enum rc put_detail(const struct json *detail, struct buf *out)
{
    if (!detail || json_is_null(detail))
        return RC_OK;
    return canonical_put(out, detail);
}

static enum rc count_reason(struct pass *p, struct str kind)
{
    for (size_t i = 0; i < p->n_reasons; i++)
        if (str_eq(p->reasons[i].kind, kind)) {
            p->reasons[i].n++;
            return RC_OK;
        }
    if (p->n_reasons == REPORT_REASONS_MAX) {
        p->others++;
        return RC_OK;
    }
    TRY(arena_str(&p->kinds, str_head(kind, 256), &p->reasons[p->n_reasons].kind));
    p->reasons[p->n_reasons++].n = 1;
    return RC_OK;
}

/* Kind and words of the problem document (RFC 7807) that ended an order; where its identifiers have
 * problems of their own, the first of these says more. */
static void problem_of(const struct json *detail, struct str *kind, struct str *text)
{
    struct json_iter it = json_iter(json_get(detail, "subproblems"));
    const struct json *first;

    *kind = json_shown(detail, "type");
    *text = json_shown(detail, "detail");
    if (json_next(&it, NULL, &first) && json_shown(first, "detail").n) {
        *kind = json_shown(first, "type");
        *text = json_shown(first, "detail");
    }
}

static enum rc put_event(struct pass *p, struct arena *a, const struct store_event *e)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_EVENT_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str by = e->actor.n ? e->actor : e->actor_kind;
    struct str cells[6] = {report_when(a, e->at), e->action, e->object, by};
    const struct json *root;

    TRY(json_parse(e->bytes, AUDIT_EVENT_MAX, &doc, NULL));
    root = json_root(doc);
    cells[4] = json_shown(root, "reason");
    TRY(put_detail(json_get(root, "detail"), &detail));
    cells[5] = str_utf8_head(buf_str(&detail), DETAIL_SHOWN);
    if (p->failures) {
        cells[1] = e->object;
        cells[2] = by;
        problem_of(json_get(root, "detail"), &cells[3], &cells[5]);
        TRY(count_reason(p, cells[3].n ? cells[3] : STR("unknown")));
    }
    ++*p->count;
    return report_out_row(p->r->out, cells);
}

static enum rc page(struct pass *p, struct store_event_filter *f)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REPORT_PAGE_ARENA);
    struct store_event *list;
    size_t n;

    TRY(store_event_list(p->r->txn, &a, f, &list, &n));
    for (size_t i = 0; i < n; i++)
        if (wanted(p, list[i].action))
            TRY(put_event(p, &a, &list[i]));
    if (n < f->limit)
        return RC_CANCELLED; /* the end */
    f->after = list[n - 1].sequence;
    return RC_OK;
}

static enum rc walk(struct pass *p, const struct report_table *table)
{
    struct store_event_filter f = {
        .from = p->r->span.from, .before = p->r->span.before, .limit = REPORT_PAGE};
    enum rc rc;

    if (!p->actions[1])
        f.action = str_of(p->actions[0]);
    TRY(report_out_table(p->r->out, table));
    do
        rc = page(p, &f);
    while (rc == RC_OK);
    return rc == RC_CANCELLED ? RC_OK : rc;
}

static enum rc put_reason(struct report *r, struct str kind, uint64_t n)
{
    char text[24];
    struct str cells[] = {kind, {}};

    snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    cells[1] = str_of(text);
    return report_out_row(r->out, cells);
}

static enum rc failures(struct report *r, struct pass *p)
{
    TRY(walk(p, &failures_table));
    TRY(report_out_table(r->out, &reasons_table));
    for (size_t i = 0; i < p->n_reasons; i++)
        TRY(put_reason(r, p->reasons[i].kind, p->reasons[i].n));
    return p->others ? put_reason(r, STR("others"), p->others) : RC_OK;
}

static void pass_done(struct pass *p)
{
    arena_done(&p->kinds);
}

enum rc report_events(struct report *r)
{
    CLEANUP(pass_done)
    struct pass failed = {.r = r,
                          .actions = failing,
                          .count = &r->numbers.failures,
                          .failures = true,
                          .kinds = ARENA_INIT(64 * 1024)};
    struct pass approved = {.r = r, .actions = approving, .count = &r->numbers.approvals};
    struct pass acted = {.r = r, .actions = acting, .count = &r->numbers.authority};

    TRY(failures(r, &failed));
    TRY(walk(&approved, &approvals_table));
    return walk(&acted, &authority_table);
}
