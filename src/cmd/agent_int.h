/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the commands of the ACME client. */
#pragma once

#include "agent/job.h"
#include "cmd/cmd.h"

/* What goes on, to standard error; agent_options.say. */
void cmd_agent_say(void *arg, bool warn, const char *line);
/* Runs `fn` with what all of them need around it. */
int cmd_agent_run(const struct cmd_args *args, cmd_fn fn);
/* For a failure of agent_obtain or agent_renew; returns the exit status. */
int cmd_agent_fail(const struct agent_outcome *out, const struct err *err);
