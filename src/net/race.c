/* SPDX-License-Identifier: Apache-2.0 */
#include "net/race.h"

#include "base/when.h"
#include "ev/ev.h"
#include "net/net.h"

struct attempt {
    struct net_race *race;
    struct net_dial *dial; /* NULL: not begun, or over */
};

struct net_race {
    struct net *net;
    struct addr_port to[NET_RACE_MAX];
    struct attempt attempts[NET_RACE_MAX];
    size_t n, next, running;
    int64_t timeout;
    struct ev_timer pause;
    struct err last;
    net_race_fn fn;
    void *arg;
};

void net_race_cancel(struct net_race *r)
{
    if (!r)
        return;
    ev_timer_stop(&r->pause);
    for (size_t i = 0; i < r->n; i++)
        if (r->attempts[i].dial)
            net_cancel(r->net, r->attempts[i].dial);
    mem_free(r);
}

/* The race is gone before the callback runs, which may do as it likes. */
static void finish(struct net_race *r, enum rc rc, int fd, size_t at)
{
    struct err last = r->last;
    net_race_fn fn = r->fn;
    void *arg = r->arg;

    net_race_cancel(r);
    fn(arg, rc, fd, at, &last);
}

static void begin(struct net_race *r);

static void on_dialled(void *arg, enum rc rc, int fd, const struct err *why)
{
    struct attempt *a = arg;
    struct net_race *r = a->race;

    a->dial = NULL;
    r->running--;
    r->last = why ? *why : (struct err)ERR_INIT;
    r->last.rc = rc;
    if (rc == RC_OK)
        finish(r, rc, fd, (size_t)(a - r->attempts));
    else
        begin(r);
}

static enum rc begin_one(struct net_race *r)
{
    struct attempt *a = &r->attempts[r->next];
    const struct net_target target = {.to = r->to[r->next++], .timeout = r->timeout};

    TRY(net_dial(r->net, &target, on_dialled, a, &a->dial));
    r->running++;
    if (r->next < r->n)
        ev_timer_start(&r->pause, NET_RACE_DELAY_MS * WHEN_SECOND / 1000, 0);
    return RC_OK;
}

/* The next one; the end where none is left. */
static void begin(struct net_race *r)
{
    while (r->next < r->n) {
        enum rc rc = begin_one(r);

        if (rc == RC_OK)
            return;
        r->last = (struct err){.rc = rc};
    }
    ev_timer_stop(&r->pause);
    if (r->running == 0)
        finish(r, r->last.rc, -1, 0);
}

static void on_pause(void *arg)
{
    begin(arg);
}

enum rc net_race_start(const struct net_race_conf *conf, net_race_fn fn, void *arg,
                       struct net_race **out)
{
    CLEANUP(net_race_cancelp) struct net_race *r = NULL;

    if (conf->n == 0 || conf->n > NET_RACE_MAX)
        return RC_INVAL;
    r = MEM_NEW(struct net_race);
    if (!r)
        return RC_NOMEM;
    r->net = conf->net;
    r->n = conf->n;
    r->timeout = conf->timeout;
    r->fn = fn;
    r->arg = arg;
    ev_timer_init(&r->pause, conf->ev, on_pause, r);
    for (size_t i = 0; i < r->n; i++) {
        r->to[i] = conf->to[i];
        r->attempts[i].race = r;
    }
    TRY(begin_one(r));
    *out = MOVE(r);
    return RC_OK;
}

/* The next one of that kind (or of the other) from `from`; `n` where there is none. */
static size_t next_of(const struct addr *list, size_t n, size_t from, size_t kind, bool other)
{
    while (from < n && (list[from].n == kind) == other)
        from++;
    return from;
}

void net_race_order(struct addr *list, size_t n)
{
    struct addr sorted[NET_RACE_MAX];
    size_t one, two, filled = 0;

    if (n == 0 || n > NET_RACE_MAX)
        return;
    one = 0;
    two = next_of(list, n, 0, list[0].n, true);
    while (filled < n) {
        if (one < n) {
            sorted[filled++] = list[one];
            one = next_of(list, n, one + 1, list[0].n, false);
        }
        if (two < n) {
            sorted[filled++] = list[two];
            two = next_of(list, n, two + 1, list[0].n, true);
        }
    }
    memcpy(list, sorted, n * sizeof(*list));
}
