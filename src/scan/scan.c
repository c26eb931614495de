/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/scan.h"

#include "base/map.h"
#include "tls/survey.h"

MSG(msg_at, "scan.at", "what was written down of an earlier scan does not fit this one");

/* An address at which something is under way. */
struct host {
    struct addr addr;
    unsigned open;
    struct list waiting; /* of struct slot */
};

struct slot {
    struct list link; /* among the open ones, or those that wait at a host */
    struct scan *scan;
    struct host *host;
    uint64_t index;
    struct scan_look *look; /* NULL: it waits */
};

struct scan {
    struct scan_conf conf;
    struct scan_look_conf look;
    struct scan_pace pace;
    struct tls_survey *survey;
    uint64_t total, next, low, finished;
    uint64_t done[SCAN_WINDOW / 64]; /* bit index % SCAN_WINDOW: finished, though above low */
    struct map hosts;                /* by address */
    struct list open;
    unsigned n_open, n_held;
    struct ev_timer deadline;
    struct ev_defer begin, end;
    enum rc rc;
    bool over;
};

static bool is_done(const struct scan *s, uint64_t index)
{
    return index < s->low || s->done[index % SCAN_WINDOW / 64] >> (index % 64) & 1;
}

static void set_done(struct scan *s, uint64_t index, bool done)
{
    uint64_t bit = UINT64_C(1) << (index % 64);
    uint64_t *word = &s->done[index % SCAN_WINDOW / 64];

    *word = done ? *word | bit : *word & ~bit;
}

/* `low` moves to the first that is not finished. */
static void finish(struct scan *s, uint64_t index)
{
    set_done(s, index, true);
    s->finished++;
    while (s->low < s->total && is_done(s, s->low)) {
        set_done(s, s->low, false);
        s->low++;
    }
}

static void over(struct scan *s, enum rc rc)
{
    if (s->over)
        return;
    s->over = true;
    s->rc = rc;
    ev_defer(s->conf.ev, &s->end);
}

/* ---- hosts */

static void host_free(struct scan *s, struct host *h)
{
    map_remove(&s->hosts, addr_bytes(&h->addr));
    mem_free(h);
}

static enum rc host_get(struct scan *s, const struct addr *addr, struct host **out)
{
    struct host *h = map_get(&s->hosts, addr_bytes(addr));

    if (!h) {
        h = MEM_NEW(struct host);
        if (!h)
            return RC_NOMEM;
        h->addr = *addr;
        list_init(&h->waiting);
        if (map_add(&s->hosts, addr_bytes(addr), h) != RC_OK) {
            mem_free(h);
            return RC_NOMEM;
        }
    }
    *out = h;
    return RC_OK;
}

/* ---- looks */

static void slot_free(struct slot *slot)
{
    list_remove(&slot->link);
    scan_look_free(slot->look);
    mem_free(slot);
}

static enum rc start(struct slot *slot)
{
    struct scan *s = slot->scan;
    struct scan_endpoint at = scan_targets_at(s->conf.targets, slot->index);

    TRY(scan_look_new(&s->look, &at, slot, &slot->look));
    list_push(&s->open, &slot->link);
    s->n_open++;
    slot->host->open++;
    return RC_OK;
}

static enum rc take(struct scan *s, uint64_t index)
{
    struct scan_endpoint at = scan_targets_at(s->conf.targets, index);
    struct slot *slot = MEM_NEW(struct slot);
    enum rc rc = slot ? RC_OK : RC_NOMEM;

