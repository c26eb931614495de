/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "audit/audit.h"
#include "unit/store/fixture.h"

static const struct store_node node = {{"0000000000000000000000000a"}, 7};

static struct audit_event full(void)
{
    return (struct audit_event){
        .at = FIX_NOW,
        .actor_kind = AUDIT_ACCOUNT,
        .actor = STR("account-1"),
        .action = "order.created",
        .object_kind = "order",
        .object = STR("order-1"),
        .request = STR("request-1"),
        .address = {4, {10, 0, 0, 7}},
        .reason = STR("said \"please\""),
        .detail = STR("{\"names\": [\"wiki.hospital.example\"], \"count\": 1}"),
    };
}

/* These bytes are what proofs will stand on: this test changes only together with `v`. */
static void the_canonical_form_is_fixed(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(AUDIT_EVENT_MAX);
    struct audit_event e = full();

    CHECK_OK(audit_encode(&e, &node, 42, &out));
    CHECK_STR(buf_str(&out),
              "{\"action\":\"order.created\",\"actor\":{\"id\":\"account-1\",\"kind\":\"account\"},"
              "\"address\":\"10.0.0.7\",\"at\":1763000000000000,\"boot\":7,\"detail\":{\"count\":1,"
              "\"names\":[\"wiki.hospital.example\"]},\"node\":\"0000000000000000000000000a\","
              "\"object\":{\"id\":\"order-1\",\"kind\":\"order\"},\"prev\":null,\"reason\":"
              "\"said \\\"please\\\"\",\"request\":\"request-1\",\"sequence\":42,\"v\":1}");
    buf_reset(&out);
    e = (struct audit_event){.at = 1, .action = "node.started"};
    CHECK_OK(audit_encode(&e, &node, 1, &out));
    CHECK_STR(buf_str(&out),
              "{\"action\":\"node.started\",\"actor\":{\"id\":null,\"kind\":\"system\"},"
              "\"address\":null,\"at\":1,\"boot\":7,\"detail\":null,"
              "\"node\":\"0000000000000000000000000a\",\"object\":{\"id\":null,\"kind\":null},"
              "\"prev\":null,\"reason\":null,\"request\":null,\"sequence\":1,\"v\":1}");
}

static void bad_events_are_refused(void)
{
    static const char *const actions[] = {
        "",           "order",        ".created",   "order.",        "a.b.c",
        "Order.made", "order made.x", "order.cr\n", "orde\xc3\xa9.x"};
    CLEANUP(buf_done) struct buf out = BUF_INIT(AUDIT_EVENT_MAX);
    struct audit_event e = full();
    char longest[70];

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        e.action = actions[i];
        CHECK_RC(audit_encode(&e, &node, 1, &out), RC_INVAL);
    }
    memset(longest, 'x', sizeof(longest));
    longest[3] = '.';
    longest[sizeof(longest) - 1] = 0;
    e.action = longest;
    CHECK_RC(audit_encode(&e, &node, 1, &out), RC_INVAL);
    e = full();
    CHECK_RC(audit_encode(&e, &node, 0, &out), RC_INVAL);
    e.at = 0;
    CHECK_RC(audit_encode(&e, &node, 1, &out), RC_INVAL);
    e = full();
    e.detail = STR("[1]");
    CHECK_RC(audit_encode(&e, &node, 1, &out), RC_INVAL);
    e.detail = STR("{\"a\":1.5}");
    CHECK_RC(audit_encode(&e, &node, 1, &out), RC_INVAL);
    e.detail = STR("{\"a\":");
    CHECK_RC(audit_encode(&e, &node, 1, &out), RC_PARSE);
}

struct job {
    struct audit_event event;
    uint64_t sequence;
    bool fail;
};

static enum rc append(struct store_txn *txn, void *arg)
{
    struct job *job = arg;

    TRY(store_meta_set(txn, "state", STR("changed")));
    TRY(audit_append(txn, &job->event, &job->sequence));
    return job->fail ? RC_DENIED : RC_OK;
}

static void is_there_with_the_change_or_not_at_all(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(buf_done) struct buf want = BUF_INIT(AUDIT_EVENT_MAX);
    struct job job = {full(), 0, true};
    struct store_event_filter filter = {};
    struct store_event *list;
    struct str state;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_RC(store_write_now(f.s, append, &job), RC_DENIED);
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 0);
    CHECK_RC(store_meta_get(READ(&f), &f.a, "state", &state), RC_NOTFOUND);
    job.fail = false;
    CHECK_OK(store_write_now(f.s, append, &job));
    CHECK_INT(job.sequence, 1); /* the failed one left no hole */
    job.event.action = "order.ready";
    CHECK_OK(store_write_now(f.s, append, &job));
    CHECK_INT(job.sequence, 2);
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].action, "order.created");
    CHECK_STR(list[0].actor_kind, "account");
    CHECK_STR(list[0].actor, "account-1");
    CHECK_STR(list[0].object_kind, "order");
    CHECK_STR(list[0].object, "order-1");
    CHECK_STR(list[0].request, "request-1");
    CHECK_INT(list[0].at, FIX_NOW);
    CHECK_OK(audit_encode(&job.event, store_node(f.s), 2, &want));
    CHECK(str_eq(list[1].bytes, buf_str(&want)));
    /* A change whose event cannot be written does not happen. */
    job.event.detail = STR("no json");
    CHECK_OK(DO(&f, store_meta_set(T, "state", STR("before"))));
    CHECK_RC(store_write_now(f.s, append, &job), RC_PARSE);
    CHECK_OK(store_meta_get(READ(&f), &f.a, "state", &state));
    CHECK_STR(state, "before");
}

static void a_reader_appends_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct audit_event e = full();

    CHECK_OK(fix_open(&f));
    CHECK_RC(audit_append(READ(&f), &e, NULL), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(the_canonical_form_is_fixed), CHECK_TEST(bad_events_are_refused),
         CHECK_TEST(is_there_with_the_change_or_not_at_all),
         CHECK_TEST_ONCE(a_reader_appends_nothing))
