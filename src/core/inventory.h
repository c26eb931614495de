/* SPDX-License-Identifier: Apache-2.0 */
/* Admin commands about the inventory that change it, for core/admin.c; those that only ask are
 * api/inventory.h. */
#pragma once

#include "core/core_int.h"

/* Args {"records": what `autarky scan` writes, at most INVENTORY_RECORDS_MAX, "quick": not all was
 * looked for}; takes `args` over and ends `req` with {"taken"} once all of it is on disk; otherwise
 * nothing of it was taken. The same a second time changes nothing. */
void core_inventory_deliver(struct core *core, struct ipc_req *req, struct json_doc *args);
/* Args {"endpoint","owner","service"}: whose it is; both empty: what register and rules say. */
void core_inventory_owner(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who);
