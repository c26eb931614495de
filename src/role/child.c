/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around a role: what each process but the supervisor runs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/load.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/frame.h"
#include "log/log.h"
#include "metrics/view.h"
#include "role/child_int.h"
#include "sandbox/users.h"

MSG(msg_version, "role.other-program",
    "this process is version {0}, the supervisor that started it is version {1}: the program file "
    "was replaced while it ran; restart the service");
MSG(msg_order, "role.out-of-order", "the supervisor said \"{0}\" at the wrong time");
MSG(msg_data, "role.data-not-opened", "the data directory {0} cannot be opened: {1}");
MSG(msg_conf, "role.conf-not-taken", "this process cannot take the configuration: {0}");

enum { CONF_TEXT_MAX = 16384, LEAVE_MICROS = 1'000'000 };

static void finish(struct role_child *c, int status)
{
    if (c->status == ROLE_EXIT_DONE)
        c->status = status;
    if (c->env.ev)
        ev_stop(c->env.ev);
}

void role_child_fail(struct role_child *c, int status, const struct err *err)
{
    log_error("role.cannot-go-on", LOG_ERR(err));
    finish(c, status);
}

/* The supervisor is ours; if it says something at the wrong time, one of us is broken. */
static bool out_of_order(struct role_child *c, bool wrong, const char *what)
{
    struct err err = ERR_INIT;

    if (!wrong)
        return false;
    IGNORE_RC(ERR(&err, RC_CONFLICT, msg_order, str_of(what)));
    role_child_fail(c, ROLE_EXIT_FAILED, &err);
    return true;
}

/* ---- from HELLO to READY */

static when_t log_now(void *arg)
{
    return clock_now(arg);
}

static void set_log(struct role_child *c)
{
    const struct conf *conf = c->env.conf;

    log_init(&(struct log_conf){.role = role_name(c->env.role),
                                .level = (enum log_level)conf->log.level,
                                .format = (enum log_format)conf->log.format,
                                .now = log_now,
                                .now_arg = c->env.clock});
}

static enum rc check_version(const struct ipc_hello *m, struct err *err)
{
    if (m->version == IPC_VERSION && str_eq(m->program, STR(AUTARKY_VERSION)))
        return RC_OK;
    return ERR(err, RC_VERSION, msg_version, STR(AUTARKY_VERSION), m->program);
}

static void on_hello(void *arg, struct ipc_req *, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_hello *m = msg;
    struct err err = ERR_INIT;

    if (out_of_order(c, c->phase != PHASE_NEW, "hello"))
        return;
    log_init(&(struct log_conf){
        .role = role_name(c->env.role),
        .level = m->log_level < LOG_LEVEL_COUNT ? m->log_level : LOG_LEVEL_INFO,
        .format = m->log_format < LOG_FORMAT_COUNT ? m->log_format : LOG_FORMAT_TEXT,
        .now = log_now,
        .now_arg = c->env.clock});
    if (check_version(m, &err) != RC_OK) {
        role_child_fail(c, ROLE_EXIT_VERSION, &err);
        return;
    }
    c->data_path = mem_alloc(m->data.n + 1);
    if (!c->data_path || str_copyz(m->data, c->data_path, m->data.n + 1) != RC_OK) {
        role_child_fail(c, ROLE_EXIT_FAILED, &(struct err){.rc = RC_NOMEM});
        return;
    }
    c->env.data_path = c->data_path;
    c->env.data = open(c->data_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (c->env.data < 0) {
        IGNORE_RC(ERR(&err, RC_IO, msg_data, m->data, str_of(strerrordesc_np(errno))));
        role_child_fail(c, ROLE_EXIT_CANNOT, &err);
        return;
    }
    c->env.instance = m->instance;
    c->env.node = m->node;
    c->env.boot = m->boot;
    c->env.unprivileged = m->unprivileged;
    c->phase = PHASE_GREETED;
}

/* The same bytes and the same code as in the supervisor; that it fails here alone means lack of
 * memory, or a defect. */
static enum rc load_conf(struct role_child *c, const struct ipc_config *m, const struct conf **out,
                         struct err *err)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_TEXT_MAX);
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    in.unprivileged = c->env.unprivileged;
    in.one_site = !c->def->sites;
    in.site_names = c->def->site_names;
    in.site_records = c->def->site_records;
    for (size_t i = 0; i < m->files.n; i++)
        TRY(conf_input_add(&in, m->files.v[i].path, m->files.v[i].bytes));
    rc = conf_load(&in, out, &report);
    if (rc != RC_INVAL)
        return rc;
    conf_report_text(&report, &text);
    return ERR(err, RC_INVAL, msg_conf, buf_str(&text));
}

