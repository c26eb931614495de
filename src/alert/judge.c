/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/judge.h"

#include <stdio.h>

#include "store/approvals.h"
#include "store/locks.h"

enum { SHOWN = 160 };

static struct str shown(struct str s)
{
    return str_utf8_head(s, SHOWN);
}

/* Begins one; its summary is set behind. NULL: there is no room. */
static struct alert_condition *say(struct alert_conditions *out, const char *kind,
                                   struct str object)
{
    struct alert_condition *c = &out->v[out->n];

    if (out->rc != RC_OK || out->n == ALERT_CONDITIONS_MAX)
        return NULL;
    *c = (struct alert_condition){.kind = kind, .severity = STORE_WARNING};
    c->key = arena_printf(&out->arena, "%s:%.*s", kind, STR_ARG(shown(object)));
    if (!c->key.p || arena_str(&out->arena, shown(object), &c->object) != RC_OK) {
        out->rc = RC_NOMEM;
        return NULL;
    }
    out->n++;
    return c;
}

#define TELL(out, c, action_, ...)                                                                 \
    do {                                                                                           \
        (c)->summary = arena_printf(&(out)->arena, __VA_ARGS__);                                   \
        (c)->action = (action_);                                                                   \
        if (!(c)->summary.p)                                                                       \
            (out)->rc = RC_NOMEM;                                                                  \
    } while (0)

static void judge_clock(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c = f->clock.n ? say(out, "clock", STR("host")) : NULL;

    if (!c)
        return;
    c->severity = STORE_CRITICAL;
    TELL(out, c, STR("timedatectl; autarky doctor"), "nothing is issued because of the clock: %.*s",
         STR_ARG(shown(f->clock)));
}

static void judge_disk(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;
    uint64_t percent = f->disk_size ? f->disk_free / (f->disk_size / 100 + 1) : 100;

    if (f->database.n && (c = say(out, "database", STR("database")))) {
        c->severity = STORE_CRITICAL;
        TELL(out, c, STR("autarky doctor; df -h; journalctl -k"), "a write has failed: %.*s",
             STR_ARG(shown(f->database)));
    }
    if (percent >= ALERT_DISK_WARNING || !(c = say(out, "disk", STR("data"))))
        return;
    if (percent < ALERT_DISK_CRITICAL)
        c->severity = STORE_CRITICAL;
    /* Steps of a percent, so that it does not change with every record. */
    TELL(out, c, STR("df -h"), "%s %llu percent of the disk with the database are free",
         percent < ALERT_DISK_CRITICAL ? "less than" : "about",
         (unsigned long long)(percent < ALERT_DISK_CRITICAL ? ALERT_DISK_CRITICAL : percent));
}

static void judge_audit(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;

    if (f->head_failures < ALERT_HEAD_FAILURES || !(c = say(out, "audit", STR("head"))))
        return;
    c->severity = STORE_CRITICAL;
    TELL(out, c, STR("autarky audit head; autarky doctor"),
         "the head of the audit log cannot be signed: %.*s", STR_ARG(shown(f->head_why)));
}

static void judge_lists(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;
    char end[WHEN_TEXT];
    bool late = f->lists && f->lists_end && f->lists_end - f->now < ALERT_CRL_LEFT;

    if ((!f->lists_overdue && !late) || !(c = say(out, "crl", STR("lists"))))
        return;
    if (f->lists_overdue) {
        c->severity = STORE_CRITICAL;
        TELL(out, c, STR("autarky doctor"),
             "%llu revocation lists have ended and were not replaced: clients that check them "
             "refuse",
             (unsigned long long)f->lists_overdue);
    } else {
        TELL(out, c, STR("autarky doctor"),
             "a revocation list ends %s and has not been replaced yet",
             when_text(f->lists_end, end));
    }
}

static void judge_staples(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;
    char end[WHEN_TEXT];
    bool over = f->staples_end && f->staples_end <= f->now;

    if (!f->staples_late || !(c = say(out, "ocsp", STR("sites"))))
        return;
    if (over)
        c->severity = STORE_CRITICAL;
    if (f->staples_end)
        TELL(out, c, STR("autarky site list"),
             "%llu OCSP answers that sites show were not replaced in time; the first %s %s",
             (unsigned long long)f->staples_late, over ? "ended" : "ends",
             when_text(f->staples_end, end));
    else
        TELL(out, c, STR("autarky site list"),
             "for %llu certificates of sites there has been no OCSP answer for an hour",
             (unsigned long long)f->staples_late);
}

static void judge_authority(const struct alert_facts *f, const struct alert_authority *a,
                            struct alert_conditions *out)
{
    when_t left = a->ends - f->now;
    struct alert_condition *c;
    char end[WHEN_TEXT];

