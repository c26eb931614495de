/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "json/json.h"

enum { ANSWER_MAX = 1024 * 1024 };

static enum rc show(struct str answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *root;
    const struct json *one;
    struct json_iter it;
    size_t n = 0;

    TRY(json_parse(answer, ANSWER_MAX, &doc, NULL));
    root = json_root(doc);
    printf("the declared command %.*s was run: %.*s\n", STR_ARG(cmd_text(root, "command")),
           STR_ARG(cmd_text(root, "output")));
    it = json_iter(json_get(root, "refused"));
    while (json_next(&it, NULL, &one))
        n++;
    printf("%zu others were refused\n", n);
    return RC_OK;
}

int cmd_drill_runner(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    enum rc rc = cmd_control(cmd_data(args), "drill runner", STR(""), &answer, &err);

    if (rc == RC_OK && cmd_json(args)) {
        buf_putz(&answer, "\n");
        cmd_print(buf_str(&answer));
        return CMD_DONE;
    }
    if (rc == RC_OK)
        rc = show(buf_str(&answer));
    if (rc == RC_OK)
        return CMD_DONE;
    err.rc = rc;
    return cmd_fail(&err);
}
