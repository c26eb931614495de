/* SPDX-License-Identifier: Apache-2.0 */
#include "idempotency/run.h"

#include "base/arena.h"
#include "base/buf.h"
#include "crypto/hash.h"
#include "idempotency/key.h"

MSG(msg_running, "idempotency.running",
    "the request with this Idempotency-Key is under way; ask again in a moment");
MSG(msg_other, "idempotency.other",
    "this Idempotency-Key came with another request at {0}; a key is of one request, byte for "
    "byte, for 24 hours");
MSG(msg_unknown, "idempotency.unknown",
    "the request with this Idempotency-Key began at {0}, and it is not known whether it was done: "
    "the server was started anew meanwhile, or it failed halfway. Look whether it was done, and "
    "send it with another key if not");
MSG(msg_gone, "idempotency.gone",
    "the request with this Idempotency-Key was done at {0}{1}; its answer is not kept, because it "
    "tells a secret once, is very long, or was cut off by a restart");
MSG(msg_full, "idempotency.full",
    "{0} keys of one user or token, and {1} of all, are kept for 24 hours, and there are as many; "
    "send the request without Idempotency-Key, or later");

enum { SAID_MAX = 2048, MADE_MAX = STORE_TEXT_MAX + 16 };

void idempotency_init(struct idempotency *all, struct store *store)
{
    all->store = store;
    list_init(&all->runs);
}

enum rc idempotency_full(struct err *err)
{
    return err_problem(err, ERR(err, RC_QUOTA, msg_full, STR("4096"), STR("32768")), NULL, 429);
}

/* Parts of which no two can be taken for others: the digest has one length, and neither command nor
 * scope has a line's end. */
static enum rc hash_request(const struct idempotency_ask *ask, struct idempotency_run *run)
{
    CLEANUP(buf_done) struct buf said = BUF_INIT(SAID_MAX);
    unsigned char args[CRYPTO_SHA256_BYTES];

    TRY(crypto_sha256(ask->args, args));
    buf_puts(&said, str_bytes(args, sizeof(args)));
    buf_printf(&said, "%.*s\n%.*s\n%.*s", STR_ARG(ask->command), STR_ARG(run->row.scope),
               STR_ARG(run->row.key));
    TRY(buf_rc(&said));
    return crypto_hmac_sha256(ask->secret, buf_str(&said), run->row.request.b);
}

enum rc idempotency_read(const struct idempotency_ask *ask, struct arena *a,
                         struct idempotency_run *out, struct err *err)
{
    struct idempotency_run run = {.row.at = ask->now};

    TRY(idempotency_key_parse(ask->field, a, &run.row.key, err));
    TRY(arena_str(a, ask->scope, &run.row.scope));
    TRY(hash_request(ask, &run));
    *out = run;
    return RC_OK;
}

/* ---- what became of it before */

static bool same_request(const struct idempotency_run *run, const struct store_idempotency *row)
{
    return str_eq_ct(str_bytes(run->row.request.b, sizeof(run->row.request.b)),
                     str_bytes(row->request.b, sizeof(row->request.b)));
}

static enum rc other(const struct store_idempotency *row, struct err *err)
{
    char at[WHEN_TEXT];

    return err_problem(err, ERR(err, RC_CONFLICT, msg_other, str_of(when_text(row->at, at))), NULL,
                       422);
}

static enum rc gone(const struct store_idempotency *row, struct err *err)
{
    CLEANUP(buf_done) struct buf made = BUF_INIT(MADE_MAX);
    char at[WHEN_TEXT];

    if (row->made.n)
        buf_printf(&made, " (%.*s)", STR_ARG(row->made));
    return err_problem(
        err, ERR(err, RC_CONFLICT, msg_gone, str_of(when_text(row->at, at)), buf_str(&made)), NULL,
        410);
}

static enum rc judge(const struct idempotency_run *run, const struct store_idempotency *row,
                     struct str *answer, struct err *err)
{
    char at[WHEN_TEXT];

    if (!same_request(run, row))
        return other(row, err);
    if (!row->done)
        return err_problem(err, ERR(err, RC_CONFLICT, msg_unknown, str_of(when_text(row->at, at))),
                           NULL, 409);
    if (row->answer.n == 0)
        return gone(row, err);
    *answer = row->answer;
    return RC_EXISTS;
}

