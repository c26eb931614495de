/* SPDX-License-Identifier: Apache-2.0 */
/* Who else on this machine renews certificates by itself: timers of systemd and lines of cron that
 * run another ACME client. Looked for in files, which are read and never run. */
#pragma once

#include <stddef.h>

#include "base/str.h"

enum { AGENTD_RIVAL_FILE_MAX = 256 * 1024, AGENTD_RIVALS_FILES_MAX = 1000 };

/* `client` is "certbot", "dehydrated" ...; `where` the file that has it run. */
typedef void (*agentd_rival_fn)(void *arg, const char *client, const char *where);

/* Below `root`, "" for the machine itself. A file counts once for each client. What may not be read
 * is passed over. */
void agentd_rivals(const char *root, agentd_rival_fn fn, void *arg);
/* The client that the line of a crontab or script runs; NULL: none. */
const char *agentd_rival_in(struct str line);
