/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits is told of what is new, once; is judged at each answer; and holds nothing for long. */
#include "check.h"

#include <sys/socket.h>

#include "audit/audit.h"
#include "base/arena.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "live/live.h"
#include "unit/store/fixture.h"

enum { TURNS = 8, ANSWERS = 4 };

struct stage {
    struct fix f;
    struct clock_fake clock;
    struct ev *ev;
    struct live *live;
    struct ipc_chan *front, *core;
    enum rc verdict; /* of who asks */
    size_t n;        /* answers */
    enum rc rc[ANSWERS];
    char text[ANSWERS][LIVE_TEXT_MAX];
};

static void on_close(void *, enum rc, const struct err *)
{
}

static void on_http(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct stage *s = arg;

    live_wait(s->live, req, msg);
}

static const struct ipc_handler handlers[] = {{IPC_HTTP, on_http}};

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct stage *s = arg;
    const struct ipc_http_reply *m = a->msg;

    if (s->n == ANSWERS)
        return;
    s->rc[s->n] = a->rc;
    snprintf(s->text[s->n], LIVE_TEXT_MAX, "%.*s", m ? (int)m->body.n : 0, m ? m->body.p : "");
    s->n++;
}

static enum rc may(void *arg, const struct ipc_http *, struct err *)
{
    return ((struct stage *)arg)->verdict;
}

static void stage_done(struct stage *s)
{
    ipc_chan_free(s->front);
    ipc_chan_free(s->core);
    live_stop(s->live);
    live_free(s->live);
    fix_done(&s->f);
    ev_free(s->ev);
}

static enum rc begin(struct stage *s)
{
    const struct live_options o = {.may = may, .refuse = ipc_reply_err, .arg = s};
    struct live_options options = o;
    struct ipc_chan_conf front = {ROLE_FRONT, ROLE_CORE, NULL, 0, on_close, s};
    struct ipc_chan_conf core = {ROLE_CORE, ROLE_FRONT, handlers, 1, on_close, s};
    int fds[2];

    clock_fake_init(&s->clock, FIX_NOW);
    TRY(fix_open(&s->f));
    TRY(ev_new(&s->clock.clock, &s->ev));
    options.ev = s->ev;
    options.store = s->f.s;
    TRY(live_new(&options, &s->live));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    TRY(ipc_chan_new(s->ev, fds[0], &front, &s->front));
    return ipc_chan_new(s->ev, fds[1], &core, &s->core);
}

static void turn(struct stage *s)
{
    for (int i = 0; i < TURNS; i++)
        ev_run_once(s->ev, EV_NOWAIT);
}

static void pass(struct stage *s, int64_t time)
{
    clock_fake_advance(&s->clock, time);
    turn(s);
}

static enum rc happen(struct stage *s, const char *kind)
{
    const struct audit_event e = {.at = FIX_NOW,
                                  .actor_kind = AUDIT_SYSTEM,
                                  .action = "order.created",
                                  .object_kind = kind,
                                  .object = STR("7")};

    return DO(&s->f, audit_append(T, &e, NULL));
}

static enum rc ask(struct stage *s, const char *last, struct ipc_call **out)
{
    const struct ipc_pair header = {STR("last-event-id"), str_of(last ? last : "")};
    const struct ipc_http m = {.listener = STR("api"),
                               .method = STR("GET"),
                               .target = STR("/api/v1/events"),
                               .host = STR("ca"),
                               .client = {4, {127, 0, 0, 1}},
                               .headers = {&header, last ? 1 : 0}};
    const struct ipc_ask a = {.type = IPC_HTTP, .msg = &m, .fn = on_answer, .arg = s};
    enum rc rc = ipc_call(s->front, &a, out);

    turn(s);
    return rc;
}

static void begins_and_goes_on(void)
{
    CLEANUP(stage_done) struct stage s = {};

    CHECK_OK(begin(&s));
    CHECK_OK(happen(&s, "order"));
    CHECK_OK(ask(&s, NULL, NULL)); /* told where it is, and nothing else */
    CHECK_INT(s.n, 1);
    CHECK_STR(str_of(s.text[0]), "retry: 2000\nid: 1\n: nothing new\n\n");
    CHECK_OK(ask(&s, "1", NULL));
    pass(&s, 3 * WHEN_SECOND);
    CHECK_INT(s.n, 1);
    CHECK_OK(happen(&s, "order"));
    CHECK_OK(happen(&s, "alert"));
    CHECK_OK(happen(&s, "order"));
    pass(&s, WHEN_SECOND);
    CHECK_INT(s.n, 2);
    CHECK_STR(str_of(s.text[1]), "retry: 2000\nid: 4\nevent: changed\n"
                                 "data: {\"kinds\":[\"order\",\"alert\"]}\n\n");
    CHECK_OK(ask(&s, "2", NULL)); /* something was missed: at once */
    CHECK_INT(s.n, 3);
    CHECK_STR(str_of(s.text[2]), "retry: 2000\nid: 4\nevent: changed\n"
                                 "data: {\"kinds\":[\"alert\",\"order\"]}\n\n");
}

