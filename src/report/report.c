/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include "report/report_int.h"

MSG(msg_span, "report.span", "the report's time ends before it begins");

enum { ISSUERS_ARENA = 64 * 1024 * 1024 };

/* ---- time */

static enum rc month_of(int year, int month, struct report_span *out)
{
    const struct when_civil first = {.year = year, .month = month, .day = 1};
    const struct when_civil next = {
        .year = month == 12 ? year + 1 : year, .month = month == 12 ? 1 : month + 1, .day = 1};

    TRY(when_from_civil(&first, &out->from));
    return when_from_civil(&next, &out->before);
}

enum rc report_month(struct str text, struct report_span *out)
{
    struct str year, month;
    uint64_t y, m;

    if (text.n != 7 || !str_cut(text, '-', &year, &month) || year.n != 4 ||
        str_u64(year, 9998, &y) != RC_OK || str_u64(month, 12, &m) != RC_OK || m == 0)
        return RC_INVAL;
    return month_of((int)y, (int)m, out);
}

enum rc report_last_month(when_t now, struct report_span *out)
{
    struct when_civil c;

    TRY(when_to_civil(now, &c));
    return c.month == 1 ? month_of(c.year - 1, 12, out) : month_of(c.year, c.month - 1, out);
}

struct str report_when(struct arena *a, when_t t)
{
    char text[WHEN_TEXT];

    return t ? arena_printf(a, "%s", when_text(t, text)) : STR("");
}

/* ---- what several tables show */

const struct store_issuer *report_issuer(const struct report *r, const struct id *id)
{
    for (size_t i = 0; i < r->n_issuers; i++)
        if (str_eq(id_str(&r->issuers[i].id), id_str(id)))
            return &r->issuers[i];
    return NULL;
}

enum rc report_names(struct arena *a, const struct store_certificate *c, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(REPORT_CELL_MAX * 4);

    for (size_t i = 0; i < c->n_names; i++) {
        buf_putz(&text, i ? ", " : "");
        buf_puts(&text, c->names[i].value);
    }
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), out);
}

enum rc report_serial(struct arena *a, struct str serial, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * STORE_SERIAL_MAX);

    for (size_t i = 0; i < serial.n; i++)
        buf_printf(&text, "%02X", (unsigned)(unsigned char)serial.p[i]);
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), out);
}

/* ---- the whole */

void report_numbers_list(const struct report_numbers *n,
                         struct report_number out[static REPORT_NUMBERS])
{
    const struct report_number all[REPORT_NUMBERS] = {
        {"active", "certificates in force", n->active},
        {"ending", "of them ending within 30 days", n->ending},
        {"wildcards", "of them with wildcards", n->wildcards},
        {"issued", "issued", n->issued},
        {"renewed", "of them renewals", n->renewed},
        {"near_misses", "renewed at the last moment", n->near_misses},
        {"revoked", "revoked", n->revoked},
        {"ended", "ended", n->ended},
        {"lapsed", "of them without a successor", n->lapsed},
        {"failures", "orders failed", n->failures},
        {"approvals", "steps of approvals", n->approvals},
        {"authority", "acts of the authority", n->authority},
        {"endpoints", "endpoints that show our certificates", n->endpoints},
        {"foreign", "endpoints that show others", n->foreign},
    };

    memcpy(out, all, sizeof(all));
}

enum rc report_write(struct store_txn *txn, const struct report_asked *asked, int dir,
                     const char *name, struct report_numbers *out, struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ISSUERS_ARENA);
    CLEANUP(report_out_freep) struct report_out *files = NULL;
    struct report r = {.txn = txn, .span = asked->span};
    struct report_title title = {*asked, &r.numbers};
    struct store_issuer *issuers;

    if (asked->span.from >= asked->span.before)
        return ERR(err, RC_INVAL, msg_span);
    TRY(store_issuer_list(txn, &arena, 0, &issuers, &r.n_issuers));
    r.issuers = issuers;
    TRY(report_out_new(dir, name, &files, err));
    r.out = files;
    TRY(report_certificates(&r));
    TRY(report_events(&r));
    TRY(report_endpoints(&r));
    TRY(report_out_end(files, &title));
    *out = r.numbers;
    return RC_OK;
}
