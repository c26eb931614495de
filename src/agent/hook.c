/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks written for other clients. Each call is one execution: the words of the style, an
 * environment of our own with the variables that the style has, and what the administrator put into
 * a file. Calls come one after the other, in the order of the challenges; one that fails is a
 * failure. A challenge is answered and taken away before the next one begins (client/), so a hook
 * that overwrites all values of a name does no harm. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/hook_int.h"
#include "agent/journal.h"
#include "base/owned.h"

MSG(msg_unsafe, "agent.hook-unsafe",
    "the hook is not run, for others than root and who runs this could have theirs run in its "
    "place: {0}");
MSG(msg_time, "agent.hook-time",
    "--hook-timeout is \"{0}\"; it takes a time up to an hour, as in 30s or 5m");
MSG(msg_stopped, "agent.hook-stopped",
    "stopped by a signal before {0} of the hook was called; `autarky renew` goes on there");

enum { BY_TEXT = 300 };

static void call_free(struct hook_call *c)
{
    if (!c)
        return;
    list_remove(&c->link);
    arena_done(&c->arena);
    mem_free(c);
}
DEFINE_FREEP(call_free, struct hook_call)

/* ---- what is executed, and as whom */

static enum rc look_at(const struct hook_file *f, uid_t owner, struct err *err)
{
    struct err why = ERR_INIT;
    char line[768];
    enum rc rc =
        f->script ? owned_script(f->path, owner, &why) : owned_program(f->path, owner, &why);

    if (rc == RC_DENIED)
        return ERR(err, rc, msg_unsafe, str_of(err_textz(&why, line, sizeof(line))));
    if (rc != RC_OK && err)
        *err = why;
    return rc;
}

enum rc agent_hook_file(struct hook *h, struct str path, bool script, struct err *err)
{
    const struct hook_file f = {path, script};

    if (h->n_files == HOOK_FILES_MAX)
        return RC_TOOBIG;
    TRY(look_at(&f, h->owner, err));
    h->files[h->n_files++] = f;
    return RC_OK;
}

int64_t agent_hook_time(const struct agent_plan *plan)
{
    when_t time;

    if (plan->hook_timeout.n == 0)
        return AGENT_HOOK_TIME;
    return when_parse_span(plan->hook_timeout, &time) == RC_OK && time > 0 && time <= WHEN_HOUR
               ? time
               : 0;
}

static void set_bounds(struct hook *h, int64_t timeout, bool no_new_privs)
{
    h->timeout = timeout;
    h->as = (struct sandbox_child_as){.become = h->user.other,
                                      .uid = h->user.uid,
                                      .gid = h->user.gid,
                                      .groups = h->user.groups,
                                      .n_groups = h->user.n_groups,
                                      .no_new_privs = no_new_privs};
    h->limits = (struct sandbox_child_limits){
        .cpu_seconds = (uint64_t)(h->timeout + WHEN_SECOND - 1) / WHEN_SECOND,
        .files = HOOK_OPEN_MAX,
        .processes = h->user.other ? HOOK_PROCESSES_MAX : 0,
        .memory = HOOK_MEMORY_MAX,
        .file = HOOK_FILE_MAX};
}

static enum rc take_bounds(struct hook *h, const struct agent_plan *plan, struct err *err)
{
    int64_t timeout = agent_hook_time(plan);

    TRY(agent_user_find(plan->hook_user, &h->user, err));
    if (!timeout)
        return ERR(err, RC_INVAL, msg_time, plan->hook_timeout);
    set_bounds(h, timeout, plan->hook_user.n > 0);
    h->owner = geteuid();
    return RC_OK;
}

/* ---- calls */

static void next(struct hook *h);

static void take_end(struct hook *h, const struct agent_child_end *end)
{
    h->told = true;
    h->told_rc = end->rc;
    if (end->err && h->told_err)
        *h->told_err = *end->err;
    if (h->told_out)
        buf_puts(h->told_out, end->out);
}

