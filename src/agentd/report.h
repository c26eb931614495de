/* SPDX-License-Identifier: Apache-2.0 */
/* The report of an agent, as the server reads it (api/agent_report.h): what it keeps, when each is
 * renewed next, what failed, what was seen to be served, and how long that took. */
#pragma once

#include "agentd/daemon.h"
#include "agentd/home.h"

enum {
    AGENTD_REPORT_MAX = 64 * 1024,
    AGENTD_REPORT_CERTIFICATES = 200,
};

struct agentd_report_head {
    when_t now, started;
    const struct agentd_home *home;
};

/* Appends it. Those in trouble come first; what there is no room for is counted. RC_NOMEM. */
enum rc agentd_report_put(const struct agentd *a, const struct agentd_report_head *head,
                          struct buf *out);
