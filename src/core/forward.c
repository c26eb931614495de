/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log to where audit.forward says, at least once: read what is committed behind the
 * position that a destination has reached, have the courier bring it, write the new position down
 * when the destination has it. Whoever dies in between has some records brought twice, and none
 * left out. Nothing waits for any of it: a destination that is away costs an attempt a minute. */
#include "core/forwards.h"

#include <stdio.h>

#include "core/core_int.h"
#include "ev/clock.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/events.h"
#include "store/meta.h"

MSG(msg_away, "core.forward-no-courier",
    "the courier is away; `autarky status` shows the processes");
MSG(msg_less, "core.forward-less",
    "the courier says that it has brought {0} to record {1}, and it was given {2}");

enum {
    SLOTS = 2 * CONF_FORWARDS_MAX, /* with those that the configuration no longer has, and that are
                                      still under way */
    ASK_SECONDS = 60,              /* more than the courier gives itself */
    AGAIN_DOUBLINGS = 6,           /* 1, 2, 4 ... 64 seconds */
    TELL_AGAIN = 60,               /* a failure that stays is told once in so many attempts */
    ARENA_BYTES = IPC_DELIVER_RECORDS * (2 * IPC_DELIVER_RECORD_MAX),
    KEY_BYTES = CONF_FORWARD_NAME_MAX + 16,
    WHY_BYTES = 512,
    ROOM_STEP = IPC_DELIVER_BYTES / 64,
};
#define LOOK_EVERY WHEN_SECOND

METRIC_GAUGE(backlog, "audit_forward_backlog",
             "Records that the destination furthest behind does not have yet");
METRIC_GAUGE_TIME(lag, "audit_forward_lag_seconds",
                  "Age of the oldest record that some destination does not have yet");
METRIC_COUNTER(delivered, "audit_forward_records_total", "Records that destinations have taken");
METRIC_COUNTER(failed, "audit_forward_failures_total", "Deliveries that destinations did not take");

struct slot {
    struct core_forwards *all;
    char name[CONF_FORWARD_NAME_MAX + 1]; /* "": free */
    struct ev_timer timer;
    bool busy;   /* a delivery is under way, or its position is being written */
    bool gone;   /* the configuration no longer has it */
    bool known;  /* `done` has been read */
    bool full;   /* the last delivery was as large as it may be: there is more */
    size_t room; /* bytes that it may take at a time: less where it took too long */
    uint64_t done, sent;
    unsigned failures; /* one after the other */
    when_t since;      /* of the first of them */
    char why[WHY_BYTES];
};

struct core_forwards {
    struct core *core;
    struct ipc_chan *courier; /* borrowed; NULL while away */
    struct slot slots[SLOTS];
    bool closing;
};

static const char *key_of(const struct slot *s, char key[static KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "forward-%s", s->name);
    return key;
}

static void look_again(struct slot *s, int64_t delay)
{
    if (!s->all->closing)
        ev_timer_start(&s->timer, delay, 0);
}

static void free_slot(struct slot *s)
{
    ev_timer_stop(&s->timer);
    s->name[0] = 0;
    s->gone = false;
}

/* ---- the end of a delivery */

static void fail(struct slot *s, const struct err *err)
{
    unsigned doublings = s->failures < AGAIN_DOUBLINGS ? s->failures : AGAIN_DOUBLINGS;

    s->busy = false;
    if (s->gone) {
        free_slot(s);
        return;
    }
    err_textz(err, s->why, sizeof(s->why));
    metric_add(&failed, 0, 1);
    if (s->failures == 0)
        s->since = clock_now(ev_clock(s->all->core->ev));
    if (!s->all->closing && s->failures % TELL_AGAIN == 0)
        log_error("core.forward-failed", LOG_Z("destination", s->name), LOG_ERR(err));
    s->failures++;
    if (err->rc == RC_TIMEOUT)
        s->room = s->room / 2 > ROOM_STEP ? s->room / 2 : ROOM_STEP;
    look_again(s, LOOK_EVERY << doublings);
}

static void succeed(struct slot *s)
{
    s->busy = false;
    metric_add(&delivered, 0, (int64_t)(s->sent - s->done));
    s->done = s->sent;
    if (s->failures)
        log_info("core.forward-again", LOG_Z("destination", s->name), LOG_INT("through", s->done));
    s->failures = 0;
    s->room = s->room + ROOM_STEP < IPC_DELIVER_BYTES ? s->room + ROOM_STEP : IPC_DELIVER_BYTES;
    s->why[0] = 0;
    if (s->gone)
        free_slot(s);
    else
        look_again(s, s->full ? 0 : LOOK_EVERY);
}