static void nothing_happens(void)
{
    CLEANUP(stage_done) struct stage s = {};

    CHECK_OK(begin(&s));
    CHECK_OK(happen(&s, "order"));
    CHECK_OK(ask(&s, "1", NULL));
    pass(&s, (LIVE_HOLD_SECONDS - 2) * WHEN_SECOND);
    CHECK_INT(s.n, 0);
    pass(&s, 3 * WHEN_SECOND);
    CHECK_INT(s.n, 1);
    CHECK_STR(str_of(s.text[0]), "retry: 2000\nid: 1\n: nothing new\n\n");
}

/* A database from a backup, numbers that are none, more than fits. */
static void ids_that_are_not_ours(void)
{
    CLEANUP(stage_done) struct stage s = {};

    CHECK_OK(begin(&s));
    for (unsigned i = 0; i < LIVE_EVENTS_MAX + 2; i++)
        CHECK_OK(happen(&s, "order"));
    CHECK_OK(ask(&s, "9999", NULL));
    CHECK(strstr(s.text[0], "id: 202\nevent: changed\ndata: {\"kinds\":[\"*\"]}\n"));
    CHECK_OK(ask(&s, "x\r\nid: 7", NULL));
    CHECK_STR(str_of(s.text[1]), "retry: 2000\nid: 202\n: nothing new\n\n");
    CHECK_OK(ask(&s, "1", NULL));
    CHECK(strstr(s.text[2], "data: {\"kinds\":[\"*\"]}\n"));
    CHECK_OK(ask(&s, "18446744073709551615", NULL));
    CHECK(strstr(s.text[3], ": nothing new\n"));
}

/* Whoever may not see any more is told so, and not what has changed. */
static void rights_that_end(void)
{
    CLEANUP(stage_done) struct stage s = {};

    CHECK_OK(begin(&s));
    CHECK_OK(happen(&s, "order"));
    CHECK_OK(ask(&s, "1", NULL));
    s.verdict = RC_DENIED;
    CHECK_OK(happen(&s, "session"));
    pass(&s, 2 * WHEN_SECOND);
    CHECK_INT(s.n, 1);
    CHECK_RC(s.rc[0], RC_DENIED);
    CHECK_STR(str_of(s.text[0]), "");
    CHECK_OK(ask(&s, "1", NULL));
    CHECK_RC(s.rc[1], RC_DENIED);
    CHECK_OK(ask(&s, NULL, NULL));
    CHECK_RC(s.rc[2], RC_DENIED);
}

static void as_many_as_there_is_room_for(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct ipc_call *calls[LIVE_WAIT_CLIENT_MAX] = {};

    CHECK_OK(begin(&s));
    CHECK_OK(happen(&s, "order"));
    for (size_t i = 0; i < LIVE_WAIT_CLIENT_MAX; i++)
        CHECK_OK(ask(&s, "1", &calls[i]));
    CHECK_INT(s.n, 0);
    CHECK_OK(ask(&s, "1", NULL));
    CHECK_INT(s.n, 1);
    CHECK_RC(s.rc[0], RC_QUOTA);
    ipc_cancel(calls[3]); /* who goes makes room */
    turn(&s);
    CHECK_RC(s.rc[1], RC_CANCELLED);
    CHECK_OK(ask(&s, "1", NULL));
    CHECK_INT(s.n, 2);
    live_stop(s.live);
    turn(&s);
    CHECK_INT(s.n, ANSWERS);
    CHECK_RC(s.rc[2], RC_OK);
}

FIX_MAIN(CHECK_TEST(begins_and_goes_on), CHECK_TEST(nothing_happens),
         CHECK_TEST_ONCE(ids_that_are_not_ours), CHECK_TEST(rights_that_end),
         CHECK_TEST_ONCE(as_many_as_there_is_room_for))
