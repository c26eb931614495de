/* SPDX-License-Identifier: Apache-2.0 */
/* Admin commands about locks of issuance, for core/admin.c. */
#pragma once

#include "core/core_int.h"

/* Args: at most one of {"zone","issuer": its ref,"account": its id}, none for everything;
 * {"renewals": stop them as well}, and "reason", which has to be given; ends `req` with the lock.
 */
void core_issuance_freeze(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who);
/* Args {"id"}, or what the lock is of, as above, or neither when only one holds. Takes a second
 * person where control.two_persons says so ("issuance.thaw"). */
void core_issuance_thaw(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who);
/* {"frozen","locks":[{"id","scope","value","renewals","reason","set_by","set"}...],
 * "lifted":[the same with "lifted","lifted_by","lifted_reason", the newest first],"next"}. Args
 * {"limit","cursor"} are of those that were lifted; those that hold are on the first page. */
enum rc core_issuance_status(struct core *core, const struct json *args, struct json_out *o,
                             struct err *err);
