/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky policy accept`: the way out when nobody is left who could be the second person, or when
 * what was accepted cannot be read any more. It leaves a file that only root can write, which the
 * next start of the service takes, records and removes. */
#include <stdio.h>

#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"
#include "conf/conf.h"
#include "conf/policy.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"

enum { REASON_MAX = 1024, PROBLEMS_MAX = 1 << 20, ANSWER_MAX = 3 * CONF_POLICY_MAX };

static enum rc show(const struct json *root)
{
    bool dry = false;

    IGNORE_RC(json_bool(json_get(root, "dry_run"), &dry)); /* missing: no */
    printf("%.*s", STR_ARG(json_shown(root, "policy")));
    printf(
        dry ? "This is the policy in the files that would be accepted.\n"
            : "The next start of the service accepts this policy without a second person, and the "
              "audit log will have it:\nsystemctl restart autarky\n");
    return RC_OK;
}

static enum rc leave(const struct cmd_args *args, const struct conf_policy_override *o,
                     struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_POLICY_MAX + 2 * REASON_MAX);
    CLEANUP(fd_closep) int data = -1;

    TRY(cmd_open_data(args, &data, err));
    conf_policy_override_put(o, &text);
    TRY(buf_rc(&text));
    return file_write(data, CONF_POLICY_OVERRIDE, buf_str(&text), 0600, FILE_OWNER_SELF, err);
}

static int answer(const struct cmd_args *args, const struct conf_policy_override *o, bool dry)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out out;

    json_out_init(&out, &text, JSON_PRETTY);
    json_obj(&out);
    if (dry)
        json_kv_bool(&out, "dry_run", true);
    json_kv_str(&out, "by", o->by);
    json_kv_str(&out, "reason", o->reason);
    json_kv_str(&out, "policy", o->policy);
    json_end(&out);
    if (json_out_done(&out) != RC_OK)
        return cmd_failf("the policy is too long to be shown");
    return cmd_show(args, &text, show);
}

static int accept_conf(const struct cmd_args *args, const struct conf *conf)
{
    CLEANUP(buf_done) struct buf policy = BUF_INIT(CONF_POLICY_MAX);
    bool dry = args->values[CMD_OPT_DRY_RUN];
    struct err err = ERR_INIT;
    char by[CMD_WHO_BYTES];
    struct conf_policy_override o = {.at = clock_now(clock_system()),
                                     .by = cmd_who(by),
                                     .reason = str_of(args->values[CMD_OPT_REASON])};

    err.rc = conf_policy_text(conf, &policy);
    o.policy = buf_str(&policy);
    if (err.rc == RC_OK && !dry)
        err.rc = leave(args, &o, &err);
    return err.rc == RC_OK ? answer(args, &o, dry) : cmd_fail(&err);
}

int cmd_policy_accept(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(PROBLEMS_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct str reason = str_of(args->values[CMD_OPT_REASON] ? args->values[CMD_OPT_REASON] : "");

    if (reason.n == 0 || reason.n > REASON_MAX || !str_printable(reason))
        return cmd_usagef("say why, with --reason TEXT: this goes past the second person");
    if (cmd_load_config(args, &conf, &problems) != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    return accept_conf(args, conf);
}
