/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/ask.h"

static enum rc show(const struct json *root)
{
    uint64_t generation = 0;
    struct str text;

    TRY(json_u64(json_get(root, "generation"), &generation));
    TRY(json_str(json_get(root, "text"), &text));
    if (text.n)
        printf("%.*s\n", STR_ARG(str_trim(text)));
    printf("configuration %llu is in force\n", (unsigned long long)generation);
    return RC_OK;
}

int cmd_reload(const struct cmd_args *args)
{
    return ask_and_show(args, "reload", NULL, show);
}
