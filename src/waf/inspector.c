/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/inspector.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "waf/rules.h"

enum {
    MESSAGE_MAX = sizeof(struct waf_ask) + IPC_INSPECT_BYTES,
    ARENA_MAX = 256 * 1024,
    EXIT_OVER = 0,          /* there is nobody to work for any more */
    EXIT_SPENT = 10,        /* it has done its share */
    PAUSE_MICROS = 100'000, /* between successors in a place where nothing lives */
};

/* ---- one that inspects */

static void alarm_in(uint32_t millis)
{
    const struct itimerval in = {.it_value = {millis / 1000, (suseconds_t)(millis % 1000) * 1000}};

    setitimer(ITIMER_REAL, &in, NULL);
}

static void encode(const struct waf_verdict *v, uint32_t micros, struct buf *out)
{
    struct ipc_match matches[IPC_INSPECTED_MATCHES];
    struct ipc_inspected m = {v->status, v->score, micros, v->n, {matches, 0}};

    for (size_t i = 0; i < v->n && i < IPC_INSPECTED_MATCHES; i++)
        matches[m.matches.n++] = (struct ipc_match){
            v->matches[i].id, str_bytes(v->matches[i].text, v->matches[i].text_n)};
    if (ipc_fields_encode(&ipc_inspected_fields, &m, out) != RC_OK)
        buf_fail(out, RC_NOMEM);
}

static uint32_t since(const struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((now.tv_sec - from->tv_sec) * 1'000'000 +
                      (now.tv_nsec - from->tv_nsec) / 1000);
}

/* What cannot be answered ends the process, and the request is lost with it. */
static enum rc serve(const struct waf_rules *rules, const struct waf_ask *ask, struct str request,
                     struct buf *out)
{
    CLEANUP(arena_done) struct arena a = {};
    struct ipc_inspect r;
    struct waf_verdict v;
    struct waf_told told = {ask->number};
    struct timespec from;

    clock_gettime(CLOCK_MONOTONIC, &from);
    arena_init(&a, ARENA_MAX);
    TRY(ipc_fields_decode(&ipc_inspect_fields, request, &a, &r));
    TRY(waf_rules_inspect(rules, &r, ask->id, &v));
    buf_put(out, &told, sizeof(told));
    encode(&v, since(&from), out);
    return buf_rc(out);
}

_Noreturn static void inspector_main(const struct waf_nursery *n, unsigned place,
                                     const struct waf_rules *rules)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(sizeof(struct waf_told) + IPC_INSPECTED_BYTES);
    char *in = mem_alloc(MESSAGE_MAX);

    /* No copies of copies. It holds for users other than root, as which no waf runs. */
    if (setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0}) != 0)
        _exit(1);
    close(n->news);
    for (unsigned i = 0; i < n->n; i++)
        if (i != place)
            close(n->places[i]);
    for (unsigned i = 0; in && i < WAF_INSPECTOR_REQUESTS; i++) {
        ssize_t got = read(n->places[place], in, MESSAGE_MAX);
        struct waf_ask ask;

        if (got <= (ssize_t)sizeof(ask))
            _exit(EXIT_OVER);
        memcpy(&ask, in, sizeof(ask));
        ask.id[sizeof(ask.id) - 1] = '\0';
        n->begun[place] = ask.number;
        alarm_in(ask.millis);
        buf_reset(&out);
        if (serve(rules, &ask, str_bytes(in + sizeof(ask), (size_t)got - sizeof(ask)), &out) !=
            RC_OK)
            abort();
        alarm_in(0);
        if (write(n->places[place], out.p, out.n) != (ssize_t)out.n)
            _exit(EXIT_OVER);
    }
    _exit(EXIT_SPENT);
}

/* ---- the first one */

static bool tell(const struct waf_nursery *n, const struct waf_news *news)
{
    return write(n->news, news, sizeof(*news)) == sizeof(*news);
}

static enum rc load(const struct waf_nursery *n, struct waf_rules *rules, struct waf_news *news)
{
    struct err err = ERR_INIT;
    CLEANUP(buf_done) struct buf text = BUF_INIT(4 * WAF_NEWS_TEXT);
    enum rc rc = waf_rules_load(n->lib, n->rules, rules, &err);

    news->kind = rc == RC_OK ? WAF_NEWS_READY : WAF_NEWS_REFUSED;
    news->rc = rc;
    if (rc == RC_OK)
        return rc;
    err.rc = rc;
    err_text(&err, &text);
    text.n = str_utf8_head(buf_str(&text), WAF_NEWS_TEXT).n;
    memcpy(news->text, text.p, text.n);
    news->text_n = (uint32_t)text.n;
    return rc;
}

static void spawn(const struct waf_nursery *n, unsigned place, const struct waf_rules *rules,
                  pid_t pids[static WAF_INSPECTORS_MAX])
{
    do {
        pids[place] = fork();
        if (pids[place] == 0)
            inspector_main(n, place, rules);
        if (pids[place] < 0)
            usleep(PAUSE_MICROS);
    } while (pids[place] < 0);
}

static unsigned place_of(const struct waf_nursery *n, pid_t pid,
                         const pid_t pids[static WAF_INSPECTORS_MAX])
{
    unsigned i = 0;

    while (i < n->n && pids[i] != pid)
        i++;
    return i;
}

/* Until there is nobody to work for: inspectors find that out. */
static void look_after(const struct waf_nursery *n, const struct waf_rules *rules)
{
    pid_t pids[WAF_INSPECTORS_MAX];
    uint64_t before[WAF_INSPECTORS_MAX] = {}; /* begun by those that were there before */
    struct waf_news news = {.kind = WAF_NEWS_LOST};

    for (unsigned i = 0; i < n->n; i++)
        spawn(n, i, rules, pids);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        unsigned place = place_of(n, pid, pids);

        if (pid < 0 && errno != EINTR)
            return;
        if (place == n->n)
            continue;
        pids[place] = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OVER)
            continue;
        news.place = place;
        news.status = (uint32_t)status;
        news.number = n->begun[place];
        if (news.number == before[place])
            usleep(PAUSE_MICROS); /* it did nothing, and the next one may not either */
        before[place] = news.number;
        spawn(n, place, rules, pids);
        if (!(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SPENT) && !tell(n, &news))
            return;
    }
}

/* What the process that this is a copy of had: its channels and its loop. */
static void forget_the_rest(const struct waf_nursery *n)
{
    unsigned from = STDERR_FILENO + 1;

    for (;;) {
        unsigned next = ~0u;

        for (unsigned i = 0; i < n->n; i++)
            if ((unsigned)n->places[i] >= from && (unsigned)n->places[i] < next)
                next = (unsigned)n->places[i];
        if ((unsigned)n->news >= from && (unsigned)n->news < next)
            next = (unsigned)n->news;
        if (next > from && close_range(from, next - 1, 0) != 0)
            _exit(1);
        if (next == ~0u)
            return;
        from = next + 1;
    }
}

static void plain_signals(void)
{
    static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGPIPE, SIGCHLD};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        signal(ours[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void waf_nursery_main(const struct waf_nursery *n)
{
    struct waf_rules rules = {};
    struct waf_news news = {};

    plain_signals();
    forget_the_rest(n);
    alarm_in(WAF_LOAD_SECONDS * 1000);
    if (load(n, &rules, &news) != RC_OK) {
        (void)tell(n, &news);
        _exit(1);
    }
    alarm_in(0);
    if (tell(n, &news))
        look_after(n, &rules);
    _exit(0);
}
