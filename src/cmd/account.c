/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky account`: ACME accounts, seen and ended. */
#include <stdio.h>
#include <string.h>

#include "cmd/ask.h"
#include "cmd/cert_int.h"

enum { LIMIT_MAX = 1000, ACCOUNTS_MAX = 1'000'000, HEX_MAX = 128 };

/* ---- shared with eab.c, issuance.c and renewal.c */

static const struct {
    enum cmd_option option;
    const char *name;
} texts[] = {
    {CMD_OPT_CURSOR, "cursor"},
    {CMD_OPT_NAME, "name"},
    {CMD_OPT_UNDER, "under"},
    {CMD_OPT_ISSUER, "issuer"},
    {CMD_OPT_PROFILE, "profile"},
    {CMD_OPT_REASON, "reason"},
    {CMD_OPT_EXPIRES, "expires"},
    {CMD_OPT_TOKEN_EXPIRES, "expires"},
    {CMD_OPT_ROLE, "roles"},
    {CMD_OPT_EAB, "eab"},
    {CMD_OPT_WITHIN, "within"},
    {CMD_OPT_AGENT_NAME, "name"},
    {CMD_OPT_AGENT_WITHIN, "within"},
    {CMD_OPT_URL, "url"},
    {CMD_OPT_ACCOUNT_STATUS, "status"},
    {CMD_OPT_ZONE, "zone"},
    {CMD_OPT_FOR, "for"},
    {CMD_OPT_KIND, "kind"},
    {CMD_OPT_OBJECT, "object"},
    {CMD_OPT_UNTIL, "until"},
    {CMD_OPT_OWNER, "owner"},
    {CMD_OPT_SERIAL, "serial"},
    {CMD_OPT_MONTH, "month"},
    {CMD_OPT_REPORT_MAIL, "receiver"},
};

static int put_number(const struct cmd_args *args, enum cmd_option option, const char *name,
                      uint64_t max, struct json_out *o)
{
    const char *given = args->values[option];
    uint64_t n = 0;

    if (!given)
        return CMD_DONE;
    if (str_u64(str_of(given), max, &n) != RC_OK || n == 0)
        return cmd_usagef("--%s is \"%s\"; it can be a number from 1 to %llu", name, given,
                          (unsigned long long)max);
    json_kv_u64(o, name, n);
    return CMD_DONE;
}

/* An account may be given as its URL. */
static const char *last_step(const char *word)
{
    const char *slash = strrchr(word, '/');

    return slash ? slash + 1 : word;
}

static int put_options(const struct cmd_args *args, struct json_out *o)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(HEX_MAX);
    struct err err = ERR_INIT;
    int status = put_number(args, CMD_OPT_LIMIT, "limit", LIMIT_MAX, o);

    if (status == CMD_DONE)
        status = put_number(args, CMD_OPT_ACCOUNTS, "accounts", ACCOUNTS_MAX, o);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args->values[texts[i].option])
            json_kv_z(o, texts[i].name, args->values[texts[i].option]);
    if (args->values[CMD_OPT_ACCOUNT])
        json_kv_z(o, "account", last_step(args->values[CMD_OPT_ACCOUNT]));
    if (args->values[CMD_OPT_RENEWALS] || args->values[CMD_OPT_GRANT_RENEWALS])
        json_kv_bool(o, "renewals", true);
    if (args->values[CMD_OPT_OVER])
        json_kv_bool(o, "over", true);
    if (args->values[CMD_OPT_DRY_RUN])
        json_kv_bool(o, "dry_run", true);
    if (args->values[CMD_OPT_DESPITE_WINDOW])
        json_kv_bool(o, "despite_window", true);
    if (status != CMD_DONE || !args->values[CMD_OPT_PUBLIC_KEY])
        return status;
    err.rc = cert_read_key(args->values[CMD_OPT_PUBLIC_KEY], &key, &err);
    if (err.rc != RC_OK)
        return cmd_fail(&err);
    json_kv_str(o, "public_key", buf_str(&key));
    return CMD_DONE;
}

int ask_args(const struct cmd_args *args, const char *operand, struct buf *out)
{
    struct err err = ERR_INIT;
    struct json_out o;
    int status;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (operand)
        json_kv_z(&o, operand,
                  strcmp(operand, "id") == 0 ? last_step(args->operand) : args->operand);
    status = put_options(args, &o);
    json_end(&o);
    err.rc = json_out_done(&o);
    return status != CMD_DONE || err.rc == RC_OK ? status : cmd_fail(&err);
}

enum rc ask_reason(const struct cmd_args *args, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (args->values[CMD_OPT_REASON])
        json_kv_z(&o, "reason", args->values[CMD_OPT_REASON]);
    json_end(&o);
    return json_out_done(&o);
}

enum rc ask_signer_restart(const struct cmd_args *args, struct buf *answer, struct err *err)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);

    TRY(ask_reason(args, &ask));
    return cmd_control(cmd_data(args), "signer restart", buf_str(&ask), answer, err);
}

int ask_and_show(const struct cmd_args *args, const char *command, const char *operand,
                 cmd_show_fn show)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    int status = ask_args(args, operand, &ask);

    return status == CMD_DONE ? cmd_ask(args, command, buf_str(&ask), show) : status;
}

void ask_print(const struct json *v, const char *label, const char *member)
{
    struct str text = json_shown(v, member);

    if (text.n)
        printf("%-16s %.*s\n", label, STR_ARG(text));
}

bool ask_dry(const struct json *root)
{
    bool dry = false;

    return json_bool(json_get(root, "dry_run"), &dry) == RC_OK && dry;
}

void ask_print_state(const struct json *v)
{
    struct str revoked = json_shown(v, "revoked"), expires = json_shown(v, "expires");
    struct str day = str_head(revoked.n ? revoked : expires, sizeof("2026-11-28") - 1);

    printf("%s%.*s", revoked.n ? "revoked " : expires.n ? "until " : "valid", STR_ARG(day));
}

/* ---- the commands */

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    struct str next = json_shown(root, "next");
    const struct json *v;

    printf("%-26s  %-11s %-10s  %-16s %s\n", "ID", "STATUS", "SINCE", "EAB", "CONTACT");
    while (json_next(&it, NULL, &v)) {
        printf("%-26.*s  %-11.*s %.10s  %-16.*s ", STR_ARG(json_shown(v, "id")),
               STR_ARG(json_shown(v, "status")),
               json_shown(v, "created").p ? json_shown(v, "created").p : "-",
               STR_ARG(json_shown(v, "eab").n ? json_shown(v, "eab") : STR("-")));
        cert_print_list(json_get(v, "contact"));
        printf("\n");
    }
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

int cmd_account_list(const struct cmd_args *args)
{
    return ask_and_show(args, "account list", NULL, show_list);
}

static enum rc show_account(const struct json *root)
{
    uint64_t open = 0, valid = 0;

    IGNORE_RC(json_u64(json_get(root, "orders_open"), &open));         /* 0 */
    IGNORE_RC(json_u64(json_get(root, "certificates_valid"), &valid)); /* 0 */
    ask_print(root, "account", "id");
    ask_print(root, "status", "status");
    if (json_len(json_get(root, "contact"))) {
        printf("%-16s ", "contact");
        cert_print_list(json_get(root, "contact"));
        printf("\n");
    }
    ask_print(root, "eab key", "eab");
    ask_print(root, "terms agreed", "terms_agreed");
    ask_print(root, "created", "created");
    ask_print(root, "from", "created_from");
    ask_print(root, "key thumbprint", "key_thumbprint");
    printf("%-16s %llu\n", "open orders", (unsigned long long)open);
    printf("%-16s %llu\n", "certificates", (unsigned long long)valid);
    return RC_OK;
}

int cmd_account_show(const struct cmd_args *args)
{
    return ask_and_show(args, "account show", "id", show_account);
}

static enum rc show_deactivated(const struct json *root)
{
    printf("%s the account %.*s\n", ask_dry(root) ? "would end" : "ended",
           STR_ARG(json_shown(root, "id")));
    return RC_OK;
}

int cmd_account_deactivate(const struct cmd_args *args)
{
    return ask_and_show(args, "account deactivate", "id", show_deactivated);
}
