/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/place.h"
#include "agent/silence.h"
#include "agentd/places.h"
#include "agentd/view.h"
#include "base/fd.h"
#include "client/renewal.h"
#include "ev/clock.h"

#define LOCK ".autarky-agent.lock"
#define LOOK_EVERY WHEN_MINUTE
#define LEAST_PAUSE WHEN_MINUTE
#define MOST_PAUSE (6 * WHEN_HOUR)
/* Between looks at an order that a server has not decided about: a quarter of the time it has had.
 */
#define LEAST_LOOK (5 * WHEN_MINUTE)
#define MOST_LOOK WHEN_HOUR

MSG(msg_dir, "agentd.directory", "the directory {0} cannot be kept: {1}");
MSG(msg_locked, "agentd.directory-kept",
    "another `autarky agent run` keeps the certificates in {0}; one is enough");
MSG(msg_many, "agentd.directories", "there are more than {0} directories");

/* Which state a view was made from. */
struct stamp {
    ino_t ino;
    struct timespec changed;
};

struct cert {
    struct list link;
    struct agentd *a;
    char *dir;
    struct agentd_view view;
    struct stamp stamp;
    bool seen;       /* in the present look */
    bool unreadable; /* and said to be */
    struct agent_child *child;
    when_t hold;       /* not before */
    unsigned failures; /* in a row, of those that were begun here */
    bool forced;       /* it is renewed now, due or not ... */
    bool balked;       /* ... but could not be begun, and `hold` counts */
    bool looked_at;    /* somebody had it looked at while it was renewed */
};

struct agentd {
    const struct agentd_conf *conf;
    struct agent_world world;
    int locks[AGENTD_DIRS_MAX];
    size_t n_locks;
    struct list certs;
    size_t n_certs, n_running;
    struct ev_timer timer;
    struct ev_defer pump;
    int64_t looked; /* monotonic */
    bool ends, full;
    bool behind; /* the clock is, and it was said */
};

static struct cert *cert_at(struct list *link)
{
    return LIST_ENTRY(link, struct cert, link);
}

static when_t now(const struct agentd *a)
{
    return clock_now(ev_clock(a->conf->ev));
}

/* ---- one certificate */

static void cert_free(struct cert *c)
{
    if (!c)
        return;
    agent_child_kill(c->child);
    agentd_view_done(&c->view);
    mem_free(c->dir);
    mem_free(c);
}
DEFINE_FREEP(cert_free, struct cert)

static bool stamp_of(const char *dir, struct stamp *out)
{
    char path[AGENT_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/" AGENT_HOME "/state.json", dir);

    if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) != 0)
        return false;
    *out = (struct stamp){st.st_ino, st.st_mtim};
    return true;
}

static bool same(const struct stamp *x, const struct stamp *y)
{
    return x->ino == y->ino && x->changed.tv_sec == y->changed.tv_sec &&
           x->changed.tv_nsec == y->changed.tv_nsec;
}

/* What cannot be read is said once, and is looked at again when it changes, or in an hour. */
static void unreadable(struct cert *c, const struct err *err)
{
    c->hold = now(c->a) + WHEN_HOUR;
    if (!c->unreadable)
        agent_say_err(&c->a->world, c->dir, err);
    c->unreadable = true;
}

/* The stamp is older than the view, so what changes in between is read again. */
static void reload(struct cert *c, const struct stamp *stamp)
{
    struct agentd_view view;
    struct err err = ERR_INIT;

    c->stamp = *stamp;
    err.rc = agentd_view_load(c->dir, &view, &err);
    if (err.rc == RC_NOMEM)
        c->stamp = (struct stamp){};
    if (err.rc != RC_OK) {
        unreadable(c, &err);
        return;
    }
    c->unreadable = false;
    agentd_view_done(&c->view);
    c->view = view;
}

/* Somebody else may have renewed it, or mended what was wrong. */
static void refresh(struct cert *c)
{
    struct stamp stamp;

    if (c->child || !stamp_of(c->dir, &stamp) || same(&stamp, &c->stamp))
        return;
    c->hold = 0;
    c->failures = 0;
    reload(c, &stamp);
}

/* A pause that is longer than any that is made was made while the clock was wrong. */
static when_t next_of(const struct cert *c)
{
    when_t at = c->unreadable ? c->hold : agentd_view_next(&c->view, now(c->a));
    bool holds = c->hold > at && c->hold - now(c->a) <= 2 * MOST_PAUSE;

    if (c->forced)
        return c->balked ? c->hold : 0;
    return holds ? c->hold : at;
}

