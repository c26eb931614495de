/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down is brought until the receiver has it, whoever dies in between. */
#include "play.h"

#include <sys/socket.h>

#include "alert/queue.h"
#include "ipc/chan.h"
#include "ipc/notice_messages.h"

enum { SEEN_MAX = 64 };

struct line {
    struct play p;
    struct alert_queue *q;
    struct ipc_chan *core, *courier, *core_to_runner, *runner;
    /* the courier that is played */
    enum rc verdict;
    bool silent; /* it takes them and does not answer */
    /* the runner that is played */
    struct err why;
    bool final;
    uint32_t attempts[SEEN_MAX]; /* that it was asked for */
    size_t n_attempts;
    char seen[SEEN_MAX][27], first_body[64], last_body[64];
    size_t n_seen;
};

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_notice(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct line *l = arg;
    const struct ipc_notice *m = msg;
    const struct ipc_noticed reply = {STR("200")};
    struct err err = {.rc = l->verdict};
    char *body = l->n_seen ? l->last_body : l->first_body;

    if (l->n_seen < SEEN_MAX)
        memcpy(l->seen[l->n_seen++], m->id.z, sizeof(l->seen[0]));
    snprintf(body, sizeof(l->last_body), "%.*s", STR_ARG(m->body));
    if (l->silent)
        ipc_req_drop(req);
    else if (l->verdict == RC_OK)
        IGNORE_RC(ipc_reply(req, &reply));
    else
        ipc_reply_err(req, &err);
}

static const struct ipc_handler handlers[] = {{IPC_NOTICE, on_notice}};

static void on_tell(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct line *l = arg;
    const struct ipc_tell *m = msg;
    const struct ipc_told reply = {.why = l->why, .final = l->final, .text = STR("said")};

    if (l->n_attempts < SEEN_MAX)
        l->attempts[l->n_attempts++] = m->attempt;
    snprintf(l->last_body, sizeof(l->last_body), "%.*s", STR_ARG(m->body));
    if (l->silent)
        ipc_req_drop(req);
    else
        IGNORE_RC(ipc_reply(req, &reply));
}

static const struct ipc_handler of_runner[] = {{IPC_TELL, on_tell}};

static enum rc runner_comes(struct line *l)
{
    struct ipc_chan_conf runner = {ROLE_RUNNER, ROLE_CORE, of_runner, 1, on_close, l};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_RUNNER, NULL, 0, on_close, l};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(l->p.ev, fds[0], &runner, &l->runner));
    TRY(ipc_chan_new(l->p.ev, fds[1], &core, &l->core_to_runner));
    alert_queue_runner(l->q, l->core_to_runner);
    return RC_OK;
}

static void runner_dies(struct line *l)
{
    alert_queue_runner(l->q, NULL);
    ipc_chan_free(MOVE(l->core_to_runner));
    ipc_chan_free(MOVE(l->runner));
}

static enum rc courier_comes(struct line *l)
{
    struct ipc_chan_conf courier = {ROLE_COURIER, ROLE_CORE, handlers, 1, on_close, l};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_COURIER, NULL, 0, on_close, l};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(l->p.ev, fds[0], &courier, &l->courier));
    TRY(ipc_chan_new(l->p.ev, fds[1], &core, &l->core));
    alert_queue_courier(l->q, l->core);
    return RC_OK;
}

static void courier_dies(struct line *l)
{
    alert_queue_courier(l->q, NULL);
    ipc_chan_free(MOVE(l->core));
    ipc_chan_free(MOVE(l->courier));
}

static void line_done(struct line *l)
{
    alert_queue_stop(l->q);
    ipc_chan_free(MOVE(l->core));
    ipc_chan_free(MOVE(l->courier));
    ipc_chan_free(MOVE(l->core_to_runner));
    ipc_chan_free(MOVE(l->runner));
    if (l->p.f.s)
        while (store_pending(l->p.f.s))
            store_collect(l->p.f.s);
    alert_queue_free(l->q);
    play_done(&l->p);
}

