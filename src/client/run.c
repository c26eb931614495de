/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a run: begun in the next turn of the loop, ended by its last step, its deadline or
 * its owner. Whatever calls client_run_fail or client_run_finish does nothing behind it. */
#include "client/client_int.h"

#include <stdio.h>

#include "client/renewal.h"
#include "ev/clock.h"

MSG(msg_late, "client.deadline", "no certificate after {0} seconds; the last step was {1}");
MSG(msg_undecided, "client.undecided", "the server has the order and has not decided yet");

static void run_free(struct client_run *run)
{
    if (!run)
        return;
    list_remove(&run->link);
    list_remove(&run->wait);
    run->c->n_runs--;
    ev_defer_cancel(&run->begin);
    ev_timer_stop(&run->pause);
    ev_timer_stop(&run->deadline);
    ev_timer_stop(&run->decide);
    client_request_stop(&run->request);
    client_proof_drop(run);
    buf_done(&run->payload);
    crypto_key_unref(run->key);
    buf_done(&run->first);
    arena_done(&run->alternates_arena);
    arena_done(&run->order_arena);
    arena_done(&run->authorization_arena);
    arena_done(&run->proof_arena);
    arena_done(&run->arena);
    mem_free(run);
}
DEFINE_FREEP(run_free, struct client_run)

void client_cancel(struct client_run *run)
{
    run_free(run);
}

void client_run_finish(struct client_run *run, struct client_result *result)
{
    client_result_fn fn = run->fn;
    void *arg = run->arg;

    run_free(run);
    fn(arg, result);
}

/* The server has lost the account (an older database): looked up anew, and begun again, once. */
static bool account_lost(struct client_run *run, const struct client_reply *reply)
{
    if (!reply || !str_eq(reply->problem, STR("accountDoesNotExist")) || run->again ||
        reply->answer == NULL || run->c->only_existing || run->c->setting_up)
        return false;
    run->again = true;
    return true;
}

/* Without a reply it was what the reply said, or something of ours. */
static bool is_ill(const struct client_run *run, enum rc rc, const struct client_reply *reply)
{
    if (rc == RC_NOMEM || run->ours)
        return false;
    if (reply)
        return !reply->answer || reply->answer->status >= 500;
    return rc == RC_PARSE || rc == RC_TIMEOUT || rc == RC_NOTFOUND || rc == RC_CRYPTO;
}

void client_run_fail(struct client_run *run, enum rc rc, struct err *err,
                     const struct client_reply *reply)
{
    struct client_result result = {.rc = rc,
                                   .err = err,
                                   .ill = is_ill(run, rc, reply),
                                   .silent = reply && !reply->answer && rc != RC_NOMEM};

    /* Whatever it was, the next run starts from what the server says then. */
    run->c->stale = true;
    if (account_lost(run, reply)) {
        client_proof_drop(run);
        client_setup_wait(run);
        return;
    }
    err->rc = rc;
    if (reply) {
        result.problem = reply->problem;
        result.status = reply->answer ? reply->answer->status : 0;
        result.retry_at = reply->retry_at;
    }
    client_run_finish(run, &result);
}

void client_run_go(struct client_run *run)
{
    struct client_result result = {.rc = RC_OK};

    if (run->account)
        client_run_finish(run, &result);
    else if (run->key)
        client_order_begin(run);
    else
        client_look_begin(run);
}

static void on_begin(void *arg)
{
    client_setup_wait(arg);
}

/* It does not ail: what it waits for may be a person. */
static void end_undecided(struct client_run *run)
{
    when_t again = clock_now(ev_clock(run->c->ev)) + CLIENT_AGAIN_SECONDS * WHEN_SECOND;
    struct err err = ERR_INIT;
    struct client_result result = {.rc = ERR(&err, RC_AGAIN, msg_undecided), .err = &err};

    result.retry_at = run->decided_at > again ? run->decided_at : again;
    run->c->stale = true;
    client_run_finish(run, &result);
}

static void on_late(void *arg)
{
    struct client_run *run = arg;
    struct err err = ERR_INIT;
    char digits[24];

    if (run->deciding) {
        end_undecided(run);
        return;
    }
    snprintf(digits, sizeof(digits), "%lld", (long long)(run->timeout / WHEN_SECOND));
    client_run_fail(run,
                    ERR(&err, RC_TIMEOUT, msg_late, str_of(digits),
                        str_of(run->request.what ? run->request.what : "the account")),
                    &err, NULL);
}

void client_run_post(struct client_run *run, const char *what, struct str url,
                     void (*fn)(void *arg, const struct client_reply *reply))
{
    struct client_request *r = &run->request;

    r->what = what;
    r->url = url;
    r->accept = STR("application/json");
    r->payload = buf_str(&run->payload);
    r->max_body = CLIENT_DOCUMENT_MAX;
    r->fn = fn;
    r->arg = run;
    client_request_start(r);
}

