/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on the policy share. */
#pragma once

#include "base/arena.h"
#include "cmd/cmd.h"
#include "json/out.h"
#include "policy/policy.h"

/* The policy of the configuration in the file; CMD_DONE, or the exit status after having said what
 * is wrong. The caller unrefs it. */
int cmd_policy_load(const struct cmd_args *args, struct policy **out);

/* Whether the special hierarchy exists: by the signer's own rules, as far as this user may read
 * them; else it is assumed. */
bool cmd_policy_special(const struct cmd_args *args);

/* A member with the error's text. */
void cmd_policy_put_err(struct json_out *o, const char *key, const struct err *err);

/* The name of the key that the account was made with, by the running server; empty: none. In the
 * arena. */
enum rc cmd_policy_account_key(const struct cmd_args *args, struct str account, struct arena *a,
                               struct str *out, struct err *err);

struct cmd_policy_ask {
    const struct cmd_args *args;
    struct str serial;
    when_t now; /* 0: its dates are not looked at */
};

/* What rules may call the certificate of that serial number by, as the running server's register
 * has it. RC_DENIED, with the reason: it counts for nothing. Into the arena. */
enum rc cmd_policy_shown(const struct cmd_policy_ask *which, struct arena *a,
                         struct policy_shown *out, struct err *err);

/* `policy check --dry-run`: which valid certificates could not be had again. */
int cmd_policy_dry_run(const struct cmd_args *args);
