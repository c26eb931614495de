/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"
#include "store/agents.h"
#include "store/approvals.h"
#include "store/copy.h"
#include "store/revocations.h"

enum { ISSUER = 3 };

static enum rc set(struct store_txn *txn, void *arg)
{
    return store_meta_set(txn, arg, STR("x"));
}

static bool has(struct store *s, const char *key)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct str ignored;

    return store_meta_get(store_read(s), &a, key, &ignored) == RC_OK;
}

static enum rc open_copy(const char *dir, struct store **out)
{
    struct store_options o = {.dir = dir, .now = FIX_NOW, .look = true, .busy_ms = 50};

    return store_open(&o, out, NULL);
}

static void a_copy_is_of_one_moment(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(store_closep) struct store *copy = NULL;
    char path[96];
    struct stat st;

    check_dir_init(&d);
    snprintf(path, sizeof(path), "%s/store.db", d.path);
    CHECK_OK(fix_open(&f));
    CHECK_OK(store_write_now(f.s, set, "before"));
    CHECK_OK(store_copy(f.s, path, NULL));
    CHECK_OK(store_write_now(f.s, set, "after"));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_OK(open_copy(d.path, &copy));
    CHECK_OK(store_check(copy, NULL));
    CHECK(has(f.s, "before") && has(f.s, "after"));
    CHECK(has(copy, "before"));
    CHECK(!has(copy, "after"));
}

static void a_copy_replaces_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(check_dir_done) struct check_dir d = {};
    char path[96];

    check_dir_init(&d);
    snprintf(path, sizeof(path), "%s/store.db", d.path);
    CHECK_OK(fix_open(&f));
    CHECK_OK(store_copy(f.s, path, NULL));
    CHECK_RC(store_copy(f.s, path, NULL), RC_EXISTS);
    CHECK_INT(check_dir_count(&d, NULL), 1);
    snprintf(path, sizeof(path), "%s/none/store.db", d.path);
    CHECK_RC(store_copy(f.s, path, NULL), RC_IO);
}

static enum rc restored(struct store_txn *txn, void *arg)
{
    return store_restored(txn, FIX_NOW, arg);
}

static enum rc shards(struct store_txn *txn, void *)
{
    struct id issuer = fix_id(ISSUER), root = fix_id(ISSUER + 1);
    uint64_t ignored;

    TRY(store_shards_make(txn, &issuer, 2, FIX_NOW + WHEN_DAY));
    TRY(store_shards_make(txn, &root, 1, INT64_MAX));
    TRY(store_crl_number_least(txn, &issuer, 1, (uint64_t)FIX_NOW + 5));
    return store_crl_number(txn, &issuer, 0, &ignored);
}

static void lists_go_on_above_all_before(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id issuer = fix_id(ISSUER), root = fix_id(ISSUER + 1);
    struct store_issuer other = fix_issuer(ISSUER + 1);
    struct store_restored out = {};
    struct store_shard s;

    other.name = STR("other");
    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, store_issuer_add(T, &other)));
    CHECK_OK(store_write_now(f.s, shards, NULL));
    CHECK_OK(store_write_now(f.s, restored, &out));
    CHECK_INT(out.lists, 2);
    CHECK_OK(store_shard_get(store_read(f.s), &issuer, 0, &s));
    CHECK_INT(s.number, FIX_NOW);
    CHECK_INT(s.due, FIX_NOW);
    CHECK_OK(store_shard_get(store_read(f.s), &issuer, 1, &s));
    CHECK_INT(s.number, FIX_NOW + 6);
    CHECK_OK(store_shard_get(store_read(f.s), &root, 0, &s));
    CHECK_INT(s.number, 0);
    CHECK(s.due == INT64_MAX);
}

static void another_node_from_its_next_start(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_restored out = {};
    struct store_options o;
    struct id before;

    CHECK_OK(fix_open(&f));
    before = store_node(f.s)->id;
    CHECK_OK(store_write_now(f.s, restored, &out));
    store_close(MOVE(f.s));
    o = fix_options(&f);
    CHECK_OK(store_open(&o, &f.s, NULL));
    CHECK(!str_eq(id_str(&before), id_str(&store_node(f.s)->id)));
    CHECK_INT(store_node(f.s)->boot, 1);
}

static enum rc grants(struct store_txn *txn, void *arg)
{
    struct store_approval *a = arg;
    struct store_approval_vote vote = {.by = 7, .at = FIX_NOW, .grant = true, .reason = STR("")};
    struct store_agent_token token = {.digest = {{1}},
                                      .created = FIX_NOW - 5,
                                      .created_by = STR("uid 0"),
                                      .expires = FIX_NOW + WHEN_DAY};
    uint64_t n;

    TRY(store_approval_add(txn, a));
    TRY(store_approval_vote(txn, &a->id, &vote, &n));
    TRY(store_approval_move(txn, &a->id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED, 7,
                            FIX_NOW));
    TRY(id_new(&token.id));
    return store_agent_token_add(txn, &token);
}

static void what_may_have_been_used_is_not_used_again(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval a = {.action = STR("issuance.thaw"),
                               .what = STR("issuance.thaw"),
                               .asked = FIX_NOW,
                               .expires = FIX_NOW + WHEN_DAY,
                               .decided_by = -1,
                               .approvers = 1,
                               .reason = STR("")};
    struct store_approval_vote votes[STORE_APPROVAL_VOTES];
    struct store_agent_token *tokens;
    struct store_restored out = {};
    struct store_approval back;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(id_new(&a.id));
    CHECK_OK(store_write_now(f.s, grants, &a));
    CHECK_OK(store_write_now(f.s, restored, &out));
    CHECK_INT(out.approvals, 1);
    CHECK_INT(out.tokens, 1);
    CHECK_OK(store_approval_get(store_read(f.s), &f.a, &a.id, &back));
    CHECK_INT(back.state, STORE_APPROVAL_PENDING);
    CHECK_OK(store_approval_votes(store_read(f.s), &f.a, &a.id, votes, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_agent_token_list(store_read(f.s), &f.a, FIX_NOW, &tokens, &n));
    CHECK_INT(n, 0);
}

FIX_MAIN(CHECK_TEST(a_copy_is_of_one_moment), CHECK_TEST(a_copy_replaces_nothing),
         CHECK_TEST(lists_go_on_above_all_before), CHECK_TEST(another_node_from_its_next_start),
         CHECK_TEST(what_may_have_been_used_is_not_used_again))
