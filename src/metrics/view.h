/* SPDX-License-Identifier: Apache-2.0 */
/* From all processes to one page. Each process writes a snapshot of its metrics; the one that
 * answers /metrics keeps the latest of each in a view and renders them together, with the label
 * "role". All are the same program and so have the same table of metrics, but a snapshot is not
 * believed: whatever does not fit the table is refused as a whole. */
#pragma once

#include "base/buf.h"
#include "base/rd.h"

enum {
    METRICS_ROLES_MAX = 64,
    METRICS_ROLE_NAME_MAX = 31,
    METRICS_SNAPSHOT_MAX = 256 * 1024,
};

enum metrics_format {
    METRICS_PROMETHEUS, /* text format 0.0.4 */
    METRICS_OPENMETRICS /* 1.0.0 */
};

/* The value of Content-Type. */
const char *metrics_content_type(enum metrics_format format);
/* OpenMetrics when the value of the header Accept asks for it, else Prometheus. */
enum metrics_format metrics_accept(struct str accept);

/* Appends what was counted in this process; METRICS_SNAPSHOT_MAX bytes are enough. */
void metrics_snapshot(struct buf *out);

struct metrics_role;

struct metrics_view {
    struct metrics_role *roles[METRICS_ROLES_MAX];
    size_t n;
};

/* Asserts, for every metric of the program, that its declaration is sound. */
void metrics_view_init(struct metrics_view *v);
void metrics_view_done(struct metrics_view *v);

/* Replaces what is known of `role` (lower-case letters, digits, hyphens; else RC_INVAL) by a
 * snapshot, all of `from`. RC_PARSE when it fits no table of ours, RC_TOOBIG past
 * METRICS_ROLES_MAX; the view is then unchanged. */
enum rc metrics_view_put(struct metrics_view *v, struct str role, struct str from);
/* Forgets a role that is gone. */
void metrics_view_drop(struct metrics_view *v, struct str role);

void metrics_view_render(const struct metrics_view *v, enum metrics_format format, struct buf *out);
