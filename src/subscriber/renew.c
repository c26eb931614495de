/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal of what `autarky obtain` has obtained: once, or by a process that stays; and what is in
 * its way. */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agentd/daemon.h"
#include "agentd/doctor.h"
#include "agentd/places.h"
#include "agentd/uplink.h"
#include "cmd/examine.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/out.h"
#include "net/net.h"
#include "net/notify.h"
#include "program/program.h"
#include "subscriber/agent_int.h"

enum { ANSWER_MAX = 1 << 20 };

MSG(msg_not_enrolled, "cmd.agent-not-enrolled",
    "{0} holds no enrolment; `autarky agent enrol --dir {0}` makes one");

/* What came of all of them. */
struct tally {
    size_t done, failed, later, unproven;
    size_t changed;               /* of `done`: there was something to do, or would be */
    int64_t decide;               /* as agent_options.decide */
    struct agent_silence silence; /* a dead server is waited for once */
    struct json_out *json;        /* NULL: words */
};

static void put_words(const char *dir, const struct agent_outcome *out)
{
    char until[WHEN_TEXT], renew[WHEN_TEXT];

    if (out->issued)
        printf("%s: renewed%s, valid until %s\n", dir, cmd_agent_from(out),
               when_text(out->not_after, until));
    else if (out->due)
        printf("%s: due\n", dir);
    else if (out->waits)
        printf("%s: the last attempt failed, the next one is not before %s (--force)\n", dir,
               when_text(out->waits, renew));
    else if (out->held)
        printf("%s: a new certificate is ready, and is held for those of other kinds until %s "
               "(--despite-window)\n",
               dir, when_text(out->ready_at, renew));
    else if (out->ready_at)
        printf("%s: a new certificate is ready, and waits for the window at %s "
               "(--despite-window)\n",
               dir, when_text(out->ready_at, renew));
    else
        printf("%s: not due before %s\n", dir, when_text(out->renew_at, renew));
}

static enum agent_key_wish key_wish(const struct cmd_args *args)
{
    if (args->values[CMD_OPT_NEW_KEY])
        return AGENT_KEY_NEW;
    return args->values[CMD_OPT_REUSE_KEY] ? AGENT_KEY_REUSED : AGENT_KEY_AS_PLANNED;
}

static void renew_one(const struct cmd_args *args, const char *dir, struct tally *t)
{
    const struct agent_options options = {
        .dir = dir,
        .say = cmd_agent_say,
        .dry_run = args->values[CMD_OPT_DRY_RUN] != NULL,
        .force = args->values[CMD_OPT_RENEW_FORCE] != NULL,
        .key = key_wish(args),
        .despite_window = args->values[CMD_OPT_DESPITE_WINDOW] != NULL,
        .first_silent = args->values[CMD_OPT_FIRST_SILENT] != NULL,
        .decide = t->decide,
        .silence = &t->silence};
    struct agent_outcome out = {};
    struct err err = ERR_INIT;

    err.rc = agent_renew(&options, &out, &err);
    if (t->json)
        cmd_outcome_put(t->json, dir, &out, &err);
    if (err.rc == RC_OK) {
        t->done++;
        t->changed += out.issued || out.due || out.stapled;
        if (!t->json)
            put_words(dir, &out);
        return;
    }
    t->failed++;
    switch (cmd_agent_fail(&out, &err)) {
    case CMD_LATER:
        t->later++;
        break;
    case CMD_UNPROVEN:
        t->unproven++;
        break;
    default:
        break;
    }
}

static int renew_all(const struct cmd_args *args, struct tally *t)
{
    char *names[AGENTD_PLACES_MAX];
    bool alone = args->values[CMD_OPT_ALONE] && agentd_is_place(args->operand);
    size_t n = alone ? 0 : agentd_places(args->operand, names);

    if (alone) {
        renew_one(args, args->operand, t);
        return -1;
    }
    if (n == 0)
        return cmd_failf("there is nothing to renew in %s, nor in the directories below it; "
                         "`autarky obtain --out DIR` obtains a certificate first",
                         args->operand);
    for (size_t i = 0; i < n; i++) {
        renew_one(args, names[i], t);
        mem_free(names[i]);
    }
    return -1;
}

