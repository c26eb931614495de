/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "json/json.h"
#include "json/out.h"

enum { ANSWER_MAX = 16 * 1024 * 1024, ARGS_MAX = 8192 };

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
        TRY(str_u64(str_of(args->values[CMD_OPT_LIMIT]), 1000000, &limit));
        json_kv_u64(&o, "limit", limit);
    }
    json_end(&o);
    return json_out_done(&o);
}

static struct str text_of(const struct json *obj, const char *name)
{
    struct str s = {NULL, 0};

    IGNORE_RC(json_str(json_get(obj, name), &s)); /* shown as nothing */
    return s;
}

static void show_item(const struct json *item)
{
    struct json_iter names = json_iter(json_get(item, "names"));
    const struct json *name;
    struct str text;
    const char *between = "";

    printf("%-34.*s %-8.*s %.10s  %-7.*s ", STR_ARG(text_of(item, "serial")),
           STR_ARG(text_of(item, "status")),
           text_of(item, "not_after").p ? text_of(item, "not_after").p : "-",
           STR_ARG(text_of(item, "origin")));
    while (json_next(&names, NULL, &name))
        if (json_str(name, &text) == RC_OK) {
            printf("%s%.*s", between, STR_ARG(text));
            between = ", ";
        }
    printf("\n");
}

static enum rc show(struct str answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter items;
    const struct json *item;
    struct str next;

    TRY(json_parse(answer, ANSWER_MAX, &doc, NULL));
    items = json_iter(json_get(json_root(doc), "items"));
    printf("%-34s %-8s %-10s  %-7s %s\n", "SERIAL", "STATUS", "UNTIL", "FROM", "NAMES");
    while (json_next(&items, NULL, &item))
        show_item(item);
    if (json_str(json_get(json_root(doc), "next"), &next) == RC_OK)
        fprintf(stderr, "there are more: --cursor %.*s\n", STR_ARG(next));
    return RC_OK;
}

int cmd_cert_list(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ARGS_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    enum rc rc;

    if (make_args(args, &ask) != RC_OK)
        return cmd_failf("--limit: a number from 1 to 1000 is needed");
    rc = cmd_control(cmd_data(args), "cert list", buf_str(&ask), &answer, &err);
    if (rc == RC_OK && cmd_json(args)) {
        buf_putz(&answer, "\n");
        return cmd_print(buf_str(&answer));
    }
    if (rc == RC_OK)
        rc = show(buf_str(&answer));
    if (rc == RC_OK)
        return CMD_DONE;
    err.rc = rc;
    return cmd_fail(&err);
}