static void on_config(void *arg, struct ipc_req *, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_config *m = msg;
    struct err err = ERR_INIT;

    if (out_of_order(c, c->phase != PHASE_GREETED, "config"))
        return;
    err.rc = load_conf(c, m, &c->env.conf, &err);
    if (err.rc != RC_OK) {
        role_child_fail(c, ROLE_EXIT_FAILED, &err);
        return;
    }
    c->env.generation = m->generation;
    c->phase = PHASE_CONFIGURED;
    set_log(c);
}

static void on_listener(void *arg, struct ipc_req *, const void *msg, int fd)
{
    struct role_child *c = arg;
    const struct ipc_listener *m = msg;
    CLEANUP(fd_closep) int own = fd;
    struct role_listener *l = &c->env.listeners[c->env.n_listeners];

    if (out_of_order(c, c->phase != PHASE_CONFIGURED || c->env.n_listeners == ROLE_LISTENERS_MAX,
                     "listener"))
        return;
    if (out_of_order(c,
                     str_copyz(m->kind, l->kind, sizeof(l->kind)) != RC_OK ||
                         str_copyz(m->address, l->address, sizeof(l->address)) != RC_OK,
                     "listener"))
        return;
    l->fd = fd_move(&own);
    c->env.n_listeners++;
}

static enum rc confine(struct role_child *c, struct err *err)
{
    /* SIGKILL: whatever this process is at, it does not outlive the supervisor, so that the next
     * one finds nobody at work. Nothing that was acknowledged depends on an orderly end. */
    struct sandbox_at at = {.dir = c->env.data, .parent_signal = SIGKILL};

    if (geteuid() == 0 && c->def->sandbox->user)
        TRY(sandbox_user_find(c->def->sandbox->user, &at.uid, &at.gid, err));
    return sandbox_enter(c->def->sandbox, &at, &c->report, err);
}

static enum rc begin(struct role_child *c, struct err *err)
{
    enum rc rc;

    c->opened = true;
    if (c->def->open)
        TRY(c->def->open(&c->env, err));
    TRY(confine(c, err));
    TRY(role_links_connect(c));
    rc = c->def->start ? c->def->start(&c->env, err) : RC_OK;
    if (rc != RC_OK && rc != RC_AGAIN)
        return rc;
    c->phase = PHASE_STARTED;
    role_links_tell(c);
    if (rc == RC_OK)
        role_ready(&c->env);
    return RC_OK;
}

static void on_start(void *arg, struct ipc_req *, const void *, int)
{
    struct role_child *c = arg;
    struct err err = ERR_INIT;
    enum rc rc;

    if (out_of_order(c, c->phase != PHASE_CONFIGURED, "start"))
        return;
    rc = begin(c, &err);
    if (rc == RC_OK)
        return;
    err.rc = rc;
    role_child_fail(c, rc == RC_NOMEM || rc == RC_AGAIN ? ROLE_EXIT_FAILED : ROLE_EXIT_CANNOT,
                    &err);
}

/* Octal, as people write modes. */
static int64_t mode_digits(mode_t mode)
{
    return (mode >> 9 & 7) * 1000 + (mode >> 6 & 7) * 100 + (mode >> 3 & 7) * 10 + (mode & 7);
}

void role_mend(struct role_env *env, const char *path, mode_t mode)
{
    const char *user = role_child_of(env)->def->sandbox->user;
    struct file_owner owner = FILE_OWNER_SELF;
    mode_t old = mode;
    enum rc rc = RC_OK;

    if (geteuid() == 0)
        rc = sandbox_user_find(user, &owner.uid, &owner.gid, NULL);
    if (rc == RC_OK)
        rc = file_mend(env->data, path, mode, owner, &old);
    if (rc == RC_OK && old != mode)
        log_warn("role.mode-mended", LOG_Z("path", path), LOG_INT("was", mode_digits(old)),
                 LOG_INT("is", mode_digits(mode)));
}

void role_ready(struct role_env *env)
{
    struct role_child *c = role_child_of(env);
    CLEANUP(buf_done) struct buf text = BUF_INIT(ROLE_SANDBOX_TEXT);
    struct ipc_ready m;
    enum rc rc;

    if (c->phase != PHASE_STARTED)
        return;
    c->phase = PHASE_READY;
    if (!env->supervisor)
        return;
    sandbox_report_text(&c->report, &text);
    m.sandbox = buf_str(&text);
    rc = ipc_notify(env->supervisor, IPC_READY, &m, -1);
    if (rc != RC_OK)
        role_child_fail(c, ROLE_EXIT_FAILED, &(struct err){.rc = rc});
}

void role_fail(struct role_env *env, const struct err *err)
{
    role_child_fail(role_child_of(env), ROLE_EXIT_FAILED, err);
}

/* ---- another configuration */

