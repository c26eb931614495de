/* SPDX-License-Identifier: Apache-2.0 */
/* Admin commands about ACME clients, for core/admin.c. Those that end `req` take "reason", a
 * person's words, and "dry_run"; their answers are objects, with "dry_run" true when nothing was
 * changed. Lists take "limit" and "cursor" and are
 * {"items":[...],"next"} (api/page.h). */
#pragma once

#include "core/core_int.h"

/* Args {"name","accounts": how many it may make, 1,"expires": a time or how long from now};
 * {"name","kid","key","accounts",...}, the one time that the key is told. RC_EXISTS: the name is or
 * was in use. */
void core_eab_create(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who);
/* Args {"name"}. Accounts that were made with it stay. */
void core_eab_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who);
enum rc core_eab_list(struct core *core, const struct json *args, struct json_out *o,
                      struct err *err);

/* Args {"limit","cursor","status","eab"}; with "next". */
enum rc core_account_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err);
/* Args {"id"}; with "orders_open" and "certificates_valid". */
enum rc core_account_show(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err);
/* Args {"id"}: it becomes "revoked", which RFC 8555 section 7.1.2 says where the server ends it. */
void core_account_deactivate(struct core *core, struct ipc_req *req, const struct json *args,
                             struct core_who who);

/* Args: at least one of {"issuer","profile","public_key": SHA-256 of its SubjectPublicKeyInfo in
 * hexadecimal,"name","under"}, and {"within": by when, 24h,"url": an explanation for clients}; with
 * "certificates", how many valid ones there are. */
void core_renewal_pull(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who);
enum rc core_renewal_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err);
