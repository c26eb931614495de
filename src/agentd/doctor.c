/* SPDX-License-Identifier: Apache-2.0 */
#include "agentd/doctor.h"

#include <stdio.h>
#include <sys/stat.h>

#include "agent/dns_conf.h"
#include "agent/job.h"
#include "agent/mend.h"
#include "agent/place.h"
#include "agent/solver.h"
#include "agent/writers.h"
#include "agentd/daemon.h"
#include "agentd/places.h"
#include "agentd/rivals.h"
#include "agentd/view.h"
#include "ev/clock.h"
#include "provider/provider.h"

enum { TEXT_MAX = 8 * 1024, LINE = 2048, SILENT_MAX = 16 };

#define OVERDUE WHEN_HOUR

struct examining {
    agentd_finding_fn fn;
    void *arg;
    when_t now;
    /* Servers that have not answered. */
    char silent[SILENT_MAX][256];
    size_t n_silent;
    bool kept; /* an agent runs for the directory */
};

/* The certificate that is being looked at. */
struct one {
    struct examining *e;
    const char *dir;
    struct agentd_view view;
};

static void one_done(struct one *o)
{
    agentd_view_done(&o->view);
}

static void tell(const struct examining *e, const char *name, const char *state, struct str text,
                 struct str cure)
{
    e->fn(e->arg, &(struct agentd_finding){name, state, text, cure});
}

/* "DIR: text". */
static void tell_of(const struct one *o, const char *name, const char *state, struct str text,
                    struct str cure)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

    buf_printf(&b, "%s: %.*s", o->dir, STR_ARG(text));
    tell(o->e, name, state, buf_str(&b), cure);
}

static void tell_err(const struct one *o, const char *name, const struct err *err, struct str cure)
{
    char text[LINE];

    tell_of(o, name, "failed", str_of(err_textz(err, text, sizeof(text))), cure);
}

/* ---- what is in place, and when it is renewed */

static void examine_validity(const struct one *o)
{
    const struct agentd_view *v = &o->view;
    when_t life = v->not_after - v->not_before, left = v->not_after - o->e->now, waits;
    char until[WHEN_TEXT], next[WHEN_TEXT], text[LINE], cure[LINE];

    snprintf(cure, sizeof(cure), "autarky renew --force %s", o->dir);
    if (v->not_after == 0 && v->state.undecided)
        return;
    if (v->not_after == 0) {
        tell_of(o, "certificate", "failed", STR("there is no certificate that can be read"),
                str_of(cure));
        return;
    }
    when_text(v->not_after, until);
    if (left <= 0) {
        snprintf(text, sizeof(text),
                 "the certificate has expired, at %s, if the clock of this machine is right: %s",
                 until, when_text(o->e->now, next));
        tell_of(o, "certificate", "failed", str_of(text), str_of(cure));
        return;
    }
    if (agent_clock_behind(v->not_before, o->e->now, text)) {
        tell_of(o, "clock", "failed", str_of(text),
                STR("set it, and keep it right: timedatectl set-ntp true"));
        return;
    }
    waits = agent_waits(&v->state, o->e->now);
    snprintf(text, sizeof(text), "valid until %s, %s %s%s", until,
             waits ? "and a new one is ready, which waits for the window at"
                   : "to be renewed about",
             when_text(waits ? waits : agent_due(&v->state, v->not_before, v->not_after, o->e->now),
                       next),
             agent_from_fallback(&v->state) ? "; the fallback server issued it" : "");
    if (left < life / 10)
        tell_of(o, "certificate", "warning", str_of(text), str_of(cure));
    else
        tell_of(o, "certificate", "ok", str_of(text), STR(""));
}

