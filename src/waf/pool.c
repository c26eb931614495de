/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ipc/waf_messages.h"

enum {
    NUMBER_TEXT = 16,
    ANSWER_MAX = sizeof(struct waf_told) + IPC_INSPECTED_BYTES,
    REAP_MICROS = 1'000'000,
    GRACE_MICROS =
        5'000'000, /* that a request may be late before the whole pool counts as broken */
};

MSG(msg_fork, "waf.not-started", "the processes that inspect requests could not be made: {0}");
MSG(msg_refused, "waf.refused", "{0}");
MSG(msg_silent, "waf.not-loaded",
    "the rules for inspecting requests were not loaded: the process "
    "that does it ended, or took more than {0} seconds");
MSG(msg_slow, "waf.too-slow", "inspecting it took more than its time");
MSG(msg_died, "waf.inspector-died", "the process that inspected it ended: {0}");
MSG(msg_wrong, "waf.wrong-answer", "the process that inspected it answered nonsense");

struct place {
    struct waf_pool *pool;
    struct ev_fd *watch;
    int fd;
    uint64_t number; /* of the request that it is at; 0: none */
    int64_t late;    /* monotonic: an answer must have come */
    void *job;
};

struct waf_pool {
    struct waf_pool_conf conf;
    struct place places[WAF_INSPECTORS_MAX];
    int news;
    struct ev_fd *watch;
    struct ev_timer look; /* once a second while a place is busy */
    uint64_t last;        /* number of a request */
    uint64_t *begun;
    bool made, broken;
    struct buf out;
};

static size_t shared_bytes(void)
{
    return WAF_INSPECTORS_MAX * sizeof(uint64_t);
}

/* ---- the end of a request */

static void end(struct place *at, enum rc rc, const struct ipc_inspected *found,
                const struct err *err)
{
    void *job = at->job;

    at->job = NULL;
    at->number = 0;
    at->pool->conf.on_done(at->pool->conf.arg, job, rc, found, err);
}

/* One that answers nonsense is not trusted with another request; its successor is. It has no more
 * to say: the far end of its place is the same. */
static bool take_answer(struct place *at)
{
    CLEANUP(arena_done) struct arena a = {};
    char in[ANSWER_MAX];
    ssize_t n = read(at->fd, in, sizeof(in));
    struct err err = ERR_INIT;
    struct ipc_inspected found;
    struct waf_told told;

    if (n < (ssize_t)sizeof(told))
        return false;
    memcpy(&told, in, sizeof(told));
    if (told.number != at->number || at->number == 0)
        return true; /* of a request that counts as lost */
    arena_init(&a, ANSWER_MAX);
    if (ipc_fields_decode(&ipc_inspected_fields,
                          str_bytes(in + sizeof(told), (size_t)n - sizeof(told)), &a,
                          &found) == RC_OK)
        end(at, RC_OK, &found, NULL);
    else
        end(at, ERR(&err, RC_IO, msg_wrong), NULL, &err);
    return true;
}

static void on_answer(void *arg, unsigned)
{
    while (take_answer(arg))
        ;
}

static enum rc why_lost(uint32_t status, struct err *err)
{
    char text[NUMBER_TEXT * 2];
    int s = (int)status;

    if (WIFSIGNALED(s) && WTERMSIG(s) == SIGALRM)
        return ERR(err, RC_TIMEOUT, msg_slow);
    snprintf(text, sizeof(text), "%s %d", WIFSIGNALED(s) ? "signal" : "status",
             WIFSIGNALED(s) ? WTERMSIG(s) : WEXITSTATUS(s));
    return ERR(err, RC_IO, msg_died, str_of(text));
}

/* It may have answered before; and one that had not begun what waits at its place leaves that to
 * its successor. */
static void on_lost(struct waf_pool *p, const struct waf_news *news)
{
    struct place *at;
    struct err err = ERR_INIT;

    if (news->place >= p->conf.n)
        return;
    at = &p->places[news->place];
    on_answer(at, EV_READ);
    if (at->number && at->number == news->number)
        end(at, why_lost(news->status, &err), NULL, &err);
}

/* ---- news */

static enum rc refusal(const struct waf_news *news, struct err *err)
{
    uint32_t n = news->text_n < WAF_NEWS_TEXT ? news->text_n : WAF_NEWS_TEXT;

    return ERR(err, news->rc == RC_NOMEM ? RC_NOMEM : RC_INVAL, msg_refused,
               str_bytes(news->text, n));
}

/* Nobody is behind the places any more, which can be read to no end. */
static void hush(struct waf_pool *p)
{
    p->broken = true;
    ev_fd_watch(p->watch, 0);
    for (unsigned i = 0; i < p->conf.n; i++)
        ev_fd_watch(p->places[i].watch, 0);
}

static void break_off(struct waf_pool *p)
{
    if (p->broken)
        return;
    hush(p);
    p->conf.on_broken(p->conf.arg);
}

static void take_first(struct waf_pool *p, const struct waf_news *news)
{
    struct err err = ERR_INIT;

    p->made = true;
    if (news && news->kind == WAF_NEWS_READY)
        err.rc = RC_OK;
    else
        err.rc = news ? refusal(news, &err) : ERR(&err, RC_IO, msg_silent, STR("20"));
    if (err.rc != RC_OK)
        hush(p);
    p->conf.on_made(p->conf.arg, &err);
}

static void on_news(void *arg, unsigned)
{
    struct waf_pool *p = arg;
    struct waf_news news;
    ssize_t n = read(p->news, &news, sizeof(news));

    if (n < 0 && errno == EAGAIN)
        return;
    if (!p->made)
        take_first(p, n == (ssize_t)sizeof(news) ? &news : NULL);
    else if (n != (ssize_t)sizeof(news))
        break_off(p);
    else if (news.kind == WAF_NEWS_LOST)
        on_lost(p, &news);
}

