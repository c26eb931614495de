/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky txt`: accounts of the server of TXT records. */
#include <stdio.h>

#include "cmd/ask.h"

enum { DAY_TEXT = 10 /* "2026-11-29" */ };

static struct str day(const struct json *v, const char *member)
{
    return str_head(json_shown(v, member), DAY_TEXT);
}

/* The first network stands for all from which it may be used. */
static void show_account(const struct json *v)
{
    struct json_iter allow = json_iter(json_get(v, "allow"));
    const struct json *network;
    struct str from = STR("anywhere"), updated = day(v, "updated");
    bool more = json_next(&allow, NULL, &network) && json_str(network, &from) == RC_OK &&
                json_next(&allow, NULL, &network);

    printf("%-10.*s  %-10.*s  %-18.*s%-4s  %.*s\n", STR_ARG(day(v, "created")),
           STR_ARG(updated.n ? updated : STR("never")), STR_ARG(from), more ? " ..." : "",
           STR_ARG(json_shown(v, "fulldomain")));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    printf("%-10s  %-10s  %-22s  %s\n", "CREATED", "CHANGED", "FROM", "NAME");
    while (json_next(&it, NULL, &v))
        show_account(v);
    return RC_OK;
}

int cmd_txt_list(const struct cmd_args *args)
{
    return ask_list(args, "txt list", NULL, show_list);
}

static enum rc show_removed(const struct json *root)
{
    printf("%s the account %.*s\n", ask_dry(root) ? "would remove" : "removed",
           STR_ARG(json_shown(root, "name")));
    return RC_OK;
}

int cmd_txt_remove(const struct cmd_args *args)
{
    return ask_and_show(args, "txt remove", "name", show_removed);
}
