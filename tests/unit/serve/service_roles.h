/* SPDX-License-Identifier: Apache-2.0 */
/* Small roles for tests of the supervisor. A client connects to the plain listener, sends one
 * line and gets one text: front hands the line to core as the target of an HTTP request, core
 * answers it (core_on_http), with the help of signer and supervisor. */
#pragma once

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "log/log.h"
#include "net/net.h"
#include "role/role.h"

enum {
    SERVICE_TEXT = 65536,
    SERVICE_LINE = 256,
    SERVICE_SLOW_MS = 300,
    SERVICE_SPIN_SECONDS = 20,
    SERVICE_LEAK_FD = 77
};

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
    log_info("test.signer", LOG_BOOL("env", getenv("SERVICE_SECRET") != NULL),
             LOG_BOOL("credentials", getenv("CREDENTIALS_DIRECTORY") != NULL),
             LOG_BOOL("leak", fcntl(SERVICE_LEAK_FD, F_GETFD) >= 0));
    /* Something in DATA that a person must mend. */
    return faccessat(env->data, "broken", F_OK, 0) == 0 ? RC_CORRUPT : RC_OK;
}

static void signer_abort(struct role_env *env)
{
    log_info("test.signer-abort", LOG_INT("generation", env->generation));
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
    .abort = signer_abort,
};

/* core */

struct core_slow {
    struct ev_timer timer;
    struct ipc_req *req;
};

static unsigned core_slow_requests;
static struct role_env *core_env;
static bool core_draining;

#include "service_say.h"

static void core_ask(struct ipc_chan *to, enum ipc_type type, ipc_answer_fn fn, struct ipc_req *req)
{
    const struct ipc_ask ask = {.type = type, .fn = fn, .arg = req};

    if (!to || ipc_call(to, &ask, NULL) != RC_OK)
        core_say(req, "nobody to ask");
}

static void core_reload(const struct role_env *env, struct ipc_req *req, bool despite_window)
{
    const struct ipc_reload m = {despite_window};
    const struct ipc_ask ask = {.type = IPC_RELOAD, .msg = &m, .fn = core_on_reloaded, .arg = req};

    if (!env->supervisor || ipc_call(env->supervisor, &ask, NULL) != RC_OK)
        core_say(req, "nobody to ask");
}

static void core_on_slow_signer(void *arg, const struct ipc_answer *a)
{
    core_say(arg, "slow but there, signer %s", rc_text(a->rc));
    if (--core_slow_requests == 0 && core_draining)
        role_drained(core_env);
}

/* Late as it is, it still needs the signer. */
static void core_on_slow(void *arg)
{
    struct core_slow *s = arg;

    core_ask(role_peer(core_env, ROLE_SIGNER), IPC_ISSUERS, core_on_slow_signer, MOVE(s->req));
    mem_free(s);
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

/* Too busy to see anything, for a while. */
static void core_spin(struct role_env *env, struct ipc_req *req)
{
    int64_t end = clock_mono(env->clock) + SERVICE_SPIN_SECONDS * WHEN_SECOND;

    log_info("test.spin");
    while (clock_mono(env->clock) < end)
        ;
    core_say(req, "dizzy");
}

/* What no process of ours would send: another version to the supervisor, garbage to all others. */
static void core_misbehave(bool supervisor)
{
    const char frame[48] = {[5] = supervisor ? 9 : 1, [7] = 127};

    for (int fd = 3; fd < 64; fd++) {
        int family = 0, listens = 1;
        socklen_t n = sizeof(int);

        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n);
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n);
        if (family == AF_UNIX && !listens && supervisor == (fd == 3) && write(fd, frame, 48) != 48)
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
    else if (str_eq(target, STR("numbers")))
        core_ask(env->supervisor, IPC_GATHER, core_on_gathered, req);
    else if (str_eq(target, STR("reload")) || str_eq(target, STR("reload now")))
        core_reload(env, req, str_eq(target, STR("reload now")));
    else if (str_eq(target, STR("slow")))
        core_slow(env, req);
    else if (str_eq(target, STR("spin")))
        core_spin(env, req);
    else if (str_eq(target, STR("garbage")) || str_eq(target, STR("version")))
        core_misbehave(str_eq(target, STR("version")));
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
    struct ev_fd *listeners[2]; /* plain and private */
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
        bool private = str_eq(str_of(env->listeners[i].kind), STR("private"));

        if (!private && !str_eq(str_of(env->listeners[i].kind), STR("plain")))
            continue;
        TRY(ev_fd_new(env->ev, env->listeners[i].fd, front_on_accept, &env->listeners[i].fd,
                      &front.listeners[private]));
        ev_fd_watch(front.listeners[private], EV_READ);
    }
    return RC_OK;
}

static void front_drain(struct role_env *env)
{
    front.draining = true;
    ev_fd_free(MOVE(front.listeners[0]));
    ev_fd_free(MOVE(front.listeners[1]));
    for (size_t i = 0; i < FRONT_CLIENTS; i++)
        if (front.clients[i].fd >= 0)
            return;
    role_drained(env);
}

static void front_close(struct role_env *)
{
    ev_fd_free(MOVE(front.listeners[0]));
    ev_fd_free(MOVE(front.listeners[1]));
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
