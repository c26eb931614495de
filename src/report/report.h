/* SPDX-License-Identifier: Apache-2.0 */
/* What an auditor reads once a month: certificates, renewals, failures, approvals, what authorities
 * did, what is served where. Made from one state of the register and the audit log, as they were at
 * the end of the span: whoever makes it again later gets the same bytes, as long as nothing of it
 * has been pruned (docs/manual/22-reports.md). Reads one page of rows at a time, whatever the
 * register holds. Runs in commands. */
#pragma once

#include "base/err.h"
#include "base/when.h"

struct store_txn;

enum {
    REPORT_HTML_ROWS_MAX = 20'000, /* of a table; the other files have all of them */
    REPORT_CELL_MAX = 32 * 1024,   /* bytes of a cell; longer ones are cut, and end in "..." */
    REPORT_REASONS_MAX = 64,       /* reasons of failure that are told apart */
};

struct report_span {
    when_t from;   /* inclusive */
    when_t before; /* exclusive, and the moment as of which everything is told */
};
struct report_asked {
    struct str organization;
    struct report_span span;
};

/* A calendar month in UTC, "2026-10". RC_INVAL. */
enum rc report_month(struct str text, struct report_span *out);
/* The one before the month of `now`. */
enum rc report_last_month(when_t now, struct report_span *out);

struct report_numbers {
    uint64_t active, wildcards, ending; /* `ending`: within 30 days */
    uint64_t issued, renewed, near_misses, revoked;
    uint64_t ended, lapsed; /* `lapsed`: those of `ended` that nothing replaced */
    uint64_t failures, approvals, authority;
    uint64_t endpoints, foreign;
};
/* The members of an object, with what each is called for people. */
struct report_number {
    const char *name, *title;
    uint64_t n;
};
enum { REPORT_NUMBERS = 14 };
void report_numbers_list(const struct report_numbers *n,
                         struct report_number out[static REPORT_NUMBERS]);

/* Writes report.html, report.json, numbers.json (what report.json has beside its tables) and a .csv
 * for each table into the open directory, replacing what is there. `name` is of the directory, for
 * messages. All is on disk when it returns RC_OK. RC_IO, RC_NOMEM, RC_INVAL (an empty span). */
enum rc report_write(struct store_txn *txn, const struct report_asked *asked, int dir,
                     const char *name, struct report_numbers *out, struct err *err);
