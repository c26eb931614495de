/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky issuance`: locks, set, lifted and seen. */
#include <stdio.h>

#include "cmd/ask.h"

static void print_lock(const struct json *lock)
{
    bool renewals = false, new_names = false;
    struct str value = json_shown(lock, "value"), lifted = json_shown(lock, "lifted");

    IGNORE_RC(json_bool(json_get(lock, "renewals"), &renewals));   /* false */
    IGNORE_RC(json_bool(json_get(lock, "new_names"), &new_names)); /* false */
    printf("%.*s  %.*s%s%.*s since %.*s, by %.*s: %.*s (%s)\n", STR_ARG(json_shown(lock, "id")),
           STR_ARG(json_shown(lock, "scope")), value.n ? " " : "", STR_ARG(value),
           STR_ARG(json_shown(lock, "set")), STR_ARG(json_shown(lock, "set_by")),
           STR_ARG(json_shown(lock, "reason")),
           renewals    ? "renewals stopped as well"
           : new_names ? "existing names go on"
                       : "renewals go on");
    if (lifted.n)
        printf("    lifted %.*s by %.*s%s%.*s\n", STR_ARG(lifted),
               STR_ARG(json_shown(lock, "lifted_by")),
               json_shown(lock, "lifted_reason").n ? ": " : "",
               STR_ARG(json_shown(lock, "lifted_reason")));
}

static enum rc show_frozen(const struct json *root)
{
    printf("%s", ask_dry(root) ? "would freeze: " : "frozen: ");
    print_lock(root);
    return RC_OK;
}

int cmd_issuance_freeze(const struct cmd_args *args)
{
    if (!args->values[CMD_OPT_REASON])
        return cmd_usagef("say why with --reason: it is what everybody is told who is in its way");
    return ask_and_show(args, "issuance freeze", NULL, show_frozen);
}

static enum rc show_thawed(const struct json *root)
{
    printf("%s", ask_dry(root) ? "would lift: " : "lifted: ");
    print_lock(root);
    return RC_OK;
}

int cmd_issuance_thaw(const struct cmd_args *args)
{
    return ask_and_show(args, "issuance thaw", args->operand ? "id" : NULL, show_thawed);
}

static void print_locks(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *lock;

    while (json_next(&it, NULL, &lock))
        print_lock(lock);
}

static enum rc show_status(const struct json *root)
{
    bool frozen = false;

    IGNORE_RC(json_bool(json_get(root, "frozen"), &frozen)); /* false */
    if (!frozen)
        printf("nothing is frozen\n");
    print_locks(json_get(root, "locks"));
    if (json_len(json_get(root, "lifted")))
        printf("lifted:\n");
    print_locks(json_get(root, "lifted"));
    return RC_OK;
}

int cmd_issuance_status(const struct cmd_args *args)
{
    return ask_list(args, "issuance status", NULL, show_status);
}
