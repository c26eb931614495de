/* SPDX-License-Identifier: Apache-2.0 */
/* A whole service of three small roles, for tests of the supervisor: real processes, this very
 * program executed again as
 * `--role=NAME`. A client connects to the plain listener, sends one line and gets one text: front
 * hands the line to core as an HTTP target, core answers it (see core_targets), with the help of
 * signer and supervisor. What the service logs is read from a pipe; nothing here sleeps. */
#pragma once

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "log/log.h"
#include "net/net.h"
#include "role/serve.h"
#include "json/json.h"

enum {
    SERVICE_TEXT = 65536,
    SERVICE_LINE = 256,
    SERVICE_PATIENCE_MS = 30'000,
    SERVICE_SLOW_MS = 300
};

/* ---- the roles */

static const struct sandbox service_sandbox = {
    .user = "nobody",
    .promises = SB_STDIO | SB_FDPASS | SB_ACCEPT,
};

/* signer */

static void signer_on_issuers(void *, struct ipc_req *req, const void *, int)
{
    struct ipc_issuers none = {};

    IGNORE_RC(ipc_reply(req, &none)); /* the test sees it missing */
}

static const struct ipc_handler signer_handlers[] = {{IPC_ISSUERS, signer_on_issuers}};

static enum rc signer_open(struct role_env *env, struct err *)
{
    int fds = 0;

    for (int fd = 0; fd < 1024; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    log_info("test.signer", LOG_INT("fds", fds), LOG_BOOL("env", getenv("SERVICE_SECRET") != NULL),
             LOG_BOOL("credentials", getenv("CREDENTIALS_DIRECTORY") != NULL));
    /* Something in DATA that a person must mend. */
    return faccessat(env->data, "broken", F_OK, 0) == 0 ? RC_CORRUPT : RC_OK;
}

static const char *const signer_environment[] = {"CREDENTIALS_DIRECTORY", NULL};

static const struct role_def service_signer = {
    .role = ROLE_SIGNER,
    .sandbox = &service_sandbox,
    .handlers = signer_handlers,
    .n_handlers = 1,
    .environment = signer_environment,
    .drain_order = 2,
    .open = signer_open,
};

/* core */

struct core_slow {
    struct ev_timer timer;
    struct ipc_req *req;
};

static unsigned core_slow_requests;
static struct role_env *core_env;
static bool core_draining;

static void core_say(struct ipc_req *req, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void core_say(struct ipc_req *req, const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    struct ipc_http_reply m = {.status = 200};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    m.body = buf_str(&text);
    IGNORE_RC(ipc_reply(req, &m)); /* the test sees it missing */
}

static void core_on_issuers(void *arg, const struct ipc_answer *a)
{
    core_say(arg, "signer %s", rc_text(a->rc));
}

static void core_on_status(void *arg, const struct ipc_answer *a)
{
    const struct ipc_status *m = a->msg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    for (size_t i = 0; a->rc == RC_OK && i < m->processes.n; i++) {
        const struct ipc_process *p = &m->processes.v[i];

        buf_printf(&text, "%s pid=%u %.*s restarts=%u\n%.*s", role_name(p->role), p->pid,
                   STR_ARG(p->state), p->restarts, STR_ARG(p->sandbox));
    }
    core_say(arg, "%s", buf_z(&text));
}

static void core_on_reloaded(void *arg, const struct ipc_answer *a)
{
    const struct ipc_reloaded *m = a->msg;
    char text[1024];

    if (a->rc == RC_OK)
        core_say(arg, "generation %llu: %.*s", (unsigned long long)m->generation, STR_ARG(m->text));
    else
        core_say(arg, "refused: %s", err_textz(a->err, text, sizeof(text)));
}

static void core_on_slow(void *arg)
{
    struct core_slow *s = arg;

    core_say(MOVE(s->req), "slow but there");
    mem_free(s);
    if (--core_slow_requests == 0 && core_draining)
        role_drained(core_env);
}

static void core_slow(struct role_env *env, struct ipc_req *req)
{
    struct core_slow *s = MEM_NEW(struct core_slow);

    s->req = req;
    core_slow_requests++;
    ev_timer_init(&s->timer, env->ev, core_on_slow, s);
    ev_timer_start(&s->timer, SERVICE_SLOW_MS * (WHEN_SECOND / 1000), 0);
    log_info("test.slow");
}

static void core_ask(struct ipc_chan *to, enum ipc_type type, ipc_answer_fn fn, struct ipc_req *req)
{
    const struct ipc_ask ask = {.type = type, .fn = fn, .arg = req};

    if (!to || ipc_call(to, &ask, NULL) != RC_OK)
        core_say(req, "nobody to ask");
}

/* What no process of ours would send, to the supervisor or to all others. */
static void core_misbehave(bool supervisor)
{
    static const char other_version[48] = {[5] = 9};
    static const char garbage[48] = {[5] = 1, [7] = 127};

    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_storage at;
        socklen_t at_n = sizeof(at), n = sizeof(int);
        int listens = 1;

        if (getsockname(fd, (struct sockaddr *)&at, &at_n) != 0 || at.ss_family != AF_UNIX ||
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) != 0 || listens)
            continue;
        if (supervisor == (fd == 3) && write(fd, supervisor ? other_version : garbage, 48) != 48)
            log_warn("test.write");
    }
}

