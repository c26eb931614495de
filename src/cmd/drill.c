/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/ask.h"
#include "json/json.h"

static enum rc show(const struct json *root)
{
    printf("the declared command %.*s was run: %.*s\n", STR_ARG(json_shown(root, "command")),
           STR_ARG(json_shown(root, "output")));
    printf("%zu others were refused\n", json_len(json_get(root, "refused")));
    return RC_OK;
}

int cmd_drill_runner(const struct cmd_args *args)
{
    return ask_and_show(args, "drill runner", NULL, show);
}