/* It is no failure, and nothing on this machine hastens it. */
static void examine_undecided(const struct one *o)
{
    const struct agent_state *s = &o->view.state;
    char since[WHEN_TEXT], text[LINE];

    snprintf(text, sizeof(text),
             "the server %.*s has had the order for %s certificate since %s, and has not decided "
             "yet: a person there may have to",
             STR_ARG(s->plan.server), o->view.not_after ? "the next" : "the first",
             when_text(s->undecided, since));
    tell_of(
        o, "order", "warning", str_of(text),
        STR("ask who decides there; then `autarky renew`, or the agent, takes what was decided"));
}

static void examine_failure(const struct one *o)
{
    const struct agent_state *s = &o->view.state;
    char at[WHEN_TEXT], next[WHEN_TEXT], cure[LINE];
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    when_t pause = agent_pause(s, o->e->now);

    if (s->undecided) {
        examine_undecided(o);
        return;
    }
    if (s->why.n == 0)
        return;
    buf_printf(&text, "the attempt at %s failed: %.*s", when_text(s->attempt, at), STR_ARG(s->why));
    if (s->failures)
        buf_printf(&text, "; failures in a row: %u", s->failures);
    if (pause)
        buf_printf(&text, "; the next one is not before %s", when_text(pause, next));
    snprintf(cure, sizeof(cure), "mend that, then: autarky renew --force %s", o->dir);
    tell_of(o, "renewal", o->view.not_after > o->e->now ? "warning" : "failed", buf_str(&text),
            str_of(cure));
}

/* A window may have been open since it was planned, and nobody came. */
static when_t first_chance(const struct one *o)
{
    const struct agentd_view *v = &o->view;
    const struct agent_state *s = &v->state;
    when_t next = agentd_view_next(v, o->e->now), first;

    if (agent_pause(s, o->e->now))
        return next;
    first = s->pending ? agent_ready(s, s->attempt)
                       : agent_due(s, v->not_before, v->not_after, s->renewal.due);
    return first && first < next ? first : next;
}

/* Of the one in use; a certificate that names no responder has none to be missed. */
static void examine_ocsp(const struct one *o)
{
    const struct agent_state *s = &o->view.state;
    bool good = s->ocsp_until > o->e->now;
    char until[WHEN_TEXT], next[WHEN_TEXT];
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    if (s->plan.ocsp.n == 0 || (good && s->ocsp_why.n == 0))
        return;
    if (good)
        buf_printf(&text, "the one in place is good until %s", when_text(s->ocsp_until, until));
    else
        buf_putz(&text, s->ocsp_until ? "the one in place is good no more" : "there is none");
    if (s->ocsp_why.n)
        buf_printf(&text, "; the last attempt failed: %.*s", STR_ARG(s->ocsp_why));
    if (s->ocsp_failures)
        buf_printf(&text, "; the next one is at %s", when_text(s->ocsp_at, next));
    tell_of(o, "ocsp", good ? "warning" : "failed", buf_str(&text),
            STR("see whether the responder that the certificate names is reached from here"));
}

/* Nobody came when it was time. */
static void examine_overdue(const struct one *o)
{
    when_t next = first_chance(o);
    char at[WHEN_TEXT], text[LINE];

    if (o->view.not_after == 0 || next == 0 || next > o->e->now - OVERDUE)
        return;
    snprintf(text, sizeof(text), "something was to be done at %s, and nobody did it",
             when_text(next, at));
    tell_of(o, "renewal", "failed", str_of(text),
            o->e->kept ? STR("see what the agent says: journalctl -u autarky-agent")
                       : STR("let an agent run: systemctl enable --now autarky-agent"));
}

static void examine_outside(const struct one *o)
{
    const struct agent_state *s = &o->view.state;
    char at[WHEN_TEXT], text[LINE];

    if (s->outside == 0)
        return;
    snprintf(text, sizeof(text),
             "it was taken into use at %s, outside of its windows (%.*s), for none opened before "
             "the last tenth of the one before",
             when_text(s->outside, at), STR_ARG(s->plan.reload_window));
    tell_of(o, "window", "warning", str_of(text),
            STR("widen them: autarky obtain with the same --out"));
}

