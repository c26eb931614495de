/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky renewal`: renewals pulled forward (RFC 9773). */
#include <stdio.h>

#include "cmd/ask.h"

static enum rc show_pulled(const struct json *root)
{
    uint64_t n = 0;

    IGNORE_RC(json_u64(json_get(root, "certificates"), &n)); /* 0 */
    printf("%llu valid certificates %s renewed until %.*s\n", (unsigned long long)n,
           ask_dry(root) ? "would be" : "are to be", STR_ARG(json_shown(root, "last")));
    return RC_OK;
}

int cmd_renewal_pull(const struct cmd_args *args)
{
    return ask_and_show(args, "renewal pull", NULL, show_pulled);
}

static enum rc show_list(const struct json *root)
{
    static const char *const members[] = {"issuer", "profile", "public_key", "name", "under"};
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        printf("%.*s to %.*s:", STR_ARG(json_shown(v, "first")), STR_ARG(json_shown(v, "last")));
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            if (json_shown(v, members[i]).n)
                printf(" %s %.*s", members[i], STR_ARG(json_shown(v, members[i])));
        if (json_shown(v, "reason").n)
            printf(" (%.*s)", STR_ARG(json_shown(v, "reason")));
        printf("\n");
    }
    return RC_OK;
}

int cmd_renewal_list(const struct cmd_args *args)
{
    return ask_list(args, "renewal list", NULL, show_list);
}
