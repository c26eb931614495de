/* SPDX-License-Identifier: Apache-2.0 */
/* Makes way for the program that is at this one's path now. It is opened once: what was looked at
 * is what is executed. Until the last step this service goes on as it is; then all but those who
 * talk to clients end in order, and the new program begins in this process, with its children. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/owned.h"
#include "ev/clock.h"
#include "ipc/messages.h"
#include "json/json.h"
#include "log/log.h"
#include "sandbox/child.h"
#include "serve/serve_int.h"

#define LEAVE_TIMEOUT (5 * WHEN_SECOND)
/* For handshakes that need the keeper and requests that are inspected, when no more are accepted.
 */
#define SETTLE (2 * WHEN_SECOND)

enum {
    ARGS_BYTES = 64 << 10,
    ARGS_MAX = 64,
    PROGRAM_FD = 3,
    SAYS_MAX = 1024, /* of what the new program says of the configuration */
    NOT_EXECUTED = 127,
    VALUE_BYTES = 32,
};

MSG(msg_busy, "serve.upgrade-busy",
    "a start, a reload or another upgrade is under way; ask again when it is done");
MSG(msg_prompt, "serve.upgrade-prompt",
    "ca.passphrase.from or ca.pkcs11.pin.from is prompt: somebody has to type it at a start, so "
    "restart the service");
MSG(msg_crowd, "serve.upgrade-crowd",
    "{0} processes of programs before have not finished yet; wait for them, or lower "
    "gateway.drain");
MSG(msg_file, "serve.upgrade-file", "the program {0}: {1}");
MSG(msg_looked, "serve.upgrade-refused",
    "the program {0} cannot take over, and this one goes on: {1}");
MSG(msg_schema, "serve.upgrade-schema",
    "the program {0} has an older schema of the database than this one, and would refuse it; to go "
    "back, restore a backup");
MSG(msg_execute, "serve.upgrade-not-executed",
    "the new program could not be executed, and this one goes on: {0}");

enum step { VERSION, CONFIG, LEAVE, SETTLES, DRAIN };

struct serve_upgrade {
    struct serve *sup;
    struct ipc_req *req; /* NULL: a signal asked, or it is answered */
    enum step step;
    int program; /* its file, open */
    pid_t pid;   /* of the look at it; 0: none */
    int says;    /* what that says */
    bool late;
    size_t waiting; /* for processes that have not said yet that they go on */
    char version[SERVE_VERSION_MAX];
    struct ev_timer limit;
    /* Signals are held back, and those that came before are heard, in a turn of the loop. */
    struct ev_defer turn, go;
    bool going;
};

static void step_over(void *arg);

/* ---- the beginning, and the end of one that does not come to anything */

static void forget(struct serve_upgrade *u)
{
    struct serve *sup = u->sup;

    if (u->pid > 0)
        (void)kill(u->pid, SIGKILL); /* waited for by whoever comes: it is nobody's */
    ev_timer_stop(&u->limit);
    ev_defer_cancel(&u->turn);
    ev_defer_cancel(&u->go);
    if (u->going)
        serve_upgrade_signals(false);
    ipc_req_drop(u->req);
    fd_close(&u->program);
    fd_close(&u->says);
    mem_free(u);
    sup->upgrade = NULL;
}

void serve_upgrade_cancel(struct serve *sup)
{
    if (sup->upgrade)
        forget(sup->upgrade);
}

static void refuse(struct ipc_req *req, const struct err *err)
{
    log_error("serve.upgrade-refused", LOG_ERR(err));
    if (req)
        ipc_reply_err(req, err);
}

static void give_up(struct serve_upgrade *u, const struct err *err)
{
    struct serve *sup = u->sup;

    refuse(MOVE(u->req), err);
    forget(u);
    if (sup->reload_again)
        ev_defer(sup->ev, &sup->again);
    sup->reload_again = false;
}

static enum rc may_begin(const struct serve *sup, struct err *err)
{
    size_t left = 0;
    char n[VALUE_BYTES];

