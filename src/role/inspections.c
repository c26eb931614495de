/* SPDX-License-Identifier: Apache-2.0 */
#include "role/inspections.h"

#include <string.h>

#include "base/addr.h"
#include "base/map.h"
#include "ev/clock.h"
#include "http/reader.h"
#include "ipc/chan.h"
#include "ipc/waf_messages.h"
#include "log/log.h"

/* One request's question: in `asked` while another process has it, in `waiting` before. */
struct question {
    struct list link;
    struct inspections *of;
    struct gateway_inspection *i; /* NULL: nobody waits for it any more */
    struct ipc_call *call;
    struct ev_timer timer; /* while it waits */
    int64_t deadline;      /* monotonic */
    uint64_t site;         /* its hash */
    bool again;            /* it was asked once already */
};

/* What waits is looked at so often where nothing else tells that there is room. */
#define LOOK_EVERY (10 * WHEN_SECOND / 1000)

static void pump(struct inspections *all);

static void drop(struct question *q)
{
    ev_timer_stop(&q->timer);
    list_remove(&q->link);
    mem_free(q);
}

static void tell(struct question *q, const struct gateway_found *found)
{
    struct gateway_inspection *i = q->i;

    drop(q);
    if (i)
        gateway_inspect_told(i, found);
}

static void on_time(void *arg)
{
    struct question *q = arg;

    q->of->n_waiting--;
    tell(q, &(struct gateway_found){.rc = RC_TIMEOUT});
}

static void wait(struct question *q, bool first)
{
    struct inspections *all = q->of;
    int64_t left = q->deadline - clock_mono(ev_clock(all->ev));

    q->call = NULL;
    list_remove(&q->link);
    if (first)
        list_insert(all->waiting.next, &q->link);
    else
        list_push(&all->waiting, &q->link);
    all->n_waiting++;
    ev_timer_start(&q->timer, left > 0 ? left : 0, 0);
    ev_timer_start(&all->again, first ? LOOK_EVERY : 0, 0);
}

/* The other process is believed no number that has no place here. */
static void take(const struct ipc_inspected *m, struct gateway_found *out)
{
    struct str text = m->matches.n ? m->matches.v[0].text : (struct str){NULL, 0};

    out->rc = RC_OK;
    out->status = m->status >= 400 && m->status <= 599 ? m->status : m->status ? 403 : 0;
    out->score = m->score;
    for (size_t i = 0; i < m->matches.n && out->n < GATEWAY_MATCHES_MAX; i++)
        out->ids[out->n++] = m->matches.v[i].id;
    text = str_head(text, sizeof(out->text) - 1);
    for (size_t i = 0; i < text.n; i++)
        out->text[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct question *q = arg;
    struct inspections *all = q->of;
    struct gateway_found found = {.rc = a->rc};

    q->call = NULL;
    if (q->i && a->rc == RC_CLOSED && !q->again) {
        q->again = true;
        wait(q, true);
        return;
    }
    if (a->rc == RC_OK)
        take(a->msg, &found);
    else if (q->i && a->err)
        log_warn("gateway.not-inspected", LOG_ERR(a->err));
    tell(q, &found);
    pump(all);
}

static void put_header(struct buf *out, struct str name, struct str value)
{
    buf_puts(out, name);
    buf_u8(out, '\0');
    buf_puts(out, value);
    buf_u8(out, '\0');
}

static void put_headers(const struct http_reader *r, struct buf *out)
{
    bool host = false;

    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field f = http_reader_field(r, i);

        host |= str_eq(f.name, STR("host"));
        put_header(out, f.name, f.value);
    }
    /* HTTP/2 has it in a pseudo-field. */
    if (!host)
        put_header(out, STR("host"), http_reader_get(r)->host);
}

/* RC_QUOTA: there are as many under way as it takes at a time, or there is none. */
static enum rc send(struct question *q)
{
    const struct gateway_question *from = &q->i->question;
    const struct http_head *head = http_reader_get(from->head);
    CLEANUP(buf_done) struct buf headers = BUF_INIT(IPC_INSPECT_HEAD);
    CLEANUP(buf_done) struct buf target = BUF_INIT(IPC_INSPECT_TARGET);
    struct ipc_inspect msg = {
        .site = from->site,
        .client = {*from->client, from->port},
        .method = head->method,
        .version = from->version,
        .body = from->body,
        .whole = from->whole,
    };
    struct ipc_ask ask = {.type = IPC_INSPECT,
                          .msg = &msg,
                          .timeout = q->deadline - clock_mono(ev_clock(q->of->ev)),
                          .about = from->id,
                          .fn = on_answer,
                          .arg = q};

