/* SPDX-License-Identifier: Apache-2.0 */
/* Validation as due work (RFC 8555 section 8.2): which challenge is to be tried when stands in the
 * store and survives a restart. What comes back, with its evidence, is committed before any client
 * sees it, together with what follows for authorization and orders. An attempt is claimed in the
 * store before the prober is asked; but for the first one, while its client waits: if the prober is
 * quick, claim and result are one transaction. Only as many are under way as the prober takes, of
 * one account ACME_VALIDATIONS_SHARE at most; who waits, waits in the store, in turns. */
#include "acme/attempt_int.h"

#include <assert.h>

#include "acme/state.h"
#include "ca/issue.h"
#include "ev/clock.h"
#include "metrics/metrics.h"

enum {
    ATTEMPT_ARENA = 1024 * 1024,
    DUE_BATCH = 2 * ACME_VALIDATIONS_MAX,
    ORDERS_ARENA = 1 << 20,
    LOOK_SECONDS = 5, /* when nothing is known to be due sooner */
};
/* Behind the prober's own limit for an attempt: how long an answer may be on its way. */
#define LEASE_SLACK (15 * WHEN_SECOND)

MSG(msg_prober, "acme.validation-failed",
    "the server could not try the challenge: {0}; it tries again by itself");

MSG(msg_stopped, "acme.validation-stopped",
    "the server stopped before it had tried the challenge; ask for it again");

struct acme_attempt {
    struct list link;
    struct acme *acme;
    struct arena arena;
    struct id account;
    struct store_challenge challenge;
    struct store_authorization authorization;
    struct acme_validation ask;
    when_t now;
    when_t lease; /* taken along: the configuration may change while the writer is at it */
    struct acme_request *asker; /* waits for the first attempt; NULL: nobody does */
    acme_settled settled;       /* tells it */
    struct ev_timer patience;   /* how long, before the claim is written alone */
    bool unwritten;             /* the claim is not in the store, nor on its way there */
    bool ok;
    bool final;
    struct str error; /* problem JSON */
    struct str evidence;
    when_t until; /* of the authorization, when ok */
    when_t next;
};

/* How long an attempt may take before it is due again. Reads the configuration: on the loop's
 * thread only. */
static when_t lease_of(const struct acme *a)
{
    return a->conf->validation.timeout + LEASE_SLACK;
}

static void free_attempt(struct acme_attempt *t)
{
    list_remove(&t->link);
    ev_timer_stop(&t->patience);
    t->acme->n_validations--;
    arena_done(&t->arena);
    mem_free(t);
}

static size_t under_way_of(const struct acme *a, const struct id *account)
{
    size_t n = 0;

    LIST_FOREACH (link, &a->validations) {
        const struct acme_attempt *t = LIST_ENTRY(link, struct acme_attempt, link);

        n += str_eq(id_str(&t->account), id_str(account));
    }
    return n;
}

static struct acme_attempt *new_attempt(struct acme *a, const struct id *account)
{
    bool room = a->n_validations < ACME_VALIDATIONS_MAX &&
                under_way_of(a, account) < ACME_VALIDATIONS_SHARE;
    struct acme_attempt *t = room ? MEM_NEW(struct acme_attempt) : NULL;

    if (!t)
        return NULL;
    t->acme = a;
    t->account = *account;
    t->now = clock_now(ev_clock(a->ev));
    arena_init(&t->arena, ATTEMPT_ARENA);
    list_init(&t->link);
    list_push(&a->validations, &t->link);
    a->n_validations++;
    return t;
}

/* ---- the result, committed */

/* Evidence and errors have URLs with the token in them; the log is for many eyes and for ever. */
static void put_without_token(struct buf *out, struct str text, struct str token)
{
    const char *at;

    while (token.n && text.n && (at = memmem(text.p, text.n, token.p, token.n))) {
        buf_put(out, text.p, (size_t)(at - text.p));
        buf_putz(out, "(token)");
        text = str_skip(text, (size_t)(at - text.p) + token.n);
    }
    buf_puts(out, text);
}

static enum rc audit_result(struct store_txn *txn, struct acme_attempt *t, const char *action,
                            const char *kind, const struct id *object, struct str detail)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AUDIT_DETAIL_MAX);
    struct audit_event event = {
        .at = t->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = action,
        .object_kind = kind,
        .object = id_str(object),
    };

    put_without_token(&text, detail, t->challenge.token);
    TRY(buf_rc(&text));
    event.detail = buf_str(&text);
    return audit_append(txn, &event, NULL);
}

