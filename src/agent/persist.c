/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01 (draft-ietf-acme-dns-persist): a TXT record that stays, and names the CA and the
 * account. It is looked for, and written once where somebody can; it is never taken away. */
#include <stdio.h>

#include "agent/dns_alias.h"
#include "agent/plan.h"
#include "base/arena.h"
#include "dns/persist_rule.h"
#include "dns/resolver.h"
#include "ev/clock.h"
#include "ev/ev.h"

MSG(msg_missing, "agent.persist-missing",
    "{0} has no TXT record that lets this account prove {1} ({2}). Write it once: {0} TXT \"{3}\"");
MSG(msg_none, "agent.persist-none", "there is no TXT record at all");

enum { LOOKUP_BYTES = 1 << 20, TEXTS_BYTES = 64 * 1024 };
#define LOOKUP_TIME (10 * WHEN_SECOND)

struct persist {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    const struct agent_plan *plan;
    struct agent_solver *by; /* who can write records; NULL: a person does */
    struct dns_resolver *resolver;
    struct dns_lookup *lookup;
    struct arena scratch, texts;
    const struct client_proof *proof;
    struct str name, value; /* of the record, in `texts` */
    bool writing;
    unsigned stale;         /* what is still being written, and nobody waits for: it comes first */
    client_presented_fn fn; /* NULL: nobody waits */
    void *arg;
};

static void finish(struct persist *p, enum rc rc, const struct err *err)
{
    client_presented_fn fn = MOVE(p->fn);

    if (fn)
        fn(p->arg, rc, err && err->msg ? err : NULL);
}

/* ---- what has to be there */

/* A wildcard of this name is in the certificate, too: one record is for both. */
static bool has_wildcard(const struct agent_plan *plan, struct str name)
{
    for (size_t i = 0; i < plan->n_dns; i++)
        if (str_starts(plan->dns[i], STR("*.")) && str_eq(str_skip(plan->dns[i], 2), name))
            return true;
    return false;
}

static enum rc put_record(struct persist *p, struct str identifier, bool wildcard,
                          struct str *out_name, struct str *out_value)
{
    *out_name = arena_printf(&p->texts, "_validation-persist.%.*s", STR_ARG(identifier));
    *out_value = arena_printf(&p->texts, "%.*s; accounturi=%.*s%s", STR_ARG(p->proof->issuers[0]),
                              STR_ARG(p->proof->account), wildcard ? "; policy=wildcard" : "");
    return out_name->p && out_value->p ? RC_OK : RC_NOMEM;
}

static enum rc describe(struct persist *p, const struct client_proof *proof)
{
    arena_done(&p->texts);
    arena_init(&p->texts, TEXTS_BYTES);
    p->proof = proof;
    return put_record(p, proof->identifier,
                      proof->wildcard || has_wildcard(p->plan, proof->identifier), &p->name,
                      &p->value);
}

/* Who has to write one by hand wants to write all of them. */
static void say_others(struct persist *p)
{
    struct str last = p->proof->identifier, name, value;

    for (size_t i = 0; i < p->plan->n_dns; i++) {
        struct str one = p->plan->dns[i];
        bool wildcard = str_starts(one, STR("*."));

        one = wildcard ? str_skip(one, 2) : one;
        if (str_eq(one, p->proof->identifier) || str_eq(one, last))
            continue;
        last = one;
        if (put_record(p, one, has_wildcard(p->plan, one), &name, &value) == RC_OK)
            agent_say(p->w, false, "and, where it is not there yet, %.*s TXT \"%.*s\"",
                      STR_ARG(name), STR_ARG(value));
    }
}

/* ---- writing it */

static void on_written(void *arg, enum rc rc, const struct err *err)
{
    struct persist *p = arg;

    if (p->stale) {
        p->stale--;
        return;
    }
    p->writing = false;
    if (rc == RC_OK)
        agent_say(p->w, false, "wrote %.*s TXT \"%.*s\"; it stays", STR_ARG(p->name),
                  STR_ARG(p->value));
    finish(p, rc, err);
}