static void on_prepare(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_config *m = msg;
    CLEANUP(conf_unrefp) const struct conf *next = NULL;
    struct ipc_verdict verdict = {};
    enum rc rc = load_conf(c, m, &next, &verdict.why);

    ipc_req_drop(MOVE(c->prepare_req)); /* the supervisor waits for that no longer */
    if (rc == RC_OK && c->def->prepare)
        rc = c->def->prepare(&c->env, next, &verdict.why);
    verdict.ok = rc == RC_OK;
    verdict.why.rc = rc;
    if (rc == RC_OK || rc == RC_AGAIN) {
        conf_unref(c->next);
        c->next = MOVE(next);
        c->next_generation = m->generation;
    }
    if (rc == RC_AGAIN)
        c->prepare_req = req;
    else
        IGNORE_RC(ipc_reply(req, &verdict)); /* without one the supervisor refuses the reload */
}

void role_prepared(struct role_env *env, const struct err *err)
{
    struct role_child *c = role_child_of(env);
    struct ipc_verdict verdict = {.ok = err->rc == RC_OK, .why = *err};

    if (!verdict.ok)
        conf_unref(MOVE(c->next));
    if (c->prepare_req)
        IGNORE_RC(ipc_reply(MOVE(c->prepare_req), &verdict)); /* as above */
}

static void on_commit(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_generation *m = msg;

    if (out_of_order(c, !c->next || c->prepare_req || m->generation != c->next_generation,
                     "commit")) {
        ipc_req_drop(req);
        return;
    }
    conf_unref(c->env.conf);
    c->env.conf = MOVE(c->next);
    c->env.generation = m->generation;
    set_log(c);
    if (c->def->commit)
        c->def->commit(&c->env);
    IGNORE_RC(ipc_reply(req, NULL)); /* it is done, heard or not */
}

static void on_abort(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_child *c = arg;
    const struct ipc_generation *m = msg;

    if (c->next && m->generation == c->next_generation) {
        conf_unref(c->next);
        c->next = NULL;
        ipc_req_drop(MOVE(c->prepare_req));
        if (c->def->abort)
            c->def->abort(&c->env);
    }
    IGNORE_RC(ipc_reply(req, NULL)); /* it is done, heard or not */
}

/* ---- the end */

static void on_turn(void *arg)
{
    struct role_child *c = arg;

    if (c->drained && role_links_idle(c) &&
        (!c->env.supervisor || ipc_chan_idle(c->env.supervisor)))
        finish(c, ROLE_EXIT_DONE);
}

static void on_leave(void *arg)
{
    finish(arg, ROLE_EXIT_DONE);
}

void role_drained(struct role_env *env)
{
    struct role_child *c = role_child_of(env);

    if (!c->draining || c->drained)
        return;
    c->drained = true;
    if (c->drain_req)
        IGNORE_RC(ipc_reply(MOVE(c->drain_req), NULL)); /* the process's end says it too */
    ev_timer_start(&c->leave, LEAVE_MICROS, 0);
}

static void drain(struct role_child *c)
{
    c->draining = true;
    if (c->phase >= PHASE_STARTED && c->def->drain)
        c->def->drain(&c->env);
    else
        role_drained(&c->env);
}

static void on_drain(void *arg, struct ipc_req *req, const void *, int)
{
    struct role_child *c = arg;

    c->drain_req = req;
    if (c->drained)
        IGNORE_RC(ipc_reply(MOVE(c->drain_req), NULL)); /* the process's end says it too */
    else if (!c->draining)
        drain(c);
}

/* What it has is finished without anybody's help, until SIGTERM or the end of all of it. The
 * supervisor that comes may speak another version, so nothing is said to it. */
static void on_leave_alone(void *arg, struct ipc_req *req, const void *, int)
{
    struct role_child *c = arg;

    c->env.alone = true;
    IGNORE_RC(ipc_reply(req, NULL)); /* without an answer the supervisor ends this process */
}

/* From whoever wants this process to end: once politely, then at once. */
static void on_sigterm(void *arg, int)
{
    struct role_child *c = arg;

    if (c->draining || c->phase < PHASE_STARTED)
        finish(c, ROLE_EXIT_DONE);
    else
        drain(c);
}

static void on_ping(void *, struct ipc_req *req, const void *, int)
{
    IGNORE_RC(ipc_reply(req, NULL)); /* a lost answer is what a ping is for */
}

static void on_measure(void *arg, struct ipc_req *req, const void *, int)
{
    struct role_child *c = arg;
    CLEANUP(buf_done) struct buf snapshot = BUF_INIT(METRICS_SNAPSHOT_MAX);
    struct ipc_metrics reply;

    role_measure();
    if (c->def->measure && c->opened)
        c->def->measure(&c->env);

    metrics_snapshot(&snapshot);
    reply.snapshot = buf_str(&snapshot);
    if (buf_rc(&snapshot) == RC_OK)
        IGNORE_RC(ipc_reply(req, &reply)); /* on failure the supervisor has been told */
    else
        ipc_req_drop(req);
}

