/* SPDX-License-Identifier: Apache-2.0 */
/* Backups are made by a command on this host that owns the data directory (recovery/); core says
 * whether it may, and writes down that it was done. */
#pragma once

#include "core/core_int.h"

/* Before anything is read. Args {"reason"}; ends `req` with {"id"}, by which the backup is known.
 * A backup has every key, so it takes a second person where control.two_persons has
 * "backup.create". Recorded as backup.begun. */
void core_backup_begin(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who);
/* When it is on the disk. Args {"id","bytes","sha256","records","note"}; ends `req` with the same.
 * Recorded as backup.created, and remembered as the last one. */
void core_backup_created(struct core *core, struct ipc_req *req, const struct json *args,
                         struct core_who who);
