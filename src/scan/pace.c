/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/pace.h"

#include "base/when.h"
#include "ev/clock.h"

/* What a loop that was busy has missed may be made up for, up to so much. */
enum { CATCH_UP = 100 * 1000 };

static void on_timer(void *arg)
{
    struct scan_pace *p = arg;
    int64_t now = clock_mono(ev_clock(p->ev));

    if (p->next < now - CATCH_UP)
        p->next = now - CATCH_UP;
    while (!list_empty(&p->waiting) && p->next <= now) {
        struct scan_turn *t = LIST_ENTRY(p->waiting.next, struct scan_turn, link);

        list_remove(&t->link);
        p->next += p->step;
        t->cb(t->arg);
    }
    if (!list_empty(&p->waiting) && !ev_timer_running(&p->timer))
        ev_timer_start(&p->timer, p->next > now ? p->next - now : 0, 0);
}

void scan_pace_init(struct scan_pace *p, struct ev *ev, unsigned per_second)
{
    *p = (struct scan_pace){.ev = ev, .step = WHEN_SECOND / per_second};
    p->next = clock_mono(ev_clock(ev));
    list_init(&p->waiting);
    ev_timer_init(&p->timer, ev, on_timer, p);
}

void scan_pace_done(struct scan_pace *p)
{
    ev_timer_stop(&p->timer);
}

void scan_turn_init(struct scan_turn *t, ev_cb cb, void *arg)
{
    *t = (struct scan_turn){.cb = cb, .arg = arg};
    list_init(&t->link);
}

void scan_pace_ask(struct scan_pace *p, struct scan_turn *t)
{
    int64_t now = clock_mono(ev_clock(p->ev));

    list_push(&p->waiting, &t->link);
    if (!ev_timer_running(&p->timer))
        ev_timer_start(&p->timer, p->next > now ? p->next - now : 0, 0);
}

void scan_turn_cancel(struct scan_turn *t)
{
    list_remove(&t->link);
}
