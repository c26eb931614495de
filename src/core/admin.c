/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked, in one table; who may ask it, in the table of operators/roles.c. */
#include "api/agents.h"
#include "api/alerts.h"
#include "api/inventory.h"
#include "core/accounts.h"
#include "core/agents.h"
#include "core/alerts.h"
#include "core/backup.h"
#include "core/core_int.h"
#include "core/inventory.h"
#include "core/locks.h"
#include "core/operators.h"
#include "core/txt.h"
#include "ev/clock.h"
#include "log/log.h"
#include "shelf/shelf.h"

enum {
    ANSWER_MAX = 4 * 1024 * 1024,
    ARGS_MAX = 512 * 1024,
    SUPERVISOR_SECONDS = 30,
    ROLES_MAX = 64,
};

MSG(msg_unknown, "core.admin-unknown",
    "the server does not know the command \"{0}\"; it may be older than this `autarky`: compare "
    "`autarky version`");
MSG(msg_args, "core.admin-args", "the arguments of \"{0}\" are no JSON object: {1}");
MSG(msg_roles, "core.admin-roles",
    "\"{0}\" is not for this user: it takes one of the roles {1}; `autarky user list` and "
    "control.operators say who has which");
MSG(msg_person, "core.admin-person",
    "\"{0}\" has to be done by a person, who signs in or uses the control socket; no token may");
MSG(msg_reason, "core.admin-reason",
    "say why, with --{0}: `control.reasons` wants it of every command that changes something");

/* One question, for as long as its ipc_req lives. */
struct question {
    struct core *core;
    struct ipc_req *req;
    const struct ipc_status *processes;
    struct json_doc *args;
    struct core_who who;
    const struct command *command;
};

typedef enum rc (*answer_fn)(struct question *q, struct json_out *o, struct err *err);

struct command {
    const char *name;
    answer_fn answer; /* from what core has; NULL: `run` asks others, and ends the question */
    bool processes;   /* the supervisor is asked for the processes first */
    void (*run)(struct question *q);
    bool record;     /* it does something that no other event tells of */
    const char *why; /* it changes something: the member that says why, see control.reasons */
    /* A change by somebody, which ends the request. */
    void (*change)(struct core *core, struct ipc_req *req, const struct json *args,
                   struct core_who who);
    api_look_fn look; /* instead of `answer`, as the next */
    /* As core->conf and the register have it. */
    enum rc (*ask)(struct core *core, const struct json *args, struct json_out *o, struct err *err);
    bool changes; /* something, although nobody says why */
    bool once;    /* its answer tells a secret, once */
};

static struct api_view view(const struct question *q)
{
    return core_view(q->core, q->processes);
}

static enum rc answer_status(struct question *q, struct json_out *o, struct err *err)
{
    struct api_view v = view(q);

    (void)err;
    return api_status(&v, o);
}

static enum rc answer_doctor(struct question *q, struct json_out *o, struct err *err)
{
    struct api_view v = view(q);

    (void)err;
    return api_doctor(&v, o);
}

static enum rc answer_ask(struct question *q, struct json_out *o, struct err *err)
{
    return q->command->ask(q->core, json_root(q->args), o, err);
}

static enum rc answer_look(struct question *q, struct json_out *o, struct err *err)
{
    struct api_view v = view(q);

    return q->command->look(&v, json_root(q->args), o, err);
}

static void refuse(struct question *q, enum rc rc, struct err *err)
{
    json_free(q->args);
    err->rc = rc;
    core_admin_refuse(q->req, err);
}

static void answer(struct question *q, answer_fn fn)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_out o;
    enum rc rc;

    json_out_init(&o, &text, JSON_COMPACT);
    rc = fn(q, &o, &err);
    if (rc != RC_OK) {
        refuse(q, rc, &err);
        return;
    }
    json_free(q->args);
    core_admin_reply(q->req, &o, &text);
}

/* ---- what the supervisor knows */

struct with_processes {
    struct question q;
    answer_fn fn;
};

static void got_processes(void *arg, const struct ipc_answer *a)
{
    struct with_processes *w = arg;

    w->q.processes = a->rc == RC_OK ? a->msg : NULL;
    answer(&w->q, w->fn);
}

static void ask_processes(struct question *q, answer_fn fn)
{
    struct with_processes *w = ARENA_NEW(ipc_req_arena(q->req), struct with_processes);
    struct ipc_ask ask = {
        .type = IPC_STATUS,
        .timeout = SUPERVISOR_SECONDS * WHEN_SECOND,
        .fn = got_processes,
        .arg = w,
    };

    if (w) {
        *w = (struct with_processes){*q, fn};
        if (q->core->supervisor && ipc_call(q->core->supervisor, &ask, NULL) == RC_OK)
            return;
    }
    answer(q, fn);
}

