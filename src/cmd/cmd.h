/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, as one table: parser and `--help` come from it, the manual page is held against it.
 * One is a function and its row in table.c. Data goes to stdout, messages to stderr. */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "cmd/option.h"
#include "cmd/option_row.h"

/* Exit statuses. */
enum {
    CMD_DONE = 0,
    CMD_NOTHING = 1, /* to do; with --exit-code alone */
    CMD_FAILED = 2,
    CMD_PARTLY = 3,
    CMD_WAITING = 4,  /* for a person */
    CMD_UNPROVEN = 5, /* a certificate was obtained, and is not seen to be served */
    CMD_USAGE = 64,
    CMD_LATER = 75,
};

enum { CMD_VALUES_MAX = 100 /* of an option that may be repeated */, CMD_WHO_BYTES = 64 };

struct cmd_args {
    const char *values[CMD_OPT_COUNT]; /* NULL: not given; "" for options without value; the last
                                          one of an option that repeats */
    const char *many[CMD_VALUES_MAX];  /* all of it, in order */
    const char *more[CMD_VALUES_MAX];  /* the same of a second one (CMD_MORE) */
    const char *kinds[CMD_VALUES_MAX]; /* and of a third (CMD_KINDS) */
    size_t n_many, n_more, n_kinds;
    const char *operand; /* the word that the row wants; NULL: not given */
    const struct cmd_row *row;
};

typedef int (*cmd_fn)(const struct cmd_args *args);

struct cmd_row {
    const char *noun;
    const char *verb; /* NULL: the noun is the command */
    const char *summary;
    const char *details; /* lines for --help; may be NULL */
    /* A word that must be given, as "NAME", or may, as "[NAME]"; "NAME...": several, which go to
     * cmd_args.many; NULL: none. */
    const char *operand;
    /* Each an enum cmd_option, besides those that all take; ends with 0, and may be NULL. */
    const unsigned char *options;
    cmd_fn run;
};

/* table.c, or subscriber/program.c */
const struct cmd_row *cmd_rows(size_t *out_n);
const struct cmd_option_row *cmd_option_rows(void);
/* Its own options and those that every command takes. */
bool cmd_takes(const struct cmd_row *row, size_t option);
bool cmd_has(struct str noun, struct str verb); /* program.has */

/* parse.c: fills `out` and returns -1, or returns the exit status after having said what is wrong
 * (or shown the help). */
int cmd_parse(int argc, char **argv, struct cmd_args *out);

/* help.c */
void cmd_help_all(FILE *to);
/* The verbs of a noun, to standard output; false when it has none. */
bool cmd_help_noun(const char *noun);
void cmd_help(const struct cmd_row *row);

