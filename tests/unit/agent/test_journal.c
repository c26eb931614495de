/* SPDX-License-Identifier: Apache-2.0 */
/* What a job has changed outside stays to be told: numbers grow, lines are whole or passed over,
 * the newest stay. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ev/ev.h"

enum { PATH = 160 };
#define JOURNAL "wiki/.autarky/journal"
#define BEGIN INT64_C(1'790'000'000'000'000)

struct test {
    struct check_dir dir;
    struct clock_fake clock;
    struct agent_world w;
    struct agent_place place;
    char path[PATH];
    unsigned warned;
    /* of a reading */
    size_t n, most;
    uint64_t first, last;
    char text[1024];
};

static void on_said(void *arg, bool warn, const char *)
{
    struct test *t = arg;

    t->warned += warn;
}

static void test_done(struct test *t)
{
    agent_journal_free(t->w.journal);
    agent_place_done(&t->place);
    ev_free(t->w.ev);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    t->place = AGENT_PLACE_INIT;
    t->most = SIZE_MAX;
    check_dir_init(&t->dir);
    clock_fake_init(&t->clock, BEGIN);
    TRY(ev_new(&t->clock.clock, &t->w.ev));
    t->w.say = on_said;
    t->w.arg = t;
    (void)snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    return agent_place_open(t->path, true, &t->place, NULL);
}

static bool see(void *arg, const struct agent_note *note)
{
    struct test *t = arg;

    if (t->n++ == 0)
        t->first = note->n;
    t->last = note->n;
    (void)snprintf(t->text, sizeof(t->text), "%s %.*s (%.*s) %.*s", agent_change_name(note->what),
                   STR_ARG(note->subject), STR_ARG(note->by), STR_ARG(note->why));
    return t->n < t->most;
}

static size_t count(struct test *t, uint64_t after)
{
    t->n = 0;
    return CHECK_SPARED(agent_journal_each(&t->place, after, see, t)) == RC_OK ? t->n : SIZE_MAX;
}

static enum rc reopen(struct test *t)
{
    agent_journal_free(t->w.journal);
    t->w.journal = NULL;
    return agent_journal_open(&t->place, &t->w.journal, NULL);
}

static void noted_and_read(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct err why = {.rc = RC_DENIED};

    CHECK_OK(test_init(&t));
    CHECK_INT(count(&t, 0), 0);
    CHECK_INT(agent_journal_last(&t.place), 0);
    agent_note(&t.w, AGENT_INSTALLED, STR("x"), STR(""), NULL); /* nobody keeps one */
    CHECK_OK(reopen(&t));
    agent_note(&t.w, AGENT_RECORD_ADDED, STR("_acme-challenge.x"), STR("hook /h"), NULL);
    if (t.warned) /* no memory for the line */
        return;
    CHECK_INT(count(&t, 0), 1);
    CHECK_STR(str_of(t.text), "record-added _acme-challenge.x (hook /h) ");
    CHECK_INT(t.last, BEGIN);
    agent_note(&t.w, AGENT_RELOADED, STR("a\xff\nb"), STR(""), &why);
    if (t.warned)
        return;
    CHECK_INT(count(&t, (uint64_t)BEGIN), 1);
    CHECK_STR(str_of(t.text), "reloaded a? b () refused");
    CHECK_INT(t.last, BEGIN + 1); /* the clock stood still */
    CHECK_INT(agent_journal_last(&t.place), BEGIN + 1);
}

