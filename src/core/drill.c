/* SPDX-License-Identifier: Apache-2.0 */
/* A drill of the runner, with its real process: the declared command works, and whatever else a
 * core that was taken over might ask for does not. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/core_int.h"
#include "ipc/site_messages.h"
#include "log/log.h"

enum { DRILL_SECONDS = 20, REASON_MAX = 512, ANSWER_MAX = 64 * 1024, LONG = 64 * 1024 };

#define COMMAND "drill"

MSG(msg_no_runner, "core.no-runner",
    "the runner is not there at the moment; `autarky status` shows the processes");
MSG(msg_failed, "core.drill-failed", "the command {0} ended with {1} {2}: {3}");
MSG(msg_executed, "core.drill-executed",
    "the runner did not refuse \"{0}\", which nobody declared: report this as a defect");
MSG(msg_refusal, "core.drill-refusal", "instead of refusing \"{0}\" the runner says: {1}");

/* The last one is LONG bytes. */
static const struct str foreign[] = {
    STR("sh"),        STR("/bin/sh"),
    STR("../bin/sh"), STR("drill;id"),
    STR("drill "),    STR("Drill"),
    STR("dril"),      STR("drill\0id"),
    STR("drill\nid"), STR("$(id)"),
    STR("--drill"),   STR("drill -G"),
    STR(""),          {},
};

enum { FOREIGN = sizeof(foreign) / sizeof(foreign[0]) };

struct drill {
    struct core *core;
    struct ipc_req *req;
    size_t next; /* of `foreign` */
    uint32_t status;
    struct str output;
    struct str reasons[FOREIGN];
    char *long_name;
};

static struct str name_of(const struct drill *d, size_t i)
{
    return foreign[i].p ? foreign[i] : str_bytes(d->long_name, LONG);
}

static void refuse(const struct drill *d, const struct err *err)
{
    core_admin_refuse(d->req, err);
}

static void put(struct drill *d, struct json_out *o)
{
    json_obj(o);
    json_kv_z(o, "command", COMMAND);
    json_kv_u64(o, "status", (uint64_t)WEXITSTATUS(d->status));
    json_kv_str(o, "output", d->output);
    json_key(o, "refused");
    json_arr(o);
    for (size_t i = 0; i < FOREIGN; i++) {
        json_obj(o);
        json_kv_str(o, "name", str_head(name_of(d, i), 64));
        json_kv_u64(o, "bytes", name_of(d, i).n);
        json_kv_str(o, "reason", d->reasons[i]);
        json_end(o);
    }
    json_end(o);
    json_end(o);
}

static void succeed(struct drill *d)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    put(d, &o);
    core_admin_reply(d->req, &o, &text);
}

static enum rc ask(struct drill *d, struct str name, ipc_answer_fn fn)
{
    const struct ipc_run m = {name};
    const struct ipc_ask ask = {
        .type = IPC_RUN, .msg = &m, .timeout = DRILL_SECONDS * WHEN_SECOND, .fn = fn, .arg = d};

    return d->core->runner ? ipc_call(d->core->runner, &ask, NULL) : RC_CLOSED;
}

static enum rc keep_reason(struct drill *d, const struct err *err)
{
    char text[REASON_MAX];

    TRY(arena_str(ipc_req_arena(d->req), str_of(err_textz(err, text, sizeof(text))),
                  &d->reasons[d->next]));
    d->next++;
    return RC_OK;
}

static void ask_next(struct drill *d);

static void on_foreign(void *arg, const struct ipc_answer *a)
{
    struct drill *d = arg;
    struct str name = name_of(d, d->next);
    struct err err = ERR_INIT;
    char text[REASON_MAX];

    if (a->rc == RC_NOTFOUND)
        err.rc = keep_reason(d, a->err);
    else if (a->rc == RC_OK)
        err.rc = ERR(&err, RC_DENIED, msg_executed, name);
    else
        err.rc = ERR(&err, a->rc, msg_refusal, name, str_of(err_textz(a->err, text, sizeof(text))));
    if (err.rc == RC_OK)
        ask_next(d);
    else
        refuse(d, &err);
}

/* What the table of messages has no room for does not even leave this process. */
static void ask_next(struct drill *d)
{
    struct err err = ERR_INIT;

    while (d->next < FOREIGN) {
        enum rc rc = ask(d, name_of(d, d->next), on_foreign);

        if (rc == RC_OK)
            return;
        err.rc = rc;
        if ((rc != RC_TOOBIG && rc != RC_INVAL) || keep_reason(d, &err) != RC_OK) {
            err.rc = rc == RC_CLOSED ? ERR(&err, rc, msg_no_runner) : rc;
            refuse(d, &err);
            return;
        }
    }
    succeed(d);
}

static void on_drill(void *arg, const struct ipc_answer *a)
{
    struct drill *d = arg;
    const struct ipc_run_reply *m = a->msg;
    struct err err = ERR_INIT;
    char status[16];
    bool exited;

    if (a->rc != RC_OK) {
        refuse(d, a->err);
        return;
    }
    exited = WIFEXITED(m->status);
    snprintf(status, sizeof(status), "%d", exited ? WEXITSTATUS(m->status) : WTERMSIG(m->status));
    if (m->status == 0)
        err.rc = arena_str(ipc_req_arena(d->req), str_trim(m->output), &d->output);
    else
        err.rc = ERR(&err, RC_IO, msg_failed, STR(COMMAND), exited ? STR("status") : STR("signal"),
                     str_of(status), str_trim(m->output));
    d->status = m->status;
    if (err.rc == RC_OK)
        ask_next(d);
    else
        refuse(d, &err);
}

void core_drill_runner(struct core *core, struct ipc_req *req)
{
    struct arena *arena = ipc_req_arena(req);
    struct drill *d = ARENA_NEW(arena, struct drill);
    struct err err = {.rc = RC_NOMEM};

    if (d)
        *d = (struct drill){.core = core, .req = req, .long_name = arena_alloc(arena, LONG)};
    if (d && d->long_name) {
        memset(d->long_name, 'd', LONG);
        err.rc = ask(d, STR(COMMAND), on_drill);
    }
    if (err.rc == RC_CLOSED)
        err.rc = ERR(&err, RC_CLOSED, msg_no_runner);
    if (err.rc != RC_OK)
        core_admin_refuse(req, &err);
}
