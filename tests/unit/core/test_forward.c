/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the audit log, with the real store and a courier that this test plays. */
#include "world.h"

#include <stdio.h>
#include <sys/socket.h>

#include "audit/audit.h"
#include "core/core_int.h"
#include "core/forwards.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "store/events.h"
#include "store/meta.h"

#define FORWARD                                                                                    \
    "audit:\n"                                                                                     \
    "  forward:\n"                                                                                 \
    "    - {name: archive}\n"                                                                      \
    "    - {name: siem, server: \"10.0.0.9:514\", plain: true}\n"

enum { SPINS = 40, HELD_MAX = 4 };

struct play {
    struct world w;
    struct core core;
    struct ipc_chan *here, *there;
    /* the courier */
    bool refuses, holds, lies;
    size_t in_time; /* bytes that it brings in time; 0: any number */
    struct ipc_req *held[HELD_MAX];
    uint64_t held_through[HELD_MAX];
    size_t n_held;
    uint64_t next[2]; /* by destination: the sequence that comes next, if nothing is left out */
    size_t again, gaps, deliveries;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

MSG(msg_no, "test.no", "the server says {0}");

static size_t dest_of(struct str name)
{
    return str_eq(name, STR("siem"));
}

static size_t size_of(const struct ipc_deliver *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->records.n; i++)
        n += m->records.v[i].bytes.n;
    return n;
}

static void on_deliver(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct play *p = arg;
    const struct ipc_deliver *m = msg;
    uint64_t *next = &p->next[dest_of(m->name)];
    struct ipc_delivered reply = {};
    struct err err = ERR_INIT;

    if (p->refuses)
        err.rc = ERR(&err, RC_NET, msg_no, STR("no"));
    else if (p->in_time && size_of(m) > p->in_time)
        err.rc = ERR(&err, RC_TIMEOUT, msg_no, STR("nothing"));
    if (err.rc != RC_OK) {
        ipc_reply_err(req, &err);
        return;
    }
    p->deliveries++;
    for (size_t i = 0; i < m->records.n; i++) {
        uint64_t sequence = m->records.v[i].sequence;

        p->again += sequence < *next;
        p->gaps += sequence > *next;
        *next = sequence + 1 > *next ? sequence + 1 : *next;
        reply.through = sequence;
    }
    if (p->holds && p->n_held < HELD_MAX) {
        p->held_through[p->n_held] = reply.through;
        p->held[p->n_held++] = req;
        return;
    }
    reply.through -= p->lies;
    IGNORE_RC(ipc_reply(req, &reply));
}

static enum rc courier_comes(struct play *p)
{
    static const struct ipc_handler handlers[] = {{IPC_DELIVER, on_deliver}};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_COURIER, NULL, 0, on_close, p};
    struct ipc_chan_conf courier = {ROLE_COURIER, ROLE_CORE, handlers, 1, on_close, p};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(p->w.ev, fds[0], &core, &p->here));
    TRY(ipc_chan_new(p->w.ev, fds[1], &courier, &p->there));
    core_forwards_courier(&p->core, p->here);
    return RC_OK;
}

static void courier_goes(struct play *p)
{
    if (p->core.forwards)
        core_forwards_courier(&p->core, NULL);
    for (size_t i = 0; i < p->n_held; i++)
        ipc_req_drop(p->held[i]);
    p->n_held = 0;
    ipc_chan_free(MOVE(p->here));
    ipc_chan_free(MOVE(p->there));
}

static void core_ends(struct play *p)
{
    core_forwards_stop(&p->core);
    courier_goes(p);
    while (p->w.store && store_pending(p->w.store))
        store_collect(p->w.store);
    core_forwards_free(&p->core);
}

static void play_done(struct play *p)
{
    core_ends(p);
    world_done(&p->w);
}

static enum rc core_begins(struct play *p)
{
    p->core = (struct core){.ev = p->w.ev, .conf = p->w.conf, .store = p->w.store};
    return core_forwards_new(&p->core);
}

static bool play_init(struct play *p)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};

    log_init(&quietly);
    *p = (struct play){.w.dir.fd = -1, .next = {1, 1}};
    return world_start(&p->w, FORWARD) && core_begins(p) == RC_OK;
}

#define BEGIN(p)                                                                                   \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    CHECK(play_init(&p))

static void spin(struct play *p)
{
    for (int i = 0; i < SPINS; i++)
        world_spin(&p->w);
}

static void pass(struct play *p, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        clock_fake_advance(&p->w.clock, WHEN_SECOND);
        spin(p);
    }
}

struct many {
    unsigned n;
    struct str detail;
};

static enum rc append(struct store_txn *txn, void *arg)
{
    const struct many *m = arg;

    for (unsigned i = 0; i < m->n; i++) {
        struct audit_event e = {.at = WORLD_NOW,
                                .actor_kind = AUDIT_SYSTEM,
                                .action = "order.created",
                                .object_kind = "order",
                                .detail = m->detail};

        TRY(audit_append(txn, &e, NULL));
    }
    return RC_OK;
}

static enum rc happen(struct play *p, unsigned n)
{
    return store_write_now(p->w.store, append, &(struct many){n, STR("")});
}

static uint64_t last_of(struct play *p)
{
    uint64_t last = 0;

    IGNORE_RC(store_event_last(store_read(p->w.store), &last)); /* 0 fails the check */
    return last;
}

static struct api_forward shown(struct play *p, size_t i)
{
    struct api_forward all[CONF_FORWARDS_MAX];

