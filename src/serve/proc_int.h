/* SPDX-License-Identifier: Apache-2.0 */
/* One process of the service: proc.c (how it begins and lives) and drain.c (how it ends). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct serve;
struct serve_proc;
struct serve_slot;

/* ---- proc.c */

/* Starts the slot's process; on failure it will be tried again like one that died. */
void serve_slot_start(struct serve_slot *slot);
void serve_slot_again(void *slot); /* as a timer's callback */
/* A new process in place of the present one, whose work is finished first or meanwhile
 * (role_def.overlaps). */
void serve_slot_restart(struct serve_slot *slot);
/* A child of that slot; it has no channel yet. */
void serve_proc_init(struct serve_proc *p, struct serve_slot *slot, pid_t pid);
/* Collects those that have ended; on SIGCHLD. */
void serve_procs_reap(struct serve *sup);
/* Closes the channel and forgets it; the process must have ended. */
void serve_proc_free(struct serve_proc *p);
const char *serve_proc_state_name(const struct serve_slot *slot, const struct serve_proc *p);

/* ---- drain.c */

/* It is alone and has been told to end, for which it has time until then (monotonic). */
void serve_proc_told(struct serve_proc *p, int64_t until);
/* Asks for an orderly end, and sees to it that there is one. */
void serve_proc_drain(struct serve_proc *p);
/* The next signal: SIGTERM, then SIGKILL. */
void serve_proc_kill(struct serve_proc *p);
/* After so long serve_proc_on_limit: what is to be over by then is made to be. */
void serve_proc_limit(struct serve_proc *p, int64_t delay);
void serve_proc_on_limit(void *arg);
