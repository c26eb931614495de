/* SPDX-License-Identifier: Apache-2.0 */
/* The policy that is accepted, in the register: its text and hash, by whom and since when. At each
 * start the configuration's policy is compared with it. Part of core_int.h. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct conf;
struct core;

/* Before confinement: what root said with `autarky policy accept`, which only root can write, and
 * whether the supervisor has a file to compare with. */
void core_accepted_read_override(struct core *core, int data);
/* Accepts the policy of core->conf where it takes nobody else (there was none before, or nothing
 * that takes a second person; it was granted when core died; root has said so; or another version
 * of the program reads the same files otherwise, which the supervisor has judged), in one
 * transaction with its event. RC_DENIED, with what to do, otherwise. */
enum rc core_accepted_start(struct core *core, struct err *err);
/* The second person has granted the policy of `next`, by that approval, and it is about to come. */
enum rc core_accepted_announce(struct core *core, const struct conf *next,
                               const struct id *approval);
/* It does not come, after all. A failure is in the log: then a start may still take it. */
void core_accepted_called_off(struct core *core);
/* core->conf is in force now, by a reload, and core->policy_change says whose. Without effect when
 * its policy is the accepted one; a failure is in the log, and the next start makes up for it. */
void core_accepted_reloaded(struct core *core);
