/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker asks who inspects, whom this test plays: over a real channel, with its credits. */
#include "check.h"

#include <sys/socket.h>

#include "base/addr.h"
#include "base/arena.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "gateway/gateway_int.h"
#include "http/reader.h"
#include "ipc/chan.h"
#include "ipc/waf_messages.h"
#include "log/log.h"
#include "role/inspections.h"

enum { TURNS = 16, MOST = 40 };

/* One request of the gateway's, without a gateway. */
struct request {
    struct gateway_exchange x;
    struct gateway_front front;
    unsigned told;
};

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct inspections all;
    struct ipc_chan *worker, *waf;
    struct ipc_req *asked[MOST]; /* that were not answered */
    struct ipc_inspect last;
    struct buf text; /* what `last` has, as text */
    unsigned n;
    bool one_site; /* else requests of odd numbers are of another */
    struct http_reader *reader;
    struct addr client;
    struct id id;
    struct request *requests[MOST];
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_inspect(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct world *w = arg;
    const struct ipc_inspect *m = msg;

    buf_reset(&w->text);
    buf_printf(&w->text, "%.*s %.*s %.*s", STR_ARG(m->site), STR_ARG(m->method),
               STR_ARG(m->target));
    for (size_t i = 0; i < m->headers.n; i++)
        buf_u8(&w->text, m->headers.p[i] ? (uint8_t)m->headers.p[i] : '|');
    buf_printf(&w->text, " %.*s %d", STR_ARG(m->body), m->whole);
    if (w->n < MOST)
        w->asked[w->n++] = req;
    else
        ipc_req_drop(req);
}

static const struct ipc_handler handlers[] = {{IPC_INSPECT, on_inspect}};

static enum rc connect_waf(struct world *w)
{
    const struct ipc_chan_conf worker = {
        .self = ROLE_GATEWAY, .peer = ROLE_WAF, .on_close = on_close};
    const struct ipc_chan_conf waf = {.self = ROLE_WAF,
                                      .peer = ROLE_GATEWAY,
                                      .handlers = handlers,
                                      .n_handlers = 1,
                                      .on_close = on_close,
                                      .arg = w};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(w->ev, fds[0], &worker, &w->worker));
    TRY(ipc_chan_new(w->ev, fds[1], &waf, &w->waf));
    inspections_waf(&w->all, w->worker);
    return RC_OK;
}

