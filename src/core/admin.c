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
MSG(msg_supervisor, "core.admin-supervisor",
    "the supervisor does not answer; look at the log of `autarky serve`");

/* One question, for as long as its ipc_req lives. */
struct question {
    struct core *core;
    struct ipc_req *req;
    const struct ipc_status *processes;
    struct json_doc *args;
    struct core_who who;
    api_look_fn look;
};

typedef enum rc (*answer_fn)(struct question *q, struct json_out *o, struct err *err);

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

static enum rc answer_look(struct question *q, struct json_out *o, struct err *err)
{
    struct api_view v = view(q);

    return q->look(&v, json_root(q->args), o, err);
}

static enum rc answer_ui_link(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_ui_link(q->core, o);
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

/* ---- reload */

static void reloaded(void *arg, const struct ipc_answer *a)
{
    struct question *q = arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_out o;

    if (a->err)
        err = *a->err;
    err.rc = a->rc;
    if (core_policy_asked(q->core, &q->who, &err) != RC_OK || a->rc != RC_OK) {
        refuse(q, err.rc, &err);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "generation", ((const struct ipc_reloaded *)a->msg)->generation);
    json_kv_str(&o, "text", ((const struct ipc_reloaded *)a->msg)->text);
    json_end(&o);
    json_free(q->args);
    core_admin_reply(q->req, &o, &text);
}

static void reload(struct question *q)
{
    struct question *kept = ARENA_NEW(ipc_req_arena(q->req), struct question);
    struct str reason = STR("");
    struct err err = ERR_INIT;
    struct ipc_ask ask = {
        .type = IPC_RELOAD,
        .timeout = SUPERVISOR_SECONDS * WHEN_SECOND,
        .fn = reloaded,
        .arg = kept,
    };

    if (kept) {
        *kept = *q;
        IGNORE_RC(json_str(json_get(json_root(q->args), "reason"), &reason)); /* then without */
        core_policy_asks(q->core, &kept->who, reason);
        if (q->core->supervisor && ipc_call(q->core->supervisor, &ask, NULL) == RC_OK)
            return;
        IGNORE_RC(core_policy_asked(q->core, &kept->who, &err)); /* nothing was asked for */
    }
    refuse(q, ERR(&err, RC_CLOSED, msg_supervisor), &err);
}

/* ---- sites */

static void site_list(struct question *q)
{
    json_free(q->args);
    core_site_list(q->core, q->req);
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

static enum rc answer_issuer_list(struct question *q, struct json_out *o, struct err *err)
{
    struct api_view v = view(q);

    (void)err;
    return api_issuer_list(&v, o);
}

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

static enum rc answer_approval_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_approval_list(q->core, o);
}

static enum rc answer_approval_show(struct question *q, struct json_out *o, struct err *err)
{
    return core_approval_show(q->core, json_root(q->args), o, err);
}

/* ---- ACME clients */

static enum rc answer_eab_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_eab_list(q->core, o);
}

static enum rc answer_account_list(struct question *q, struct json_out *o, struct err *err)
{
    return core_account_list(q->core, json_root(q->args), o, err);
}

static enum rc answer_account_show(struct question *q, struct json_out *o, struct err *err)
{
    return core_account_show(q->core, json_root(q->args), o, err);
}

static enum rc answer_renewal_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_renewal_list(q->core, o);
}

static void inventory_deliver(struct question *q)
{
    core_inventory_deliver(q->core, q->req, q->args);
}

static enum rc answer_issuance_status(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_issuance_status(q->core, o);
}

static enum rc answer_user_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_user_list(q->core, o);
}

static enum rc answer_user_certificates(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_user_certificate_list(q->core, o);
}

static enum rc answer_token_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_token_list(q->core, o);
}

