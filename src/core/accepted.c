/* SPDX-License-Identifier: Apache-2.0 */
#include "core/accepted.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/file.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/policy.h"
#include "core/core_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "json/json.h"
#include "log/log.h"
#include "store/meta.h"

MSG(msg_other, "core.policy-not-accepted",
    "the policy of the configuration is not the one that was accepted {0} by {1}, which takes a "
    "second person, and {2} in the data directory, which says what it was, is gone or another "
    "one. Put that file back; or, as root, `autarky policy accept --reason TEXT` accepts what the "
    "files say now, without a second person, and the audit log will have it");
MSG(msg_register, "core.policy-register", "the accepted policy in the register cannot be read");

enum {
    ROOM = 16 << 20,
    ROW_MAX = STORE_BLOB_MAX,
    VALUE_SHOWN = 1024,
    CHANGES_ROOM = AUDIT_DETAIL_MAX - 16 * VALUE_SHOWN,
    LINES_MAX = 200'000,
};

struct accepted {
    struct str sha256, program, by, reason;
    struct str next, approval; /* hash of what was granted and is about to come; by which one */
    struct str policy;         /* empty: too long, or none */
    bool two_persons;
    when_t at;
};

struct change {
    struct core *core;
    struct arena arena;
    struct buf text; /* of the policy in core->conf */
    struct accepted was, now;
    bool known;     /* there is one before */
    bool by_person; /* by a person */
    bool alone;     /* though it takes a second one */
};

static void change_done(struct change *c)
{
    buf_done(&c->text);
    arena_done(&c->arena);
}

static enum rc hash_of(struct str text, struct arena *a, struct str *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * sizeof(digest));

    TRY(crypto_sha256(text, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&hex));
    return arena_str(a, buf_str(&hex), out);
}

/* ---- the row */

static struct str member(const struct json *row, const char *name)
{
    struct str s;

    return json_str(json_get(row, name), &s) == RC_OK ? s : STR("");
}

static enum rc read_row(struct str text, struct arena *a, struct accepted *out)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct accepted row = {};
    const struct json *root;
    struct {
        const char *name;
        struct str *to;
    } texts[] = {{"sha256", &row.sha256}, {"program", &row.program}, {"by", &row.by},
                 {"reason", &row.reason}, {"next", &row.next},       {"approval", &row.approval},
                 {"policy", &row.policy}};

    TRY(json_parse(text, ROW_MAX, &doc, NULL));
    root = json_root(doc);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        TRY(arena_str(a, member(root, texts[i].name), texts[i].to));
    TRY(json_bool(json_get(root, "two_persons"), &row.two_persons));
    TRY(when_parse(member(root, "accepted"), &row.at));
    *out = row;
    return RC_OK;
}

/* RC_NOTFOUND: none was accepted yet. */
static enum rc read_accepted(struct store_txn *txn, struct arena *a, struct accepted *out)
{
    struct str text;

    TRY(store_meta_get(txn, a, STORE_META_POLICY, &text));
    return read_row(text, a, out);
}

static enum rc put_row(const struct accepted *r, bool with_text, struct buf *out)
{
    struct json_out o;

    buf_reset(out);
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "sha256", r->sha256);
    json_kv_bool(&o, "two_persons", r->two_persons);
    json_kv_when(&o, "accepted", r->at);
    json_kv_str(&o, "by", r->by);
    json_kv_str(&o, "reason", r->reason);
    json_kv_str(&o, "program", r->program);
    json_kv_str(&o, "next", r->next);
    json_kv_str(&o, "approval", r->approval);
    if (with_text)
        json_kv_str(&o, "policy", r->policy);
    json_end(&o);
    return json_out_done(&o);
}

/* Without the text where that is too long: the hash decides, the text only shows what changed. */
static enum rc write_accepted(struct store_txn *txn, const struct accepted *r)
{
    CLEANUP(buf_done) struct buf row = BUF_INIT(ROW_MAX);
    enum rc rc = r->policy.n < ROW_MAX ? put_row(r, true, &row) : RC_TOOBIG;

    if (rc == RC_TOOBIG) {
        buf_done(&row);
        buf_init(&row, ROW_MAX);
        rc = put_row(r, false, &row);
    }
    TRY(rc);
    return store_meta_set(txn, STORE_META_POLICY, buf_str(&row));
}

/* ---- what is another one */

struct line {
    struct str key, value;
};

static bool next_line(struct str *rest, struct line *out)
{
    struct str line;
    size_t at;

    if (!str_next(rest, '\n', &line))
        return false;
    for (at = 0; at + 1 < line.n && !(line.p[at] == ':' && line.p[at + 1] == ' '); at++)
        ;
    *out = (struct line){str_head(line, at), str_skip(line, at + 2)};
    return true;
}

