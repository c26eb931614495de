/* SPDX-License-Identifier: Apache-2.0 */
#include "live/live.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "json/out.h"
#include "store/events.h"
#include "store/store.h"

MSG(msg_many, "live.many", "too many pages wait for what changes; ask again later");

enum { EVENTS_ARENA = 16 << 20 };

struct waiter {
    struct list link;
    struct live *of;
    struct ipc_req *req;
    const struct ipc_http *msg;
    struct live_place at;
    int64_t until; /* of the loop's clock */
};

struct live {
    struct live_options o;
    struct list waiting;
    size_t n;
    struct ev_timer timer;
    uint64_t seen; /* the last number that was looked at */
    bool stopped;
};

/* ---- what is told */

static bool has(const struct str *kinds, size_t n, struct str kind)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(kinds[i], kind))
            return true;
    return false;
}

static enum rc read_kinds(struct store_txn *txn, uint64_t after, struct arena *a,
                          struct str kinds[static LIVE_KINDS_MAX], size_t *out_n)
{
    const struct store_event_filter f = {.after = after, .limit = LIVE_EVENTS_MAX};
    struct store_event *list;
    size_t n, kept = 0;
    bool all;

    TRY(store_event_list(txn, a, &f, &list, &n));
    all = n < LIVE_EVENTS_MAX;
    for (size_t i = 0; i < n && all; i++) {
        if (has(kinds, kept, list[i].object_kind))
            continue;
        all = kept < LIVE_KINDS_MAX;
        if (all)
            kinds[kept++] = list[i].object_kind;
    }
    if (!all) {
        kinds[0] = STR("*");
        kept = 1;
    }
    *out_n = kept;
    return RC_OK;
}

static enum rc put_changed(struct store_txn *txn, uint64_t after, uint64_t last, struct buf *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(EVENTS_ARENA);
    CLEANUP(buf_done) struct buf text = BUF_INIT(LIVE_TEXT_MAX);
    struct str kinds[LIVE_KINDS_MAX] = {};
    struct json_out o;
    size_t n = 1;

    if (after > last) /* the database is an older one, from a backup: all may be otherwise */
        kinds[0] = STR("*");
    else
        TRY(read_kinds(txn, after, &a, kinds, &n));
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "kinds");
    json_arr(&o);
    for (size_t i = 0; i < n; i++)
        json_put_str(&o, kinds[i]);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    buf_printf(out, "event: changed\ndata: %.*s\n\n", STR_ARG(buf_str(&text)));
    return RC_OK;
}

enum rc live_text(struct store_txn *txn, const struct live_place *at, struct buf *out,
                  bool *out_new)
{
    uint64_t last;

    TRY(store_event_last(txn, &last));
    buf_printf(out, "retry: %d\nid: %llu\n", LIVE_RETRY_MS, (unsigned long long)last);
    if (at->began && at->after != last)
        TRY(put_changed(txn, at->after, last, out));
    else
        buf_putz(out, ": nothing new\n\n");
    TRY(buf_rc(out));
    *out_new = !at->began || at->after != last;
    return RC_OK;
}

struct live_place live_place_of(const struct ipc_http *msg)
{
    struct live_place at = {};

    for (size_t i = 0; i < msg->headers.n; i++)
        if (str_eq(msg->headers.v[i].name, STR("last-event-id")))
            at.began = str_u64(msg->headers.v[i].value, INT64_MAX, &at.after) == RC_OK;
    return at;
}

/* ---- who waits */

static void answer(struct live *l, struct ipc_req *req, const struct ipc_http *msg,
                   const struct buf *text)
{
    static const struct ipc_pair headers[] = {
        {STR("Content-Type"), STR("text/event-stream")},
        {STR("Cache-Control"), STR("no-store")},
    };
    struct ipc_http_reply reply = {.status = 200, .headers = {headers, 2}, .body = buf_str(text)};
    struct err err = ERR_INIT;

    err.rc = l->o.may(l->o.arg, msg, &err);
    if (err.rc != RC_OK)
        l->o.refuse(req, &err);
    else
        IGNORE_RC(ipc_reply(req, &reply)); /* on failure front has been told, by ipc_reply itself */
}

static struct ipc_req *take(struct waiter *w)
{
    struct ipc_req *req = w->req;

