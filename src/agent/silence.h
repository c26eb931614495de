/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers gave no answer a short while ago, so that of many certificates one alone waits for
 * a dead one. What is remembered here lives as long as the process; from one process to the next
 * it goes by agent_state.silent and agent_options.first_silent. */
#pragma once

#include "base/str.h"
#include "base/when.h"

enum {
    AGENT_SILENT_SERVERS = 8,   /* the oldest makes room */
    AGENT_SILENT_URL_MAX = 512, /* bytes; a longer one is not remembered */
};

/* After that it is asked like any other. */
#define AGENT_SILENT_SPAN (5 * WHEN_MINUTE)

struct agent_silence {
    struct {
        char server[AGENT_SILENT_URL_MAX];
        when_t at; /* 0: free */
    } of[AGENT_SILENT_SERVERS];
};

/* Something found at `at` still counts at `now`. */
bool agent_silent_still(when_t at, when_t now);
void agent_silence_put(struct agent_silence *s, struct str server, when_t now);
/* It has answered. */
void agent_silence_drop(struct agent_silence *s, struct str server);
bool agent_silence_has(const struct agent_silence *s, struct str server, when_t now);
