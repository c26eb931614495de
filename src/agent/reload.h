/* SPDX-License-Identifier: Apache-2.0 */
/* A service is told to read its files anew. How, is text, as `--reload` takes it:
 *
 *     /usr/sbin/nginx -s reload    a program and its arguments; quotation marks, ' or ", keep
 * blanks unit:nginx.service           a unit of systemd: reloaded, or restarted where it cannot be
 *     signal:HUP:/run/nginx.pid    a signal to the process whose number stands in that file
 *     shell:TEXT                   TEXT by /bin/sh -c */
#pragma once

#include "agent/solver.h"

enum {
    AGENT_RELOAD_MAX = 4096,
    AGENT_RELOAD_WORDS_MAX = 64,
    AGENT_RELOAD_SECONDS = 60, /* unless it is said otherwise */
};

/* RC_INVAL and what is wrong with it. */
enum rc agent_reload_check(struct str how, struct err *err);
/* Does it, and runs the loop until that has ended or *stopped (RC_CANCELLED), `timeout`
 * microseconds at most. As agent_child_end; for signals RC_NOTFOUND (no file, no such process),
 * RC_PARSE, RC_DENIED: the file belongs to somebody who may not signal that process himself, or
 * anybody may write to it. */
enum rc agent_reload(const struct agent_world *w, struct str how, int64_t timeout,
                     const bool *stopped, struct err *err);
