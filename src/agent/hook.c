/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks written for other clients. Each call is one execution: the words below, an environment of
 * our own with the variables that the style has, and what the administrator put into a file. Calls
 * come one after the other, in the order of the challenges; one that fails is a failure. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/place.h"
#include "agent/plan.h"
#include "agent/sealed.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "ev/ev.h"

MSG(msg_style, "agent.hook-style",
    "there is no style \"{0}\" of hooks; there are dehydrated, certbot, lego, lego-raw and uacme");
MSG(msg_path, "agent.hook-path",
    "the hook {0} cannot be executed: {1}; give its absolute path, and for certbot the auth and, "
    "behind a comma, the cleanup hook");
MSG(msg_challenge, "agent.hook-challenge",
    "hooks of style {0} cannot answer {1}; --challenge can be {2}");
MSG(msg_env, "agent.hook-env", "{0}: \"{1}\" is not NAME=value");

enum {
    ENV_MAX = 64,
    ENV_BYTES = 256 * 1024,
    WORDS_MAX = 8,
    NAME_MAX_TEXT = 256,
    OUTPUT_MAX = 16 * 1024,
};
#define TIMEOUT (5 * WHEN_MINUTE) /* a hook waits for its records to be seen */

enum style { DEHYDRATED, CERTBOT, LEGO, LEGO_RAW, UACME, STYLES };
static const char *const styles[STYLES] = {"dehydrated", "certbot", "lego", "lego-raw", "uacme"};

/* One call that waits, or is under way. */
struct call {
    struct list link;
    struct arena arena;
    const char *argv[WORDS_MAX + 2];
    const char *env[ENV_MAX + 1];
    size_t n_env;
    client_presented_fn fn; /* NULL: nobody waits, and a failure is told of */
    void *arg;
    bool auth; /* certbot: what it prints is for its cleanup hook */
};

struct hook {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    enum style style;
    struct arena arena;
    const char *program, *cleanup_program;
    const char *env[ENV_MAX + 1]; /* of all calls */
    size_t n_env;
    bool http;
    struct list queue;
    struct call *at;
    struct agent_child *child;
    struct ev_defer go;
    char printed[OUTPUT_MAX]; /* by certbot's auth hook, last */
    /* agent_hook_tell */
    bool told;
    enum rc told_rc;
    struct buf *told_out;
    struct err *told_err;
};

static void call_free(struct call *c)
{
    if (!c)
        return;
    list_remove(&c->link);
    arena_done(&c->arena);
    mem_free(c);
}
DEFINE_FREEP(call_free, struct call)

/* ---- the environment */

static const char *pair(struct arena *a, const char *name, struct str value)
{
    return arena_printf(a, "%s=%.*s", name, STR_ARG(value)).p;
}

static enum rc add_env(struct arena *a, const char **env, size_t *n, const char *name,
                       struct str value)
{
    if (*n == ENV_MAX)
        return RC_TOOBIG;
    env[*n] = pair(a, name, value);
    if (!env[*n])
        return RC_NOMEM;
    (*n)++;
    return RC_OK;
}

/* Lines NAME=value; '#' begins a comment. */
static enum rc file_env(struct hook *h, struct str path, struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(ENV_BYTES);
    struct str rest, line, name, value, copy;

    if (path.n == 0)
        return RC_OK;
    TRY(agent_sealed_read(path, &text, err));
    rest = buf_str(&text);
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!str_cut(line, '=', &name, &value) || name.n == 0 || str_find(name, ' ') < name.n)
            return ERR(err, RC_PARSE, msg_env, path, name);
        if (h->n_env == ENV_MAX)
            return RC_TOOBIG;
        TRY(arena_str(&h->arena, line, &copy));
        h->env[h->n_env++] = copy.p;
    }
    return RC_OK;
}

