/* SPDX-License-Identifier: Apache-2.0 */
/* A request with a key is done once: in one transaction with its change, or claimed before it. */
#include "check.h"

#include "crypto/crypto.h"
#include "idempotency/run.h"
#include "store/keys.h"
#include "unit/store/fixture.h"

#define SECRET STR("0123456789abcdef0123456789abcdef")

enum { ARENA = 1 << 20 };

struct stage {
    struct fix f;
    struct idempotency all;
    struct arena a;
    struct err err;
    struct str answer;
    int told; /* how often `then` came */
    enum rc rc;
};

static void stage_done(struct stage *s)
{
    arena_done(&s->a);
    fix_done(&s->f);
}

static bool stage_init(struct stage *s)
{
    arena_init(&s->a, ARENA);
    if (crypto_init() != RC_OK || fix_open(&s->f) != RC_OK)
        return false;
    idempotency_init(&s->all, s->f.s);
    return true;
}

static enum rc read_run(struct stage *s, const char *scope, const char *args,
                        struct idempotency_run *out)
{
    const struct idempotency_ask ask = {.field = STR("\"k1\""),
                                        .scope = str_of(scope),
                                        .command = STR("eab revoke"),
                                        .args = str_of(args),
                                        .secret = SECRET,
                                        .now = FIX_NOW};

    return idempotency_read(&ask, &s->a, out, &s->err);
}

static enum rc begin(struct stage *s, struct idempotency_run *run)
{
    s->err = ERR_INIT;
    s->answer = STR("");
    return idempotency_begin(&s->all, run, &s->a, &s->answer, &s->err);
}

static void then(void *arg, enum rc rc)
{
    struct stage *s = arg;

    s->told++;
    s->rc = rc;
}

static enum rc change(struct store_txn *txn, void *arg)
{
    return idempotency_write(txn, arg, STR("eab k"), NULL);
}

static enum rc change_and_fail(struct store_txn *txn, void *arg)
{
    TRY(change(txn, arg));
    return RC_CONFLICT;
}

/* Each alone, so that tests can forget it: as core does when it is started anew. */
static enum rc begin_anew(struct stage *s, const char *scope, const char *args, when_t later)
{
    struct idempotency_run run;
    enum rc rc;

    TRY(read_run(s, scope, args, &run));
    run.row.at += later;
    rc = begin(s, &run);
    if (rc == RC_OK)
        IGNORE_RC(idempotency_refused(&run, RC_INVAL, then, s)); /* no row: nothing to wait for */
    return rc;
}

static void in_the_transaction(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct idempotency_run run, same;

    CHECK(stage_init(&s));
    CHECK_OK(read_run(&s, "user 1", "{}", &run));
    CHECK_OK(read_run(&s, "user 1", "{}", &same));
    CHECK_OK(begin(&s, &run));
    CHECK_RC(begin(&s, &same), RC_CONFLICT); /* under way */
    CHECK_INT(s.err.status, 409);
    CHECK_STR(str_of(s.err.msg->code), "idempotency.running");
    CHECK_OK(store_write_now(s.f.s, change, &run));
    CHECK_RC(begin(&s, &same), RC_CONFLICT); /* until it is answered */
    CHECK_OK(idempotency_answered(&run, STR("{\"a\":1}"), then, &s));
    CHECK_INT(s.told, 0);
    CHECK_INT(store_collect(s.f.s), 1);
    CHECK_INT(s.told, 1);
    CHECK_OK(s.rc);
    CHECK_RC(begin(&s, &same), RC_EXISTS);
    CHECK_STR(s.answer, "{\"a\":1}");
    CHECK_RC(begin_anew(&s, "user 1", "{ }", 0), RC_CONFLICT); /* another request */
    CHECK_INT(s.err.status, 422);
    CHECK_OK(begin_anew(&s, "user 2", "{}", 0)); /* another one's key */
    CHECK_OK(begin_anew(&s, "token 1", "{ }", 0));
    CHECK_RC(begin_anew(&s, "user 1", "{}", WHEN_DAY - 1), RC_EXISTS);
    CHECK_OK(begin_anew(&s, "user 1", "{ }", WHEN_DAY)); /* it has expired */
}

static void not_without_the_change(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct idempotency_run run;

    CHECK(stage_init(&s));
    CHECK_OK(read_run(&s, "user 1", "{}", &run));
    CHECK_OK(begin(&s, &run));
    CHECK_RC(store_write_now(s.f.s, change_and_fail, &run), RC_CONFLICT);
    CHECK_RC(idempotency_refused(&run, RC_CONFLICT, then, &s), RC_NOTFOUND);
    CHECK_INT(s.told, 0);
    CHECK_OK(begin_anew(&s, "user 1", "{}", 0));
    CHECK_OK(begin_anew(&s, "user 1", "{ }", 0)); /* and so may another one */
}

