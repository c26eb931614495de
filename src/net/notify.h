/* SPDX-License-Identifier: Apache-2.0 */
/* What a service tells systemd: sd_notify(3)'s protocol. */
#pragma once

#include <stdint.h>

#include "base/rc.h"

/* "READY=1" and the like, to $NOTIFY_SOCKET; nothing when there is none. RC_IO, and errno says why.
 */
enum rc net_notify(const char *state);
/* How often systemd wants to hear "WATCHDOG=1" of this process, microseconds; 0: never. */
int64_t net_notify_watchdog(void);
