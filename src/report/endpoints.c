/* SPDX-License-Identifier: Apache-2.0 */
/* The tables about what is served where. The inventory keeps the newest of each endpoint and its
 * last changes; what it was at the end of the span is found by taking the later ones back. */
#include "store/endpoints.h"
#include "base/text.h"
#include "inventory/record.h"
#include "report/report_int.h"

#define ENDPOINT_COLUMNS                                                                           \
    {                                                                                              \
        "endpoint", "serial", "subject", "names", "not_after", "state", "owner", "first_seen",     \
            "sha256", NULL                                                                         \
    }

static const struct report_table installed_table = {
    "installed",
    "Where our certificates are installed",
    "Endpoints that showed a certificate of this authority when they were last looked at.",
    ENDPOINT_COLUMNS,
};
static const struct report_table foreign_table = {
    "foreign",
    "Endpoints with other certificates",
    "What they showed is not of this authority.",
    ENDPOINT_COLUMNS,
};

/* An endpoint as it was. */
struct was {
    const struct store_endpoint *e;
    struct store_hash sha256;
    bool shown;
    unsigned verdicts;
    struct str owner;
    struct store_seen seen;
    bool ours;
    struct str state;
};

static void hash_of(struct str hex, struct was *w)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(STORE_SHA256);

    w->shown = hex.n == (size_t)2 * STORE_SHA256 && text_unhex(hex, &bytes) == RC_OK &&
               buf_str(&bytes).n == STORE_SHA256;
    if (w->shown)
        memcpy(w->sha256.b, bytes.p, STORE_SHA256);
}

/* As it was before that change. */
static void take_back(const struct store_endpoint_change *c, struct was *w)
{
    uint64_t verdicts = 0;

    if (str_eq(c->what, STR("certificate")))
        hash_of(c->old, w);
    if (str_eq(c->what, STR("owner")))
        w->owner = c->old;
    if (str_eq(c->what, STR("verdicts")) && str_u64(c->old, UINT32_MAX, &verdicts) == RC_OK)
        w->verdicts = (unsigned)verdicts;
}

static enum rc judge(struct report *r, struct arena *a, struct was *w)
{
    struct store_certificate c;
    when_t now = r->span.before;
    enum rc rc = RC_NOTFOUND;

    w->state = w->seen.not_after && w->seen.not_after < now ? STR("expired") : STR("valid");
    if (w->verdicts & INVENTORY_WEAK)
        w->state = STR("weak");
    if (w->seen.serial.n)
        rc = store_certificate_by_serial(r->txn, a, w->seen.serial, &c);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    w->ours = c.issued < now && memcmp(c.fingerprint.b, w->sha256.b, STORE_SHA256) == 0;
    if (w->ours && !report_good(r, &c))
        w->state = STR("revoked");
    return RC_OK;
}

static enum rc look_back(struct report *r, struct arena *a, const struct store_endpoint *e,
                         struct was *w)
{
    struct store_endpoint_change *changes;
    enum rc rc;
    size_t n;

    *w = (struct was){.e = e,
                      .sha256 = e->seen.sha256,
                      .shown = e->shown,
                      .verdicts = e->verdicts,
                      .owner = e->owner};
    TRY(store_endpoint_changes(r->txn, a, &e->id, &changes, &n));
    for (size_t i = 0; i < n && changes[i].at >= r->span.before; i++)
        take_back(&changes[i], w);
    if (!w->shown)
        return RC_OK;
    rc = store_seen_get(r->txn, a, &w->sha256, &w->seen);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    return judge(r, a, w);
}

/* Of an array of texts, without its brackets and quotation marks. */
static struct str plain_names(struct arena *a, struct str json)
{
    struct str inner = json.n >= 2 ? str_head(str_skip(json, 1), json.n - 2) : STR("");
    struct str out = STR("");
    char *p;

    if (arena_str(a, inner, &out) != RC_OK || !out.n)
        return STR("");
    p = (char *)(uintptr_t)out.p; /* a copy of our own */
    for (size_t i = 0; i < out.n; i++)
        if (p[i] == '"')
            p[i] = ' ';
    return str_trim(out);
}

static enum rc put(struct report *r, struct arena *a, const struct was *w)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256);
    struct str cells[] = {
        w->e->endpoint,
        {},
        w->seen.subject,
        plain_names(a, w->seen.names),
        report_when(a, w->seen.not_after),
        w->state,
        w->owner,
        report_when(a, w->e->first_seen),
        {},
    };

    text_hex(&hex, str_bytes(w->sha256.b, STORE_SHA256));
    TRY(buf_rc(&hex));
    cells[8] = buf_str(&hex);
    TRY(report_serial(a, w->seen.serial, &cells[1]));
    return report_out_row(r->out, cells);
}

static enum rc row(struct report *r, const struct store_endpoint *e, bool ours)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REPORT_PAGE_ARENA);
    struct was w;

    if (e->first_seen >= r->span.before)
        return RC_CANCELLED;
    TRY(look_back(r, &a, e, &w));
    if (!w.shown || w.ours != ours)
        return RC_OK;
    ++*(ours ? &r->numbers.endpoints : &r->numbers.foreign);
    return put(r, &a, &w);
}

static enum rc page(struct report *r, struct store_cursor *at, bool ours)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REPORT_PAGE_ARENA);
    const struct store_endpoint_filter f = {.sort = STORE_ENDPOINT_BY_FIRST_SEEN,
                                            .limit = REPORT_PAGE};
    struct store_endpoint *list;
    size_t n;

    TRY(store_endpoint_list(r->txn, &a, &f, at, &list, &n));
    for (size_t i = 0; i < n; i++)
        TRY(row(r, &list[i], ours));
    return at->end || n < REPORT_PAGE ? RC_CANCELLED : RC_OK;
}

static enum rc walk(struct report *r, const struct report_table *table, bool ours)
{
    struct store_cursor at = {};
    enum rc rc;

    TRY(report_out_table(r->out, table));
    do
        rc = page(r, &at, ours);
    while (rc == RC_OK);
    return rc == RC_CANCELLED ? RC_OK : rc;
}

enum rc report_endpoints(struct report *r)
{
    TRY(walk(r, &installed_table, true));
    return walk(r, &foreign_table, false);
}