static enum rc answer_session_list(struct question *q, struct json_out *o, struct err *err)
{
    (void)err;
    return core_session_list(q->core, o);
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

static const struct command {
    const char *name;
    answer_fn answer; /* from what core has; NULL: `run` asks others, and ends the question */
    bool processes;   /* the supervisor is asked for the processes first */
    void (*run)(struct question *q);
    bool record;     /* it does something that no other event tells of */
    const char *why; /* it changes something: the member that says why, see control.reasons */
    /* A change by somebody, which ends the request. */
    void (*change)(struct core *core, struct ipc_req *req, const struct json *args,
                   struct core_who who);
    api_look_fn look; /* instead of `answer` */
} commands[] = {
    {"status", answer_status, true, NULL},
    {"doctor", answer_doctor, true, NULL},
    {"cert list", .look = api_cert_list},
    {"cert show", .look = api_cert_show},
    {"cert numbers", .look = api_cert_numbers},
    {"cert sign", NULL, false, cert_sign, .why = "reason"},
    {"cert revoke", NULL, false, cert_revoke, .why = "why"},
    {"ui link", answer_ui_link, false, NULL, .record = true, .why = "reason"},
    {"reload", NULL, false, reload, .record = true, .why = "reason"},
    {"site list", NULL, false, site_list},
    {"site renew", NULL, false, site_renew, .record = true, .why = "reason"},
    {"issuer list", answer_issuer_list, false, NULL},
    {"issuer change", NULL, false, issuer_change, .why = "reason"},
    {"signer restart", NULL, false, signer_restart, .record = true, .why = "reason"},
    {"approval list", answer_approval_list, false, NULL},
    {"approval show", answer_approval_show, false, NULL},
    {"approval grant", .why = "reason", .change = core_approval_grant},
    {"approval deny", .why = "reason", .change = core_approval_deny},
    {"eab create", .why = "reason", .change = core_eab_create},
    {"eab list", answer_eab_list, false, NULL},
    {"eab revoke", .why = "reason", .change = core_eab_revoke},
    {"account list", answer_account_list, false, NULL},
    {"account show", answer_account_show, false, NULL},
    {"account deactivate", .why = "reason", .change = core_account_deactivate},
    {"renewal pull", .why = "reason", .change = core_renewal_pull},
    {"renewal list", answer_renewal_list, false, NULL},
    {"txt list", .look = api_txt_list},
    {"txt remove", .why = "reason", .change = core_txt_remove},
    {"inventory list", .look = api_inventory_list},
    {"inventory show", .look = api_inventory_show},
    {"inventory history", .look = api_inventory_history},
    {"inventory orphans", .look = api_inventory_orphans},
    {"inventory deliver", NULL, false, inventory_deliver},
    {"inventory owner", .why = "reason", .change = core_inventory_owner},
    {"agent list", .look = api_agent_list},
    {"agent show", .look = api_agent_show},
    {"agent token", .why = "reason", .change = core_agent_token},
    {"agent remove", .why = "reason", .change = core_agent_remove},
    {"agent renew", .why = "reason", .change = core_agent_renew},
    {"alert list", .look = api_alert_list},
    {"alert show", .look = api_alert_show},
    {"alert deliveries", .look = api_alert_deliveries},
    {"alert ack", .why = "reason", .change = core_alert_ack},
    {"alert silence", .why = "reason", .change = core_alert_silence},
    {"alert unsilence", .why = "reason", .change = core_alert_unsilence},
    {"alert test", .record = true, .why = "reason", .change = core_alert_test},
    {"report list", .look = shelf_list},
    {"report file", .change = core_report_file},
    {"report mail", .why = "reason", .change = core_report_mail},
    {"issuance freeze", .why = "reason", .change = core_issuance_freeze},
    {"issuance thaw", .why = "reason", .change = core_issuance_thaw},
    {"issuance status", answer_issuance_status, false, NULL},
    {"probe", NULL, false, probe_look},
    {"drill runner", NULL, false, drill_runner, .record = true, .why = "reason"},
    {"audit head", NULL, false, audit_head},
    {"backup begin", .why = "reason", .change = core_backup_begin},
    {"backup created", .change = core_backup_created},
    {"audit list", .look = api_audit_list},
    {"policy explain", .look = api_policy_explain},
    {"config show", .look = api_config_show},
    {"user add", .why = "reason", .change = core_user_add},
    {"user-certificate add", .why = "reason", .change = core_user_certificate_add},
    {"user-certificate list", answer_user_certificates, false, NULL},
    {"user-certificate remove", .why = "reason", .change = core_user_certificate_remove},
    {"user list", answer_user_list, false, NULL},
    {"user password", .why = "reason", .change = core_user_password},
    {"user remove", .why = "reason", .change = core_user_remove},
    {"user role", .why = "reason", .change = core_user_role},
    {"user totp", .why = "reason", .change = core_user_totp},
    {"token create", .why = "reason", .change = core_token_create},
    {"token list", answer_token_list, false, NULL},
    {"token revoke", .why = "reason", .change = core_token_revoke},
    {"session list", answer_session_list, false, NULL},
    {"session end", .why = "reason", .change = core_session_end},
};

bool core_is_admin(const struct core *core, const struct core_who *who)
{
    return who->way == CORE_BY_SOCKET && (who->uid == 0 || who->uid == core->admin_uid);
}

static void start(struct question *q, const struct command *c)
{
    q->look = c->look;
    if (c->change) {
        c->change(q->core, q->req, json_root(q->args), q->who);
        json_free(q->args);
    } else if (c->run)
        c->run(q);
    else if (c->processes)
        ask_processes(q, c->answer);
    else
        answer(q, c->look ? answer_look : c->answer);
}

/* A person's words; empty: none. */
static struct str reason_of(const struct question *q, const struct command *c)
{
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(json_root(q->args), c->why ? c->why : "reason"), &text));
    return str_utf8(text) ? str_trim(str_utf8_head(text, STORE_TEXT_MAX)) : STR("");
}

/* Whoever changes something says why, where control.reasons has it so. */
static bool lacks_reason(const struct question *q, const struct command *c)
{
    bool dry = false;

    if (json_bool(json_get(json_root(q->args), "dry_run"), &dry) != RC_OK)
        dry = false;
    return c->why && !dry && q->core->conf->control.reasons == CONF_REASONS_REQUIRED &&
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

static void dispatch(struct question *q, struct str name)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *c = &commands[i];

        if (!str_eq(name, str_of(c->name)))
            continue;
        err.rc = may(q, c, &err);
        if (err.rc != RC_OK) {
            deny(q, c, &err);
            return;
        }
        if (ipc_req_type(q->req) == IPC_HTTP)
            err.rc = core_api_args(name, json_root(q->args), &err);
        if (err.rc != RC_OK) {
            refuse(q, err.rc, &err);
            return;
        }
        if (lacks_reason(q, c)) {
            refuse(q, ERR(&err, RC_INVAL, msg_reason, str_of(c->why)), &err);
            return;
        }
        if (c->record)
            record(q, c);
        else
            start(q, c);
        return;
    }
    refuse(q, ERR(&err, RC_UNSUPPORTED, msg_unknown, name), &err);
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
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (str_eq(name, str_of(commands[i].name)))
            return (commands[i].answer || commands[i].look) && !commands[i].record;
    return false;
}

const char *core_admin_name(size_t i)
{
    return i < sizeof(commands) / sizeof(commands[0]) ? commands[i].name : NULL;
}
