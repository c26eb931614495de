/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/queue.h"

#include "base/arena.h"
#include "base/mem.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "ipc/notice_messages.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/store.h"

enum {
    SLOTS = 2 * CONF_RECEIVERS_MAX, /* with those that the configuration no longer has */
    ASK_SECONDS = 90,               /* more than the courier gives itself */
    ARENA_BYTES = 2 * STORE_BLOB_MAX + 16 * 1024,
    WHY_BYTES = 512,
    NAME_BYTES = 65,
};
#define AWAY_AGAIN (5 * WHEN_SECOND)
#define LOOK_AGAIN WHEN_MINUTE

METRIC_COUNTER(delivered, "alert_deliveries_total", "Deliveries that receivers of alerts have");
METRIC_COUNTER(failed, "alert_delivery_failures_total",
               "Attempts to tell a receiver of alerts that failed");
METRIC_GAUGE(waiting, "alert_deliveries_waiting", "Deliveries that receivers do not have yet");
METRIC_GAUGE_TIME(oldest, "alert_delivery_oldest_seconds",
                  "How long the oldest of them has been waiting");

struct slot {
    struct alert_queue *all;
    char name[NAME_BYTES]; /* "": free */
    struct ev_timer timer;
    bool busy, gone;
    /* of the one under way */
    struct alert_bring bring;
    struct store_delivery d; /* without texts */
    bool good;
    char why[WHY_BYTES];
    when_t now, next;
};

struct alert_queue {
    struct ev *ev;
    struct store *store;
    const struct conf *conf;
    struct ipc_chan *courier, *runner;
    struct slot slots[SLOTS];
    bool closing;
};

when_t alert_queue_pause(const struct store_delivery *d, when_t now)
{
    when_t pause = ALERT_PAUSE_FIRST;

    for (uint64_t i = 0; i < d->attempts && pause < ALERT_PAUSE_MOST; i++)
        pause *= 2;
    pause = pause < ALERT_PAUSE_MOST ? pause : ALERT_PAUSE_MOST;
    return now - d->created >= ALERT_GIVE_UP ? 0 : now + pause;
}

static when_t now_of(const struct alert_queue *q)
{
    return clock_now(ev_clock(q->ev));
}

static void look_in(struct slot *s, when_t wait)
{
    if (!s->all->closing)
        ev_timer_start(&s->timer, wait > 0 ? wait : 0, 0);
}

static void measure(struct alert_queue *q)
{
    struct store_delivery_counts n;

    if (store_delivery_count(store_read(q->store), now_of(q), &n) != RC_OK)
        return;
    metric_set(&waiting, 0, (int64_t)n.waiting);
    metric_set(&oldest, 0, n.oldest ? now_of(q) - n.oldest : 0);
}

/* ---- what came of it */

static enum rc write_down(struct store_txn *txn, void *arg)
{
    const struct slot *s = arg;
    enum rc rc = s->good ? store_delivery_done(txn, &s->d.id, s->now)
                         : store_delivery_failed(txn, &s->d.id, str_of(s->why), s->next, s->now);

    return rc == RC_CONFLICT || rc == RC_NOTFOUND ? RC_OK : rc; /* given up meanwhile */
}

static void written(enum rc rc, void *arg)
{
    struct slot *s = arg;

    s->busy = false;
    if (s->gone) {
        ev_timer_stop(&s->timer);
        s->name[0] = 0;
        s->gone = false;
        return;
    }
    measure(s->all);
    look_in(s, rc == RC_OK ? 0 : AWAY_AGAIN);
}

static void answered(void *arg, const struct alert_brought *b)
{
    struct slot *s = arg;
    struct alert_queue *q = s->all;
    struct err err = {.rc = b->rc};

    s->now = now_of(q);
    s->good = b->rc == RC_OK;
    s->next = b->final ? 0 : alert_queue_pause(&s->d, s->now);
    if (!s->good) {
        err = b->err ? *b->err : err;
        err_textz(&err, s->why, sizeof(s->why));
        metric_add(&failed, 0, 1);
    } else {
        metric_add(&delivered, 0, 1);
    }
    if (!s->good && !q->closing)
        log_warn("alert.not-delivered", LOG_Z("receiver", s->name),
                 LOG_STR("delivery", id_str(&s->d.id)), LOG_INT("attempts", s->d.attempts + 1),
                 LOG_ERR(&err));
    /* At the end only what the receiver has, or will never take, is sure. */
    if ((q->closing && !s->good && !b->final) || (b->unknown && s->next) ||
        store_write(q->store, write_down, written, s) != RC_OK) {
        s->busy = false; /* sent again, as it was */
        look_in(s, AWAY_AGAIN);
    }
}

/* ---- the next one */

static void noticed(void *arg, const struct ipc_answer *a)
{
    const struct alert_bring *b = arg;
    const struct ipc_noticed *m = a->msg;
    struct alert_brought brought = {.rc = a->rc, .err = a->err};

    if (a->rc == RC_OK)
        brought.text = m->text;
    b->fn(b->arg, &brought);
}

/* Whether the program was run is not known without an answer: then the same attempt is asked for
 * again, which the runner remembers. */
static void told(void *arg, const struct ipc_answer *a)
{
    const struct alert_bring *b = arg;
    const struct ipc_told *m = a->msg;
    struct alert_brought brought = {.rc = a->rc, .err = a->err};

    if (a->rc == RC_OK) {
        brought = (struct alert_brought){
            .rc = m->why.rc, .err = &m->why, .final = m->final, .text = m->text};
    } else {
        brought.unknown = a->rc == RC_CLOSED || a->rc == RC_CANCELLED || a->rc == RC_TIMEOUT;
    }
    b->fn(b->arg, &brought);
}