    if (!q->of->waf)
        return RC_QUOTA;
    if (ask.timeout <= 0)
        return RC_TIMEOUT;
    buf_puts(&target, head->path);
    if (head->query.p) {
        buf_putz(&target, "?");
        buf_puts(&target, head->query);
    }
    TRY(buf_rc(&target));
    put_headers(from->head, &headers);
    TRY(buf_rc(&headers));
    msg.target = buf_str(&target);
    msg.headers = buf_str(&headers);
    return ipc_call(q->of->waf, &ask, &q->call);
}

/* Sites have their names from the configuration: nobody makes them meet. */
static const unsigned char key[16];

static bool has_share(const struct inspections *all, uint64_t site)
{
    size_t n = 0;

    LIST_FOREACH (it, &all->asked)
        n += LIST_ENTRY(it, struct question, link)->site == site;
    return n >= INSPECTIONS_SHARE;
}

/* The first that waits of a site that may have more. */
static struct question *next_one(const struct inspections *all)
{
    LIST_FOREACH (it, &all->waiting) {
        struct question *q = LIST_ENTRY(it, struct question, link);

        if (!has_share(all, q->site))
            return q;
    }
    return NULL;
}

static void pump(struct inspections *all)
{
    struct question *q;

    while ((q = next_one(all)) != NULL) {
        enum rc rc = send(q);

        if (rc == RC_QUOTA || rc == RC_CLOSED)
            break;
        all->n_waiting--;
        ev_timer_stop(&q->timer);
        list_remove(&q->link);
        list_push(&all->asked, &q->link);
        if (rc != RC_OK)
            tell(q, &(struct gateway_found){.rc = rc});
    }
    if (!list_empty(&all->waiting))
        ev_timer_start(&all->again, LOOK_EVERY, 0);
}

static void on_again(void *arg)
{
    pump(arg);
}

static enum rc ask(void *arg, const struct gateway_question *in, struct gateway_inspection *i)
{
    struct inspections *all = arg;
    struct question *q;
    enum rc rc;

    if (all->n_waiting >= INSPECTIONS_WAITING_MAX)
        return RC_QUOTA;
    q = MEM_NEW(struct question);
    if (!q)
        return RC_NOMEM;
    q->of = all;
    q->i = i;
    q->deadline = clock_mono(ev_clock(all->ev)) + in->timeout;
    i->asked = q;
    list_init(&q->link);
    ev_timer_init(&q->timer, all->ev, on_time, q);
    q->site = map_siphash(key, in->site);
    rc = list_empty(&all->waiting) && !has_share(all, q->site) ? send(q) : RC_QUOTA;
    if (rc == RC_OK)
        list_push(&all->asked, &q->link);
    else if (rc == RC_QUOTA || rc == RC_CLOSED)
        wait(q, false);
    else
        drop(q);
    return rc == RC_QUOTA || rc == RC_CLOSED ? RC_OK : rc;
}

static void cancel(void *arg, struct gateway_inspection *i)
{
    struct inspections *all = arg;
    struct question *q = i->asked;

    q->i = NULL;
    if (q->call) {
        ipc_cancel(q->call); /* on_answer frees it */
        return;
    }
    all->n_waiting--;
    drop(q);
}

void inspections_init(struct inspections *all, struct ev *ev)
{
    *all = (struct inspections){.ask = {ask, cancel, all}, .ev = ev};
    list_init(&all->asked);
    list_init(&all->waiting);
    ev_timer_init(&all->again, ev, on_again, all);
}

void inspections_waf(struct inspections *all, struct ipc_chan *waf)
{
    all->waf = waf;
    if (waf)
        pump(all);
}

void inspections_done(struct inspections *all)
{
    ev_timer_stop(&all->again);
    LIST_FOREACH (it, &all->asked) {
        struct question *q = LIST_ENTRY(it, struct question, link);

        q->i = NULL;
        ipc_cancel(q->call);
    }
    LIST_FOREACH (it, &all->waiting)
        drop(LIST_ENTRY(it, struct question, link));
}
