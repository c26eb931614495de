/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that set records, real ones, beside a keeper that this test plays. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/load.h"
#include "ev/clock.h"
#include "ipc/public_messages.h"
#include "log/log.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "runner/runner_int.h"

enum { TURNS = 100'000, LOG_MAX = 16 * 1024, SECONDS = 5 };

#define NOW (20'000 * WHEN_DAY)
#define A "a.hospital.example"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define PRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define PROOF TOKEN "." PRINT

struct world {
    struct role_child child; /* its env is the runner's */
    struct clock_fake clock;
    const struct conf *conf;
    struct ipc_chan *runner, *keeper;
    struct check_dir dir;
    struct buf log;
    char program[300];
};

struct answer {
    struct ipc_call *call;
    bool done;
    enum rc rc;
    char said[2048];
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static struct runner *runner_of(struct world *w)
{
    return w->child.env.state;
}

static void keeper_comes(struct world *w)
{
    const struct ipc_chan_conf runner = {.self = ROLE_RUNNER,
                                         .peer = ROLE_KEEPER,
                                         .handlers = role_runner.handlers,
                                         .n_handlers = role_runner.n_handlers,
                                         .on_close = on_close,
                                         .arg = &w->child.env};
    const struct ipc_chan_conf keeper = {
        .self = ROLE_KEEPER, .peer = ROLE_RUNNER, .on_close = on_close};
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[0], &runner, &w->runner));
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[1], &keeper, &w->keeper));
    role_runner.peer(&w->child.env, ROLE_KEEPER, w->runner);
}

static void keeper_dies(struct world *w)
{
    ipc_chan_free(MOVE(w->keeper));
    ipc_chan_free(MOVE(w->runner));
    role_runner.peer(&w->child.env, ROLE_KEEPER, NULL);
}

static void load(struct world *w)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;
    char text[2048];

    snprintf(text, sizeof(text),
             "organization: Example Hospital\ndomain: hospital.example\ngateway:\n"
             "  directories: [{url: \"https://ca.example/dir\", agree_terms: true}]\n"
             "  hooks:\n"
             "  - {name: ours, style: lego, user: nobody, timeout: 5s, command: [\"%s\", first], "
             "environment: \"%s/env\"}\n"
             "  - {name: broken, style: lego, user: nobody, command: [\"%s\"], environment: "
             "/nonexistent/env}\n"
             "  sites:\n"
             "  - {name: " A ", backends: [\"http://127.0.0.1:1\"], directory: "
             "\"https://ca.example/dir\", challenge: dns-01, dns: ours}\n"
             "  - {name: broken.hospital.example, backends: [\"http://127.0.0.1:1\"], directory: "
             "\"https://ca.example/dir\", challenge: dns-01, dns: broken}\n"
             "  - {name: b.hospital.example, backends: [\"http://127.0.0.1:1\"]}\n",
             w->program, w->dir.path, w->program);
    conf_input_init(&in);
    conf_report_init(&report);
    CHECK_OK(conf_input_add(&in, STR("test.yaml"), str_of(text)));
    CHECK_OK(conf_load(&in, &w->conf, &report));
    conf_input_done(&in);
    w->child.env.conf = w->conf;
}

static void world_init(struct world *w)
{
    const struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    buf_init(&w->log, LOG_MAX);
    CHECK(chmod(w->dir.path, 0755) == 0);
    snprintf(w->program, sizeof(w->program), "%s/program", w->dir.path);
    CHECK_OK(file_write(w->dir.fd, "env", STR("# ours\n\nPASSWORD=s e c\n"), 0600, FILE_OWNER_SELF,
                        NULL));
    load(w);
    clock_fake_init(&w->clock, NOW);
    list_init(&w->child.links);
    w->child.env.clock = &w->clock.clock;
    w->child.env.unprivileged = true;
    CHECK_OK(ev_new(&w->clock.clock, &w->child.env.ev));
    ev_timer_init(&w->child.leave, w->child.env.ev, NULL, NULL);
    CHECK_OK(role_runner.open(&w->child.env, NULL));
    CHECK_OK(role_runner.start(&w->child.env, NULL));
    keeper_comes(w);
}

static void world_done(struct world *w)
{
    ipc_chan_free(w->keeper);
    ipc_chan_free(w->runner);
    role_runner.close(&w->child.env);
    ev_timer_stop(&w->child.leave);
    ev_free(w->child.env.ev);
    conf_unref(w->conf);
    buf_done(&w->log);
    check_dir_done(&w->dir);
}

#define WORLD(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    world_init(&w)