/* ---- sites */

static void site_list(struct question *q)
{
    core_site_list(q->core, q->req, q->args);
}

static void site_renew(struct question *q)
{
    core_site_renew(q->core, q->req, json_root(q->args));
    json_free(q->args);
}

/* ---- certificates */

static void cert_sign(struct question *q)
{
    core_cert_sign(q->core, q->req, json_root(q->args), q->who);
    json_free(q->args);
}

static void cert_revoke(struct question *q)
{
    core_cert_revoke(q->core, q->req, json_root(q->args), q->who);
    json_free(q->args);
}

/* ---- authorities */

static void issuer_change(struct question *q)
{
    core_issuer_change(q->core, q->req, q->who, json_root(q->args));
    json_free(q->args);
}

static void signer_restart(struct question *q)
{
    json_free(q->args);
    core_signer_restart(q->core, q->req);
}

/* ---- ACME clients */

static void inventory_deliver(struct question *q)
{
    core_inventory_deliver(q->core, q->req, q->args);
}

static void probe_look(struct question *q)
{
    core_probe_look(q->core, q->req, json_root(q->args));
    json_free(q->args);
}

static void audit_head(struct question *q)
{
    json_free(q->args);
    core_audit_head(q->core, q->req);
}

static void drill_runner(struct question *q)
{
    json_free(q->args);
    core_drill_runner(q->core, q->req);
}

/* ---- conversations */

static const struct command commands[] = {
    {"status", answer_status, true, NULL},
    {"doctor", answer_doctor, true, NULL},
    {"cert list", .look = api_cert_list},
    {"cert show", .look = api_cert_show},
    {"cert numbers", .look = api_cert_numbers},
    {"cert sign", NULL, false, cert_sign, .why = "reason"},
    {"cert revoke", NULL, false, cert_revoke, .why = "why"},
    {"cert escrow", .once = true, .why = "reason", .change = core_cert_escrow},
    {"ui link", .ask = core_ui_link, .record = true, .once = true, .why = "reason"},
    {"reload", .change = core_reload, .record = true, .why = "reason"},
    {"upgrade", .change = core_upgrade, .record = true, .why = "reason"},
    {"site list", NULL, false, site_list},
    {"site renew", NULL, false, site_renew, .record = true, .why = "reason"},
    {"issuer list", .look = api_issuer_list},
    {"issuer change", NULL, false, issuer_change, .why = "reason"},
    {"signer restart", NULL, false, signer_restart, .record = true, .why = "reason"},
    {"approval list", .ask = core_approval_list},
    {"approval show", .ask = core_approval_show},
    {"approval grant", .why = "reason", .change = core_approval_grant},
    {"approval deny", .why = "reason", .change = core_approval_deny},
    {"eab create", .once = true, .why = "reason", .change = core_eab_create},
    {"eab list", .ask = core_eab_list},
    {"eab revoke", .why = "reason", .change = core_eab_revoke},
    {"account list", .ask = core_account_list},
    {"account show", .ask = core_account_show},
    {"account deactivate", .why = "reason", .change = core_account_deactivate},
    {"renewal pull", .why = "reason", .change = core_renewal_pull},
    {"renewal list", .ask = core_renewal_list},
    {"txt list", .look = api_txt_list},
    {"txt remove", .why = "reason", .change = core_txt_remove},
    {"inventory list", .look = api_inventory_list},
    {"inventory show", .look = api_inventory_show},
    {"inventory history", .look = api_inventory_history},
    {"inventory orphans", .look = api_inventory_orphans},
    {"inventory deliver", NULL, false, inventory_deliver, .changes = true},
    {"inventory owner", .why = "reason", .change = core_inventory_owner},
    {"agent list", .look = api_agent_list},
    {"agent show", .look = api_agent_show},
    {"agent tokens", .look = api_agent_tokens},
    {"agent token", .once = true, .why = "reason", .change = core_agent_token},
    {"agent remove", .why = "reason", .change = core_agent_remove},
    {"agent renew", .why = "reason", .change = core_agent_renew},
    {"alert list", .look = api_alert_list},
    {"alert show", .look = api_alert_show},
    {"alert deliveries", .look = api_alert_deliveries},
    {"alert silences", .look = api_alert_silences},
    {"alert ack", .why = "reason", .change = core_alert_ack},
    {"alert silence", .why = "reason", .change = core_alert_silence},
    {"alert unsilence", .why = "reason", .change = core_alert_unsilence},
    {"alert test", .record = true, .why = "reason", .change = core_alert_test},
    {"report list", .look = shelf_list},
    {"report file", .change = core_report_file},
    {"report mail", .why = "reason", .change = core_report_mail},
    {"issuance freeze", .why = "reason", .change = core_issuance_freeze},
    {"issuance thaw", .why = "reason", .change = core_issuance_thaw},
    {"issuance status", .ask = core_issuance_status},
    {"probe", NULL, false, probe_look},
    {"drill runner", NULL, false, drill_runner, .record = true, .why = "reason"},
    {"audit head", NULL, false, audit_head},
    {"backup begin", .why = "reason", .change = core_backup_begin},
    {"backup created", .change = core_backup_created},
    {"audit list", .look = api_audit_list},
    {"policy explain", .look = api_policy_explain},
    {"config show", .look = api_config_show},
    {"user add", .once = true, .why = "reason", .change = core_user_add},
    {"user-certificate add", .why = "reason", .change = core_user_certificate_add},
    {"user-certificate list", .ask = core_user_certificate_list},
    {"user-certificate remove", .why = "reason", .change = core_user_certificate_remove},
    {"user list", .ask = core_user_list},
    {"user password", .why = "reason", .change = core_user_password},
    {"user remove", .why = "reason", .change = core_user_remove},
    {"user role", .why = "reason", .change = core_user_role},
    {"user totp", .once = true, .why = "reason", .change = core_user_totp},
    {"token create", .once = true, .why = "reason", .change = core_token_create},
    {"token list", .ask = core_token_list},
    {"token revoke", .why = "reason", .change = core_token_revoke},
    {"session list", .ask = core_session_list},
    {"session end", .why = "reason", .change = core_session_end},
};