    list_remove(&w->link);
    w->of->n--;
    if (w->of->n == 0)
        ev_timer_stop(&w->of->timer);
    mem_free(w);
    return req;
}

/* Front gave up, or is gone. */
static void given_up(void *arg)
{
    ipc_req_drop(take(arg));
}

static void end_wait(struct waiter *w, const struct err *err, const struct buf *text)
{
    struct live *l = w->of;
    const struct ipc_http *msg = w->msg;
    struct ipc_req *req = take(w);

    ipc_req_on_cancel(req, NULL, NULL);
    if (err->rc == RC_OK)
        answer(l, req, msg, text);
    else
        l->o.refuse(req, err);
}

/* True when it was answered. */
static void look_at(struct waiter *w, bool now)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(LIVE_TEXT_MAX);
    struct err err = ERR_INIT;
    bool fresh = false;

    err.rc = live_text(store_read(w->of->o.store), &w->at, &text, &fresh);
    if (err.rc != RC_OK || fresh || now)
        end_wait(w, &err, &text);
}

/* An answer may take others away with it, when front is gone: nothing is kept of them. */
static void look_at_all(struct live *l, bool moved, bool all)
{
    int64_t now = clock_mono(ev_clock(l->o.ev));
    struct list batch;

    list_init(&batch);
    list_splice(&batch, &l->waiting);
    for (struct list *link; (link = list_pop(&batch));) {
        struct waiter *w = LIST_ENTRY(link, struct waiter, link);
        bool over = all || w->until <= now;

        list_push(&l->waiting, link);
        if (moved || over)
            look_at(w, over);
    }
}

static void look(void *arg)
{
    struct live *l = arg;
    uint64_t last = l->seen;
    bool moved;

    IGNORE_RC(store_event_last(store_read(l->o.store), &last)); /* then at the next look */
    moved = last != l->seen;
    l->seen = last;
    look_at_all(l, moved, false);
}

static enum rc hold(struct live *l, struct ipc_req *req, const struct ipc_http *msg,
                    const struct live_place *at, struct err *err)
{
    struct waiter *w;
    size_t same = 0;

    LIST_FOREACH (link, &l->waiting)
        same += addr_eq(&LIST_ENTRY(link, struct waiter, link)->msg->client, &msg->client);
    if (l->n >= LIVE_WAIT_MAX || same >= LIVE_WAIT_CLIENT_MAX)
        return ERR(err, RC_QUOTA, msg_many);
    w = MEM_NEW(struct waiter);
    if (!w)
        return RC_NOMEM;
    *w = (struct waiter){.of = l,
                         .req = req,
                         .msg = msg,
                         .at = *at,
                         .until = clock_mono(ev_clock(l->o.ev)) + LIVE_HOLD_SECONDS * WHEN_SECOND};
    list_push(&l->waiting, &w->link);
    if (l->n++ == 0) {
        l->seen = at->after;
        ev_timer_start(&l->timer, LIVE_LOOK, LIVE_LOOK);
    }
    ipc_req_on_cancel(req, given_up, w);
    return RC_OK;
}

void live_wait(struct live *l, struct ipc_req *req, const struct ipc_http *msg)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(LIVE_TEXT_MAX);
    struct live_place at = live_place_of(msg);
    struct err err = ERR_INIT;
    bool fresh = false;

    err.rc = l->o.may(l->o.arg, msg, &err);
    if (err.rc == RC_OK)
        err.rc = live_text(store_read(l->o.store), &at, &text, &fresh);
    if (err.rc == RC_OK && (fresh || l->stopped)) {
        answer(l, req, msg, &text);
        return;
    }
    if (err.rc == RC_OK)
        err.rc = hold(l, req, msg, &at, &err);
    if (err.rc != RC_OK)
        l->o.refuse(req, &err);
}

/* ---- life */

enum rc live_new(const struct live_options *options, struct live **out)
{
    struct live *l = MEM_NEW(struct live);

    if (!l)
        return RC_NOMEM;
    l->o = *options;
    list_init(&l->waiting);
    ev_timer_init(&l->timer, options->ev, look, l);
    *out = l;
    return RC_OK;
}

void live_stop(struct live *l)
{
    if (!l)
        return;
    l->stopped = true;
    look_at_all(l, false, true);
    ev_timer_stop(&l->timer);
}

void live_free(struct live *l)
{
    mem_free(l);
}
