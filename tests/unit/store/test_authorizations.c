/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

static const struct store_challenge offered[] = {
    {.id = {"00000000000000000000000101"}, .type = {"http-01", 7}, .token = {"token-one", 9}},
    {.id = {"00000000000000000000000102"}, .type = {"dns-01", 6}, .token = {"token-two", 9}},
};

/* Authorization 20 of account 1 with two challenges. */
static enum rc with_challenges(struct fix *f)
{
    struct store_authorization z = fix_authorization(20, 1);

    z.challenges = offered;
    z.n_challenges = 2;
    TRY(fix_base(f));
    return DO(f, store_authorization_add(T, &z));
}

static void comes_back_with_its_challenges(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_authorization got;
    struct store_challenge one;
    struct id id = fix_id(20), unknown = fix_id(99);

    CHECK_OK(with_challenges(&f));
    CHECK_OK(store_authorization_get(READ(&f), &f.a, &id, &got));
    CHECK_STR(id_str(&got.account), fix_id(1).z);
    CHECK_STR(got.name.value, "wiki.hospital.example");
    CHECK(got.status == STORE_AUTHORIZATION_PENDING && !got.wildcard);
    CHECK_INT(got.n_challenges, 2);
    CHECK_STR(got.challenges[0].type, "http-01");
    CHECK_STR(got.challenges[1].token, "token-two");
    CHECK_STR(id_str(&got.challenges[1].authorization), id.z);
    CHECK_OK(store_challenge_get(READ(&f), &f.a, &offered[1].id, &one));
    CHECK_STR(one.type, "dns-01");
    CHECK(one.status == STORE_CHALLENGE_PENDING);
    CHECK_INT(got.evidence.n, 0);
    CHECK_RC(store_challenge_get(READ(&f), &f.a, &unknown, &one), RC_NOTFOUND);
    CHECK_RC(store_authorization_get(READ(&f), &f.a, &unknown, &got), RC_NOTFOUND);
}

static void may_be_valid_without_a_challenge(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_authorization z = fix_authorization(20, 1), got;
    char big[64] = "";

    z.status = STORE_AUTHORIZATION_VALID;
    z.validated = FIX_NOW;
    z.evidence = STR("{\"vouched\":\"x\"}");
    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, store_authorization_add(T, &z)));
    CHECK_OK(store_authorization_get(READ(&f), &f.a, &z.id, &got));
    CHECK(got.status == STORE_AUTHORIZATION_VALID);
    CHECK_INT(got.validated, FIX_NOW);
    CHECK_STR(got.evidence, "{\"vouched\":\"x\"}");
    CHECK_INT(got.n_challenges, 0);
    z.id = fix_id(21);
    z.evidence = (struct str){big, STORE_BLOB_MAX + 1};
    CHECK_RC(DO(&f, store_authorization_add(T, &z)), RC_TOOBIG);
}

/* The challenges 200.. of authorization 100 + account, all due, `n` of them. */
static enum rc with_due(struct fix *f, unsigned account, unsigned n)
{
    struct store_challenge list[4] = {};
    struct store_authorization z = fix_authorization(100 + account, account);

    for (unsigned i = 0; i < n; i++) {
        list[i] = offered[0];
        list[i].id = fix_id(200 + 10 * account + i);
        list[i].status = STORE_CHALLENGE_PROCESSING;
        list[i].next_attempt = FIX_NOW + 10 - i;
    }
    z.challenges = list;
    z.n_challenges = n;
    return DO(f, store_authorization_add(T, &z));
}

static void due_work_goes_by_turns(void)
{
    static const unsigned expected[] = {250, 212, 211, 210};
    CLEANUP(fix_done) struct fix f = {};
    struct store_due_filter filter = {
        .now = FIX_NOW + 10, .after = fix_id(1), .share = 3, .limit = 10};
    struct store_account other = fix_account(5);
    struct store_due *due;
    size_t n;

    CHECK_OK(with_challenges(&f));
    CHECK_OK(DO(&f, store_account_add(T, &other)));
    CHECK_OK(with_due(&f, 1, 3));
    CHECK_OK(with_due(&f, 5, 1));
    CHECK_OK(store_challenge_due(READ(&f), &f.a, &filter, &due, &n));
    CHECK_INT(n, 4);
    for (size_t i = 0; i < n; i++)
        CHECK_STR(id_str(&due[i].challenge), fix_id(expected[i]).z);
    filter.after = fix_id(5);
    filter.share = 1;
    CHECK_OK(store_challenge_due(READ(&f), &f.a, &filter, &due, &n));
    CHECK_INT(n, 2);
    CHECK_STR(id_str(&due[0].account), fix_id(1).z);
    CHECK_STR(id_str(&due[0].challenge), fix_id(212).z);
    filter.limit = 1;
    CHECK_OK(store_challenge_due(READ(&f), &f.a, &filter, &due, &n));
    CHECK_INT(n, 1);
}