    core_forwards_show(&p->core, all);
    return all[i];
}

static void everything_comes_once_and_in_order(void)
{
    BEGIN(p);
    CHECK_OK(happen(&p, 700)); /* more than one message holds */
    CHECK_OK(courier_comes(&p));
    pass(&p, 3);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK_INT(p.next[1], last_of(&p) + 1);
    CHECK_OK(happen(&p, 5));
    pass(&p, 2);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK_INT(p.gaps + p.again, 0);
    CHECK_INT(shown(&p, 0).done, last_of(&p));
    CHECK_INT(shown(&p, 0).backlog, 0);
}

static enum rc happen_large(struct play *p)
{
    static char detail[30000];
    int n = snprintf(detail, sizeof(detail), "{\"x\":\"%0*d\"}", 29000, 0);

    return store_write_now(p->w.store, append, &(struct many){100, {detail, (size_t)n}});
}

static void large_records_go_in_several_messages(void)
{
    BEGIN(p);
    CHECK_OK(happen_large(&p));
    CHECK_OK(courier_comes(&p));
    pass(&p, 3);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK(p.deliveries >= 6);
    CHECK_INT(p.gaps + p.again, 0);
}

/* However slow it is, it gets through with something. */
static void one_that_is_slow_gets_less_at_a_time(void)
{
    BEGIN(p);
    CHECK_OK(happen_large(&p));
    p.in_time = 100'000;
    CHECK_OK(courier_comes(&p));
    pass(&p, 100);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK_INT(p.gaps, 0);
}

/* What was brought and not written down comes once more; what was written down does not. */
static void a_new_core_goes_on_where_the_last_one_was(void)
{
    uint64_t before;

    BEGIN(p);
    CHECK_OK(happen(&p, 10));
    CHECK_OK(courier_comes(&p));
    pass(&p, 2);
    before = last_of(&p);
    p.holds = true;
    CHECK_OK(happen(&p, 3));
    pass(&p, 2);
    CHECK_INT(p.n_held, 2);
    core_ends(&p); /* killed before it was answered */
    p.holds = false;
    CHECK_OK(core_begins(&p));
    CHECK_OK(courier_comes(&p));
    pass(&p, 2);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK_INT(p.gaps, 0);
    CHECK_INT(p.again, 2 * (last_of(&p) - before));
}

static void one_that_is_away_is_told_of_and_tried_again(void)
{
    BEGIN(p);
    CHECK_OK(happen(&p, 10));
    p.refuses = true;
    CHECK_OK(courier_comes(&p));
    pass(&p, 10);
    CHECK_INT(p.deliveries, 0);
    CHECK(shown(&p, 1).failures >= 3);
    CHECK(shown(&p, 1).failures < 8); /* with growing pauses */
    CHECK_STR(shown(&p, 1).why, "the server says no");
    CHECK_INT(shown(&p, 1).backlog, last_of(&p));
    CHECK_INT(shown(&p, 1).oldest, WORLD_NOW);
    p.refuses = false;
    pass(&p, 70);
    CHECK_INT(p.next[1], last_of(&p) + 1);
    CHECK_INT(p.gaps + p.again, 0);
    CHECK_INT(shown(&p, 1).failures, 0);
    CHECK_INT(shown(&p, 1).why.n, 0);
}

static void without_a_courier_everything_waits(void)
{
    BEGIN(p);
    CHECK_OK(happen(&p, 1));
    pass(&p, 5);
    CHECK(shown(&p, 0).failures > 0);
    CHECK(strstr(shown(&p, 0).why.p, "the courier is away"));
    CHECK_OK(courier_comes(&p)); /* who is not waited for */
    spin(&p);
    CHECK_INT(p.next[0], last_of(&p) + 1);
}

static void one_slow_destination_keeps_no_other_back(void)
{
    BEGIN(p);
    p.holds = true;
    CHECK_OK(happen(&p, 3));
    CHECK_OK(courier_comes(&p));
    pass(&p, 1);
    CHECK_INT(p.n_held, 2);
    p.holds = false;
    CHECK_OK(ipc_reply(p.held[0], &(struct ipc_delivered){p.held_through[0]}));
    p.held[0] = NULL;
    CHECK_OK(happen(&p, 3));
    pass(&p, 2);
    CHECK_INT(p.next[0], last_of(&p) + 1);
    CHECK_INT(shown(&p, 0).done, last_of(&p));
    CHECK_INT(shown(&p, 1).done, 0);
}

static void a_wrong_receipt_counts_for_nothing(void)
{
    BEGIN(p);
    p.lies = true;
    CHECK_OK(happen(&p, 3));
    CHECK_OK(courier_comes(&p));
    pass(&p, 1);
    CHECK_INT(shown(&p, 0).done, 0);
    CHECK(strstr(shown(&p, 0).why.p, "it was given "));
}

CHECK_MAIN(CHECK_TEST_ONCE(everything_comes_once_and_in_order),
           CHECK_TEST_ONCE(large_records_go_in_several_messages),
           CHECK_TEST_ONCE(one_that_is_slow_gets_less_at_a_time),
           CHECK_TEST_ONCE(a_new_core_goes_on_where_the_last_one_was),
           CHECK_TEST_ONCE(one_that_is_away_is_told_of_and_tried_again),
           CHECK_TEST_ONCE(without_a_courier_everything_waits),
           CHECK_TEST_ONCE(one_slow_destination_keeps_no_other_back),
           CHECK_TEST_ONCE(a_wrong_receipt_counts_for_nothing))