/* The hook is now that; each call of it is a line of `log`: its words. */
static void program(struct world *w, const char *lines)
{
    char text[1024];

    snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s'\necho \"$*\" >>log\n%s\n", w->dir.path, lines);
    CHECK_OK(file_write(AT_FDCWD, w->program, str_of(text), 0755, FILE_OWNER_SELF, NULL));
}

static const char *content(struct world *w, const char *name)
{
    buf_reset(&w->log);
    IGNORE_RC(file_read(w->dir.fd, name, &w->log, NULL)); /* then it is empty */
    return buf_z(&w->log);
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct answer *t = arg;

    t->done = true;
    t->rc = a->rc;
    if (a->err)
        err_textz(a->err, t->said, sizeof(t->said));
}

static void ask(struct world *w, bool shown, const char *site, const char *token, const char *proof,
                struct answer *t)
{
    const struct ipc_proof m = {.shown = shown,
                                .challenge = CONF_SITE_DNS_01,
                                .site = str_of(site),
                                .token = str_of(token),
                                .key_authorization = str_of(proof)};
    const struct ipc_ask ask = {.type = IPC_HOOK_RECORD, .msg = &m, .fn = on_answer, .arg = t};

    memset(t, 0, sizeof(*t));
    CHECK_OK(ipc_call(w->keeper, &ask, &t->call));
}

