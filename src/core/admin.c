/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: who comes is known by the kernel's word (SO_PEERCRED), what may be asked by
 * one table. */
#include <unistd.h>

#include "api/inventory.h"
#include "core/accounts.h"
#include "core/core_int.h"
#include "core/forwards.h"
#include "core/inventory.h"
#include "core/locks.h"
#include "core/watch.h"
#include "ev/clock.h"
#include "log/log.h"
#include "net/net.h"

enum {
    ANSWER_MAX = 4 * 1024 * 1024,
    ARGS_MAX = 512 * 1024,
    SUPERVISOR_SECONDS = 30,
};

MSG(msg_unknown, "core.admin-unknown",
    "the server does not know the command \"{0}\"; it may be older than this `autarky`: compare "
    "`autarky version`");
MSG(msg_args, "core.admin-args", "the arguments of \"{0}\" are no JSON object: {1}");
MSG(msg_people, "core.admin-people",
    "this user is among control.people and may decide on approvals (`autarky approval list`); "
    "everything else takes root, or the user that runs the server");
MSG(msg_reason, "core.admin-reason",
    "say why, with --{0}: `control.reasons` wants it of every command that changes something");
MSG(msg_supervisor, "core.admin-supervisor",
    "the supervisor does not answer; look at the log of `autarky serve`");

struct admin {
    struct list link;
    struct core *core;
    struct ipc_chan *chan;
    struct core_who who;
};

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

struct api_view core_view(const struct core *core, const struct ipc_status *processes)
{
    struct api_view v = {
        .store = core->store,
        .ca = core->ca,
        .conf = core->conf,
        .policy = core->policy,
        .processes = processes,
        .signer = core->signer != NULL,
        .prober = core->prober != NULL,
        .revocation = core->revocation,
        .validating = acme_validating(core->acme),
        .now = clock_now(ev_clock(core->ev)),
    };

    v.n_probers = core_remotes_show(core, v.probers);
    if (core->watch)
        core_watch_show(core, &v.watch);
    if (core->forwards)
        v.n_forwards = core_forwards_show(core, v.forwards);
    return v;
}

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
    ipc_reply_err(q->req, err);
}

