/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/when.h"
#include "metrics/metrics.h"
#include "role/role.h"

METRIC_COUNTER_TIME(cpu, "process_cpu_seconds_total", "CPU time of this process, the kernel's too");

void role_measure(void)
{
    static int64_t counted; /* as the metric, one for each process */
    struct timespec t;
    int64_t now;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
        return;
    now = t.tv_sec * WHEN_SECOND + t.tv_nsec / 1000;
    metric_add(&cpu, 0, now - counted);
    counted = now;
}
