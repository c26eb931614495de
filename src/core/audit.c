/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of the audit log. Every audit.interval: what is new is folded into the tree, the signer
 * says what it signed last, a proof is made that all there is continues that, the signer signs, the
 * note is written down. Each step is a job of the writer's or a question, so the loop never waits;
 * whatever fails is tried again at the next interval, and nothing else waits for it. */
#include <stdio.h>

#include "audit/audit.h"
#include "audit/log.h"
#include "conf/diff.h"
#include "core/core_int.h"
#include "ev/clock.h"
#include "ipc/status_messages.h"
#include "json/out.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/events.h"
#include "store/heads.h"
#include "store/meta.h"

MSG(msg_behind, "core.audit-behind",
    "the signer has signed a head of {0} records, and the database has {1}: it is older than that "
    "head, as one that was restored is. Bring back the newer database; or, if the records between "
    "are lost, begin a new log with `autarky audit restart`. Certificates are issued meanwhile, "
    "and heads are not signed");
MSG(msg_away, "core.audit-no-signer", "the signer is away; it has to sign the head");
MSG(msg_busy, "core.audit-busy", "heads are being signed for others; ask again");

enum {
    ASK_SECONDS = 30,
    HEAD_ARENA = 64 * 1024,
    DETAIL_MAX = 16 * 1024,
    ANSWER_MAX = 16 * 1024,
    CHANGE_MAX = 1024,                                 /* bytes of a value, before and after */
    CHANGES_ROOM = AUDIT_DETAIL_MAX - 16 * CHANGE_MAX, /* escaped, a value may be longer */
    WHO_BYTES = 65,
    WHY_BYTES = 1025,
    TELL_AGAIN = 60, /* a failure that stays is told once in so many attempts */
};

METRIC_GAUGE(signed_records, "audit_signed_records", "Records under the signed head of the log");
METRIC_COUNTER(head_failures, "audit_head_failures_total", "Heads that could not be signed");

struct core_audit {
    struct core *core;
    const struct conf *conf; /* in force; with a reference, to compare the next one with */
    struct ev_timer timer;
    bool busy;
    bool more;            /* to fold */
    struct ipc_req *req;  /* an administrator waits; NULL: nobody */
    struct ipc_req *next; /* and another one, for the head after this one */
    struct audit_step step;
    char origin[NOTE_NAME_MAX + 1];
    char by[WHO_BYTES], why[WHY_BYTES]; /* who began that log in place of another */
    char text[NOTE_MAX + 1];            /* the note that the signer gave last */
    struct note note;                   /* borrows it; head.size 0: none */
    uint64_t signed_size;
    bool signed_known;
    unsigned failures; /* one after the other */
    bool closing;
    when_t now; /* for the writer's thread */
    struct err err;
};

static struct str number(uint64_t v, char out[static 24])
{
    snprintf(out, 24, "%llu", (unsigned long long)v);
    return str_of(out);
}

static void answer(struct core_audit *a)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "records", a->note.head.size);
    json_kv_str(&o, "note", str_of(a->text));
    json_end(&o);
    core_admin_reply(MOVE(a->req), &o, &text);
}

static void begin(struct core_audit *a);

/* Who came while a head was under way wants one that has all there was when he came. */
static void serve_next(struct core_audit *a)
{
    if (!a->next)
        return;
    a->req = MOVE(a->next);
    begin(a);
}

static void end(struct core_audit *a)
{
    a->busy = false;
    a->failures = 0;
    a->signed_size = a->note.head.size;
    a->signed_known = true;
    metric_set(&signed_records, 0, (int64_t)a->signed_size);
    if (a->req)
        answer(a);
    serve_next(a);
}

static void fail(struct core_audit *a, enum rc rc)
{
    a->busy = false;
    a->err.rc = rc;
    metric_add(&head_failures, 0, 1);
    if (!a->closing && a->failures++ % TELL_AGAIN == 0)
        log_error("core.audit-no-head", LOG_ERR(&a->err));
    if (a->req)
        core_admin_refuse(MOVE(a->req), &a->err);
    serve_next(a);
}

unsigned core_audit_failing(const struct core *core, char *why, size_t cap)
{
    const struct core_audit *a = core->audit;

    if (a->failures)
        err_textz(&a->err, why, cap);
    return a->failures;
}

