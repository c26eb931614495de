/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/fd.h"
#include "cmd/ask.h"
#include "conf/accepted.h"
#include "conf/policy.h"
#include "ev/clock.h"
#include "json/json.h"
#include "json/out.h"
#include "recovery/backup_int.h"
#include "serve/serve.h"
#include "store/meta.h"
#include "store/store.h"

MSG(msg_two, "cmd.backup-two",
    "control.two_persons has backup.create, in the configuration or in the one that was accepted "
    "last, and the second person is asked by the server, which does not run: start it and give the "
    "command again");
MSG(msg_accepted, "cmd.backup-accepted",
    "the configuration that was accepted last (" CONF_POLICY_ACCEPTED " in the data directory) "
    "cannot be read, and it may have backup.create in control.two_persons: start the server, which "
    "says what is wrong with it, and give the command again");
MSG(msg_reason, "cmd.backup-reason",
    "say why, with --reason: `control.reasons` wants it of every command that changes something");
MSG(msg_conf, "cmd.backup-conf", "the configuration cannot be read: {0}");
MSG(msg_answer, "cmd.backup-answer",
    "the server's answer cannot be read; compare `autarky version` with what it runs");
enum { ANSWER_MAX = 64 * 1024, PROBLEMS_MAX = 64 * 1024, PATH_BYTES = 4096 };

void way_done(struct way *w)
{
    fd_close(&w->lock);
}

/* ---- a server runs */

static struct str reason_of(const struct way *w)
{
    const char *reason = w->args->values[CMD_OPT_REASON];

    return reason ? str_trim(str_of(reason)) : STR("");
}

static enum rc ask(const struct way *w, const char *command, struct buf *args, struct buf *answer,
                   struct err *err)
{
    TRY(buf_rc(args));
    return cmd_control(cmd_data(w->args), command, buf_str(args), answer, err);
}

static enum rc ask_begin(struct way *w, struct err *err)
{
    CLEANUP(buf_done) struct buf args = BUF_INIT(ASK_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str id;

    TRY(ask_reason(w->args, &args));
    TRY(ask(w, "backup begin", &args, &answer, err));
    if (json_parse(buf_str(&answer), ANSWER_MAX, &doc, NULL) != RC_OK ||
        json_str(json_get(json_root(doc), "id"), &id) != RC_OK || id_parse(id, &w->id) != RC_OK)
        return ERR(err, RC_PARSE, msg_answer);
    return RC_OK;
}

static void put_made(const struct backup_made *made, struct json_out *o)
{
    char hex[2 * SEAL_SHA256 + 1];

    backup_hex(made->sum.sha256, hex);
    json_kv_u64(o, "bytes", made->sum.bytes);
    json_kv_str(o, "note", buf_str(&made->note));
    json_kv_u64(o, "records", made->records);
    json_kv_z(o, "sha256", hex);
}

static enum rc ask_created(const struct way *w, const struct backup_made *made, struct err *err)
{
    CLEANUP(buf_done) struct buf args = BUF_INIT(ASK_MAX);
    CLEANUP(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    json_out_init(&o, &args, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "id", id_str(&w->id));
    put_made(made, &o);
    json_end(&o);
    return ask(w, "backup created", &args, &answer, err);
}

/* ---- none does */

struct record {
    const struct way *w;
    const struct backup_made *made; /* NULL: it is only begun */
    when_t now;
};

static enum rc append(struct store_txn *txn, void *arg)
{
    const struct record *r = arg;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(ANSWER_MAX);
    struct audit_event event = {
        .at = r->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = str_of(r->w->by),
        .action = r->made ? "backup.created" : "backup.begun",
        .object_kind = "backup",
        .object = id_str(&r->w->id),
        .reason = reason_of(r->w),
    };
    struct json_out o;

    if (r->made) {
        json_out_init(&o, &detail, JSON_COMPACT);
        json_obj(&o);
        put_made(r->made, &o);
        json_end(&o);
        TRY(json_out_done(&o));
        event.detail = buf_str(&detail);
    }
    TRY(audit_append(txn, &event, NULL));
    return r->made ? store_backup_made(txn, r->now) : RC_OK;
}

static enum rc same_schema(const struct store_options *options, struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options look = *options;

    look.look = true; /* refuses any other */
    return store_open(&look, &store, err);
}

static enum rc write_down(const struct way *w, const struct backup_made *made, struct err *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct record r = {w, made, clock_now(clock_system())};
    struct store_options options = {.now = r.now};
    char dir[PATH_BYTES];

    if (snprintf(dir, sizeof(dir), "%s/db", cmd_data(w->args)) >= (int)sizeof(dir))
        return RC_TOOBIG;
    options.dir = dir;
    TRY(same_schema(&options, err));
    TRY(store_open(&options, &store, err));
    return store_write_now(store, append, &r);
}

/* The files may be others than those that the server went by: what was accepted counts as well. */
static enum rc judge_alone(const struct way *w, struct err *err)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(PROBLEMS_MAX);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    enum rc rc = cmd_load_config(w->args, &conf, &problems);
    unsigned accepted;

    if (rc != RC_OK)
        return ERR(err, rc, msg_conf, str_head(buf_str(&problems), ERR_ARGS_BYTES / 2));
    rc = conf_accepted_two_persons(w->data, &accepted);
    if (rc == RC_CORRUPT)
        return ERR(err, RC_DENIED, msg_accepted);
    TRY(rc);
    if ((conf->control.two_persons | accepted) & 1U << CONF_TWO_BACKUP)
        return ERR(err, RC_DENIED, msg_two);
    if (conf->control.reasons == CONF_REASONS_REQUIRED && !reason_of(w).n)
        return ERR(err, RC_INVAL, msg_reason);
    return RC_OK;
}

/* ---- either */

enum rc way_begin(const struct cmd_args *args, int data, struct way *out, struct err *err)
{
    enum rc rc;

    *out = (struct way){.args = args, .data = data, .lock = -1};
    (void)cmd_who(out->by);
    rc = serve_lock(data, cmd_data(args), &out->lock, err);
    if (rc == RC_CONFLICT) {
        *err = ERR_INIT;
        return ask_begin(out, err);
    }
    TRY(rc);
    TRY(judge_alone(out, err));
    TRY(id_new(&out->id));
    return write_down(out, NULL, err);
}

enum rc way_created(struct way *w, const struct backup_made *made, struct err *err)
{
    return w->lock < 0 ? ask_created(w, made, err) : write_down(w, made, err);
}