/* RFC 8555 section 7.1.6: ready once all its authorizations are valid. */
static enum rc advance_orders(struct store_txn *txn, struct acme_attempt *t)
{
    struct id *orders;
    size_t n;

    assert(acme_order_may(STORE_ORDER_PENDING, STORE_ORDER_READY));
    do { /* those of a page are pending no more */
        CLEANUP(arena_done) struct arena a = ARENA_INIT(ORDERS_ARENA);

        TRY(store_order_complete(txn, &a, &t->authorization.id, t->now, &orders, &n));
        for (size_t i = 0; i < n; i++) {
            TRY(store_order_move(txn, &orders[i], STORE_ORDER_PENDING, STORE_ORDER_READY));
            TRY(audit_result(txn, t, "order.ready", "order", &orders[i], (struct str){NULL, 0}));
        }
    } while (n == STORE_PAGE_MAX);
    return RC_OK;
}

static enum rc fail_orders(struct store_txn *txn, struct acme_attempt *t)
{
    struct id *orders;
    size_t n;

    assert(acme_order_may(STORE_ORDER_PENDING, STORE_ORDER_INVALID));
    do { /* those of a page are pending no more */
        CLEANUP(arena_done) struct arena a = ARENA_INIT(ORDERS_ARENA);

        TRY(store_order_fail_all(txn, &a, &t->authorization.id, t->error, &orders, &n));
        for (size_t i = 0; i < n; i++)
            TRY(audit_result(txn, t, "order.failed", "order", &orders[i], t->error));
    } while (n == STORE_PAGE_MAX);
    return RC_OK;
}

static enum store_challenge_status outcome_of(const struct acme_attempt *t)
{
    if (!t->final)
        return STORE_CHALLENGE_PROCESSING;
    return t->ok ? STORE_CHALLENGE_VALID : STORE_CHALLENGE_INVALID;
}

static enum rc write_outcome(struct store_txn *txn, struct acme_attempt *t)
{
    const struct store_challenge_outcome outcome = {
        .to = outcome_of(t),
        .requested = t->unwritten ? t->asker->now : 0,
        .now = t->now,
        .key_thumbprint = t->challenge.key_thumbprint,
        .error = t->error,
        .evidence = t->evidence,
    };

    assert(acme_challenge_may(STORE_CHALLENGE_PROCESSING, outcome.to));
    if (t->unwritten)
        return store_challenge_settle(txn, &t->challenge.id, &outcome);
    return store_challenge_finish(txn, &t->challenge.id, outcome.to, t->now, t->error, t->evidence);
}

static enum rc finish(struct store_txn *txn, struct acme_attempt *t)
{
    const struct id *authz = &t->authorization.id;

    assert(acme_authorization_may(STORE_AUTHORIZATION_PENDING,
                                  t->ok ? STORE_AUTHORIZATION_VALID : STORE_AUTHORIZATION_INVALID));
    TRY(write_outcome(txn, t));
    if (t->ok)
        TRY(store_authorization_validate(txn, authz, t->now, t->until));
    else
        TRY(store_authorization_move(txn, authz, STORE_AUTHORIZATION_PENDING,
                                     STORE_AUTHORIZATION_INVALID));
    TRY(audit_result(txn, t, t->ok ? "authorization.validated" : "authorization.failed",
                     "authorization", authz, t->ok ? t->evidence : t->error));
    return t->ok ? advance_orders(txn, t) : fail_orders(txn, t);
}

static enum rc result_fn(struct store_txn *txn, void *arg)
{
    struct acme_attempt *t = arg;

    if (t->final)
        return finish(txn, t);
    return store_challenge_retry(txn, &t->challenge.id, t->next, t->error, t->evidence);
}

enum { VALID, INVALID, AGAIN };
static const char *const results[] = {"valid", "invalid", "retry"};
METRIC_COUNTER_BY(validations_total, "acme_validations_total", "Attempts at a challenge", "result",
                  results);