static void not_there(struct persist *p, const struct err *why)
{
    struct client_proof proof = *p->proof;
    struct err err = ERR_INIT;
    char line[512];

    if (p->by) {
        proof.record = p->name;
        proof.record_value = p->value;
        p->writing = true;
        p->by->solver.present(p->by->solver.arg, &proof, on_written, p);
        return;
    }
    say_others(p);
    finish(p,
           ERR(&err, RC_CONFLICT, msg_missing, p->name, p->proof->identifier,
               str_of(err_textz(why, line, sizeof(line))), p->value),
           &err);
}

/* ---- looking */

/* Whether it is there cannot be known here; the server knows. */
static void unknown(struct persist *p, const char *why)
{
    struct err err = ERR_INIT;

    if (p->by) {
        not_there(p, &err);
        return;
    }
    agent_say(p->w, true, "whether there is a TXT record of %.*s cannot be looked up: %s",
              STR_ARG(p->name), why);
    finish(p, RC_OK, NULL);
}

static void judge(struct persist *p, const struct dns_answer *answer)
{
    const struct client_proof *proof = p->proof;
    const struct persist_query q = {.issuers = proof->issuers,
                                    .n_issuers = proof->n_issuers,
                                    .uris = {proof->account},
                                    .n_uris = 1,
                                    .wildcard = proof->wildcard,
                                    .now = clock_now(ev_clock(p->w->ev))};
    struct err why = ERR_INIT;
    when_t until;
    enum rc rc = persist_judge(&q, answer->records, answer->n, &until, &why);

    if (rc == RC_DENIED)
        not_there(p, &why);
    else
        finish(p, rc, &why);
}

static void on_answer(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct persist *p = arg;
    struct err why = ERR_INIT;
    char line[512];

    p->lookup = NULL;
    if (rc != RC_OK)
        finish(p, rc, NULL);
    else if (answer->status == DNS_FOUND)
        judge(p, answer);
    else if (answer->status == DNS_NO_NAME || answer->status == DNS_NO_DATA) {
        IGNORE_RC(ERR(&why, RC_NOTFOUND, msg_none));
        not_there(p, &why);
    } else {
        IGNORE_RC(dns_answer_err(answer, &why));
        unknown(p, err_textz(&why, line, sizeof(line)));
    }
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct persist *p = arg;
    struct dns_question q = {.type = DNS_TXT, .timeout = LOOKUP_TIME, .arena = &p->scratch};
    enum rc rc = describe(p, proof);

    p->fn = fn;
    p->arg = fn_arg;
    arena_done(&p->scratch);
    arena_init(&p->scratch, LOOKUP_BYTES);
    q.name = p->name;
    if (rc == RC_OK && !p->resolver)
        unknown(p, "there is no resolver");
    else if (rc == RC_OK)
        rc = dns_lookup_start(p->resolver, &q, on_answer, p, &p->lookup);
    if (rc != RC_OK)
        finish(p, rc, NULL);
}

/* What is being written goes on, for it is to stay. */
static void cleanup(void *arg, const struct client_proof *)
{
    struct persist *p = arg;

    if (p->lookup)
        dns_lookup_cancel(MOVE(p->lookup));
    p->stale += p->writing;
    p->writing = false;
    p->fn = NULL;
}

static bool busy(const struct agent_solver *s)
{
    const struct persist *p = (const void *)s;

    return p->by && agent_solver_busy(p->by);
}

static void persist_free(struct agent_solver *s)
{
    struct persist *p = (void *)s;

    agent_solver_free(p->by);
    dns_resolver_free(p->resolver);
    arena_done(&p->scratch);
    arena_done(&p->texts);
    mem_free(p);
}

enum rc agent_persist_new(const struct agent_world *w, const struct agent_plan *plan,
                          struct agent_solver **out, struct err *err)
{
    static const struct agent_solver_ops ops = {busy, persist_free};
    CLEANUP(agent_solver_freep) struct agent_solver *s = NULL;
    struct persist *p = MEM_NEW(struct persist);

    if (!p)
        return RC_NOMEM;
    p->w = w;
    p->plan = plan;
    arena_init(&p->scratch, LOOKUP_BYTES);
    arena_init(&p->texts, TEXTS_BYTES);
    p->s = (struct agent_solver){{CLIENT_PERSIST, present, cleanup, p}, &ops};
    s = &p->s;
    if (plan->style.n)
        TRY(agent_rfc2136_new(w, plan->value, &p->by, err));
    TRY(agent_resolver_new(w, plan->resolver, &p->resolver, err));
    *out = MOVE(s);
    return RC_OK;
}
