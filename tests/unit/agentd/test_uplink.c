/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reports, which the server has to take whatever this host calls its directories; and
 * what it does when it is asked to renew. */
/* NOLINTNEXTLINE(bugprone-suspicious-include): what it says is made by its own functions */
#include "agentd/uplink.c"

#include "check.h"

#include <stdio.h>
#include <string.h>

#include "agent/journal.h"
#include "api/agent_report.h"
#include "made.h"

struct test {
    struct check_dir dir;
    struct pki pki;
    struct clock_fake clock;
    struct agentd_conf conf;
    char certs[PLACE_PATH];
    const char *dirs[1];
    struct agent_world w;
    struct agentd_uplink u;
    unsigned said, warned;
    when_t next; /* of the last that was seen */
};

static const char *const no_env[] = {NULL};

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    (void)line;
    t->said++;
    t->warned += warn;
}

static void test_done(struct test *t)
{
    agentd_free(t->u.a);
    agentd_batch_done(&t->u.changes);
    agentd_home_done(&t->u.home);
    ev_free(t->conf.ev);
    pki_done(&t->pki);
    check_dir_done(&t->dir);
}

static enum rc place(struct test *t, const char *name)
{
    struct agent_state s =
        place_state(AGENT_WEBROOT, "/srv", clock_now(&t->clock.clock) + WHEN_DAY);
    char path[2 * PLACE_PATH];

    s.why = STR("a hook said \x1b[2J and \xff");
    snprintf(path, sizeof(path), "%s/%s", t->certs, name);
    return place_make(path, &t->pki, &s);
}

static enum rc test_init(struct test *t)
{
    check_dir_init(&t->dir);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    clock_fake_init(&t->clock, pki_leaf_in(&t->pki).not_before + WHEN_HOUR);
    TRY(ev_new(&t->clock.clock, &t->conf.ev));
    snprintf(t->certs, sizeof(t->certs), "%s/certs", t->dir.path);
    TRY(file_mkdir(t->dir.fd, "certs", 0755, FILE_OWNER_SELF, NULL));
    t->dirs[0] = t->certs;
    t->conf.dirs = t->dirs;
    t->conf.n_dirs = 1;
    t->conf.program = "/bin/false";
    t->conf.env = no_env;
    t->conf.say = on_said;
    t->conf.arg = t;
    t->w = (struct agent_world){.ev = t->conf.ev, .say = on_said, .arg = t};
    t->u.w = &t->w;
    agentd_batch_init(&t->u.changes, t->u.home.id);
    return RC_OK;
}

static enum rc begin(struct test *t)
{
    char path[2 * PLACE_PATH];

    TRY(agentd_new(&t->conf, &t->u.a, NULL));
    snprintf(path, sizeof(path), "%s/home", t->dir.path);
    TRY(agentd_home_open(path, true, &t->u.home, NULL));
    t->u.home.server = STR("https://ca.example:8555");
    t->u.home.id = t->u.home.name = STR("web1");
    return RC_OK;
}

static bool has(const struct buf *b, const char *words)
{
    return memmem(b->p, b->n, words, strlen(words)) != NULL;
}

static void the_server_takes_it(void)
{
    CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENTD_REPORT_MAX), kept = BUF_INIT(128 * 1024);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct agentd_report_head head;
    struct api_report r;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(place(&t, "a")));
    CHECK_OK(CHECK_SPARED(place(&t, "b\xff\x1b[2J\xc2\x9b")));
    CHECK_OK(begin(&t));
    head = (struct agentd_report_head){now(&t.u), now(&t.u), &t.u.home};
    CHECK_OK(agentd_report_put(t.u.a, &head, &t.u.changes, &text));
    CHECK_OK(api_report_read(&a, buf_str(&text), &r, &kept, NULL));
    CHECK_INT(r.summary.certificates, 2);
    CHECK_INT(r.at, now(&t.u));
    CHECK(has(&kept, "/certs/b? [2J \""));
    CHECK(has(&kept, "\"more\":0"));
}

/* A window that is not open at `now`, and will be. */
static enum rc window_after(when_t now, char out[static 32])
{
    struct when_civil c;

    TRY(when_to_civil(now, &c));
    snprintf(out, 32, "%02d:00-%02d:00 UTC", (c.hour + 2) % 24, (c.hour + 3) % 24);
    return RC_OK;
}