    if (left >= (a->root ? ALERT_ROOT_WARNING : ALERT_ISSUER_WARNING) ||
        !(c = say(out, a->root ? "root" : "issuer", a->ref)))
        return;
    if (left < (a->root ? ALERT_ROOT_CRITICAL : ALERT_ISSUER_CRITICAL))
        c->severity = STORE_CRITICAL;
    if (a->root)
        TELL(out, c, STR("autarky root create --next"),
             "root %.*s ends %s: the next one has to be on every machine before", STR_ARG(a->ref),
             when_text(a->ends, end));
    else
        TELL(out, c, STR("autarky issuer rotate"),
             "issuer %.*s signs until %s, and has no successor", STR_ARG(a->ref),
             when_text(a->ends, end));
}

static void judge_lock(const struct store_lock *l, struct alert_conditions *out)
{
    struct alert_condition *c = say(out, "lock", id_str(&l->id));

    if (!c)
        return;
    if (l->scope == STORE_LOCK_ALL)
        c->severity = STORE_CRITICAL;
    TELL(out, c, STR("autarky issuance status"), "issuance is frozen (%s%s%.*s) by %.*s: %.*s",
         store_lock_scope_text(l->scope), l->value.n ? " " : "", STR_ARG(shown(l->value)),
         STR_ARG(shown(l->set_by)), STR_ARG(shown(l->reason)));
}

static void judge_approval(const struct alert_facts *f, const struct store_approval *a,
                           struct alert_conditions *out)
{
    struct alert_condition *c;
    char at[WHEN_TEXT];

    if (a->state != STORE_APPROVAL_PENDING || a->expires <= f->now ||
        f->now - a->asked < ALERT_APPROVAL_AFTER || !(c = say(out, "approval", id_str(&a->id))))
        return;
    TELL(out, c, STR("autarky approval list"), "a request has waited for a person since %s: %.*s",
         when_text(a->asked, at), STR_ARG(shown(a->what)));
}

static void judge_away(const struct alert_facts *f, const struct alert_away *a,
                       struct alert_conditions *out)
{
    struct alert_condition *c;
    char at[WHEN_TEXT];

    if (!a->since || f->now - a->since < ALERT_AWAY_AFTER || !(c = say(out, a->kind, a->name)))
        return;
    c->severity = STORE_CRITICAL;
    TELL(out, c, a->action, "the %s %.*s has been away since %s", a->kind, STR_ARG(shown(a->name)),
         when_text(a->since, at));
}

static void judge_copy(const struct alert_facts *f, const struct alert_copy *a,
                       struct alert_conditions *out)
{
    struct alert_condition *c;
    char at[WHEN_TEXT];

    if (!a->oldest || f->now - a->oldest < ALERT_COPY_BEHIND || !(c = say(out, "copy", a->name)))
        return;
    TELL(out, c, STR("autarky doctor"),
         "the copy %.*s of the audit log lacks what happened since %s: %.*s",
         STR_ARG(shown(a->name)), when_text(a->oldest, at), STR_ARG(shown(a->why)));
}

static void judge_agent(const struct alert_agent *a, struct alert_conditions *out)
{
    struct alert_condition *c = say(out, "agent", a->name);
    char at[WHEN_TEXT];

    if (c)
        TELL(out, c,
             STR("see `autarky agent run` and its log on that host; autarky agent show; autarky "
                 "agent remove"),
             "the agent %.*s is silent: it was last heard of at %s", STR_ARG(shown(a->name)),
             when_text(a->heard, at));
}

/* A network that is cut is one alert, and not thousands. */
static void judge_agents(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;

    for (size_t i = 0; f->silent <= ALERT_AGENTS_MAX && i < f->n_agents; i++)
        judge_agent(&f->agents[i], out);
    if (f->silent <= ALERT_AGENTS_MAX || !(c = say(out, "agent", STR("agents"))))
        return;
    c->severity = STORE_CRITICAL;
    TELL(out, c, STR("autarky agent list"), "more than %d agents are silent", ALERT_AGENTS_MAX);
}

static void judge_trouble(const struct alert_facts *f, const struct alert_trouble *t,
                          struct alert_conditions *out)
{
    const char *kind = t->unproven ? "proof" : "renewal";
    struct alert_condition *c;
    char at[WHEN_TEXT];
    struct str key =
        arena_printf(&out->arena, "%.*s/%.*s", STR_ARG(t->agent), STR_ARG(t->directory));

