/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, as a line of JSON: what `autarky scan` writes and the inventory reads. */
#pragma once

#include "json/out.h"
#include "scan/judge.h"

enum { SCAN_RECORD_MAX = 160 * 1024 };

/* Appends one line with its end. RC_NOMEM, RC_TOOBIG. */
enum rc scan_record_put(const struct scan_found *f, const struct scan_judged *j, struct buf *out);