static void end_attempt(struct acme_attempt *t, enum rc rc)
{
    struct acme *a = t->acme;
    bool look = !t->final || a->waits;

    /* What could not be written is due again when its lease ends. RC_CONFLICT: the authorization
     * was settled or deactivated meanwhile, and this result no longer matters. */
    if (rc == RC_OK)
        metric_add(&validations_total, t->ok ? VALID : t->final ? INVALID : AGAIN, 1);
    free_attempt(t);
    if (look) /* there is another attempt to wait for, or somebody waits for this place */
        acme_validation_look(a);
}

static void result_done(enum rc rc, void *arg)
{
    end_attempt(arg, rc);
}

/* Answers who waits, with what is on disk: RC_CONFLICT means that somebody else settled or
 * deactivated it, and then the store says how it stands. */
static void tell(struct acme_attempt *t, enum rc rc, enum store_challenge_status status)
{
    struct acme_request *r = t->asker;
    bool written = rc == RC_OK;

    t->asker = NULL;
    t->challenge.status = status;
    t->challenge.validated = status == STORE_CHALLENGE_VALID ? t->now : 0;
    t->challenge.error = t->error;
    t->settled(r, rc == RC_CONFLICT ? RC_OK : rc, written ? &t->challenge : NULL);
}

/* The claim of an attempt that nobody has heard of yet. */
static enum rc write_claim(struct store_txn *txn, struct acme_attempt *t, when_t until)
{
    TRY(store_challenge_start(txn, &t->challenge.id, t->asker->now, until,
                              t->challenge.key_thumbprint));
    return acme_audit(txn, t->asker, "challenge.requested", "challenge", &t->challenge.id,
                      (struct str){NULL, 0});
}

static enum rc settle_fn(struct store_txn *txn, void *arg)
{
    struct acme_attempt *t = arg;

    if (t->final)
        TRY(acme_audit(txn, t->asker, "challenge.requested", "challenge", &t->challenge.id,
                       (struct str){NULL, 0}));
    else
        TRY(write_claim(txn, t, t->next));
    return result_fn(txn, t);
}

static void settle_done(enum rc rc, void *arg)
{
    struct acme_attempt *t = arg;

    tell(t, rc, outcome_of(t));
    end_attempt(t, rc);
}

static enum rc claim_alone_fn(struct store_txn *txn, void *arg)
{
    struct acme_attempt *t = arg;

    return write_claim(txn, t, t->asker->now + t->lease);
}

static void claim_alone_done(enum rc rc, void *arg)
{
    tell(arg, rc, STORE_CHALLENGE_PROCESSING);
}

/* The result, whenever it comes, is written behind this. */
static void on_patience(void *arg)
{
    struct acme_attempt *t = arg;
    enum rc rc;

    ev_timer_stop(&t->patience);
    t->unwritten = false;
    rc = store_write(t->acme->store, claim_alone_fn, claim_alone_done, t);
    if (rc != RC_OK)
        claim_alone_done(rc, t);
}

/* 1, 2, 4 ... seconds: the client's own patience is a minute or so. */
static when_t backoff(unsigned attempts)
{
    return WHEN_SECOND << (attempts > 8 ? 8 : attempts > 0 ? attempts - 1 : 0);
}

static void take_result(struct acme_attempt *t, const struct acme_validated *v)
{
    struct err why = ERR_INIT;
    char text[256];

    t->now = clock_now(ev_clock(t->acme->ev));
    t->ok = v->rc == RC_OK;
    t->until = t->now + ACME_AUTHORIZATION_LIFE;
    if (v->until && v->until < t->until)
        t->until = v->until;
    t->next = t->now + backoff(t->challenge.attempts);
    t->final = t->ok || t->authorization.expires <= t->now ||
               (v->rc == RC_DENIED && t->challenge.attempts >= t->acme->conf->validation.attempts);
    IGNORE_RC(
        arena_str(&t->arena, v->evidence, &t->evidence)); /* the verdict counts without it, too */
    if (t->ok)
        return;
    if (v->why && v->why->type)
        why = *v->why;
    else
        IGNORE_RC(PROBLEM(&why, RC_DENIED, "serverInternal", msg_prober,
                          str_of(v->why ? err_textz(v->why, text, sizeof(text)) : rc_text(v->rc))));
    if (acme_problem_json(&t->arena, &why, NULL, 0, &t->error) != RC_OK)
        t->final = false;
}

