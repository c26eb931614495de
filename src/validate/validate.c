/* SPDX-License-Identifier: Apache-2.0 */
#include "validate/validate.h"

#include "base/when.h"
#include "ev/clock.h"
#include "validate/reach.h"
#include "validate/validate_int.h"

enum { KEY_AUTHORIZATION_MAX = 256, TEXT_BYTES = 512 };

MSG(msg_trouble, "validate.trouble", "the validation could not be carried out: {0}");

/* ---- an attempt's life */

/* Nothing is under way any more, and its place is free. */
static void stop(struct validation *run)
{
    if (!list_empty(&run->link))
        run->owner->n_runs--;
    list_remove(&run->link);
    ev_timer_stop(&run->timer);
    ev_defer_cancel(&run->soon);
    dns_lookup_cancel(MOVE(run->lookup_a));
    dns_lookup_cancel(MOVE(run->lookup_aaaa));
    dns_lookup_cancel(MOVE(run->lookup_txt));
    dns_lookup_cancel(MOVE(run->lookup_caa));
    validate_fetch_done(&run->fetch);
}

static void run_free(struct validation *run)
{
    stop(run);
    conf_unref(run->conf);
    arena_done(&run->arena);
    mem_free(run);
}

void validate_finish(struct validation *run, enum rc rc)
{
    CLEANUP(buf_done) struct buf evidence = BUF_INIT(VALIDATE_EVIDENCE_MAX);
    struct validate_result result = {
        .rc = rc, .err = rc == RC_OK ? NULL : &run->err, .until = run->until};

    /* A verdict without evidence is none. */
    if ((rc == RC_OK || rc == RC_DENIED) && validate_evidence(run, &evidence) != RC_OK)
        result.rc = RC_NOMEM;
    if (result.rc != RC_OK && result.rc != RC_DENIED) {
        IGNORE_RC(ERR(&run->err, result.rc, msg_trouble, str_of(rc_text(result.rc))));
        result.err = &run->err;
    }
    result.evidence = buf_str(&evidence);
    stop(run);
    run->fn(run->arg, &result);
    run_free(run);
}

void validate_fail(struct validation *run, const char *type)
{
    validate_finish(run, err_problem(&run->err, RC_DENIED, type, 0));
}

struct str validate_text(struct validation *run, const struct err *err)
{
    char cut[TEXT_BYTES];
    struct str kept;

    err_textz(err, cut, sizeof(cut));
    return arena_str(&run->arena, str_of(cut), &kept) == RC_OK ? kept : STR("");
}

int64_t validate_now(const struct validation *run)
{
    return clock_mono(ev_clock(run->owner->ev));
}

int64_t validate_left(const struct validation *run)
{
    int64_t left = run->deadline - validate_now(run);

    return left > 0 ? left : 0;
}

void validate_proven(struct validation *run)
{
    int64_t left = validate_left(run);

    if (run->is_ip || run->conf->validation.caa == CONF_CAA_OFF) {
        validate_finish(run, RC_OK);
        return;
    }
    if (left < VALIDATE_CAA_TIME)
        left = VALIDATE_CAA_TIME;
    run->deadline = validate_now(run) + left;
    ev_timer_start(&run->timer, left, 0);
    run->in_caa = true;
    validate_caa(run);
}

static void on_soon(void *arg)
{
    struct validation *run = arg;

    if (run->ask.caa_only)
        validate_proven(run);
    else
        run->method->begin(run);
}

static void on_deadline(void *arg)
{
    struct validation *run = arg;

    if (run->in_caa)
        validate_caa_late(run);
    else
        run->method->late(run);
}

static const struct validate_method *find_method(struct str name)
{
    static const struct validate_method *const methods[] = {
        &validate_http01, &validate_alpn01, &validate_dns01, &validate_dns_account01,
        &validate_dns_persist01};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (str_eq(name, str_of(methods[i]->name)))
            return methods[i];
    return NULL;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.n && s.n <= VALIDATE_TOKEN_MAX;
}

static enum rc check_token(const struct validate_ask *ask)
{
    if (ask->caa_only)
        return RC_OK;
    return is_token(ask->token) && ask->key_authorization.n <= KEY_AUTHORIZATION_MAX &&
                   str_starts(ask->key_authorization, ask->token)
               ? RC_OK
               : RC_INVAL;
}

