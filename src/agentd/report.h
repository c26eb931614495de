/* SPDX-License-Identifier: Apache-2.0 */
/* The report of an agent, as the server reads it (api/agent_report.h): what it keeps, when each is
 * renewed next, what failed, what was seen to be served, how long that took, and what was changed
 * outside since the last report. */
#pragma once

#include "agentd/changes.h"
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

/* Appends it. Those in trouble come first; what there is no room for is counted. `changes`, which
 * is new, has the changes that are in it. RC_NOMEM. */
enum rc agentd_report_put(const struct agentd *a, const struct agentd_report_head *head,
                          struct agentd_batch *changes, struct buf *out);
