/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky eab`: keys that bind ACME accounts (RFC 8555 section 7.3.4). */
#include <stdio.h>

#include "cmd/ask.h"

static enum rc show_created(const struct json *root)
{
    ask_print(root, "name", "name");
    ask_print(root, "kid", "kid");
    ask_print(root, "key", "key");
    ask_print(root, "expires", "expires");
    if (ask_dry(root))
        fprintf(stderr, "nothing was made: this was a dry run\n");
    else
        fprintf(stderr, "the key is not shown again\n");
    return RC_OK;
}

int cmd_eab_create(const struct cmd_args *args)
{
    return ask_and_show(args, "eab create", "name", show_created);
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    printf("%-24s %-26s  %-10s %s\n", "NAME", "KID", "ACCOUNTS", "STATE");
    while (json_next(&it, NULL, &v)) {
        uint64_t made = 0, may = 0;

        IGNORE_RC(json_u64(json_get(v, "made"), &made));    /* 0 */
        IGNORE_RC(json_u64(json_get(v, "accounts"), &may)); /* 0 */
        printf("%-24.*s %-26.*s  %4llu of %-4llu ", STR_ARG(json_shown(v, "name")),
               STR_ARG(json_shown(v, "kid")), (unsigned long long)made, (unsigned long long)may);
        ask_print_state(v);
        printf("\n");
    }
    return RC_OK;
}

int cmd_eab_list(const struct cmd_args *args)
{
    return ask_list(args, "eab list", NULL, show_list);
}

static enum rc show_revoked(const struct json *root)
{
    printf("%s the key %.*s\n", ask_dry(root) ? "would revoke" : "revoked",
           STR_ARG(json_shown(root, "name")));
    return RC_OK;
}

int cmd_eab_revoke(const struct cmd_args *args)
{
    return ask_and_show(args, "eab revoke", "name", show_revoked);
}
