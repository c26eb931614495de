/* SPDX-License-Identifier: Apache-2.0 */
/* Owner, group and mode of the key in force, held against what was declared (agent/owner.h), which
 * is p->owner: another hand may have changed them, and then a service cannot read it, or others
 * can. */
#pragma once

#include "agent/place.h"
#include "agent/solver.h"

enum { AGENT_MEND_TEXT = 128 };

/* Whether they are other ones; `out` says which. */
bool agent_mend_needed(const struct agent_place *p, char out[static AGENT_MEND_TEXT]);
/* Makes them as declared. RC_DENIED, RC_IO. */
enum rc agent_mend(const struct agent_place *p, struct err *err);
/* Both, and says so. */
void agent_mend_look(const struct agent_world *w, const struct agent_place *p);