static const struct command *find(struct str name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (str_eq(name, str_of(commands[i].name)))
            return &commands[i];
    return NULL;
}

bool core_is_admin(const struct core *core, const struct core_who *who)
{
    return who->way == CORE_BY_SOCKET && (who->uid == 0 || who->uid == core->admin_uid);
}

static void start(struct question *q, const struct command *c)
{
    if (c->change) {
        c->change(q->core, q->req, json_root(q->args), q->who);
        json_free(q->args);
    } else if (c->run)
        c->run(q);
    else if (c->processes)
        ask_processes(q, c->answer);
    else
        answer(q, c->look ? answer_look : c->ask ? answer_ask : c->answer);
}

/* A person's words; empty: none. */
static struct str reason_of(const struct question *q, const struct command *c)
{
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(json_root(q->args), c->why ? c->why : "reason"), &text));
    return str_utf8(text) ? str_trim(str_utf8_head(text, STORE_TEXT_MAX)) : STR("");
}

static bool is_dry_run(const struct question *q)
{
    bool dry = false;

    return json_bool(json_get(json_root(q->args), "dry_run"), &dry) == RC_OK && dry;
}

/* Whoever changes something says why, where control.reasons has it so. */
static bool lacks_reason(const struct question *q, const struct command *c)
{
    return c->why && !is_dry_run(q) && q->core->conf->control.reasons == CONF_REASONS_REQUIRED &&
           reason_of(q, c).n == 0;
}

struct recorded {
    struct question q;
    const struct command *command;
    struct err err; /* why it was refused */
};

static void on_recorded(void *arg, enum rc rc)
{
    struct recorded r = *(struct recorded *)arg; /* which ends with the request */
    struct err err = ERR_INIT;

    if (rc == RC_OK)
        start(&r.q, r.command);
    else
        refuse(&r.q, rc, &err);
}

/* It is in the trail before it is done. */
static void record(struct question *q, const struct command *c)
{
    struct recorded *r = ARENA_NEW(ipc_req_arena(q->req), struct recorded);
    struct err err = ERR_INIT;
    enum rc rc = RC_NOMEM;

    if (r) {
        struct core_command command = {q->who, str_of(c->name), reason_of(q, c), false};

        *r = (struct recorded){.q = *q, .command = c};
        rc = core_audit_command(q->core, q->req, &command, on_recorded, r);
    }
    if (rc != RC_OK)
        refuse(q, rc, &err);
}

static void go_on(struct question *q, const struct command *c)
{
    if (c->record)
        record(q, c);
    else
        start(q, c);
}

/* ---- idempotency keys */

static void on_claimed(void *arg, enum rc rc)
{
    struct recorded r = *(struct recorded *)arg;
    struct err err = ERR_INIT;

    if (rc == RC_OK)
        go_on(&r.q, r.command);
    else
        refuse(&r.q, rc == RC_QUOTA ? idempotency_full(&err) : rc, &err);
}

/* A change writes its key with it; of all others the key is there before they begin. */
static enum rc claim(struct question *q, const struct command *c, struct idempotency_run *run)
{
    struct recorded *r = ARENA_NEW(ipc_req_arena(q->req), struct recorded);

    if (!r)
        return RC_NOMEM;
    *r = (struct recorded){.q = *q, .command = c};
    return idempotency_claim(run, on_claimed, r);
}

static void replay(struct question *q, struct str json)
{
    json_free(q->args);
    log_info("core.idempotency-replayed");
    core_admin_answer(q->req, json);
}