/* ---- renewing it */

/* Either program is what it runs. */
static struct str without_name(struct str line)
{
    static const char *const names[] = {"autarky: ", "autarky-agent: "};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_starts(line, str_of(names[i])))
            return str_skip(line, strlen(names[i]));
    return line;
}

/* What a renewal said, in this one's name; as a warning what it said so, and all if it failed. */
static void relay(struct agentd *a, struct str text, bool failed)
{
    struct str one;

    while (str_next(&text, '\n', &one)) {
        bool warn = failed;

        one = without_name(one);
        if (str_starts(one, STR("warning: "))) {
            one = str_skip(one, strlen("warning: "));
            warn = true;
        }
        if (one.n)
            agent_say(&a->world, warn, "%.*s", STR_ARG(one));
    }
}

static int64_t pause_of(const struct cert *c)
{
    when_t since = c->view.state.undecided, quarter = (now(c->a) - since) / 4;

    if (c->failures)
        return client_backoff(c->failures, LEAST_PAUSE, MOST_PAUSE);
    if (!since)
        return LEAST_PAUSE;
    if (quarter < LEAST_LOOK)
        return LEAST_LOOK;
    return quarter < MOST_LOOK ? quarter : MOST_LOOK;
}

static void on_renewed(void *arg, const struct agent_child_end *end)
{
    struct cert *c = arg;
    struct agentd *a = c->a;
    struct stamp stamp;
    bool failed;

    c->child = NULL;
    a->n_running--;
    if (stamp_of(c->dir, &stamp))
        reload(c, &stamp);
    failed = end->rc != RC_OK && !c->view.state.undecided;
    relay(a, end->out, false);
    relay(a, end->said, failed);
    if (failed && end->said.n == 0)
        agent_say_err(&a->world, c->dir, end->err);
    c->failures = failed ? c->failures + 1 : 0;
    if (c->looked_at)
        c->failures = 0;
    c->hold = now(a) + pause_of(c);
    if (c->looked_at)
        c->hold = 0;
    c->looked_at = false;
    ev_defer(a->conf->ev, &a->pump);
}

/* The first server of this one, as one of the others found it a short while ago. */
static bool first_silent(const struct cert *c)
{
    struct str server = c->view.state.plan.server;
    when_t silent = 0, heard = 0;

    LIST_FOREACH (it, &c->a->certs) {
        const struct agent_state *s = &cert_at(it)->view.state;

        if (server.n == 0 || !str_eq(s->plan.server, server))
            continue;
        if (s->silent > silent)
            silent = s->silent;
        if (s->issued > heard && !agent_from_fallback(s))
            heard = s->issued;
    }
    return silent > heard && agent_silent_still(silent, now(c->a));
}

static void begin(struct cert *c)
{
    struct agentd *a = c->a;
    const char *argv[7] = {a->conf->program, "renew", c->dir, "--alone"};
    size_t n = 4;
    const struct agent_child_conf conf = {.w = &a->world,
                                          .argv = argv,
                                          .env = a->conf->env,
                                          .timeout = AGENTD_RENEWAL_HOURS * WHEN_HOUR,
                                          .fn = on_renewed,
                                          .arg = c};
    struct err err = ERR_INIT;

    if (first_silent(c))
        argv[n++] = "--first-silent";
    if (c->forced)
        argv[n++] = "--force";
    err.rc = agent_child_start(&conf, &c->child, &err);
    c->balked = err.rc != RC_OK;
    if (err.rc == RC_OK) {
        c->forced = false;
        a->n_running++;
        return;
    }
    c->hold = now(a) + client_backoff(++c->failures, LEAST_PAUSE, MOST_PAUSE);
    agent_say_err(&a->world, c->dir, &err);
}

static bool by_record(const struct agent_plan *p)
{
    return p->way == AGENT_DNS || (p->way == AGENT_HOOK && str_eq(p->challenge, STR("dns-01")));
}

/* One name: the record of a wildcard is that of the name behind it. */
static bool same_name(struct str a, struct str b)
{
    if (str_starts(a, STR("*.")))
        a = str_skip(a, 2);
    if (str_starts(b, STR("*.")))
        b = str_skip(b, 2);
    return str_eq(a, b);
}

/* Both would have a value at the same name: whoever writes the second one may overwrite the first.
 */
