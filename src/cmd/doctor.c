/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong: the configuration, the running server's own findings, or that none runs. */
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/examine.h"
#include "json/json.h"

enum { ANSWER_MAX = 4 * 1024 * 1024, TEXT_MAX = 64 * 1024 };

/* A command as it has to be typed for this data directory. */
static void failed(struct examination *e, const char *name, struct str text, const char *command)
{
    CLEANUP(buf_done) struct buf cure = BUF_INIT(TEXT_MAX);
    const char *config = e->args->values[CMD_OPT_CONFIG];

    buf_printf(&cure, "%s --data %s", command, cmd_data(e->args));
    if (config)
        buf_printf(&cure, " --config %s", config);
    cmd_finding(e, name, STR("failed"), text, buf_str(&cure));
}

static void examine_config(struct examination *e)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    struct str text;
    enum rc rc = cmd_load_config(e->args, NULL, &problems);

    text = str_trim(buf_str(&problems));
    if (rc == RC_OK)
        cmd_finding(e, "configuration", STR("ok"), STR("autarky.yaml has no error"), STR(""));
    else if (rc == RC_INVAL)
        failed(e, "configuration", text, "autarky config check");
    else
        cmd_finding(e, "configuration", STR("failed"), text, STR("")); /* says itself what to do */
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
            cmd_finding(e, "server", STR("failed"), text, STR(""));
        return RC_OK;
    }
    TRY(json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL));
    checks = json_iter(json_get(json_root(doc), "checks"));
    while (json_next(&checks, NULL, &check)) {
        char name[64] = "";

        IGNORE_RC(
            str_copyz(json_shown(check, "name"), name, sizeof(name))); /* shown without a name */
        cmd_finding(e, name, json_shown(check, "state"), json_shown(check, "text"),
                    json_shown(check, "cure"));
    }
    return RC_OK;
}

int cmd_doctor(const struct cmd_args *args)
{
    CLEANUP(cmd_examine_done) struct examination e = {};
    enum rc rc;

    cmd_examine_begin(&e, args);
    examine_config(&e);
    rc = examine_server(&e);
    return cmd_examine_show(&e, rc);
}