static int status_of(const struct cmd_args *args, const struct tally *t)
{
    if (t->failed == 0)
        return args->values[CMD_OPT_EXIT_CODE] && !t->changed ? CMD_NOTHING : CMD_DONE;
    if (t->done)
        return CMD_PARTLY;
    if (t->unproven)
        return t->unproven == t->failed ? CMD_UNPROVEN : CMD_FAILED;
    return t->later == t->failed ? CMD_LATER : CMD_FAILED;
}

/* Those who were installed together do not all come at the same second. */
static int wait_a_while(const char *most)
{
    when_t span;
    uint64_t dice = 0;
    struct timespec ts;

    if (!most)
        return -1;
    if (when_parse_span(str_of(most), &span) != RC_OK || span > WHEN_DAY)
        return cmd_usagef("--jitter takes a time up to a day, as in 10m or 1h");
    if (crypto_random(&dice, sizeof(dice)) != RC_OK || span == 0)
        return -1;
    span = (when_t)(dice % (uint64_t)span);
    ts = (struct timespec){span / WHEN_SECOND, span % WHEN_SECOND * 1000};
    nanosleep(&ts, NULL);
    return -1;
}

static int renew(const struct cmd_args *args)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out j = {};
    struct tally t = {.json = cmd_json(args) ? &j : NULL};
    int status = cmd_agent_decide(args, &t.decide);

    if (status < 0)
        status = wait_a_while(args->values[CMD_OPT_JITTER]);
    if (status >= 0)
        return status;
    json_out_init(&j, &text, JSON_PRETTY);
    json_arr(&j);
    status = renew_all(args, &t);
    json_end(&j);
    if (status >= 0)
        return status;
    if (t.json && json_out_done(&j) == RC_OK)
        cmd_print(buf_str(&text));
    return status_of(args, &t);
}

int cmd_renew(const struct cmd_args *args)
{
    return cmd_agent_run(args, renew);
}

/* ---- by a process that stays */

/* Of who asked it to end, until it is ended by force. */
#define PATIENCE (60 * WHEN_SECOND)

struct agent {
    struct ev *ev;
    struct agentd *daemon;
    struct agent_world world;     /* of the uplink */
    struct agentd_uplink *uplink; /* NULL: this host is not enrolled */
    struct ev_signal *terminate, *interrupt, *hangup;
    struct ev_timer alive, status, patience;
    bool ends, gives_up;
};

static void agent_done(struct agent *a)
{
    ev_timer_stop(&a->alive);
    ev_timer_stop(&a->status);
    ev_timer_stop(&a->patience);
    agentd_uplink_free(a->uplink);
    net_free(a->world.net);
    agentd_free(a->daemon);
    ev_signal_free(a->terminate);
    ev_signal_free(a->interrupt);
    ev_signal_free(a->hangup);
    ev_free(a->ev);
}

/* Who cannot be told learns it by hearing nothing. */
static void tell_systemd(const char *state)
{
    if (net_notify(state) != RC_OK)
        cmd_agent_say(NULL, true, "systemd cannot be told how this is ($NOTIFY_SOCKET)");
}

static void on_alive(void *)
{
    tell_systemd("WATCHDOG=1");
}

static void on_status(void *arg)
{
    const struct agent *a = arg;
    struct agentd_tally t;
    char line[256], next[WHEN_TEXT], waiting[64] = "";

    agentd_count(a->daemon, &t);
    if (t.waiting)
        snprintf(waiting, sizeof(waiting), "%zu waiting for a window, ", t.waiting);
    snprintf(line, sizeof(line),
             "STATUS=%zu certificates, %zu being renewed, %zu failing, %snext %s", t.certs,
             t.running, t.failing, waiting, t.next ? when_text(t.next, next) : "now");
    tell_systemd(line);
}

static void on_impatient(void *arg)
{
    struct agent *a = arg;

    a->gives_up = true;
}

static void on_end(void *arg, int)
{
    struct agent *a = arg;

    a->ends = true;
    tell_systemd("STOPPING=1");
    agentd_end(a->daemon);
    ev_timer_start(&a->patience, PATIENCE, 0);
}