    if (!sup->was_ready || sup->reload || sup->upgrade || serve_ends(sup))
        return ERR(err, RC_AGAIN, msg_busy);
    if (sup->conf->ca.passphrase.from == CONF_PASSPHRASE_PROMPT ||
        (sup->conf->ca.pkcs11.module.n && sup->conf->ca.pkcs11.pin.from == CONF_PASSPHRASE_PROMPT))
        return ERR(err, RC_DENIED, msg_prompt);
    LIST_FOREACH (it, &sup->procs) {
        const struct serve_proc *p = serve_proc_at(it);

        left += p->slot->def->role == ROLE_GATEWAY || p->slot->def->role == ROLE_FRONT;
    }
    if (left <= SERVE_LEFT_MAX)
        return RC_OK;
    snprintf(n, sizeof(n), "%zu", left);
    return ERR(err, RC_QUOTA, msg_crowd, str_of(n));
}

/* ---- what the new program says of itself */

/* Between fork and exec: system calls only. */
_Noreturn static void look(const struct serve_upgrade *u, char *const *argv, int out, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int program = fcntl(u->program, F_DUPFD_CLOEXEC, PROGRAM_FD + 1);
    bool ok = null >= 0 && program >= 0 && sandbox_default_signals() &&
              prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent &&
              dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0 &&
              dup2(null, STDIN_FILENO) >= 0 && dup3(program, PROGRAM_FD, O_CLOEXEC) >= 0 &&
              close_range(PROGRAM_FD + 1, ~0u, 0) == 0;

    if (ok)
        execveat(PROGRAM_FD, "", argv, environ, AT_EMPTY_PATH);
    _exit(NOT_EXECUTED);
}

static enum rc no_file(const struct serve *sup, struct err *err)
{
    return ERR(err, RC_IO, msg_file, buf_str(&sup->file), str_of(strerrordesc_np(errno)));
}

static enum rc begin_look(struct serve_upgrade *u, char *const *argv, struct err *err)
{
    pid_t parent = getpid();
    int ends[2];
    pid_t pid;

    fd_close(&u->says);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return no_file(u->sup, err);
    pid = fork();
    if (pid == 0)
        look(u, argv, ends[1], parent);
    close(ends[1]);
    u->says = ends[0];
    if (pid < 0)
        return no_file(u->sup, err);
    u->pid = pid;
    ev_timer_start(&u->limit, SERVE_CHECK_SECONDS * WHEN_SECOND, 0);
    return RC_OK;
}

static enum rc ask_version(struct serve_upgrade *u, struct err *err)
{
    static char program[] = "autarky", version[] = "version", json[] = "--json";

    u->step = VERSION;
    return begin_look(u, (char *[]){program, version, json, NULL}, err);
}

static enum rc ask_config(struct serve_upgrade *u, struct err *err)
{
    static char program[] = "autarky", config[] = "config", check[] = "check", data[] = "--data",
                file[] = "--config";
    const struct serve *sup = u->sup;
    CLEANUP(mem_freep) char *path = NULL;
    char *argv[] = {program, config, check, data, sup->data_path, NULL, NULL, NULL};

    u->step = CONFIG;
    if (sup->options->config) {
        path = mem_strdup(sup->options->config);
        if (!path)
            return RC_NOMEM;
        argv[5] = file;
        argv[6] = path;
    }
    return begin_look(u, argv, err);
}

/* It has ended, so nothing more comes; what a child of its holds open is not waited for. */
static enum rc read_says(const struct serve_upgrade *u, struct buf *out)
{
    void *room = buf_reserve(out, SERVE_CHECK_MAX);
    ssize_t n;

    if (!room || fcntl(u->says, F_SETFL, O_NONBLOCK) != 0)
        return RC_NOMEM;
    n = read(u->says, room, SERVE_CHECK_MAX);
    buf_advance(out, n > 0 ? (size_t)n : 0);
    return RC_OK;
}

static enum rc looked_bad(const struct serve_upgrade *u, struct str why, struct err *err)
{
    if (why.n > SAYS_MAX)
        why.n = SAYS_MAX;
    return ERR(err, RC_DENIED, msg_looked, buf_str(&u->sup->file), why);
}

