/* SPDX-License-Identifier: Apache-2.0 */
/* Persons decide on what others have asked for (control.people), and see what that is. Each has one
 * word in a decision, nobody one in their own. */
#include "api/page.h"
#include "approval/due.h"
#include "base/name.h"
#include "base/text.h"
#include "core/change.h"
#include "core/operators.h"
#include "ev/clock.h"
#include "log/log.h"

MSG(msg_no_such, "core.approval-unknown",
    "there is no approval \"{0}\"; `autarky approval list` shows what there is");
MSG(msg_own, "core.approval-own",
    "approval {0} was asked for by the very person who signed in here; it takes another one, who "
    "signs in by themselves (sudo and su do not make another person)");
MSG(msg_not_people, "core.approval-people",
    "user {0} is not among control.people, who decide on approvals");
MSG(msg_decided, "core.approval-decided",
    "approval {0} is not open any more: decided, used, or too old");
MSG(msg_voted, "core.approval-voted",
    "this person has granted approval {0} already; it takes {1} different ones");
MSG(msg_scope, "core.approval-scope",
    "\"{0}\" is of an operator, and granted for once: --renewals and --for are for certificates, "
    "--renewals for those of ACME accounts alone");
MSG(msg_form, "core.approval-value",
    "\"{0}\" is not what \"{1}\" can be: a time from now on, up to 10 years, as in 90d");
MSG(msg_why, "core.approval-reason",
    "say why with --reason: it is what whoever asks for the certificate is told");
MSG(msg_wanted, "core.approval-reason-wanted",
    "say why with --reason: policy rule \"{0}\" wants a reason or ticket for each certificate");
MSG(msg_denied, "acme.approval-denied", "approval {0} was denied by a person of this CA: {1}");

enum { LIST_ARENA = 4 * 1024 * 1024, NAME_ARENA = 64 * 1024 };
#define FOR_MAX (3653 * WHEN_DAY)

static bool is_certificate(const struct store_approval *row)
{
    return str_eq(row->action, STR("certificate"));
}

/* ---- what is shown */

/* A user of this host by number, another one by name. */
static void put_person(const struct core *core, struct json_out *o, const char *name,
                       int64_t person)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(NAME_ARENA);
    struct str text;

    if (person < 0)
        json_kv_null(o, name);
    else if (person < CORE_PERSONS || core_person_name(core, person, &a, &text) != RC_OK)
        json_kv_i64(o, name, person);
    else
        json_kv_str(o, name, text);
}

static void put_row(const struct core *core, const struct store_approval *row, when_t now,
                    struct json_out *o)
{
    json_kv_id(o, "id", &row->id);
    json_kv_str(o, "action", row->action);
    json_kv_str(o, "what", row->what);
    json_kv_z(o, "state",
              row->expires <= now && row->state < STORE_APPROVAL_DENIED
                  ? "expired"
                  : store_approval_state_text(row->state));
    put_person(core, o, "asked_by", row->asked_by);
    json_kv_when(o, "asked", row->asked);
    json_kv_when(o, "expires", row->expires);
    put_person(core, o, "decided_by", row->decided_by);
    json_kv_u64(o, "approvers", row->approvers);
    json_kv_u64(o, "granted", row->granted);
}

