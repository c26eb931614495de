/* SPDX-License-Identifier: Apache-2.0 */
/* What holds becomes alerts, and alerts messages: to whom, when, how often. */
#include "play.h"

#include "store/events.h"

#define LOCK(severity_)                                                                            \
    ((struct alert_condition){.kind = "lock",                                                      \
                              .severity = (severity_),                                             \
                              .key = STR("lock:1"),                                                \
                              .object = STR("zone x"),                                             \
                              .summary = STR("issuance is frozen \"here\""),                       \
                              .owner = STR("jane@hospital.example")})

static void once_and_its_end(void)
{
    struct store_delivery d = {};
    struct store_alert *list;

    BEGIN(p, "alerts: [{to: [hook, page]}, {to: hook}]\n");
    CHECK_INT(firing(&p, NULL), 0);
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].key, "lock:1");
    CHECK_INT(told(&p, "hook", &d), 1); /* two routes, one message */
    CHECK_INT(told(&p, "page", NULL), 1);
    CHECK(strstr(d.body.p, "\"summary\":\"issuance is frozen \\\"here\\\"\""));
    CHECK(strstr(d.body.p, d.id.z));
    CHECK_STR(d.subject, "[hospital.example] warning: issuance is frozen \"here\"");
    for (int i = 0; i < 3; i++)
        pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 1);
    p.n = 0;
    pass(&p, 0);
    CHECK_INT(firing(&p, NULL), 0);
    CHECK_INT(told(&p, "hook", &d), 2);
    CHECK(strstr(d.body.p, "\"status\":\"resolved\""));
    CHECK_INT(told(&p, "page", NULL), 1); /* which does not want to hear of it */
    pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 2);
}

/* What is wrong again later is another alert. */
static void again_is_another(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    p.holds[0] = LOCK(STORE_WARNING);
    for (int i = 0; i < 3; i++) {
        p.n = 1;
        pass(&p, 0);
        p.n = 0;
        pass(&p, 0);
    }
    CHECK_INT(told(&p, "hook", NULL), 6);
}

/* What could not be found out ends nothing. */
static void not_knowing_is_no_end(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    p.n = 0;
    p.collected = RC_NOMEM;
    pass(&p, 0);
    CHECK_INT(firing(&p, NULL), 1);
    p.collected = RC_OK;
    pass(&p, 0);
    CHECK_INT(firing(&p, NULL), 0);
}

