/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong: the configuration, the running server's own findings, or that none runs. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "json/json.h"
#include "json/out.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, TEXT_MAX = 64 * 1024, TEXT_COLUMN = 24 };

struct examination {
    const struct cmd_args *args;
    struct json_out o;
    struct buf text;
    unsigned failed, warnings;
};

static void finding(struct examination *e, const char *name, struct str state, struct str text,
                    struct str cure)
{
    json_obj(&e->o);
    json_kv_z(&e->o, "name", name);
    json_kv_str(&e->o, "state", state);
    json_kv_str(&e->o, "text", text);
    json_kv_str(&e->o, "cure", cure);
    json_end(&e->o);
    e->failed += str_eq(state, STR("failed"));
    e->warnings += str_eq(state, STR("warning"));
}

/* A command as it has to be typed for this data directory. */
static void failed(struct examination *e, const char *name, struct str text, const char *command)
{
    CLEANUP(buf_done) struct buf cure = BUF_INIT(TEXT_MAX);
    const char *config = e->args->values[CMD_OPT_CONFIG];

    buf_printf(&cure, "%s --data %s", command, cmd_data(e->args));
    if (config)
        buf_printf(&cure, " --config %s", config);
    finding(e, name, STR("failed"), text, buf_str(&cure));
}

static void examine_config(struct examination *e)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    struct str text;
    enum rc rc = cmd_load_config(e->args, NULL, &problems);

    text = str_trim(buf_str(&problems));
    if (rc == RC_OK)
        finding(e, "configuration", STR("ok"), STR("autarky.yaml has no error"), STR(""));
    else if (rc == RC_INVAL)
        failed(e, "configuration", text, "autarky config check");
    else
        finding(e, "configuration", STR("failed"), text, STR("")); /* says itself what to do */
}

static enum rc examine_server(struct examination *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_iter checks;
    const struct json *check;
    char why[1024];
    enum rc rc = cmd_control(cmd_data(e->args), "doctor", STR(""), &answer, &err);

    if (rc != RC_OK) {
        struct str text = str_of(err_textz(&err, why, sizeof(why)));

        if (rc == RC_DENIED)
            failed(e, "server", text, "sudo autarky doctor");
        else if (rc == RC_NOTFOUND || rc == RC_NET)
            failed(e, "server", text, "autarky serve");
        else
            finding(e, "server", STR("failed"), text, STR(""));
        return RC_OK;
    }
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        char name[64] = "";

        IGNORE_RC(
            str_copyz(cmd_text(check, "name"), name, sizeof(name))); /* shown without a name */
        finding(e, name, cmd_text(check, "state"), cmd_text(check, "text"),
                cmd_text(check, "cure"));
    }
    return RC_OK;
}

static enum rc examine(struct examination *e)
{
    json_out_init(&e->o, &e->text, cmd_json(e->args) ? JSON_PRETTY : JSON_COMPACT);
    json_obj(&e->o);
    json_key(&e->o, "checks");
    json_arr(&e->o);
    examine_config(e);
    TRY(examine_server(e));
    json_end(&e->o);
    json_kv_bool(&e->o, "healthy", e->failed == 0);
    json_end(&e->o);
    return json_out_done(&e->o);
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

    TRY(json_parse(buf_str(&e->text), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        struct str cure = cmd_text(check, "cure");

        printf("%-8.*s %-14.*s ", STR_ARG(cmd_text(check, "state")),
               STR_ARG(cmd_text(check, "name")));
        show_lines(cmd_text(check, "text"));
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

int cmd_doctor(const struct cmd_args *args)
{
    struct examination e = {.args = args};
    enum rc rc;

    buf_init(&e.text, ANSWER_MAX);
    rc = examine(&e);
    if (rc == RC_OK && cmd_json(args))
        cmd_print(buf_str(&e.text));
    else if (rc == RC_OK)
        rc = show(&e);
    if (rc != RC_OK)
        cmd_failf("the findings cannot be shown: %s", rc_text(rc));
    buf_done(&e.text);
    return rc != RC_OK || e.failed ? CMD_FAILED : CMD_DONE;
}