/* One that waits for its window is in no trouble; one that failed there is. */
static void one_that_waits(void)
{
    for (unsigned failures = 0; failures < 2; failures++) {
        CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};
        CLEANUP(buf_done)
        struct buf text = BUF_INIT(AGENTD_REPORT_MAX), kept = BUF_INIT(128 * 1024);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct agentd_report_head head;
        struct agentd_tally tally;
        struct agent_state s;
        struct api_report r;
        char path[2 * PLACE_PATH], window[32];

        CHECK_OK(CHECK_SPARED(test_init(&t)));
        CHECK_OK(CHECK_SPARED(window_after(now(&t.u), window)));
        s = place_state(AGENT_WEBROOT, "/srv", now(&t.u) + WHEN_DAY);
        s.plan.reload_window = str_of(window);
        s.pending = 2;
        s.pending_latest = now(&t.u) + 5 * WHEN_DAY;
        s.outside = now(&t.u) - WHEN_DAY;
        s.failures = failures;
        snprintf(path, sizeof(path), "%s/a", t.certs);
        CHECK_OK(CHECK_SPARED(place_make(path, &t.pki, &s)));
        CHECK_OK(begin(&t));
        head = (struct agentd_report_head){now(&t.u), now(&t.u), &t.u.home};
        CHECK_OK(agentd_report_put(t.u.a, &head, &t.u.changes, &text));
        CHECK_OK(api_report_read(&a, buf_str(&text), &r, &kept, NULL));
        CHECK_INT(r.summary.unproven, failures);
        CHECK_INT(r.summary.failing, failures);
        CHECK(has(&kept, "\"window\":\"") == (failures == 0));
        CHECK(has(&kept, "\"outside\":\""));
        agentd_count(t.u.a, &tally);
        CHECK_INT(tally.waiting, failures == 0);
        CHECK(failures || tally.next > now(&t.u));
    }
}

static enum rc note(struct test *t, const char *name, size_t n)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    CLEANUP(agent_journal_freep) struct agent_journal *j = NULL;
    struct agent_world w = t->w;
    char path[2 * PLACE_PATH];

    (void)snprintf(path, sizeof(path), "%s/%s", t->certs, name);
    TRY(agent_place_open(path, true, &p, NULL));
    TRY(agent_journal_open(&p, &j, NULL));
    w.journal = j;
    for (size_t i = 0; i < n; i++)
        agent_note(&w, AGENT_RELOADED, STR("unit:nginx.service"), STR(""), NULL);
    return t->warned ? RC_NOMEM : RC_OK;
}

/* A report as it is sent now: how many changes the server reads in it. */
static size_t changes_told(struct test *t)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENTD_REPORT_MAX), kept = BUF_INIT(128 * 1024);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct agentd_report_head head = {now(&t->u), now(&t->u), &t->u.home};
    struct api_report r = {};

    agentd_batch_done(&t->u.changes);
    agentd_batch_init(&t->u.changes, t->u.home.id);
    if (agentd_report_put(t->u.a, &head, &t->u.changes, &text) != RC_OK ||
        api_report_read(&a, buf_str(&text), &r, &kept, NULL) != RC_OK)
        return SIZE_MAX;
    return r.n_changes;
}

/* Each change is told until the server has said that it knows, and then no more. */
static void changes(void)
{
    CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};

    CHECK_OK(test_init(&t));
    CHECK_OK(place(&t, "a"));
    CHECK_OK(place(&t, "b"));
    CHECK_OK(note(&t, "a", 3));
    CHECK_OK(note(&t, "b", 40));
    CHECK_OK(begin(&t));
    CHECK_INT(changes_told(&t), AGENTD_CHANGES);
    CHECK(t.u.changes.more);
    CHECK_INT(changes_told(&t), AGENTD_CHANGES); /* the answer was lost */
    agentd_batch_told(&t.u.changes, &t.w);
    CHECK_INT(changes_told(&t), 43 - AGENTD_CHANGES);
    CHECK(!t.u.changes.more);
    agentd_batch_told(&t.u.changes, &t.w);
    CHECK_INT(changes_told(&t), 0);
    CHECK_OK(note(&t, "a", 1));
    CHECK_INT(changes_told(&t), 1);
    agentd_batch_told(&t.u.changes, &t.w);
    t.u.home.id = STR("another"); /* enrolled anew: that server knows nothing */
    CHECK_INT(changes_told(&t), AGENTD_CHANGES);
    CHECK_INT(t.warned, 0);
}

static void see(void *arg, const struct agentd_seen *s)
{
    struct test *t = arg;

    t->next = s->next;
}

