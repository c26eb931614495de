/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/addr.h"
#include "cmd/ask.h"
#include "conf/conf.h"
#include "json/json.h"
#include "json/out.h"

enum { TEXT_MAX = 64 * 1024, BASE_MAX = 512 };

/* What the configuration calls the API, else this host by its own name for itself. */
static void put_base(const struct cmd_args *args, struct buf *out)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    struct addr_port at = {};

    if (cmd_load_config(args, &conf, &problems) == RC_OK && conf->urls.api.n)
        buf_puts(out, conf->urls.api);
    else
        buf_printf(out, "https://localhost:%u",
                   cmd_listener(cmd_data(args), "api", &at) ? at.port : 0);
}

static enum rc show(const struct cmd_args *args, struct str answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(buf_done) struct buf url = BUF_INIT(BASE_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * BASE_MAX);
    struct json_out o;

    TRY(json_parse(answer, TEXT_MAX, &doc, NULL));
    put_base(args, &url);
    buf_puts(&url, json_shown(json_root(doc), "path"));
    TRY(buf_rc(&url));
    if (!cmd_json(args)) {
        printf("%.*s\n", STR_ARG(buf_str(&url)));
        return RC_OK;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "url", buf_str(&url));
    json_kv_str(&o, "expires", json_shown(json_root(doc), "expires"));
    json_end(&o);
    TRY(json_out_done(&o));
    buf_putz(&text, "\n");
    cmd_print(buf_str(&text));
    return RC_OK;
}

int cmd_ui_link(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(TEXT_MAX), ask = BUF_INIT(ASK_MAX);
    struct err err = ERR_INIT;

    err.rc = ask_reason(args, &ask);
    if (err.rc == RC_OK)
        err.rc = cmd_control(cmd_data(args), "ui link", buf_str(&ask), &answer, &err);
    if (err.rc == RC_OK)
        err.rc = show(args, buf_str(&answer));
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