static enum rc judge_version(struct serve_upgrade *u, struct str says, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    uint64_t schema = 0, handover = 0;
    struct str version = {};
    const struct json *root;

    if (json_parse(says, SERVE_CHECK_MAX, &doc, NULL) != RC_OK)
        return looked_bad(u, STR("it does not say its version as JSON"), err);
    root = json_root(doc);
    if (json_u64(json_get(root, "handover"), &handover) != RC_OK || handover != SERVE_HANDOVER)
        return looked_bad(u, STR("it is not made to take over from this one; restart the service"),
                          err);
    if (json_str(json_get(root, "version"), &version) != RC_OK ||
        str_copyz(version, u->version, sizeof(u->version)) != RC_OK ||
        json_u64(json_get(root, "schema"), &schema) != RC_OK)
        return looked_bad(u, STR("it does not say its version and schema"), err);
    if (schema < u->sup->options->schema)
        return ERR(err, RC_VERSION, msg_schema, buf_str(&u->sup->file));
    return RC_OK;
}

static enum rc judge(struct serve_upgrade *u, int status, struct err *err)
{
    CLEANUP(buf_done) struct buf says = BUF_INIT(SERVE_CHECK_MAX);
    char text[VALUE_BYTES];

    if (u->late)
        return looked_bad(u, STR("it does not answer in time"), err);
    TRY(read_says(u, &says));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return u->step == VERSION ? judge_version(u, buf_str(&says), err) : RC_OK;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_EXECUTED)
        return looked_bad(u, STR("it cannot be executed"), err);
    if (says.n)
        return looked_bad(u, str_trim(buf_str(&says)), err);
    snprintf(text, sizeof(text), "%s %d", WIFEXITED(status) ? "status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return looked_bad(u, str_of(text), err);
}

/* ---- making way */

/* Handshakes that the keeper signs, requests that the waf inspects: these processes cannot do
 * without. */
static bool must_stop_accepting(const struct conf *conf)
{
    return conf->gateway.keys == CONF_KEYS_KEEPER || role_wanted_waf(conf);
}

static void drain(struct serve_upgrade *u)
{
    u->step = DRAIN;
    serve_sup_proc_ended(u->sup);
}

static void settle(struct serve_upgrade *u)
{
    if (!must_stop_accepting(u->sup->conf)) {
        drain(u);
        return;
    }
    u->step = SETTLES;
    ev_timer_start(&u->limit, SETTLE, 0);
}

static void on_left(void *arg, const struct ipc_answer *a)
{
    struct serve_proc *p = arg;
    struct serve *sup = p->slot->sup;
    struct serve_upgrade *u = sup->upgrade;

    if (!u || u->step != LEAVE)
        return;
    p->left = a->rc == RC_OK;
    p->leaves = p->left && p->slot->def->role == ROLE_GATEWAY;
    /* One whose channel is closed may have been waited for: its process id is nobody's. */
    if (!p->left && a->rc != RC_CLOSED && p->signals == 0)
        serve_proc_kill(p);
    else if (p->leaves && must_stop_accepting(sup->conf))
        serve_proc_drain(p);
    if (--u->waiting == 0)
        settle(u);
}

static void ask_to_leave(struct serve_upgrade *u, struct serve_proc *p)
{
    const struct ipc_ask ask = {
        .type = IPC_LEAVE, .timeout = LEAVE_TIMEOUT, .fn = on_left, .arg = p};
    enum role role = p->slot->def->role;

    if (p->alone)
        p->leaves = true;
    else if ((role == ROLE_GATEWAY || role == ROLE_FRONT) && p->state != PROC_STARTING && p->chan &&
             p->signals == 0 && ipc_call(p->chan, &ask, NULL) == RC_OK)
        u->waiting++;
}

static void make_way(struct serve_upgrade *u)
{
    struct serve *sup = u->sup;
    const struct ipc_reloaded m = {.generation = sup->generation, .text = str_of(u->version)};

    log_info("serve.upgrade", LOG_STR("program", buf_str(&sup->file)),
             LOG_Z("from", AUTARKY_VERSION), LOG_Z("to", u->version));
    if (u->req)
        IGNORE_RC(ipc_reply(MOVE(u->req), &m)); /* the log has it, too */
    serve_notify_reloading(sup);
    serve_window_forget(sup);
    sup->leaving = true;
    u->step = LEAVE;
    u->waiting = 1; /* this function */
    LIST_FOREACH (it, &sup->procs)
        ask_to_leave(u, serve_proc_at(it));
    if (--u->waiting == 0)
        settle(u);
}

