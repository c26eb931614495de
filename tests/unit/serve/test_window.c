/* SPDX-License-Identifier: Apache-2.0 */
/* Reloads that wait for gateway.change_window; that it opens is in scenario/change_window. */
#include <sys/stat.h>

#include "service.h"

#define ONE "http://127.0.0.1:1"
#define TWO "http://127.0.0.1:2"

/* A window that is `from` hours away and two long, around the hour so that none ends meanwhile. */
static void window_at(unsigned from, char text[static SERVICE_LINE])
{
    unsigned hour = (unsigned)(clock_now(clock_system()) / WHEN_HOUR % 24) + from;

    snprintf(text, SERVICE_LINE, "%02u:00-%02u:00 UTC", hour % 24, (hour + 2) % 24);
}

static void configure(struct service *s, const char *window, const char *backend, unsigned attempts)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    buf_printf(&text,
               "organization: Example\ndomain: hospital.example\n"
               "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"], gateway: "
               "[\"127.0.0.1:0\"]}\nvalidation: {attempts: %u}\ngateway:\n  workers: 1\n",
               attempts);
    if (window)
        buf_printf(&text, "  change_window: \"%s\"\n", window);
    if (backend)
        buf_printf(&text, "  sites: [{name: wiki.hospital.example, backends: [\"%s\"]}]\n",
                   backend);
    CHECK_OK(file_write(s->dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, NULL));
}

static void start(struct service *s, const char *window)
{
    service_init(s);
    CHECK(fchmod(s->dir.fd, 0755) == 0);
    configure(s, window, ONE, 5);
    service_start(s);
    service_wait(s, " serve.ready ", "");
}

static bool says(struct service *s, const char *question, const char *expected)
{
    const char *answer = service_ask(s, question);

    if (strstr(answer, expected))
        return true;
    fprintf(stderr, "%s: %s\n", question, answer);
    return false;
}

static void another_time_it_waits_as_a_whole(void)
{
    CLEANUP(service_done) struct service s = {};
    char window[SERVICE_LINE];

    window_at(3, window);
    start(&s, window);
    configure(&s, window, TWO, 7);
    CHECK(says(&s, "reload", "generation 1 waits for wiki.hospital.example"));
    CHECK(says(&s, "who", "generation=1 attempts=5"));
    CHECK(says(&s, "status", "a reload waits"));
    /* Not around the window in force: neither another one, nor a site that is gone, nor SIGHUP. */
    configure(&s, NULL, TWO, 7);
    CHECK(says(&s, "reload", " waits for wiki.hospital.example"));
    configure(&s, window, NULL, 7);
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reload-waits ", "sites=wiki.hospital.example");
    CHECK(says(&s, "who", "generation=1 attempts=5"));
}

static void what_clients_do_not_notice_does_not(void)
{
    CLEANUP(service_done) struct service s = {};
    char window[SERVICE_LINE];

    window_at(3, window);
    start(&s, window);
    configure(&s, window, TWO, 5);
    CHECK(says(&s, "reload", " waits for "));
    configure(&s, window, ONE, 7);
    CHECK(says(&s, "reload", ": validation.attempts"));
    CHECK(says(&s, "who", " attempts=7"));
    CHECK(!strstr(service_ask(&s, "status"), "a reload waits"));
}

static void nor_does_who_wants_it_now(void)
{
    CLEANUP(service_done) struct service s = {};
    char window[SERVICE_LINE];

    window_at(3, window);
    start(&s, window);
    configure(&s, window, TWO, 5);
    CHECK(says(&s, "reload", " waits for "));
    CHECK(says(&s, "reload now", "gateway.sites[0].backends"));
    CHECK(!strstr(service_ask(&s, "status"), "a reload waits"));
}

static void one_that_nobody_waited_for_is_remembered(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s, NULL);
    configure(&s, "never", TWO, 5);
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reload-refused ", "change_window");
    CHECK(says(&s, "status", "refused for the configuration cannot be used"));
    configure(&s, NULL, TWO, 5);
    CHECK(says(&s, "reload", "gateway.sites[0].backends"));
    CHECK(!strstr(service_ask(&s, "status"), "refused for"));
}

/* A second person is asked while somebody waits for the answer. */
static void another_policy_does_not_wait(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    char window[SERVICE_LINE];

    window_at(3, window);
    service_init(&s);
    CHECK(fchmod(s.dir.fd, 0755) == 0);
    for (int i = 0; i < 2; i++) {
        buf_reset(&text);
        buf_printf(&text,
                   "organization: Example\ndomain: hospital.example\n"
                   "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"], gateway: "
                   "[\"127.0.0.1:0\"]}\n"
                   "control: {two_persons: [policy.change], people: [daemon]}\n"
                   "gateway: {workers: 1, change_window: \"%s\", sites: [{name: "
                   "wiki.hospital.example, backends: [\"%s\"]}]}\n%s",
                   window, i ? TWO : ONE,
                   i ? "policy: [{name: all, allow: [hospital.example]}]\n" : "");
        CHECK_OK(file_write(s.dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, NULL));
        if (i == 0) {
            service_start(&s);
            service_wait(&s, " serve.ready ", "");
        }
    }
    CHECK(says(&s, "reload", "another policy takes a second person"));
    CHECK(!strstr(service_ask(&s, "status"), "a reload waits"));
}

static void in_the_window_it_is_done(void)
{
    CLEANUP(service_done) struct service s = {};
    char window[SERVICE_LINE];

    window_at(23, window); /* the last hour and this one */
    start(&s, window);
    configure(&s, window, TWO, 5);
    CHECK(says(&s, "reload", "gateway.sites[0].backends"));
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK_INT(service_end(&s), 0);
}

SERVICE_MAIN(CHECK_TEST_ONCE(another_time_it_waits_as_a_whole),
             CHECK_TEST_ONCE(what_clients_do_not_notice_does_not),
             CHECK_TEST_ONCE(nor_does_who_wants_it_now),
             CHECK_TEST_ONCE(another_policy_does_not_wait),
             CHECK_TEST_ONCE(one_that_nobody_waited_for_is_remembered),
             CHECK_TEST_ONCE(in_the_window_it_is_done))
