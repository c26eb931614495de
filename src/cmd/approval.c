/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky approval`: what another person has asked for, seen and decided. */
#include <pwd.h>
#include <stdio.h>

#include "cmd/ask.h"

/* The name of a user, or the number where this host does not know it. */
static void show_user(const struct json *v, const char *member)
{
    struct str name = json_shown(v, member);
    int64_t uid = -1;
    const struct passwd *pw;

    if (name.n) {
        printf("%.*s", STR_ARG(name));
        return;
    }
    if (json_i64(json_get(v, member), &uid) != RC_OK || uid < 0) {
        printf("an ACME account");
        return;
    }
    /* cppcheck-suppress getpwuidCalled ; one thread */
    pw = getpwuid((uid_t)uid); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (pw)
        printf("%s", pw->pw_name);
    else
        printf("uid %lld", (long long)uid);
}

static void show_one(const struct json *v)
{
    printf("%.*s  %-8.*s ", STR_ARG(json_shown(v, "id")), STR_ARG(json_shown(v, "state")));
    show_user(v, "asked_by");
    printf(" asks, until %.*s: %.*s\n", STR_ARG(json_shown(v, "expires")),
           STR_ARG(json_shown(v, "what")));
}

static enum rc show_list(const struct json *root)
{
    struct json_iter it = json_iter(json_get(root, "approvals"));
    const struct json *v;
    size_t n = 0;

    for (; json_next(&it, NULL, &v); n++)
        show_one(v);
    if (!n)
        printf("nothing was asked for\n");
    return RC_OK;
}

static enum rc show_decided(const struct json *root)
{
    if (ask_dry(root))
        printf("nothing was decided: this was a dry run\n");
    show_one(root);
    return RC_OK;
}

/* ---- one of them */

static void show_names(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const char *label = "names";
    const struct json *v;

    for (; json_next(&it, NULL, &v); label = "") {
        struct str unicode = json_shown(v, "unicode");

        printf("%-16s %.*s", label, STR_ARG(json_shown(v, "name")));
        if (unicode.n)
            printf("  (reads: %.*s)", STR_ARG(unicode));
        printf("\n");
    }
}

static void show_evidence(const struct json *all)
{
    struct json_iter it = json_iter(all);
    const struct json *v;
    struct str name;

    while (json_next(&it, &name, &v)) {
        struct str challenge = json_shown(v, "challenge");

        printf("%-16s %.*s, by %.*s", "proven", STR_ARG(json_shown(v, "proven")),
               STR_ARG(challenge.n ? challenge : STR("the word of the CA or the account's key")));
        if (challenge.n)
            printf(" at %.*s", STR_ARG(json_shown(v, "validated")));
        printf("\n");
    }
}

/* Of another policy: as YAML, empty where there was or will be nothing. */
static void show_changes(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        printf("%-16s %.*s\n", "changes", STR_ARG(json_shown(v, "key")));
        printf("%-16s - %.*s\n", "", STR_ARG(json_shown(v, "was")));
        printf("%-16s + %.*s\n", "", STR_ARG(json_shown(v, "now")));
    }
}

static void show_votes(const struct json *list)
{
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v)) {
        bool grant = false;

        IGNORE_RC(json_bool(json_get(v, "grant"), &grant)); /* then it is a denial */
        printf("%-16s ", grant ? "granted by" : "denied by");
        show_user(v, "by");
        printf(" at %.*s", STR_ARG(json_shown(v, "at")));
        if (json_shown(v, "scope").n)
            printf(", %.*s", STR_ARG(json_shown(v, "scope")));
        if (json_shown(v, "until").n)
            printf(" until %.*s", STR_ARG(json_shown(v, "until")));
        printf("%s%.*s\n", json_shown(v, "reason").n ? ": " : "", STR_ARG(json_shown(v, "reason")));
    }
}

static enum rc show_all(const struct json *root)
{
    ask_print(root, "approval", "id");
    ask_print(root, "what", "what");
    printf("%-16s %.*s, %llu of %llu persons\n", "state", STR_ARG(json_shown(root, "state")),
           (unsigned long long)json_shown_u64(root, "granted"),
           (unsigned long long)json_shown_u64(root, "approvers"));
    printf("%-16s ", "asked by");
    show_user(root, "asked_by");
    printf(" at %.*s, until %.*s\n", STR_ARG(json_shown(root, "asked")),
           STR_ARG(json_shown(root, "expires")));
    ask_print(root, "reason", "reason");
    ask_print(root, "account", "account");
    ask_print(root, "order", "order");
    ask_print(root, "from", "client");
    show_names(json_get(root, "names"));
    ask_print(root, "profile", "profile");
    ask_print(root, "key", "key");
    ask_print(root, "rules", "rules");
    show_evidence(json_get(root, "evidence"));
    show_changes(json_get(root, "changes"));
    show_votes(json_get(root, "votes"));
    printf("%.*s", STR_ARG(json_shown(root, "csr")));
    return RC_OK;
}

/* ---- the commands */

int cmd_approval_list(const struct cmd_args *args)
{
    return ask_list(args, "approval list", NULL, show_list);
}

int cmd_approval_show(const struct cmd_args *args)
{
    return ask_and_show(args, "approval show", "id", show_all);
}

int cmd_approval_grant(const struct cmd_args *args)
{
    return ask_and_show(args, "approval grant", "id", show_decided);
}

int cmd_approval_deny(const struct cmd_args *args)
{
    return ask_and_show(args, "approval deny", "id", show_decided);
}