static void wait_for(struct world *w, const bool *done)
{
    for (int i = 0; i < TURNS && !*done; i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK(*done);
}

static enum rc record(struct world *w, bool shown, struct answer *t)
{
    ask(w, shown, A, TOKEN, PROOF, t);
    wait_for(w, &t->done);
    return t->rc;
}

static void nothing_is_left(struct world *w)
{
    for (int i = 0; i < TURNS && !runner_hooks_idle(runner_of(w)); i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK(runner_hooks_idle(runner_of(w)));
}

/* As of printf %s PROOF | openssl sha256 -binary, in base64url. */
#define VALUE "lCM7cZyQXcVHK2nnW3jjAhNT3Fvm18UN-kWZZknKoYM"

static struct str value_in(const char *log)
{
    struct str line, word = {}, rest = str_of(log);

    str_next(&rest, '\n', &line);
    while (str_next(&line, ' ', &word))
        ;
    return word;
}

static void sets_and_removes(void)
{
    struct answer t;
    char value[64];

    WORLD(w);
    program(&w, "env | grep PASS >env-seen");
    CHECK_RC(record(&w, true, &t), RC_OK);
    CHECK(strncmp(content(&w, "log"), "first present _acme-challenge." A ". ", 42) == 0);
    CHECK_OK(str_copyz(value_in(content(&w, "log")), value, sizeof(value)));
    CHECK_STR(str_of(value), VALUE);
    CHECK_STR(str_of(content(&w, "env-seen")), "PASSWORD=s e c\n");
    CHECK_RC(record(&w, true, &t), RC_OK); /* it is there: no other call */
    CHECK(!strstr(strchr(content(&w, "log"), '\n') + 1, "present"));
    CHECK_RC(record(&w, false, &t), RC_OK);
    nothing_is_left(&w);
    CHECK(strstr(content(&w, "log"), "\nfirst cleanup _acme-challenge." A ". "));
    CHECK(strstr(strstr(content(&w, "log"), "cleanup"), value));
}

/* Whoever asks chooses neither name nor words. */
static void refuses_what_is_no_proof_of_a_site(void)
{
    static const struct {
        const char *site, *token, *proof;
        enum rc rc;
    } cases[] = {
        {"b.hospital.example", TOKEN, PROOF, RC_NOTFOUND},
        {"other.hospital.example", TOKEN, PROOF, RC_NOTFOUND},
        {A, "short", "short." PRINT, RC_INVAL},
        {A, "evaGxfADs6pSRb2LAv9IZf17 --help", "evaGxfADs6pSRb2LAv9IZf17 --help." PRINT, RC_INVAL},
        {A, TOKEN, "another" PROOF, RC_INVAL},
        {A, TOKEN, TOKEN "." PRINT "x", RC_INVAL},
        {A, TOKEN, TOKEN, RC_INVAL},
        {"broken.hospital.example", TOKEN, PROOF, RC_NOTFOUND},
    };
    struct answer t;

    WORLD(w);
    program(&w, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(&w, true, cases[i].site, cases[i].token, cases[i].proof, &t);
        wait_for(&w, &t.done);
        CHECK_INT(t.rc, cases[i].rc);
        ask(&w, false, cases[i].site, cases[i].token, cases[i].proof, &t);
        wait_for(&w, &t.done);
        CHECK_INT(t.rc, cases[i].rc);
    }
    CHECK(strstr(t.said, "the hook broken of the site broken.hospital.example: "));
    CHECK_STR(str_of(content(&w, "log")), "");
    nothing_is_left(&w);
}

static void failures_are_told(void)
{
    struct answer t;

    WORLD(w);
    program(&w, "[ \"$2\" = cleanup ] || { echo no credit >&2; exit 3; }");
    CHECK_RC(record(&w, true, &t), RC_CONFLICT);
    CHECK(strstr(t.said, "the hook ours has set no record for " A ": "));
    CHECK(strstr(t.said, "ended with status 3: no credit; `autarky site renew " A "`"));
    CHECK_RC(record(&w, true, &t), RC_CONFLICT); /* called again: it is not there */
    CHECK_RC(record(&w, false, &t), RC_OK);
    nothing_is_left(&w);
    CHECK(strstr(content(&w, "log"), "first cleanup "));
    CHECK(chmod(w.program, 0777) == 0);
    CHECK_RC(record(&w, true, &t), RC_DENIED);
    CHECK(strstr(t.said, "chmod go-w"));
}

static void late_ones_are_killed(void)
{
    struct answer t;

    WORLD(w);
    program(&w, "[ \"$2\" = cleanup ] || { echo x >at; exec sleep 100000; }");
    ask(&w, true, A, TOKEN, PROOF, &t);
    for (int i = 0; i < TURNS && content(&w, "at")[0] == 0; i++) {
        ev_run_once(w.child.env.ev, EV_NOWAIT);
        usleep(1000);
    }
    clock_fake_advance(&w.clock, SECONDS * WHEN_SECOND);
    wait_for(&w, &t.done);
    CHECK_INT(t.rc, RC_TIMEOUT);
    CHECK(strstr(t.said, "did not end within 5 seconds and was killed"));
}

/* What one before this process has set. */
static void removes_what_it_never_set(void)
{
    struct answer t;

    WORLD(w);
    program(&w, "");
    CHECK_RC(record(&w, false, &t), RC_OK);
    nothing_is_left(&w);
    CHECK(strstr(content(&w, "log"), "first cleanup _acme-challenge." A ". "));
}

static void removes_what_a_keeper_leaves(void)
{
    struct answer t;

    WORLD(w);
    program(&w, "");
    CHECK_RC(record(&w, true, &t), RC_OK);
    keeper_dies(&w);
    nothing_is_left(&w);
    CHECK(strstr(content(&w, "log"), "\nfirst cleanup "));
    keeper_comes(&w);
    CHECK_RC(record(&w, true, &t), RC_OK);
}

/* One at a time; one that gives up before its turn is never called. */
static void takes_turns(void)
{
    struct answer one, two, three;

    WORLD(w);
    program(&w, "[ -e busy ] && echo twice >>log; : >busy; sleep 0.2; rm busy");
    ask(&w, true, A, TOKEN, PROOF, &one);
    ask(&w, true, A, "b" TOKEN, "b" PROOF, &two);
    ask(&w, true, A, "c" TOKEN, "c" PROOF, &three);
    ipc_cancel(two.call);
    wait_for(&w, &one.done);
    wait_for(&w, &three.done);
    CHECK(one.rc == RC_OK && three.rc == RC_OK);
    keeper_dies(&w);
    nothing_is_left(&w);
    CHECK(!strstr(content(&w, "log"), "twice"));
}

/* What is set is taken away; what hangs is not waited for longer than that. */
static void draining_takes_away(void)
{
    struct answer t;

    WORLD(w);
    program(&w, "[ \"$2\" = cleanup ] && exec sleep 100000; exit 0");
    CHECK_RC(record(&w, true, &t), RC_OK);
    w.child.draining = true;
    role_runner.drain(&w.child.env);
    for (int i = 0; i < TURNS && !strstr(content(&w, "log"), "cleanup"); i++) {
        ev_run_once(w.child.env.ev, EV_NOWAIT);
        usleep(1000);
    }
    CHECK(!runner_hooks_idle(runner_of(&w)));
    clock_fake_advance(&w.clock, RUNNER_DRAIN_SECONDS * WHEN_SECOND);
    nothing_is_left(&w);
}

CHECK_MAIN(CHECK_TEST_ONCE(sets_and_removes), CHECK_TEST_ONCE(refuses_what_is_no_proof_of_a_site),
           CHECK_TEST_ONCE(failures_are_told), CHECK_TEST_ONCE(late_ones_are_killed),
           CHECK_TEST_ONCE(removes_what_it_never_set),
           CHECK_TEST_ONCE(removes_what_a_keeper_leaves), CHECK_TEST_ONCE(takes_turns),
           CHECK_TEST_ONCE(draining_takes_away))
