/* SPDX-License-Identifier: Apache-2.0 */
/* What was changed outside of the directories of the certificates (agent/journal.h), for the
 * report: a batch of what the server has not been told of, and, once it was, that it was. */
#pragma once

#include "agent/solver.h"
#include "agentd/daemon.h"
#include "json/out.h"

enum {
    AGENTD_CHANGES = 32, /* of one report */
    AGENTD_CHANGES_BYTES = 16 * 1024,
};

struct agentd_batch {
    struct arena arena;
    struct str who; /* tells it: the agent's id, borrowed */
    struct {
        const char *dir;
        uint64_t n; /* up to which of its journal */
    } told[AGENTD_CHANGES];
    size_t n_told;
    size_t n; /* changes in it */
    bool more;
};

void agentd_batch_init(struct agentd_batch *b, struct str who);
void agentd_batch_done(struct agentd_batch *b);
/* Writes the array, oldest first of each directory. A journal that cannot be read is left for the
 * next time. RC_NOMEM. */
enum rc agentd_batch_put(struct agentd_batch *b, const struct agentd *a, struct json_out *o);
/* The server has them: it is not told again. What cannot be written down is warned of; the server
 * knows a change that comes twice. */
void agentd_batch_told(const struct agentd_batch *b, const struct agent_world *w);
