/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "agent/place.h"
#include "agent/plan.h"

static const struct str dns[] = {STR("a.example"), STR("*.a.example")};

static const struct str proofs[] = {STR("443"), STR("smtp:mail.example:25")};

static struct agent_state full(const struct addr *ip)
{
    return (struct agent_state){
        .plan = {.server = STR("https://ca.example/directory"),
                 .ca_file = STR("/etc/roots.pem"),
                 .dns = dns,
                 .n_dns = 2,
                 .ips = ip,
                 .n_ips = 1,
                 .way = AGENT_HOOK,
                 .style = STR("dehydrated"),
                 .value = STR("/etc/hook"),
                 .challenge = STR("dns-01"),
                 .key = STR("p384"),
                 .profile = STR("short"),
                 .chain = STR("Some Root"),
                 .contact = STR("mailto:a@example"),
                 .hook_env = STR("/etc/hook.env"),
                 .hook_vars = STR("A=b\nC=d\n"),
                 .reuse_key = STR("yes"),
                 .ocsp = STR("yes"),
                 .ocsp_age = STR("12h"),
                 .hook_user = STR("acme-hooks"),
                 .hook_timeout = STR("90s"),
                 .hook_chain = STR("yes"),
                 .account_key = STR("/etc/account.pem"),
                 .owner = STR("root"),
                 .group = STR("ssl-cert"),
                 .mode = STR("0640"),
                 .reload = STR("unit:nginx.service"),
                 .prove = proofs,
                 .n_prove = 2,
                 .also = proofs,
                 .n_also = 1,
                 .reload_timeout = STR("2m"),
                 .prove_for = STR("1m"),
                 .renew_window = STR("Mon-Fri"),
                 .reload_window = STR("Sun 02:00-04:00"),
                 .fallback_server = STR("https://second.example/directory"),
                 .fallback_ca_file = STR("/etc/second.pem"),
                 .fallback_account_key = STR("/etc/second.key")},
        .renewal = {.due = 5, .look_at = 6, .window_start = 7, .window_end = 8, .least = 9},
        .issued = 10,
        .attempt = 11,
        .failures = 2,
        .next = 12,
        .why = STR("a \"reason\""),
        .pending = 8,
        .before = 7,
        .pending_latest = 13,
        .outside = 14,
        .ocsp_of = 15,
        .ocsp_since = 16,
        .ocsp_until = 17,
        .ocsp_at = 18,
        .ocsp_failures = 3,
        .ocsp_why = STR("nobody answers"),
        .account = STR("https://ca.example/account/1"),
        .fallback_account = STR("https://second.example/account/1"),
        .issuer = STR("https://second.example/directory"),
        .pending_issuer = STR("https://ca.example/directory")};
}

static void comes_back_as_it_was(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done)
    struct buf text = BUF_INIT(AGENT_STATE_MAX), again = BUF_INIT(AGENT_STATE_MAX);
    struct agent_state s, got;
    struct addr ip;

    CHECK_OK(addr_parse(STR("2001:db8::1"), &ip));
    s = full(&ip);
    CHECK_OK(agent_state_put(&s, &text));
    CHECK_OK(agent_state_read(&a, buf_str(&text), &got, NULL));
    CHECK_OK(agent_state_put(&got, &again));
    CHECK(str_eq(buf_str(&text), buf_str(&again)));
    CHECK_STR(got.plan.dns[1], "*.a.example");
    CHECK(addr_eq(&got.plan.ips[0], &ip));
    CHECK_STR(got.plan.style, "dehydrated");
    CHECK_INT(got.plan.way, AGENT_HOOK);
    CHECK_INT(got.renewal.window_end, 8);
    CHECK_INT(got.failures, 2);
    CHECK_INT(got.plan.n_prove, 2);
    CHECK_STR(got.plan.prove[1], "smtp:mail.example:25");
    CHECK_INT(got.plan.n_also, 1);
    CHECK_STR(got.plan.also[0], "443");
    CHECK_STR(got.plan.reload, "unit:nginx.service");
    CHECK_INT(got.pending, 8);
    CHECK_INT(got.before, 7);
    CHECK_INT(got.pending_latest, 13);
    CHECK_INT(got.outside, 14);
    CHECK_INT(got.ocsp_of, 15);
    CHECK_INT(got.ocsp_since, 16);
    CHECK_INT(got.ocsp_until, 17);
    CHECK_INT(got.ocsp_at, 18);
    CHECK_INT(got.ocsp_failures, 3);
    CHECK_STR(got.ocsp_why, "nobody answers");
    CHECK_STR(got.plan.ocsp_age, "12h");
    CHECK_STR(got.plan.renew_window, "Mon-Fri");
    CHECK_STR(got.plan.reload_window, "Sun 02:00-04:00");
    CHECK_STR(got.why, "a \"reason\"");
    CHECK_STR(got.pending_issuer, "https://ca.example/directory");
    CHECK_STR(agent_plan_ca(&got.plan, true).ca_file, "/etc/second.pem");
    CHECK_STR(agent_plan_ca(&got.plan, false).ca_file, "/etc/roots.pem");
    CHECK(agent_from_fallback(&got));
    got.issuer = got.plan.server;
    CHECK(!agent_from_fallback(&got));
    got.issuer.n = 0;
    CHECK(!agent_from_fallback(&got)); /* as an earlier autarky has written it */
}