static bool share_record(const struct agent_plan *p, const struct agent_plan *q)
{
    if (!by_record(p) || !by_record(q))
        return false;
    for (size_t i = 0; i < p->n_dns; i++)
        for (size_t k = 0; k < q->n_dns; k++)
            if (same_name(p->dns[i], q->dns[k]))
                return true;
    return false;
}

/* Two that would want the same port, call a hook that may not expect it, or write one record. */
static bool collide(const struct cert *x, const struct cert *y)
{
    const struct agent_plan *p = &x->view.state.plan, *q = &y->view.state.plan;

    if (share_record(p, q))
        return true;
    if (p->way != q->way)
        return false;
    return p->way == AGENT_HTTP_LISTEN || p->way == AGENT_ALPN_LISTEN ||
           (p->way == AGENT_HOOK && str_eq(p->value, q->value));
}

static bool is_free(const struct agentd *a, const struct cert *c)
{
    LIST_FOREACH (it, &a->certs)
        if (cert_at(it)->child && collide(cert_at(it), c))
            return false;
    return true;
}

/* The one that waits the longest, of those that may begin; NULL: none. */
static struct cert *choose(const struct agentd *a)
{
    struct cert *best = NULL;

    LIST_FOREACH (it, &a->certs) {
        struct cert *c = cert_at(it);

        if (c->child || next_of(c) > now(a) || !is_free(a, c))
            continue;
        if (!best || next_of(c) < next_of(best))
            best = c;
    }
    return best;
}

/* ---- all of them */

static struct cert *find(const struct agentd *a, const char *dir)
{
    LIST_FOREACH (it, &a->certs)
        if (strcmp(cert_at(it)->dir, dir) == 0)
            return cert_at(it);
    return NULL;
}

static void full(struct agentd *a)
{
    if (!a->full)
        agent_say(&a->world, true, "there are more than %d certificates; the others are not kept",
                  AGENTD_CERTS_MAX);
    a->full = true;
}

/* Takes the name. What there is no memory for is found a minute later. */
static void found(struct agentd *a, char *name)
{
    CLEANUP(mem_freep) char *dir = name;
    CLEANUP(cert_freep) struct cert *c = NULL;
    struct cert *known = find(a, dir);

    if (known) {
        known->seen = true;
        return;
    }
    if (a->n_certs == AGENTD_CERTS_MAX) {
        full(a);
        return;
    }
    c = MEM_NEW(struct cert);
    if (!c)
        return;
    c->a = a;
    c->dir = MOVE(dir);
    c->seen = true;
    a->n_certs++;
    list_push(&a->certs, &c->link);
    c = NULL;
}

static void forget_lost(struct agentd *a)
{
    LIST_FOREACH (it, &a->certs) {
        struct cert *c = cert_at(it);

        if (c->seen || c->child)
            continue;
        list_remove(&c->link);
        a->n_certs--;
        cert_free(c);
    }
}

/* Nothing is due then, which would look as if all were well. Said once, until it is right again. */
static void look_at_clock(struct agentd *a)
{
    char text[AGENT_CLOCK_TEXT];
    bool behind = false;

    LIST_FOREACH (it, &a->certs) {
        const struct cert *c = cert_at(it);

        if (!agent_clock_behind(c->view.not_before, now(a), text))
            continue;
        if (!a->behind)
            agent_say(&a->world, true,
                      "%s: %s; set it (`timedatectl set-ntp true`), or nothing is renewed in time",
                      c->dir, text);
        behind = a->behind = true;
    }
    if (a->behind && !behind)
        agent_say(&a->world, false, "the clock of this machine is right again");
    a->behind = behind;
}

static void look(struct agentd *a)
{
    char *names[AGENTD_PLACES_MAX];

    a->looked = clock_mono(ev_clock(a->conf->ev));
    LIST_FOREACH (it, &a->certs)
        cert_at(it)->seen = false;
    for (size_t i = 0; i < a->conf->n_dirs; i++) {
        size_t n = agentd_places(a->conf->dirs[i], names);

        for (size_t k = 0; k < n; k++)
            found(a, names[k]);
    }
    forget_lost(a);
    LIST_FOREACH (it, &a->certs)
        refresh(cert_at(it));
    look_at_clock(a);
}

