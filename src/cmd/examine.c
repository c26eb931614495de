/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/examine.h"

#include <stdio.h>

#include "cmd/cmd.h"
#include "json/json.h"
#include "program/program.h"

enum { TEXT_MAX = 4 * 1024 * 1024, TEXT_COLUMN = 24, CURE_MAX = 64 * 1024 };

void cmd_examine_begin(struct examination *e, const struct cmd_args *args)
{
    *e = (struct examination){.args = args};
    buf_init(&e->text, TEXT_MAX);
    json_out_init(&e->o, &e->text, cmd_json(args) ? JSON_PRETTY : JSON_COMPACT);
    json_obj(&e->o);
    json_key(&e->o, "checks");
    json_arr(&e->o);
}

void cmd_examine_done(struct examination *e)
{
    buf_done(&e->text);
}

void cmd_finding(struct examination *e, const char *name, struct str state, struct str text,
                 struct str cure)
{
    CLEANUP(buf_done) struct buf own = BUF_INIT(CURE_MAX);

    if (program_own_words(cure, &own) == RC_OK)
        cure = buf_str(&own);
    json_obj(&e->o);
    json_kv_z(&e->o, "name", name);
    json_kv_str(&e->o, "state", state);
    json_kv_str(&e->o, "text", text);
    json_kv_str(&e->o, "cure", cure);
    json_end(&e->o);
    e->failed += str_eq(state, STR("failed"));
    e->warnings += str_eq(state, STR("warning"));
}

static void show_lines(struct str text)
{
    struct str line;
    int indent = 0;

    while (str_next(&text, '\n', &line)) {
        printf("%*s%.*s\n", indent, "", STR_ARG(line));
        indent = TEXT_COLUMN;
    }
}

static enum rc show(const struct examination *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter checks;
    const struct json *check;

    TRY(json_parse(buf_str(&e->text), TEXT_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        struct str cure = json_shown(check, "cure");

        printf("%-8.*s %-14.*s ", STR_ARG(json_shown(check, "state")),
               STR_ARG(json_shown(check, "name")));
        show_lines(json_shown(check, "text"));
        if (cure.n)
            printf("%*s-> %.*s\n", TEXT_COLUMN, "", STR_ARG(cure));
    }
    if (e->failed)
        printf("%u failed, %u warnings: something needs a person\n", e->failed, e->warnings);
    else if (e->warnings)
        printf("nothing has failed, %u warnings\n", e->warnings);
    else
        printf("all clear\n");
    return RC_OK;
}

int cmd_examine_show(struct examination *e, enum rc rc)
{
    if (rc == RC_OK) {
        json_end(&e->o);
        json_kv_bool(&e->o, "healthy", e->failed == 0);
        json_end(&e->o);
        rc = json_out_done(&e->o);
    }
    if (rc == RC_OK && cmd_json(e->args))
        cmd_print(buf_str(&e->text));
    else if (rc == RC_OK)
        rc = show(e);
    if (rc != RC_OK)
        cmd_failf("the findings cannot be shown: %s", rc_text(rc));
    return rc != RC_OK || e->failed ? CMD_FAILED : CMD_DONE;
}