    if (!slot)
        return rc;
    slot->scan = s;
    slot->index = index;
    list_init(&slot->link);
    rc = host_get(s, &at.to.addr, &slot->host);
    if (rc == RC_OK && slot->host->open >= s->conf.per_host) {
        list_push(&slot->host->waiting, &slot->link);
        s->n_held++;
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = start(slot);
    if (rc != RC_OK) {
        if (slot->host && !slot->host->open && list_empty(&slot->host->waiting))
            host_free(s, slot->host);
        slot_free(slot);
    }
    return rc;
}

static bool may_take(const struct scan *s)
{
    return !s->over && s->next < s->total && s->n_open < s->conf.at_once &&
           s->n_held < SCAN_HELD_MAX && s->next - s->low < SCAN_WINDOW;
}

static void fill(struct scan *s)
{
    while (may_take(s)) {
        enum rc rc = is_done(s, s->next) ? RC_OK : take(s, s->next);

        if (rc != RC_OK) {
            over(s, rc);
            return;
        }
        s->next++;
    }
    if (s->low == s->total)
        over(s, RC_OK);
}

/* Whoever waits at that address comes first, so that nobody waits for ever. */
static void go_on(struct scan *s, struct host *h)
{
    struct list *first = s->over ? NULL : list_pop(&h->waiting);
    enum rc rc = RC_OK;

    if (first) {
        struct slot *slot = LIST_ENTRY(first, struct slot, link);

        s->n_held--;
        rc = start(slot);
        if (rc != RC_OK) {
            slot_free(slot);
            over(s, rc);
        }
    }
    if (!h->open && list_empty(&h->waiting))
        host_free(s, h);
    fill(s);
}

static void looked(void *arg, struct scan_look *look)
{
    struct slot *slot = arg;
    struct scan *s = slot->scan;
    struct host *h = slot->host;
    const struct scan_found *f;
    enum rc rc = scan_look_broken(look);

    for (size_t i = 0; rc == RC_OK && (f = scan_look_found(look, i)); i++)
        rc = s->conf.found(s->conf.arg, f);
    if (rc == RC_OK)
        finish(s, slot->index);
    else
        over(s, rc);
    s->n_open--;
    h->open--;
    slot_free(slot);
    go_on(s, h);
}

/* ---- the whole */

static void give_up(struct scan *s)
{
    size_t at = 0;
    void *value;
    struct str key;

    LIST_FOREACH (it, &s->open)
        slot_free(LIST_ENTRY(it, struct slot, link));
    while (map_next(&s->hosts, &at, &key, &value)) {
        struct host *h = value;

        LIST_FOREACH (it, &h->waiting)
            slot_free(LIST_ENTRY(it, struct slot, link));
        mem_free(h);
    }
    map_done(&s->hosts);
    s->n_open = s->n_held = 0;
}

void scan_free(struct scan *s)
{
    if (!s)
        return;
    give_up(s);
    ev_timer_stop(&s->deadline);
    ev_defer_cancel(&s->begin);
    ev_defer_cancel(&s->end);
    scan_pace_done(&s->pace);
    tls_survey_free(s->survey);
    mem_free(s);
}

static void on_end(void *arg)
{
    struct scan *s = arg;

    give_up(s);
    ev_timer_stop(&s->deadline);
    s->conf.ended(s->conf.arg, s->rc);
}

static void on_begin(void *arg)
{
    fill(arg);
}

static void on_deadline(void *arg)
{
    over(arg, RC_TIMEOUT);
}

void scan_stop(struct scan *s)
{
    over(s, RC_CANCELLED);
}

static enum rc resume(struct scan *s, const struct scan_at *at, struct err *err)
{
    if (at->low > s->total)
        return ERR(err, RC_INVAL, msg_at);
    s->low = s->next = s->finished = at->low;
    for (size_t i = 0; i < at->n_more; i++) {
        if (at->more[i] >= SCAN_WINDOW || at->low + at->more[i] >= s->total ||
            is_done(s, at->low + at->more[i]))
            return ERR(err, RC_INVAL, msg_at);
        finish(s, at->low + at->more[i]);
    }
    s->next = s->low;
    return RC_OK;
}

enum rc scan_new(const struct scan_conf *conf, struct scan **out, struct err *err)
{
    CLEANUP(scan_freep) struct scan *s = MEM_NEW(struct scan);

    if (!s)
        return RC_NOMEM;
    s->conf = *conf;
    list_init(&s->open);
    map_init(&s->hosts, (size_t)SCAN_AT_ONCE_MAX + SCAN_HELD_MAX);
    scan_pace_init(&s->pace, conf->ev, conf->rate);
    ev_timer_init(&s->deadline, conf->ev, on_deadline, s);
    ev_defer_init(&s->begin, on_begin, s);
    ev_defer_init(&s->end, on_end, s);
    TRY(scan_targets_count(conf->targets, &s->total, err));
    TRY(resume(s, &conf->at, err));
    TRY(tls_survey_new(&s->survey));
    s->look = (struct scan_look_conf){.ev = conf->ev,
                                      .net = conf->net,
                                      .pace = &s->pace,
                                      .survey = s->survey,
                                      .timeout = conf->timeout,
                                      .quick = conf->quick,
                                      .fn = looked};
    if (conf->deadline)
        ev_timer_start(&s->deadline, conf->deadline, 0);
    ev_defer(conf->ev, &s->begin);
    *out = MOVE(s);
    return RC_OK;
}

struct scan_progress scan_progress(const struct scan *s)
{
    return (struct scan_progress){s->total, s->finished, s->n_open};
}

uint64_t scan_position(const struct scan *s, uint32_t *out, size_t *out_n)
{
    size_t n = 0;

    for (uint64_t i = s->low; i < s->total && i < s->low + SCAN_WINDOW; i++)
        if (is_done(s, i))
            out[n++] = (uint32_t)(i - s->low);
    *out_n = n;
    return s->low;
}
