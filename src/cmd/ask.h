/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about ACME clients share: their options as the server's arguments. */
#pragma once

#include "cmd/cmd.h"
#include "json/json.h"

enum { ASK_MAX = 16 * 1024 };

/* {operand: the word, and each option that was given}; `operand` may be NULL. CMD_DONE, or the exit
 * status after having said what is wrong. */
int ask_args(const struct cmd_args *args, const char *operand, struct buf *out);
/* {"reason": as given}, or {}. */
enum rc ask_reason(const struct cmd_args *args, struct buf *out);
/* Has the server take up what is new for the signer, for the same reason; as cmd_control. */
enum rc ask_signer_restart(const struct cmd_args *args, struct buf *answer, struct err *err);
/* Asks for `command` with them. Returns the exit status. */
int ask_and_show(const struct cmd_args *args, const char *command, const char *operand,
                 cmd_show_fn show);
/* "label  text", when there is such a member. */
void ask_print(const struct json *v, const char *label, const char *member);
bool ask_dry(const struct json *root);
/* "revoked 2026-11-28", "until 2027-01-31" or "valid", by the members `revoked` and `expires`. */
void ask_print_state(const struct json *v);