/* ---- what a renewal needs */

static void examine_files(const struct one *o)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    struct err err = ERR_INIT;

    err.rc = agent_place_look(o->dir, &p, &err);
    if (err.rc == RC_OK)
        err.rc = agent_place_check(&p, &err);
    if (err.rc != RC_OK)
        tell_err(o, "files", &err, STR(""));
}

/* A copy has the mode that it was given; the key in it is for nobody else all the same. */
static void examine_copies(const struct one *o)
{
    const struct agent_plan *plan = &o->view.state.plan;
    char path[AGENT_PATH_MAX], cure[LINE], text[LINE];
    struct stat st;

    for (size_t i = 0; i < plan->n_also; i++) {
        struct str how, what, file, rest;

        str_cut(plan->also[i], ':', &how, &rest);
        str_cut(rest, ':', &what, &file);
        if (!str_eq(how, STR("copy")) ||
            (!str_eq(what, STR("combined")) && !str_eq(what, STR("privkey"))) ||
            str_copyz(file, path, sizeof(path)) != RC_OK || stat(path, &st) != 0 ||
            !(st.st_mode & 0027))
            continue;
        snprintf(text, sizeof(text), "%s has the key in it, and its mode is %04o", path,
                 (unsigned)(st.st_mode & 07777));
        snprintf(cure, sizeof(cure), "chmod g-w,o= %s", path);
        tell_of(o, "files", "warning", str_of(text), str_of(cure));
    }
}

static void examine_owner(const struct one *o)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;
    const struct agent_plan *plan = &o->view.state.plan;
    char is[AGENT_MEND_TEXT], text[LINE], cure[LINE];
    struct err err = ERR_INIT;

    if (agent_place_look(o->dir, &p, NULL) != RC_OK)
        return;
    /* Whoever looks may not be who may give files away. */
    err.rc = agent_owner_find(plan->owner, plan->group, plan->mode, plan->selinux, &p.owner, &err);
    if (err.rc == RC_DENIED)
        return;
    if (err.rc != RC_OK) {
        tell_err(o, "files", &err, STR(""));
    } else if (agent_mend_needed(&p, is)) {
        snprintf(text, sizeof(text), "%s, which is not what was declared", is);
        snprintf(cure, sizeof(cure), "autarky renew %s", o->dir);
        tell_of(o, "files", "warning", str_of(text), str_of(cure));
    }
}

/* What a server that cannot be asked says comes with the rehearsal. */
static void examine_updates(const struct one *o)
{
    const struct agent_plan *plan = &o->view.state.plan;
    bool persists = plan->way == AGENT_PERSIST && plan->style.n;
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct agent_writers writers;
    struct agent_dns_conf conf;
    const char *cure;

    if ((plan->way != AGENT_DNS && !persists) || provider_kind_find(plan->style) ||
        agent_dns_conf_look(plan->value, &conf, NULL) != RC_OK)
        return;
    IGNORE_RC(agent_writers_ask(&conf, persists ? "_validation-persist" : "_acme-challenge",
                                plan->dns, plan->n_dns, &writers, NULL));
    cure = agent_writers_text(&conf, &writers, &text);
    if (cure)
        tell_of(o, "updates", "warning", buf_str(&text), str_of(cure));
    agent_dns_conf_done(&conf);
}

static bool is_silent(const struct examining *e, struct str server)
{
    for (size_t i = 0; i < e->n_silent; i++)
        if (str_eq(server, str_of(e->silent[i])))
            return true;
    return false;
}

static void examine_clock(const struct one *o, when_t theirs, when_t mine)
{
    when_t off = mine - theirs;
    when_t much = off < 0 ? -off : off;
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    if (theirs == 0 || much < AGENTD_SKEW_WARNING)
        return;
    buf_printf(&text, "the clock of this machine is ");
    when_put_span(&text, much / WHEN_SECOND * WHEN_SECOND);
    buf_printf(&text, " %s that of the server", off < 0 ? "behind" : "ahead of");
    tell_of(o, "clock", much < AGENTD_SKEW_FAILED ? "warning" : "failed", buf_str(&text),
            STR("set it, and keep it right: timedatectl set-ntp true"));
}