/* Queues the first result together with its claim. */
static enum rc settle(struct acme_attempt *t, const struct acme_validated *v)
{
    ev_timer_stop(&t->patience);
    take_result(t, v);
    return store_write(t->acme->store, settle_fn, settle_done, t);
}

static void validated(void *arg, const struct acme_validated *v)
{
    struct acme_attempt *t = arg;
    enum rc rc;

    if (t->unwritten) {
        rc = settle(t, v);
        if (rc != RC_OK)
            settle_done(rc, t);
        return;
    }
    take_result(t, v);
    if (store_write(t->acme->store, result_fn, result_done, t) != RC_OK)
        free_attempt(t);
}

/* ---- the attempt */

/* Of which directory its account is; not asked for while there is only one. */
static enum rc find_staging(struct acme_attempt *t, bool *out)
{
    struct store_account account;

    *out = false;
    if (!ca_hierarchy_open(t->acme->ca, ca_hierarchy_text(CA_STAGING)))
        return RC_OK;
    TRY(store_account_get(store_read(t->acme->store), &t->arena, &t->authorization.account,
                          &account));
    *out = account.staging;
    return RC_OK;
}

static enum rc fill_ask(struct acme_attempt *t)
{
    const struct store_challenge *c = &t->challenge;
    bool staging;

    TRY(find_staging(t, &staging));
    t->ask = (struct acme_validation){
        .challenge = c->type,
        .identifier_type = str_of(store_name_type_text(t->authorization.name.type)),
        .identifier = t->authorization.name.value,
        .wildcard = t->authorization.wildcard,
        .account = acme_account_uri(t->acme, &t->arena, &t->authorization.account, staging),
        .token = c->token,
        .key_authorization =
            arena_printf(&t->arena, "%.*s.%.*s", STR_ARG(c->token), STR_ARG(c->key_thumbprint)),
        .attempt = c->attempts,
    };
    return t->ask.key_authorization.p ? RC_OK : RC_NOMEM;
}

static enum rc load(struct acme_attempt *t)
{
    struct store_txn *txn = store_read(t->acme->store);

    TRY(store_challenge_get(txn, &t->arena, &t->challenge.id, &t->challenge));
    return store_authorization_get(txn, &t->arena, &t->challenge.authorization, &t->authorization);
}

/* What the attempt needs of them; their other texts stay with the request. */
static enum rc copy(struct acme_attempt *t, const struct store_challenge *c,
                    const struct store_authorization *z)
{
    t->challenge = (struct store_challenge){.id = c->id, .attempts = c->attempts};
    t->authorization = (struct store_authorization){
        .id = z->id, .account = z->account, .expires = z->expires, .wildcard = z->wildcard};
    t->authorization.name.type = z->name.type;
    TRY(arena_str(&t->arena, c->type, &t->challenge.type));
    TRY(arena_str(&t->arena, c->token, &t->challenge.token));
    TRY(arena_str(&t->arena, c->key_thumbprint, &t->challenge.key_thumbprint));
    return arena_str(&t->arena, z->name.value, &t->authorization.name.value);
}

/* With the attempt claimed in the store. What cannot be made ready now (`rc`) is due again when the
 * claim runs out; that the prober could not be asked is noted, and tried again sooner. */
static void ask_prober(struct acme_attempt *t, enum rc rc)
{
    const struct acme_options *o = &t->acme->options;

    if (rc != RC_OK || fill_ask(t) != RC_OK) {
        free_attempt(t);
        return;
    }
    rc = o->validate(o->validate_arg, &t->ask, validated, t);
    if (rc != RC_OK)
        validated(t, &(struct acme_validated){.rc = rc});
}

static enum rc claim_fn(struct store_txn *txn, void *arg)
{
    struct acme_attempt *t = arg;

    return store_challenge_claim(txn, &t->challenge.id, t->now, t->now + t->lease);
}

static void claim_done(enum rc rc, void *arg)
{
    struct acme_attempt *t = arg;

    if (rc == RC_OK)
        ask_prober(t, load(t));
    else
        free_attempt(t); /* another took it */
}

/* Not past those who wait already. */
struct acme_attempt *acme_validation_place(struct acme *a, const struct id *account)
{
    struct acme_attempt *t = a->behind ? NULL : new_attempt(a, account);

    a->waits = a->waits || !t;
    return t;
}