/* report.c: what all commands share. */
/* The data directory: --data, else $AUTARKY_DATA, else /var/lib/autarky. */
const char *cmd_data(const struct cmd_args *args);
/* Opens it. RC_NOTFOUND, RC_DENIED, RC_IO with what is wrong and what to do. */
enum rc cmd_open_data(const struct cmd_args *args, int *out_fd, struct err *err);
/* Who gives the command: "uid 0", or with who has signed in before sudo, "uid 0 (login 1000)". */
struct str cmd_who(char out[static CMD_WHO_BYTES]);
bool cmd_json(const struct cmd_args *args);
/* "autarky: MESSAGE" on standard error; CMD_FAILED, or CMD_LATER for RC_AGAIN and RC_QUOTA. */
int cmd_fail(const struct err *err);
int cmd_failf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for an option's value; returns CMD_USAGE. */
int cmd_usagef(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Writes all of it to standard output. */
void cmd_print(struct str text);
/* At the end of the program: `status`, or CMD_FAILED when what was printed did not get out, which
 * is then said. */
int cmd_finish(int status);

/* control.c: asks the running server over its control socket; the answer is JSON, appended to
 * `out`. `args` is a JSON object or empty. On failure `err` says whether the server is not running,
 * does not let this user in, or what it answered. */
enum rc cmd_control(const char *data, const char *command, struct str args, struct buf *out,
                    struct err *err);
/* Asks, and shows the answer: as it is with --json, else by `show`, which gets its root. Returns
 * the exit status. */
struct json;
typedef enum rc (*cmd_show_fn)(const struct json *root);
int cmd_ask(const struct cmd_args *args, const char *command, struct str ask, cmd_show_fn show);
/* The second half of it, for an answer from elsewhere. */
int cmd_show(const struct cmd_args *args, struct buf *answer, cmd_show_fn show);

/* listeners.c: what the supervisor has written down in listeners.json. */
struct addr_port;
struct json_doc;
/* All of it, appended to `text`, and parsed. RC_NOTFOUND, RC_DENIED, RC_IO, RC_PARSE. */
enum rc cmd_listeners(const char *data, struct buf *text, struct json_doc **out);
/* The first listener of that kind ("api", "gateway" ...); false: none is known. */
bool cmd_listener(const char *data, const char *kind, struct addr_port *out);

struct conf;
/* config.c: reads and checks the configuration; `out` may be NULL. On failure all that is wrong, a
 * line each, is in `problems`. */
enum rc cmd_load_config(const struct cmd_args *args, const struct conf **out, struct buf *problems);
/* The same as if `text` stood in the file `name` of conf.d (of which there may be none yet). */
enum rc cmd_try_config(const struct cmd_args *args, const char *name, struct str text,
                       const struct conf **out, struct buf *problems);
/* Shows such problems on standard error; returns CMD_FAILED. */
int cmd_show_problems(struct str problems);

/* The commands, by file; those of init, root and issuer are in authority/, those of scan and
 * inventory in survey/, those of backup (backup.h) in recovery/. */
int cmd_init(const struct cmd_args *args);
int cmd_serve(const struct cmd_args *args);
int cmd_reload(const struct cmd_args *args);
int cmd_upgrade(const struct cmd_args *args);
int cmd_status(const struct cmd_args *args);
int cmd_doctor(const struct cmd_args *args);
int cmd_version(const struct cmd_args *args);
int cmd_completion(const struct cmd_args *args);
int cmd_config_check(const struct cmd_args *args);
int cmd_config_show(const struct cmd_args *args);
int cmd_cert_list(const struct cmd_args *args);
int cmd_cert_find(const struct cmd_args *args);
int cmd_cert_show(const struct cmd_args *args);
int cmd_cert_issue(const struct cmd_args *args);
int cmd_cert_sign(const struct cmd_args *args);
int cmd_cert_revoke(const struct cmd_args *args);
int cmd_cert_export(const struct cmd_args *args);
int cmd_issuer_list(const struct cmd_args *args);
int cmd_issuer_create(const struct cmd_args *args);
int cmd_issuer_rotate(const struct cmd_args *args);
int cmd_issuer_retire(const struct cmd_args *args);
int cmd_issuer_revoke(const struct cmd_args *args);
int cmd_issuer_cross_sign(const struct cmd_args *args);
int cmd_site_add(const struct cmd_args *args);
int cmd_site_remove(const struct cmd_args *args);
int cmd_site_list(const struct cmd_args *args);
int cmd_site_check(const struct cmd_args *args);
int cmd_site_renew(const struct cmd_args *args);
int cmd_eab_create(const struct cmd_args *args);
int cmd_eab_list(const struct cmd_args *args);
int cmd_eab_revoke(const struct cmd_args *args);
int cmd_account_list(const struct cmd_args *args);
int cmd_account_show(const struct cmd_args *args);
int cmd_account_deactivate(const struct cmd_args *args);
int cmd_renewal_pull(const struct cmd_args *args);
int cmd_renewal_list(const struct cmd_args *args);
int cmd_txt_list(const struct cmd_args *args);
int cmd_txt_remove(const struct cmd_args *args);
int cmd_drill_runner(const struct cmd_args *args);
int cmd_root_create(const struct cmd_args *args);
int cmd_root_export(const struct cmd_args *args);
int cmd_root_sign(const struct cmd_args *args);
int cmd_root_forget(const struct cmd_args *args);
int cmd_issuer_request(const struct cmd_args *args);
int cmd_issuer_import(const struct cmd_args *args);
int cmd_approval_list(const struct cmd_args *args);
int cmd_approval_show(const struct cmd_args *args);
int cmd_approval_grant(const struct cmd_args *args);
int cmd_approval_deny(const struct cmd_args *args);
int cmd_issuance_freeze(const struct cmd_args *args);
int cmd_issuance_thaw(const struct cmd_args *args);
int cmd_issuance_status(const struct cmd_args *args);
int cmd_obtain(const struct cmd_args *args);
int cmd_renew(const struct cmd_args *args);
int cmd_agent_daemon(const struct cmd_args *args);
int cmd_agent_token(const struct cmd_args *args);
int cmd_agent_enrol(const struct cmd_args *args);
int cmd_agent_doctor(const struct cmd_args *args);
int cmd_import(const struct cmd_args *args);
int cmd_policy_accept(const struct cmd_args *args);
int cmd_policy_check(const struct cmd_args *args);
int cmd_policy_explain(const struct cmd_args *args);
int cmd_probe(const struct cmd_args *args);
int cmd_scan(const struct cmd_args *args);
int cmd_inventory_list(const struct cmd_args *args);
int cmd_inventory_show(const struct cmd_args *args);
int cmd_inventory_history(const struct cmd_args *args);
int cmd_inventory_orphans(const struct cmd_args *args);
int cmd_inventory_owner(const struct cmd_args *args);
int cmd_inventory_import(const struct cmd_args *args);
int cmd_report(const struct cmd_args *args);
int cmd_forward(const struct cmd_args *args);
int cmd_prober(const struct cmd_args *args);
int cmd_ui_link(const struct cmd_args *args);
int cmd_audit_export(const struct cmd_args *args);
int cmd_audit_verify(const struct cmd_args *args);
int cmd_audit_prove(const struct cmd_args *args);
int cmd_audit_head(const struct cmd_args *args);
int cmd_audit_restart(const struct cmd_args *args);
