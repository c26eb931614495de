/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

enum { ADDRESS_LINE = 256 };

static void start(struct service *s)
{
    service_init(s);
    service_start(s);
    service_wait(s, " serve.ready ", "");
}

static pid_t pid_in(const char *answer)
{
    const char *at = strstr(answer, "pid=");

    return at ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

static void a_live_key_reaches_everybody(void)
{
    CLEANUP(service_done) struct service s = {};
    pid_t core;

    start(&s);
    core = pid_in(service_ask(&s, "who"));
    service_configure(&s, "validation: {attempts: 7}\n");
    CHECK(strcmp(service_ask(&s, "reload"), "generation 2: validation.attempts") == 0);
    service_wait(&s, " test.commit ", "generation=2");
    CHECK(strstr(service_ask(&s, "who"), "generation=2 attempts=7"));
    CHECK(strstr(service_ask(&s, "front"), "generation=2"));
    CHECK_INT(pid_in(service_ask(&s, "who")), core);
}

static void a_signal_does_the_same(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s);
    service_configure(&s, "validation: {attempts: 7}\n");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.changed ", "key=validation.attempts was=5 now=7");
    service_wait(&s, " serve.reloaded ", "generation=2");
    CHECK(strstr(service_ask(&s, "who"), "generation=2 attempts=7"));
}

static void nothing_new_is_no_failure(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s);
    CHECK(strcmp(service_ask(&s, "reload"), "generation 2: ") == 0);
    CHECK(strcmp(service_ask(&s, "reload"), "generation 3: ") == 0);
}

static void a_mistake_changes_nothing(void)
{
    CLEANUP(service_done) struct service s = {};
    const char *answer;

    start(&s);
    service_configure(&s, "validation: {attempts: 7, nonsense: 3s}\n");
    answer = service_ask(&s, "reload");
    CHECK(strncmp(answer, "refused: ", 9) == 0 && strstr(answer, "nonsense"));
    CHECK(strstr(service_ask(&s, "who"), "generation=1 attempts=5"));
}

static void a_refused_key_refuses_all(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    const char *answer;

    start(&s);
    buf_putz(&text, "organization: Another\ndomain: hospital.example\n"
                    "listen: {api: [\"127.0.0.1:0\"], plain: [\"127.0.0.1:0\"]}\n"
                    "validation: {attempts: 7}\n");
    CHECK_OK(file_write(s.dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, NULL));
    answer = service_ask(&s, "reload");
    CHECK(strncmp(answer, "refused: nothing was changed", 28) == 0);
    CHECK(strstr(answer, "organization (it stands in the CA certificates"));
    CHECK(strstr(service_ask(&s, "who"), "generation=1 attempts=5"));
}

static void one_objection_calls_all_off(void)
{
    CLEANUP(service_done) struct service s = {};
    const char *answer;

    start(&s);
    service_configure(&s, "validation: {attempts: 13}\n");
    answer = service_ask(&s, "reload");
    CHECK(strcmp(answer, "refused: nothing was changed: core: not supported") == 0);
    service_wait(&s, " test.signer-abort ", "generation=1");
    CHECK(strstr(service_ask(&s, "front"), "generation=1"));
    CHECK(strstr(service_ask(&s, "who"), "generation=1 attempts=5"));
    /* Nobody is left waiting for the end of it. */
    service_configure(&s, "validation: {attempts: 6}\n");
    CHECK(strncmp(service_ask(&s, "reload"), "generation 3: ", 14) == 0);
    CHECK(strstr(service_ask(&s, "front"), "generation=3"));
}

static void who_dies_amid_it_starts_with_the_new(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s);
    service_configure(&s, "validation: {attempts: 14}\n");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reloaded ", "generation=2");
    service_ready(&s, ROLE_CORE);
    CHECK(strstr(service_ask(&s, "who"), "generation=2 attempts=14"));
    CHECK(strstr(service_ask(&s, "front"), "generation=2"));
}

/* ---- listeners */

static void listen_elsewhere(struct service *s, const char *plain)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);

    buf_printf(&text,
               "organization: Example\ndomain: hospital.example\n"
               "listen: {api: [\"127.0.0.1:0\"], plain: [%s]}\n",
               plain);
    if (file_write(s->dir.fd, "autarky.yaml", buf_str(&text), 0644, FILE_OWNER_SELF, NULL) != RC_OK)
        fail_msg("autarky.yaml");
}