static enum rc read_approvals(const void *arg, struct arena *a, struct store_cursor *at,
                              unsigned limit, const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_approval *list;

    TRY(store_approval_list(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *arg, const void *row, struct json_out *o)
{
    const struct core *core = arg;

    json_obj(o);
    put_row(core, row, clock_now(ev_clock(core->ev)), o);
    json_end(o);
    return RC_OK;
}

enum rc core_approval_list(struct core *core, const struct json *args, struct json_out *o,
                           struct err *err)
{
    static const struct api_rows rows = {.name = "approvals",
                                         .size = sizeof(struct store_approval),
                                         .at = offsetof(struct store_approval, asked),
                                         .id = offsetof(struct store_approval, id),
                                         .order = API_BY_TIME,
                                         .read = read_approvals,
                                         .put = put_listed};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}

/* Each beside how people read it, for what looks alike is not the same. */
static enum rc put_names(struct str names, struct json_out *o)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct json_iter it;
    const struct json *v;

    TRY(json_parse(names, STORE_BLOB_MAX, &doc, NULL));
    json_key(o, "names");
    json_arr(o);
    it = json_iter(json_root(doc));
    while (json_next(&it, NULL, &v)) {
        char unicode[NAME_UNICODE_MAX];
        struct str name = STR("");

        IGNORE_RC(json_str(v, &name)); /* the row has texts */
        json_obj(o);
        json_kv_str(o, "name", name);
        if (name_unicode(name, unicode) == RC_OK)
            json_kv_z(o, "unicode", unicode);
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

static enum rc put_certificate(const struct store_approval *row, struct json_out *o)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(2 * STORE_APPROVAL_CSR_MAX);
    char from[ADDR_TEXT];

    if (row->account.z[0])
        json_kv_id(o, "account", &row->account);
    if (row->order.z[0])
        json_kv_id(o, "order", &row->order);
    if (row->client.n)
        json_kv_z(o, "client", addr_text(&row->client, from));
    json_kv_str(o, "profile", row->profile);
    json_kv_str(o, "key", row->key);
    json_kv_str(o, "rules", row->rules);
    TRY(put_names(row->names, o));
    if (row->evidence.n) {
        json_key(o, "evidence");
        json_put_raw(o, row->evidence);
    }
    if (row->csr.n == 0)
        return RC_OK;
    text_pem(&pem, STR("CERTIFICATE REQUEST"), row->csr);
    TRY(buf_rc(&pem));
    json_kv_str(o, "csr", buf_str(&pem));
    return RC_OK;
}

static enum rc put_votes(struct core *core, struct arena *a, const struct id *id,
                         struct json_out *o)
{
    struct store_approval_vote votes[STORE_APPROVAL_VOTES];
    size_t n;

    TRY(store_approval_votes(store_read(core->store), a, id, votes, &n));
    json_key(o, "votes");
    json_arr(o);
    while (n-- > 0) {
        json_obj(o);
        put_person(core, o, "by", votes[n].by);
        json_kv_when(o, "at", votes[n].at);
        json_kv_bool(o, "grant", votes[n].grant);
        if (votes[n].grant)
            json_kv_z(o, "scope", store_approval_scope_text(votes[n].scope));
        if (votes[n].until)
            json_kv_when(o, "until", votes[n].until);
        json_kv_str(o, "reason", votes[n].reason);
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

static enum rc find(struct core *core, struct arena *a, const struct json *args,
                    struct store_approval *out, struct err *err)
{
    struct str text = STR("");
    struct id id;
    enum rc rc = RC_NOTFOUND;

    IGNORE_RC(json_str(json_get(args, "id"), &text)); /* missing: unknown */
    if (id_parse(text, &id) == RC_OK)
        rc = store_approval_get(store_read(core->store), a, &id, out);
    return rc == RC_NOTFOUND ? ERR(err, rc, msg_no_such, str_head(text, CORE_CHANGE_SHOWN)) : rc;
}

enum rc core_approval_show(struct core *core, const struct json *args, struct json_out *o,
                           struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_approval row;

    TRY(find(core, &a, args, &row, err));
    json_obj(o);
    put_row(core, &row, clock_now(ev_clock(core->ev)), o);
    json_kv_str(o, "reason", row.reason);
    json_kv_z(o, "scope", store_approval_scope_text(row.scope));
    json_kv_u64(o, "used", row.used);
    TRY(put_votes(core, &a, &row.id, o));
    if (is_certificate(&row))
        TRY(put_certificate(&row, o));
    if (!is_certificate(&row) && row.evidence.n) {
        json_key(o, "changes");
        json_put_raw(o, row.evidence);
    }
    json_end(o);
    return RC_OK;
}

/* ---- decisions */

/* Neither the user who decides nor who signed in to be that user may be who asked. */
static bool is_same_person(int64_t asked_by, struct core_who who)
{
    return (who.way == CORE_BY_SOCKET && asked_by == who.uid) || asked_by == core_who_person(&who);
}

static struct audit_event by_person(const struct core_change *c)
{
    return (struct audit_event){
        .at = c->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = c->asker,
        .reason = c->why,
    };
}

/* As it is now, whatever was read before. */
static enum rc open_row(struct store_txn *txn, struct core_change *c)
{
    TRY(store_approval_get(txn, c->a, &c->decided.id, &c->decided));
    if (c->decided.state != STORE_APPROVAL_PENDING || c->decided.expires <= c->now)
        return ERR(&c->err, RC_CONFLICT, msg_decided, id_str(&c->decided.id));
    return RC_OK;
}

/* All who had to have granted it: what the narrowest of them did counts. */
static enum rc grant(struct store_txn *txn, struct core_change *c)
{
    when_t wait = c->core->conf->control.approval_wait;
    struct store_approval *row = &c->decided;
    struct store_approval_vote votes[STORE_APPROVAL_VOTES];
    size_t n;

    TRY(store_approval_move(txn, &row->id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                            c->vote.by, c->now));
    row->state = STORE_APPROVAL_GRANTED;
    row->decided_by = c->vote.by;
    if (!is_certificate(row))
        return RC_OK;
    TRY(store_approval_votes(txn, c->a, &row->id, votes, &n));
    row->scope = c->vote.scope;
    row->expires = c->vote.until;
    for (size_t i = 0; i < n; i++) {
        if (!votes[i].grant)
            continue;
        if (votes[i].scope < row->scope)
            row->scope = votes[i].scope;
        if (votes[i].until && (!row->expires || votes[i].until < row->expires))
            row->expires = votes[i].until;
    }
    if (!row->expires)
        row->expires = row->scope == STORE_APPROVAL_ONCE ? c->now + wait : WHEN_MAX;
    TRY(store_approval_limit(txn, &row->id, row->scope, row->expires));
    return store_approval_later(txn, &row->id, c->now);
}

static enum rc write_grant(struct store_txn *txn, struct core_change *c)
{
    struct store_approval *row = &c->decided;
    struct audit_event by = by_person(c);
    uint64_t granted;
    enum rc rc;

    TRY(open_row(txn, c));
    rc = store_approval_vote(txn, &row->id, &c->vote, &granted);
    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_voted, id_str(&row->id),
                   arena_printf(c->a, "%u", row->approvers));
    TRY(rc);
    row->granted = (unsigned)granted;
    if (granted < row->approvers)
        return approval_audit(txn, row, &by, "approval.voted");
    TRY(grant(txn, c));
    return approval_audit(txn, row, &by, "approval.granted");
}

static enum rc write_denial(struct store_txn *txn, struct core_change *c)
{
    struct store_approval *row = &c->decided;
    struct audit_event by = by_person(c);
    struct err why = ERR_INIT;
    uint64_t granted;
    enum rc rc;

    TRY(open_row(txn, c));
    rc = store_approval_vote(txn, &row->id, &c->vote, &granted);
    if (rc != RC_EXISTS)
        TRY(rc);
    TRY(store_approval_move(txn, &row->id, STORE_APPROVAL_PENDING, STORE_APPROVAL_DENIED,
                            c->vote.by, c->now));
    row->state = STORE_APPROVAL_DENIED;
    row->decided_by = c->vote.by;
    IGNORE_RC(PROBLEM(&why, RC_DENIED, "unauthorized", msg_denied, id_str(&row->id), c->why));
    TRY(approval_end_order(txn, c->a, row, &why, &by));
    TRY(store_approval_later(txn, &row->id, 0));
    return approval_audit(txn, row, &by, "approval.denied");
}

static void put_decided(struct core_change *c, struct json_out *o)
{
    if (!c->dry) {
        log_info("core.approval-decided", LOG_STR("approval", id_str(&c->decided.id)),
                 LOG_STR("what", c->decided.what), LOG_BOOL("granted", c->vote.grant),
                 LOG_Z("state", store_approval_state_text(c->decided.state)),
                 LOG_INT("by", c->vote.by));
        acme_approvals_look(c->core->acme);
    }
    put_row(c->core, &c->decided, c->now, o);
}

static enum rc read_decision(struct core_change *c)
{
    if (c->who.way == CORE_BY_SOCKET && !core_is_person(c->core, c->who.uid))
        return ERR(&c->err, RC_DENIED, msg_not_people,
                   arena_printf(c->a, "%u", (unsigned)c->who.uid));
    TRY(find(c->core, c->a, c->args, &c->decided, &c->err));
    c->vote = (struct store_approval_vote){
        .by = core_who_person(&c->who), .at = c->now, .reason = c->why};
    c->put = put_decided;
    return RC_OK;
}

/* How far: "for", "renewals", or once. */
static enum rc read_scope(struct core_change *c)
{
    const struct json *renewals = json_get(c->args, "renewals");
    bool again = false, account = c->decided.account.z[0] != '\0';
    struct str text;
    when_t span = 0;

    TRY(core_change_text(c, "for", CORE_CHANGE_SHOWN, &text));
    if (renewals && json_bool(renewals, &again) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("renewals"), STR("renewals"));
    if ((text.n || again) && (!is_certificate(&c->decided) || (again && !account)))
        return ERR(&c->err, RC_INVAL, msg_scope, c->decided.action);
    if (text.n && (when_parse_span(text, &span) != RC_OK || span <= 0 || span > FOR_MAX))
        return ERR(&c->err, RC_INVAL, msg_form, text, STR("for"));
    c->vote.until = span ? c->now + span : 0;
    c->vote.scope = again  ? STORE_APPROVAL_RENEWALS
                    : span ? STORE_APPROVAL_PERIOD
                           : STORE_APPROVAL_ONCE;
    return RC_OK;
}

/* Of the rules that allow it, as they are now, the first that wants a reason; NULL: none does. */
static const struct conf_rule *wants_reason(const struct core_change *c)
{
    const struct conf *conf = c->core->conf;
    struct str rest = c->decided.rules, name;

    while (rest.n) {
        str_cut(rest, ',', &name, &rest);
        name = str_trim(name);
        for (size_t i = 0; i < conf->n_policy; i++)
            if (conf->policy[i].reason && str_eq(conf->policy[i].name, name))
                return &conf->policy[i];
    }
    return NULL;
}

static enum rc read_grant(struct core_change *c)
{
    TRY(read_decision(c));
    if (is_same_person(c->decided.asked_by, c->who))
        return ERR(&c->err, RC_DENIED, msg_own, id_str(&c->decided.id));
    TRY(read_scope(c));
    if (is_certificate(&c->decided) && c->decided.account.z[0] && c->why.n == 0 && wants_reason(c))
        return ERR(&c->err, RC_INVAL, msg_wanted, wants_reason(c)->name);
    c->vote.grant = true;
    c->write = write_grant;
    return RC_OK;
}

static enum rc read_denial(struct core_change *c)
{
    TRY(read_decision(c));
    if (c->why.n == 0 && is_certificate(&c->decided))
        return ERR(&c->err, RC_INVAL, msg_why);
    c->write = write_denial;
    return RC_OK;
}

void core_approval_grant(struct core *core, struct ipc_req *req, const struct json *args,
                         struct core_who who)
{
    core_change_run(core, req, args, who, read_grant);
}

void core_approval_deny(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who)
{
    core_change_run(core, req, args, who, read_denial);
}
