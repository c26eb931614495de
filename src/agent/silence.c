/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/silence.h"

/* A time to come is from a clock that was wrong. */
bool agent_silent_still(when_t at, when_t now)
{
    return at && now >= at && now - at < AGENT_SILENT_SPAN;
}

static size_t find(const struct agent_silence *s, struct str server)
{
    size_t i = 0;

    while (i < AGENT_SILENT_SERVERS && !(s->of[i].at && str_eq(str_of(s->of[i].server), server)))
        i++;
    return i;
}

/* One that is free is the oldest of all. */
static size_t oldest(const struct agent_silence *s)
{
    size_t best = 0;

    for (size_t i = 1; i < AGENT_SILENT_SERVERS; i++)
        if (s->of[i].at < s->of[best].at)
            best = i;
    return best;
}

void agent_silence_put(struct agent_silence *s, struct str server, when_t now)
{
    size_t at = find(s, server);

    if (server.n >= AGENT_SILENT_URL_MAX)
        return;
    if (at == AGENT_SILENT_SERVERS)
        at = oldest(s);
    s->of[at].at = str_copyz(server, s->of[at].server, AGENT_SILENT_URL_MAX) == RC_OK ? now : 0;
}

void agent_silence_drop(struct agent_silence *s, struct str server)
{
    size_t at = find(s, server);

    if (at < AGENT_SILENT_SERVERS)
        s->of[at].at = 0;
}

bool agent_silence_has(const struct agent_silence *s, struct str server, when_t now)
{
    size_t at = find(s, server);

    return at < AGENT_SILENT_SERVERS && agent_silent_still(s->of[at].at, now);
}