static void leave(struct acme_attempt *t)
{
    struct acme *a = t->acme;

    free_attempt(t);
    acme_validation_look(a);
}

enum rc acme_validation_start(struct acme_attempt *t, struct acme_request *r,
                              const struct store_challenge *challenge,
                              const struct store_authorization *authorization, acme_settled settled)
{
    const struct acme_options *o = &t->acme->options;
    enum rc rc = copy(t, challenge, authorization);

    t->asker = r;
    t->settled = settled;
    t->unwritten = true;
    t->lease = lease_of(t->acme);
    t->challenge.attempts = 1;
    ev_timer_init(&t->patience, t->acme->ev, on_patience, t);
    ev_timer_start(&t->patience, ACME_SETTLE, 0);
    if (rc == RC_OK)
        rc = fill_ask(t);
    if (rc == RC_OK) {
        rc = o->validate(o->validate_arg, &t->ask, validated, t);
        if (rc != RC_OK) /* the prober could not be asked: noted, and tried again */
            rc = settle(t, &(struct acme_validated){.rc = rc});
    }
    if (rc != RC_OK)
        leave(t);
    return rc;
}

static struct acme_attempt *find_attempt(const struct acme *a, const struct id *challenge)
{
    LIST_FOREACH (link, &a->validations) {
        struct acme_attempt *t = LIST_ENTRY(link, struct acme_attempt, link);

        if (str_eq(id_str(&t->challenge.id), id_str(challenge)))
            return t;
    }
    return NULL;
}

bool acme_validation_joins(struct acme *a, const struct id *challenge)
{
    struct acme_attempt *t = find_attempt(a, challenge);

    if (t && ev_timer_running(&t->patience))
        on_patience(t);
    return t;
}

void acme_validation_look(struct acme *a)
{
    ev_timer_start(&a->due, 0, 0);
}

static void claim(struct acme *a, const struct store_due *due)
{
    struct acme_attempt *t = new_attempt(a, &due->account);

    if (!t) {
        a->waits = true;
        return;
    }
    a->turn = due->account;
    t->challenge.id = due->challenge;
    t->lease = lease_of(a);
    if (store_write(a->store, claim_fn, claim_done, t) != RC_OK)
        free_attempt(t);
}

static void start_timer(struct acme *a, when_t now)
{
    when_t next;
    when_t wait = LOOK_SECONDS * WHEN_SECOND;

    /* While all places are taken, the next one to end looks again. */
    if (a->n_validations < ACME_VALIDATIONS_MAX &&
        store_challenge_next(store_read(a->store), &next) == RC_OK && next - now < wait)
        wait = next > now ? next - now : 100 * (WHEN_SECOND / 1000);
    ev_timer_start(&a->due, wait, 0);
}

static void take_due(struct acme *a, when_t now)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(ATTEMPT_ARENA);
    struct store_due_filter filter = {
        .now = now, .after = a->turn, .share = ACME_VALIDATIONS_SHARE, .limit = DUE_BATCH};
    struct store_due *due;
    size_t n;

    if (store_challenge_due(store_read(a->store), &arena, &filter, &due, &n) != RC_OK)
        return;
    a->behind = false;
    a->waits = n == DUE_BATCH;
    for (size_t i = 0; i < n && !a->behind; i++) {
        if (find_attempt(a, &due[i].challenge))
            continue;
        a->behind = a->n_validations == ACME_VALIDATIONS_MAX;
        claim(a, &due[i]);
    }
}

void acme_validate_due(struct acme *a)
{
    when_t now = clock_now(ev_clock(a->ev));

    if (a->n_validations < ACME_VALIDATIONS_MAX)
        take_due(a, now);
    start_timer(a, now);
}

void acme_validation_due_cb(void *acme)
{
    acme_validate_due(acme);
}

void acme_validations_stop(struct acme *a)
{
    ev_timer_stop(&a->due);
    LIST_FOREACH (link, &a->validations) {
        struct acme_attempt *t = LIST_ENTRY(link, struct acme_attempt, link);

        if (t->asker) /* in words, for the store is gone already */
            tell(t, ERR(&t->asker->err, RC_AGAIN, msg_stopped), STORE_CHALLENGE_PENDING);
        free_attempt(t);
    }
}

size_t acme_validating(const struct acme *a)
{
    return a->n_validations;
}