static void core_on_http(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct role_env *env = arg;
    struct str target = ((const struct ipc_http *)msg)->target;

    if (str_eq(target, STR("who")))
        core_say(req, "core pid=%d generation=%llu attempts=%llu", getpid(),
                 (unsigned long long)env->generation,
                 (unsigned long long)env->conf->validation.attempts);
    else if (str_eq(target, STR("signer")))
        core_ask(role_peer(env, ROLE_SIGNER), IPC_ISSUERS, core_on_issuers, req);
    else if (str_eq(target, STR("status")))
        core_ask(env->supervisor, IPC_STATUS, core_on_status, req);
    else if (str_eq(target, STR("reload")))
        core_ask(env->supervisor, IPC_RELOAD, core_on_reloaded, req);
    else if (str_eq(target, STR("slow")))
        core_slow(env, req);
    else if (str_eq(target, STR("garbage")))
        core_misbehave(false);
    else if (str_eq(target, STR("version")))
        core_misbehave(true);
    else if (str_eq(target, STR("network")))
        core_say(req, "%d", socket(AF_INET, SOCK_STREAM, 0));
    else
        core_say(req, "what?");
}

/* attempts: 13 in the configuration is refused, 14 ends the process amid the question. */
static enum rc core_prepare(struct role_env *, const struct conf *next, struct err *)
{
    if (next->validation.attempts == 14)
        raise(SIGKILL);
    return next->validation.attempts == 13 ? RC_UNSUPPORTED : RC_OK;
}

static enum rc core_open(struct role_env *env, struct err *)
{
    core_env = env;
    return RC_OK;
}

static void core_drain(struct role_env *env)
{
    core_draining = true;
    if (core_slow_requests == 0)
        role_drained(env);
}

static void core_commit(struct role_env *env)
{
    log_info("test.commit", LOG_INT("generation", env->generation));
}

static void core_abort(struct role_env *env)
{
    log_info("test.abort", LOG_INT("generation", env->generation));
}

static void core_peer(struct role_env *, enum role role, struct ipc_chan *chan)
{
    log_info("test.peer", LOG_Z("peer", role_name(role)), LOG_BOOL("there", chan != NULL));
}

static const struct ipc_handler core_handlers[] = {{IPC_HTTP, core_on_http}};

static const struct role_def service_core = {
    .role = ROLE_CORE,
    .sandbox = &service_sandbox,
    .handlers = core_handlers,
    .n_handlers = 1,
    .drain_order = 1,
    .open = core_open,
    .prepare = core_prepare,
    .commit = core_commit,
    .abort = core_abort,
    .peer = core_peer,
    .drain = core_drain,
};

/* front */

enum { FRONT_CLIENTS = 16 };

struct front_client {
    struct ev_fd *watch;
    int fd;
    bool waits;
};

static struct front {
    struct role_env *env;
    struct ev_fd *listener;
    struct front_client clients[FRONT_CLIENTS];
    bool draining;
} front;

static void front_end(struct front_client *c)
{
    ev_fd_free(MOVE(c->watch));
    fd_close(&c->fd);
    c->waits = false;
    for (size_t i = 0; i < FRONT_CLIENTS; i++)
        if (front.clients[i].fd >= 0)
            return;
    if (front.draining)
        role_drained(front.env);
}

static void front_on_answer(void *arg, const struct ipc_answer *a)
{
    struct front_client *c = arg;
    const struct ipc_http_reply *m = a->msg;
    struct str text = a->rc == RC_OK ? m->body : str_of(rc_text(a->rc));

    if (write(c->fd, text.p, text.n) < 0)
        log_warn("test.write");
    front_end(c);
}

