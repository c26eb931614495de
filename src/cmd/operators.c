/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky user`, `token` and `session`: who may operate the CA, and who does just now. Secrets
 * come from a file or the terminal, and are shown once. */
#include "cmd/operators.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>

#include "base/secret.h"
#include "ca/passphrase.h"
#include "cmd/ask.h"
#include "json/out.h"

MSG(msg_host_user, "cmd.host-user",
    "this host has no user \"{0}\"; --host-user names the one who is the same person, or says "
    "none");

static void show_user_row(const struct json *v)
{
    struct str removed = json_shown(v, "removed"), seen = json_shown(v, "signed_in");

    printf("%-24.*s %-24.*s %.10s %.*s\n", STR_ARG(json_shown(v, "name")),
           STR_ARG(json_shown(v, "roles")),
           removed.n ? "removed"
           : seen.n  ? seen.p
                     : "never",
           STR_ARG(json_shown(v, "created_by")));
}

static enum rc show_users(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "users"));
    const struct json *v;

    printf("%-24s %-24s %-10s %s\n", "NAME", "ROLES", "SIGNED IN", "ADDED BY");
    while (json_next(&it, NULL, &v))
        show_user_row(v);
    return RC_OK;
}

int cmd_user_list(const struct cmd_args *args)
{
    return ask_list(args, "user list", NULL, show_users);
}

static enum rc show_user(const struct json *root)
{
    ask_print(root, "name", "name");
    ask_print(root, "roles", "roles");
    ask_print(root, "one-time codes", "totp");
    ask_print(root, "their key", "totp_key");
    if (ask_dry(root))
        fprintf(stderr, "nothing was changed: this was a dry run\n");
    else if (json_shown(root, "totp").n)
        fprintf(stderr, "the key of the codes is not shown again; give it to the user's "
                        "generator\n");
    return RC_OK;
}

static enum rc host_user(const char *name, int64_t *out, struct err *err)
{
    const struct passwd *pw;

    *out = -1;
    if (str_eq(str_of(name), STR("none")))
        return RC_OK;
    /* cppcheck-suppress getpwnamCalled ; one thread */
    pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (!pw)
        return ERR(err, RC_NOTFOUND, msg_host_user, str_of(name));
    *out = pw->pw_uid;
    return RC_OK;
}

static enum rc read_password(const struct cmd_args *args, struct secret **out, struct err *err)
{
    const char *file = args->values[CMD_OPT_PASSWORD_FILE];

    if (file)
        return ca_passphrase_file(AT_FDCWD, file, out, err);
    return ca_passphrase_ask("the user's password", true, out, err);
}

/* What every change of a user has, and what is of this one. */
static enum rc put_args(const struct cmd_args *args, bool added, bool password, struct buf *out,
                        struct err *err)
{
    CLEANUP(secret_freep) struct secret *secret = NULL;
    struct json_out o;
    int64_t host = -1;

    if (added)
        TRY(host_user(args->values[CMD_OPT_HOST_USER], &host, err));
    if (password)
        TRY(read_password(args, &secret, err));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "name", args->operand);
    if (args->values[CMD_OPT_ROLE])
        json_kv_z(&o, "roles", args->values[CMD_OPT_ROLE]);
    if (added)
        json_kv_i64(&o, "host_user", host);
    if (secret)
        json_kv_str(&o, "password", str_bytes(secret_bytes(secret), secret_len(secret)));
    if (args->values[CMD_OPT_REASON])
        json_kv_z(&o, "reason", args->values[CMD_OPT_REASON]);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(&o, "dry_run", true);
    json_end(&o);
    return json_out_done(&o);
}

static int change(const struct cmd_args *args, const char *command, bool added, bool password)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    struct err err = ERR_INIT;
    int status;

    err.rc = put_args(args, added, password, &ask, &err);
    status = err.rc == RC_OK ? cmd_ask(args, command, buf_str(&ask), show_user) : cmd_fail(&err);
    if (ask.p)
        explicit_bzero(ask.p, ask.n);
    return status;
}

int cmd_user_add(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_ROLE] || !args->values[CMD_OPT_HOST_USER])
        return cmd_usagef("--role says what the user may do, and --host-user who of this host is "
                          "the same person, or none");
    return change(args, "user add", true, true);
}

int cmd_user_password(const struct cmd_args *args)
{
    return change(args, "user password", false, true);
}

int cmd_user_totp(const struct cmd_args *args)
{
    return change(args, "user totp", false, false);
}

int cmd_user_role(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_ROLE])
        return cmd_usagef("--role says what the user may do from now on");
    return change(args, "user role", false, false);
}

int cmd_user_remove(const struct cmd_args *args)
{
    return change(args, "user remove", false, false);
}

/* ---- certificates of users */

static enum rc show_certificate(const struct json *root)
{
    ask_print(root, "name", "name");
    ask_print(root, "certificate", "serial");
    ask_print(root, "expires", "not_after");
    if (ask_dry(root))
        fprintf(stderr, "nothing was changed: this was a dry run\n");
    return RC_OK;
}

static int change_certificate(const struct cmd_args *args, const char *command)
{
    if (!args->values[CMD_OPT_SERIAL])
        return cmd_usagef("--serial says which certificate; `autarky cert find` looks for it");
    return ask_and_show(args, command, "name", show_certificate);
}

int cmd_user_certificate_add(const struct cmd_args *args)
{
    return change_certificate(args, "user-certificate add");
}

int cmd_user_certificate_remove(const struct cmd_args *args)
{
    return change_certificate(args, "user-certificate remove");
}

static enum rc show_certificates(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "certificates"));
    const struct json *v;

    printf("%-24s %-40s %-10s %s\n", "USER", "SERIAL", "EXPIRES", "STATUS");
    while (json_next(&it, NULL, &v))
        printf("%-24.*s %-40.*s %.10s %.*s\n", STR_ARG(json_shown(v, "name")),
               STR_ARG(json_shown(v, "serial")), json_shown(v, "not_after").p,
               STR_ARG(json_shown(v, "status")));
    return RC_OK;
}

int cmd_user_certificate_list(const struct cmd_args *args)
{
    return ask_list(args, "user-certificate list", NULL, show_certificates);
}

/* ---- tokens */

static enum rc show_token(const struct json *root)
{
    ask_print(root, "name", "name");
    ask_print(root, "roles", "roles");
    ask_print(root, "expires", "expires");
    ask_print(root, "token", "token");
    if (ask_dry(root))
        fprintf(stderr, "nothing was made: this was a dry run\n");
    else if (json_shown(root, "token").n)
        fprintf(stderr, "the token is not shown again\n");
    return RC_OK;
}

int cmd_token_create(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_ROLE] || !args->values[CMD_OPT_TOKEN_EXPIRES])
        return cmd_usagef("--role says what the token is good for, and --expires until when");
    return ask_and_show(args, "token create", "name", show_token);
}

static enum rc show_tokens(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "tokens"));
    const struct json *v;

    printf("%-24s %-24s %-24s %s\n", "NAME", "ROLES", "MADE BY", "STATE");
    while (json_next(&it, NULL, &v)) {
        printf("%-24.*s %-24.*s %-24.*s ", STR_ARG(json_shown(v, "name")),
               STR_ARG(json_shown(v, "roles")), STR_ARG(json_shown(v, "created_by")));
        ask_print_state(v);
        printf("\n");
    }
    return RC_OK;
}

int cmd_token_list(const struct cmd_args *args)
{
    return ask_list(args, "token list", NULL, show_tokens);
}

int cmd_token_revoke(const struct cmd_args *args)
{
    return ask_and_show(args, "token revoke", "name", show_token);
}

/* ---- sessions */

static enum rc show_sessions(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "sessions"));
    const struct json *v;

    printf("%-26s  %-24s %-20s %s\n", "ID", "USER", "SINCE", "FROM");
    while (json_next(&it, NULL, &v)) {
        struct str user = json_shown(v, "user");

        printf("%-26.*s  %-24.*s %-20.*s %.*s\n", STR_ARG(json_shown(v, "id")),
               STR_ARG(user.n ? user : STR("(by a link)")), STR_ARG(json_shown(v, "began")),
               STR_ARG(json_shown(v, "address")));
    }
    return RC_OK;
}

int cmd_session_list(const struct cmd_args *args)
{
    return ask_list(args, "session list", NULL, show_sessions);
}

static enum rc show_ended(const struct json *root)
{
    printf("%s %llu\n", ask_dry(root) ? "would end" : "ended",
           (unsigned long long)json_shown_u64(root, "sessions"));
    return RC_OK;
}

int cmd_session_end(const struct cmd_args *args)
{
    return ask_and_show(args, "session end", "id", show_ended);
}
