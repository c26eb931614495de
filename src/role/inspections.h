/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker of the gateway asks the web application firewall. Requests that it cannot take at
 * once wait here, in order, at most INSPECTIONS_WAITING_MAX and no longer than their time; so do
 * those that a process of it was at when it ended, for the next one, once. No site has more than
 * INSPECTIONS_SHARE under way, so that what is slow about one does not hold up the others. */
#pragma once

#include "base/list.h"
#include "ev/ev.h"
#include "gateway/inspect.h"
#include "ipc/waf_messages.h"

struct ipc_chan;

enum { INSPECTIONS_WAITING_MAX = 1024, INSPECTIONS_SHARE = IPC_INSPECT_CREDITS / 2 };

struct inspections {
    struct gateway_ask ask; /* for the gateway */
    struct ev *ev;
    struct ipc_chan *waf; /* NULL: there is none now */
    struct list asked, waiting;
    size_t n_waiting;
    struct ev_timer again; /* while some wait: credits come back in silence, too (ipc/chan.h) */
};

void inspections_init(struct inspections *all, struct ev *ev);
/* There is one, or none any more; before this, calls that it had not answered are told of. */
void inspections_waf(struct inspections *all, struct ipc_chan *waf);
/* When there is no request any more. */
void inspections_done(struct inspections *all);