static void front_on_line(void *arg, unsigned)
{
    struct front_client *c = arg;
    char line[SERVICE_LINE];
    ssize_t n = read(c->fd, line, sizeof(line));
    struct ipc_http m = {.listener = STR("plain"), .method = STR("GET")};
    const struct ipc_ask ask = {.type = IPC_HTTP, .msg = &m, .fn = front_on_answer, .arg = c};
    struct ipc_chan *core = role_peer(front.env, ROLE_CORE);

    if (n < 0 && errno == EAGAIN)
        return;
    ev_fd_watch(c->watch, 0);
    m.target = str_trim(str_bytes(line, n > 0 ? (size_t)n : 0));
    if (str_eq(m.target, STR("front"))) {
        n = snprintf(line, sizeof(line), "front pid=%d generation=%llu", getpid(),
                     (unsigned long long)front.env->generation);
        if (write(c->fd, line, (size_t)n) < 0)
            log_warn("test.write");
        front_end(c);
        return;
    }
    if (core && ipc_call(core, &ask, NULL) == RC_OK)
        return;
    if (write(c->fd, "no core", 7) < 0)
        log_warn("test.write");
    front_end(c);
}

static void front_on_accept(void *arg, unsigned)
{
    int listener = *(const int *)arg;
    int fd;

    while (net_accept(listener, &fd, NULL) == RC_OK) {
        size_t i = 0;

        while (i < FRONT_CLIENTS && front.clients[i].fd >= 0)
            i++;
        if (i == FRONT_CLIENTS || ev_fd_new(front.env->ev, fd, front_on_line, &front.clients[i],
                                            &front.clients[i].watch) != RC_OK) {
            fd_close(&fd);
            return;
        }
        front.clients[i].fd = fd;
        ev_fd_watch(front.clients[i].watch, EV_READ);
    }
}

static enum rc front_start(struct role_env *env, struct err *)
{
    front.env = env;
    for (size_t i = 0; i < FRONT_CLIENTS; i++)
        front.clients[i].fd = -1;
    for (size_t i = 0; i < env->n_listeners; i++) {
        if (!str_eq(str_of(env->listeners[i].kind), STR("plain")))
            continue;
        TRY(ev_fd_new(env->ev, env->listeners[i].fd, front_on_accept, &env->listeners[i].fd,
                      &front.listener));
        ev_fd_watch(front.listener, EV_READ);
    }
    return RC_OK;
}

static void front_drain(struct role_env *env)
{
    front.draining = true;
    ev_fd_free(MOVE(front.listener));
    for (size_t i = 0; i < FRONT_CLIENTS; i++)
        if (front.clients[i].fd >= 0)
            return;
    role_drained(env);
}

static void front_close(struct role_env *)
{
    ev_fd_free(MOVE(front.listener));
    for (size_t i = 0; i < FRONT_CLIENTS; i++)
        if (front.clients[i].fd >= 0) {
            ev_fd_free(MOVE(front.clients[i].watch));
            fd_close(&front.clients[i].fd);
        }
}

static const struct role_def service_front = {
    .role = ROLE_FRONT,
    .sandbox = &service_sandbox,
    .overlaps = true,
    .start = front_start,
    .drain = front_drain,
    .close = front_close,
};

static const struct role_def *const service_defs[] = {&service_signer, &service_core,
                                                      &service_front, NULL};

/* ---- the service as a test sees it */

struct service {
    struct check_dir dir;
    pid_t pid;
    int log; /* what it says on standard error */
    char text[SERVICE_TEXT];
    size_t n;
    size_t seen; /* up to here lines were waited for */
};

static const char service_conf[] = "organization: Example\n"
                                   "domain: hospital.example\n"
                                   "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"]}\n";

static void service_configure(struct service *s, const char *more)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    struct err err = ERR_INIT;

    buf_printf(&text, "%s%s", service_conf, more);
    if (file_write(s->dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, &err) != RC_OK)
        fail_msg("autarky.yaml: %s", err_textz(&err, s->text, sizeof(s->text)));
}

