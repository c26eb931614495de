/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/tlcp_int.h"
#include "json/json.h"
#include "json/out.h"

enum { ARGS_MAX = 2048 };

static void show_records(const struct json *answer)
{
    struct json_iter it = json_iter(json_get(answer, "records"));
    const struct json *record;
    struct str text;
    const char *between = " ";
    uint64_t ttl;

    while (json_next(&it, NULL, &record))
        if (json_str(record, &text) == RC_OK) {
            printf("%s%.*s", between, STR_ARG(text));
            between = ", ";
        }
    if (json_u64(json_get(answer, "ttl"), &ttl) == RC_OK)
        printf(" (for %llu s)", (unsigned long long)ttl);
}

static void show_view(const struct json *view)
{
    struct json_iter it = json_iter(json_get(view, "answers"));
    const struct json *answer;

    printf("%.*s\n", STR_ARG(json_shown(view, "asked")));
    while (json_next(&it, NULL, &answer)) {
        printf("  %-5.*s %.*s: %.*s", STR_ARG(json_shown(answer, "type")),
               STR_ARG(json_shown(answer, "name")), STR_ARG(json_shown(answer, "status")));
        show_records(answer);
        printf("\n");
    }
}

static void show_attempt(const struct json *attempt, const char *good, const char *what)
{
    struct str why = json_shown(attempt, "why");

    if (!attempt)
        return;
    if (why.n)
        printf("%s: %.*s\n", what, STR_ARG(why));
    else
        printf("%s: %s\n", what, good);
}

static enum rc show(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "views"));
    const struct json *view;

    while (json_next(&it, NULL, &view))
        show_view(view);
    show_attempt(json_get(root, "http"), "proven", "http");
    show_attempt(json_get(root, "caa"), "CAA records allow it", "caa");
    return RC_OK;
}

int cmd_probe(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ARGS_MAX);
    struct err err = ERR_INIT;
    struct json_out o;

    if (args->values[CMD_OPT_TLCP])
        return cmd_probe_tlcp(args);
    if (!args->values[CMD_OPT_AS_CA] || !args->operand)
        return cmd_usagef("say whose view is wanted: autarky probe --as-ca NAME, or what is to be "
                          "looked at: autarky probe --tlcp HOST:PORT");
    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "name", args->operand);
    json_end(&o);
    err.rc = json_out_done(&o);
    return err.rc == RC_OK ? cmd_ask(args, "probe", buf_str(&ask), show) : cmd_fail(&err);
}