static void on_supervisor_close(void *arg, enum rc why, const struct err *err)
{
    struct role_child *c = arg;

    if (c->env.alone) {
        ipc_req_drop(MOVE(c->prepare_req));
        ipc_req_drop(MOVE(c->drain_req));
        ipc_chan_free(MOVE(c->env.supervisor));
        return;
    }
    role_child_fail(c, why == RC_VERSION ? ROLE_EXIT_VERSION : ROLE_EXIT_FAILED, err);
}

/* ---- life */

static const struct ipc_handler handlers[] = {
    {IPC_HELLO, on_hello},
    {IPC_CONFIG, on_config},
    {IPC_LISTENER, on_listener},
    {IPC_PEER, role_link_on_peer},
    {IPC_PEER_GONE, role_link_on_gone},
    {IPC_START, on_start},
    {IPC_PREPARE, on_prepare},
    {IPC_COMMIT, on_commit},
    {IPC_ABORT, on_abort},
    {IPC_DRAIN, on_drain},
    {IPC_LEAVE, on_leave_alone},
    {IPC_PING, on_ping},
    {IPC_MEASURE, on_measure},
};

static void child_done(struct role_child *c)
{
    role_links_free(c);
    ipc_req_drop(c->prepare_req);
    ipc_req_drop(c->drain_req);
    ipc_chan_free(MOVE(c->env.supervisor));
    if (c->opened && c->def->close)
        c->def->close(&c->env);
    for (size_t i = 0; i < c->env.n_listeners; i++)
        fd_close(&c->env.listeners[i].fd);
    conf_unref(c->next);
    conf_unref(c->env.conf);
    fd_close(&c->env.data);
    mem_free(c->data_path);
    if (c->env.ev) {
        ev_hook_remove(&c->turn);
        ev_timer_stop(&c->leave);
        ev_signal_free(c->sigterm);
        ev_free(c->env.ev);
    }
    mem_free(c);
}

#ifdef AUTARKY_TEST_HOOKS
static enum rc take_test_clock(void)
{
    return getenv(ROLE_TEST_CLOCK_VARIABLE) ? clock_test_attach(ROLE_TEST_CLOCK_FD) : RC_OK;
}
#else
static enum rc take_test_clock(void)
{
    return RC_OK;
}
#endif

static enum rc child_init(struct role_child *c)
{
    const struct ipc_chan_conf conf = {.self = c->env.role,
                                       .peer = ROLE_SUPERVISOR,
                                       .handlers = handlers,
                                       .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
                                       .on_close = on_supervisor_close,
                                       .arg = c};

    TRY(take_test_clock());
    /* It came with exec, and is for none of those that are executed here. */
    if (fcntl(ROLE_CHANNEL_FD, F_SETFD, FD_CLOEXEC) != 0)
        return RC_IO;
    TRY(sandbox_begin(c->def->sandbox, NULL));
    TRY(ev_new(c->env.clock, &c->env.ev));
    ev_hook_init(&c->turn, on_turn, c);
    ev_hook_add(c->env.ev, &c->turn);
    ev_timer_init(&c->leave, c->env.ev, on_leave, c);
    TRY(ev_signal_new(c->env.ev, SIGTERM, on_sigterm, c, &c->sigterm));
    return ipc_chan_new(c->env.ev, ROLE_CHANNEL_FD, &conf, &c->env.supervisor);
}

int role_child_run(const struct role_def *def)
{
    struct role_child *c = MEM_NEW(struct role_child);
    enum rc rc;
    int status;

    log_init(&(struct log_conf){.role = role_name(def->role), .level = LOG_LEVEL_INFO});
    /* A terminal's Ctrl-C and hang-up reach all its processes; the supervisor alone decides what
     * they mean. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, SIG_IGN); /* another program takes over */
    signal(SIGPIPE, SIG_IGN);
    if (!c)
        return ROLE_EXIT_FAILED;
    c->def = def;
    c->env.role = def->role;
    c->env.clock = clock_system();
    c->env.data = -1;
    list_init(&c->links);
    rc = child_init(c);
    if (rc == RC_OK)
        ev_run(c->env.ev);
    else
        role_child_fail(c, ROLE_EXIT_FAILED, &(struct err){.rc = rc});
    status = c->status;
    child_done(c);
    log_flush();
    return status;
}

int role_child_main(enum role role)
{
    const struct role_def *def = role_def_find(role);

    return def ? role_child_run(def) : ROLE_EXIT_CANNOT;
}