static void note(const struct hook *h, const struct hook_call *c, const struct agent_child_end *end)
{
    const struct err why = {.rc = end->rc}; /* not its last words: there may be secrets in them */
    char by[BY_TEXT];

    (void)snprintf(by, sizeof(by), "hook %s", h->name);
    for (size_t i = 0; i < c->n_records; i++)
        agent_note(h->w, c->removes ? AGENT_RECORD_REMOVED : AGENT_RECORD_ADDED, c->records[i],
                   str_of(by), &why);
}

static void on_end(void *arg, const struct agent_child_end *end)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    struct hook *h = arg;

    c = MOVE(h->at);
    h->child = NULL;
    ev_defer(h->w->ev, &h->go);
    note(h, c, end);
    if (c->auth)
        IGNORE_RC(str_copyz(str_head(str_trim(end->out), HOOK_OUTPUT_MAX - 1), h->printed,
                            sizeof(h->printed)));
    if (c->fn)
        c->fn(c->arg, end->rc, end->err);
    else if (c->arg)
        take_end(h, end);
    else if (end->rc != RC_OK)
        agent_say_err(h->w, "a proof may have been left behind", end->err);
    if (h->idle && list_empty(&h->queue))
        h->idle(h->idle_arg);
}

/* Others may have written to it since the last time. */
static enum rc start(struct hook *h, const struct agent_child_conf *conf, struct err *err)
{
    for (size_t i = 0; i < h->n_files; i++)
        TRY(look_at(&h->files[i], h->owner, err));
    return agent_child_start(conf, &h->child, err);
}

static void next(struct hook *h)
{
    struct list *link = h->at ? NULL : list_pop(&h->queue);
    struct agent_child_conf conf = {
        .w = h->w, .as = &h->as, .tied = h->apart, .timeout = h->timeout, .fn = on_end, .arg = h};
    struct agent_child_end end = {};
    struct err err = ERR_INIT;

    if (!link)
        return;
    h->at = LIST_ENTRY(link, struct hook_call, link);
    conf.argv = h->at->argv;
    conf.name = h->name;
    conf.verb = h->at->verb;
    conf.env = h->at->env;
    conf.limits = h->at->tells && !h->user.other ? NULL : &h->limits;
    if (h->stopping && conf.timeout > AGENT_HOOK_STOP)
        conf.timeout = AGENT_HOOK_STOP;
    end.rc = start(h, &conf, &err);
    if (end.rc == RC_OK)
        return;
    end.err = &err;
    err.rc = end.rc;
    on_end(h, &end);
}

static void on_go(void *arg)
{
    next(arg);
}

static enum rc new_call(struct hook *h, const char *const *begin, struct hook_call **out)
{
    struct hook_call *c = MEM_NEW(struct hook_call);

    if (!c)
        return RC_NOMEM;
    list_init(&c->link);
    arena_init(&c->arena, HOOK_ENV_BYTES);
    while (begin[c->n_argv]) {
        c->argv[c->n_argv] = begin[c->n_argv];
        c->n_argv++;
    }
    memcpy(c->env, h->env, sizeof(c->env));
    c->n_env = h->n_env;
    *out = c;
    return RC_OK;
}

enum rc agent_hook_word(struct hook_call *c, struct str word)
{
    struct str copy;

    if (c->n_argv == HOOK_ARGS_MAX)
        return RC_TOOBIG;
    TRY(arena_str(&c->arena, word, &copy));
    c->argv[c->n_argv++] = copy.p;
    return RC_OK;
}

static void enqueue(struct hook *h, struct hook_call *c)
{
    list_push(&h->queue, &c->link);
    ev_defer(h->w->ev, &h->go);
}

/* ---- challenges */

/* The proofs that a call is about: one, or all that there are. */
struct about {
    const struct client_proof *proofs;
    size_t n;
    bool all;
};