#define NAMES "\"dns\":[\"a.example\"],\"ips\":[]"
#define GOOD "\"plan\":{\"server\":\"https://x/\",\"way\":\"webroot\",\"value\":\"/srv\"," NAMES "}"

static void says_what_is_wrong(void)
{
    static const struct {
        const char *json;
        enum rc rc;
        const char *code;
    } bad[] = {
        {"", RC_PARSE, "agent.state-not-json"},
        {"{}", RC_PARSE, "agent.state-member"},
        {"{\"version\":2," GOOD "}", RC_VERSION, "agent.state-version"},
        {"{\"version\":1}", RC_PARSE, "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"way\":\"webroot\",\"value\":\"/x\"," NAMES "}}", RC_PARSE,
         "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"server\":\"x\",\"way\":\"other\",\"value\":\"/x\"," NAMES "}}",
         RC_PARSE, "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"server\":\"x\",\"way\":\"webroot\",\"value\":\"/x\","
         "\"dns\":[],\"ips\":[]}}",
         RC_PARSE, "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"server\":\"x\",\"way\":\"webroot\",\"value\":\"/x\","
         "\"dns\":[],\"ips\":[\"1.2.3\"]}}",
         RC_PARSE, "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"server\":\"x\",\"way\":\"webroot\",\"value\":3," NAMES "}}",
         RC_PARSE, "agent.state-member"},
        {"{\"version\":1,\"plan\":{\"server\":\"x\",\"way\":\"webroot\",\"value\":\"/x\","
         "\"reload_window\":\"at night\"," NAMES "}}",
         RC_INVAL, "agent.windows"},
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct agent_state s;

    CHECK_OK(agent_state_read(&a, STR("{\"version\":1," GOOD ",\"failures\":99999}"), &s, NULL));
    CHECK_INT(s.plan.way, AGENT_WEBROOT);
    CHECK_INT(s.failures, 1000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_RC(agent_state_read(&a, str_of(bad[i].json), &s, &err), bad[i].rc);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
    }
}

static void when_there_is_something_to_do(void)
{
    const when_t now = 100 * WHEN_DAY, from = now - 10 * WHEN_DAY, to = now + 20 * WHEN_DAY;
    struct agent_state s = {.renewal = {.due = now + WHEN_DAY}};

    CHECK_INT(agent_due(&s, from, to, now), now + WHEN_DAY);
    CHECK_INT(agent_next(&s, from, to, now), now + WHEN_DAY);
    CHECK_INT(agent_due(&s, 0, 0, now), 0);
    /* The last tenth, whatever was planned. */
    s.renewal.due = to;
    CHECK_INT(agent_due(&s, from, to, now), to - 3 * WHEN_DAY);
    s.renewal.due = 0;
    CHECK_INT(agent_due(&s, from, to, now), to - 3 * WHEN_DAY);
    s.renewal.look_at = now + WHEN_HOUR;
    CHECK_INT(agent_next(&s, from, to, now), now + WHEN_HOUR);
    /* One that is further away than any that is planned is of a clock that was wrong. */
    CHECK_INT(agent_look_at(&s, now), now + WHEN_HOUR);
    s.renewal.look_at = now + WHEN_DAY;
    CHECK_INT(agent_look_at(&s, now), now + WHEN_DAY);
    s.renewal.look_at++;
    CHECK_INT(agent_look_at(&s, now), now);
    CHECK_INT(agent_next(&s, from, to, now), now);
    s.renewal.look_at = 0;
    CHECK_INT(agent_look_at(&s, now), 0);
    s.pending = 3;
    CHECK_INT(agent_next(&s, from, to, now), 0);
    /* Pauses count for more than all of it, unless the clock was wrong. */
    s.next = now + WHEN_MINUTE;
    CHECK_INT(agent_pause(&s, now), 0);
    s.failures = 1;
    CHECK_INT(agent_pause(&s, now), now + WHEN_MINUTE);
    CHECK_INT(agent_next(&s, from, to, now), now + WHEN_MINUTE);
    CHECK_INT(agent_pause(&s, now + WHEN_MINUTE), 0);
    s.next = now + WHEN_DAY + 1;
    CHECK_INT(agent_pause(&s, now), 0);
    CHECK_INT(agent_next(&s, from, to, now), 0);
}

static void when_an_ocsp_answer_is_wanted(void)
{
    const when_t now = 100 * WHEN_DAY, monday = now + 2 * WHEN_DAY;
    struct agent_state s = {.renewal = {.due = now + 9 * WHEN_DAY}};

    CHECK_INT(agent_ocsp_at(&s, now), WHEN_MAX);
    s.plan.ocsp = STR("yes");
    CHECK_INT(agent_ocsp_at(&s, now), 0); /* there is none */
    s.ocsp_since = now - 2 * WHEN_DAY;
    s.ocsp_until = now + 8 * WHEN_DAY;
    s.ocsp_at = now + WHEN_DAY;
    CHECK_INT(agent_ocsp_at(&s, now), now + WHEN_DAY);
    CHECK_INT(agent_next(&s, now, now + 90 * WHEN_DAY, now), now + WHEN_DAY);
    CHECK_INT(agent_renewal_next(&s, now, now + 90 * WHEN_DAY, now), now + 9 * WHEN_DAY);
    /* Failures of the renewal hold it up no more than it does that. */
    s.failures = 1;
    s.next = now + 2 * WHEN_DAY;
    CHECK_INT(agent_next(&s, now, now + 90 * WHEN_DAY, now), now + WHEN_DAY);
    s.failures = 0;
    /* A service that may be touched on Mondays alone is told then, unless that is too late. */
    s.plan.reload_window = STR("Mon 02:00-04:00 UTC");
    CHECK_INT(agent_ocsp_at(&s, now), monday + 2 * WHEN_HOUR);
    CHECK_INT(agent_ocsp_at(&s, monday + 5 * WHEN_HOUR), now + 7 * WHEN_DAY);
    s.ocsp_failures = 1; /* which is no reason to touch it another day */
    CHECK_INT(agent_ocsp_at(&s, now), monday + 2 * WHEN_HOUR);
    /* No pause is so long. */
    s.ocsp_at = now + WHEN_DAY + 1;
    CHECK_INT(agent_ocsp_at(&s, now), 0);
}

/* Day 100 of the epoch is a Saturday, and all here is UTC. */
static void renewed_in_a_window(void)
{
    const when_t now = 100 * WHEN_DAY, from = now - 10 * WHEN_DAY, to = now + 20 * WHEN_DAY;
    const when_t monday = now + 2 * WHEN_DAY, latest = to - 3 * WHEN_DAY;
    struct agent_state s = {.renewal = {.due = now + WHEN_HOUR},
                            .plan = {.renew_window = STR("Mon 02:00-04:00 UTC")}};

    CHECK_INT(agent_due(&s, from, to, now), monday + 2 * WHEN_HOUR);
    CHECK_INT(agent_next(&s, from, to, now), monday + 2 * WHEN_HOUR);
    /* While it is open, now; when it was missed, in the next one. */
    CHECK_INT(agent_due(&s, from, to, monday + 3 * WHEN_HOUR), monday + 3 * WHEN_HOUR);
    CHECK_INT(agent_due(&s, from, to, monday + 4 * WHEN_HOUR),
              monday + 7 * WHEN_DAY + 2 * WHEN_HOUR);
    CHECK(!agent_outside(&s, s.plan.renew_window, monday + 3 * WHEN_HOUR));
    CHECK(agent_outside(&s, s.plan.renew_window, monday + 4 * WHEN_HOUR));
    /* What is planned inside of one, then. */
    s.renewal.due = monday + 3 * WHEN_HOUR;
    CHECK_INT(agent_due(&s, from, to, now), monday + 3 * WHEN_HOUR);
    /* The last tenth does not wait: it begins on a Tuesday. */
    CHECK_INT(agent_due(&s, from, to, latest - WHEN_HOUR), latest);
    CHECK_INT(agent_due(&s, from, to, latest + WHEN_HOUR), latest);
    s.renewal.due = 0;
    CHECK_INT(agent_due(&s, from, to, now), latest);
    s.renewal.due = now;
    s.any_time = true;
    CHECK_INT(agent_due(&s, from, to, now), now);
    CHECK(!agent_outside(&s, s.plan.renew_window, now));
}

static void used_in_a_window(void)
{
    const when_t now = 100 * WHEN_DAY, monday = now + 2 * WHEN_DAY, late = now + WHEN_DAY;
    struct agent_state s = {.pending = 2,
                            .pending_latest = now + 17 * WHEN_DAY,
                            .plan = {.reload_window = STR("Mon 02:00-04:00 UTC")}};

    CHECK_INT(agent_ready(&s, now), monday + 2 * WHEN_HOUR);
    CHECK_INT(agent_waits(&s, now), monday + 2 * WHEN_HOUR);
    CHECK_INT(agent_next(&s, 0, now + 20 * WHEN_DAY, now), monday + 2 * WHEN_HOUR);
    CHECK_INT(agent_ready(&s, monday + 2 * WHEN_HOUR), 0);
    CHECK_INT(agent_waits(&s, monday + 3 * WHEN_HOUR), 0);
    CHECK_INT(agent_next(&s, 0, now + 20 * WHEN_DAY, monday + 3 * WHEN_HOUR), 0);
    /* One that failed there is tried again there. */
    s.failures = 1;
    s.next = monday + 3 * WHEN_HOUR;
    CHECK_INT(agent_next(&s, 0, 0, monday + 2 * WHEN_HOUR), s.next);
    s.next = monday + 4 * WHEN_HOUR;
    CHECK_INT(agent_next(&s, 0, 0, monday + 3 * WHEN_HOUR), monday + 7 * WHEN_DAY + 2 * WHEN_HOUR);
    CHECK_INT(agent_waits(&s, now), 0);
    s.failures = 0;
    /* The one in use cannot wait so long. */
    s.pending_latest = late;
    CHECK_INT(agent_ready(&s, now), late);
    CHECK_INT(agent_waits(&s, now), late);
    CHECK_INT(agent_waits(&s, late), 0);
    CHECK(agent_ready(&s, late) <= late);
    CHECK_INT(agent_next(&s, 0, 0, late), late);
    /* There is none in use, or somebody says so. */
    s.pending_latest = 0;
    CHECK_INT(agent_ready(&s, now), 0);
    s.pending_latest = late;
    s.any_time = true;
    CHECK_INT(agent_ready(&s, now), 0);
}

/* For others that one service shows, and no longer than that can be meant. */
static void held_for_others(void)
{
    const when_t now = 100 * WHEN_DAY, until = now + WHEN_MINUTE;
    struct agent_state s = {.pending = 2, .held = until};

    CHECK_INT(agent_ready(&s, now), until);
    CHECK_INT(agent_waits(&s, now), until);
    CHECK_INT(agent_next(&s, 0, now + WHEN_DAY, now), until);
    CHECK_INT(agent_ready(&s, until), 0);
    s.any_time = true;
    CHECK_INT(agent_ready(&s, now), 0);
    s.any_time = false;
    s.held = now + AGENT_HELD_MOST + 1; /* by another clock */
    CHECK_INT(agent_ready(&s, now), 0);
}

static void windows_that_are_none(void)
{
    const struct agent_plan good = {.renew_window = STR("Sat,Sun")},
                            bad = {.renew_window = STR("weekends")},
                            worse = {.reload_window = STR("Sun 2-4")};
    struct err err = ERR_INIT;
    char text[300];

    CHECK_OK(agent_windows_check(&good, &err));
    CHECK_RC(agent_windows_check(&bad, &err), RC_INVAL);
    CHECK_RC(agent_windows_check(&worse, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "--reload-window is \"Sun 2-4\"; windows are as in \"Sun 02:00-04:00\", \"Mon-Fri "
              "22:00-05:00; Sat,Sun\" or \"1st Wed 20:00-22:00 UTC\"");
}

static void a_clock_that_is_behind(void)
{
    const when_t from = 1'000 * WHEN_DAY, skew = 5 * WHEN_MINUTE;
    char text[AGENT_CLOCK_TEXT] = "";

    CHECK(!agent_clock_behind(from, from + WHEN_DAY, text));
    CHECK(!agent_clock_behind(from, from - skew, text)); /* the server's may be ahead by that */
    CHECK(!agent_clock_behind(0, from, text));           /* there is none in place */
    CHECK_STR(str_of(text), "");
    CHECK(agent_clock_behind(from, from - skew - 1, text));
    CHECK_STR(str_of(text),
              "the certificate in place is valid from 1972-09-27T00:00:00Z, and by the "
              "clock of this machine it is 1972-09-26T23:54:59Z: that clock is behind");
}

CHECK_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST(says_what_is_wrong),
           CHECK_TEST(when_there_is_something_to_do), CHECK_TEST(renewed_in_a_window),
           CHECK_TEST(when_an_ocsp_answer_is_wanted), CHECK_TEST(used_in_a_window),
           CHECK_TEST(held_for_others), CHECK_TEST(windows_that_are_none),
           CHECK_TEST(a_clock_that_is_behind))