static void by_rung(void)
{
    BEGIN(p, "alerts: [{at: [30d], to: hook}, {at: [7d, 1d], to: page}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_INT(told(&p, "page", NULL), 0);
    p.holds[0] = LOCK(STORE_CRITICAL);
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_INT(told(&p, "page", NULL), 1);
}

static enum rc ack(struct play *p, enum store_severity severity)
{
    struct store_alert *list, a;

    if (firing(p, &list) != 1)
        return RC_NOTFOUND;
    a = list[0];
    a.acked = clock_now(&p->clock.clock);
    a.acked_by = STR("uid 0");
    a.acked_severity = severity;
    return DO(&p->f, store_alert_ack(T, &a));
}

static void nobody_is_reminded_of_what_is_known(void)
{
    BEGIN(p, "alerts: [{to: hook, repeat: 1h}, {to: page, after: 2h}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    CHECK_INT(told(&p, "page", NULL), 0);
    pass(&p, WHEN_HOUR);
    CHECK_INT(told(&p, "hook", NULL), 2);
    CHECK_OK(ack(&p, STORE_WARNING));
    pass(&p, 3 * WHEN_HOUR);
    pass(&p, 3 * WHEN_HOUR);
    CHECK_INT(told(&p, "hook", NULL), 2);
    CHECK_INT(told(&p, "page", NULL), 0);
    p.holds[0] = LOCK(STORE_CRITICAL); /* worse than what was known */
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 3);
}

static void escalated_when_nobody_cares(void)
{
    BEGIN(p, "alerts: [{to: hook}, {to: page, after: 2h}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    pass(&p, WHEN_HOUR);
    CHECK_INT(told(&p, "page", NULL), 0);
    pass(&p, WHEN_HOUR);
    CHECK_INT(told(&p, "page", NULL), 1);
    CHECK_INT(told(&p, "hook", NULL), 1);
}

/* The clock of the test begins at midnight. */
static void quiet_hours(void)
{
    BEGIN(p, "alerts: [{to: hook, quiet: \"22:00-06:00\"}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, WHEN_HOUR);
    pass(&p, 4 * WHEN_HOUR);
    CHECK_INT(told(&p, "hook", NULL), 0);
    pass(&p, WHEN_HOUR);
    CHECK_INT(told(&p, "hook", NULL), 1);
    p.n = 0;
    pass(&p, 16 * WHEN_HOUR);
    p.holds[p.n++] = LOCK(STORE_CRITICAL);
    pass(&p, 30 * WHEN_MINUTE);
    CHECK_INT(told(&p, "hook", NULL), 3);
}

static enum rc silence(struct play *p, const char *object, when_t until)
{
    const struct store_silence s = {.id = fix_id(900),
                                    .kind = STR("lock"),
                                    .object = str_of(object),
                                    .until = until,
                                    .set_by = STR("uid 0"),
                                    .set = clock_now(&p->clock.clock)};

    return DO(&p->f, store_silence_add(T, &s));
}

static void silences(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(silence(&p, "zone x", clock_now(&p.clock.clock) + WHEN_HOUR));
    p.holds[p.n++] = LOCK(STORE_CRITICAL);
    p.holds[p.n] = LOCK(STORE_CRITICAL);
    p.holds[p.n].key = STR("lock:2");
    p.holds[p.n++].object = STR("zone y");
    pass(&p, 0);
    CHECK_INT(firing(&p, NULL), 2);
    CHECK_INT(told(&p, "hook", NULL), 1);
    pass(&p, WHEN_HOUR); /* it is still wrong when the silence ends */
    CHECK_INT(told(&p, "hook", NULL), 2);
}

static void the_owner_where_there_is_one(void)
{
    struct store_delivery d = {};

    BEGIN(p, "alerts: [{to: mail}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    CHECK_INT(told(&p, "mail", &d), 1);
    CHECK_STR(d.recipients, "jane@hospital.example");
    p.holds[0].key = STR("lock:2");
    p.holds[0].owner = STR("ward 3\r\nBcc: x@evil.example");
    pass(&p, 0);
    CHECK_INT(told(&p, "mail", &d), 3); /* the end of the first one went before */
    CHECK(str_eq(d.recipients, STR("pki@hospital.example")) ||
          str_eq(d.recipients, STR("jane@hospital.example")));
}

static void many_go_together(void)
{
    static char keys[4][16];

    BEGIN(p, "alerts: [{to: hook}]\n");
    for (p.n = 0; p.n < 4; p.n++) {
        snprintf(keys[p.n], sizeof(keys[p.n]), "lock:%zu", p.n);
        p.holds[p.n] = LOCK(STORE_WARNING);
        p.holds[p.n].key = str_of(keys[p.n]);
    }
    pass(&p, 0);
    CHECK_INT(firing(&p, NULL), 4);
    CHECK_INT(told(&p, "hook", NULL), 1);
}

static void what_nobody_takes_any_more_is_given_up(void)
{
    CLEANUP(conf_unrefp) const struct conf *other = NULL;
    struct store_delivery d = {};

    BEGIN(p, "alerts: [{to: hook}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    CHECK_OK(play_load(HEAD, &other));
    alert_engine_conf(p.engine, other);
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", &d), 1);
    CHECK(d.given_up && d.next == 0);
    alert_engine_conf(p.engine, p.conf);
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 1);
}

/* An engine that begins anew knows what it has told. */
static void another_start(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    alert_engine_stop(p.engine);
    alert_engine_free(MOVE(p.engine));
    CHECK_OK(play_begin(&p));
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_INT(firing(&p, NULL), 1);
}

/* Nothing is written while nothing changes. */
static void an_idle_server_leaves_its_disk_alone(void)
{
    struct store_stats before, after;

    BEGIN(p, "alerts: [{to: hook}]\n");
    p.holds[p.n++] = LOCK(STORE_WARNING);
    pass(&p, 0);
    pass(&p, 0);
    store_stats(p.f.s, &before);
    for (int i = 0; i < 20; i++)
        pass(&p, 0);
    store_stats(p.f.s, &after);
    CHECK_INT(after.commits, before.commits);
}

FIX_MAIN(CHECK_TEST(once_and_its_end), CHECK_TEST_ONCE(again_is_another),
         CHECK_TEST_ONCE(not_knowing_is_no_end), CHECK_TEST_ONCE(by_rung),
         CHECK_TEST_ONCE(nobody_is_reminded_of_what_is_known),
         CHECK_TEST_ONCE(escalated_when_nobody_cares), CHECK_TEST_ONCE(quiet_hours),
         CHECK_TEST_ONCE(silences), CHECK_TEST_ONCE(the_owner_where_there_is_one),
         CHECK_TEST_ONCE(many_go_together), CHECK_TEST_ONCE(what_nobody_takes_any_more_is_given_up),
         CHECK_TEST_ONCE(another_start), CHECK_TEST_ONCE(an_idle_server_leaves_its_disk_alone))