static enum rc names_of(struct arena *a, const struct agent_plan *plan, char apart, struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(CLIENT_NAMES_MAX * (CLIENT_NAME_MAX + 1));
    char text[ADDR_TEXT];

    for (size_t i = 0; i < plan->n_dns; i++)
        buf_printf(&b, "%.*s%c", STR_ARG(plan->dns[i]), apart);
    for (size_t i = 0; i < plan->n_ips; i++)
        buf_printf(&b, "%s%c", addr_text(&plan->ips[i], text), apart);
    TRY(buf_rc(&b));
    return arena_str(a, str_head(buf_str(&b), b.n ? b.n - 1 : 0), out);
}

static enum rc style_env(struct hook *h, const struct agent_plan *plan, const char *dir)
{
    struct arena *a = &h->arena;
    struct str names, base = str_of(strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir);

    if (h->style == DEHYDRATED) {
        TRY(names_of(a, plan, ' ', &names));
        TRY(add_env(a, h->env, &h->n_env, "BASEDIR", str_of(dir)));
        TRY(add_env(a, h->env, &h->n_env, "CERTDIR", str_of(dir)));
        TRY(add_env(a, h->env, &h->n_env, "CHALLENGETYPE", plan->challenge));
        TRY(add_env(a, h->env, &h->n_env, "KEY_ALGO", plan->key));
        TRY(add_env(a, h->env, &h->n_env, "COMMAND", STR("sign_domains")));
        TRY(add_env(a, h->env, &h->n_env, "alias", base));
        return add_env(a, h->env, &h->n_env, "altnames", names);
    }
    if (h->style == CERTBOT) {
        TRY(names_of(a, plan, ',', &names));
        TRY(add_env(a, h->env, &h->n_env, "CERTBOT_ALL_IDENTIFIERS", names));
        TRY(add_env(a, h->env, &h->n_env, "CERTBOT_ALL_DOMAINS", names));
        /* One is proven after the other. */
        return add_env(a, h->env, &h->n_env, "CERTBOT_REMAINING_CHALLENGES", STR("0"));
    }
    if (h->style == UACME)
        return add_env(a, h->env, &h->n_env, "UACME_CONFDIR", str_of(dir));
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

static void on_end(void *arg, const struct agent_child_end *end)
{
    CLEANUP(call_freep) struct call *c = NULL;
    struct hook *h = arg;

    c = MOVE(h->at);
    h->child = NULL;
    ev_defer(h->w->ev, &h->go);
    if (c->auth)
        IGNORE_RC(str_copyz(str_head(str_trim(end->out), OUTPUT_MAX - 1), h->printed,
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
    struct agent_child_conf conf = {.w = h->w, .timeout = TIMEOUT, .fn = on_end, .arg = h};
    struct agent_child_end end = {};
    struct err err = ERR_INIT;

    if (!link)
        return;
    h->at = LIST_ENTRY(link, struct call, link);
    conf.argv = h->at->argv;
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

static enum rc new_call(struct hook *h, const char *program, struct call **out)
{
    struct call *c = MEM_NEW(struct call);

    if (!c)
        return RC_NOMEM;
    list_init(&c->link);
    arena_init(&c->arena, ENV_BYTES);
    c->argv[0] = program;
    memcpy(c->env, h->env, sizeof(c->env));
    c->n_env = h->n_env;
    *out = c;
    return RC_OK;
}

static enum rc add_word(struct call *c, struct str word)
{
    struct str copy;
    size_t i = 1;

    while (i <= WORDS_MAX && c->argv[i])
        i++;
    if (i > WORDS_MAX)
        return RC_TOOBIG;
    TRY(arena_str(&c->arena, word, &copy));
    c->argv[i] = copy.p;
    return RC_OK;
}

static enum rc set_env(struct call *c, const char *name, struct str value)
{
    return add_env(&c->arena, c->env, &c->n_env, name, value);
}

static void enqueue(struct hook *h, struct call *c)
{
    list_push(&h->queue, &c->link);
    ev_defer(h->w->ev, &h->go);
}

/* ---- challenges, in the words of each style */

/* What DNS or the web server has to show. */
static enum rc shown(const struct hook *h, const struct client_proof *p, struct buf *out)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (h->http) {
        buf_puts(out, p->key_authorization);
        return buf_rc(out);
    }
    TRY(crypto_sha256(p->key_authorization, digest));
    text_b64url(out, str_bytes(digest, sizeof(digest)));
    return buf_rc(out);
}

static enum rc dehydrated_words(struct call *c, const struct client_proof *p, struct str value,
                                bool begin)
{
    TRY(add_word(c, begin ? STR("deploy_challenge") : STR("clean_challenge")));
    TRY(add_word(c, p->identifier));
    TRY(add_word(c, p->token));
    return add_word(c, value);
}

static enum rc certbot_words(struct hook *h, struct call *c, const struct client_proof *p,
                             struct str value, bool begin)
{
    TRY(set_env(c, "CERTBOT_IDENTIFIER", p->identifier));
    TRY(set_env(c, "CERTBOT_DOMAIN", p->identifier));
    TRY(set_env(c, "CERTBOT_VALIDATION", value));
    if (h->http)
        TRY(set_env(c, "CERTBOT_TOKEN", p->token));
    c->auth = begin;
    return begin ? RC_OK : set_env(c, "CERTBOT_AUTH_OUTPUT", str_of(h->printed));
}

static enum rc lego_words(struct hook *h, struct call *c, const struct client_proof *p,
                          struct str value, bool begin)
{
    char name[NAME_MAX_TEXT + 32];

    TRY(add_word(c, begin ? STR("present") : STR("cleanup")));
    if (h->style == LEGO_RAW) {
        TRY(add_word(c, STR("--")));
        TRY(add_word(c, p->identifier));
        TRY(add_word(c, p->token));
        return add_word(c, p->key_authorization);
    }
    snprintf(name, sizeof(name), "_acme-challenge.%.*s.", STR_ARG(str_head(p->identifier, 255)));
    TRY(add_word(c, str_of(name)));
    return add_word(c, value);
}

static enum rc uacme_words(struct call *c, const struct client_proof *p, struct str value,
                           bool begin)
{
    static const char *const names[] = {"UACME_METHOD", "UACME_TYPE", "UACME_IDENT", "UACME_TOKEN",
                                        "UACME_AUTH"};
    const struct str words[] = {begin       ? STR("begin")
                                : p->proven ? STR("done")
                                            : STR("failed"),
                                p->type, p->identifier, p->token, value};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        TRY(add_word(c, words[i]));
        TRY(set_env(c, names[i], words[i]));
    }
    return RC_OK;
}

static enum rc put_words(struct hook *h, struct call *c, const struct client_proof *p, bool begin)
{
    CLEANUP(buf_done) struct buf value = BUF_INIT(OUTPUT_MAX);

    TRY(shown(h, p, &value));
    switch (h->style) {
    case DEHYDRATED:
        return dehydrated_words(c, p, buf_str(&value), begin);
    case CERTBOT:
        return certbot_words(h, c, p, buf_str(&value), begin);
    case LEGO:
    case LEGO_RAW:
        return lego_words(h, c, p, buf_str(&value), begin);
    case UACME:
        return uacme_words(c, p, buf_str(&value), begin);
    case STYLES:
        break;
    }
    return RC_UNSUPPORTED;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    CLEANUP(call_freep) struct call *c = NULL;
    struct hook *h = arg;
    enum rc rc = new_call(h, h->program, &c);

    if (rc == RC_OK)
        rc = put_words(h, c, proof, true);
    if (rc != RC_OK) {
        fn(fn_arg, rc, NULL);
        return;
    }
    c->fn = fn;
    c->arg = fn_arg;
    enqueue(h, MOVE(c));
}

static void forget_waiter(struct call *c)
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
        forget_waiter(LIST_ENTRY(it, struct call, link));
}

static void cleanup(void *arg, const struct client_proof *proof)
{
    CLEANUP(call_freep) struct call *c = NULL;
    struct hook *h = arg;
    enum rc rc;

    forget_waiters(h);
    if (!h->cleanup_program)
        return;
    rc = new_call(h, h->cleanup_program, &c);
    if (rc == RC_OK)
        rc = put_words(h, c, proof, false);
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
        call_free(LIST_ENTRY(it, struct call, link));
    arena_done(&h->arena);
    mem_free(h);
}

/* ---- more than challenges */

static const struct agent_solver_ops hook_ops = {busy, hook_free};

bool agent_hook_listens(const struct agent_solver *s)
{
    return s && s->ops == &hook_ops && ((const struct hook *)(const void *)s)->style == DEHYDRATED;
}

enum rc agent_hook_tell(struct agent_solver *s, const struct str *words, size_t n, struct buf *out,
                        struct err *err)
{
    CLEANUP(call_freep) struct call *c = NULL;
    struct hook *h = (void *)s;

