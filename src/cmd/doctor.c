/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong: the configuration, the running server's own findings, or that none runs. */
#include <stdio.h>

#include "base/fd.h"
#include "cmd/cmd.h"
#include "conf/load.h"
#include "json/json.h"
#include "json/out.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, TEXT_MAX = 64 * 1024 };

struct examination {
    struct json_out o;
    struct buf text;
    bool healthy;
};

static struct str text_of(const struct json *obj, const char *name)
{
    struct str s = {NULL, 0};

    IGNORE_RC(json_str(json_get(obj, name), &s)); /* shown as nothing */
    return s;
}

static void finding(struct examination *e, const char *name, struct str state, struct str text,
                    struct str cure)
{
    json_obj(&e->o);
    json_kv_z(&e->o, "name", name);
    json_kv_str(&e->o, "state", state);
    json_kv_str(&e->o, "text", text);
    json_kv_str(&e->o, "cure", cure);
    json_end(&e->o);
    if (str_eq(state, STR("failed")))
        e->healthy = false;
}

static void examine_config(const struct cmd_args *args, struct examination *e)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP(fd_closep) int data = cmd_open_data(args);

    if (data < 0)
        finding(e, "data", STR("failed"), STR("the data directory cannot be opened"),
                STR("autarky init"));
    else if (cmd_load_config(args, data, NULL, &problems) == RC_OK)
        finding(e, "configuration", STR("ok"), STR("autarky.yaml has no error"), STR(""));
    else
        finding(e, "configuration", STR("failed"), str_trim(buf_str(&problems)),
                STR("autarky config check"));
}

static enum rc examine_server(const struct cmd_args *args, struct examination *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_iter checks;
    const struct json *check;
    char why[1024];

    if (cmd_control(cmd_data(args), "doctor", STR(""), &answer, &err) != RC_OK) {
        finding(e, "server", STR("failed"), str_of(err_textz(&err, why, sizeof(why))),
                STR("autarky serve"));
        return RC_OK;
    }
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        char name[64] = "";

        IGNORE_RC(str_copyz(text_of(check, "name"), name, sizeof(name))); /* shown without a name */
        finding(e, name, text_of(check, "state"), text_of(check, "text"), text_of(check, "cure"));
    }
    return RC_OK;
}

static enum rc examine(const struct cmd_args *args, struct examination *e)
{
    json_out_init(&e->o, &e->text, cmd_json(args) ? JSON_PRETTY : JSON_COMPACT);
    json_obj(&e->o);
    json_key(&e->o, "checks");
    json_arr(&e->o);
    examine_config(args, e);
    TRY(examine_server(args, e));
    json_end(&e->o);
    json_kv_bool(&e->o, "healthy", e->healthy);
    json_end(&e->o);
    return json_out_done(&e->o);
}

static enum rc show(const struct examination *e)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter checks;
    const struct json *check;

    TRY(json_parse(buf_str(&e->text), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        struct str cure = text_of(check, "cure");

        printf("%-8.*s %-14.*s %.*s\n", STR_ARG(text_of(check, "state")),
               STR_ARG(text_of(check, "name")), STR_ARG(text_of(check, "text")));
        if (cure.n)
            printf("%*s-> %.*s\n", 24, "", STR_ARG(cure));
    }
    printf("%s\n", e->healthy ? "all clear" : "something needs a person");
    return RC_OK;
}

int cmd_doctor(const struct cmd_args *args)
{
    struct examination e = {.healthy = true};
    enum rc rc;
    int status = CMD_DONE;

    buf_init(&e.text, ANSWER_MAX);
    rc = examine(args, &e);
    if (rc == RC_OK && cmd_json(args))
        status = cmd_print(buf_str(&e.text));
    else if (rc == RC_OK)
        rc = show(&e);
    if (rc != RC_OK)
        cmd_failf("the findings cannot be shown: %s", rc_text(rc));
    buf_done(&e.text);
    return rc != RC_OK || !e.healthy ? CMD_FAILED : status;
}