static void turn(struct world *w)
{
    for (int i = 0; i < TURNS; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

/* As when the process dies: first its calls are told of, then that it is gone. */
static void lose_waf(struct world *w)
{
    for (unsigned i = 0; i < w->n; i++)
        ipc_req_drop(MOVE(w->asked[i]));
    w->n = 0;
    ipc_chan_free(MOVE(w->waf));
    w->all.waf = NULL;
    ipc_chan_free(MOVE(w->worker));
    turn(w);
}

static void world_init(struct world *w)
{
    struct str head = STR("GET /a?b=c HTTP/1.1\r\nHost: wiki.example\r\nX: y\r\n\r\n");

    log_init(&(struct log_conf){.role = "test", .sink = quiet});
    clock_fake_init(&w->clock, 20'000 * WHEN_DAY);
    buf_init(&w->text, 4096);
    CHECK_OK(ev_new(&w->clock.clock, &w->ev));
    CHECK_OK(http_reader_new(&gateway_requests, &w->reader));
    CHECK_OK(http_reader_head(w->reader, &head, NULL));
    CHECK_OK(id_new(&w->id));
    w->client = (struct addr){.n = 4, .b = {192, 0, 2, 7}};
    inspections_init(&w->all, w->ev);
}

static void world_done(struct world *w)
{
    for (unsigned i = 0; i < MOST; i++) {
        struct gateway_inspection *in = w->requests[i] ? &w->requests[i]->x.inspection : NULL;

        if (in && in->waits && !in->told)
            w->all.ask.cancel(w->all.ask.arg, in);
    }
    inspections_done(&w->all);
    if (w->waf)
        lose_waf(w);
    for (unsigned i = 0; i < MOST; i++)
        mem_free(w->requests[i]);
    http_reader_free(w->reader);
    buf_done(&w->text);
    ev_free(w->ev);
}

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    world_init(&w)

static void on_pump(struct gateway_exchange *x)
{
    LIST_ENTRY(x, struct request, x)->told++;
}

static enum rc ask(struct world *w, unsigned i, int seconds)
{
    struct request *r = w->requests[i] ? w->requests[i] : MEM_NEW(struct request);
    struct gateway_inspection *in;

    if (!r)
        return RC_NOMEM;
    w->requests[i] = r;
    *r = (struct request){.front = {.pump = on_pump}};
    r->x.front = &r->front;
    in = &r->x.inspection;
    in->question = (struct gateway_question){.site = i % 2 && !w->one_site ? STR("docs.example")
                                                                           : STR("wiki.example"),
                                             .client = &w->client,
                                             .version = STR("1.1"),
                                             .head = w->reader,
                                             .body = STR("a body"),
                                             .id = &w->id,
                                             .timeout = seconds * WHEN_SECOND};
    TRY(w->all.ask.ask(w->all.ask.arg, &in->question, in));
    in->waits = true;
    return RC_OK;
}

static void reply(struct world *w, unsigned i, uint16_t status)
{
    static const struct ipc_match matches[] = {{942'100, STR("SQL\x01")}, {1, STR("other")}};
    const struct ipc_inspected m = {status, 5, 100, status ? 2 : 0, {matches, status ? 2 : 0}};

    CHECK(w->asked[i]);
    CHECK_OK(ipc_reply(MOVE(w->asked[i]), &m));
    turn(w);
}

static const struct gateway_found *found(const struct world *w, unsigned i)
{
    return &w->requests[i]->x.inspection.found;
}

static void asks(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    CHECK_OK(ask(&w, 0, 2));
    turn(&w);
    CHECK_INT(w.n, 1);
    CHECK_STR(buf_str(&w.text), "wiki.example GET /a?b=chost|wiki.example|x|y| a body 0");
    CHECK_INT(w.requests[0]->told, 0);
    reply(&w, 0, 403);
    CHECK_INT(w.requests[0]->told, 1);
    CHECK_OK(found(&w, 0)->rc);
    CHECK_INT(found(&w, 0)->status, 403);
    CHECK_INT(found(&w, 0)->n, 2);
    CHECK_INT(found(&w, 0)->ids[0], 942'100);
    CHECK_STR(str_of(found(&w, 0)->text), "SQL?");
    /* A status that is none of a refusal. */
    CHECK_OK(ask(&w, 1, 2));
    turn(&w);
    reply(&w, 1, 302);
    CHECK_INT(found(&w, 1)->status, 403);
}

static void queues_what_has_no_credit(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS + 3; i++)
        CHECK_OK(ask(&w, i, 5));
    turn(&w);
    CHECK_INT(w.n, IPC_INSPECT_CREDITS);
    CHECK_INT(w.all.n_waiting, 3);
    reply(&w, 0, 0);
    CHECK_INT(w.n, IPC_INSPECT_CREDITS + 1);
    /* One that nobody waits for any more is not asked. */
    w.all.ask.cancel(w.all.ask.arg, &w.requests[IPC_INSPECT_CREDITS + 1]->x.inspection);
    w.requests[IPC_INSPECT_CREDITS + 1]->x.inspection.waits = false;
    reply(&w, 2, 0);
    CHECK_INT(w.n, IPC_INSPECT_CREDITS + 2);
    CHECK_INT(w.all.n_waiting, 0);
}

static void is_out_of_time(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS + 1; i++)
        CHECK_OK(ask(&w, i, 2));
    turn(&w);
    clock_fake_advance(&w.clock, 2 * WHEN_SECOND + 1);
    turn(&w);
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS + 1; i++) {
        CHECK_INT(w.requests[i]->told, 1);
        CHECK_RC(found(&w, i)->rc, RC_TIMEOUT);
    }
    CHECK_INT(w.all.n_waiting, 0);
}

static void waits_for_the_next_one_once(void)
{
    WORLD;
    CHECK_OK(ask(&w, 0, 5)); /* there is none yet */
    CHECK_OK(connect_waf(&w));
    turn(&w);
    CHECK_INT(w.n, 1);
    CHECK_OK(ask(&w, 1, 5));
    turn(&w);
    lose_waf(&w);
    CHECK_INT(w.all.n_waiting, 2);
    CHECK_INT(w.requests[0]->told, 0);
    CHECK_OK(connect_waf(&w));
    turn(&w);
    CHECK_INT(w.n, 2);
    reply(&w, 0, 0);
    lose_waf(&w);
    CHECK_INT(w.requests[0]->told + w.requests[1]->told, 2);
    CHECK(found(&w, 0)->rc == RC_CLOSED || found(&w, 1)->rc == RC_CLOSED);
}

static void cancels(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    CHECK_OK(ask(&w, 0, 5));
    turn(&w);
    w.all.ask.cancel(w.all.ask.arg, &w.requests[0]->x.inspection);
    w.requests[0]->x.inspection.waits = false;
    turn(&w);
    CHECK(ipc_req_cancelled(w.asked[0]));
    CHECK_INT(w.requests[0]->told, 0);
    CHECK(list_empty(&w.all.asked));
}

static void forget(struct world *w, unsigned i)
{
    w->all.ask.cancel(w->all.ask.arg, &w->requests[i]->x.inspection);
    w->requests[i]->x.inspection.waits = false;
}

/* All that are under way are given up at once: their credits come back later, and nobody says so.
 */
static void credits_come_back_in_silence(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS + 1; i++)
        CHECK_OK(ask(&w, i, 5));
    turn(&w);
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS; i++)
        forget(&w, i);
    turn(&w);
    CHECK_INT(w.n, IPC_INSPECT_CREDITS);
    for (unsigned i = 0; i < IPC_INSPECT_CREDITS; i++)
        ipc_req_drop(MOVE(w.asked[i]));
    turn(&w);
    clock_fake_advance(&w.clock, WHEN_SECOND / 10);
    turn(&w);
    CHECK_INT(w.n, IPC_INSPECT_CREDITS + 1);
    CHECK_INT(w.all.n_waiting, 0);
}

static void a_site_has_its_share(void)
{
    WORLD;
    CHECK_OK(connect_waf(&w));
    w.one_site = true;
    for (unsigned i = 0; i < 20; i++)
        CHECK_OK(ask(&w, i, 5));
    turn(&w);
    CHECK_INT(w.n, INSPECTIONS_SHARE);
    w.one_site = false;
    CHECK_OK(ask(&w, 21, 5)); /* of another one, behind all of these */
    turn(&w);
    CHECK_INT(w.n, INSPECTIONS_SHARE + 1);
    CHECK(memmem(w.text.p, w.text.n, "docs.example", 12));
    reply(&w, 0, 0);
    CHECK_INT(w.n, INSPECTIONS_SHARE + 2);
    CHECK(memmem(w.text.p, w.text.n, "wiki.example", 12));
}

static void has_its_limits(void)
{
    WORLD;
    w.all.n_waiting = INSPECTIONS_WAITING_MAX;
    CHECK_RC(ask(&w, 0, 5), RC_QUOTA);
    w.all.n_waiting = 0;
}

CHECK_MAIN(CHECK_TEST_ONCE(asks), CHECK_TEST_ONCE(queues_what_has_no_credit),
           CHECK_TEST_ONCE(is_out_of_time), CHECK_TEST_ONCE(waits_for_the_next_one_once),
           CHECK_TEST_ONCE(cancels), CHECK_TEST_ONCE(credits_come_back_in_silence),
           CHECK_TEST_ONCE(a_site_has_its_share), CHECK_TEST_ONCE(has_its_limits))