static void challenge_is_due_work_from_start_to_end(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const struct id *id = &offered[0].id;
    struct store_due_filter filter = {.share = 2, .limit = 10};
    struct store_challenge got;
    struct store_due *due;
    when_t next, now = FIX_NOW;
    size_t n;

    CHECK_OK(with_challenges(&f));
    CHECK_RC(store_challenge_next(READ(&f), &next), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_challenge_start(T, id, now, now + 10, STR("thumbprint"))));
    CHECK_RC(DO(&f, store_challenge_start(T, id, now, now + 10, STR("thumbprint"))), RC_CONFLICT);
    CHECK_OK(store_challenge_next(READ(&f), &next));
    CHECK_INT(next, now + 10);
    filter.now = now + 9;
    CHECK_OK(store_challenge_due(READ(&f), &f.a, &filter, &due, &n));
    CHECK_INT(n, 0);
    filter.now = now + 10;
    CHECK_OK(store_challenge_due(READ(&f), &f.a, &filter, &due, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&due[0].challenge), id->z);
    CHECK_STR(id_str(&due[0].account), fix_id(1).z);
    CHECK_OK(store_challenge_get(READ(&f), &f.a, id, &got));
    CHECK_STR(got.key_thumbprint, "thumbprint");
    CHECK_INT(got.requested, now);
    /* Taken by one; until the lease ends nobody else gets it. */
    CHECK_RC(DO(&f, store_challenge_claim(T, id, now + 9, now + 60)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_challenge_claim(T, id, now + 10, now + 60)));
    CHECK_RC(DO(&f, store_challenge_claim(T, id, now + 10, now + 60)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_challenge_claim(T, id, now + 60, now + 99)));
    CHECK_OK(DO(&f, store_challenge_retry(T, id, now + 70, STR("{\"e\":1}"), STR("{\"a\":1}"))));
    CHECK_OK(store_challenge_get(READ(&f), &f.a, id, &got));
    CHECK_INT(got.attempts, 3); /* the start is the first */
    CHECK_INT(got.next_attempt, now + 70);
    CHECK_STR(got.error, "{\"e\":1}");
    CHECK_STR(got.evidence, "{\"a\":1}");
    CHECK_OK(DO(&f, store_challenge_finish(T, id, STORE_CHALLENGE_VALID, now + 71,
                                           (struct str){NULL, 0}, STR("{\"b\":2}"))));
    CHECK_OK(store_challenge_get(READ(&f), &f.a, id, &got));
    CHECK(got.status == STORE_CHALLENGE_VALID);
    CHECK_INT(got.validated, now + 71);
    CHECK_INT(got.next_attempt, 0);
    CHECK_INT(got.error.n, 0);
    CHECK_RC(store_challenge_next(READ(&f), &next), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_challenge_retry(T, id, now, STR("{}"), STR("{}"))), RC_CONFLICT);
}

static void asked_for_and_settled_in_one_step(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_challenge_outcome outcome = {.to = STORE_CHALLENGE_VALID,
                                              .requested = FIX_NOW,
                                              .now = FIX_NOW + 5,
                                              .key_thumbprint = STR("thumbprint"),
                                              .evidence = STR("{\"a\":1}")};
    const struct id *id = &offered[0].id;
    struct store_authorization z;
    struct store_challenge got;
    struct id unknown = fix_id(99);
    when_t next;

    CHECK_OK(with_challenges(&f));
    CHECK_RC(DO(&f, store_challenge_settle(T, &unknown, &outcome)), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_challenge_settle(T, id, &outcome)));
    CHECK_OK(store_challenge_get(READ(&f), &f.a, id, &got));
    CHECK(got.status == STORE_CHALLENGE_VALID);
    CHECK_INT(got.requested, FIX_NOW);
    CHECK_INT(got.validated, FIX_NOW + 5);
    CHECK_INT(got.attempts, 1);
    CHECK_STR(got.key_thumbprint, "thumbprint");
    CHECK_STR(got.evidence, "{\"a\":1}");
    CHECK_INT(got.next_attempt, 0);
    CHECK_RC(store_challenge_next(READ(&f), &next), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_challenge_settle(T, id, &outcome)), RC_CONFLICT);
    outcome.to = STORE_CHALLENGE_PROCESSING;
    CHECK_RC(DO(&f, store_challenge_settle(T, &offered[1].id, &outcome)), RC_INVAL);
    outcome.to = STORE_CHALLENGE_INVALID;
    outcome.error = STR("{\"type\":\"dns\"}");
    CHECK_OK(DO(&f, store_challenge_settle(T, &offered[1].id, &outcome)));
    CHECK_OK(store_authorization_of(READ(&f), &f.a, &offered[1].id, &z));
    CHECK_STR(id_str(&z.id), fix_id(20).z);
    CHECK(z.challenges[1].status == STORE_CHALLENGE_INVALID);
    CHECK_STR(z.challenges[1].error, "{\"type\":\"dns\"}");
    CHECK_INT(z.challenges[1].validated, 0);
    CHECK_RC(store_authorization_of(READ(&f), &f.a, &unknown, &z), RC_NOTFOUND);
}

