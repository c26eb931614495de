/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong, and the command that mends it. */
#include "api/admin.h"
#include "api/alerts.h"
#include "api/escrow.h"
#include "ca/issue.h"
#include "conf/conf.h"
#include "ipc/messages.h"
#include "ipc/role.h"
#include "revocation/revocation.h"
#include "store/issuances.h"
#include "store/locks.h"
#include "store/revocations.h"
#include "store/store.h"

enum { TEXT_MAX = 1024, CRL_ARENA = STORE_CRL_MAX + 64 * 1024, LOCKS_ARENA = 512 * 1024 };
#define EXPIRING_SOON (30 * WHEN_DAY)
#define ROOT_LIST_SOON (30 * WHEN_DAY)

struct findings {
    struct json_out *o;
    bool healthy;
};

static void finding(struct findings *f, const char *name, const char *state, const char *text,
                    const char *cure)
{
    json_obj(f->o);
    json_kv_z(f->o, "name", name);
    json_kv_z(f->o, "state", state);
    json_kv_z(f->o, "text", text);
    json_kv_z(f->o, "cure", cure);
    json_end(f->o);
    if (str_eq(str_of(state), STR("failed")))
        f->healthy = false;
}

static void check_clock(const struct api_view *v, struct findings *f)
{
    struct err err = ERR_INIT;
    char text[TEXT_MAX];

    if (ca_ready(v->ca, &err) == RC_OK)
        finding(f, "clock", "ok", "the clock has not gone back and has not leapt", NULL);
    else
        finding(f, "clock", "failed", err_textz(&err, text, sizeof(text)), "timedatectl");
}

static void check_store(const struct api_view *v, struct findings *f)
{
    struct err last = ERR_INIT;
    char text[TEXT_MAX];

    store_last_error(v->store, &last);
    if (last.rc == RC_OK)
        finding(f, "database", "ok", "every write so far has reached the disk", NULL);
    else
        finding(f, "database", "failed", err_textz(&last, text, sizeof(text)),
                "df -h; journalctl -k");
}

/* An issuer that signs: its end, what it is made for, and what takes its place. */
static void check_issuer(const struct api_view *v, struct findings *f, const struct ca_issuer *i)
{
    enum ca_due due = api_issuer_due(v, i);
    bool over = i->cert.not_after <= v->now;
    bool staging = str_eq(i->hierarchy, ca_hierarchy_text(CA_STAGING)); /* nobody stands on it */
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX - 1);
    CLEANUP(buf_done) struct buf cure = BUF_INIT(TEXT_MAX - 1);
    char until[WHEN_TEXT];

    buf_printf(&text, "issuer %.*s %s valid until %s", STR_ARG(i->ref), over ? "was" : "is",
               when_text(i->cert.not_after, until));
    if (due == CA_DUE_BOUNDS)
        buf_putz(&text, ", and it is made for other names than the configuration has");
    buf_printf(&cure, "autarky issuer rotate %.*s", STR_ARG(i->ref));
    finding(f, "issuer",
            over && !staging             ? "failed"
            : due == CA_NOT_DUE && !over ? "ok"
                                         : "warning",
            buf_z(&text), over || due != CA_NOT_DUE ? buf_z(&cure) : NULL);
}

/* Issuers end with their root, so it is to be replaced while it can still sign one for its whole
 * life. */
static void check_root(const struct api_view *v, struct findings *f, const struct ca_issuer *i)
{
    bool late = i->cert.not_after - v->now < v->conf->ca.rotation.lifetime;
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX - 1);
    char until[WHEN_TEXT];

    buf_printf(&text, "root %.*s is valid until %s", STR_ARG(i->ref),
               when_text(i->cert.not_after, until));
    finding(f, "root", late ? "warning" : "ok", buf_z(&text),
            late ? "autarky root create --next, then give the new root to all machines; meanwhile "
                   "autarky issuer cross-sign lets both verify"
                 : NULL);
}

/* A root's list comes from where its key is, at a person's hands, so there has to be time for it.
 */
