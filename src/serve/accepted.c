/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/accepted_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/diff.h"
#include "conf/policy.h"
#include "log/log.h"
#include "serve/serve_int.h"

MSG(msg_unusable, "serve.accepted-unusable",
    "the policy in the files is not the one that was accepted, which this program cannot use any "
    "more: {0}. Let the files say what was accepted, in words that this program takes; or, as "
    "root, `autarky policy accept --reason TEXT` accepts what they say now, without a second "
    "person, and the audit log will have it");

/* ---- at the start */

/* Root has told to take exactly what the files say. */
static enum rc is_overridden(const struct serve *sup, bool *out)
{
    CLEANUP(buf_done) struct buf file = BUF_INIT(CONF_POLICY_MAX);
    CLEANUP(buf_done) struct buf policy = BUF_INIT(CONF_POLICY_MAX);
    struct conf_policy_override o;
    enum rc rc = file_read(sup->data, CONF_POLICY_OVERRIDE, &file, NULL);

    *out = false;
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || conf_policy_override_parse(buf_str(&file), &o) != RC_OK)
        return RC_OK;
    TRY(conf_policy_text(sup->conf, &policy));
    *out = str_eq(buf_str(&policy), o.policy);
    return RC_OK;
}

static enum rc load_accepted(const struct serve *sup, struct conf_accepted *a,
                             const struct conf **out, struct err *err)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(ERR_ARGS_BYTES);
    enum rc rc;

    conf_report_init(&report);
    a->input.unprivileged = sup->unprivileged;
    rc = conf_load(&a->input, out, &report);
    if (rc != RC_INVAL)
        return rc;
    conf_report_text(&report, &text);
    return ERR(err, RC_INVAL, msg_unusable, str_trim(buf_str(&text)));
}

static void say_so(const struct conf *accepted, const struct conf *files)
{
    CLEANUP(conf_changes_done) struct conf_changes changes = {};

    log_error(
        "serve.policy-not-accepted",
        LOG_TEXT("the files have another policy than the one that was accepted, which takes a "
                 "second person: the accepted configuration is served, whole. To have the "
                 "other one: `autarky reload --reason TEXT`, then another person `autarky "
                 "approval grant ID`, then `autarky reload`"));
    if (conf_diff(accepted, files, &changes) != RC_OK)
        return;
    for (size_t i = 0; i < changes.n; i++)
        log_warn("serve.not-accepted", LOG_STR("key", changes.p[i].key),
                 LOG_STR("accepted", changes.p[i].was), LOG_STR("files", changes.p[i].now));
}

/* The texts in `a` move with the bytes they are in. */
static void serve_with(struct serve *sup, struct conf_accepted *a, struct buf *file,
                       const struct conf *conf)
{
    conf_input_done(&sup->input);
    sup->input = a->input;
    sup->input.bytes = *file;
    buf_init(file, CONF_ACCEPTED_MAX);
    conf_unref(sup->conf);
    sup->conf = conf;
    sup->policy_waits = true;
}

/* There is one that takes a second person. */
static enum rc compare(struct serve *sup, struct conf_accepted *a, struct buf *file,
                       struct err *err)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    bool same;

    TRY(is_overridden(sup, &same));
    if (same)
        return RC_OK;
    TRY(load_accepted(sup, a, &conf, err));
    TRY(conf_policy_same(conf, sup->conf, &same));
    if (same)
        return RC_OK;
    say_so(conf, sup->conf);
    serve_with(sup, a, file, MOVE(conf));
    return RC_OK;
}

/* Written by nobody but who runs this. */
static bool is_ours(const struct serve *sup)
{
    struct stat st;

    return fstatat(sup->data, CONF_POLICY_ACCEPTED, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* As if it were not there: core, which has the policy in the register, decides. */
static void set_aside(const struct serve *sup, const char *why)
{
    bool moved = renameat(sup->data, CONF_POLICY_ACCEPTED, sup->data, SERVE_ACCEPTED_ASIDE) == 0;

    log_error("serve.accepted-unreadable", LOG_STR("file", STR(CONF_POLICY_ACCEPTED)),
              LOG_TEXT(why), LOG_STR("kept_as", moved ? STR(SERVE_ACCEPTED_ASIDE) : STR("-")));
}

static enum rc read_kept(const struct serve *sup, struct buf *file, struct conf_accepted *a)
{
    enum rc rc = file_read(sup->data, CONF_POLICY_ACCEPTED, file, NULL);

    if (rc == RC_NOMEM || rc == RC_NOTFOUND)
        return rc;
    if (rc == RC_OK && !is_ours(sup)) {
        set_aside(sup, "others own it or may write it: it does not count");
        return RC_NOTFOUND;
    }
    if (rc == RC_OK && conf_accepted_parse(buf_str(file), a) == RC_OK)
        return RC_OK;
    set_aside(sup, "the configuration that was accepted cannot be read: it does not count");
    return RC_NOTFOUND;
}

enum rc serve_accepted_take(struct serve *sup, struct err *err)
{
    CLEANUP(buf_done) struct buf file = BUF_INIT(CONF_ACCEPTED_MAX);
    struct conf_accepted a = {};
    enum rc rc = read_kept(sup, &file, &a);

    if (rc == RC_NOTFOUND)
        return RC_OK; /* the first start, or it is lost; core knows which */
    TRY(rc);
    return a.two_persons ? compare(sup, &a, &file, err) : RC_OK;
}

/* ---- later */

enum rc serve_accepted_keep(struct serve *sup, struct err *err)
{
    CLEANUP(buf_done)
    struct buf was = BUF_INIT(CONF_ACCEPTED_MAX), now = BUF_INIT(CONF_ACCEPTED_MAX);

    conf_accepted_put(&sup->input, sup->conf->control.two_persons & 1u << CONF_TWO_POLICY, &now);
    TRY(buf_rc(&now));
    if (file_read(sup->data, CONF_POLICY_ACCEPTED, &was, NULL) == RC_OK &&
        str_eq(buf_str(&was), buf_str(&now)))
        return RC_OK;
    return file_write(sup->data, CONF_POLICY_ACCEPTED, buf_str(&now), 0600, FILE_OWNER_SELF, err);
}

void serve_accepted_ready(struct serve *sup)
{
    struct err err = ERR_INIT;

    if (!sup->policy_waits)
        err.rc = serve_accepted_keep(sup, &err);
    if (err.rc != RC_OK)
        log_error("serve.accepted-not-written", LOG_ERR(&err));
    else if (unlinkat(sup->data, CONF_POLICY_OVERRIDE, 0) != 0 && errno != ENOENT)
        log_error("serve.override-not-removed", LOG_TEXT(strerrordesc_np(errno)));
}
