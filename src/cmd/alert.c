/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky alert`: what is wrong or soon will be, who is told, and who sees to it. */
#include "cmd/alert.h"

#include <stdio.h>

#include "cmd/ask.h"

static void print_alert(const struct json *v)
{
    struct str by = json_shown(json_get(v, "acked"), "by");

    printf("%.*s  %-8.*s  %.*s  %.*s\n", STR_ARG(json_shown(v, "id")),
           STR_ARG(json_shown(v, "severity")), STR_ARG(json_shown(v, "started")),
           STR_ARG(json_shown(v, "summary")));
    if (json_shown(v, "resolved").n)
        printf("    over since %.*s\n", STR_ARG(json_shown(v, "resolved")));
    else if (by.n)
        printf("    acknowledged by %.*s\n", STR_ARG(by));
    if (json_shown(v, "action").n)
        printf("    see: %.*s\n", STR_ARG(json_shown(v, "action")));
}

static void print_silence(const struct json *v)
{
    static const char *const members[] = {"kind", "object", "owner"};

    printf("%.*s  silent until %.*s:", STR_ARG(json_shown(v, "id")),
           STR_ARG(json_shown(v, "until")));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (json_shown(v, members[i]).n)
            printf(" %s %.*s", members[i], STR_ARG(json_shown(v, members[i])));
    printf(" (%.*s%s%.*s)\n", STR_ARG(json_shown(v, "set_by")),
           json_shown(v, "reason").n ? ": " : "", STR_ARG(json_shown(v, "reason")));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    if (!json_len(json_get(root, "items")))
        printf("no alerts\n");
    while (json_next(&it, NULL, &v))
        print_alert(v);
    it = json_iter(json_get(root, "silences"));
    while (json_next(&it, NULL, &v))
        print_silence(v);
    return RC_OK;
}

int cmd_alert_list(const struct cmd_args *args)
{
    return ask_list(args, "alert list", NULL, show_list);
}

static enum rc show_silences(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    while (json_next(&it, NULL, &v))
        print_silence(v);
    return RC_OK;
}

int cmd_alert_silences(const struct cmd_args *args)
{
    return ask_list(args, "alert silences", NULL, show_silences);
}

/* "delivered 2026-...", "given up: why", "waits, 3 attempts failed: why". */
static void print_state(const struct json *v)
{
    struct str error = json_shown(v, "error");
    bool given_up = false;

    IGNORE_RC(json_bool(json_get(v, "given_up"), &given_up)); /* false */
    if (json_shown(v, "delivered").n)
        printf("delivered %.*s\n", STR_ARG(json_shown(v, "delivered")));
    else if (given_up)
        printf("given up: %.*s\n", STR_ARG(error));
    else if (error.n)
        printf("waits, %llu attempts failed: %.*s\n",
               (unsigned long long)json_shown_u64(v, "attempts"), STR_ARG(error));
    else
        printf("waits\n");
}

static enum rc show_one(const struct json *root)
{
    static const char *const members[] = {"key",  "kind",    "severity", "object",  "owner", "team",
                                          "ends", "started", "resolved", "summary", "action"};
    struct json_iter it = json_iter(json_get(root, "told"));
    const struct json *acked = json_get(root, "acked"), *v;

    ask_print(root, "alert", "id");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        ask_print(root, members[i], members[i]);
    if (acked)
        printf("%-16s %.*s at %.*s%s%.*s\n", "acknowledged", STR_ARG(json_shown(acked, "by")),
               STR_ARG(json_shown(acked, "at")), json_shown(acked, "reason").n ? ": " : "",
               STR_ARG(json_shown(acked, "reason")));
    while (json_next(&it, NULL, &v)) {
        bool over = false;

        IGNORE_RC(json_bool(json_get(v, "over"), &over)); /* false */
        printf("%-16s %.*s at %.*s%s: ", "told", STR_ARG(json_shown(v, "receiver")),
               STR_ARG(json_shown(v, "at")), over ? ", of its end" : "");
        print_state(v);
    }
    return RC_OK;
}

int cmd_alert_show(const struct cmd_args *args)
{
    return ask_and_show(args, "alert show", "id", show_one);
}

static enum rc show_acked(const struct json *root)
{
    printf("%s", ask_dry(root) ? "would acknowledge: " : "acknowledged: ");
    print_alert(root);
    return RC_OK;
}

int cmd_alert_ack(const struct cmd_args *args)
{
    return ask_and_show(args, "alert ack", "id", show_acked);
}

static enum rc show_silence(const struct json *root)
{
    if (ask_dry(root))
        printf("this was a dry run: ");
    print_silence(root);
    return RC_OK;
}

int cmd_alert_silence(const struct cmd_args *args)
{
    return ask_and_show(args, "alert silence", NULL, show_silence);
}

static enum rc show_ended(const struct json *root)
{
    printf("%s%.*s\n", ask_dry(root) ? "would end: " : "ended: ", STR_ARG(json_shown(root, "id")));
    return RC_OK;
}

int cmd_alert_unsilence(const struct cmd_args *args)
{
    return ask_and_show(args, "alert unsilence", "id", show_ended);
}

static enum rc show_deliveries(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        printf("%.*s  %.*s  %-12.*s  %.*s\n    ", STR_ARG(json_shown(v, "id")),
               STR_ARG(json_shown(v, "created")), STR_ARG(json_shown(v, "receiver")),
               STR_ARG(json_shown(v, "subject")));
        print_state(v);
    }
    return RC_OK;
}

int cmd_alert_deliveries(const struct cmd_args *args)
{
    return ask_list(args, "alert deliveries", NULL, show_deliveries);
}

static enum rc show_tested(const struct json *root)
{
    struct str answer = json_shown(root, "answer");

    printf("%.*s has it%s%.*s\n", STR_ARG(json_shown(root, "receiver")),
           answer.n ? "; its server said: " : "", STR_ARG(answer));
    return RC_OK;
}

int cmd_alert_test(const struct cmd_args *args)
{
    return ask_and_show(args, "alert test", "receiver", show_tested);
}