/* ---- writing down what was signed */

/* The log that the newest head is of; RC_NOTFOUND: there is no head. */
static enum rc log_before(struct store_txn *txn, struct arena *arena, struct str *note,
                          struct str *origin)
{
    struct store_head last;
    struct note before;

    TRY(store_head_last(txn, arena, &last));
    if (note_parse(last.note, &before, NULL) != RC_OK)
        return RC_NOTFOUND;
    *note = last.note;
    *origin = before.origin;
    return RC_OK;
}

/* Once, however long it takes until the first head of the new log is signed. */
static enum rc has_said_so(struct store_txn *txn, struct arena *arena, const struct core_audit *a)
{
    struct str said;
    enum rc rc = store_meta_get(txn, arena, STORE_META_AUDIT_LOG, &said);

    if (rc == RC_OK && !str_eq(said, str_of(a->origin)))
        rc = RC_NOTFOUND;
    return rc;
}

/* A log that was begun anew says so in its own records: which one it follows, by whom and why. */
static enum rc note_restart(struct store_txn *txn, const struct core_audit *a)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(HEAD_ARENA);
    CLEANUP(buf_done) struct buf detail = BUF_INIT(DETAIL_MAX);
    struct audit_event event = {
        .at = a->now,
        .actor_kind = a->by[0] ? AUDIT_OPERATOR : AUDIT_SYSTEM,
        .actor = str_of(a->by),
        .action = "audit.restarted",
        .object_kind = "log",
        .object = str_of(a->origin),
        .reason = str_of(a->why),
    };
    struct str note, origin;
    struct json_out o;
    enum rc rc = log_before(txn, &arena, &note, &origin);

    if (rc == RC_NOTFOUND || (rc == RC_OK && str_eq(origin, str_of(a->origin))))
        return RC_OK; /* the first one, or still the same */
    TRY(rc);
    rc = has_said_so(txn, &arena, a);
    if (rc != RC_NOTFOUND)
        return rc;
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "before", note);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    TRY(audit_append(txn, &event, NULL));
    return store_meta_set(txn, STORE_META_AUDIT_LOG, str_of(a->origin));
}

static enum rc write_note(struct store_txn *txn, void *arg)
{
    struct core_audit *a = arg;

    return audit_log_keep(txn, &a->note, str_of(a->text));
}

static void note_written(enum rc rc, void *arg)
{
    struct core_audit *a = arg;

    if (rc == RC_OK)
        end(a);
    else
        fail(a, rc);
}

static void keep_note(struct core_audit *a)
{
    enum rc rc = store_write(a->core->store, write_note, note_written, a);

    if (rc != RC_OK)
        fail(a, rc);
}

/* The signer's word, copied: its message does not outlive the callback. */
static enum rc take_reply(struct core_audit *a, const struct ipc_sign_head_reply *m)
{
    a->note = (struct note){};
    TRY(str_copyz(m->origin, a->origin, sizeof(a->origin)));
    TRY(str_copyz(m->note, a->text, sizeof(a->text)));
    TRY(str_copyz(m->by, a->by, sizeof(a->by)));
    TRY(str_copyz(m->why, a->why, sizeof(a->why)));
    return m->note.n ? note_parse(str_of(a->text), &a->note, &a->err) : RC_OK;
}

static enum rc take_answer(struct core_audit *a, const struct ipc_answer *m)
{
    if (m->rc == RC_OK)
        return take_reply(a, m->msg);
    if (m->err)
        a->err = *m->err;
    return m->rc;
}

static void signed_head(void *arg, const struct ipc_answer *m)
{
    struct core_audit *a = arg;
    enum rc rc = take_answer(a, m);

    if (rc == RC_OK)
        keep_note(a);
    else
        fail(a, rc);
}

static enum rc ask(struct core_audit *a, const struct ipc_sign_head *msg, ipc_answer_fn fn)
{
    const struct ipc_ask ask = {.type = IPC_SIGN_HEAD,
                                .msg = msg,
                                .timeout = ASK_SECONDS * WHEN_SECOND,
                                .fn = fn,
                                .arg = a};

    if (!a->core->signer || a->closing)
        return ERR(&a->err, RC_CLOSED, msg_away);
    return ipc_call(a->core->signer, &ask, NULL);
}

/* ---- the proof */