static void service_init(struct service *s)
{
    memset(s, 0, sizeof(*s));
    s->log = -1;
    check_dir_init(&s->dir);
    /* What a dead supervisor leaves behind comes to this process, which can see whether there is
     * something. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    service_configure(s, "");
}

static void service_start_with(struct service *s, const char *program)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        fail_msg("pipe");
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        struct role_serve serve = {.data = s->dir.path, .defs = service_defs, .program = program};

        prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a test fail and leave it behind */
        /* cmocka's handler would go on with the tests, in this process too. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        setenv("SERVICE_SECRET", "1", 1);
        setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
        _exit(role_serve(&serve));
    }
    close(fds[1]);
    fd_close(&s->log);
    s->log = fds[0];
    s->n = s->seen = 0;
    s->text[0] = '\0';
}

static void service_start(struct service *s)
{
    service_start_with(s, NULL);
}

/* Reads more of the log; false at its end. */
static bool service_read(struct service *s)
{
    struct pollfd p = {.fd = s->log, .events = POLLIN};
    ssize_t n;

    if (poll(&p, 1, SERVICE_PATIENCE_MS) != 1)
        fail_msg("nothing more was logged:\n%s", s->text);
    if (s->n > sizeof(s->text) / 2 && s->seen > s->n / 2) {
        memmove(s->text, s->text + s->seen, s->n - s->seen);
        s->n -= s->seen;
        s->seen = 0;
    }
    n = read(s->log, s->text + s->n, sizeof(s->text) - 1 - s->n);
    if (n > 0)
        s->n += (size_t)n;
    s->text[s->n] = '\0';
    return n > 0;
}

/* Waits for a line with both texts, later than the one waited for before; returns the number behind
 * `pid=`, if any. */
static pid_t service_wait(struct service *s, const char *one, const char *two)
{
    for (;;) {
        const char *end;

        while ((end = strchr(s->text + s->seen, '\n'))) {
            char line[LOG_LINE_MAX];
            const char *pid;

            snprintf(line, sizeof(line), "%.*s", (int)(end - s->text - (ptrdiff_t)s->seen),
                     s->text + s->seen);
            s->seen = (size_t)(end - s->text) + 1;
            pid = strstr(line, " pid=");
            if (strstr(line, one) && strstr(line, two))
                return pid ? (pid_t)strtol(pid + 5, NULL, 10) : 0;
        }
        if (!service_read(s))
            fail_msg("the log ended without %s %s:\n%s", one, two, s->text);
    }
}

static pid_t service_ready(struct service *s, enum role role)
{
    char name[32];

    snprintf(name, sizeof(name), " role=%s ", role_name(role));
    return service_wait(s, " role.ready ", name);
}

/* Waits for its end, reading what it still says; the status as of waitpid(2). */
static int service_end(struct service *s)
{
    int status = -1;

    while (service_read(s))
        ;
    if (waitpid(s->pid, &status, 0) != s->pid)
        fail_msg("the supervisor is lost");
    s->pid = 0;
    return status;
}

static void service_done(struct service *s)
{
    int status;

    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
        /* Its children follow. */
        while (waitpid(-1, &status, 0) > 0)
            ;
    }
    fd_close(&s->log);
    check_dir_done(&s->dir);
}

/* The first address of that kind in listeners.json. */
static bool service_address(struct service *s, const char *kind, struct addr_port *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *first;
    struct json_iter it;
    struct str address;

    if (file_read(s->dir.fd, "listeners.json", &text, NULL) != RC_OK ||
        json_parse(buf_str(&text), SERVICE_TEXT, &doc, NULL) != RC_OK)
        return false;
    it = json_iter(json_get(json_root(doc), kind));
    return json_next(&it, NULL, &first) && json_str(first, &address) == RC_OK &&
           addr_port_parse(address, out) == RC_OK;
}

static int service_connect(const struct addr_port *to)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&at.sin_addr, to->addr.b, sizeof(at.sin_addr));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        fd_close(&fd);
    return fd;
}

/* What comes back on a connection, until it is closed; in a static buffer. */
static const char *service_take(int *fd)
{
    static char text[SERVICE_TEXT];
    struct pollfd p = {.fd = *fd, .events = POLLIN};
    size_t n = 0;
    ssize_t got = 1;

    while (got > 0 && n < sizeof(text) - 1) {
        if (poll(&p, 1, SERVICE_PATIENCE_MS) != 1)
            fail_msg("no answer");
        got = read(*fd, text + n, sizeof(text) - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    fd_close(fd);
    text[n] = '\0';
    return text;
}

static int service_send(struct service *s, const char *line)
{
    struct addr_port at;
    int fd;

    if (!service_address(s, "plain", &at))
        fail_msg("listeners.json says nothing of plain");
    fd = service_connect(&at);
    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        fail_msg("no connection to the plain listener");
    return fd;
}

static const char *service_ask(struct service *s, const char *line)
{
    int fd = service_send(s, line);

    return service_take(&fd);
}

/* For main: the program as one of its own roles. -1 when it is not asked to be one. */
static int service_role(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && service_defs[i]; i++) {
        char arg[32];

        snprintf(arg, sizeof(arg), "--role=%s", role_name(service_defs[i]->role));
        if (strcmp(argv[1], arg) == 0)
            return role_child_run(service_defs[i]);
    }
    return -1;
}

#define SERVICE_MAIN(...)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int role_ = service_role(argc, argv);                                                      \
                                                                                                   \
        return role_ >= 0 ? role_ : check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));         \
    }
