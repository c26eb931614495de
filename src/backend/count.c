/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/count.h"

#include "metrics/metrics.h"

static const char *const failures[] = {"connect", "answer", "cut", "time", "check"};
METRIC_COUNTER_BY(backend_failures, "gateway_backend_failures_total", "Times that a backend failed",
                  "what", failures);

void backend_count_failure(enum backend_failure what)
{
    metric_add(&backend_failures, what, 1);
}