void core_admin_reply(struct ipc_req *req, struct json_out *o, const struct buf *text)
{
    struct err err = {.rc = json_out_done(o)};
    struct ipc_admin_reply msg = {.json = buf_str(text)};

    if (err.rc == RC_OK)
        IGNORE_RC(
            ipc_reply(req, &msg)); /* on failure the asker has been told, by ipc_reply itself */
    else
        ipc_reply_err(req, &err);
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

    if (a->rc != RC_OK) {
        if (a->err)
            err = *a->err;
        refuse(q, a->rc, &err);
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
    struct err err = ERR_INIT;
    struct ipc_ask ask = {
        .type = IPC_RELOAD,
        .timeout = SUPERVISOR_SECONDS * WHEN_SECOND,
        .fn = reloaded,
        .arg = kept,
    };

    if (kept) {
        *kept = *q;
        if (q->core->supervisor && ipc_call(q->core->supervisor, &ask, NULL) == RC_OK)
            return;
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
    bool people;     /* control.people may ask it as well */
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
    {"cert sign", NULL, false, cert_sign, .why = "reason"},
    {"cert revoke", NULL, false, cert_revoke, .why = "why"},
    {"ui link", answer_ui_link, false, NULL, .record = true, .why = "reason"},
    {"reload", NULL, false, reload, .record = true, .why = "reason"},
    {"site list", NULL, false, site_list},
    {"site renew", NULL, false, site_renew, .record = true, .why = "reason"},
    {"issuer list", answer_issuer_list, false, NULL},
    {"issuer change", NULL, false, issuer_change, .why = "reason"},
    {"signer restart", NULL, false, signer_restart, .record = true},
    {"approval list", answer_approval_list, false, NULL, true},
    {"approval show", answer_approval_show, false, NULL, true},
    {"approval grant", .people = true, .why = "reason", .change = core_approval_grant},
    {"approval deny", .people = true, .why = "reason", .change = core_approval_deny},
    {"eab create", .why = "reason", .change = core_eab_create},
    {"eab list", answer_eab_list, false, NULL},
    {"eab revoke", .why = "reason", .change = core_eab_revoke},
    {"account list", answer_account_list, false, NULL},
    {"account show", answer_account_show, false, NULL},
    {"account deactivate", .why = "reason", .change = core_account_deactivate},
    {"renewal pull", .why = "reason", .change = core_renewal_pull},
    {"renewal list", answer_renewal_list, false, NULL},
    {"inventory list", .look = api_inventory_list},
    {"inventory show", .look = api_inventory_show},
    {"inventory history", .look = api_inventory_history},
    {"inventory orphans", .look = api_inventory_orphans},
    {"inventory deliver", NULL, false, inventory_deliver},
    {"inventory owner", .why = "reason", .change = core_inventory_owner},
    {"issuance freeze", .why = "reason", .change = core_issuance_freeze},
    {"issuance thaw", .why = "reason", .change = core_issuance_thaw},
    {"issuance status", answer_issuance_status, false, NULL},
    {"probe", NULL, false, probe_look},
    {"drill runner", NULL, false, drill_runner, .record = true},
    {"audit head", NULL, false, audit_head},
};

static bool is_admin(const struct core *core, uid_t uid)
{
    return uid == 0 || uid == core->admin_uid;
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
        struct core_command command = {q->who, str_of(c->name), reason_of(q, c)};

        *r = (struct recorded){*q, c};
        rc = core_audit_command(q->core, q->req, &command, on_recorded, r);
    }
    if (rc != RC_OK)
        refuse(q, rc, &err);
}

static void dispatch(struct question *q, struct str name)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *c = &commands[i];

        if (!str_eq(name, str_of(c->name)))
            continue;
        if (!c->people && !is_admin(q->core, q->who.uid)) {
            refuse(q, ERR(&err, RC_DENIED, msg_people), &err);
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

static void on_admin(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct admin *admin = arg;
    const struct ipc_admin *ask = msg;
    struct question q = {.core = admin->core, .req = req, .who = admin->who};
    struct err err = ERR_INIT;
    struct err why = ERR_INIT;
    char text[256];

    (void)fd;
    log_info("core.admin-asked", LOG_STR("command", ask->command), LOG_INT("uid", admin->who.uid),
             LOG_INT("login", core_who_person(admin->who)));
    if (json_parse(ask->args, ARGS_MAX, &q.args, &why) != RC_OK) {
        refuse(&q,
               ERR(&err, RC_INVAL, msg_args, ask->command,
                   str_of(err_textz(&why, text, sizeof(text)))),
               &err);
        return;
    }
    dispatch(&q, ask->command);
}

/* ---- conversations, their ends */

static void free_admin(struct admin *a)
{
    list_remove(&a->link);
    a->core->n_admins--;
    ipc_chan_free(a->chan);
    mem_free(a);
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    (void)why;
    (void)err;
    free_admin(arg);
}

static const struct ipc_handler handlers[] = {{IPC_ADMIN, on_admin}};

static bool has_place(const struct core *core, uid_t uid)
{
    size_t people = 0;

    LIST_FOREACH (link, &core->admins)
        people += !is_admin(core, LIST_ENTRY(link, struct admin, link)->who.uid);
    return core->n_admins < CORE_ADMINS_MAX &&
           (is_admin(core, uid) || people < CORE_PEOPLE_CONVERSATIONS_MAX);
}

static enum rc add_admin(struct core *core, int fd, struct core_who who)
{
    struct admin *a = has_place(core, who.uid) ? MEM_NEW(struct admin) : NULL;
    struct ipc_chan_conf conf = {
        .self = ROLE_CORE,
        .peer = ROLE_ADMIN,
        .handlers = handlers,
        .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
        .on_close = on_close,
        .arg = a,
    };
    enum rc rc;

    if (!a) {
        close(fd);
        return RC_QUOTA;
    }
    a->core = core;
    a->who = who;
    list_init(&a->link);
    list_push(&core->admins, &a->link);
    core->n_admins++;
    rc = ipc_chan_new(core->ev, fd, &conf, &a->chan);
    if (rc != RC_OK)
        free_admin(a);
    return rc;
}

static void on_control(void *arg, unsigned events)
{
    struct core *core = arg;
    struct net_cred cred;
    int fd;

    (void)events;
    if (net_accept(core->control, &fd, NULL) != RC_OK)
        return;
    if (net_peer_cred(fd, &cred) != RC_OK ||
        (!is_admin(core, cred.uid) && !core_is_person(core, cred.uid))) {
        log_warn("core.admin-refused", LOG_INT("uid", cred.uid), LOG_INT("pid", cred.pid));
        close(fd);
        return;
    }
    if (add_admin(core, fd, core_who_of(&cred)) != RC_OK)
        log_warn("core.admin-too-many", LOG_INT("open", core->n_admins));
}

enum rc core_admin_start(struct core *core)
{
    TRY(ev_fd_new(core->ev, core->control, on_control, core, &core->control_fd));
    ev_fd_watch(core->control_fd, EV_READ);
    return RC_OK;
}

void core_admin_stop(struct core *core)
{
    ev_fd_free(core->control_fd);
    core->control_fd = NULL;
    LIST_FOREACH (link, &core->admins)
        free_admin(LIST_ENTRY(link, struct admin, link));
}
