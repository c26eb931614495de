/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks written for other clients. Each call is one execution: the words of the style, an
 * environment of our own with the variables that the style has, and what the administrator put into
 * a file. Calls come one after the other, in the order of the challenges; one that fails is a
 * failure. A challenge is answered and taken away before the next one begins (client/), so a hook
 * that overwrites all values of a name does no harm. */
#include <stdio.h>
#include <string.h>

#include "agent/hook_int.h"
#include "agent/journal.h"

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
    struct err why = {.rc = end->rc};
    char by[BY_TEXT];

    if (c->record.n == 0)
        return;
    if (end->err)
        why = *end->err;
    (void)snprintf(by, sizeof(by), "hook %s", h->name);
    agent_note(h->w, c->removes ? AGENT_RECORD_REMOVED : AGENT_RECORD_ADDED, c->record, str_of(by),
               &why);
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
}

static void next(struct hook *h)
{
    struct list *link = h->at ? NULL : list_pop(&h->queue);
    struct agent_child_conf conf = {.w = h->w, .timeout = AGENT_HOOK_TIME, .fn = on_end, .arg = h};
    struct agent_child_end end = {};
    struct err err = ERR_INIT;

    if (!link)
        return;
    h->at = LIST_ENTRY(link, struct hook_call, link);
    conf.argv = h->at->argv;
    conf.name = h->name;
    conf.verb = h->at->verb;
    conf.env = h->at->env;
    end.rc = agent_child_start(&conf, &h->child, &err);
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

    if (c->n_argv == HOOK_WORDS_MAX)
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

/* What it does to which record is the hook's affair; that of the name is what it was asked for. */
static enum rc fill(struct hook *h, struct hook_call *c, const struct client_proof *proof,
                    bool begin)
{
    TRY(agent_hook_words(h, c, proof, begin));
    c->removes = !begin;
    if (h->http)
        return RC_OK;
    c->record = arena_printf(&c->arena, "_acme-challenge.%.*s", STR_ARG(proof->identifier));
    return c->record.p ? RC_OK : RC_NOMEM;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    struct hook *h = arg;
    enum rc rc = new_call(h, h->program, &c);

    if (rc == RC_OK)
        rc = fill(h, c, proof, true);
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

static void cleanup(void *arg, const struct client_proof *proof)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    struct hook *h = arg;
    enum rc rc;

    forget_waiters(h);
    if (!h->cleanup[0])
        return;
    rc = new_call(h, h->cleanup, &c);
    if (rc == RC_OK)
        rc = fill(h, c, proof, false);
    if (rc == RC_OK)
        enqueue(h, MOVE(c));
    else
        agent_say(h->w, true, "a proof may have been left behind: %s", rc_text(rc));
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

enum rc agent_hook_tell(struct agent_solver *s, const struct str *words, size_t n, struct buf *out,
                        struct err *err)
{
    CLEANUP(call_freep) struct hook_call *c = NULL;
    struct hook *h = (void *)s;

    if (!agent_hook_listens(s))
        return RC_OK;
    TRY(new_call(h, h->program, &c));
    for (size_t i = 0; i < n; i++)
        TRY(agent_hook_word(c, words[i]));
    c->arg = h;
    h->told = false;
    h->told_out = out;
    h->told_err = err;
    enqueue(h, MOVE(c));
    while (!h->told)
        ev_run_once(h->w->ev, EV_WAIT);
    return h->told_rc;
}

/* ---- made */

enum rc agent_hook_new(const struct agent_world *w, const struct agent_plan *plan, const char *dir,
                       struct agent_solver **out, struct err *err)
{
    struct hook *h = MEM_NEW(struct hook);
    CLEANUP(agent_solver_freep) struct agent_solver *s = NULL;

    if (!h)
        return RC_NOMEM;
    h->w = w;
    arena_init(&h->arena, HOOK_ENV_BYTES);
    list_init(&h->queue);
    ev_defer_init(&h->go, on_go, h);
    h->s.ops = &hook_ops;
    s = &h->s;
    TRY(agent_child_env(&h->arena, h->env));
    h->n_env = AGENT_CHILD_ENV;
    TRY(agent_hook_style(h, plan, dir, err));
    TRY(agent_hook_env(h, plan, dir, err));
    h->s.solver = (struct client_solver){h->http ? "http-01" : "dns-01", present, cleanup, h};
    *out = MOVE(s);
    return RC_OK;
}
