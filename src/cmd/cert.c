/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "json/json.h"
#include "json/out.h"

enum { ARGS_MAX = 8192, LIMIT_MAX = 1000 };

/* What the server would refuse as well is wrong usage, whether or not one runs. */
static int check_args(const struct cmd_args *args)
{
    const char *limit = args->values[CMD_OPT_LIMIT];
    const char *status = args->values[CMD_OPT_STATUS];
    uint64_t n = 0;

    if (limit && (str_u64(str_of(limit), LIMIT_MAX, &n) != RC_OK || n == 0))
        return cmd_usagef("--limit is \"%s\"; it can be a number from 1 to %d", limit, LIMIT_MAX);
    if (status && strcmp(status, "valid") != 0 && strcmp(status, "revoked") != 0)
        return cmd_usagef("--status is \"%s\"; it can be valid or revoked", status);
    return CMD_DONE;
}

static enum rc make_args(const struct cmd_args *args, struct buf *out)
{
    static const struct {
        enum cmd_option option;
        const char *name;
    } texts[] = {
        {CMD_OPT_CURSOR, "cursor"},
        {CMD_OPT_NAME, "name"},
        {CMD_OPT_UNDER, "under"},
        {CMD_OPT_STATUS, "status"},
    };
    struct json_out o;
    uint64_t limit;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (args->values[texts[i].option])
            json_kv_z(&o, texts[i].name, args->values[texts[i].option]);
    if (args->values[CMD_OPT_LIMIT]) {
        TRY(str_u64(str_of(args->values[CMD_OPT_LIMIT]), LIMIT_MAX, &limit));
        json_kv_u64(&o, "limit", limit);
    }
    json_end(&o);
    return json_out_done(&o);
}

static void show_item(const struct json *item)
{
    struct json_iter names = json_iter(json_get(item, "names"));
    const struct json *name;
    struct str text;
    const char *between = "";

    printf("%-34.*s %-8.*s %.10s  %-7.*s ", STR_ARG(json_shown(item, "serial")),
           STR_ARG(json_shown(item, "status")),
           json_shown(item, "not_after").p ? json_shown(item, "not_after").p : "-",
           STR_ARG(json_shown(item, "origin")));
    while (json_next(&names, NULL, &name))
        if (json_str(name, &text) == RC_OK) {
            printf("%s%.*s", between, STR_ARG(text));
            between = ", ";
        }
    printf("\n");
}

static enum rc show(const struct json *root)
{
    struct json_iter items = json_iter(json_get(root, "items"));
    const struct json *item;
    struct str next = json_shown(root, "next");

    printf("%-34s %-8s %-10s  %-7s %s\n", "SERIAL", "STATUS", "UNTIL", "FROM", "NAMES");
    while (json_next(&items, NULL, &item))
        show_item(item);
    if (next.n)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

int cmd_cert_list(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ARGS_MAX);
    int status = check_args(args);
    struct err err = ERR_INIT;

    if (status != CMD_DONE)
        return status;
    err.rc = make_args(args, &ask);
    return err.rc == RC_OK ? cmd_ask(args, "cert list", buf_str(&ask), show) : cmd_fail(&err);
}