static enum rc check(const struct validate_ask *ask, const struct validate_method *method)
{
    struct addr addr;
    bool is_ip = addr_parse(ask->identifier, &addr) == RC_OK;

    if (!method)
        return RC_UNSUPPORTED;
    TRY(check_token(ask));
    if (str_eq(ask->identifier_type, STR("ip")))
        return is_ip && method->ips && !ask->wildcard ? RC_OK : RC_INVAL;
    return !is_ip && str_eq(ask->identifier_type, STR("dns")) ? RC_OK : RC_INVAL;
}

static struct validation *new_run(struct validator *v, const struct validate_ask *ask)
{
    struct validation *run = MEM_NEW(struct validation);

    if (!run)
        return NULL;
    arena_init(&run->arena, VALIDATION_ARENA);
    run->what = arena_printf(&run->arena, "%.*s for %s%.*s", STR_ARG(ask->challenge),
                             ask->wildcard ? "*." : "", STR_ARG(ask->identifier));
    if (!run->what.p) {
        arena_done(&run->arena);
        mem_free(run);
        return NULL;
    }
    run->owner = v;
    run->conf = conf_ref(v->conf);
    run->ask = *ask;
    run->is_ip = str_eq(ask->identifier_type, STR("ip"));
    validate_fetch_init(&run->fetch, v->ev, v->net);
    run->fetch.conf = run->conf;
    return run;
}

enum rc validate_start(struct validator *v, const struct validate_ask *ask, validate_fn fn,
                       void *arg, struct validation **out)
{
    const struct validate_method *method = find_method(ask->challenge);
    struct validation *run;

    TRY(check(ask, method));
    if (v->n_runs >= VALIDATE_MAX)
        return RC_QUOTA;
    run = new_run(v, ask);
    if (!run)
        return RC_NOMEM;
    run->method = method;
    run->fn = fn;
    run->arg = arg;
    run->began = clock_mono(ev_clock(v->ev));
    run->deadline = run->began + v->conf->validation.timeout;
    ev_timer_init(&run->timer, v->ev, on_deadline, run);
    ev_timer_start(&run->timer, v->conf->validation.timeout, 0);
    ev_defer_init(&run->soon, on_soon, run);
    ev_defer(v->ev, &run->soon);
    list_init(&run->link);
    list_push(&v->runs, &run->link);
    v->n_runs++;
    if (out)
        *out = run;
    return RC_OK;
}

void validate_cancel(struct validation *run)
{
    run_free(run);
}

/* ---- the validator */

/* Servers that NS records lead to are as much chosen by strangers as what is fetched from. */
static bool may_ask(void *arg, const struct addr *addr)
{
    const struct validator *v = arg;

    return validate_reach(v->conf, addr, NULL) == RC_OK;
}

enum rc validator_new(struct ev *ev, struct net *net, const struct conf *conf,
                      struct dns_zones *zones, struct validator **out)
{
    CLEANUP(validator_freep) struct validator *v = MEM_NEW(struct validator);

    if (!v)
        return RC_NOMEM;
    v->ev = ev;
    v->net = net;
    v->conf = conf_ref(conf);
    list_init(&v->runs);
    list_init(&v->preflights);
    TRY(dns_resolver_new(ev, net, zones, &v->resolver));
    dns_resolver_set_filter(v->resolver, may_ask, v);
    *out = MOVE(v);
    return RC_OK;
}

void validator_free(struct validator *v)
{
    if (!v)
        return;
    while (!list_empty(&v->preflights)) /* each takes its attempts along */
        validate_preflight_end(v->preflights.next);
    LIST_FOREACH (it, &v->runs)
        run_free(LIST_ENTRY(it, struct validation, link));
    dns_resolver_free(v->resolver);
    conf_unref(v->conf);
    mem_free(v);
}

void validator_set(struct validator *v, const struct conf *conf, struct dns_zones *zones)
{
    const struct conf *old = v->conf;

    v->conf = conf_ref(conf);
    conf_unref(old);
    dns_resolver_set_zones(v->resolver, zones);
}

size_t validator_count(const struct validator *v)
{
    return v->n_runs + v->n_preflights;
}
