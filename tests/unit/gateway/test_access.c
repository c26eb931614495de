/* SPDX-License-Identifier: Apache-2.0 */
/* What the access log says of requests. The client of `world` is 192.0.2.7, the time 2024-10-04. */
#include "world.h"

#include <stdio.h>

#define HI OK "Content-Length: 2\r\n\r\nhi"
#define AGENT "User-Agent: curl/8\r\n"

enum { MANY = 1 << 20 };

static struct {
    struct buf lines;
    unsigned format;
} written;

static enum rc on_write(void *, unsigned format, struct str lines)
{
    written.format = format;
    buf_puts(&written.lines, lines);
    return RC_OK;
}

static enum rc begin(struct world *w, enum conf_access format, bool query)
{
    written.lines = BUF_INIT(MANY);
    w->write = on_write;
    w->conf.gateway.access_log.format = format;
    w->conf.gateway.access_log.query = query;
    return world_init(w);
}

static void end(struct world *w)
{
    world_done(w);
    buf_done(&written.lines);
}

#define WORLD(format, query)                                                                       \
    CLEANUP(end) struct world w = {};                                                              \
    CHECK_OK(begin(&w, format, query))

/* What was written since the last call. */
static const char *log_of(struct world *w)
{
    buf_reset(&written.lines);
    clock_fake_advance(&w->clock, GATEWAY_LINES_MOMENT);
    turn(w);
    gateway_access_told(w->g, written.format, RC_OK, NULL);
    return buf_z(&written.lines);
}

static void json_has_everything(void)
{
    const char *line;

    WORLD(CONF_ACCESS_JSON, false);
    say(&w, "POST /a?token=secret HTTP/1.1\r\n" H AGENT
            "Cookie: c=secret\r\nAuthorization: secret\r\nContent-Length: 3\r\n"
            "Referer: https://wiki.example/b?token=secret\r\n\r\nabc");
    clock_fake_advance(&w.clock, 1500);
    reply(&w, HI);
    line = log_of(&w);
    CHECK_INT(written.format, CONF_ACCESS_JSON);
    CHECK(str_starts(str_of(line), STR("{\"time\":\"2024-10-04T00:00:00.000000Z\","
                                       "\"site\":\"wiki.example\",\"client\":\"192.0.2.7\","
                                       "\"method\":\"POST\",\"path\":\"/a\","
                                       "\"protocol\":\"HTTP/1.1\",\"status\":200,\"received\":3,"
                                       "\"sent\":2,\"micros\":1500,"
                                       "\"backend\":\"10.0.0.1:81\",\"backend_micros\":1500,"
                                       "\"complete\":true,"
                                       "\"referrer\":\"https://wiki.example/b\","
                                       "\"user_agent\":\"curl/8\",\"request_id\":\"")));
    CHECK(str_ends(str_of(line), STR("\"}\n")));
    CHECK(!strstr(line, "secret"));
}

static void json_has_the_query_when_asked(void)
{
    const char *line;

    WORLD(CONF_ACCESS_JSON, true);
    say(&w, "GET /a?b=c HTTP/1.1\r\n" H "Referer: /x?y\r\n\r\n");
    reply(&w, HI);
    line = log_of(&w);
    CHECK(strstr(line, "\"path\":\"/a\",\"query\":\"b=c\","));
    CHECK(strstr(line, "\"referrer\":\"/x?y\""));
}

/* Why the gateway itself has answered. */
static void json_says_why_it_was_refused(void)
{
    const char *line;

    WORLD(CONF_ACCESS_JSON, false);
    say(&w, "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n");
    line = log_of(&w);
    CHECK(strstr(line, "\"status\":421,"));
    CHECK(strstr(line, "\"reason\":\"gateway.other-host\"}"));
    CHECK(!strstr(line, "backend"));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, "GET / HTTP/1.1\r\nno header\r\n\r\n"); /* none that can be read */
    line = log_of(&w);
    CHECK(strstr(line, "\"client\":\"192.0.2.7\""));
    CHECK(strstr(line, "\"status\":400,"));
    CHECK(strstr(line, "\"reason\":\"http."));
}

static void a_broken_answer_is_not_complete(void)
{
    WORLD(CONF_ACCESS_JSON, false);
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 9\r\n\r\nhi");
    hang_up(&w);
    CHECK(strstr(log_of(&w), "\"complete\":false,"));
}

/* One line, one object, whatever a client sends. */
static void nothing_can_be_forged(void)
{
    static const char asks[] = "GET /\"},{\\ HTTP/1.1\r\n" H "User-Agent: a\"\\b\t\xc3\xa4\x80\r\n"
                               "Referer: \"} {\"x\r\n\r\n";
    const char *line;

    {
        WORLD(CONF_ACCESS_JSON, false);
        say(&w, asks);
        reply(&w, HI);
        line = log_of(&w);
        CHECK(strstr(line, "\"path\":\"/\\\"},{\\\\\","));
        CHECK(strstr(line, "\"user_agent\":\"a\\\"\\\\b\\u0009\\u00c3\\u00a4\\u0080\","));
        CHECK_INT(str_find(str_of(line), '\n') + 1, strlen(line));
    }
    {
        WORLD(CONF_ACCESS_COMBINED, false);
        say(&w, asks);
        reply(&w, HI);
        CHECK(strstr(log_of(&w), " \"GET /\\\"},{\\\\ HTTP/1.1\" 200 2 \"\\\"} {\\\"x\" "
                                 "\"a\\\"\\\\b\\x09\\xc3\\xa4\\x80\"\n"));
    }
}