    if (!key.p)
        out->rc = RC_NOMEM; /* which `say` sees */
    if (!(c = say(out, kind, key)))
        return;
    c->object = shown(t->name);
    if (t->ends - f->now < ALERT_SITE_CRITICAL)
        c->severity = STORE_CRITICAL;
    if (t->unproven)
        TELL(out, c, STR("autarky agent show; autarky probe"),
             "the agent %.*s has a new certificate for %.*s, which is not seen to be served: %.*s",
             STR_ARG(shown(t->agent)), STR_ARG(c->object), STR_ARG(shown(t->why)));
    else if (t->failures)
        TELL(out, c, STR("autarky agent show"),
             "the agent %.*s gets no new certificate for %.*s: %.*s", STR_ARG(shown(t->agent)),
             STR_ARG(c->object), STR_ARG(shown(t->why)));
    else
        TELL(out, c, STR("autarky agent show"),
             "the agent %.*s is stuck: the certificate for %.*s was to be renewed at %s, and "
             "nothing "
             "was tried",
             STR_ARG(shown(t->agent)), STR_ARG(c->object), when_text(t->due, at));
}

static void judge_troubles(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c;

    for (size_t i = 0; i < f->n_troubles; i++)
        judge_trouble(f, &f->troubles[i], out);
    if (!f->more_troubles || !(c = say(out, "renewal", STR("agents"))))
        return;
    c->severity = STORE_CRITICAL;
    TELL(out, c, STR("autarky agent list"),
         "more than %d certificates on hosts of agents fail or are not seen to be served",
         ALERT_TROUBLES_MAX);
}

static void judge_skew(const struct alert_clock *k, struct alert_conditions *out)
{
    struct alert_condition *c = say(out, "clock", k->agent);
    unsigned long long minutes =
        (unsigned long long)((k->skew < 0 ? -k->skew : k->skew) / WHEN_MINUTE);

    if (c)
        TELL(out, c, STR("timedatectl on that host; autarky agent show"),
             "the clock of the agent %.*s is %llu minutes %s of this one", STR_ARG(shown(k->agent)),
             minutes, k->skew < 0 ? "behind" : "ahead");
}

static void judge_site(const struct alert_facts *f, const struct alert_site *s,
                       struct alert_conditions *out)
{
    struct alert_condition *c;
    char at[WHEN_TEXT];
    struct str key;

    if (s->failures < ALERT_SITE_FAILURES)
        return;
    key = arena_printf(&out->arena, "%.*s/%s", STR_ARG(shown(s->name)), s->algorithm);
    if (!key.p)
        out->rc = RC_NOMEM; /* which `say` sees */
    if (!(c = say(out, "site", key)))
        return;
    c->object = shown(s->name);
    if (s->ends - f->now < ALERT_SITE_CRITICAL)
        c->severity = STORE_CRITICAL;
    if (s->ends)
        TELL(out, c, STR("autarky site list"),
             "the site %.*s gets no new %s certificate; the one in place is valid until %s: %.*s",
             STR_ARG(shown(s->name)), s->algorithm, when_text(s->ends, at), STR_ARG(shown(s->why)));
    else
        TELL(out, c, STR("autarky site list"), "the site %.*s gets no %s certificate: %.*s",
             STR_ARG(shown(s->name)), s->algorithm, STR_ARG(shown(s->why)));
}

static void judge_backup(const struct alert_facts *f, struct alert_conditions *out)
{
    bool old = f->backup && f->backup_age && f->now - f->backup > f->backup_age;
    bool none = !f->backup && f->backup_expected;
    struct alert_condition *c = old || none ? say(out, "backup", STR("last")) : NULL;
    char at[WHEN_TEXT];

    if (!c)
        return;
    if (none)
        TELL(out, c, STR("autarky backup create"), "no backup was ever made");
    else
        TELL(out, c, STR("autarky backup create"), "the last backup was made at %s",
             when_text(f->backup, at));
}

static void judge_deliveries(const struct alert_facts *f, struct alert_conditions *out)
{
    struct alert_condition *c = f->given_up ? say(out, "delivery", STR("receivers")) : NULL;

    if (c)
        TELL(out, c, STR("autarky alert show"),
             "%llu messages about alerts were given up: their receivers could not be reached",
             (unsigned long long)f->given_up);
}

void alert_judge(const struct alert_facts *f, struct alert_conditions *out)
{
    judge_clock(f, out);
    judge_disk(f, out);
    judge_audit(f, out);
    judge_lists(f, out);
    judge_staples(f, out);
    judge_deliveries(f, out);
    judge_backup(f, out);
    for (size_t i = 0; i < f->n_authorities; i++)
        judge_authority(f, &f->authorities[i], out);
    for (size_t i = 0; i < f->n_locks; i++)
        judge_lock(&f->locks[i], out);
    for (size_t i = 0; i < f->n_approvals; i++)
        judge_approval(f, &f->approvals[i], out);
    for (size_t i = 0; i < f->n_away; i++)
        judge_away(f, &f->away[i], out);
    judge_agents(f, out);
    judge_troubles(f, out);
    for (size_t i = 0; i < f->n_clocks; i++)
        judge_skew(&f->clocks[i], out);
    for (size_t i = 0; i < f->n_copies; i++)
        judge_copy(f, &f->copies[i], out);
    for (size_t i = 0; i < f->n_sites; i++)
        judge_site(f, &f->sites[i], out);
}