/* What it does to which records is the hook's affair; those of the names are what it was asked for.
 */
static enum rc fill(struct hook *h, struct hook_call *c, const struct about *about, bool begin)
{
    struct str *records = ARENA_ARRAY(&c->arena, struct str, about->n);

    if (!records)
        return RC_NOMEM;
    TRY(about->all ? agent_hook_chain_words(h, c, about->proofs, about->n, begin)
                   : agent_hook_words(h, c, about->proofs, begin));
    c->removes = !begin;
    c->records = records;
    for (size_t i = 0; !h->http && i < about->n; i++) {
        records[i] =
            arena_printf(&c->arena, "_acme-challenge.%.*s", STR_ARG(about->proofs[i].identifier));
        if (!records[i].p)
            return RC_NOMEM;
        c->n_records++;
    }
    return RC_OK;
}

static void show(struct hook *h, const struct about *about, client_presented_fn fn, void *fn_arg)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    enum rc rc = new_call(h, h->program, &c);

    if (rc == RC_OK)
        rc = fill(h, c, about, true);
    if (rc != RC_OK) {
        fn(fn_arg, rc, NULL);
        return;
    }
    c->fn = fn;
    c->arg = fn_arg;
    enqueue(h, MOVE(c));
}

static void forget_waiter(struct hook_call *c)
{
    if (!c->fn)
        return;
    c->fn = NULL;
    c->arg = NULL;
}

static void forget_waiters(struct hook *h)
{
    if (h->at)
        forget_waiter(h->at);
    LIST_FOREACH (it, &h->queue)
        forget_waiter(LIST_ENTRY(it, struct hook_call, link));
}

static void take_away(struct hook *h, const struct about *about)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    enum rc rc;

    forget_waiters(h);
    if (!h->cleanup[0])
        return;
    rc = new_call(h, h->cleanup, &c);
    if (rc == RC_OK)
        rc = fill(h, c, about, false);
    if (rc == RC_OK)
        enqueue(h, MOVE(c));
    else
        agent_say(h->w, true, "a proof may have been left behind: %s", rc_text(rc));
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    show(arg, &(struct about){proof, 1, false}, fn, fn_arg);
}

static void cleanup(void *arg, const struct client_proof *proof)
{
    take_away(arg, &(struct about){proof, 1, false});
}

static void present_all(void *arg, const struct client_proof *proofs, size_t n,
                        client_presented_fn fn, void *fn_arg)
{
    show(arg, &(struct about){proofs, n, true}, fn, fn_arg);
}

static void cleanup_all(void *arg, const struct client_proof *proofs, size_t n)
{
    take_away(arg, &(struct about){proofs, n, true});
}

static bool busy(const struct agent_solver *s)
{
    const struct hook *h = (const void *)s;

    return h->at || !list_empty(&h->queue);
}

static void hook_free(struct agent_solver *s)
{
    struct hook *h = (void *)s;

    agent_child_kill(h->child);
    ev_defer_cancel(&h->go);
    call_free(h->at);
    LIST_FOREACH (it, &h->queue)
        call_free(LIST_ENTRY(it, struct hook_call, link));
    arena_done(&h->arena);
    mem_free(h);
}

/* ---- more than challenges */

static const struct agent_solver_ops hook_ops = {busy, hook_free};

bool agent_hook_listens(const struct agent_solver *s)
{
    return s && s->ops == &hook_ops &&
           ((const struct hook *)(const void *)s)->style == HOOK_DEHYDRATED;
}

void agent_hook_stop(struct agent_solver *s, int64_t grace)
{
    struct hook *h = (void *)s;

    if (!s || s->ops != &hook_ops)
        return;
    h->stopping = true;
    if (h->child)
        agent_child_stop(h->child, grace);
}

