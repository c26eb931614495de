/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd/ask.h"

static enum rc show(const struct json *root)
{
    uint64_t generation = 0;
    struct str text;

    TRY(json_u64(json_get(root, "generation"), &generation));
    TRY(json_str(json_get(root, "text"), &text));
    if (json_shown(root, "waits_until").n) {
        printf("nothing is changed yet: %.*s would pass requests on in another way, or be gone, "
               "which gateway.change_window has for its windows. The reload is done when the next "
               "one opens, at %.*s, with the files as they are then; `autarky reload "
               "--despite-window` does it now. Configuration %llu is in force\n",
               STR_ARG(text), STR_ARG(json_shown(root, "waits_until")),
               (unsigned long long)generation);
        return RC_OK;
    }
    if (text.n)
        printf("%.*s\n", STR_ARG(str_trim(text)));
    printf("configuration %llu is in force\n", (unsigned long long)generation);
    return RC_OK;
}

int cmd_reload(const struct cmd_args *args)
{
    return ask_and_show(args, "reload", NULL, show);
}
