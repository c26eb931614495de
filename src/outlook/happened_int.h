/* SPDX-License-Identifier: Apache-2.0 */
/* What happened of late: the newest of it, and no more than so many. */
#pragma once

#include "outlook/outlook.h"

/* "failures", "failures_looked". */
enum rc outlook_put_failures(const struct outlook_ask *ask, struct json_out *o);
/* "issue_ms", "proof_ms". */
enum rc outlook_put_times(const struct outlook_ask *ask, struct json_out *o);
