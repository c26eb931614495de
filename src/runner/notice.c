/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers of alerts that are programs of this host. What is executed, with which arguments and as
 * whom is the configuration's; core says which, and what it reads. Each attempt has a number, and
 * what came of the last ones is remembered: a core that died before it could write that down asks
 * again, and is told, or waits for the program that is still running. So no attempt is made twice
 * as long as this process lives. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/owned.h"
#include "base/when.h"
#include "conf/conf.h"
#include "ipc/notice_messages.h"
#include "log/log.h"
#include "runner/runner_int.h"

MSG(msg_unknown, "runner.receiver-unknown",
    "the configuration has no receiver {0} of kind exec; the runner executes nothing else");
MSG(msg_busy, "runner.receivers-busy", "{0} programs of receivers are running");
MSG(msg_ending, "runner.receiver-ending", "the runner is ending; the program of {0} was stopped");
MSG(msg_later, "runner.receiver-later", "the program of {0} asks to be run again (status {1}){2}");
MSG(msg_status, "runner.receiver-status",
    "the program of {0} ended with status {1}, so it is not run again{2}");
MSG(msg_signal, "runner.receiver-signal", "the program of {0} was ended by signal {1}{2}");
MSG(msg_late, "runner.receiver-late",
    "the program of {0} took longer than {1} seconds and was killed{2}");
MSG(msg_exec, "runner.receiver-exec", "the program of {0} could not be executed{1}");

enum {
    ARENA_BYTES = 512 * 1024,
    SAID_BYTES = RUNNER_SAID_MAX + 8,
    NUMBER_BYTES = 16,
    EXIT_NOT_EXECUTED = 127, /* by spawn.c, and of shells */
    EXIT_TEMPFAIL = 75,      /* EX_TEMPFAIL of sysexits.h */
};

void runner_notice_free(struct runner_notice *n)
{
    if (!n)
        return;
    arena_done(&n->arena);
    mem_free(n);
}

/* ---- what it said */

/* The last lines, as one, without what a terminal obeys. */
static void put_said(struct str output, char said[static RUNNER_SAID_MAX + 1])
{
    struct str text = str_trim(output);
    size_t from = text.n, lines = 0, n = 0;

    while (from > 0 && text.n - from < RUNNER_SAID_MAX) {
        lines += text.p[from - 1] == '\n';
        if (lines == RUNNER_LINES_MAX)
            break;
        from--;
    }
    /* Not within a character. */
    while (from < text.n && ((unsigned char)text.p[from] & 0xc0) == 0x80)
        from++;
    for (; from < text.n; from++) {
        unsigned char c = (unsigned char)text.p[from];

        said[n++] = c < ' ' || c == 0x7f ? ' ' : (char)c;
    }
    said[n] = 0;
}

static struct str behind(const struct runner_result *r, char text[static SAID_BYTES])
{
    snprintf(text, SAID_BYTES, "%s%s", r->said[0] ? ": " : "", r->said);
    return str_of(text);
}

/* ---- what came of it */

static enum rc judge(const struct runner_result *r, struct err *err)
{
    int status = WEXITSTATUS(r->status);
    char said[SAID_BYTES], number[NUMBER_BYTES];
    struct str name = str_of(r->name);

    behind(r, said);
    snprintf(number, sizeof(number), "%d",
             r->late                  ? (int)r->seconds
             : WIFSIGNALED(r->status) ? WTERMSIG(r->status)
                                      : status);
    if (r->late)
        return ERR(err, RC_TIMEOUT, msg_late, name, str_of(number), str_of(said));
    if (!WIFEXITED(r->status))
        return ERR(err, RC_IO, msg_signal, name, str_of(number), str_of(said));
    if (status == 0)
        return RC_OK;
    if (status == EXIT_NOT_EXECUTED)
        return ERR(err, RC_NOTFOUND, msg_exec, name, str_of(said));
    if (status == EXIT_TEMPFAIL)
        return ERR(err, RC_AGAIN, msg_later, name, str_of(number), str_of(said));
    return ERR(err, RC_DENIED, msg_status, name, str_of(number), str_of(said));
}

static void reply(struct ipc_req *req, const struct runner_result *r)
{
    struct ipc_told m = {.why = ERR_INIT};

    m.why.rc = judge(r, &m.why);
    m.final = m.why.rc == RC_DENIED;
    m.text = str_of(r->said);
    IGNORE_RC(ipc_reply(req, &m)); /* on failure core has been told */
}

static bool same(const struct runner_attempt *a, const struct runner_attempt *b)
{
    return a->number == b->number && str_eq(id_str(&a->id), id_str(&b->id));
}

static const struct runner_result *recall(const struct runner *r, const struct runner_attempt *a)
{
    for (size_t i = 0; i < RUNNER_RESULTS_MAX && i < r->n_results; i++)
        if (same(&r->results[i].attempt, a))
            return &r->results[i];
    return NULL;
}