static void check_root_list(const struct api_view *v, struct findings *f, const struct ca_issuer *i)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CRL_ARENA);
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX - 1);
    struct store_crl crl = {.next_update = 0};
    const char *state = "ok";
    char until[WHEN_TEXT];
    enum rc rc = store_crl_get(store_read(v->store), &a, &i->id, 0, false, &crl);

    if (i->cert.not_after <= v->now || (rc != RC_OK && rc != RC_NOTFOUND))
        return; /* check_store has it */
    if (rc == RC_NOTFOUND && !api_root_list_wanted(v, i))
        return;
    if (rc == RC_NOTFOUND) {
        state = "warning";
        buf_printf(&text, "root %.*s has no revocation list here, and what it signed points to one",
                   STR_ARG(i->ref));
    } else {
        state = crl.next_update - v->now > ROOT_LIST_SOON                 ? "ok"
                : crl.next_update <= v->now && api_root_list_wanted(v, i) ? "failed"
                                                                          : "warning";
        buf_printf(&text, "the revocation list of root %.*s %s good until %s", STR_ARG(i->ref),
                   crl.next_update <= v->now ? "was" : "is", when_text(crl.next_update, until));
    }
    finding(f, "root list", state, buf_z(&text),
            str_eq(str_of(state), STR("ok"))
                ? NULL
                : "autarky root sign --crl --media DIR, where the root's key is; then, here, "
                  "autarky issuer import --media DIR");
}

static void check_issuers(const struct api_view *v, struct findings *f)
{
    const struct ca_issuer *i;

    for (size_t k = 0; (i = ca_issuer_at(v->ca, k)); k++)
        if (!i->parent.z[0])
            check_root_list(v, f, i);
    for (size_t k = 0; (i = ca_issuer_at(v->ca, k)); k++) {
        bool over = i->state == STORE_ISSUER_ACTIVE && !i->retires && !api_issuer_superseded(v, i);

        if (api_issuer_state(v, i) != STORE_ISSUER_ACTIVE && !over)
            continue;
        if (i->parent.z[0])
            check_issuer(v, f, i);
        else
            check_root(v, f, i);
    }
    if (!ca_hierarchy_open(v->ca, STR("intranet")))
        finding(f, "issuer", "failed", "no issuer of the intranet signs now",
                "autarky issuer list; autarky issuer create");
}

static void check_accepted(const struct api_view *v, struct findings *f)
{
    if (v->processes && v->processes->policy_waits)
        finding(f, "accepted policy", "warning",
                "since the start the files have another policy than the one that was accepted, "
                "which takes a second person; the accepted configuration is in force, whole",
                "autarky reload --reason TEXT; another person: autarky approval grant ID; then "
                "autarky reload; or let the files say again what was accepted");
}

static void check_reload(const struct api_view *v, struct findings *f)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

    if (!v->processes || v->processes->reload_refused.n == 0)
        return;
    buf_printf(&b, "the last reload, asked for by a signal or due in its window, was refused: %.*s",
               STR_ARG(v->processes->reload_refused));
    finding(f, "reload", "warning", buf_z(&b),
            "mend the files, as autarky config check says; then autarky reload");
}

static void check_processes(const struct api_view *v, struct findings *f)
{
    if (!v->processes)
        finding(f, "supervisor", "failed", "the supervisor does not answer",
                "restart `autarky serve`");
    for (size_t i = 0; v->processes && i < v->processes->processes.n; i++) {
        const struct ipc_process *p = &v->processes->processes.v[i];
        /* One that others have replaced finishes what it has: gateway.drain. */
        bool ready = str_eq(p->state, STR("ready")) || str_eq(p->state, STR("draining"));
        CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

        buf_printf(&b, "%s is %.*s, restarted %u times", role_name(p->role), STR_ARG(p->state),
                   p->restarts);
        finding(f, "process", ready ? "ok" : "failed", buf_z(&b),
                ready ? NULL : "look for the role's name in the log of `autarky serve`");
    }
}

/* What a process executes would inherit it; only the supervisor and the runner may execute. */
static bool by_design(struct str line)
{
    return str_starts(str_trim(line), STR("off: executes programs"));
}

