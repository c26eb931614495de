/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky approval`: what another person has asked for, seen and decided. */
#include <pwd.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "json/json.h"
#include "json/out.h"

enum { ASK_MAX = 256 };

/* The name of a user of this host, or the number. */
static void show_user(const struct json *v, const char *member)
{
    int64_t uid = -1;
    const struct passwd *pw;

    if (json_i64(json_get(v, member), &uid) != RC_OK || uid < 0) {
        printf("-");
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
    show_one(root);
    return RC_OK;
}

int cmd_approval_list(const struct cmd_args *args)
{
    return cmd_ask(args, "approval list", STR(""), show_list);
}

static int decide(const struct cmd_args *args, const char *command)
{
    CLEANUP(buf_done) struct buf ask = BUF_INIT(ASK_MAX);
    struct json_out o;

    json_out_init(&o, &ask, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "id", args->operand);
    json_end(&o);
    if (json_out_done(&o) != RC_OK)
        return cmd_usagef("%s is no approval", args->operand);
    return cmd_ask(args, command, buf_str(&ask), show_decided);
}

int cmd_approval_grant(const struct cmd_args *args)
{
    return decide(args, "approval grant");
}

int cmd_approval_deny(const struct cmd_args *args)
{
    return decide(args, "approval deny");
}
