/* SPDX-License-Identifier: Apache-2.0 */
/* When renewals begin, and how many at once: with a clock that the test moves, and a program that
 * stands for `autarky renew`. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "agentd/daemon.h"
#include "agentd/places.h"
#include "agentd/view.h"
#include "base/file.h"
#include "ev/clock.h"
#include "made.h"

enum { TURNS = 2000, LOG_MAX = 64 * 1024, SAID_MAX = 2048 };

struct test {
    struct check_dir dir;
    struct pki pki;
    struct clock_fake clock;
    struct ev *ev;
    struct agentd_conf conf;
    struct agentd *daemon;
    char program[PLACE_PATH], certs[PLACE_PATH];
    const char *dirs[1];
    when_t begin;
    char said[SAID_MAX];
    unsigned warnings;
};

static const char *const no_env[] = {"PATH=/usr/bin:/bin", NULL};

static void test_done(struct test *t)
{
    agentd_free(t->daemon);
    ev_free(t->ev);
    pki_done(&t->pki);
    check_dir_done(&t->dir);
}

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->said, sizeof(t->said), "%s", line);
}

/* A renewal writes its line into `log`, and takes the time of the next one from `due`. */
#define RENEWS                                                                                     \
    "#!/bin/sh\ncd \"${0%/*}\"\n[ \"$3\" = --alone ] && echo \"${2##*/}$4\" >> log\n"              \
    "[ -e fails ] && { echo 'autarky: the server is away' >&2; exit 2; }\n"                        \
    "s=$2/.autarky/state.json\n"                                                                   \
    "sed \"s/\\\"renew_at\\\": *[0-9]*/\\\"renew_at\\\": $(cat due)/\" $s > $s.new\n"              \
    "mv $s.new $s\necho \"$2: renewed\"\n"

static enum rc place(struct test *t, const char *name, const struct agent_state *s)
{
    char path[PLACE_PATH];

    snprintf(path, sizeof(path), "%s/certs/%s", t->dir.path, name);
    return place_make(path, &t->pki, s);
}

static enum rc next_due(struct test *t, when_t due)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)due);
    return file_write(t->dir.fd, "due", str_of(text), 0644, FILE_OWNER_SELF, NULL);
}

static enum rc test_init(struct test *t, const char *script)
{
    check_dir_init(&t->dir);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    t->begin = pki_leaf_in(&t->pki).not_before + WHEN_HOUR;
    clock_fake_init(&t->clock, t->begin);
    TRY(ev_new(&t->clock.clock, &t->ev));
    snprintf(t->program, sizeof(t->program), "%s/renews", t->dir.path);
    snprintf(t->certs, sizeof(t->certs), "%s/certs", t->dir.path);
    TRY(file_write(t->dir.fd, "renews", str_of(script), 0755, FILE_OWNER_SELF, NULL));
    TRY(file_mkdir(t->dir.fd, "certs", 0755, FILE_OWNER_SELF, NULL));
    t->dirs[0] = t->certs;
    t->conf = (struct agentd_conf){.ev = t->ev,
                                   .dirs = t->dirs,
                                   .n_dirs = 1,
                                   .program = t->program,
                                   .env = no_env,
                                   .say = on_said,
                                   .arg = t};
    return RC_OK;
}

/* Until nothing runs, and nothing begins at once. */
static bool settle(struct test *t)
{
    struct agentd_tally tally;

    for (size_t i = 0; i < TURNS; i++) {
        for (size_t k = 0; k < 3; k++)
            ev_run_once(t->ev, EV_NOWAIT);
        agentd_count(t->daemon, &tally);
        if (tally.running == 0)
            return true;
        ev_run_once(t->ev, EV_WAIT);
    }
    return false;
}

static bool go_on(struct test *t, int64_t micros)
{
    clock_fake_advance(&t->clock, micros);
    return settle(t);
}

/* What `log` has had written into it since it was last asked for. */
static const char *log_of(struct test *t)
{
    static char text[LOG_MAX];
    CLEANUP(buf_done) struct buf b = BUF_INIT(LOG_MAX);

    text[0] = '\0';
    if (CHECK_SPARED(file_read(t->dir.fd, "log", &b, NULL)) == RC_OK)
        IGNORE_RC(str_copyz(buf_str(&b), text, sizeof(text)));
    unlinkat(t->dir.fd, "log", 0);
    return text;
}