/* It changes something, and came with a key. */
static void keyed(struct question *q, const struct command *c, struct idempotency_run *run)
{
    struct err err = ERR_INIT;
    struct str json;
    enum rc rc;

    run->once = c->once;
    rc = idempotency_begin(&q->core->idempotency, run, ipc_req_arena(q->req), &json, &err);
    if (rc == RC_EXISTS) {
        replay(q, json);
        return;
    }
    if (rc == RC_OK && c->change && !c->record) {
        start(q, c);
        return;
    }
    if (rc == RC_OK)
        rc = claim(q, c, run);
    if (rc != RC_OK)
        refuse(q, rc, &err);
}

static bool changes(const struct command *c)
{
    return c->why || c->changes;
}

/* What is not in the table of roles nobody may do, not even root: so no command can be forgotten
 * there. */
static enum rc may(const struct question *q, const struct command *c, struct err *err)
{
    const struct operators_action *action = operators_action_find(str_of(c->name));
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_MAX);

    if (action && core_is_admin(q->core, &q->who))
        return RC_OK;
    if (action && action->person && q->who.way == CORE_BY_TOKEN)
        return ERR(err, RC_DENIED, msg_person, str_of(c->name));
    if (action && action->roles & q->who.roles)
        return RC_OK;
    operators_roles_put(action ? action->roles : 0, &roles);
    return ERR(err, RC_DENIED, msg_roles, str_of(c->name),
               roles.n ? buf_str(&roles) : STR("root alone"));
}

static void refused(void *arg, enum rc rc)
{
    struct recorded r = *(struct recorded *)arg;
    struct err err = r.err;

    refuse(&r.q, rc == RC_OK ? err.rc : rc, &err);
}

/* Trying what one may not is on record as well. */
static void deny(struct question *q, const struct command *c, const struct err *why)
{
    struct recorded *r = ARENA_NEW(ipc_req_arena(q->req), struct recorded);
    struct err err = *why;
    enum rc rc = RC_NOMEM;

    if (r) {
        struct core_command command = {q->who, str_of(c->name), reason_of(q, c), true};

        *r = (struct recorded){*q, c, *why};
        rc = core_audit_command(q->core, q->req, &command, refused, r);
    }
    if (rc != RC_OK)
        refuse(q, err.rc, &err);
}

/* Whether it may go on; it was refused otherwise. */
static bool admit(struct question *q, struct str name, const struct command *c)
{
    struct err err = ERR_INIT;

    err.rc = may(q, c, &err);
    if (err.rc != RC_OK) {
        deny(q, c, &err);
        return false;
    }
    if (ipc_req_type(q->req) == IPC_HTTP)
        err.rc = core_api_args(name, json_root(q->args), &err);
    if (err.rc == RC_OK && lacks_reason(q, c))
        err.rc = ERR(&err, RC_INVAL, msg_reason, str_of(c->why));
    if (err.rc != RC_OK)
        refuse(q, err.rc, &err);
    return err.rc == RC_OK;
}

static void dispatch(struct question *q, struct str name)
{
    struct idempotency_run *key = ipc_req_kept(q->req);
    struct err err = ERR_INIT;

    q->command = find(name);
    if (!q->command)
        refuse(q, ERR(&err, RC_UNSUPPORTED, msg_unknown, name), &err);
    else if (!admit(q, name, q->command))
        return;
    else if (key && changes(q->command) && !is_dry_run(q))
        keyed(q, q->command, key);
    else
        go_on(q, q->command);
}

void core_admin_command(struct core *core, struct ipc_req *req, const struct core_who *who,
                        const struct ipc_admin *command)
{
    struct question q = {.core = core, .req = req, .who = *who};
    struct str asker = STR("");
    struct err err = ERR_INIT;
    struct err why = ERR_INIT;
    char text[256];

    IGNORE_RC(core_who_str(*who, ipc_req_arena(req), &asker)); /* then without */
    log_info("core.admin-asked", LOG_STR("command", command->command), LOG_STR("by", asker));
    if (json_parse(command->args, ARGS_MAX, &q.args, &why) != RC_OK) {
        refuse(&q,
               ERR(&err, RC_INVAL, msg_args, command->command,
                   str_of(err_textz(&why, text, sizeof(text)))),
               &err);
        return;
    }
    dispatch(&q, command->command);
}

bool core_admin_reads(struct str name)
{
    const struct command *c = find(name);

    return c && (c->answer || c->look || c->ask) && !c->record;
}

bool core_admin_changes(struct str name)
{
    const struct command *c = find(name);

    return c && changes(c);
}

const char *core_admin_name(size_t i)
{
    return i < sizeof(commands) / sizeof(commands[0]) ? commands[i].name : NULL;
}