/* What a line of a report, "landlock: partly: ABI 2: files", says that is missing. */
static void put_missing(struct str report, struct buf *out)
{
    struct str line, name, rest;

    while (str_next(&report, '\n', &line)) {
        str_cut(line, ':', &name, &rest);
        if (line.n && !str_starts(str_trim(rest), STR("on:")) && !by_design(rest))
            buf_printf(out, "%s%.*s", out->n ? "; " : "", STR_ARG(line));
    }
}

/* The supervisor's own report is left out: it never can confine itself further than it does. */
static void check_confinement(const struct api_view *v, struct findings *f)
{
    bool all = true;

    for (size_t i = 0; v->processes && i < v->processes->processes.n; i++) {
        const struct ipc_process *p = &v->processes->processes.v[i];
        CLEANUP(buf_done) struct buf missing = BUF_INIT(TEXT_MAX);
        CLEANUP(buf_done) struct buf b = BUF_INIT(2 * TEXT_MAX);

        put_missing(p->sandbox, &missing);
        if (p->role == ROLE_SUPERVISOR || missing.n == 0)
            continue;
        all = false;
        buf_printf(&b, "%s is not fully confined: %s", role_name(p->role), buf_z(&missing));
        finding(f, "confinement", "warning", buf_z(&b),
                "start the service as root, on a kernel with Landlock and seccomp; each process "
                "then runs as a user of its own");
    }
    if (all && v->processes)
        finding(f, "confinement", "ok", "every process is confined to its work", NULL);
}

static void check_orders(const struct api_view *v, struct findings *f)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
    uint64_t n = 0;

    IGNORE_RC(store_issuance_waiting(store_read(v->store), &n)); /* check_store has it */
    buf_printf(&b, "%llu certificates wait for the signer, %zu challenges are being tried",
               (unsigned long long)n, v->validating);
    finding(f, "work", n && !v->signer ? "failed" : "ok", buf_z(&b),
            n && !v->signer ? "the signer is away; see its lines in the log" : NULL);
}

static void check_probers(const struct api_view *v, struct findings *f)
{
    for (size_t i = 0; i < v->n_probers; i++) {
        const struct api_prober *p = &v->probers[i];
        bool ends = p->connected && p->expires < v->now + EXPIRING_SOON;
        CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
        char since[WHEN_TEXT], seen[WHEN_TEXT], expires[WHEN_TEXT];

        if (p->connected)
            buf_printf(&b, "the prober %.*s is connected since %s, its certificate ends at %s",
                       STR_ARG(p->name), when_text(p->since, since),
                       when_text(p->expires, expires));
        else
            buf_printf(&b,
                       "the prober %.*s is not connected (last seen: %s): what it alone "
                       "validates waits",
                       STR_ARG(p->name), p->seen ? when_text(p->seen, seen) : "never");
        finding(f, "prober",
                !p->connected ? "failed"
                : ends        ? "warning"
                              : "ok",
                buf_z(&b),
                !p->connected ? "start `autarky prober` on its host, or see its log there and "
                                "\"front.prober\" in the log of `autarky serve`"
                : ends ? "autarky cert issue --profile client; put the new key beside the old "
                         "one into `probers` of autarky.yaml"
                       : NULL);
    }
}

static void check_forwards(const struct api_view *v, struct findings *f)
{
    for (size_t i = 0; i < v->n_forwards; i++) {
        bool fails = v->forwards[i].failures > 0;
        CLEANUP(buf_done) struct buf b = BUF_INIT(2 * TEXT_MAX);

        api_forward_text(&v->forwards[i], v->now, &b);
        finding(f, "audit copy", fails ? "failed" : "ok", buf_z(&b),
                fails ? "mend the destination; what it lacks is kept and comes by itself" : NULL);
    }
}