static void put_change(struct json_out *o, struct str key, struct str was, struct str now)
{
    json_obj(o);
    json_kv_str(o, "key", key);
    json_kv_str(o, "now", str_utf8_head(now, VALUE_SHOWN));
    json_kv_str(o, "was", str_utf8_head(was, VALUE_SHOWN));
    json_end(o);
}

/* Lines of `a` that `b` has not, or has with another value; how many had no room. */
static enum rc put_lines(struct str a, struct str b, bool gone, struct json_out *o,
                         const struct buf *out, uint64_t *more)
{
    CLEANUP(map_done) struct map other = {};
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ROOM);
    struct line line;

    map_init(&other, LINES_MAX);
    while (next_line(&b, &line)) {
        struct line *kept = ARENA_NEW(&arena, struct line);

        if (!kept)
            return RC_NOMEM;
        *kept = line;
        TRY(map_add(&other, line.key, kept));
    }
    while (next_line(&a, &line)) {
        const struct line *old = map_get(&other, line.key);

        if (old && (gone || str_eq(old->value, line.value)))
            continue;
        if (out->n >= CHANGES_ROOM)
            ++*more;
        else if (gone)
            put_change(o, line.key, line.value, STR(""));
        else
            put_change(o, line.key, old ? old->value : STR(""), line.value);
    }
    return RC_OK;
}

static enum rc put_detail(const struct change *c, struct buf *out)
{
    struct json_out o;
    uint64_t more = 0;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (c->now.approval.n)
        json_kv_str(&o, "approval", c->now.approval);
    json_key(&o, "changes");
    json_arr(&o);
    if (c->known && c->was.policy.n + c->now.policy.n) {
        TRY(put_lines(c->now.policy, c->was.policy, false, &o, out, &more));
        TRY(put_lines(c->was.policy, c->now.policy, true, &o, out, &more));
    }
    json_end(&o);
    json_kv_u64(&o, "more", more);
    if (c->alone)
        json_kv_bool(&o, "second_person", false);
    json_end(&o);
    return json_out_done(&o);
}

/* ---- accepting */

static enum rc write_change(struct store_txn *txn, void *arg)
{
    const struct change *c = arg;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct audit_event event = {
        .at = c->now.at,
        .actor_kind = c->by_person ? AUDIT_OPERATOR : AUDIT_SYSTEM,
        .actor = c->by_person ? c->now.by : STR(""),
        .action = "policy.accepted",
        .object_kind = "policy",
        .object = c->now.sha256,
        .reason = c->now.reason,
    };
    struct accepted row = c->now;

    row.approval = STR("");
    TRY(write_accepted(txn, &row));
    if (c->known && str_eq(c->was.sha256, c->now.sha256))
        return RC_OK; /* another program, the same policy */
    TRY(put_detail(c, &detail));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

static enum rc accept(struct change *c)
{
    TRY(store_write_now(c->core->store, write_change, c));
    if (c->known && str_eq(c->was.sha256, c->now.sha256))
        return RC_OK;
    log_info("core.policy-accepted", LOG_STR("sha256", c->now.sha256), LOG_STR("by", c->now.by),
             LOG_STR("reason", c->now.reason));
    if (c->alone)
        log_warn("core.policy-alone", LOG_STR("by", c->now.by), LOG_STR("reason", c->now.reason),
                 LOG_TEXT("a policy was accepted without the second person that it takes"));
    return RC_OK;
}

/* What is in core->conf, and what was accepted. */
static enum rc look(struct core *core, struct change *c, struct err *err)
{
    enum rc rc;