enum rc waf_pool_wait(struct waf_pool *p, struct err *err)
{
    struct pollfd wait = {.fd = p->news, .events = POLLIN};
    struct waf_news news;
    ssize_t n;

    /* Longer than the other one gives itself. */
    if (poll(&wait, 1, (WAF_LOAD_SECONDS + 5) * 1000) != 1)
        return ERR(err, RC_IO, msg_silent, STR("20"));
    n = read(p->news, &news, sizeof(news));
    if (n != (ssize_t)sizeof(news))
        return ERR(err, RC_IO, msg_silent, STR("20"));
    if (news.kind != WAF_NEWS_READY)
        return refusal(&news, err);
    p->made = true;
    return RC_OK;
}

/* An inspector ends itself in time. One that cannot, as one that is stopped, is past our help. */
static void on_look(void *arg)
{
    struct waf_pool *p = arg;
    int64_t now = clock_mono(ev_clock(p->conf.ev));
    bool busy = false;

    for (unsigned i = 0; i < p->conf.n; i++) {
        if (p->places[i].number && p->places[i].late < now) {
            break_off(p);
            return;
        }
        busy |= p->places[i].number != 0;
    }
    if (busy)
        ev_timer_start(&p->look, REAP_MICROS, 0);
}

/* ---- making them */

static enum rc pair(int *near, int *far)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    *near = fds[0];
    *far = fds[1];
    return RC_OK;
}

static enum rc make(struct waf_pool *p, struct waf_nursery *n)
{
    void *shared =
        mmap(NULL, shared_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;

    if (shared == MAP_FAILED)
        return RC_NOMEM;
    p->begun = n->begun = shared;
    TRY(pair(&p->news, &n->news));
    TRY(ev_fd_new(p->conf.ev, p->news, on_news, p, &p->watch));
    for (; n->n < p->conf.n; n->n++) {
        struct place *at = &p->places[n->n];

        TRY(pair(&at->fd, &n->places[n->n]));
        at->pool = p;
        TRY(ev_fd_new(p->conf.ev, at->fd, on_answer, at, &at->watch));
        ev_fd_watch(at->watch, EV_READ);
    }
    pid = fork();
    if (pid == 0)
        waf_nursery_main(n);
    return pid < 0 ? RC_IO : RC_OK;
}

static void close_far(struct waf_nursery *n)
{
    for (unsigned i = 0; i < WAF_INSPECTORS_MAX; i++)
        fd_close(&n->places[i]);
    fd_close(&n->news);
}

enum rc waf_pool_new(const struct waf_pool_conf *conf, struct waf_pool **out, struct err *err)
{
    CLEANUP(waf_pool_freep) struct waf_pool *p = MEM_NEW(struct waf_pool);
    struct waf_nursery n = {.lib = conf->lib, .rules = conf->rules, .news = -1};
    enum rc rc;
    int e;

    if (!p)
        return RC_NOMEM;
    p->conf = *conf;
    p->news = -1;
    ev_timer_init(&p->look, conf->ev, on_look, p);
    buf_init(&p->out, sizeof(struct waf_ask) + IPC_INSPECT_BYTES);
    for (unsigned i = 0; i < WAF_INSPECTORS_MAX; i++)
        p->places[i].fd = n.places[i] = -1;
    rc = make(p, &n);
    e = errno;
    close_far(&n);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ERR(err, rc, msg_fork, str_of(strerrordesc_np(e)));
    ev_fd_watch(p->watch, EV_READ);
    *out = MOVE(p);
    return RC_OK;
}

void waf_pool_free(struct waf_pool *p)
{
    if (!p)
        return;
    ev_timer_stop(&p->look);
    for (unsigned i = 0; i < WAF_INSPECTORS_MAX; i++) {
        ev_fd_free(p->places[i].watch);
        fd_close(&p->places[i].fd);
    }
    ev_fd_free(p->watch);
    fd_close(&p->news);
    if (p->begun)
        munmap(p->begun, shared_bytes());
    buf_done(&p->out);
    mem_free(p);
}

/* ---- work */

static struct place *idle_place(struct waf_pool *p)
{
    for (unsigned i = 0; i < p->conf.n; i++)
        if (p->places[i].number == 0)
            return &p->places[i];
    return NULL;
}

bool waf_pool_has_room(const struct waf_pool *p)
{
    for (unsigned i = 0; i < p->conf.n; i++)
        if (p->places[i].number == 0)
            return true;
    return false;
}

bool waf_pool_is_idle(const struct waf_pool *p)
{
    for (unsigned i = 0; i < p->conf.n; i++)
        if (p->places[i].number)
            return false;
    return true;
}

enum rc waf_pool_send(struct waf_pool *p, void *job, const struct id *id, struct str request,
                      int64_t micros)
{
    struct place *at = idle_place(p);
    struct waf_ask ask = {.number = p->last + 1, .millis = (uint32_t)(micros / 1000) + 1};

    if (!at)
        return RC_QUOTA;
    if (id)
        memcpy(ask.id, id->z, sizeof(ask.id));
    buf_reset(&p->out);
    buf_put(&p->out, &ask, sizeof(ask));
    buf_puts(&p->out, request);
    TRY(buf_rc(&p->out));
    if (write(at->fd, p->out.p, p->out.n) != (ssize_t)p->out.n)
        return RC_IO;
    p->last++;
    at->number = p->last;
    at->job = job;
    at->late = clock_mono(ev_clock(p->conf.ev)) + micros + GRACE_MICROS;
    if (!ev_timer_running(&p->look))
        ev_timer_start(&p->look, REAP_MICROS, 0);
    return RC_OK;
}

void waf_pool_reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}