static enum rc write_position(struct store_txn *txn, void *arg)
{
    const struct slot *s = arg;
    char key[KEY_BYTES], text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)s->sent);
    return store_meta_set(txn, key_of(s, key), str_of(text));
}

static void position_written(enum rc rc, void *arg)
{
    const struct err err = {.rc = rc};

    if (rc == RC_OK)
        succeed(arg);
    else
        fail(arg, &err);
}

static enum rc take_answer(const struct slot *s, const struct ipc_answer *a, struct err *err)
{
    const struct ipc_delivered *m = a->msg;
    char has[24], given[24];

    if (a->rc != RC_OK) {
        *err = a->err ? *a->err : (struct err){.rc = a->rc};
        return a->rc;
    }
    if (m->through == s->sent)
        return RC_OK;
    snprintf(has, sizeof(has), "%llu", (unsigned long long)m->through);
    snprintf(given, sizeof(given), "%llu", (unsigned long long)s->sent);
    return ERR(err, RC_CONFLICT, msg_less, str_of(s->name), str_of(has), str_of(given));
}

static void delivered_to(void *arg, const struct ipc_answer *answer)
{
    struct slot *s = arg;
    struct err err = ERR_INIT;
    enum rc rc = take_answer(s, answer, &err);

    if (rc == RC_OK && s->all->closing)
        rc = RC_CLOSED; /* brought once more after the next start */
    if (rc == RC_OK)
        rc = store_write(s->all->core->store, write_position, position_written, s);
    err.rc = rc;
    if (rc != RC_OK)
        fail(s, &err);
}

/* ---- the next one */

static enum rc read_position(struct slot *s, struct arena *a)
{
    char key[KEY_BYTES];
    struct str text;
    enum rc rc = store_meta_get(store_read(s->all->core->store), a, key_of(s, key), &text);

    if (rc == RC_OK)
        rc = str_u64(text, INT64_MAX, &s->done);
    else if (rc == RC_NOTFOUND)
        rc = RC_OK; /* a new destination gets all there is */
    s->known = rc == RC_OK;
    return rc;
}

/* As many as fit, one at least: the number of them. A slow server that does not get through with a
 * large delivery in time would else never get through with any. */
static size_t choose(struct slot *s, const struct store_event *list, size_t n,
                     struct ipc_record *out)
{
    size_t bytes = 0, i = 0;

    for (; i < n; i++) {
        const struct store_event *e = &list[i];

        bytes += e->bytes.n;
        if (bytes > s->room && i > 0)
            break;
        out[i] = (struct ipc_record){e->sequence, e->at, e->action, e->bytes};
        s->sent = e->sequence;
    }
    s->full = i < n || n == IPC_DELIVER_RECORDS;
    return i;
}

/* RC_NOTFOUND: there is nothing new. */
static enum rc send_next(struct slot *s, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct store_event_filter filter = {.limit = IPC_DELIVER_RECORDS};
    struct ipc_deliver msg = {.name = str_of(s->name)};
    const struct ipc_ask ask = {.type = IPC_DELIVER,
                                .msg = &msg,
                                .timeout = ASK_SECONDS * WHEN_SECOND,
                                .fn = delivered_to,
                                .arg = s};
    struct store_event *list;
    struct ipc_record *records;
    size_t n;

    if (!s->known)
        TRY(read_position(s, &a));
    filter.after = s->done;
    TRY(store_event_list(store_read(s->all->core->store), &a, &filter, &list, &n));
    if (n == 0)
        return RC_NOTFOUND;
    if (!s->all->courier)
        return ERR(err, RC_CLOSED, msg_away);
    records = arena_calloc(&a, n, sizeof(*records));
    if (!records)
        return RC_NOMEM;
    msg.records.v = records;
    msg.records.n = choose(s, list, n, records);
    return ipc_call(s->all->courier, &ask, NULL);
}

static void look(void *arg)
{
    struct slot *s = arg;
    struct err err = ERR_INIT;

    if (s->busy || s->all->closing)
        return;
    err.rc = send_next(s, &err);
    if (err.rc == RC_OK)
        s->busy = true;
    else if (err.rc == RC_NOTFOUND)
        look_again(s, LOOK_EVERY);
    else
        fail(s, &err);
}

