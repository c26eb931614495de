/* SPDX-License-Identifier: Apache-2.0 */
/* Further files that show the certificate, for services that were set up before autarky came: texts
 * "HOW:WHAT:PATH" of the plan, where HOW is
 *
 *     link    PATH is a symbolic link to what is in force: it changes with all others
 *     copy    PATH is written anew each time, whole, with the owner, mode and label that it has;
 *             the label of the plan, if there is one, counts for more
 *
 * and WHAT is cert, chain, fullchain, privkey, combined (fullchain and then the key; copies alone)
 * or ocsp (the OCSP answer; copies alone, which are removed where there is none). */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"

/* What stands before the path of a file with all of it. */
#define AGENT_ALSO_COMBINED "copy:combined:"
/* And of one with the OCSP answer; HAProxy looks for it beside the other, by this ending. */
#define AGENT_ALSO_OCSP "copy:ocsp:"
#define AGENT_ALSO_OCSP_END ".ocsp"

/* Whether they can be put in place by nobody but root and who runs this: whoever may write to a
 * directory on the way could have any file overwritten. RC_INVAL for a text of another form;
 * RC_NOTFOUND, RC_DENIED and what is wrong, as owned_place. */
enum rc agent_also_check(const struct agent_plan *plan, struct err *err);
/* Another plan has no use for some: their copies of the OCSP answer that shows the generation in
 * force are removed, for beside a certificate of later they would do harm. All others stay, as
 * files of whoever wants them. As agent_also_put. */
enum rc agent_also_leave(const struct agent_place *p, const struct agent_plan *was,
                         const struct agent_plan *now, struct err *err);
/* Has them show the generation in force; what shows it already is left alone. As agent_also_check,
 * RC_IO, RC_NOMEM. */
enum rc agent_also_put(const struct agent_place *p, const struct agent_plan *plan, struct err *err);
