/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks of dehydrated's style are told besides challenges, in its order: startup_hook, the
 * made-up name, generate_csr; sync_cert, deploy_cert; or unchanged_cert; or invalid_challenge or
 * request_failure; deploy_ocsp, where there is another OCSP answer; exit_hook at last. For all
 * other ways of proof these do nothing. They run the loop. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"

/* Before the order. A request printed by generate_csr is refused: the key is made here. */
enum rc agent_tell_begin(struct agent_solver *s, const struct agent_place *p,
                         const struct agent_plan *plan, struct err *err);
/* The new set is on disk, as this generation, and not in place. */
enum rc agent_tell_written(struct agent_solver *s, const struct agent_place *p,
                           unsigned long generation, struct err *err);
/* It is in place. */
enum rc agent_tell_deployed(struct agent_solver *s, const struct agent_place *p,
                            const struct agent_plan *plan, struct err *err);
/* Its OCSP answer is, if it has one. */
enum rc agent_tell_ocsp(struct agent_solver *s, const struct agent_place *p,
                        const struct agent_plan *plan, struct err *err);
enum rc agent_tell_unchanged(struct agent_solver *s, const struct agent_place *p,
                             const struct agent_plan *plan, struct err *err);
/* There is nothing more to be told; of a new one that waits for its window, nothing yet. */
enum rc agent_tell_exit(struct agent_solver *s, struct err *err);
/* `status` is that of the server's refusal, or 0: a challenge failed, or something else. What goes
 * wrong here is warned of. */
void agent_tell_failed(struct agent_solver *s, const struct agent_world *w, int status,
                       const struct err *why);