/* Those that are due and may not begin yet begin when another one has ended. */
static void sleep_until_next(struct agentd *a)
{
    int64_t pause = LOOK_EVERY;

    LIST_FOREACH (it, &a->certs) {
        when_t left = next_of(cert_at(it)) - now(a);

        if (left > 0 && left < pause)
            pause = left;
    }
    ev_timer_start(&a->timer, pause, 0);
}

static void on_pump(void *arg)
{
    struct agentd *a = arg;
    struct cert *c;

    if (a->ends)
        return;
    if (clock_mono(ev_clock(a->conf->ev)) - a->looked >= LOOK_EVERY)
        look(a);
    while (a->n_running < AGENTD_AT_ONCE && (c = choose(a)) != NULL)
        begin(c);
    sleep_until_next(a);
}

/* ---- its life */

static enum rc take_lock(struct agentd *a, const char *dir, struct err *err)
{
    char path[AGENT_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/" LOCK, dir), fd = -1;

    if (n > 0 && (size_t)n < sizeof(path))
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_dir, str_of(dir),
                   str_of(strerrordesc_np(errno)));
    a->locks[a->n_locks++] = fd;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? RC_OK : ERR(err, RC_AGAIN, msg_locked, str_of(dir));
}

bool agentd_runs(const char *dir)
{
    CLEANUP(fd_closep) int fd = -1;
    char path[AGENT_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/" LOCK, dir);

    if (n > 0 && (size_t)n < sizeof(path))
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
}

enum rc agentd_new(const struct agentd_conf *conf, struct agentd **out, struct err *err)
{
    CLEANUP(agentd_freep) struct agentd *a = NULL;

    if (conf->n_dirs > AGENTD_DIRS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("100"));
    a = MEM_NEW(struct agentd);
    if (!a)
        return RC_NOMEM;
    a->conf = conf;
    a->world = (struct agent_world){.ev = conf->ev, .say = conf->say, .arg = conf->arg};
    list_init(&a->certs);
    ev_timer_init(&a->timer, conf->ev, on_pump, a);
    ev_defer_init(&a->pump, on_pump, a);
    for (size_t i = 0; i < conf->n_dirs; i++)
        TRY(take_lock(a, conf->dirs[i], err));
    agentd_look(a);
    *out = MOVE(a);
    return RC_OK;
}

void agentd_free(struct agentd *a)
{
    if (!a)
        return;
    ev_timer_stop(&a->timer);
    ev_defer_cancel(&a->pump);
    LIST_FOREACH (it, &a->certs) {
        list_remove(it);
        cert_free(cert_at(it));
    }
    for (size_t i = 0; i < a->n_locks; i++)
        fd_close(&a->locks[i]);
    mem_free(a);
}

void agentd_look(struct agentd *a)
{
    if (a->ends)
        return;
    LIST_FOREACH (it, &a->certs) {
        struct cert *c = cert_at(it);

        c->stamp = c->child ? c->stamp : (struct stamp){};
        c->looked_at = c->child != NULL;
    }
    look(a);
    ev_defer(a->conf->ev, &a->pump);
}

void agentd_renew_all(struct agentd *a)
{
    LIST_FOREACH (it, &a->certs)
        cert_at(it)->forced = true;
    if (!a->ends)
        ev_defer(a->conf->ev, &a->pump);
}

void agentd_each(const struct agentd *a, agentd_seen_fn fn, void *arg)
{
    LIST_FOREACH (it, &a->certs) {
        const struct cert *c = cert_at(it);
        unsigned remembered = c->view.state.failures;

        fn(arg,
           &(struct agentd_seen){.dir = c->dir,
                                 .view = &c->view,
                                 .failures = c->failures > remembered ? c->failures : remembered,
                                 .next = next_of(c),
                                 .unreadable = c->unreadable});
    }
}

void agentd_end(struct agentd *a)
{
    a->ends = true;
    ev_timer_stop(&a->timer);
    LIST_FOREACH (it, &a->certs)
        if (cert_at(it)->child)
            agent_child_ask(cert_at(it)->child);
}

void agentd_count(const struct agentd *a, struct agentd_tally *out)
{
    *out = (struct agentd_tally){.certs = a->n_certs, .running = a->n_running};
    LIST_FOREACH (it, &a->certs) {
        const struct cert *c = cert_at(it);
        when_t next = next_of(c);

        out->failing += c->failures || c->view.state.failures || c->unreadable;
        out->waiting += !c->unreadable && agent_waits(&c->view.state, now(a)) != 0;
        if (!out->next || next < out->next)
            out->next = next;
    }
}
