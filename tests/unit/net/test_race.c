/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/race.h"
#include "net_fake.h"

enum { STEPS = 1000, ROUNDS = 20 };

struct got {
    int calls, fd;
    enum rc rc;
    size_t at;
};

static void on_raced(void *arg, enum rc rc, int fd, size_t at, const struct err *err)
{
    struct got *got = arg;

    got->calls++;
    got->rc = rc;
    got->fd = fd;
    got->at = at;
    CHECK(err->rc == rc);
}

static void got_done(struct got *got)
{
    fd_close(&got->fd);
}

static struct addr_port port(const char *text)
{
    struct addr_port at;

    assert_int_equal(addr_port_parse(str_of(text), &at), RC_OK);
    return at;
}

#define SECOND INT64_C(1'000'000)
#define STEP (SECOND / 20)
#define DELAY (NET_RACE_DELAY_MS * INT64_C(1000))

#define WITH_RACE                                                                                  \
    struct clock_fake clock;                                                                       \
    CLEANUP(ev_freep) struct ev *ev = NULL;                                                        \
    CLEANUP(net_freep) struct net *net = NULL;                                                     \
    CLEANUP(net_race_cancelp) struct net_race *race = NULL;                                        \
    CLEANUP(got_done) struct got got = {.fd = -1};                                                 \
    const struct addr_port to[] = {port("192.0.2.1:1"), port("192.0.2.2:2"), port("192.0.2.3:3")}; \
    struct net_race_conf conf = {.to = to, .n = 3, .timeout = 10 * SECOND};                        \
    clock_fake_init(&clock, 0);                                                                    \
    CHECK_OK(ev_new(&clock.clock, &ev));                                                           \
    CHECK_OK(net_fake_new(ev, &net));                                                              \
    conf.ev = ev;                                                                                  \
    conf.net = net

/* Until the callback; the clock moves only when nothing else does. */
static void run(struct ev *ev, struct clock_fake *clock, const struct got *got,
                struct net_race **race)
{
    for (int i = 0; i < STEPS && !got->calls; i++) {
        for (int k = 0; k < ROUNDS && !got->calls; k++)
            ev_run_once(ev, EV_NOWAIT);
        if (!got->calls)
            clock_fake_advance(clock, STEP);
    }
    if (got->calls)
        *race = NULL;
}

/* One that is silent costs the moment after which the next one is asked, and no more. */
static void silence_is_not_waited_for(void)
{
    WITH_RACE;
    int64_t began = clock_mono(&clock.clock);

    CHECK_OK(net_fake_rule(net, &to[0], NET_FAKE_SILENT));
    CHECK_OK(net_fake_rule(net, &to[1], NET_FAKE_SILENT));
    CHECK_OK(net_fake_rule(net, &to[2], NET_FAKE_ACCEPT));
    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    CHECK_INT(got.calls, 0);
    run(ev, &clock, &got, &race);
    CHECK_INT(got.calls, 1);
    if (mem_fail_fired())
        return;
    CHECK_OK(got.rc);
    CHECK(got.fd >= 0);
    CHECK_INT(got.at, 2);
    CHECK_INT(clock_mono(&clock.clock) - began, 2 * DELAY);
}

static void a_refusal_is_followed_at_once(void)
{
    WITH_RACE;
    int64_t began = clock_mono(&clock.clock);

    CHECK_OK(net_fake_rule(net, &to[0], NET_FAKE_REFUSE));
    CHECK_OK(net_fake_rule(net, &to[1], NET_FAKE_ACCEPT));
    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    run(ev, &clock, &got, &race);
    if (mem_fail_fired())
        return;
    CHECK_OK(got.rc);
    CHECK_INT(got.at, 1);
    CHECK_INT(clock_mono(&clock.clock) - began, 0);
    CHECK_INT(net_fake_dials(net), 2); /* the third one is not bothered */
}

static void the_first_that_answers_is_the_only_one_asked(void)
{
    WITH_RACE;

    CHECK_OK(net_fake_rule(net, &to[0], NET_FAKE_ACCEPT));
    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    run(ev, &clock, &got, &race);
    if (mem_fail_fired())
        return;
    CHECK_OK(got.rc);
    CHECK_INT(got.at, 0);
    CHECK_INT(net_fake_dials(net), 1);
}

/* All of them together are silent hardly longer than one. */
static void it_ends(void)
{
    WITH_RACE;
    int64_t began = clock_mono(&clock.clock);

    for (size_t i = 0; i < 3; i++)
        CHECK_OK(net_fake_rule(net, &to[i], i == 1 ? NET_FAKE_REFUSE : NET_FAKE_SILENT));
    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    run(ev, &clock, &got, &race);
    if (mem_fail_fired())
        return;
    CHECK_RC(got.rc, RC_TIMEOUT);
    CHECK_INT(got.fd, -1);
    CHECK_INT(clock_mono(&clock.clock) - began, 10 * SECOND + DELAY);
}

static void all_refuse(void)
{
    WITH_RACE;

    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    run(ev, &clock, &got, &race);
    CHECK_INT(got.calls, 1);
    if (!mem_fail_fired())
        CHECK_RC(got.rc, RC_NET);
}

static void it_can_be_given_up(void)
{
    WITH_RACE;

    for (size_t i = 0; i < 3; i++)
        CHECK_OK(net_fake_rule(net, &to[i], NET_FAKE_SILENT));
    CHECK_OK(net_race_start(&conf, on_raced, &got, &race));
    ev_run_once(ev, EV_NOWAIT);
    net_race_cancel(MOVE(race));
    ev_run_once(ev, EV_NOWAIT);
    CHECK_INT(got.calls, 0);
    conf.n = 0;
    CHECK_RC(net_race_start(&conf, on_raced, &got, &race), RC_INVAL);
    conf.n = NET_RACE_MAX + 1;
    CHECK_RC(net_race_start(&conf, on_raced, &got, &race), RC_INVAL);
}

static void check_order(const char *const *given, const char *const *wanted, size_t n)
{
    struct addr list[NET_RACE_MAX + 1], want;

    for (size_t i = 0; i < n; i++)
        CHECK_OK(addr_parse(str_of(given[i]), &list[i]));
    net_race_order(list, n);
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(addr_parse(str_of(wanted[i]), &want));
        CHECK(addr_eq(&list[i], &want));
    }
}

static void kinds_take_turns(void)
{
    static const char *const six_first[] = {"2001:db8::1", "2001:db8::2", "2001:db8::3",
                                            "192.0.2.1", "192.0.2.2"};
    static const char *const turns[] = {"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2",
                                        "2001:db8::3"};
    static const char *const four[] = {"192.0.2.1", "192.0.2.2"};
    static const char *const late[] = {"192.0.2.1", "2001:db8::1", "2001:db8::2"};

    check_order(six_first, turns, 5);
    check_order(four, four, 2);
    check_order(late, late, 3);
    check_order(late, late, 1);
    net_race_order(NULL, 0);
}

CHECK_MAIN(CHECK_TEST(silence_is_not_waited_for), CHECK_TEST(a_refusal_is_followed_at_once),
           CHECK_TEST(the_first_that_answers_is_the_only_one_asked), CHECK_TEST(it_ends),
           CHECK_TEST(all_refuse), CHECK_TEST(it_can_be_given_up), CHECK_TEST(kinds_take_turns))
