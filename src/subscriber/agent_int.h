/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the commands of the ACME client. */
#pragma once

#include "agent/job.h"
#include "cmd/cmd.h"

struct json_out;

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
/* kinds.c. Whether there can be a certificate for each of several --key: -1, or the exit status
 * after having said what is wrong. */
int cmd_agent_check_kinds(const struct cmd_args *args);
/* Obtains `plan` in args->values[CMD_OPT_ACME_OUT] for the first --key, and for each further one in
 * the directory below of that name, by the same account; then a service is told of them. Returns
 * the exit status, having said what came of it. */
int cmd_agent_obtain_kinds(const struct cmd_args *args, struct agent_options options,
                           const struct agent_plan *plan, const struct agent_binding *binding);
/* Directories below `dir` are renewed with it that this command line does not name: said. */
void cmd_agent_warn_of_others(const struct cmd_args *args);
/* What came of one that was obtained in `dir`, in words; `renew` of `renewed_by` renews it. */
void cmd_outcome_show(const char *dir, const char *renewed_by, const struct agent_outcome *out);
/* The same as an object of JSON. */
void cmd_outcome_put(struct json_out *j, const char *dir, const struct agent_outcome *out,
                     const struct err *err);
/* --combined FILE, and where there are OCSP answers FILE.ocsp, into the plan. RC_NOMEM, RC_IO. */
enum rc cmd_agent_combined(struct arena *a, const char *file, struct agent_plan *plan);
/* --dir, or where an enrolment is kept otherwise. */
#define CMD_AGENT_HOME "/var/lib/autarky-agent"
const char *cmd_agent_home(const struct cmd_args *args);
/* Behind "obtained a certificate", "renewed". */
const char *cmd_agent_from(const struct agent_outcome *out);
/* For a failure of agent_obtain or agent_renew; returns the exit status. */
int cmd_agent_fail(const struct agent_outcome *out, const struct err *err);
/* --issuance-timeout; 0: not given. -1, or the exit status after having said what is wrong. */
int cmd_agent_decide(const struct cmd_args *args, int64_t *out);
