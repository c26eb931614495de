/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/cmd.h"
#include "json/json.h"

enum { ANSWER_MAX = 1024 * 1024 };

static enum rc show(struct str answer)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    uint64_t generation = 0;
    struct str text;

    TRY(json_parse(answer, ANSWER_MAX, &doc, NULL));
    TRY(json_u64(json_get(json_root(doc), "generation"), &generation));
    TRY(json_str(json_get(json_root(doc), "text"), &text));
    if (text.n)
        printf("%.*s\n", STR_ARG(str_trim(text)));
    printf("configuration %llu is in force\n", (unsigned long long)generation);
    return RC_OK;
}

int cmd_reload(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    enum rc rc;

    rc = cmd_control(cmd_data(args), "reload", STR(""), &answer, &err);
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
