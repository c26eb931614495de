/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a name as this machine looks names up (nsswitch, the hosts file included), of
 * the kinds that it has an address of itself. It is libc's and waits: for programs that have
 * nothing more urgent to do than to reach that name. */
#pragma once

#include "base/addr.h"
#include "base/err.h"

/* Up to `max` of them into `out`; *out_n is how many there are, which may be more. An address as
 * text is looked up to itself. RC_NOTFOUND with libc's reason as the argument of the message;
 * RC_TOOBIG for a name past 255 bytes, RC_PARSE with a NUL in it, RC_NOMEM. */
enum rc net_lookup(struct str name, struct addr *out, size_t max, size_t *out_n, struct err *err);