    if (!agent_hook_listens(s))
        return RC_OK;
    TRY(new_call(h, h->program, &c));
    for (size_t i = 0; i < n; i++)
        TRY(add_word(c, words[i]));
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

static enum rc check_program(const char *path, struct err *err)
{
    if (path[0] == '/' && access(path, X_OK) == 0)
        return RC_OK;
    return ERR(err, RC_NOTFOUND, msg_path, str_of(path),
               path[0] == '/' ? str_of("it is not there, or not executable")
                              : str_of("its path does not begin with /"));
}

static enum rc take_programs(struct hook *h, struct str value, struct err *err)
{
    struct str first = value, second = value, copy;

    if (h->style == CERTBOT)
        str_cut(value, ',', &first, &second);
    TRY(arena_str(&h->arena, first, &copy));
    h->program = copy.p;
    TRY(check_program(h->program, err));
    if (second.n == 0)
        return RC_OK;
    TRY(arena_str(&h->arena, second, &copy));
    h->cleanup_program = copy.p;
    return check_program(h->cleanup_program, err);
}

static enum rc take_style(struct hook *h, const struct agent_plan *plan, struct err *err)
{
    bool dns_only;

    for (h->style = DEHYDRATED; h->style < STYLES; h->style++)
        if (str_eq(plan->style, str_of(styles[h->style])))
            break;
    if (h->style == STYLES)
        return ERR(err, RC_UNSUPPORTED, msg_style, plan->style);
    dns_only = h->style == LEGO || h->style == LEGO_RAW;
    h->http = str_eq(plan->challenge, STR("http-01"));
    if (h->http ? dns_only : !str_eq(plan->challenge, STR("dns-01")))
        return ERR(err, RC_INVAL, msg_challenge, plan->style, plan->challenge,
                   dns_only ? STR("dns-01") : STR("dns-01 or http-01"));
    return RC_OK;
}

enum rc agent_hook_new(const struct agent_world *w, const struct agent_plan *plan, const char *dir,
                       struct agent_solver **out, struct err *err)
{
    struct hook *h = MEM_NEW(struct hook);
    CLEANUP(agent_solver_freep) struct agent_solver *s = NULL;

    if (!h)
        return RC_NOMEM;
    h->w = w;
    arena_init(&h->arena, ENV_BYTES);
    list_init(&h->queue);
    ev_defer_init(&h->go, on_go, h);
    h->s.ops = &hook_ops;
    s = &h->s;
    TRY(take_style(h, plan, err));
    TRY(take_programs(h, plan->value, err));
    TRY(agent_child_env(&h->arena, h->env));
    h->n_env = AGENT_CHILD_ENV;
    TRY(style_env(h, plan, dir));
    TRY(file_env(h, plan->hook_env, err));
    h->s.solver = (struct client_solver){h->http ? "http-01" : "dns-01", present, cleanup, h};
    *out = MOVE(s);
    return RC_OK;
}