void runner_notice_ended(struct run *run, int status)
{
    struct runner *r = run->runner;
    struct runner_result *result = &r->results[r->n_results % RUNNER_RESULTS_MAX];
    bool stopped = run->killed && !WIFEXITED(status); /* or it was done before it was killed */
    struct err err = ERR_INIT;

    log_info("runner.told", LOG_Z("receiver", run->cmd->name),
             LOG_STR("delivery", id_str(&run->notice->attempt.id)), LOG_INT("pid", run->pid),
             LOG_INT("status", status), LOG_BOOL("killed", stopped));
    if (stopped && !run->late) { /* at the end of the service: nothing came of it */
        err.rc = ERR(&err, RC_CANCELLED, msg_ending, str_of(run->cmd->name));
        if (run->req)
            ipc_reply_err(MOVE(run->req), &err);
        return;
    }
    *result = (struct runner_result){.attempt = run->notice->attempt,
                                     .status = status,
                                     .late = stopped,
                                     .seconds = run->cmd->seconds};
    snprintf(result->name, sizeof(result->name), "%s", run->cmd->name);
    put_said(str_bytes(run->output, run->n), result->said);
    r->n_results++;
    if (run->req)
        reply(MOVE(run->req), result);
}

/* ---- its beginning */

static const char *zero(struct arena *a, struct str s)
{
    return arena_printf(a, "%.*s", STR_ARG(s)).p;
}

/* Copies, for the configuration may be another one before it has ended. */
static enum rc fill(struct runner_notice *n, const struct conf_receiver *conf,
                    const struct ipc_tell *m)
{
    const char **argv = ARENA_ARRAY(&n->arena, const char *, conf->command.n + 1);

    n->attempt = (struct runner_attempt){m->id, m->attempt};
    if (!argv)
        return RC_NOMEM;
    for (size_t i = 0; i < conf->command.n; i++)
        if (!(argv[i] = zero(&n->arena, conf->command.p[i])))
            return RC_NOMEM;
    n->cmd = (struct runner_command){.name = zero(&n->arena, conf->name),
                                     .user = zero(&n->arena, conf->user),
                                     .argv = argv,
                                     .seconds = (unsigned)(conf->timeout / WHEN_SECOND)};
    n->feed = (struct runner_feed){
        .input = m->body,
        .variables = {arena_printf(&n->arena, "AUTARKY_DELIVERY=%s", m->id.z).p,
                      arena_printf(&n->arena, "AUTARKY_RECEIVER=%.*s", STR_ARG(conf->name)).p,
                      arena_printf(&n->arena, "AUTARKY_ATTEMPT=%u", m->attempt + 1).p}};
    for (size_t i = 0; i < RUNNER_VARIABLES; i++)
        if (!n->feed.variables[i])
            return RC_NOMEM;
    return n->cmd.name && n->cmd.user ? RC_OK : RC_NOMEM;
}

static enum rc begin(struct runner *r, const struct conf_receiver *conf, const struct ipc_tell *m,
                     struct ipc_req *req, struct err *err)
{
    struct runner_notice *n;
    enum rc rc;

    TRY(owned_program(conf->command.p[0], r->env->unprivileged ? geteuid() : 0, err));
    n = MEM_NEW(struct runner_notice);
    if (!n)
        return RC_NOMEM;
    arena_init(&n->arena, ARENA_BYTES);
    rc = fill(n, conf, m);
    if (rc == RC_OK)
        rc = runner_begin(r, &n->cmd, n, req, err);
    if (rc != RC_OK)
        runner_notice_free(n);
    return rc;
}

static struct run *find_run(struct runner *r, const struct runner_attempt *a)
{
    LIST_FOREACH (it, &r->runs) {
        struct run *run = LIST_ENTRY(it, struct run, link);

        if (run->notice && same(&run->notice->attempt, a))
            return run;
    }
    return NULL;
}

static enum rc look(struct runner *r, const struct ipc_tell *m, struct ipc_req *req,
                    struct err *err)
{
    const struct conf_receiver *conf = conf_receiver_find(r->env->conf, m->receiver);
    char most[NUMBER_BYTES];

    snprintf(most, sizeof(most), "%d", RUNNER_NOTICES_MAX);
    if (!conf || conf->kind != CONF_RECEIVER_EXEC || conf->command.n == 0)
        return ERR(err, RC_NOTFOUND, msg_unknown, m->receiver);
    if (r->draining)
        return ERR(err, RC_CANCELLED, msg_ending, m->receiver);
    if (r->n_notices == RUNNER_NOTICES_MAX)
        return ERR(err, RC_QUOTA, msg_busy, str_of(most));
    return begin(r, conf, m, req, err);
}

void runner_on_tell(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct runner *r = ((const struct role_env *)arg)->state;
    const struct ipc_tell *m = msg;
    const struct runner_attempt a = {m->id, m->attempt};
    const struct runner_result *known = recall(r, &a);
    struct run *run = known ? NULL : find_run(r, &a);
    struct err err = ERR_INIT;

    if (known) {
        reply(req, known);
    } else if (run) {
        ipc_req_drop(run->req);
        run->req = req;
        runner_watch_asker(run);
    } else {
        err.rc = look(r, m, req, &err);
        if (err.rc == RC_OK)
            return;
        log_warn("runner.refused", LOG_STR("receiver", m->receiver), LOG_ERR(&err));
        ipc_reply_err(req, &err);
    }
}
