/* SPDX-License-Identifier: Apache-2.0 */
#include "core/backup.h"

#include "audit/audit.h"
#include "audit/note.h"
#include "core/change.h"
#include "log/log.h"
#include "store/meta.h"

MSG(msg_form, "core.backup-value", "\"{0}\" of a backup that was made is missing, or wrong");

enum { HEX_SHA256 = 64, DETAIL_MAX = 16 * 1024 };

/* ---- begun */

static enum rc write_begun(struct store_txn *txn, struct core_change *c)
{
    return core_change_audit(txn, c, "backup.begun", "backup", &c->backup.id, STR(""));
}

static void put_begun(struct core_change *c, struct json_out *o)
{
    log_warn("core.backup-begun", LOG_STR("backup", id_str(&c->backup.id)), LOG_STR("by", c->asker),
             LOG_STR("reason", c->why));
    json_kv_str(o, "id", id_str(&c->backup.id));
}

static enum rc read_begin(struct core_change *c)
{
    TRY(id_new(&c->backup.id));
    c->write = write_begun;
    c->put = put_begun;
    c->approval =
        (struct core_approval){.who = c->who,
                               .now = c->now,
                               .arena = c->a,
                               .action = STR("backup.create"),
                               .what = STR("backup.create: of everything, with all keys")};
    return core_approval_begin_one(c->core, 1U << CONF_TWO_BACKUP, &c->approval);
}

void core_backup_begin(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who)
{
    core_change_run(core, req, args, who, read_begin);
}

/* ---- created */

static void put_members(const struct core_change *c, struct json_out *o)
{
    json_kv_u64(o, "bytes", c->backup.bytes);
    json_kv_str(o, "note", c->backup.note);
    json_kv_u64(o, "records", c->backup.records);
    json_kv_str(o, "sha256", c->backup.sha256);
}

static enum rc write_created(struct store_txn *txn, struct core_change *c)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(DETAIL_MAX);
    struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = c->asker,
        .action = "backup.created",
        .object_kind = "backup",
        .object = id_str(&c->backup.id),
        .reason = c->why,
    };
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    put_members(c, &o);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    TRY(audit_append(txn, &event, NULL));
    return store_backup_made(txn, c->now);
}

static void put_created(struct core_change *c, struct json_out *o)
{
    json_kv_str(o, "id", id_str(&c->backup.id));
    put_members(c, o);
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (str_find(STR("0123456789abcdef"), s.p[i]) == 16)
            return false;
    return s.n == HEX_SHA256;
}

static enum rc read_created(struct core_change *c)
{
    struct str note = STR(""), id;

    TRY(core_change_text(c, "id", CORE_CHANGE_SHOWN, &id));
    TRY(core_change_text(c, "sha256", HEX_SHA256, &c->backup.sha256));
    if (id_parse(id, &c->backup.id) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("id"));
    if (!is_hex(c->backup.sha256))
        return ERR(&c->err, RC_INVAL, msg_form, STR("sha256"));
    if (json_u64(json_get(c->args, "bytes"), &c->backup.bytes) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("bytes"));
    if (json_u64(json_get(c->args, "records"), &c->backup.records) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("records"));
    if (json_get(c->args, "note") && json_str(json_get(c->args, "note"), &note) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("note"));
    if (note.n > NOTE_MAX || !str_utf8(note))
        return ERR(&c->err, RC_INVAL, msg_form, STR("note"));
    c->write = write_created;
    c->put = put_created;
    return arena_str(c->a, note, &c->backup.note);
}

void core_backup_created(struct core *core, struct ipc_req *req, const struct json *args,
                         struct core_who who)
{
    core_change_run(core, req, args, who, read_created);
}