/* Whether it is about to renew. */
static bool renews(struct test *t)
{
    agentd_each(t->u.a, see, t);
    return t->next == 0;
}

static enum rc says(struct test *t, const char *text)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;

    TRY(json_parse(str_of(text), 4096, &doc, NULL));
    return obey(&t->u, doc, &err);
}

static void asked_to_renew(void)
{
    CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};
    int dir;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(place(&t, "a")));
    CHECK_OK(begin(&t));
    /* One that may not be told so says that it was. */
    CHECK_OK(says(&t, "{\"renew\":7}"));
    CHECK_INT(t.u.home.heard, 7);
    CHECK_INT(t.warned, 1);
    CHECK(!renews(&t));
    t.u.home.renews = true;
    CHECK_OK(says(&t, "{\"renew\":7}"));
    CHECK(!renews(&t));
    /* What is not on the disk was not heard. */
    dir = t.u.home.dir;
    t.u.home.dir = -1;
    CHECK(says(&t, "{\"renew\":8}") != RC_OK);
    t.u.home.dir = dir;
    CHECK_INT(t.u.home.heard, 7);
    CHECK(!renews(&t));
    CHECK_OK(says(&t, "{\"renew\":8}"));
    CHECK_INT(t.u.home.heard, 8);
    CHECK(renews(&t));
    /* Not again and again, whatever the server says. */
    CHECK_OK(says(&t, "{\"renew\":9}"));
    CHECK_INT(t.u.home.heard, 8);
    clock_fake_advance(&t.clock, AGENTD_WISH_PAUSE);
    CHECK_OK(says(&t, "{\"renew\":9}"));
    CHECK_INT(t.u.home.heard, 9);
    CHECK_INT(t.said, 3);
}

/* A thousand that are sent away at once do not come back at once, and not before the time. */
static void comes_when_it_may(void)
{
    CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};
    struct client_answer answer = {.status = 503};
    static const struct {
        const char *retry_after;
        int64_t least, most;
    } cases[] = {
        {"", AGENTD_REPORT_EVERY / 2, AGENTD_REPORT_EVERY / 2 * 3},
        {"nonsense", AGENTD_REPORT_EVERY / 2, AGENTD_REPORT_EVERY / 2 * 3},
        {"5", AGENTD_REPORT_EVERY / 2, AGENTD_REPORT_EVERY / 2 * 3},
        {"900", 15 * WHEN_MINUTE, 15 * WHEN_MINUTE + AGENTD_REPORT_EVERY},
        {"9000", AGENTD_REPORT_MOST, AGENTD_REPORT_MOST + AGENTD_REPORT_EVERY},
    };

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t first = INT64_MAX, last = 0;

        answer.retry_after = str_of(cases[i].retry_after);
        heed(&t.u, &answer);
        for (int k = 0; k < 1000; k++) {
            int64_t pause = pause_of(&t.u, AGENTD_REPORT_EVERY);

            first = pause < first ? pause : first;
            last = pause > last ? pause : last;
        }
        CHECK(first >= cases[i].least && last <= cases[i].most);
        CHECK(last - first > AGENTD_REPORT_EVERY / 2);
    }
    answer.rc = RC_NET;
    heed(&t.u, &answer);
    CHECK_INT(t.u.retry_at, 0);
}

/* Nothing else that a server may say has any meaning. */
static void told_other_things(void)
{
    static const char *const words[] = {
        "{}",
        "[]",
        "{\"renew\":0}",
        "{\"renew\":-1}",
        "{\"renew\":1.5}",
        "{\"renew\":\"9\"}",
        "{\"renew\":true}",
        "{\"renew\":{\"n\":9}}",
        "{\"run\":\"/bin/sh\",\"server\":\"https://x\",\"remove\":1}"};
    CLEANUP(test_done) struct test t = {.u.home = AGENTD_HOME_INIT};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(place(&t, "a")));
    CHECK_OK(begin(&t));
    t.u.home.renews = true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CHECK_OK(says(&t, words[i]));
        CHECK(!renews(&t));
        CHECK_INT(t.u.home.heard, 0);
    }
    CHECK_STR(t.u.home.server, "https://ca.example:8555");
    CHECK_INT(t.said, 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(changes), CHECK_TEST_ONCE(comes_when_it_may),
           CHECK_TEST_ONCE(the_server_takes_it), CHECK_TEST_ONCE(one_that_waits),
           CHECK_TEST_ONCE(asked_to_renew), CHECK_TEST_ONCE(told_other_things))
