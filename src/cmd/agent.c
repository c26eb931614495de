/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: certificates kept renewed by a process that stays, and what is in its way. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "agentd/daemon.h"
#include "agentd/doctor.h"
#include "cmd/agent_int.h"
#include "cmd/examine.h"
#include "ev/clock.h"
#include "net/notify.h"

/* Of who asked it to end, until it is ended by force. */
#define PATIENCE (60 * WHEN_SECOND)

struct agent {
    struct ev *ev;
    struct agentd *daemon;
    struct ev_signal *terminate, *interrupt, *hangup;
    struct ev_timer alive, status, patience;
    bool ends, gives_up;
};

static void agent_done(struct agent *a)
{
    ev_timer_stop(&a->alive);
    ev_timer_stop(&a->status);
    ev_timer_stop(&a->patience);
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
    char line[256], next[WHEN_TEXT];

    agentd_count(a->daemon, &t);
    snprintf(line, sizeof(line), "STATUS=%zu certificates, %zu being renewed, %zu failing, next %s",
             t.certs, t.running, t.failing, t.next ? when_text(t.next, next) : "now");
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
    agentd_count(a.daemon, &t);
    fprintf(stderr, "autarky: keeps %zu certificates\n", t.certs);
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