static void a_failed_challenge_keeps_its_problem(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const struct id *id = &offered[0].id;
    struct store_challenge got;
    struct id unknown = fix_id(99);

    CHECK_OK(with_challenges(&f));
    CHECK_RC(DO(&f, store_challenge_finish(T, id, STORE_CHALLENGE_INVALID, FIX_NOW, STR("{}"),
                                           STR("{}"))),
             RC_CONFLICT);
    CHECK_OK(DO(&f, store_challenge_start(T, id, FIX_NOW, FIX_NOW, STR("t"))));
    CHECK_RC(DO(&f, store_challenge_finish(T, id, STORE_CHALLENGE_PENDING, FIX_NOW, STR("{}"),
                                           STR("{}"))),
             RC_INVAL);
    CHECK_OK(DO(&f, store_challenge_finish(T, id, STORE_CHALLENGE_INVALID, FIX_NOW,
                                           STR("{\"type\":\"dns\"}"), STR("{}"))));
    CHECK_OK(store_challenge_get(READ(&f), &f.a, id, &got));
    CHECK(got.status == STORE_CHALLENGE_INVALID);
    CHECK_STR(got.error, "{\"type\":\"dns\"}");
    CHECK_INT(got.validated, 0);
    CHECK_RC(DO(&f, store_challenge_start(T, &unknown, FIX_NOW, FIX_NOW, STR("t"))), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_challenge_claim(T, &unknown, FIX_NOW, FIX_NOW)), RC_NOTFOUND);
}

static void the_best_one_is_found_for_reuse(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_name wiki = {STORE_NAME_DNS, STR("wiki.hospital.example")};
    struct store_authorization_filter filter = {
        .account = fix_id(1),
        .name = &wiki,
        .statuses = 1U << STORE_AUTHORIZATION_VALID,
        .expires_after = FIX_NOW + WHEN_HOUR,
        .limit = 1,
    };
    struct store_cursor at = {};
    struct store_authorization *list, z;
    struct id third = fix_id(32);
    uint64_t count;
    size_t n;

    CHECK_OK(fix_base(&f));
    for (unsigned i = 0; i < 4; i++) {
        z = fix_authorization(30 + i, 1);
        z.wildcard = i == 3;
        CHECK_OK(DO(&f, store_authorization_add(T, &z)));
    }
    CHECK_OK(store_authorization_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 0);
    for (unsigned i = 0; i < 4; i++) {
        z.id = fix_id(30 + i);
        CHECK_OK(DO(&f, store_authorization_validate(T, &z.id, FIX_NOW, FIX_NOW + i * WHEN_DAY)));
    }
    CHECK_RC(DO(&f, store_authorization_validate(T, &third, FIX_NOW, FIX_NOW)), RC_CONFLICT);
    at = (struct store_cursor){};
    CHECK_OK(store_authorization_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&list[0].id), third.z); /* the latest that is no wildcard */
    CHECK_INT(list[0].validated, FIX_NOW);
    CHECK_OK(store_authorization_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&list[0].id), fix_id(31).z);
    CHECK(at.end); /* 30 expires too early */
    filter.wildcard = true;
    CHECK_OK(store_authorization_count(READ(&f), &filter, &count));
    CHECK_INT(count, 1);
    CHECK_OK(DO(&f, store_authorization_move(T, &third, STORE_AUTHORIZATION_VALID,
                                             STORE_AUTHORIZATION_DEACTIVATED)));
    CHECK_RC(DO(&f, store_authorization_move(T, &third, STORE_AUTHORIZATION_VALID,
                                             STORE_AUTHORIZATION_DEACTIVATED)),
             RC_CONFLICT);
}

static void bad_values_are_refused(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_challenge many[STORE_CHALLENGES_MAX + 1] = {};
    struct store_authorization z = fix_authorization(20, 1), got;

    CHECK_OK(fix_base(&f));
    z.challenges = many;
    z.n_challenges = STORE_CHALLENGES_MAX + 1;
    CHECK_RC(DO(&f, store_authorization_add(T, &z)), RC_TOOBIG);
    z.n_challenges = 1; /* without an id */
    CHECK_RC(DO(&f, store_authorization_add(T, &z)), RC_INVAL);
    CHECK_RC(store_authorization_get(READ(&f), &f.a, &z.id, &got), RC_NOTFOUND);
    z.n_challenges = 0;
    z.name.value = STR("*.hospital.example");
    CHECK_RC(DO(&f, store_authorization_add(T, &z)), RC_INVAL);
    z = fix_authorization(20, 9); /* no such account */
    CHECK_RC(DO(&f, store_authorization_add(T, &z)), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(comes_back_with_its_challenges), CHECK_TEST(may_be_valid_without_a_challenge),
         CHECK_TEST(due_work_goes_by_turns),
         CHECK_TEST_ONCE(challenge_is_due_work_from_start_to_end),
         CHECK_TEST_ONCE(asked_for_and_settled_in_one_step),
         CHECK_TEST(a_failed_challenge_keeps_its_problem),
         CHECK_TEST_ONCE(the_best_one_is_found_for_reuse), CHECK_TEST_ONCE(bad_values_are_refused))