static void hear_nothing(void *, bool, const char *)
{
}

/* The rehearsal of `obtain`: proof, hook and roots are there, and the server answers. */
static void examine_way(const struct one *o)
{
    const struct agent_plan *plan = &o->view.state.plan;
    const struct agent_options options = {.dir = o->dir, .say = hear_nothing, .dry_run = true};
    const struct agent_binding binding = {.agree_terms = true};
    struct agent_outcome out = {};
    struct examining *e = o->e;
    struct err err = ERR_INIT;

    if (is_silent(e, plan->server))
        return;
    err.rc = agent_obtain(&options, plan, &binding, &out, &err);
    examine_clock(o, out.server_time, clock_now(clock_system()));
    if (err.rc == RC_OK || err.rc == RC_CANCELLED)
        return;
    if (out.asked && e->n_silent < SILENT_MAX &&
        str_copyz(plan->server, e->silent[e->n_silent], sizeof(e->silent[0])) == RC_OK)
        e->n_silent++;
    tell_err(o, out.asked ? "server" : "proof", &err, STR(""));
}

static enum rc examine_one(struct examining *e, const char *dir)
{
    CLEANUP(one_done) struct one o = {.e = e, .dir = dir};
    struct err err = ERR_INIT;
    enum rc rc = agentd_view_load(dir, &o.view, &err);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        tell_err(&o, "certificate", &err, STR(""));
        return RC_OK;
    }
    examine_validity(&o);
    examine_failure(&o);
    examine_ocsp(&o);
    examine_overdue(&o);
    examine_outside(&o);
    examine_files(&o);
    examine_owner(&o);
    examine_copies(&o);
    examine_updates(&o);
    examine_way(&o);
    return RC_OK;
}

/* ---- the machine */

static void on_rival(void *arg, const char *client, const char *where)
{
    const struct examining *e = arg;
    char text[LINE];

    snprintf(text, sizeof(text), "%s is run by %s", client, where);
    tell(e, "others", "warning", str_of(text),
         STR("see that it does not renew the certificates that autarky keeps; if it has none left, "
             "disable it"));
}

void agentd_examine_rivals(const char *root, agentd_finding_fn fn, void *arg)
{
    struct examining e = {.fn = fn, .arg = arg};

    agentd_rivals(root, on_rival, &e);
}

static void examine_agent(const struct examining *e, const char *dir)
{
    char text[LINE];

    snprintf(text, sizeof(text), "%s `autarky agent run` keeps the certificates in %s",
             e->kept ? "an" : "no", dir);
    if (e->kept)
        tell(e, "agent", "ok", str_of(text), STR(""));
    else
        tell(e, "agent", "warning", str_of(text),
             STR("systemctl enable --now autarky-agent; or let a timer run `autarky renew` there"));
}

enum rc agentd_examine(const char *dir, agentd_finding_fn fn, void *arg)
{
    struct examining e = {.fn = fn, .arg = arg, .now = clock_now(clock_system())};
    char *names[AGENTD_PLACES_MAX];
    size_t n = agentd_places(dir, names);
    enum rc rc = RC_OK;
    char text[LINE];

    e.kept = agentd_runs(dir);
    examine_agent(&e, dir);
    if (n == 0) {
        snprintf(text, sizeof(text), "nothing was obtained in %s, nor directly below it", dir);
        tell(&e, "certificate", "failed", str_of(text),
             STR("autarky obtain --out DIR obtains a certificate"));
    }
    for (size_t i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = examine_one(&e, names[i]);
        mem_free(names[i]);
    }
    return rc;
}