static void on_pause(void *arg)
{
    struct client_run *run = arg;

    run->then(run);
}

void client_run_pause(struct client_run *run, when_t at, void (*then)(struct client_run *run))
{
    int64_t least = CLIENT_POLL_SECONDS * WHEN_SECOND, most = CLIENT_POLL_SECONDS_MAX * WHEN_SECOND;
    int64_t pause = at ? at - clock_now(ev_clock(run->c->ev)) : 0;

    run->polls++;
    if (!at)
        pause = client_backoff(run->polls, least, most);
    if (pause < least)
        pause = least;
    run->then = then;
    ev_timer_start(&run->pause, pause, 0);
}

void client_run_undecided(struct client_run *run, when_t at)
{
    if (!run->deciding && run->patience)
        ev_timer_start(&run->decide, run->patience, 0);
    run->deciding = true;
    run->decided_at = at;
    client_run_pause(run, at, client_order_look);
}

/* ---- what is asked for */

static enum rc keep_names(struct client_run *run, const struct client_want *want)
{
    struct str *dns = ARENA_ARRAY(&run->arena, struct str, want->n_dns);
    struct addr *ips = ARENA_ARRAY(&run->arena, struct addr, want->n_ips);

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < want->n_dns; i++)
        TRY(arena_str(&run->arena, want->dns[i], &dns[i]));
    for (size_t i = 0; i < want->n_ips; i++)
        ips[i] = want->ips[i];
    run->dns = dns;
    run->n_dns = want->n_dns;
    run->ips = ips;
    run->n_ips = want->n_ips;
    TRY(arena_str(&run->arena, want->profile, &run->profile));
    TRY(arena_str(&run->arena, want->chain_choice, &run->chain_choice));
    TRY(arena_str(&run->arena, want->order, &run->resumed));
    run->keep = want->keep;
    run->keep_arg = want->keep_arg;
    return arena_str(&run->arena, want->replaces, &run->replaces);
}

static enum rc run_new(struct client *c, client_result_fn fn, void *arg, struct client_run **out)
{
    struct client_run *run = MEM_NEW(struct client_run);

    if (!run)
        return RC_NOMEM;
    run->c = c;
    run->fn = fn;
    run->arg = arg;
    arena_init(&run->arena, CLIENT_ARENA_MAX);
    buf_init(&run->first, CLIENT_CHAIN_MAX);
    arena_init(&run->alternates_arena, CLIENT_ARENA_MAX);
    arena_init(&run->order_arena, CLIENT_ARENA_MAX);
    arena_init(&run->authorization_arena, CLIENT_ARENA_MAX);
    arena_init(&run->proof_arena, CLIENT_ARENA_MAX);
    buf_init(&run->payload, JOSE_JWS_MAX);
    client_request_init(&run->request, c);
    ev_defer_init(&run->begin, on_begin, run);
    ev_timer_init(&run->pause, c->ev, on_pause, run);
    ev_timer_init(&run->deadline, c->ev, on_late, run);
    ev_timer_init(&run->decide, c->ev, on_late, run);
    list_init(&run->wait);
    list_push(&c->runs, &run->link);
    c->n_runs++;
    *out = run;
    return RC_OK;
}

static void begin(struct client_run *run, int64_t timeout)
{
    run->timeout = timeout > 0 ? timeout : CLIENT_RUN_SECONDS * WHEN_SECOND;
    ev_timer_start(&run->deadline, run->timeout, 0);
    ev_defer(run->c->ev, &run->begin);
}

enum rc client_obtain(struct client *c, const struct client_want *want, client_result_fn fn,
                      void *arg, struct client_run **out)
{
    CLEANUP(run_freep) struct client_run *run = NULL;

    if (want->n_dns + want->n_ips == 0 || !want->key || !crypto_key_has_private(want->key))
        return RC_INVAL;
    if (want->n_dns + want->n_ips > CLIENT_NAMES_MAX)
        return RC_TOOBIG;
    TRY(run_new(c, fn, arg, &run));
    TRY(keep_names(run, want));
    run->key = crypto_key_ref(want->key);
    run->patience = want->decide;
    begin(run, want->timeout);
    *out = MOVE(run);
    return RC_OK;
}

enum rc client_sign_up(struct client *c, client_result_fn fn, void *arg, struct client_run **out)
{
    CLEANUP(run_freep) struct client_run *run = NULL;

    TRY(run_new(c, fn, arg, &run));
    run->account = true;
    begin(run, 0);
    *out = MOVE(run);
    return RC_OK;
}

enum rc client_look(struct client *c, struct str certid, client_result_fn fn, void *arg,
                    struct client_run **out)
{
    CLEANUP(run_freep) struct client_run *run = NULL;

    TRY(run_new(c, fn, arg, &run));
    TRY(arena_str(&run->arena, certid, &run->certid));
    begin(run, 0);
    *out = MOVE(run);
    return RC_OK;
}
