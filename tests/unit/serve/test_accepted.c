/* SPDX-License-Identifier: Apache-2.0 */
/* A start with another policy than the one that was accepted. */
#include "service.h"

#include <sys/stat.h>

#include "conf/policy.h"
#include "serve/accepted_int.h"

#define TWO "control: {two_persons: [policy.change], people: [daemon]}\n"

static void start(struct service *s)
{
    service_start(s);
    service_wait(s, " serve.ready ", "");
}

static void stop(struct service *s)
{
    CHECK(kill(s->pid, SIGTERM) == 0);
    CHECK_INT(service_end(s), 0);
}

static bool attempts(struct service *s, const char *n)
{
    return strstr(service_ask(s, "who"), n) != NULL;
}

static void write_accepted(struct service *s, const char *text)
{
    CHECK_OK(
        file_write(s->dir.fd, CONF_POLICY_ACCEPTED, str_of(text), 0600, FILE_OWNER_SELF, NULL));
}

static void without_two_persons_it_is_taken(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    start(&s);
    stop(&s);
    service_configure(&s, "validation: {attempts: 7}\n");
    start(&s);
    CHECK(attempts(&s, "attempts=7"));
}

static void with_two_the_accepted_one_is_served(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    service_configure(&s, TWO "validation: {attempts: 7}\n");
    start(&s);
    stop(&s);
    service_configure(&s, "validation: {attempts: 8}\n"); /* it does not excuse itself */
    service_start(&s);
    service_wait(&s, " serve.policy-not-accepted ", "autarky reload --reason TEXT");
    service_wait(&s, " serve.not-accepted ", "key=validation.attempts accepted=7 files=8");
    service_wait(&s, " serve.not-accepted ", "key=control.two_persons");
    service_wait(&s, " serve.ready ", "");
    CHECK(attempts(&s, "attempts=7"));
    /* These roles have nothing against it: then it is the accepted one. */
    CHECK(strncmp(service_ask(&s, "reload"), "generation 2: ", 14) == 0);
    service_wait(&s, " serve.reloaded ", "generation=2");
    stop(&s);
    service_start(&s);
    service_wait(&s, " serve.ready ", "");
    CHECK(attempts(&s, "attempts=8"));
}

/* What is no policy comes with a start, policy or not. */
static void what_is_no_policy_is_taken(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(buf_done) struct buf kept = BUF_INIT(SERVICE_TEXT);

    service_init(&s);
    service_configure(&s, TWO);
    start(&s);
    stop(&s);
    service_configure(&s, TWO "log: {level: debug}\n");
    start(&s);
    stop(&s);
    CHECK_OK(file_read(s.dir.fd, CONF_POLICY_ACCEPTED, &kept, NULL));
    CHECK(kept.n > 0 && memmem(buf_z(&kept), kept.n, "debug", 5));
}

/* Core decides then; the core of this test has nothing against it. */
static void what_cannot_be_read_is_set_aside(void)
{
    static const char *const broken[] = {
        "", "nonsense\n", "autarky accepted configuration 1\ntwo_persons: maybe\n",
        "autarky accepted configuration 1\ntwo_persons: yes\n",
        "autarky accepted configuration 1\ntwo_persons: yes\nfile: 1 99\na\nb\n"};
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        CLEANUP(buf_done) struct buf aside = BUF_INIT(SERVICE_TEXT), now = BUF_INIT(SERVICE_TEXT);

        write_accepted(&s, broken[i]);
        service_start(&s);
        service_wait(&s, " serve.accepted-unreadable ", "kept_as=configuration.unreadable");
        service_wait(&s, " serve.ready ", "");
        stop(&s);
        CHECK_OK(file_read(s.dir.fd, SERVE_ACCEPTED_ASIDE, &aside, NULL));
        CHECK_STR(buf_str(&aside), broken[i]);
        CHECK_OK(file_read(s.dir.fd, CONF_POLICY_ACCEPTED, &now, NULL));
        CHECK(str_starts(buf_str(&now), STR("autarky accepted configuration 1\n")));
    }
}