static void numbers_grow(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(reopen(&t));
    agent_note(&t.w, AGENT_INSTALLED, STR("1"), STR(""), NULL);
    clock_fake_set(&t.clock, BEGIN - WHEN_DAY);
    CHECK_OK(reopen(&t));
    agent_note(&t.w, AGENT_RESTORED, STR("2"), STR(""), NULL);
    CHECK_INT(count(&t, 0), 2);
    CHECK_INT(t.first, BEGIN);
    CHECK_INT(t.last, BEGIN + 1);
    t.most = 1;
    CHECK_INT(count(&t, 0), 1);
    CHECK_INT(agent_journal_told(&t.place, STR("me")), 0);
    CHECK_OK(agent_journal_tell(&t.place, STR("me"), BEGIN + 7, NULL));
    CHECK_INT(agent_journal_told(&t.place, STR("me")), BEGIN + 7);
    CHECK_INT(agent_journal_told(&t.place, STR("you")), 0);
    CHECK_INT(unlinkat(t.dir.fd, JOURNAL, 0), 0);
    CHECK_OK(reopen(&t)); /* it is lost, and the clock is behind */
    agent_note(&t.w, AGENT_RESTORED, STR("3"), STR(""), NULL);
    t.most = SIZE_MAX;
    CHECK_INT(count(&t, BEGIN + 7), 1);
    CHECK_INT(t.last, BEGIN + 8);
}

/* A power cut in the middle of a line, and what a person wrote there. */
static void torn_lines(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(file_write(t.dir.fd, JOURNAL,
                        STR("hello\n{\"n\":5,\"at\":\"2026-11-29T03:00:00Z\",\"what\":\"else\"}\n"
                            "{\"n\":6,\"at\":\"2026-11-29T03:00:00Z\",\"what\":\"installed\"}\n"
                            "{\"n\":-1,\"at\":\"2026-11-29T03:00:00Z\",\"what\":\"installed\"}\n"
                            "{\"n\":7,\"at\":\"2026-11"),
                        0600, FILE_OWNER_SELF, NULL));
    CHECK_INT(count(&t, 0), 1);
    CHECK_INT(t.last, 6);
    CHECK_INT(agent_journal_last(&t.place), 6);
    CHECK_OK(reopen(&t));
    agent_note(&t.w, AGENT_INSTALLED, STR("x"), STR(""), NULL);
    CHECK_INT(count(&t, 6), 1);
    CHECK_INT(t.last, BEGIN);
}

static void the_newest_stay(void)
{
    CLEANUP(test_done) struct test t = {};
    enum { NOTES = 1200 };
    size_t before;
    uint64_t last;

    CHECK_OK(test_init(&t));
    CHECK_OK(reopen(&t));
    for (size_t i = 0; i < NOTES; i++)
        agent_note(&t.w, AGENT_RECORD_ADDED, STR("_acme-challenge.wiki.hospital.example"),
                   STR("dynamic update, 10.0.0.53:53"), NULL);
    before = count(&t, 0);
    last = t.last;
    CHECK_INT(before, NOTES);
    CHECK_OK(reopen(&t));
    CHECK(count(&t, 0) < NOTES / 2);
    CHECK(t.n > 100);
    CHECK_INT(t.last, last);
    before = t.n;
    CHECK_OK(reopen(&t)); /* and no more is taken away until there is as much again */
    CHECK_INT(count(&t, 0), before);
}

static void what_cannot_be_written(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_INT(mkdirat(t.dir.fd, JOURNAL, 0700), 0);
    CHECK_RC(agent_journal_open(&t.place, &t.w.journal, &err), RC_IO);
    CHECK(err.msg && strcmp(err.msg->code, "agent.journal") == 0);
    CHECK_INT(agent_journal_last(&t.place), 0);
    CHECK_INT(unlinkat(t.dir.fd, JOURNAL, AT_REMOVEDIR), 0);
    CHECK_OK(symlinkat("/etc/passwd", t.dir.fd, JOURNAL) == 0 ? RC_OK : RC_IO);
    CHECK_RC(agent_journal_open(&t.place, &t.w.journal, NULL), RC_IO);
}

CHECK_MAIN(CHECK_TEST(noted_and_read), CHECK_TEST_ONCE(numbers_grow), CHECK_TEST_ONCE(torn_lines),
           CHECK_TEST_ONCE(the_newest_stay), CHECK_TEST_ONCE(what_cannot_be_written))