bool serve_upgrade_waits(const struct serve *sup)
{
    return sup->leaving && sup->upgrade && sup->upgrade->step != DRAIN;
}

static void step_over(void *arg)
{
    struct serve_upgrade *u = arg;

    if (u->step == SETTLES) {
        drain(u);
        return;
    }
    u->late = true;
    if (kill(u->pid, SIGKILL) != 0)
        log_error("serve.check-not-killed", LOG_INT("pid", u->pid),
                  LOG_TEXT(strerrordesc_np(errno)));
}

/* The new program binds what the configuration has and this one does not while it holds what this
 * one has: an address that two of them want ends it, when there is no way back. */
static enum rc can_listen(struct serve *sup, struct err *err)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_unrefp) const struct conf *next = NULL;
    struct serve_sockets *trial;
    struct serve_wanted wanted;
    enum rc rc;

    conf_input_init(&in);
    if (serve_conf_read(sup, &in, &next, NULL) != RC_OK)
        return RC_OK; /* in words of the new program, perhaps: it has said that it is good */
    TRY(serve_slots_make(sup, next, &wanted, err));
    trial = MEM_NEW(struct serve_sockets);
    if (!trial)
        return RC_NOMEM;
    rc = serve_sockets_bind(next, &wanted, &sup->sockets, trial, err);
    if (rc == RC_OK)
        serve_sockets_drop(trial);
    mem_free(trial);
    return rc;
}

void serve_upgrade_reap(struct serve *sup)
{
    struct serve_upgrade *u = sup->upgrade;
    struct err err = ERR_INIT;
    int status;

    if (!u || u->pid == 0 || waitpid(u->pid, &status, WNOHANG) <= 0)
        return;
    u->pid = 0;
    ev_timer_stop(&u->limit);
    err.rc = judge(u, status, &err);
    if (err.rc == RC_OK && u->step == VERSION)
        err.rc = ask_config(u, &err);
    else if (err.rc == RC_OK)
        err.rc = can_listen(sup, &err);
    if (err.rc == RC_OK && !u->pid)
        make_way(u);
    if (err.rc != RC_OK)
        give_up(u, &err);
}

/* ---- the other program */

enum rc serve_upgrade_init(struct serve *sup)
{
    static const char gone[] = " (deleted)";
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    CLEANUP(fd_closep) int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    void *room;

    buf_init(&sup->file, PATH_MAX);
    buf_init(&sup->argv, ARGS_BYTES);
    if (n <= 0 || n == (ssize_t)sizeof(path) || fd < 0)
        return RC_IO;
    if (str_ends(str_bytes(path, (size_t)n), STR(" (deleted)")))
        n -= (ssize_t)sizeof(gone) - 1; /* another one is there already */
    buf_put(&sup->file, path, (size_t)n);
    TRY(buf_rc(&sup->file));
    (void)buf_z(&sup->file);
    room = buf_reserve(&sup->argv, ARGS_BYTES - 1);
    if (!room)
        return RC_NOMEM;
    n = read(fd, room, ARGS_BYTES - 1);
    buf_advance(&sup->argv, n > 0 ? (size_t)n : 0);
    (void)buf_z(&sup->argv);
    return buf_rc(&sup->argv);
}

void serve_upgrade_signals(bool hold)
{
    static const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR2};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void add_left(struct serve_handover *h, const struct serve_proc *p)
{
    struct serve_left *l = &h->left[h->n_left++];

    *l = (struct serve_left){.role = p->slot->def->role,
                             .number = p->slot->number,
                             .instance = p->instance,
                             .pid = p->pid,
                             .since = p->started_at};
    if (p->told || (!p->alone && p->state == PROC_DRAINING))
        l->until = p->limit.due;
}

static enum rc collect(const struct serve *sup, struct serve_handover *h)
{
    h->generation = sup->generation;
    h->lock = sup->lock;
    h->sockets = sup->sockets;
    LIST_FOREACH (it, &sup->procs) {
        if (h->n_left == SERVE_LEFT_MAX)
            return RC_TOOBIG;
        add_left(h, serve_proc_at(it));
    }
    return str_copyz(STR(AUTARKY_VERSION), h->version, sizeof(h->version));
}

