/* SPDX-License-Identifier: Apache-2.0 */
/* Further files that show the certificate, for services that were set up before autarky came: texts
 * "HOW:WHAT:PATH" of the plan, where HOW is
 *
 *     link    PATH is a symbolic link to what is in force: it changes in the same moment as all
 * others copy    PATH is written anew each time, whole, with the owner and mode that it has
 *
 * and WHAT is cert, chain, fullchain, privkey, or combined (fullchain and then the key; copies
 * alone). */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"

/* Has them show the generation in force; what shows it already is left alone. RC_INVAL for a text
 * of another form, RC_IO, RC_NOMEM. */
enum rc agent_also_put(const struct agent_place *p, const struct agent_plan *plan, struct err *err);
