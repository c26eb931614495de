/* SPDX-License-Identifier: Apache-2.0 */
/* What keeping and rendering a view share. */
#pragma once

#include "metrics/metrics.h"
#include "metrics/view.h"

/* The latest of one role. */
struct metrics_role {
    char name[METRICS_ROLE_NAME_MAX + 1];
    bool *used;     /* by the place in metric_all */
    int64_t *cells; /* of all metrics, one behind the other */
};

/* True when the declaration keeps the rules of metrics.h and of the formats: names, suffixes,
 * labels, number of cells, rising bounds. */
bool metrics_sound(const struct metric *m);