static void check_locks(const struct api_view *v, struct findings *f)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LOCKS_ARENA);
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
    struct store_lock *locks = NULL;
    char since[WHEN_TEXT];
    size_t n = api_locks_that_hold(v, &a, &locks);

    for (size_t i = 0; i < n; i++) {
        buf_reset(&b);
        buf_printf(&b, "issuance is frozen (%s%s%.*s) since %s, by %.*s: %.*s",
                   store_lock_scope_text(locks[i].scope), locks[i].value.n ? " " : "",
                   STR_ARG(locks[i].value), when_text(locks[i].set, since),
                   STR_ARG(locks[i].set_by), STR_ARG(locks[i].reason));
        finding(f, "issuance", "warning", buf_z(&b), "autarky issuance status");
    }
    if (n == 0 && v->watch.unusual > v->now - WHEN_DAY)
        finding(f, "issuance", "warning", "nothing is frozen, and the last day had an unusual hour",
                "look for issuance.unusual and issuance.frozen in `autarky audit export`");
    else if (n == 0)
        finding(f, "issuance", "ok", "nothing is frozen", NULL);
}

static void check_revocation(const struct api_view *v, struct findings *f)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
    struct revocation_health h;
    char until[WHEN_TEXT];

    if (!v->revocation || revocation_health(v->revocation, &h) != RC_OK)
        return; /* check_store has it */
    if (v->conf->urls.plain.n == 0) {
        finding(f, "revocation", "warning",
                "urls.plain is not set: there are no revocation lists, and certificates do not say "
                "where they would be",
                "set urls.plain in autarky.yaml before certificates are given out");
        return;
    }
    buf_printf(&b, "%llu of %llu revocation lists are published, the first ends at %s",
               (unsigned long long)h.crls.published, (unsigned long long)h.crls.shards,
               h.crls.next_update ? when_text(h.crls.next_update, until) : "-");
    if (h.crls.overdue)
        buf_printf(&b, "; %llu have ended", (unsigned long long)h.crls.overdue);
    if (h.crls.behind)
        buf_printf(&b, "; %llu are late", (unsigned long long)h.crls.behind);
    finding(f, "revocation",
            h.crls.overdue  ? "failed"
            : h.crls.behind ? "warning"
                            : "ok",
            buf_z(&b),
            h.crls.overdue || h.crls.behind
                ? "look for \"revocation.\" and \"signer.crl\" in the log of `autarky serve`; a "
                  "root's list is made anew where the root's key is"
                : NULL);
}

static void check_alerts(const struct api_view *v, struct findings *f)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
    const char *cure, *state = api_alerts_judge(v, &b, &cure);

    finding(f, "alerts", state, buf_z(&b), cure);
}

static void check_escrow(const struct api_view *v, struct findings *f)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
    const char *cure, *state = api_escrow_judge(v, &b, &cure);

    if (state)
        finding(f, "escrow", state, buf_z(&b), cure);
}

static void check_policy(const struct api_view *v, struct findings *f)
{
    if (v->conf->n_policy == 0)
        finding(f, "policy", "warning", "no policy rule exists: nobody can get a certificate",
                "write a rule under \"policy:\" in autarky.yaml, then `autarky reload`");
    else
        finding(f, "policy", "ok", "there is at least one rule", NULL);
    if (v->conf->urls.api.n == 0)
        finding(
            f, "urls", "warning",
            "urls.api is not set: clients keep the name under which they first reached this server",
            "set urls.api in autarky.yaml before many clients are set up");
}

enum rc api_doctor(const struct api_view *v, struct json_out *o)
{
    struct findings f = {o, true};

    json_obj(o);
    json_key(o, "checks");
    json_arr(o);
    check_processes(v, &f);
    check_accepted(v, &f);
    check_reload(v, &f);
    check_confinement(v, &f);
    check_clock(v, &f);
    check_store(v, &f);
    check_issuers(v, &f);
    check_orders(v, &f);
    check_probers(v, &f);
    check_forwards(v, &f);
    check_revocation(v, &f);
    check_locks(v, &f);
    check_alerts(v, &f);
    check_escrow(v, &f);
    check_policy(v, &f);
    json_end(o);
    json_kv_bool(o, "healthy", f.healthy);
    json_end(o);
    return RC_OK;
}