static enum rc line_init(struct line *l)
{
    *l = (struct line){};
    TRY(play_init(&l->p, ""));
    TRY(alert_queue_new(l->p.ev, l->p.f.s, l->p.conf, &l->q));
    return courier_comes(l);
}

static enum rc put(struct line *l, unsigned n, const char *receiver)
{
    const struct store_delivery d = {.id = fix_id(n),
                                     .receiver = str_of(receiver),
                                     .subject = STR("s"),
                                     .body = STR("{\"x\":1}"),
                                     .created = clock_now(&l->p.clock.clock),
                                     .next = clock_now(&l->p.clock.clock)};

    TRY(DO(&l->p.f, store_delivery_add(T, &d)));
    alert_queue_look(l->q);
    turn(&l->p);
    turn(&l->p);
    return RC_OK;
}

static enum rc state(struct line *l, unsigned n, struct store_delivery *out)
{
    struct id id = fix_id(n);

    return store_delivery_get(READ(&l->p.f), &l->p.f.a, &id, out);
}

#define BEGIN_LINE(l)                                                                              \
    CLEANUP(line_done) struct line l = {};                                                         \
    CHECK_OK(line_init(&l))

static void brought_once(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    CHECK_OK(put(&l, 1, "hook"));
    CHECK_INT(l.n_seen, 1);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done && !d.given_up && d.next == 0);
    CHECK_INT(d.attempts, 1);
    for (int i = 0; i < 5; i++)
        pass(&l.p, WHEN_HOUR);
    CHECK_INT(l.n_seen, 1);
}

static void with_growing_pauses_until_it_is_there(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    l.verdict = RC_NET;
    CHECK_OK(put(&l, 1, "hook"));
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.error.n && !d.done);
    CHECK_INT(d.next - clock_now(&l.p.clock.clock), ALERT_PAUSE_FIRST);
    for (int i = 0; i < 40; i++)
        pass(&l.p, 10 * WHEN_MINUTE);
    CHECK(l.n_seen > 8 && l.n_seen < 20);
    CHECK_STR(str_of(l.first_body), l.last_body);
    l.verdict = RC_OK;
    pass(&l.p, WHEN_HOUR);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done && !d.given_up);
    for (size_t i = 1; i < l.n_seen; i++)
        CHECK_STR(str_of(l.seen[i]), l.seen[0]);
}

static void given_up_at_last(void)
{
    struct store_delivery d = {.created = 5};

    CHECK_INT(alert_queue_pause(&d, 5), 5 + ALERT_PAUSE_FIRST);
    d.attempts = 1'000'000;
    CHECK_INT(alert_queue_pause(&d, 5), 5 + ALERT_PAUSE_MOST);
    CHECK_INT(alert_queue_pause(&d, 5 + ALERT_GIVE_UP), 0);
}

/* One that fails lets the next one pass, and so does another receiver's. */
static void nobody_holds_up_another(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    l.verdict = RC_DENIED;
    CHECK_OK(put(&l, 1, "hook"));
    l.verdict = RC_OK;
    CHECK_OK(put(&l, 2, "hook"));
    CHECK_OK(put(&l, 3, "page"));
    CHECK_OK(state(&l, 2, &d));
    CHECK(d.done);
    CHECK_OK(state(&l, 3, &d));
    CHECK(d.done);
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done);
}

/* The courier may have brought it or not: it is sent again, under the same id. */
static void the_courier_dies(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    l.silent = true;
    CHECK_OK(put(&l, 1, "hook"));
    courier_dies(&l);
    turn(&l.p);
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done);
    l.silent = false;
    CHECK_OK(courier_comes(&l));
    pass(&l.p, WHEN_MINUTE);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done);
    CHECK(l.n_seen >= 2);
    CHECK_STR(str_of(l.seen[l.n_seen - 1]), l.seen[0]);
}

/* Without a courier nothing is lost, and no attempt is counted. */
static void no_courier(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    courier_dies(&l);
    CHECK_OK(put(&l, 1, "hook"));
    pass(&l.p, WHEN_HOUR);
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done && d.attempts == 0);
    CHECK_OK(courier_comes(&l));
    pass(&l.p, 0);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done);
}