static void another_address_restarts_front_alone(void)
{
    CLEANUP(service_done) struct service s = {};
    struct addr_port old;
    struct addr_port now;
    pid_t core;
    pid_t front_was;
    int slow;
    int fd;

    start(&s);
    core = pid_in(service_ask(&s, "who"));
    front_was = pid_in(service_ask(&s, "front"));
    CHECK(service_address(&s, "plain", &old));
    slow = service_send(&s, "slow");
    service_wait(&s, " test.slow", "");
    listen_elsewhere(&s, "\"127.0.0.2:0\"");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.changed ", "key=listen.plain");
    service_ready(&s, ROLE_FRONT);
    /* The request under way is finished by the old one, beside the new one. */
    CHECK(strcmp(service_take(&slow), "slow but there, signer ok") == 0);
    CHECK(service_address(&s, "plain", &now));
    CHECK_INT(now.addr.b[3], 2);
    CHECK(pid_in(service_ask(&s, "front")) != front_was);
    CHECK_INT(pid_in(service_ask(&s, "who")), core);
    /* Where it listened nobody answers any more. */
    fd = service_connect(&old);
    CHECK(fd < 0 || strcmp(service_take(&fd), "") == 0);
    fd_close(&fd);
}

static void an_address_that_is_taken_refuses_all(void)
{
    CLEANUP(service_done) struct service s = {};
    struct addr_port taken;
    char text[ADDRESS_LINE];
    const char *answer;

    start(&s);
    CHECK(service_address(&s, "api", &taken));
    snprintf(text, sizeof(text), "\"127.0.0.2:0\", \"127.0.0.1:%u\"", taken.port);
    listen_elsewhere(&s, text);
    answer = service_ask(&s, "reload");
    CHECK(strncmp(answer, "refused: cannot listen on 127.0.0.1:", 36) == 0);
    CHECK(strstr(service_ask(&s, "front"), "generation=1"));
}

static void unchanged_addresses_keep_their_sockets(void)
{
    CLEANUP(service_done) struct service s = {};
    struct addr_port was;
    struct addr_port now;

    start(&s);
    CHECK(service_address(&s, "plain", &was));
    listen_elsewhere(&s, "\"127.0.0.1:0\", \"127.0.0.2:0\"");
    CHECK(strncmp(service_ask(&s, "reload"), "generation 2: listen.plain (restarts front)", 42) ==
          0);
    service_ready(&s, ROLE_FRONT);
    CHECK(service_address(&s, "plain", &now));
    CHECK_INT(now.port, was.port); /* chosen by the system, so it can only be the same socket */
    CHECK(strncmp(service_ask(&s, "front"), "front pid=", 10) == 0);
}

/* ---- several at once */

static void signals_during_one_make_one_more(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s);
    for (int i = 0; i < 5; i++)
        CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reloaded ", "");
    service_configure(&s, "validation: {attempts: 8}\n");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.changed ", "now=8");
    service_wait(&s, " serve.reloaded ", "");
    CHECK(strstr(service_ask(&s, "who"), "attempts=8"));
}

static void the_end_comes_first(void)
{
    CLEANUP(service_done) struct service s = {};

    start(&s);
    CHECK(kill(s.pid, SIGHUP) == 0);
    CHECK(kill(s.pid, SIGTERM) == 0);
    CHECK(kill(s.pid, SIGHUP) == 0);
    CHECK_INT(service_end(&s), 0);
}

SERVICE_MAIN(CHECK_TEST_ONCE(a_live_key_reaches_everybody), CHECK_TEST_ONCE(a_signal_does_the_same),
             CHECK_TEST_ONCE(nothing_new_is_no_failure), CHECK_TEST_ONCE(a_mistake_changes_nothing),
             CHECK_TEST_ONCE(a_refused_key_refuses_all),
             CHECK_TEST_ONCE(one_objection_calls_all_off),
             CHECK_TEST_ONCE(who_dies_amid_it_starts_with_the_new),
             CHECK_TEST_ONCE(another_address_restarts_front_alone),
             CHECK_TEST_ONCE(an_address_that_is_taken_refuses_all),
             CHECK_TEST_ONCE(unchanged_addresses_keep_their_sockets),
             CHECK_TEST_ONCE(signals_during_one_make_one_more),
             CHECK_TEST_ONCE(the_end_comes_first))