static void renewed_when_it_is_time(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_HOUR);
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK(go_on(&t, 59 * WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "");
    for (int64_t i = 2; i < 12; i++) {
        CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + i * WHEN_HOUR)));
        CHECK(go_on(&t, 2 * WHEN_MINUTE));
        CHECK_STR(str_of(log_of(&t)), "a\n");
        CHECK(go_on(&t, 58 * WHEN_MINUTE));
        CHECK_STR(str_of(log_of(&t)), "");
    }
    CHECK(strstr(t.said, "/certs/a: renewed"));
    CHECK_INT(t.warnings, 0);
}

/* What one renewal found of the first server, those of the others are told; until another one has
 * had an answer, or it is long ago. */
static void a_silent_server_is_asked_once(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + 5 * WHEN_DAY)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_DAY);
    s.silent = t.begin;
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_MINUTE);
    CHECK_OK(CHECK_SPARED(place(&t, "b", &s)));
    s.plan.server = STR("https://other.example/directory");
    CHECK_OK(CHECK_SPARED(place(&t, "c", &s)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_HOUR);
    CHECK_OK(CHECK_SPARED(place(&t, "d", &s)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK(go_on(&t, 2 * WHEN_MINUTE));
    CHECK(strstr(log_of(&t), "b--first-silent\n"));
    CHECK(go_on(&t, WHEN_HOUR));
    CHECK_STR(str_of(log_of(&t)), "d\n");
}

static void an_answer_ends_the_silence(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + 5 * WHEN_DAY)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_DAY);
    s.silent = t.begin - WHEN_MINUTE;
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    s.silent = 0;
    s.issued = t.begin;
    CHECK_OK(CHECK_SPARED(place(&t, "b", &s)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_MINUTE);
    CHECK_OK(CHECK_SPARED(place(&t, "c", &s)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK(go_on(&t, 2 * WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "c\n");
}

static void tried_again_with_pauses(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agentd_tally tally;
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    CHECK_OK(CHECK_SPARED(file_write(t.dir.fd, "fails", STR(""), 0644, FILE_OWNER_SELF, NULL)));
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + 5 * WHEN_DAY)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK_STR(str_of(t.said), "the server is away");
    CHECK_INT(t.warnings, 1);
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.failing, 1);
    /* A minute, give or take a quarter; then two. */
    CHECK(go_on(&t, 44 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK(go_on(&t, 32 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK(go_on(&t, 88 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK(go_on(&t, 64 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    /* Who has mended it says so. */
    CHECK(unlinkat(t.dir.fd, "fails", 0) == 0);
    CHECK(go_on(&t, WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "");
    agentd_look(t.daemon);
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.failing, 0);
    CHECK_INT(tally.next, t.begin + 5 * WHEN_DAY);
}

/* As `autarky renew` does where a server has the order: it fails, and has noted since when. */
#define WAITS                                                                                      \
    "#!/bin/sh\ncd \"${0%/*}\"\necho \"${2##*/}$4\" >> log\n"                                      \
    "s=$2/.autarky/state.json\n"                                                                   \
    "grep -q undecided_since $s || { sed \"s/\\\"version\\\"/\\\"undecided_since\\\": $(cat "      \
    "due), "                                                                                       \
    "&/\" $s > $s.new && mv $s.new $s; }\n"                                                        \
    "echo 'autarky: the server has not decided yet' >&2\nexit 75\n"

/* Persons are not hurried: after five minutes, then after a quarter of the time it has had, up to
 * an hour; and nothing is said to fail. */
static void looked_at_while_persons_decide(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agentd_tally tally;
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, WAITS)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    for (size_t i = 0; i < 3; i++) {
        CHECK(go_on(&t, 299 * WHEN_SECOND));
        CHECK_STR(str_of(log_of(&t)), "");
        CHECK(go_on(&t, WHEN_SECOND));
        CHECK_STR(str_of(log_of(&t)), "a\n");
    }
    CHECK(go_on(&t, WHEN_HOUR));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK(go_on(&t, 18 * WHEN_MINUTE)); /* of 75 minutes a quarter is less than 19 */
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK(go_on(&t, WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK(go_on(&t, WHEN_DAY));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK(go_on(&t, 59 * WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK(go_on(&t, WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "a\n");
    CHECK_INT(t.warnings, 0);
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.failing, 0);
}

/* Not at once again, although there is still something to do. */
static void never_a_storm(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, "#!/bin/sh\necho x >> \"${0%/*}/log\"\n")));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "x\n");
    CHECK(go_on(&t, 59 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK(go_on(&t, 2 * WHEN_SECOND));
    CHECK_STR(str_of(log_of(&t)), "x\n");
}

static void what_is_added_and_removed(void)
{
    CLEANUP(test_done) struct test t = {};
    char path[2 * PLACE_PATH];
    struct agentd_tally tally;
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + 5 * WHEN_DAY)));
    CHECK_OK(CHECK_SPARED(place(&t, "new", &s)));
    CHECK(go_on(&t, WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "new\n");
    /* A state that somebody else has written. */
    s.renewal.due = t.begin + WHEN_HOUR;
    CHECK_OK(CHECK_SPARED(place(&t, "new", &s)));
    CHECK(go_on(&t, WHEN_MINUTE));
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.next, t.begin + WHEN_HOUR);
    snprintf(path, sizeof(path), "%s/new/.autarky/state.json", t.dirs[0]);
    CHECK(unlink(path) == 0);
    CHECK(go_on(&t, WHEN_MINUTE));
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.certs, 0);
    CHECK_INT(t.warnings, 0);
}

/* Each once, due or not, and whatever pause one is in. */
static void all_of_them_now(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin + WHEN_DAY);
    CHECK_OK(CHECK_SPARED(place(&t, "a", &s)));
    CHECK_OK(CHECK_SPARED(next_due(&t, t.begin + 5 * WHEN_DAY)));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "");
    for (int i = 0; i < 2; i++) {
        agentd_renew_all(t.daemon);
        CHECK(settle(&t));
        CHECK_STR(str_of(log_of(&t)), "a--force\n");
    }
    CHECK(go_on(&t, WHEN_HOUR));
    CHECK_STR(str_of(log_of(&t)), "");
}

#define SLOW                                                                                       \
    "#!/bin/sh\ncd \"${0%/*}\"\nmkdir busy/${2##*/}\nls busy | wc -l >> log\n"                     \
    "sleep 0.2\nrmdir busy/${2##*/}\n"

struct crowd {
    enum agent_way way;
    bool same, apart; /* one hook for all; of a name each */
    long most;
};

static long most_at_once(struct test *t, const struct crowd *crowd)
{
    struct str lines, line;
    long most = 0;

    for (int i = 0; i < 6; i++) {
        char name[16], value[24];
        struct agent_state s;
        struct str own, *dns = &own;

        snprintf(name, sizeof(name), "c%d", i);
        snprintf(value, sizeof(value), "/srv/%d", crowd->same ? 0 : i);
        s = place_state(crowd->way, value, t->begin - 1);
        s.plan.challenge = STR("dns-01");
        own = str_of(name);
        if (crowd->apart)
            s.plan.dns = dns;
        if (place(t, name, &s) != RC_OK)
            return -1;
    }
    if (file_mkdir(t->dir.fd, "busy", 0755, FILE_OWNER_SELF, NULL) != RC_OK ||
        agentd_new(&t->conf, &t->daemon, NULL) != RC_OK || !settle(t))
        return -1;
    lines = str_of(log_of(t));
    for (int n = 0; str_next(&lines, '\n', &line) && line.n; n++) {
        uint64_t v = 0;

        if (str_u64(str_trim(line), 100, &v) != RC_OK)
            return -1;
        most = (long)v > most ? (long)v : most;
    }
    return most;
}

/* Listeners want the same port, hooks may be for one at a time, and so may a record be. */
static void how_many_at_once(void)
{
    static const struct crowd cases[] = {
        {AGENT_WEBROOT, true, false, AGENTD_AT_ONCE}, {AGENT_HTTP_LISTEN, false, true, 1},
        {AGENT_ALPN_LISTEN, false, true, 1},          {AGENT_HOOK, true, true, 1},
        {AGENT_HOOK, false, true, AGENTD_AT_ONCE},    {AGENT_HOOK, false, false, 1},
        {AGENT_DNS, true, true, AGENTD_AT_ONCE},      {AGENT_DNS, false, false, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(test_init(&t, SLOW));
        CHECK_INT(most_at_once(&t, &cases[i]), cases[i].most);
    }
}

static void one_for_a_directory(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agentd *second = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t, RENEWS)));
    CHECK(!agentd_runs(t.dirs[0]));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(agentd_runs(t.dirs[0]));
    CHECK_RC(agentd_new(&t.conf, &second, &err), RC_AGAIN);
    CHECK_STR(str_of(err.msg->code), "agentd.directory-kept");
    agentd_free(MOVE(t.daemon));
    CHECK(!agentd_runs(t.dirs[0]));
    t.conf.dirs = (const char *const[]){"/nowhere/at/all"};
    CHECK_RC(agentd_new(&t.conf, &second, NULL), RC_NOTFOUND);
}

static bool waits_for(struct test *t, const char *name)
{
    for (size_t i = 0; i < TURNS && faccessat(t->dir.fd, name, F_OK, 0) != 0; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        usleep(1000);
    }
    return faccessat(t->dir.fd, name, F_OK, 0) == 0;
}

#define ENDS_IF_ASKED                                                                              \
    "#!/bin/sh\ncd \"${0%/*}\"\ntrap 'echo asked >> log; exit 2' TERM\n"                           \
    "echo $$ > started\nfor i in 1 2 3 4 5 6 7 8 9 0; do sleep 0.1; done\nsleep 60\n"

static void ends_when_it_is_asked(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(test_init(&t, ENDS_IF_ASKED));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(place(&t, "a", &s));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(waits_for(&t, "started"));
    agentd_end(t.daemon);
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "asked\n");
    /* And begins nothing any more. */
    agentd_look(t.daemon);
    CHECK(go_on(&t, WHEN_DAY));
    CHECK_STR(str_of(log_of(&t)), "");
}

#define FAILS_WHEN_TOLD                                                                            \
    "#!/bin/sh\ncd \"${0%/*}\"\necho begun >> log\n[ -e started ] && exit 0\necho $$ > started\n"  \
    "i=0; while [ ! -e go ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i + 1)); done\nexit 2\n"

/* Who has mended something while a renewal was failing need not say so again. */
static void looked_at_while_it_renews(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agent_state s;

    CHECK_OK(test_init(&t, FAILS_WHEN_TOLD));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(place(&t, "a", &s));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(waits_for(&t, "started"));
    agentd_look(t.daemon);
    CHECK_OK(file_write(t.dir.fd, "go", STR(""), 0644, FILE_OWNER_SELF, NULL));
    CHECK(settle(&t));
    CHECK_STR(str_of(log_of(&t)), "begun\nbegun\n");
}

/* What is under way does not outlive it. */
static void freed_while_it_renews(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf pid = BUF_INIT(64);
    struct agent_state s;
    uint64_t number = 0;

    CHECK_OK(test_init(&t, ENDS_IF_ASKED));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(place(&t, "a", &s));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(waits_for(&t, "started"));
    while (pid.n == 0)
        CHECK_OK(file_read(t.dir.fd, "started", &pid, NULL));
    CHECK_OK(str_u64(str_trim(buf_str(&pid)), INT32_MAX, &number));
    agentd_free(MOVE(t.daemon));
    CHECK(kill((pid_t)number, 0) != 0);
}

static void what_cannot_be_read(void)
{
    CLEANUP(test_done) struct test t = {};
    struct agentd_tally tally;
    char path[2 * PLACE_PATH];
    struct agent_state s;

    CHECK_OK(test_init(&t, RENEWS));
    s = place_state(AGENT_WEBROOT, "/srv", t.begin - 1);
    CHECK_OK(place(&t, "a", &s));
    snprintf(path, sizeof(path), "%s/a/.autarky/state.json", t.dirs[0]);
    CHECK_OK(file_write(AT_FDCWD, path, STR("{"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(agentd_new(&t.conf, &t.daemon, NULL));
    CHECK(settle(&t));
    agentd_count(t.daemon, &tally);
    CHECK_INT(tally.failing, 1);
    CHECK_INT(t.warnings, 1);
    CHECK(go_on(&t, 30 * WHEN_MINUTE));
    CHECK_STR(str_of(log_of(&t)), "");
    CHECK_INT(t.warnings, 1);
}

CHECK_MAIN(CHECK_TEST(renewed_when_it_is_time), CHECK_TEST(a_silent_server_is_asked_once),
           CHECK_TEST(an_answer_ends_the_silence), CHECK_TEST(tried_again_with_pauses),
           CHECK_TEST(looked_at_while_persons_decide), CHECK_TEST(never_a_storm),
           CHECK_TEST(what_is_added_and_removed), CHECK_TEST(all_of_them_now),
           CHECK_TEST_ONCE(how_many_at_once), CHECK_TEST(one_for_a_directory),
           CHECK_TEST_ONCE(ends_when_it_is_asked), CHECK_TEST_ONCE(looked_at_while_it_renews),
           CHECK_TEST_ONCE(freed_while_it_renews), CHECK_TEST_ONCE(what_cannot_be_read))