/* ---- programs */

static void a_program_has_it(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    CHECK_OK(put(&l, 1, "exec")); /* without a runner it waits */
    pass(&l.p, WHEN_HOUR);
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done && d.attempts == 0);
    CHECK_OK(runner_comes(&l));
    pass(&l.p, 0);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done && !d.given_up && d.attempts == 1);
    CHECK_INT(l.n_seen, 0); /* the courier has nothing to do with it */
    CHECK_INT(l.n_attempts, 1);
    CHECK_STR(str_of(l.last_body), "{\"x\":1}");
}

static void a_program_that_cannot_now_is_run_again(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    CHECK_OK(runner_comes(&l));
    l.why.rc = RC_AGAIN;
    CHECK_OK(put(&l, 1, "exec"));
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done && d.attempts == 1);
    CHECK_INT(d.next - clock_now(&l.p.clock.clock), ALERT_PAUSE_FIRST);
    pass(&l.p, 10 * WHEN_SECOND);
    CHECK_INT(l.n_attempts, 2);
    CHECK_INT(l.attempts[0], 0);
    CHECK_INT(l.attempts[1], 1);
    l.why.rc = RC_DENIED;
    l.final = true;
    pass(&l.p, WHEN_HOUR);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.given_up && d.next == 0 && d.error.n);
    pass(&l.p, WHEN_DAY);
    CHECK_INT(l.n_attempts, 3);
}

/* Whether it was run nobody knows: the same attempt is asked for again, and none is counted. */
static void the_runner_dies(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    CHECK_OK(runner_comes(&l));
    l.silent = true;
    CHECK_OK(put(&l, 1, "exec"));
    runner_dies(&l);
    turn(&l.p);
    CHECK_OK(state(&l, 1, &d));
    CHECK(!d.done && d.attempts == 0);
    l.silent = false;
    CHECK_OK(runner_comes(&l));
    pass(&l.p, WHEN_MINUTE);
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done && d.attempts == 1);
    CHECK(l.n_attempts >= 2);
    for (size_t i = 0; i < l.n_attempts; i++)
        CHECK_INT(l.attempts[i], 0);
}

/* What is under way when the service ends is written down if the answer comes in time. */
static void at_the_end_what_is_there_counts(void)
{
    struct store_delivery d = {};

    BEGIN_LINE(l);
    CHECK(!alert_queue_busy(l.q));
    CHECK_OK(runner_comes(&l));
    CHECK_OK(DO(&l.p.f, store_delivery_add(
                            T, &((struct store_delivery){.id = fix_id(1),
                                                         .receiver = STR("exec"),
                                                         .subject = STR("s"),
                                                         .body = STR("{}"),
                                                         .created = clock_now(&l.p.clock.clock),
                                                         .next = clock_now(&l.p.clock.clock)}))));
    alert_queue_look(l.q);
    for (int i = 0; i < 20 && !alert_queue_busy(l.q); i++)
        ev_run_once(l.p.ev, EV_NOWAIT);
    CHECK(alert_queue_busy(l.q));
    alert_queue_stop(l.q);
    turn(&l.p);
    turn(&l.p);
    CHECK(!alert_queue_busy(l.q));
    CHECK_OK(state(&l, 1, &d));
    CHECK(d.done && !d.given_up);
}

FIX_MAIN(CHECK_TEST(brought_once), CHECK_TEST_ONCE(with_growing_pauses_until_it_is_there),
         CHECK_TEST(given_up_at_last), CHECK_TEST_ONCE(nobody_holds_up_another),
         CHECK_TEST_ONCE(the_courier_dies), CHECK_TEST_ONCE(no_courier),
         CHECK_TEST(a_program_has_it), CHECK_TEST_ONCE(a_program_that_cannot_now_is_run_again),
         CHECK_TEST_ONCE(the_runner_dies), CHECK_TEST_ONCE(at_the_end_what_is_there_counts))