enum rc agent_hook_tell(struct agent_solver *s, const struct str *words, size_t n, struct buf *out,
                        struct err *err)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    struct hook *h = (void *)s;

    if (!agent_hook_listens(s))
        return RC_OK;
    if (h->stopping)
        return ERR(err, RC_CANCELLED, msg_stopped, words[0]);
    TRY(new_call(h, h->program, &c));
    for (size_t i = 0; i < n; i++)
        TRY(agent_hook_word(c, words[i]));
    c->arg = h;
    c->tells = true;
    h->told = false;
    h->told_out = out;
    h->told_err = err;
    enqueue(h, MOVE(c));
    while (!h->told)
        ev_run_once(h->w->ev, EV_WAIT);
    return h->told_rc;
}

/* ---- made */

static struct hook *begin(const struct agent_world *w)
{
    struct hook *h = MEM_NEW(struct hook);

    if (!h)
        return NULL;
    h->w = w;
    arena_init(&h->arena, HOOK_ENV_BYTES);
    list_init(&h->queue);
    ev_defer_init(&h->go, on_go, h);
    h->s.ops = &hook_ops;
    return h;
}

static enum rc usual_env(struct hook *h)
{
    TRY(agent_child_env(&h->arena, h->env));
    h->n_env = AGENT_CHILD_ENV;
    return h->user.other ? agent_hook_set(h, "HOME", str_of(h->user.home)) : RC_OK;
}

enum rc agent_hook_as(const struct agent_world *w, const struct agent_hook_conf *conf,
                      struct agent_solver **out, struct err *err)
{
    struct hook *h = begin(w);
    CLEANUP(agent_solver_freep) struct agent_solver *s = h ? &h->s : NULL;
    const struct agent_plan plan = {.challenge = STR("dns-01"),
                                    .dns = &conf->identifier,
                                    .n_dns = 1,
                                    .hook_vars = conf->variables};

    if (!h)
        return RC_NOMEM;
    h->user = *conf->user;
    set_bounds(h, conf->timeout, true);
    h->apart = true;
    h->owner = conf->owner;
    h->idle = conf->idle;
    h->idle_arg = conf->arg;
    TRY(usual_env(h));
    TRY(agent_hook_style_as(h, conf, err));
    TRY(agent_hook_env(h, &plan, conf->dir, err));
    h->s.solver =
        (struct client_solver){.type = "dns-01", .present = present, .cleanup = cleanup, .arg = h};
    *out = MOVE(s);
    return RC_OK;
}

enum rc agent_hook_new(const struct agent_world *w, const struct agent_plan *plan, const char *dir,
                       struct agent_solver **out, struct err *err)
{
    struct hook *h = begin(w);
    CLEANUP(agent_solver_freep) struct agent_solver *s = h ? &h->s : NULL;

    if (!h)
        return RC_NOMEM;
    TRY(take_bounds(h, plan, err));
    TRY(usual_env(h));
    TRY(agent_hook_style(h, plan, dir, err));
    TRY(agent_hook_env(h, plan, dir, err));
    h->s.solver = (struct client_solver){.type = h->http ? "http-01" : "dns-01",
                                         .present = present,
                                         .cleanup = cleanup,
                                         .arg = h,
                                         .present_all = plan->hook_chain.n ? present_all : NULL,
                                         .cleanup_all = plan->hook_chain.n ? cleanup_all : NULL};
    *out = MOVE(s);
    return RC_OK;
}

enum rc agent_hook_check(const struct agent_plan *plan, const char *dir, struct err *err)
{
    CLEANUP(mem_freep) struct hook *h = MEM_NEW(struct hook);
    enum rc rc;

    if (!h)
        return RC_NOMEM;
    arena_init(&h->arena, HOOK_ENV_BYTES);
    rc = take_bounds(h, plan, err);
    if (rc == RC_OK)
        rc = agent_hook_style(h, plan, dir, err);
    arena_done(&h->arena);
    return rc;
}
