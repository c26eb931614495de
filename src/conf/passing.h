/* SPDX-License-Identifier: Apache-2.0 */
/* What the clients of sites notice of another configuration: see gateway.change_window. */
#pragma once

#include "base/buf.h"
#include "conf/conf.h"

enum { CONF_PASSING_NAMES = 20 }; /* are written; of more only how many */

/* Which sites of `was` would pass requests on in another way by `now`, or would be gone: to other
 * backends, chosen, connected to or believed otherwise, or by other gateway.paths. Appends their
 * names, divided by ", ", and says in *out_n how many they are; sites that are new do not count,
 * nor does who may use them, what is limited, and maintenance. RC_NOMEM. */
enum rc conf_passing_changed(const struct conf *was, const struct conf *now, struct buf *out,
                             size_t *out_n);
