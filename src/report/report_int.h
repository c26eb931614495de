/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a report share. */
#pragma once

#include "report/out.h"
#include "report/report.h"
#include "store/certificates.h"
#include "store/issuers.h"

enum {
    REPORT_PAGE = 200, /* rows that are read at a time */
    REPORT_PAGE_ARENA = 64 * 1024 * 1024,
};

struct report {
    struct store_txn *txn;
    struct report_span span;
    struct report_out *out;
    struct report_numbers numbers;
    const struct store_issuer *issuers; /* all there ever were */
    size_t n_issuers;
};

/* NULL: none of that id. */
const struct store_issuer *report_issuer(const struct report *r, const struct id *id);

/* The tables, by file. */
enum rc report_certificates(struct report *r);
enum rc report_endpoints(struct report *r);
enum rc report_events(struct report *r);

/* Whether it was there, and not revoked, at the end of the span. */
static inline bool report_good(const struct report *r, const struct store_certificate *c)
{
    bool revoked = c->status == STORE_CERTIFICATE_REVOKED && c->revoked < r->span.before;

    return c->issued < r->span.before && !revoked;
}

/* Its names, with commas between them, in the arena. */
enum rc report_names(struct arena *a, const struct store_certificate *c, struct str *out);
/* Its serial number, as commands show it. */
enum rc report_serial(struct arena *a, struct str serial, struct str *out);
/* A time in the arena; empty for 0. {NULL, 0} without memory, as arena_printf. */
struct str report_when(struct arena *a, when_t t);