static void on_hangup(void *arg, int)
{
    struct agent *a = arg;

    agentd_look(a->daemon);
    on_status(a);
}

static enum rc start(struct agent *a, const struct agentd_conf *conf, struct err *err)
{
    int64_t watchdog = net_notify_watchdog();

    TRY(ev_signal_new(a->ev, SIGTERM, on_end, a, &a->terminate));
    TRY(ev_signal_new(a->ev, SIGINT, on_end, a, &a->interrupt));
    TRY(ev_signal_new(a->ev, SIGHUP, on_hangup, a, &a->hangup));
    TRY(agentd_new(conf, &a->daemon, err));
    if (watchdog)
        ev_timer_start(&a->alive, 0, watchdog);
    ev_timer_start(&a->status, WHEN_SECOND, WHEN_MINUTE);
    return RC_OK;
}

/* Reports, where this host is enrolled. One that was named has to be there. */
static enum rc enlist(struct agent *a, const struct cmd_args *args, struct err *err)
{
    CLEANUP(agentd_home_done) struct agentd_home home = AGENTD_HOME_INIT;
    struct err why = ERR_INIT;
    enum rc rc = agentd_home_open(cmd_agent_home(args), false, &home, &why);

    if (rc == RC_NOTFOUND && !args->values[CMD_OPT_AGENT_DIR])
        return RC_OK;
    if (rc != RC_OK) {
        *err = why;
        return rc;
    }
    if (!agentd_home_enrolled(&home))
        return args->values[CMD_OPT_AGENT_DIR]
                   ? ERR(err, RC_NOTFOUND, msg_not_enrolled, str_of(cmd_agent_home(args)))
                   : RC_OK;
    a->world = (struct agent_world){.ev = a->ev, .say = cmd_agent_say};
    TRY(net_system(a->ev, &a->world.net));
    program_say("reports to %.*s as %.*s", STR_ARG(home.server), STR_ARG(home.name));
    return agentd_uplink_new(&a->world, a->daemon, &home, &a->uplink);
}

static bool busy(const struct agent *a)
{
    struct agentd_tally t;

    agentd_count(a->daemon, &t);
    return t.running > 0;
}

static enum rc run(const struct cmd_args *args, struct err *err)
{
    CLEANUP(agent_done) struct agent a = {};
    struct agentd_conf conf = {.dirs = args->many,
                               .n_dirs = args->n_many,
                               .program = "/proc/self/exe",
                               .env = (const char *const *)environ,
                               .say = cmd_agent_say};
    struct agentd_tally t;

    TRY(ev_new(clock_system(), &a.ev));
    ev_timer_init(&a.alive, a.ev, on_alive, &a);
    ev_timer_init(&a.status, a.ev, on_status, &a);
    ev_timer_init(&a.patience, a.ev, on_impatient, &a);
    conf.ev = a.ev;
    TRY(start(&a, &conf, err));
    TRY(enlist(&a, args, err));
    agentd_count(a.daemon, &t);
    program_say("keeps %zu certificates", t.certs);
    tell_systemd("READY=1");
    while (!a.gives_up && (!a.ends || busy(&a)))
        ev_run_once(a.ev, EV_WAIT);
    return RC_OK;
}

static int agent_run(const struct cmd_args *args)
{
    struct err err = ERR_INIT;

    err.rc = run(args, &err);
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}

int cmd_agent_daemon(const struct cmd_args *args)
{
    return cmd_agent_run(args, agent_run);
}

/* ---- what is in its way */

static void on_finding(void *arg, const struct agentd_finding *f)
{
    cmd_finding(arg, f->name, str_of(f->state), f->text, f->cure);
}

static int agent_doctor(const struct cmd_args *args)
{
    CLEANUP(cmd_examine_done) struct examination e = {};
    enum rc rc = RC_OK;

    cmd_examine_begin(&e, args);
    for (size_t i = 0; i < args->n_many && rc == RC_OK; i++)
        rc = agentd_examine(args->many[i], on_finding, &e);
    agentd_examine_rivals("", on_finding, &e);
    return cmd_examine_show(&e, rc);
}

int cmd_agent_doctor(const struct cmd_args *args)
{
    return cmd_agent_run(args, agent_doctor);
}
