/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the commands of the ACME client. */
#pragma once

#include "agent/job.h"
#include "cmd/cmd.h"

/* What goes on, to standard error; agent_options.say. */
void cmd_agent_say(void *arg, bool warn, const char *line);
/* Runs `fn` with what all of them need around it. */
int cmd_agent_run(const struct cmd_args *args, cmd_fn fn);
/* An absolute path in the arena, for later runs begin in other directories; NULL: nothing. RC_IO,
 * RC_NOMEM. */
enum rc cmd_agent_path(struct arena *a, const char *path, struct str *out);
/* The options that say how control is proven: at most one way is given, or (`wanted`) exactly one,
 * with what belongs to it. -1, or the exit status after having said what is wrong. */
int cmd_agent_check_way(const struct cmd_args *args, bool wanted);
/* Takes it into the plan, which stays as it is when there is none. */
enum rc cmd_agent_way(const struct cmd_args *args, struct arena *a, struct agent_plan *plan);
/* --dir, or where an enrolment is kept otherwise. */
#define CMD_AGENT_HOME "/var/lib/autarky-agent"
const char *cmd_agent_home(const struct cmd_args *args);
/* Behind "obtained a certificate", "renewed". */
const char *cmd_agent_from(const struct agent_outcome *out);
/* For a failure of agent_obtain or agent_renew; returns the exit status. */
int cmd_agent_fail(const struct agent_outcome *out, const struct err *err);
/* --issuance-timeout; 0: not given. -1, or the exit status after having said what is wrong. */
int cmd_agent_decide(const struct cmd_args *args, int64_t *out);
