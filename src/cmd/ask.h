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
/* As cmd_control, for a list in pages (list.c): all of them, one after the other. The answer is the
 * first, in which each list has all elements. Where that would be more than 16 MiB, "next" says
 * with what cursor it goes on; otherwise it is null. */
enum rc cmd_control_list(const char *data, const char *command, struct str args, struct buf *out,
                         struct err *err);
/* As ask_and_show, for a list in pages: the whole of it, or the one page that --limit or --cursor
 * want. Where it goes on is said after it. */
int ask_list(const struct cmd_args *args, const char *command, const char *operand,
             cmd_show_fn show);
/* Its halves: `ask` are the arguments, as a JSON object. */
enum rc ask_pages(const struct cmd_args *args, const char *command, struct str ask,
                  struct buf *answer, struct err *err);
int ask_show_list(const struct cmd_args *args, struct buf *answer, cmd_show_fn show);
/* "label  text", when there is such a member. */
void ask_print(const struct json *v, const char *label, const char *member);
bool ask_dry(const struct json *root);
/* "revoked 2026-11-28", "until 2027-01-31" or "valid", by the members `revoked` and `expires`. */
void ask_print_state(const struct json *v);