/* One that another version of the program wrote, say. */
static void what_cannot_be_loaded_is_no_excuse(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    write_accepted(&s, "autarky accepted configuration 1\ntwo_persons: yes\nfile: 1 14\na\n"
                       "nonsense: {}\n\n\n");
    service_start(&s);
    service_wait(&s, " serve.cannot-start ", "nonsense");
    CHECK(service_end(&s) != 0);
}

static void what_others_may_write_does_not_count(void)
{
    CLEANUP(service_done) struct service s = {};
    struct stat st;

    service_init(&s);
    service_configure(&s, TWO "validation: {attempts: 7}\n");
    start(&s);
    stop(&s);
    CHECK(fchmodat(s.dir.fd, CONF_POLICY_ACCEPTED, 0660, 0) == 0);
    service_start(&s);
    service_wait(&s, " serve.accepted-unreadable ", "others own it or may write it");
    service_wait(&s, " serve.ready ", "");
    stop(&s);
    CHECK(fstatat(s.dir.fd, CONF_POLICY_ACCEPTED, &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0600);
}

/* A write that was killed before its rename leaves the one before, which still counts. */
static void a_write_that_was_killed_changes_nothing(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    service_configure(&s, TWO "validation: {attempts: 7}\n");
    start(&s);
    stop(&s);
    CHECK_OK(file_write(s.dir.fd, FILE_TEMP_PREFIX "0", STR("autarky acc"), 0600, FILE_OWNER_SELF,
                        NULL));
    service_configure(&s, TWO "validation: {attempts: 8}\n");
    start(&s);
    CHECK(attempts(&s, "attempts=7"));
}

static void unless_root_says_so(void)
{
    CLEANUP(service_done) struct service s = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(SERVICE_TEXT);
    const struct conf_policy_override o = {1, STR("uid 0"), STR("INC"),
                                           STR("validation.attempts: 8\n")};

    service_init(&s);
    service_configure(&s, "validation: {attempts: 8}\n");
    write_accepted(&s, "nonsense");
    conf_policy_override_put(&o, &text);
    CHECK_OK(
        file_write(s.dir.fd, CONF_POLICY_OVERRIDE, buf_str(&text), 0600, FILE_OWNER_SELF, NULL));
    start(&s);
    CHECK(attempts(&s, "attempts=8"));
    stop(&s);
    CHECK(faccessat(s.dir.fd, CONF_POLICY_OVERRIDE, F_OK, 0) != 0); /* once */
    service_configure(&s, "validation: {attempts: 9}\n");
    start(&s);
    CHECK(attempts(&s, "attempts=9"));
}

/* Core alone can ask the second person: that it dies, as the stub does for 14, is no grant. */
static void a_core_that_dies_is_no_second_person(void)
{
    CLEANUP(service_done) struct service s = {};

    service_init(&s);
    service_configure(&s, TWO);
    service_start(&s);
    service_wait(&s, " serve.ready ", "");
    service_configure(&s, TWO "validation: {attempts: 14}\n");
    CHECK(kill(s.pid, SIGHUP) == 0);
    service_wait(&s, " serve.reload-refused ", "to ask the second person");
    service_ready(&s, ROLE_CORE);
    CHECK(strstr(service_ask(&s, "who"), "generation=1 attempts=5"));
}

SERVICE_MAIN(CHECK_TEST_ONCE(without_two_persons_it_is_taken),
             CHECK_TEST_ONCE(a_core_that_dies_is_no_second_person),
             CHECK_TEST_ONCE(with_two_the_accepted_one_is_served),
             CHECK_TEST_ONCE(what_is_no_policy_is_taken),
             CHECK_TEST_ONCE(what_cannot_be_read_is_set_aside),
             CHECK_TEST_ONCE(what_cannot_be_loaded_is_no_excuse),
             CHECK_TEST_ONCE(what_others_may_write_does_not_count),
             CHECK_TEST_ONCE(a_write_that_was_killed_changes_nothing),
             CHECK_TEST_ONCE(unless_root_says_so))