static enum rc tell(struct alert_queue *q, const struct store_delivery *d, struct alert_bring *b)
{
    const struct ipc_tell m = {.receiver = d->receiver,
                               .id = d->id,
                               .attempt = d->attempts < UINT32_MAX ? (uint32_t)d->attempts : 0,
                               .body = d->body};
    const struct ipc_ask ask = {
        .type = IPC_TELL, .msg = &m, .timeout = ASK_SECONDS * WHEN_SECOND, .fn = told, .arg = b};

    return q->runner ? ipc_call(q->runner, &ask, NULL) : RC_CLOSED;
}

enum rc alert_queue_bring(struct alert_queue *q, const struct store_delivery *d,
                          struct alert_bring *b)
{
    const struct conf_receiver *receiver = conf_receiver_find(q->conf, d->receiver);
    const struct ipc_notice m = {.receiver = d->receiver,
                                 .id = d->id,
                                 .created = d->created,
                                 .subject = d->subject,
                                 .recipients = d->recipients,
                                 .body = d->body};
    const struct ipc_ask ask = {.type = IPC_NOTICE,
                                .msg = &m,
                                .timeout = ASK_SECONDS * WHEN_SECOND,
                                .fn = noticed,
                                .arg = b};

    if (receiver && receiver->kind == CONF_RECEIVER_EXEC)
        return tell(q, d, b);
    return q->courier ? ipc_call(q->courier, &ask, NULL) : RC_CLOSED;
}

static enum rc bring_next(struct slot *s)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct store_txn *txn = store_read(s->all->store);
    struct store_delivery d;

    TRY(store_delivery_due(txn, &a, str_of(s->name), now_of(s->all), &d));
    s->d = (struct store_delivery){.id = d.id, .created = d.created, .attempts = d.attempts};
    s->bring = (struct alert_bring){answered, s};
    return alert_queue_bring(s->all, &d, &s->bring);
}

static when_t wait_of(const struct slot *s)
{
    when_t next = 0, now = now_of(s->all);

    if (store_delivery_next(store_read(s->all->store), str_of(s->name), &next) != RC_OK || !next)
        return LOOK_AGAIN;
    return next - now < LOOK_AGAIN ? next - now : LOOK_AGAIN;
}

static void look(void *arg)
{
    struct slot *s = arg;
    enum rc rc;

    if (s->busy || s->all->closing)
        return;
    rc = bring_next(s);
    s->busy = rc == RC_OK;
    if (rc == RC_NOTFOUND)
        look_in(s, wait_of(s));
    else if (rc != RC_OK)
        look_in(s, AWAY_AGAIN);
}

/* ---- receivers */

static struct slot *find(struct alert_queue *q, struct str name)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (str_eq(str_of(q->slots[i].name), name))
            return &q->slots[i];
    return NULL;
}

static void add(struct alert_queue *q, struct str name)
{
    struct slot *s = find(q, name);

    if (s) {
        s->gone = false;
        return;
    }
    s = find(q, STR("")); /* there are twice as many as receivers */
    if (!s)
        return;
    *s = (struct slot){.all = q};
    if (str_copyz(name, s->name, sizeof(s->name)) != RC_OK)
        return;
    ev_timer_init(&s->timer, q->ev, look, s);
    look_in(s, 0);
}

void alert_queue_conf(struct alert_queue *q, const struct conf *conf)
{
    q->conf = conf;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &q->slots[i];

        s->gone = s->name[0] && !conf_receiver_find(conf, str_of(s->name));
        if (s->gone && !s->busy) {
            ev_timer_stop(&s->timer);
            s->name[0] = 0;
            s->gone = false;
        }
    }
    for (size_t i = 0; i < conf->n_receivers; i++)
        add(q, conf->receivers[i].name);
}

void alert_queue_courier(struct alert_queue *q, struct ipc_chan *chan)
{
    q->courier = chan;
    if (chan)
        alert_queue_look(q);
}

void alert_queue_runner(struct alert_queue *q, struct ipc_chan *chan)
{
    q->runner = chan;
    if (chan)
        alert_queue_look(q);
}

void alert_queue_look(struct alert_queue *q)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (q->slots[i].name[0] && !q->slots[i].busy)
            look_in(&q->slots[i], 0);
    measure(q);
}

/* ---- life */

enum rc alert_queue_new(struct ev *ev, struct store *store, const struct conf *conf,
                        struct alert_queue **out)
{
    struct alert_queue *q = MEM_NEW(struct alert_queue);

    if (!q)
        return RC_NOMEM;
    q->ev = ev;
    q->store = store;
    alert_queue_conf(q, conf);
    *out = q;
    return RC_OK;
}

void alert_queue_stop(struct alert_queue *q)
{
    if (!q)
        return;
    q->closing = true;
    for (size_t i = 0; i < SLOTS; i++)
        if (q->slots[i].name[0])
            ev_timer_stop(&q->slots[i].timer);
}

bool alert_queue_busy(const struct alert_queue *q)
{
    for (size_t i = 0; q && i < SLOTS; i++)
        if (q->slots[i].name[0] && q->slots[i].busy)
            return true;
    return false;
}

void alert_queue_free(struct alert_queue *q)
{
    mem_free(q);
}
