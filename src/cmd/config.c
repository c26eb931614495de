/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ca/escrow.h"
#include "ca/rules.h"
#include "cmd/cmd.h"
#include "cmd/receivers.h"
#include "conf/load.h"
#include "conf/text.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "json/out.h"
#include "policy/policy.h"
#include "waf/check.h"

enum { TEXT_MAX = 1024 * 1024 };

/* Puts `text` in place of what the file has, or beside the files that there are. */
static enum rc overlay(struct conf_input *in, const char *data, const char *name, struct str text,
                       struct buf *path)
{
    buf_printf(path, "%s/conf.d/%s", data, name);
    TRY(buf_rc(path));
    for (size_t i = 0; i < in->n; i++)
        if (str_ends(in->files[i].name, str_skip(buf_str(path), strlen(data)))) {
            in->files[i].text = text;
            return RC_OK;
        }
    return conf_input_add(in, buf_str(path), text);
}

static enum rc read_config(const struct cmd_args *args, struct conf_input *in, struct err *err)
{
    CLEANUP(fd_closep) int data = -1;

    in->unprivileged = geteuid() != 0;
    in->without_sm = crypto_without_tls_sm();
    TRY(cmd_open_data(args, &data, err));
    return conf_input_read(in, data, cmd_data(args), args->values[CMD_OPT_CONFIG], err);
}

enum rc cmd_load_config(const struct cmd_args *args, const struct conf **out, struct buf *problems)
{
    return cmd_try_config(args, NULL, STR(""), out, problems);
}

enum rc cmd_try_config(const struct cmd_args *args, const char *name, struct str text,
                       const struct conf **out, struct buf *problems)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(CONF_NAME_BYTES_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct err err = ERR_INIT;
    struct conf_report report;
    struct conf_input in;
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    rc = read_config(args, &in, &err);
    if (rc == RC_OK && name)
        rc = overlay(&in, cmd_data(args), name, text, &path);
    if (rc != RC_OK) {
        err.rc = rc;
        err_text(&err, problems);
    } else {
        rc = conf_load(&in, &conf, &report);
        conf_report_text(&report, problems);
    }
    conf_report_done(&report);
    conf_input_done(&in);
    if (rc == RC_OK && out)
        *out = MOVE(conf);
    return rc;
}

static enum rc put_json(bool ok, struct str problems)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct json_out o;
    struct str line;

    json_out_init(&o, &text, JSON_PRETTY);
    json_obj(&o);
    json_kv_bool(&o, "ok", ok);
    json_key(&o, "problems");
    json_arr(&o);
    while (str_next(&problems, '\n', &line))
        if (line.n)
            json_put_str(&o, line);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    cmd_print(buf_str(&text));
    return RC_OK;
}

/* A line each, as a compiler writes them. */
int cmd_show_problems(struct str problems)
{
    struct str line;

    while (str_next(&problems, '\n', &line))
        if (line.n)
            fprintf(stderr, "autarky: %.*s\n", STR_ARG(line));
    return CMD_FAILED;
}

/* Every profile against the signer's own limits, as far as this user may read them: before `init`
 * there are none, and not everybody may look into ca/. */
static enum rc check_rules(const struct cmd_args *args, const struct conf *conf,
                           struct buf *problems)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(CA_RULES_FILE_MAX);
    CLEANUP(fd_closep) int data = -1;
    struct err err = ERR_INIT;
    struct ca_rules rules;

    if (cmd_open_data(args, &data, NULL) != RC_OK ||
        file_read(data, "ca/rules.json", &json, NULL) != RC_OK)
        return RC_OK;
    err.rc = ca_rules_parse(buf_str(&json), &rules, &err);
    if (err.rc == RC_OK) {
        err.rc = ca_rules_check_profiles(&rules, conf, &err);
        ca_rules_done(&rules);
    }
    if (err.rc == RC_OK)
        return RC_OK;
    err_text(&err, problems);
    buf_putz(problems, "\n");
    return RC_INVAL;
}

/* Rules that are right one by one may be too many together. */
static enum rc check_policy(const struct conf *conf, struct buf *problems)
{
    CLEANUP(policy_unrefp) struct policy *policy = NULL;
    struct err err = ERR_INIT;
    enum rc rc = policy_new(conf, &policy, &err);

    if (rc == RC_OK)
        return rc;
    err.rc = rc;
    err_text(&err, problems);
    buf_putz(problems, "\n");
    return RC_INVAL;
}

/* As core would, which has to seal to it. */
static enum rc check_escrow(const struct conf *conf, struct buf *problems)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct err err = ERR_INIT;

    err.rc = crypto_init();
    if (err.rc == RC_OK)
        err.rc = ca_escrow_key(conf, &key, &err);
    if (err.rc == RC_OK)
        return RC_OK;
    err_text(&err, problems);
    buf_putz(problems, "\n");
    return RC_INVAL;
}

/* Of sites that inspect: what is read is compiled, by a process made for that. */
static enum rc check_inspection(const struct cmd_args *args, const struct conf *conf,
                                struct buf *problems)
{
    CLEANUP(fd_closep) int data = -1;
    struct err err = ERR_INIT;

    if (cmd_open_data(args, &data, NULL) != RC_OK)
        return RC_OK;
    err.rc = waf_check(conf, data, &err);
    if (err.rc == RC_OK)
        return RC_OK;
    err_text(&err, problems);
    buf_putz(problems, "\n");
    return RC_INVAL;
}

int cmd_config_check(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(TEXT_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    enum rc rc = cmd_load_config(args, &conf, &problems);

    if (rc == RC_OK)
        rc = check_rules(args, conf, &problems);
    if (rc == RC_OK)
        rc = check_policy(conf, &problems);
    if (rc == RC_OK)
        rc = check_escrow(conf, &problems);
    if (rc == RC_OK)
        rc = cmd_check_programs(conf, &problems);
    if (rc == RC_OK)
        rc = check_inspection(args, conf, &problems);
    if (cmd_json(args) && put_json(rc == RC_OK, buf_str(&problems)) != RC_OK)
        return cmd_failf("the findings cannot be shown: out of memory");
    if (cmd_json(args))
        return rc == RC_OK ? CMD_DONE : CMD_FAILED;
    if (rc != RC_OK)
        return cmd_show_problems(buf_str(&problems));
    printf("the configuration is right\n");
    return CMD_DONE;
}

int cmd_config_show(const struct cmd_args *args)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    if (cmd_load_config(args, &conf, &text) != RC_OK)
        return cmd_show_problems(buf_str(&text));
    buf_reset(&text);
    if (cmd_json(args))
        conf_dump_json(conf, &text);
    else
        conf_dump(conf, &text);
    if (buf_rc(&text) != RC_OK)
        return cmd_failf("the configuration cannot be shown: %s", rc_text(buf_rc(&text)));
    cmd_print(buf_str(&text));
    return CMD_DONE;
}
