/* SPDX-License-Identifier: Apache-2.0 */
/* The running timers of a loop, earliest first: a pairing heap threaded through the timers
 * themselves, so that starting one allocates nothing and cannot fail. Ordered by due time, then by
 * `seq`. */
#pragma once

#include "ev/ev.h"

/* `*root` is NULL when there are none. */
void ev_heap_add(struct ev_timer **root, struct ev_timer *t);
/* `t` must be in the heap. */
void ev_heap_remove(struct ev_timer **root, struct ev_timer *t);
