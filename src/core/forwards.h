/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the audit log elsewhere (audit.forward), as core sees them: how far each has come, and
 * what comes next. The courier brings them. */
#pragma once

#include "api/admin.h"
#include "conf/conf.h"
#include "ipc/chan.h"

struct core;
struct core_forwards;

/* Begins once there is a courier. RC_NOMEM. */
enum rc core_forwards_new(struct core *core);
/* The channel to the courier is now that one, or NULL. */
void core_forwards_courier(struct core *core, struct ipc_chan *chan);
/* core->conf is another one. */
void core_forwards_conf(struct core *core);
/* Begins nothing any more; core_forwards_free comes when the store is closed. */
void core_forwards_stop(struct core *core);
void core_forwards_free(struct core *core);
/* In the order of the configuration; borrows from it and from core. */
size_t core_forwards_show(const struct core *core,
                          struct api_forward out[static CONF_FORWARDS_MAX]);
void core_forwards_measure(const struct core *core);
