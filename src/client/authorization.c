/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.5: every authorization of the order, one after the other. One that is valid
 * already needs nothing; for the others a solver makes a proof visible, and stays until the server
 * has looked. */
#include "base/text.h"
#include "client/client_int.h"
#include "http/url.h"
#include "json/out.h"

MSG(msg_no_way, "client.no-solver",
    "the server wants a proof for {0} by {1}, and nothing here can give one of these");
MSG(msg_failed, CLIENT_NOT_PROVEN, "{0} is not proven: {1}");
MSG(msg_present, "client.not-presented", "the proof for {0} could not be shown: {1}");
MSG(msg_hindered, CLIENT_NOT_SEEN,
    "the server would not find the proof for {0}, and so was not asked to look for it: {1}");
MSG(msg_stranger, "client.authorization-stranger",
    "the server wants a proof for {0}, which is not in the order: nothing is shown for it");
MSG(msg_account, "client.account-elsewhere",
    "the server says that our account is {0}, which is not at the host that has the order: a "
    "record "
    "that names it could speak for {1} at another CA");
MSG(msg_issuers, "client.challenge-issuers",
    "the server's challenge for {0} names no domains that a record can name (issuerDomainNames)");
MSG(msg_token, "client.challenge-token",
    "the server's challenge for {0} has no token, or one that is not base64url (RFC 8555 section "
    "8.1), which no hook and no file is given");

static void look(struct client_run *run);

static void show_all(struct client_run *run);
static void prove_next(struct client_run *run);

void client_proof_drop(struct client_run *run)
{
    const struct client_solver *solver = MOVE(run->solver);
    struct client_batch batch = run->batch;

    run->batch = (struct client_batch){};
    if (solver && batch.n)
        solver->cleanup_all(solver->arg, batch.proofs, batch.n);
    else if (solver)
        solver->cleanup(solver->arg, &run->proof);
}

static void next(struct client_run *run)
{
    const struct client_batch *batch = &run->batch;

    if (batch->n && !batch->gathering && batch->at < batch->n) {
        prove_next(run);
        return;
    }
    if (batch->n && !batch->gathering) {
        client_proof_drop(run);
        client_run_pause(run, 0, client_order_look);
        return;
    }
    if (run->at < run->order.n_authorizations)
        look(run);
    else if (batch->gathering)
        show_all(run);
    else
        client_run_pause(run, 0, client_order_look);
}

static bool wants_all(const struct client *c)
{
    for (size_t i = 0; i < c->n_solvers; i++)
        if (c->solvers[i].present_all)
            return true;
    return false;
}

static enum rc batch_begin(struct client_run *run)
{
    struct arena *a = &run->proof_arena;
    size_t n = run->order.n_authorizations;
    struct client_batch batch = {.gathering = true};

    arena_done(a);
    batch.proofs = ARENA_ARRAY(a, struct client_proof, n);
    batch.urls = ARENA_ARRAY(a, struct str, n);
    batch.of = ARENA_ARRAY(a, size_t, n);
    if (!batch.proofs || !batch.urls || !batch.of)
        return RC_NOMEM;
    run->batch = batch;
    return RC_OK;
}

void client_authorizations_begin(struct client_run *run)
{
    struct err err = ERR_INIT;
    enum rc rc = wants_all(run->c) ? batch_begin(run) : RC_OK;

    run->at = 0;
    if (rc == RC_OK)
        next(run);
    else
        client_run_fail(run, rc, &err, NULL);
}

/* ---- a challenge */

static const struct client_solver *choose(const struct client_run *run,
                                          const struct client_authorization *authorization,
                                          const struct client_challenge **out)
{
    for (size_t i = 0; i < run->c->n_solvers; i++) {
        const struct client_solver *solver = &run->c->solvers[i];

        for (size_t k = 0; k < authorization->n_challenges; k++) {
            if (str_eq(authorization->challenges[k].type, str_of(solver->type))) {
                *out = &authorization->challenges[k];
                return solver;
            }
        }
    }
    return NULL;
}

static enum rc no_way(const struct client_authorization *authorization, struct err *err)
{
    CLEANUP(buf_done) struct buf types = BUF_INIT(CLIENT_CHALLENGES_MAX * (CLIENT_TYPE_MAX + 2));

    for (size_t i = 0; i < authorization->n_challenges; i++)
        buf_printf(&types, "%s%.*s", i ? ", " : "", STR_ARG(authorization->challenges[i].type));
    if (authorization->n_challenges == 0)
        buf_putz(&types, "no challenge at all");
    return ERR(err, RC_UNSUPPORTED, msg_no_way, authorization->identifier, buf_str(&types));
}

/* What was ordered, as it was ordered: of a wildcard the name behind it (RFC 8555 section 7.1.3). A
 * server that could choose what is proven would have this client speak for others' names. */
static enum rc ordered(const struct client_run *run, const struct client_authorization *is,
                       struct str *out, struct err *err)
{
    struct addr addr;

