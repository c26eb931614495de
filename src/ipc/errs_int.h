/* SPDX-License-Identifier: Apache-2.0 */
/* A struct err from one process to another: code, message code, arguments, problem type, status.
 * Message and type are looked up here again, so that nothing in the result points into what a peer
 * sent. */
#pragma once

#include "base/err.h"
#include "base/rd.h"

void ipc_err_put(const struct err *err, struct buf *out);
/* RC_PARSE. A message that this program does not know is replaced by one that names its code; an
 * unknown type is dropped. */
enum rc ipc_err_get(struct rd *r, struct err *out);