static const struct idempotency_run *under_way(const struct idempotency *all,
                                               const struct idempotency_run *run)
{
    LIST_FOREACH (link, &all->runs) {
        const struct idempotency_run *r = LIST_ENTRY(link, struct idempotency_run, link);

        if (str_eq(r->row.scope, run->row.scope) && str_eq(r->row.key, run->row.key))
            return r;
    }
    return NULL;
}

enum rc idempotency_begin(struct idempotency *all, struct idempotency_run *run, struct arena *a,
                          struct str *answer, struct err *err)
{
    const struct idempotency_run *now = under_way(all, run);
    struct store_idempotency row;
    enum rc rc;

    if (now && !same_request(run, &now->row))
        return other(&now->row, err);
    if (now)
        return err_problem(err, ERR(err, RC_CONFLICT, msg_running), NULL, 409);
    rc = store_idempotency_get(store_read(all->store), a, run->row.scope, run->row.key, run->row.at,
                               &row);
    if (rc == RC_OK)
        return judge(run, &row, answer, err);
    if (rc != RC_NOTFOUND)
        return rc;
    run->all = all;
    list_push(&all->runs, &run->link);
    return RC_OK;
}

/* ---- while it is under way */

static void end(struct idempotency_run *run)
{
    if (run->all)
        list_remove(&run->link);
    run->all = NULL;
}

static enum rc queue(struct idempotency_run *run, store_fn fn, store_done done,
                     void (*then)(void *arg, enum rc rc), void *arg)
{
    run->then = then;
    run->arg = arg;
    return store_write(run->all->store, fn, done, run);
}

static enum rc add(struct store_txn *txn, void *arg)
{
    return store_idempotency_add(txn, &((struct idempotency_run *)arg)->row);
}

static void claimed(enum rc rc, void *arg)
{
    struct idempotency_run *run = arg;

    run->claimed = rc == RC_OK;
    run->then(run->arg, rc);
}

enum rc idempotency_claim(struct idempotency_run *run, void (*then)(void *arg, enum rc rc),
                          void *arg)
{
    return queue(run, add, claimed, then, arg);
}

enum rc idempotency_write(struct store_txn *txn, struct idempotency_run *run, struct str made,
                          struct err *err)
{
    enum rc rc;

    if (!run || run->claimed)
        return RC_OK;
    run->row.done = true;
    run->row.made = made;
    rc = store_idempotency_add(txn, &run->row);
    run->written = rc == RC_OK;
    return rc == RC_QUOTA ? idempotency_full(err) : rc;
}

/* ---- and at its end */

static enum rc keep(struct store_txn *txn, void *arg)
{
    const struct idempotency_run *run = arg;

    return store_idempotency_done(txn, run->row.scope, run->row.key, run->answer);
}

static enum rc drop(struct store_txn *txn, void *arg)
{
    const struct idempotency_run *run = arg;

    return store_idempotency_drop(txn, run->row.scope, run->row.key);
}

/* Until that is on disk it is under way, so that nobody finds the row as it was. */
static void ended(enum rc rc, void *arg)
{
    struct idempotency_run *run = arg;

    end(run);
    run->then(run->arg, rc);
}

enum rc idempotency_answered(struct idempotency_run *run, struct str answer,
                             void (*then)(void *arg, enum rc rc), void *arg)
{
    bool kept = !run->once && answer.n <= STORE_IDEMPOTENCY_ANSWER_MAX;
    enum rc rc = RC_NOTFOUND;

    run->answer = kept ? answer : STR("");
    if (run->all && (run->claimed || (run->written && kept)))
        rc = queue(run, keep, ended, then, arg);
    if (rc != RC_OK)
        end(run);
    return rc;
}

/* Whether it says that nothing was done; of others nobody knows how far it came. */
static bool changes_nothing(enum rc why)
{
    static const enum rc refusals[] = {RC_INVAL,  RC_PARSE,      RC_DENIED, RC_NOTFOUND,
                                       RC_EXISTS, RC_CONFLICT,   RC_TOOBIG, RC_QUOTA,
                                       RC_AGAIN,  RC_UNSUPPORTED};

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (refusals[i] == why)
            return true;
    return false;
}

enum rc idempotency_refused(struct idempotency_run *run, enum rc why,
                            void (*then)(void *arg, enum rc rc), void *arg)
{
    enum rc rc = RC_NOTFOUND;

    if (run->all && run->claimed && changes_nothing(why))
        rc = queue(run, drop, ended, then, arg);
    if (rc != RC_OK)
        end(run);
    return rc;
}