    for (size_t i = 0; str_eq(is->identifier_type, STR("dns")) && i < run->n_dns; i++) {
        struct str name = run->dns[i];

        if (str_starts(name, STR("*.")))
            name = str_skip(name, 2);
        *out = name;
        if (str_ieq(name, is->identifier))
            return RC_OK;
    }
    for (size_t i = 0; str_eq(is->identifier_type, STR("ip")) && i < run->n_ips; i++) {
        *out = is->identifier;
        if (addr_parse(is->identifier, &addr) == RC_OK && addr_eq(&addr, &run->ips[i]))
            return RC_OK;
    }
    return ERR(err, RC_CRYPTO, msg_stranger, is->identifier);
}

/* A record that stays is no secret, and says what its writer may: nothing but an account of this
 * server must get into it. */
static enum rc own_account(const struct client_run *run, struct str identifier, struct err *err)
{
    struct str account = client_account(run->c);
    struct http_url mine, order;

    if (http_url_parse(account, &mine, NULL) == RC_OK &&
        http_url_parse(run->c->directory.new_order, &order, NULL) == RC_OK &&
        http_url_same_origin(&mine, &order) && str_printable(account) &&
        str_find(account, ';') == account.n && str_find(account, ' ') == account.n)
        return RC_OK;
    return ERR(err, RC_CRYPTO, msg_account, account, identifier);
}

static enum rc name_account(struct client_run *run, const struct client_challenge *challenge,
                            struct err *err)
{
    struct arena *a = &run->proof_arena;
    struct client_proof *p = &run->proof;
    struct str *issuers = ARENA_ARRAY(a, struct str, challenge->n_issuers);

    if (challenge->n_issuers == 0)
        return ERR(err, RC_PARSE, msg_issuers, p->identifier);
    TRY(own_account(run, p->identifier, err));
    if (!issuers)
        return RC_NOMEM;
    for (size_t i = 0; i < challenge->n_issuers; i++)
        TRY(arena_str(a, challenge->issuers[i], &issuers[i]));
    p->issuers = issuers;
    p->n_issuers = challenge->n_issuers;
    return arena_str(a, client_account(run->c), &p->account);
}

/* RFC 8555 section 8.1. */
static enum rc make_proof(struct client_run *run, const struct client_authorization *authorization,
                          const struct client_challenge *challenge, struct err *err)
{
    struct str identifier;

    struct arena *a = &run->proof_arena;
    struct client_proof *p = &run->proof;
    bool persists = str_eq(challenge->type, STR(CLIENT_PERSIST));

    /* What is a stranger's goes to hooks and into names of files. */
    if (!persists && !text_is_b64url(challenge->token))
        return ERR(err, RC_PARSE, msg_token, authorization->identifier);
    TRY(ordered(run, authorization, &identifier, err));
    *p = (struct client_proof){.wildcard = authorization->wildcard};
    TRY(arena_str(a, challenge->type, &p->type));
    TRY(arena_str(a, authorization->identifier_type, &p->identifier_type));
    TRY(arena_str(a, identifier, &p->identifier));
    TRY(arena_str(a, challenge->url, &run->challenge_url));
    if (persists)
        return name_account(run, challenge, err);
    TRY(arena_str(a, challenge->token, &p->token));
    p->key_authorization =
        arena_printf(a, "%.*s.%s", STR_ARG(challenge->token), client_thumbprint(run->c));
    return p->key_authorization.p ? RC_OK : RC_NOMEM;
}

static void look_later(struct client_run *run)
{
    client_run_pause(run, 0, look);
}

static void on_answered(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;

    if (reply->rc != RC_OK)
        client_run_fail(run, reply->rc, reply->err, reply);
    else
        client_run_pause(run, reply->retry_at, look);
}

/* The answer to a challenge is an empty object (RFC 8555 section 7.5.1). */
static void answer(struct client_run *run)
{
    struct err err = ERR_INIT;

    run->polls = 0;
    buf_reset(&run->payload);
    buf_putz(&run->payload, "{}");
    if (buf_rc(&run->payload) != RC_OK)
        client_run_fail(run, buf_rc(&run->payload), &err, NULL);
    else
        client_run_post(run, "the challenge", run->challenge_url, on_answered);
}

static void preflight(struct client_run *run);

/* What the server does not say stands in nobody's way. */
static void on_preflight(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;
    struct client_verdict verdict = {.ok = true};
    struct err err = ERR_INIT;

    arena_done(&run->authorization_arena);
    if (reply->rc == RC_OK)
        IGNORE_RC(
            client_verdict_read(&run->authorization_arena, reply->answer->body, &verdict, &err));
    if (verdict.ok) {
        answer(run);
        return;
    }
    if (++run->preflights < CLIENT_PREFLIGHTS_MAX) { /* a name server may need its time */
        client_run_pause(run, 0, preflight);
        return;
    }
    IGNORE_RC(ERR(&err, RC_CONFLICT, msg_hindered, run->proof.identifier,
                  verdict.why.n ? verdict.why : STR("it does not say why")));
    client_run_fail(run, RC_CONFLICT, &err, NULL);
}