/* With the note that was signed last written down, if a crash came in between. */
static enum rc make_step(struct store_txn *txn, void *arg)
{
    struct core_audit *a = arg;

    a->err = ERR_INIT;
    TRY(note_restart(txn, a));
    do /* what came meanwhile: a proof needs all that is whole */
        TRY(audit_log_fold(txn, &a->more));
    while (a->more);
    TRY(audit_log_step(txn, &a->note.head, &a->step));
    if (!a->step.behind && a->note.head.size)
        IGNORE_RC(audit_log_keep(txn, &a->note, str_of(a->text))); /* no head of these records:
                                                                      the signer will say so */
    return RC_OK;
}

static void step_made(enum rc rc, void *arg)
{
    struct core_audit *a = arg;
    const struct audit_step *s = &a->step;
    struct ipc_sign_head msg = {
        .from = s->from.size,
        .size = s->to.size,
        .root = str_bytes(s->to.root.b, TREE_HASH),
        .proof = str_bytes(s->proof.hash, s->proof.n * TREE_HASH),
    };
    uint64_t records = 0;
    char signed_text[24], has[24];

    if (rc == RC_OK && s->behind) {
        IGNORE_RC(store_event_last(store_read(a->core->store), &records)); /* shown as 0 */
        rc = ERR(&a->err, RC_CONFLICT, msg_behind, number(s->from.size, signed_text),
                 number(records, has));
    }
    if (rc == RC_OK && s->to.size == 0) {
        end(a); /* an empty log has no head */
        return;
    }
    if (rc == RC_OK)
        rc = ask(a, &msg, signed_head);
    if (rc != RC_OK)
        fail(a, rc);
}

static void last_head(void *arg, const struct ipc_answer *m)
{
    struct core_audit *a = arg;
    enum rc rc = take_answer(a, m);

    a->now = clock_now(ev_clock(a->core->ev));
    if (rc == RC_OK)
        rc = store_write(a->core->store, make_step, step_made, a);
    if (rc != RC_OK)
        fail(a, rc);
}

/* ---- what is new */

static enum rc fold(struct store_txn *txn, void *arg)
{
    struct core_audit *a = arg;

    return audit_log_fold(txn, &a->more);
}

static void folded(enum rc rc, void *arg)
{
    struct core_audit *a = arg;
    const struct ipc_sign_head what_was = {};

    if (rc == RC_OK && a->more)
        rc = store_write(a->core->store, fold, folded, a);
    else if (rc == RC_OK)
        rc = ask(a, &what_was, last_head);
    if (rc != RC_OK)
        fail(a, rc);
}

static void begin(struct core_audit *a)
{
    enum rc rc;

    a->busy = true;
    a->err = ERR_INIT;
    rc = store_write(a->core->store, fold, folded, a);
    if (rc != RC_OK)
        fail(a, rc);
}

static void tick(void *arg)
{
    struct core_audit *a = arg;
    uint64_t records;

    ev_timer_start(&a->timer, a->core->conf->audit.interval, 0);
    if (a->busy || !a->core->signer)
        return;
    if (a->signed_known && store_event_last(store_read(a->core->store), &records) == RC_OK &&
        records == a->signed_size)
        return;
    begin(a);
}

void core_audit_head(struct core *core, struct ipc_req *req)
{
    struct core_audit *a = core->audit;
    struct err err = ERR_INIT;

    if (a->next) {
        err.rc = ERR(&err, RC_AGAIN, msg_busy);
        core_admin_refuse(req, &err);
        return;
    }
    a->next = req;
    if (!a->busy)
        serve_next(a);
}

void core_audit_signer(struct core *core)
{
    /* Another process may have another log. */
    core->audit->signed_known = false;
}

/* ---- what operators do */

struct record {
    struct audit_event event;
    struct core_who who;
    void (*then)(void *arg, enum rc rc);
    void *arg;
};

static enum rc append_record(struct store_txn *txn, void *arg)
{
    const struct record *r = arg;

    return audit_append(txn, &r->event, NULL);
}

static void record_appended(enum rc rc, void *arg)
{
    const struct record *r = arg;

    r->then(r->arg, rc);
}

