/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent has changed, as its report says (api/agent_report.h): "changes": [{"directory",
 * "n","at","what","subject","by","why"}...], "what" one of record-added, record-removed, installed,
 * restored, reloaded; "why" where it failed. (directory, n) names a change for good; an agent whose
 * answer was lost tells it again, with its very next report. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "json/json.h"
#include "json/out.h"

enum {
    API_CHANGES = 32,      /* in one report */
    API_CHANGES_KEPT = 64, /* with the last report, for people and to know those that come again */
    API_CHANGES_OLD = 32 * 1024, /* bytes, about, of those of before among them */
};

struct api_change {
    struct str directory, what, subject, by, why;
    uint64_t n;
    when_t at;
};

/* Those of the report; they lie in the arena. RC_INVAL and what is wrong. */
enum rc api_changes_read(struct arena *a, const struct json *list, struct api_change **out,
                         size_t *out_n, struct err *err);
/* The report `kept` (as api_report_read wrote it) becomes one with "changes": those of `before`,
 * the report that is kept now (or empty), and behind them what it has not; the oldest give way.
 * *list and *n become those that are new. Appends to `out`. RC_NOMEM, RC_TOOBIG. */
enum rc api_changes_merge(struct arena *a, struct str before, struct str kept,
                          struct api_change **list, size_t *n, struct buf *out);
void api_change_put(struct json_out *o, const struct api_change *c);