/* Whether the challenge would be won: an answer that fails costs the order. */
static void preflight(struct client_run *run)
{
    struct err err = ERR_INIT;
    struct json_out o;
    enum rc rc;

    buf_reset(&run->payload);
    json_out_init(&o, &run->payload, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "challenge", run->challenge_url);
    json_end(&o);
    rc = json_out_done(&o);
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
    else
        client_run_post(run, "the preflight", run->c->directory.preflight, on_preflight);
}

static void fail_present(struct client_run *run, enum rc rc, const struct err *why)
{
    struct err err = ERR_INIT;
    char line[512];

    run->ours = true;
    IGNORE_RC(ERR(&err, rc, msg_present, run->proof.identifier,
                  str_of(why ? err_textz(why, line, sizeof(line)) : rc_text(rc))));
    client_run_fail(run, rc, &err, NULL);
}

static void ask_to_look(struct client_run *run)
{
    if (run->c->directory.preflight.n)
        preflight(run);
    else
        answer(run);
}

static void on_presented(void *arg, enum rc rc, const struct err *why)
{
    if (rc != RC_OK)
        fail_present(arg, rc, why);
    else
        ask_to_look(arg);
}

/* RC_OK: it goes on by itself. */
static enum rc prove(struct client_run *run, const struct client_authorization *authorization,
                     struct err *err)
{
    const struct client_challenge *challenge = NULL;
    const struct client_solver *solver;

    if (run->solver) { /* the server has not looked yet */
        look_later(run);
        return RC_OK;
    }
    solver = choose(run, authorization, &challenge);
    if (!solver)
        return no_way(authorization, err);
    arena_done(&run->proof_arena);
    TRY(make_proof(run, authorization, challenge, err));
    run->polls = run->preflights = 0;
    run->solver = solver;
    solver->present(solver->arg, &run->proof, on_presented, run);
    return RC_OK;
}

/* ---- all of them at once */

static enum rc gather(struct client_run *run, const struct client_authorization *authorization,
                      struct err *err)
{
    const struct client_challenge *challenge = NULL;
    struct client_batch *batch = &run->batch;
    const struct client_solver *solver = choose(run, authorization, &challenge);

    if (!solver || !solver->present_all)
        return no_way(authorization, err);
    TRY(make_proof(run, authorization, challenge, err));
    batch->proofs[batch->n] = run->proof;
    batch->urls[batch->n] = run->challenge_url;
    batch->of[batch->n++] = run->at++;
    batch->solver = solver;
    next(run);
    return RC_OK;
}

static void on_all_presented(void *arg, enum rc rc, const struct err *why)
{
    if (rc != RC_OK)
        fail_present(arg, rc, why);
    else
        next(arg);
}

static void show_all(struct client_run *run)
{
    struct client_batch *batch = &run->batch;
    const struct client_solver *solver = batch->solver;

    batch->gathering = false;
    if (batch->n == 0) {
        next(run);
        return;
    }
    run->solver = solver;
    solver->present_all(solver->arg, batch->proofs, batch->n, on_all_presented, run);
}

static void prove_next(struct client_run *run)
{
    const struct client_batch *batch = &run->batch;

    run->at = batch->of[batch->at];
    run->proof = batch->proofs[batch->at];
    run->challenge_url = batch->urls[batch->at];
    run->polls = run->preflights = 0;
    ask_to_look(run);
}

/* ---- an authorization */

static void take_valid(struct client_run *run)
{
    struct client_batch *batch = &run->batch;

    if (batch->gathering) { /* it needs nothing */
        run->at++;
    } else if (batch->n) {
        batch->proofs[batch->at++].proven = true;
    } else {
        run->proof.proven = true;
        client_proof_drop(run);
        run->at++;
    }
    next(run);
}

static enum rc fail_authorization(const struct client_authorization *authorization, struct err *err)
{
    struct str why = str_of(client_status_text(authorization->status));

    for (size_t i = 0; i < authorization->n_challenges; i++)
        if (authorization->challenges[i].error.n)
            why = authorization->challenges[i].error;
    return ERR(err, RC_CONFLICT, msg_failed, authorization->identifier, why);
}

static void on_look(void *arg, const struct client_reply *reply)
{
    struct client_run *run = arg;
    struct client_authorization authorization;
    struct err err = ERR_INIT;
    enum rc rc = reply->rc;

    if (rc != RC_OK) {
        client_run_fail(run, rc, reply->err, reply);
        return;
    }
    arena_done(&run->authorization_arena);
    rc = client_authorization_read(&run->authorization_arena, reply->answer->body, &authorization,
                                   &err);
    if (rc == RC_OK && authorization.status == CLIENT_VALID) {
        take_valid(run);
        return;
    }
    if (rc == RC_OK && authorization.status == CLIENT_PENDING)
        rc = run->batch.gathering ? gather(run, &authorization, &err)
                                  : prove(run, &authorization, &err);
    else if (rc == RC_OK)
        rc = fail_authorization(&authorization, &err);
    if (rc != RC_OK)
        client_run_fail(run, rc, &err, NULL);
}

static void look(struct client_run *run)
{
    buf_reset(&run->payload);
    client_run_post(run, "the authorization", run->order.authorizations[run->at], on_look);
}