    *c = (struct change){.core = core, .now.program = STR(AUTARKY_VERSION)};
    arena_init(&c->arena, ROOM);
    buf_init(&c->text, CONF_POLICY_MAX);
    c->now.two_persons = core->conf->control.two_persons & 1u << CONF_TWO_POLICY;
    c->now.at = clock_now(ev_clock(core->ev));
    TRY(conf_policy_text(core->conf, &c->text));
    c->now.policy = buf_str(&c->text);
    TRY(hash_of(c->now.policy, &c->arena, &c->now.sha256));
    rc = read_accepted(store_read(core->store), &c->arena, &c->was);
    if (rc == RC_PARSE || rc == RC_INVAL)
        return ERR(err, RC_CORRUPT, msg_register);
    if (rc != RC_NOTFOUND)
        TRY(rc);
    c->known = rc == RC_OK;
    return RC_OK;
}

/* ---- at a start */

void core_accepted_read_override(struct core *core, int data)
{
    core->policy_kept = faccessat(data, CONF_POLICY_ACCEPTED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    buf_init(&core->policy_override, CONF_POLICY_MAX);
    if (file_read(data, CONF_POLICY_OVERRIDE, &core->policy_override, NULL) != RC_OK)
        buf_reset(&core->policy_override); /* there is none, or none that counts */
}

/* Once: what was accepted later is not to be taken back with it. */
static bool overridden(struct change *c)
{
    struct conf_policy_override o;

    if (conf_policy_override_parse(buf_str(&c->core->policy_override), &o) != RC_OK ||
        !str_eq(o.policy, c->now.policy) || o.at <= c->was.at)
        return false;
    c->by_person = c->alone = true;
    c->now.by = o.by;
    c->now.reason = o.reason;
    return true;
}

static bool may(struct change *c)
{
    c->now.by = STR("autarky");
    if (!c->known) {
        c->now.reason = STR("the first start");
    } else if (str_eq(c->was.sha256, c->now.sha256)) {
        c->now.by = c->was.by;
        c->now.reason = c->was.reason;
        c->now.at = c->was.at;
    } else if (str_eq(c->was.next, c->now.sha256)) {
        c->now.reason = STR("a second person has granted it");
        c->now.approval = c->was.approval;
    } else if (!c->was.two_persons) {
        c->now.reason = STR("a start with it, which takes no second person");
    } else if (!overridden(c)) {
        c->now.reason = STR("a start of another version of the program");
        c->alone = true; /* nobody was asked: the supervisor has found the same in the files */
        return c->core->policy_kept && !str_eq(c->was.program, c->now.program);
    }
    return true;
}

enum rc core_accepted_start(struct core *core, struct err *err)
{
    CLEANUP(change_done) struct change c = {};
    char at[WHEN_TEXT];

    TRY(look(core, &c, err));
    if (!may(&c))
        return ERR(err, RC_DENIED, msg_other, str_of(when_text(c.was.at, at)), c.was.by,
                   STR(CONF_POLICY_ACCEPTED));
    if (c.known && str_eq(c.was.sha256, c.now.sha256) && !c.was.next.n &&
        str_eq(c.was.program, c.now.program))
        return RC_OK;
    return accept(&c);
}

/* ---- at a reload */

static enum rc write_next(struct store_txn *txn, void *arg)
{
    return write_accepted(txn, arg);
}

enum rc core_accepted_announce(struct core *core, const struct conf *next,
                               const struct id *approval)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ROOM);
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_POLICY_MAX);
    struct accepted row;
    enum rc rc = read_accepted(store_read(core->store), &a, &row);

    if (rc == RC_NOTFOUND)
        return RC_OK; /* so whatever comes first is accepted */
    TRY(rc);
    TRY(conf_policy_text(next, &text));
    TRY(hash_of(buf_str(&text), &a, &row.next));
    row.approval = id_str(approval);
    return store_write_now(core->store, write_next, &row);
}

static enum rc call_off(struct core *core)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ROOM);
    struct accepted row;
    enum rc rc = read_accepted(store_read(core->store), &a, &row);

    if (rc == RC_NOTFOUND || (rc == RC_OK && row.next.n == 0))
        return RC_OK;
    TRY(rc);
    row.next = row.approval = STR("");
    return store_write_now(core->store, write_next, &row);
}

void core_accepted_called_off(struct core *core)
{
    enum rc rc = call_off(core);

    if (rc != RC_OK)
        log_error("core.policy-not-called-off", LOG_RC(rc));
}

static enum rc accept_reloaded(struct core *core, struct err *err)
{
    CLEANUP(change_done) struct change c = {};
    const struct core_policy_change *p = &core->policy_change;

    TRY(look(core, &c, err));
    if (c.known && str_eq(c.was.sha256, c.now.sha256))
        return RC_OK;
    c.now.by = STR("autarky");
    c.now.reason = STR("a reload by a signal");
    if (p->by) {
        c.by_person = true;
        TRY(core_who_str(*p->by, &c.arena, &c.now.by));
        c.now.reason = p->reason;
    }
    if (p->granted)
        c.now.approval = id_str(&p->approval.row.id);
    return accept(&c);
}

void core_accepted_reloaded(struct core *core)
{
    struct err err = ERR_INIT;

    err.rc = accept_reloaded(core, &err);
    if (err.rc != RC_OK)
        log_error("core.policy-not-registered", LOG_ERR(&err));
}
