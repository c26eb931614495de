/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky agent token`, `list`, `show`, `remove` and `renew`: agents on other hosts, from the
 * server's side. */
#include "cmd/agents.h"

#include <stdio.h>
#include <string.h>

#include "cmd/ask.h"

/* ---- token */

static enum rc show_token(const struct json *root)
{
    struct str token = json_shown(root, "token");

    if (ask_dry(root)) {
        fprintf(stderr, "nothing was made: this was a dry run\n");
        return RC_OK;
    }
    printf("%.*s\n", STR_ARG(token));
    fprintf(stderr,
            "good once, until %.*s; it is not shown again. On the host:\n"
            "    autarky agent enrol --server URL --token-file FILE\n",
            STR_ARG(json_shown(root, "expires")));
    return RC_OK;
}

int cmd_agent_token(const struct cmd_args *args)
{
    if (strcmp(args->operand, "create") != 0)
        return cmd_usagef("the command is: autarky agent token create");
    return ask_and_show(args, "agent token", NULL, show_token);
}

/* ---- list */

static void show_agents(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "items"));
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        struct str reported = json_shown(v, "reported"), next = json_shown(v, "next");

        printf("%-32.*s %-8.*s %-20.*s %5llu %5llu  %.*s\n", STR_ARG(json_shown(v, "name")),
               STR_ARG(json_shown(v, "state")),
               STR_ARG(reported.n ? str_head(reported, 19) : STR("never")),
               (unsigned long long)json_shown_u64(v, "certificates"),
               (unsigned long long)json_shown_u64(v, "failing") + json_shown_u64(v, "unproven"),
               STR_ARG(str_head(next, 19)));
    }
}

static void show_tokens(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v))
        printf("token %.*s%s%.*s, good until %.*s, made by %.*s\n", STR_ARG(json_shown(v, "id")),
               json_shown(v, "name").n ? " for " : "", STR_ARG(json_shown(v, "name")),
               STR_ARG(json_shown(v, "expires")), STR_ARG(json_shown(v, "created_by")));
}

static enum rc show_list(const struct json *root)
{
    printf("%-32s %-8s %-20s %5s %5s  %s\n", "NAME", "STATE", "REPORTED", "CERTS", "FAIL", "NEXT");
    show_agents(root);
    show_tokens(json_get(root, "tokens"));
    return RC_OK;
}

int cmd_agent_list(const struct cmd_args *args)
{
    return ask_list(args, "agent list", NULL, show_list);
}

static enum rc show_all_tokens(const struct json *root)
{
    show_tokens(json_get(root, "items"));
    return RC_OK;
}

int cmd_agent_tokens(const struct cmd_args *args)
{
    return ask_list(args, "agent tokens", NULL, show_all_tokens);
}

/* ---- show */

static void show_certificate(const struct json *c)
{
    struct str why = json_shown(c, "why");
    struct str until = json_shown(c, "not_after"), next = json_shown(c, "next");
    struct str proven = json_shown(c, "proven"), window = json_shown(c, "window"),
               outside = json_shown(c, "outside");

    printf("\n%.*s\n", STR_ARG(json_shown(c, "directory")));
    if (until.n && !window.n)
        printf("  valid until %.*s, renewed about %.*s\n", STR_ARG(until), STR_ARG(next));
    if (until.n && window.n)
        printf("  valid until %.*s; a new one is ready, and waits for the window at %.*s\n",
               STR_ARG(until), STR_ARG(window));
    if (outside.n)
        printf("  taken into use at %.*s, outside of its windows: none opened in time\n",
               STR_ARG(outside));
    if (proven.n)
        printf("  seen to be served at %.*s\n", STR_ARG(proven));
    if (json_get(c, "issue_ms"))
        printf("  issued in %llu ms", (unsigned long long)json_shown_u64(c, "issue_ms"));
    if (json_get(c, "prove_ms"))
        printf(", seen to be served %llu ms later",
               (unsigned long long)json_shown_u64(c, "prove_ms"));
    if (json_get(c, "issue_ms"))
        printf("\n");
    if (why.n)
        printf("  failed %llu times: %.*s\n", (unsigned long long)json_shown_u64(c, "failures"),
               STR_ARG(why));
}

static void show_change(const struct json *c)
{
    struct str by = json_shown(c, "by"), why = json_shown(c, "why");

    printf("%.*s  %-14.*s %.*s", STR_ARG(json_shown(c, "at")), STR_ARG(json_shown(c, "what")),
           STR_ARG(json_shown(c, "subject")));
    if (by.n)
        printf(" (%.*s)", STR_ARG(by));
    if (why.n)
        printf(": failed: %.*s", STR_ARG(why));
    printf("\n  in %.*s\n", STR_ARG(json_shown(c, "directory")));
}

/* The newest, as they were told. */
static void show_changes(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    if (json_len(list) == 0)
        return;
    printf("\nwhat it changed last, outside of these directories (the audit log has all of it):\n");
    while (json_next(&it, NULL, &v))
        show_change(v);
}

static enum rc show_agent(const struct json *root)
{
    const struct json *report = json_get(root, "report"), *v;
    struct json_iter it = json_iter(json_get(report, "certificates"));
    int64_t skew = 0;

    ask_print(root, "name", "name");
    ask_print(root, "id", "id");
    ask_print(root, "state", "state");
    ask_print(root, "enrolled", "enrolled");
    ask_print(root, "by the token of", "enrolled_by");
    ask_print(root, "reported", "reported");
    ask_print(root, "from", "address");
    ask_print(root, "version", "version");
    ask_print(root, "certificate", "certificate");
    ask_print(root, "which ends", "certificate_ends");
    ask_print(root, "asked to renew", "renewal_asked");
    if (json_i64(json_get(root, "skew_ms"), &skew) == RC_OK)
        printf("%-20s %lld ms\n", "its clock is ahead", (long long)skew);
    while (json_next(&it, NULL, &v))
        show_certificate(v);
    if (json_shown_u64(report, "more"))
        printf("\nand %llu more\n", (unsigned long long)json_shown_u64(report, "more"));
    show_changes(json_get(report, "changes"));
    return RC_OK;
}

int cmd_agent_show(const struct cmd_args *args)
{
    return ask_and_show(args, "agent show", "name", show_agent);
}

/* ---- remove, renew */

static enum rc show_changed(const struct json *root)
{
    ask_print(root, "name", "name");
    ask_print(root, "id", "id");
    if (json_get(root, "revoked"))
        printf("%-20s %llu\n", "revoked certificates",
               (unsigned long long)json_shown_u64(root, "revoked"));
    if (ask_dry(root))
        fprintf(stderr, "nothing was changed: this was a dry run\n");
    return RC_OK;
}

int cmd_agent_remove(const struct cmd_args *args)
{
    return ask_and_show(args, "agent remove", "name", show_changed);
}

int cmd_agent_renew(const struct cmd_args *args)
{
    return ask_and_show(args, "agent renew", "name", show_changed);
}