/* Core died between the change and its answer; or the answer is a secret, or too long. */
static void done_and_not_told(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct idempotency_run run;
    char *text;

    CHECK(stage_init(&s));
    CHECK_OK(read_run(&s, "user 1", "{}", &run));
    CHECK_OK(begin(&s, &run));
    CHECK_OK(store_write_now(s.f.s, change, &run));
    idempotency_init(&s.all, s.f.s); /* started anew */
    CHECK_RC(begin_anew(&s, "user 1", "{}", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 410);
    CHECK_STR(str_of(s.err.msg->code), "idempotency.gone");
    CHECK_STR(err_arg(&s.err, 1), " (eab k)");

    CHECK_OK(read_run(&s, "user 2", "{}", &run));
    run.once = true;
    CHECK_OK(begin(&s, &run));
    CHECK_OK(store_write_now(s.f.s, change, &run));
    CHECK_RC(idempotency_answered(&run, STR("secret"), then, &s), RC_NOTFOUND);
    CHECK_RC(begin_anew(&s, "user 2", "{}", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 410);

    CHECK_OK(read_run(&s, "user 3", "{}", &run));
    CHECK_OK(begin(&s, &run));
    CHECK_OK(store_write_now(s.f.s, change, &run));
    text = arena_alloc(&s.a, STORE_IDEMPOTENCY_ANSWER_MAX + 1);
    CHECK(text);
    memset(text, 'x', STORE_IDEMPOTENCY_ANSWER_MAX + 1);
    CHECK_RC(
        idempotency_answered(&run, str_bytes(text, STORE_IDEMPOTENCY_ANSWER_MAX + 1), then, &s),
        RC_NOTFOUND);
    CHECK_RC(begin_anew(&s, "user 3", "{}", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 410);
}

static bool claim(struct stage *s, const char *scope, struct idempotency_run *run)
{
    return read_run(s, scope, "{}", run) == RC_OK && begin(s, run) == RC_OK &&
           idempotency_claim(run, then, s) == RC_OK && store_collect(s->f.s) == 1 && s->rc == RC_OK;
}

static void claimed_before(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct idempotency_run run;

    CHECK(stage_init(&s));
    CHECK(claim(&s, "user 1", &run));
    CHECK_RC(begin_anew(&s, "user 1", "{}", 0), RC_CONFLICT);
    CHECK_STR(str_of(s.err.msg->code), "idempotency.running");
    CHECK_RC(begin_anew(&s, "user 1", "{ }", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 422);
    CHECK_OK(store_write_now(s.f.s, change, &run)); /* nothing to do */
    CHECK_OK(idempotency_answered(&run, STR("{}"), then, &s));
    CHECK_INT(store_collect(s.f.s), 1);
    CHECK_RC(begin_anew(&s, "user 1", "{}", 0), RC_EXISTS);

    CHECK(claim(&s, "user 2", &run));
    CHECK_OK(idempotency_refused(&run, RC_DENIED, then, &s)); /* nothing was done */
    CHECK_INT(store_collect(s.f.s), 1);
    CHECK_OK(begin_anew(&s, "user 2", "{ }", 0));

    CHECK(claim(&s, "user 3", &run));
    CHECK_RC(idempotency_refused(&run, RC_TIMEOUT, then, &s), RC_NOTFOUND); /* who knows */
    CHECK_RC(begin_anew(&s, "user 3", "{}", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 409);
    CHECK_STR(str_of(s.err.msg->code), "idempotency.unknown");

    CHECK(claim(&s, "user 4", &run));
    run.once = true;
    CHECK_OK(idempotency_answered(&run, STR("secret"), then, &s));
    CHECK_INT(store_collect(s.f.s), 1);
    CHECK_RC(begin_anew(&s, "user 4", "{}", 0), RC_CONFLICT);
    CHECK_INT(s.err.status, 410);
}

static enum rc fill(struct store_txn *txn, void *arg)
{
    struct store_idempotency row = {.scope = STR("user 1"), .at = FIX_NOW};
    char key[16];

    (void)arg;
    for (unsigned i = 0; i < STORE_IDEMPOTENCY_OF_ONE; i++) {
        snprintf(key, sizeof(key), "%u", i);
        row.key = str_of(key);
        TRY(store_idempotency_add(txn, &row));
    }
    return RC_OK;
}

static void too_many(void)
{
    CLEANUP(stage_done) struct stage s = {};
    struct idempotency_run run;
    struct err err = ERR_INIT;

    CHECK(stage_init(&s));
    CHECK_OK(store_write_now(s.f.s, fill, NULL));
    CHECK_OK(read_run(&s, "user 1", "{}", &run));
    CHECK_OK(begin(&s, &run));
    CHECK_RC(store_write_now(s.f.s, change, &run), RC_QUOTA);
    CHECK_RC(idempotency_refused(&run, RC_QUOTA, then, &s), RC_NOTFOUND);
    CHECK_OK(begin(&s, &run));
    CHECK_OK(idempotency_claim(&run, then, &s));
    CHECK_INT(store_collect(s.f.s), 1);
    CHECK_RC(s.rc, RC_QUOTA);
    CHECK_RC(idempotency_refused(&run, RC_QUOTA, then, &s), RC_NOTFOUND);
    CHECK_RC(idempotency_full(&err), RC_QUOTA);
    CHECK_INT(err.status, 429);
    CHECK(claim(&s, "user 2", &run));
}

FIX_MAIN(CHECK_TEST(in_the_transaction), CHECK_TEST(not_without_the_change),
         CHECK_TEST(done_and_not_told), CHECK_TEST(claimed_before), CHECK_TEST_ONCE(too_many))