enum rc core_audit_command(struct core *core, struct ipc_req *req,
                           const struct core_command *command, void (*then)(void *arg, enum rc rc),
                           void *arg)
{
    struct arena *arena = ipc_req_arena(req);
    struct record *r = ARENA_NEW(arena, struct record);

    if (!r)
        return RC_NOMEM;
    *r = (struct record){.then = then, .arg = arg};
    r->event = (struct audit_event){
        .at = clock_now(ev_clock(core->ev)),
        .actor_kind = AUDIT_OPERATOR,
        .action = command->refused ? "operator.refused" : "operator.commanded",
        .object_kind = "command",
        .address = command->who.address,
    };
    TRY(arena_str(arena, command->name, &r->event.object));
    TRY(arena_str(arena, command->reason, &r->event.reason));
    TRY(core_who_str(command->who, arena, &r->event.actor));
    return store_write(core->store, append_record, record_appended, r);
}

/* ---- the configuration */

struct changed {
    struct buf detail;
    when_t now;
};

static enum rc append_changed(struct store_txn *txn, void *arg)
{
    const struct changed *c = arg;
    struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = "configuration.changed",
        .object_kind = "configuration",
        .detail = buf_str(&c->detail),
    };

    return audit_append(txn, &event, NULL);
}

static void changed_written(enum rc rc, void *arg)
{
    struct changed *c = arg;

    if (rc != RC_OK)
        log_error("core.audit-no-event", LOG_Z("event", "configuration.changed"), LOG_RC(rc));
    buf_done(&c->detail);
    mem_free(c);
}

/* A change as the diff has it; what would not fit any more is counted. */
static void put_changes(const struct conf_changes *changes, struct json_out *o, struct buf *out)
{
    size_t i = 0;

    json_obj(o);
    json_key(o, "changes");
    json_arr(o);
    for (; i < changes->n && out->n < CHANGES_ROOM; i++) {
        json_obj(o);
        json_kv_str(o, "key", changes->p[i].key);
        json_kv_str(o, "now", str_utf8_head(changes->p[i].now, CHANGE_MAX));
        json_kv_str(o, "was", str_utf8_head(changes->p[i].was, CHANGE_MAX));
        json_end(o);
    }
    json_end(o);
    json_kv_u64(o, "more", changes->n - i);
    json_end(o);
}

static void record_changes(struct core *core, const struct conf *was, const struct conf *now)
{
    CLEANUP(conf_changes_done) struct conf_changes changes = {};
    struct changed *c = MEM_NEW(struct changed);
    struct json_out o;
    enum rc rc = c ? conf_diff(was, now, &changes) : RC_NOMEM;

    if (rc == RC_OK && changes.n == 0) {
        mem_free(c);
        return;
    }
    if (c)
        buf_init(&c->detail, AUDIT_DETAIL_MAX);
    if (rc == RC_OK) {
        c->now = clock_now(ev_clock(core->ev));
        json_out_init(&o, &c->detail, JSON_COMPACT);
        put_changes(&changes, &o, &c->detail);
        rc = json_out_done(&o);
    }
    if (rc == RC_OK)
        rc = store_write(core->store, append_changed, changed_written, c);
    if (rc != RC_OK && c)
        changed_written(rc, c);
}

void core_audit_conf(struct core *core)
{
    struct core_audit *a = core->audit;
    const struct conf *was = a->conf;

    a->conf = conf_ref(core->conf);
    record_changes(core, was, a->conf);
    conf_unref(was);
    ev_timer_start(&a->timer, a->conf->audit.interval, 0);
}

/* ---- life */

enum rc core_audit_new(struct core *core)
{
    struct core_audit *a = MEM_NEW(struct core_audit);

    if (!a)
        return RC_NOMEM;
    a->core = core;
    a->conf = conf_ref(core->conf);
    core->audit = a;
    ev_timer_init(&a->timer, core->ev, tick, a);
    ev_timer_start(&a->timer, core->conf->audit.interval, 0);
    return RC_OK;
}

void core_audit_stop(struct core *core)
{
    if (!core->audit)
        return;
    core->audit->closing = true;
    ev_timer_stop(&core->audit->timer);
}

void core_audit_free(struct core *core)
{
    if (!core->audit)
        return;
    ipc_req_drop(MOVE(core->audit->req));
    ipc_req_drop(MOVE(core->audit->next));
    conf_unref(core->audit->conf);
    mem_free(core->audit);
    core->audit = NULL;
}