static bool keep(const struct serve_handover *h, int state, int how)
{
    bool ok = fcntl(h->lock, F_SETFD, how) == 0 && fcntl(state, F_SETFD, how) == 0;

    for (size_t i = 0; i < h->sockets.n; i++)
        ok &= fcntl(h->sockets.v[i].l.fd, F_SETFD, how) == 0;
    return ok;
}

static enum rc no_execution(struct err *err)
{
    return ERR(err, RC_IO, msg_execute, str_of(strerrordesc_np(errno)));
}

static enum rc execute(const struct serve *sup, const struct serve_handover *h, struct err *err)
{
    CLEANUP(fd_closep) int state = -1;
    char *argv[ARGS_MAX + 1] = {};
    char value[VALUE_BYTES];
    size_t n = 0;
    enum rc rc;

    for (size_t at = 0; at < sup->argv.n && n < ARGS_MAX; at += strlen(argv[n++]) + 1)
        argv[n] = sup->argv.p + at;
    TRY(serve_handover_seal(h, &state, err));
    snprintf(value, sizeof(value), "%d %d", state, (int)getpid());
    if (setenv(SERVE_HANDOVER_VARIABLE, value, 1) != 0 || !keep(h, state, 0))
        return no_execution(err);
    log_flush();
    execveat(sup->upgrade->program, "", argv, environ, AT_EMPTY_PATH);
    rc = no_execution(err);
    IGNORE_RC(keep(h, state, FD_CLOEXEC) ? RC_OK : RC_IO); /* what is spawned closes them anyway */
    unsetenv(SERVE_HANDOVER_VARIABLE);
    return rc;
}

/* Those that were to go on do so until this program's next ones are ready. */
static void go_on(struct serve *sup)
{
    sup->leaving = false;
    LIST_FOREACH (it, &sup->procs) {
        serve_proc_at(it)->leaves = serve_proc_at(it)->left = false;
        serve_proc_at(it)->slot->cur = NULL;
    }
    for (size_t i = 0; i < sup->n_slots; i++)
        serve_slot_start(&sup->slots[i]);
    serve_notify("READY=1");
}

static void on_go(void *arg)
{
    struct serve_upgrade *u = arg;
    struct serve *sup = u->sup;
    struct serve_handover *h = MEM_NEW(struct serve_handover);
    struct err err = ERR_INIT;

    err.rc = h ? collect(sup, h) : RC_NOMEM;
    if (err.rc == RC_OK)
        err.rc = execute(sup, h, &err);
    mem_free(h);
    give_up(u, &err);
    go_on(sup);
}

static void on_turn(void *arg)
{
    struct serve_upgrade *u = arg;

    ev_defer(u->sup->ev, &u->go);
}

/* A signal to end that this program has heard already would be lost with it. */
void serve_upgrade_go(struct serve *sup)
{
    struct serve_upgrade *u = sup->upgrade;

    if (u->going)
        return;
    u->going = true;
    serve_upgrade_signals(true);
    ev_defer(sup->ev, &u->turn);
}

/* It is executed with all that this process may do: whoever else could put another one there could
 * do as much. */
static enum rc open_program(struct serve_upgrade *u, struct err *err)
{
    struct serve *sup = u->sup;

    TRY(owned_program(buf_str(&sup->file), geteuid(), err));
    u->program = open(buf_z(&sup->file), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return u->program < 0 ? no_file(sup, err) : RC_OK;
}

void serve_upgrade_begin(struct serve *sup, struct ipc_req *req)
{
    struct err err = ERR_INIT;
    struct serve_upgrade *u;

    err.rc = may_begin(sup, &err);
    if (err.rc != RC_OK) {
        refuse(req, &err);
        return;
    }
    u = MEM_NEW(struct serve_upgrade);
    if (!u) {
        refuse(req, &(struct err){.rc = RC_NOMEM});
        return;
    }
    *u = (struct serve_upgrade){.sup = sup, .req = req, .program = -1, .says = -1};
    ev_timer_init(&u->limit, sup->ev, step_over, u);
    ev_defer_init(&u->turn, on_turn, u);
    ev_defer_init(&u->go, on_go, u);
    sup->upgrade = u;
    err.rc = open_program(u, &err);
    if (err.rc == RC_OK)
        err.rc = ask_version(u, &err);
    if (err.rc != RC_OK)
        give_up(u, &err);
}
