/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of alerts with a real store, a clock that stands still until told, and conditions that
 * the test sets. */
#pragma once

#include "check.h"

#include "alert/alert.h"
#include "conf/load.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "log/log.h"
#include "store/deliveries.h"
#include "store/expiries.h"
#include "unit/store/fixture.h"

#define HEAD "organization: Example Hospital\ndomain: hospital.example\n"
#define RECEIVERS                                                                                  \
    "receivers:\n"                                                                                 \
    "  - {name: hook, kind: webhook, url: \"http://10.0.0.9:80/\", plain: true,"                   \
    " secret_file: s}\n"                                                                           \
    "  - {name: page, kind: webhook, url: \"http://10.0.0.9:81/\", plain: true,"                   \
    " secret_file: s, resolved: false}\n"                                                          \
    "  - {name: mail, kind: mail, server: \"10.0.0.25:25\", plain: true,"                          \
    " from: ca@hospital.example, to: [owner, pki@hospital.example]}\n"                             \
    "  - {name: exec, kind: exec, user: pager, command: [/bin/page, night]}\n"

enum { TURNS = 12 };

struct play {
    struct fix f;
    struct clock_fake clock;
    struct ev *ev;
    const struct conf *conf;
    struct alert_engine *engine;
    /* what holds */
    struct alert_condition holds[4];
    size_t n;
    enum rc collected; /* of the conditions */
    size_t queued;
};

static inline void play_quiet(void *, enum log_level, struct str)
{
}

static inline void play_collect(void *arg, struct alert_conditions *out)
{
    struct play *p = arg;

    for (size_t i = 0; i < p->n; i++)
        out->v[out->n++] = p->holds[i];
    out->rc = p->collected;
    alert_collected(p->engine);
}

static inline void play_queued(void *arg)
{
    ((struct play *)arg)->queued++;
}

static inline void play_done(struct play *p)
{
    alert_engine_stop(p->engine);
    if (p->f.s)
        while (store_pending(p->f.s))
            store_collect(p->f.s);
    alert_engine_free(p->engine);
    fix_done(&p->f);
    ev_free(p->ev);
    conf_unref(p->conf);
}

static inline enum rc play_load(const char *text, const struct conf **out)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("test.yaml"), str_of(text)));
    return conf_load(&in, out, &report);
}

static inline void turn(struct play *p)
{
    for (int i = 0; i < TURNS; i++) {
        ev_run_once(p->ev, EV_NOWAIT);
        store_collect(p->f.s);
    }
}

/* Time passes; then the engine looks. */
static inline void pass(struct play *p, int64_t time)
{
    clock_fake_advance(&p->clock, time);
    turn(p);
    clock_fake_advance(&p->clock, ALERT_SECONDS * WHEN_SECOND);
    turn(p);
}

static inline enum rc play_begin(struct play *p)
{
    struct alert_options o = {.ev = p->ev,
                              .store = p->f.s,
                              .conf = p->conf,
                              .collect = play_collect,
                              .queued = play_queued,
                              .arg = p};

    return alert_engine_new(&o, &p->engine);
}

static inline enum rc play_init(struct play *p, const char *routes)
{
    struct log_conf quietly = {.role = "test", .sink = play_quiet};
    char text[4096];

    log_init(&quietly);
    *p = (struct play){};
    clock_fake_init(&p->clock, FIX_NOW - FIX_NOW % WHEN_DAY);
    snprintf(text, sizeof(text), HEAD RECEIVERS "%s", routes);
    TRY(fix_base(&p->f));
    TRY(ev_new(&p->clock.clock, &p->ev));
    TRY(play_load(text, &p->conf));
    TRY(play_begin(p));
    turn(p);
    return RC_OK;
}

#define BEGIN(p, routes)                                                                           \
    CLEANUP(play_done) struct play p = {};                                                         \
    CHECK_OK(play_init(&p, routes))

/* How many messages that receiver got, and the last one's body and recipients in the arena. */
static inline size_t told(struct play *p, const char *receiver, struct store_delivery *last)
{
    struct store_delivery *list = NULL;
    size_t n = 0, found = 0;

    if (store_delivery_list(READ(&p->f), &p->f.a, &(struct store_cursor){}, 0, &list, &n) != RC_OK)
        return SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(list[i].receiver, str_of(receiver)))
            continue;
        if (found++ == 0 && last &&
            store_delivery_get(READ(&p->f), &p->f.a, &list[i].id, last) != RC_OK)
            return SIZE_MAX;
    }
    return found;
}

static inline size_t firing(struct play *p, struct store_alert **out)
{
    const struct store_alert_filter filter = {.kind = STR("")};
    struct store_alert *list;
    size_t n = 0;

    if (store_alert_list(READ(&p->f), &p->f.a, &filter, &list, &n, NULL) != RC_OK)
        return SIZE_MAX;
    if (out)
        *out = list;
    return n;
}
