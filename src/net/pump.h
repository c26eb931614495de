/* SPDX-License-Identifier: Apache-2.0 */
/* Two streams joined: what comes from one is written to the other, in both directions, until one of
 * them has ended and what it said last has been passed on. It looks at no byte. Holds at most
 * NET_STREAM_READ bytes a direction; a side that reads nothing holds the other one back. */
#pragma once

#include "net/stream.h"

struct net_pump;

/* Takes over both streams, also on failure. `on_end` comes once, never from inside this function:
 * free the pump then, there or later. RC_NOMEM. */
enum rc net_pump_new(struct net_stream *a, struct net_stream *b, void (*on_end)(void *arg),
                     void *arg, struct net_pump **out);
/* Closes both. Allowed in on_end. */
void net_pump_free(struct net_pump *p);
DEFINE_FREEP(net_pump_free, struct net_pump)