/* ---- destinations */

static struct slot *find(struct core_forwards *f, const char *name)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (str_eq(str_of(f->slots[i].name), str_of(name)))
            return &f->slots[i];
    return NULL;
}

static void add(struct core_forwards *f, struct str name)
{
    char text[CONF_FORWARD_NAME_MAX + 1];
    struct slot *s;

    if (str_copyz(name, text, sizeof(text)) != RC_OK)
        return; /* the configuration has no such name */
    s = find(f, text);
    if (s) {
        s->gone = false;
        return;
    }
    s = find(f, ""); /* there are twice as many as destinations */
    if (!s)
        return;
    *s = (struct slot){.all = f, .room = IPC_DELIVER_BYTES};
    memcpy(s->name, text, sizeof(text));
    ev_timer_init(&s->timer, f->core->ev, look, s);
    look_again(s, 0);
}

void core_forwards_conf(struct core *core)
{
    struct core_forwards *f = core->forwards;

    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &f->slots[i];

        s->gone = s->name[0] && !conf_forward_find(core->conf, str_of(s->name));
        if (s->gone && !s->busy)
            free_slot(s);
    }
    for (size_t i = 0; i < core->conf->audit.n_forward; i++)
        add(f, core->conf->audit.forward[i].name);
}

void core_forwards_courier(struct core *core, struct ipc_chan *chan)
{
    struct core_forwards *f = core->forwards;

    f->courier = chan;
    for (size_t i = 0; chan && i < SLOTS; i++)
        if (f->slots[i].name[0] && !f->slots[i].busy)
            look_again(&f->slots[i], 0);
}

/* ---- how it is */

static void show(const struct slot *s, struct api_forward *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 * IPC_DELIVER_RECORD_MAX);
    struct store_txn *txn = store_read(s->all->core->store);
    struct store_event_filter filter = {.after = s->done, .limit = 1};
    struct store_event *list;
    uint64_t last = 0;
    size_t n = 0;

    out->known = s->known;
    out->done = s->done;
    out->failures = s->failures;
    out->since = s->since;
    out->why = str_of(s->why);
    if (store_event_last(txn, &last) != RC_OK || last <= s->done)
        return; /* shown as 0; doctor reports the store */
    out->backlog = last - s->done;
    if (store_event_list(txn, &a, &filter, &list, &n) == RC_OK && n)
        out->oldest = list[0].at;
}

size_t core_forwards_show(const struct core *core, struct api_forward out[static CONF_FORWARDS_MAX])
{
    size_t n = 0;

    for (; n < core->conf->audit.n_forward && n < CONF_FORWARDS_MAX; n++) {
        const struct conf_forward *conf = &core->conf->audit.forward[n];

        out[n] =
            (struct api_forward){.name = conf->name, .server = conf->server, .plain = conf->plain};
        for (size_t i = 0; i < SLOTS; i++)
            if (str_eq(str_of(core->forwards->slots[i].name), conf->name))
                show(&core->forwards->slots[i], &out[n]);
    }
    return n;
}

void core_forwards_measure(const struct core *core)
{
    struct api_forward all[CONF_FORWARDS_MAX];
    size_t n = core_forwards_show(core, all);
    when_t now = clock_now(ev_clock(core->ev)), oldest = now;
    uint64_t most = 0;

    for (size_t i = 0; i < n; i++) {
        most = all[i].backlog > most ? all[i].backlog : most;
        oldest = all[i].oldest && all[i].oldest < oldest ? all[i].oldest : oldest;
    }
    if (n == 0)
        return;
    metric_set(&backlog, 0, (int64_t)most);
    metric_set(&lag, 0, now - oldest);
}

/* ---- life */

enum rc core_forwards_new(struct core *core)
{
    core->forwards = MEM_NEW(struct core_forwards);
    if (!core->forwards)
        return RC_NOMEM;
    core->forwards->core = core;
    core_forwards_conf(core);
    return RC_OK;
}

void core_forwards_stop(struct core *core)
{
    if (!core->forwards)
        return;
    core->forwards->closing = true;
    for (size_t i = 0; i < SLOTS; i++)
        if (core->forwards->slots[i].name[0])
            ev_timer_stop(&core->forwards->slots[i].timer);
}

void core_forwards_free(struct core *core)
{
    mem_free(core->forwards);
    core->forwards = NULL;
}
