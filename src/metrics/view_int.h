/* SPDX-License-Identifier: Apache-2.0 */
/* What keeping and rendering a view share. */
#pragma once

#include "metrics/metrics.h"
#include "metrics/view.h"

/* The names of a metric that has such a label. */
struct metrics_rows {
    size_t n; /* at most METRIC_NAMES_MAX */
    char (*z)[METRIC_NAMED_MAX + 1];
};

/* The latest of one role. */
struct metrics_role {
    char name[METRICS_ROLE_NAME_MAX + 1];
    bool *used;                /* by the place in metric_all */
    int64_t *cells;            /* of all metrics, one behind the other */
    struct metrics_rows *rows; /* by the place in metric_all */
    size_t n;                  /* of these */
};

/* True when the declaration keeps the rules of metrics.h and of the formats: names, suffixes,
 * labels, number of cells, rising bounds. */
/* It may be the value of a label. */
bool metric_name_ok(struct str name);
bool metrics_sound(const struct metric *m);