static void combined_is_what_others_write(void)
{
    WORLD(CONF_ACCESS_COMBINED, false);
    say(&w, "GET /a?b HTTP/1.1\r\n" H AGENT "\r\n");
    reply(&w, HI);
    CHECK_STR(str_of(log_of(&w)), "192.0.2.7 - - [04/Oct/2024:00:00:00 +0000] \"GET /a HTTP/1.1\" "
                                  "200 2 \"-\" \"curl/8\"\n");
    CHECK_INT(written.format, CONF_ACCESS_COMBINED);
    say(&w, "nonsense\r\n\r\n");
    CHECK(strstr(log_of(&w), " \"-\" 400 ") || strstr(buf_z(&written.lines), "\" 400 "));
}

static void long_fields_are_cut(void)
{
    static char asks[GATEWAY_TARGET_MAX + 4096];
    size_t n = 0;

    WORLD(CONF_ACCESS_JSON, true);
    n += (size_t)snprintf(asks, sizeof(asks), "GET /");
    memset(asks + n, '"', GATEWAY_TARGET_MAX - 10);
    n += GATEWAY_TARGET_MAX - 10;
    snprintf(asks + n, sizeof(asks) - n, " HTTP/1.1\r\n" H "\r\n");
    say(&w, asks);
    reply(&w, HI);
    CHECK(strlen(log_of(&w)) > 2 * GATEWAY_ACCESS_PATH_MAX);
    CHECK(strlen(buf_z(&written.lines)) < GATEWAY_ACCESS_LINE_MAX / 2);
    CHECK(ends(&written.lines, "\"}\n"));
}

static void sites_can_be_left_out(void)
{
    WORLD(CONF_ACCESS_JSON, false);
    say(&w, GET "\r\n");
    reply(&w, HI);
    CHECK(strlen(log_of(&w)) > 0);
    w.sites[0].access_log = false;
    CHECK_OK(configure(&w));
    say(&w, GET "\r\n");
    reply(&w, HI);
    CHECK_STR(str_of(log_of(&w)), "");
    w.sites[0].access_log = true;
    w.conf.gateway.access_log.format = CONF_ACCESS_OFF;
    CHECK_OK(configure(&w));
    say(&w, GET "\r\n");
    reply(&w, HI);
    CHECK_STR(str_of(log_of(&w)), "");
}

/* The same world, with a site whose TLS is not ended here. */
static enum rc begin_passing(struct world *w, enum conf_access format)
{
    static struct str passes[] = {STR("tls://10.0.0.1:81")};

    TRY(begin(w, format, false));
    w->speaker->free(MOVE(w->c));
    w->speaker = &gateway_through_speaker;
    w->sites[0].backends = (struct conf_strs){passes, 1};
    w->sites[0].passes = true;
    TRY(configure(w));
    return come(w, "wiki.example");
}

static void pass_some(struct world *w)
{
    say(w, "a hello");
    clock_fake_advance(&w->clock, 1500);
    reply(w, "an answer");
    hang_up(w);
    w->t.eof = true;
    turn(w);
}

static void what_is_passed_on_is_in_json(void)
{
    CLEANUP(end) struct world w = {};

    CHECK_OK(begin_passing(&w, CONF_ACCESS_JSON));
    pass_some(&w);
    CHECK_STR(str_of(log_of(&w)),
              "{\"time\":\"2024-10-04T00:00:00.000000Z\",\"site\":\"wiki.example\","
              "\"client\":\"192.0.2.7\",\"protocol\":\"passthrough\",\"received\":7,\"sent\":9,"
              "\"micros\":1500,\"backend\":\"10.0.0.1:81\",\"complete\":true}\n");
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, "a hello");
    w.t.broken = true;
    turn(&w);
    CHECK(strstr(log_of(&w), "\"complete\":false,\"reason\":\"gateway.through-broken\"}\n"));
    w.sites[0].access_log = false;
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    pass_some(&w);
    CHECK_STR(str_of(log_of(&w)), "");
}

static void what_is_passed_on_is_in_combined(void)
{
    CLEANUP(end) struct world w = {};

    CHECK_OK(begin_passing(&w, CONF_ACCESS_COMBINED));
    pass_some(&w);
    CHECK_STR(str_of(log_of(&w)), "192.0.2.7 - - [04/Oct/2024:00:00:00 +0000] "
                                  "\"- wiki.example passthrough\" - 9 \"-\" \"-\"\n");
}

CHECK_MAIN(CHECK_TEST_ONCE(what_is_passed_on_is_in_json),
           CHECK_TEST_ONCE(what_is_passed_on_is_in_combined), CHECK_TEST_ONCE(json_has_everything),
           CHECK_TEST_ONCE(json_has_the_query_when_asked),
           CHECK_TEST_ONCE(json_says_why_it_was_refused),
           CHECK_TEST_ONCE(a_broken_answer_is_not_complete), CHECK_TEST(nothing_can_be_forged),
           CHECK_TEST(combined_is_what_others_write), CHECK_TEST_ONCE(long_fields_are_cut),
           CHECK_TEST_ONCE(sites_can_be_left_out))
