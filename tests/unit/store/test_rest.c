/* SPDX-License-Identifier: Apache-2.0 */
/* The small nouns: meta, clock, issuers, blocked keys, events. */
#include "check.h"

#include "fixture.h"

static void meta_holds_values_by_name(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct str got;

    CHECK_OK(fix_open(&f));
    CHECK_RC(store_meta_get(READ(&f), &f.a, STORE_META_HIERARCHY, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_meta_set(T, STORE_META_HIERARCHY, STR("{}"))));
    CHECK_OK(DO(&f, store_meta_set(T, STORE_META_HIERARCHY, STR("{\"a\":1}"))));
    CHECK_OK(store_meta_get(READ(&f), &f.a, STORE_META_HIERARCHY, &got));
    CHECK_STR(got, "{\"a\":1}");
    CHECK_RC(DO(&f, store_meta_set(T, "", STR("x"))), RC_INVAL);
    CHECK_RC(DO(&f, store_meta_set(T, "a b", STR("x"))), RC_INVAL);
    CHECK_RC(DO(&f, store_meta_set(T, "empty", (struct str){NULL, 0})), RC_INVAL);
}

static void the_clock_only_rises(void)
{
    CLEANUP(fix_done) struct fix f = {};
    when_t high = 5;

    CHECK_OK(fix_open(&f));
    CHECK_OK(store_clock_high(READ(&f), &high));
    CHECK_INT(high, 0);
    CHECK_OK(DO(&f, store_clock_raise(T, FIX_NOW)));
    CHECK_OK(DO(&f, store_clock_raise(T, FIX_NOW - 1)));
    CHECK_OK(store_clock_high(READ(&f), &high));
    CHECK_INT(high, FIX_NOW);
    CHECK_OK(DO(&f, store_clock_raise(T, FIX_NOW + 1)));
    CHECK_OK(store_clock_high(READ(&f), &high));
    CHECK_INT(high, FIX_NOW + 1);
}

static void cross_certificates_are_revoked_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_issuer old = fix_issuer(1), next = fix_issuer(2);
    struct store_cross cross = {.id = fix_id(3),
                                .name = STR("next-by-old"),
                                .subject = next.id,
                                .signer = old.id,
                                .certificate = STR("certificate"),
                                .not_before = FIX_NOW,
                                .not_after = FIX_NOW + WHEN_DAY,
                                .created = FIX_NOW},
                       *list;
    struct id nobody = fix_id(9);
    size_t n;

    old.name = STR("old");
    next.name = STR("next");
    CHECK_OK(fix_open(&f));
    CHECK_RC(DO(&f, store_cross_add(T, &cross)), RC_INVAL); /* nobody has signed it */
    CHECK_OK(DO(&f, store_issuer_add(T, &old)));
    CHECK_OK(DO(&f, store_issuer_add(T, &next)));
    CHECK_OK(DO(&f, store_cross_add(T, &cross)));
    CHECK_OK(store_cross_list(READ(&f), &f.a, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].name, "next-by-old");
    CHECK_INT(list[0].revoked, 0);
    CHECK_OK(DO(&f, store_cross_revoke(T, &cross.id, FIX_NOW + 7, 4)));
    CHECK_RC(DO(&f, store_cross_revoke(T, &cross.id, FIX_NOW + 8, 5)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_cross_revoke(T, &nobody, FIX_NOW, 5)), RC_NOTFOUND);
    CHECK_OK(store_cross_list(READ(&f), &f.a, &list, &n));
    CHECK_INT(list[0].revoked, FIX_NOW + 7);
    CHECK_INT(list[0].reason, 4);
}

static void issuers_come_back_and_retire_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_issuer root = fix_issuer(1), child = fix_issuer(2), got, *list;
    size_t n;

    root.name = STR("root-rsa");
    child.name = STR("rsa");
    child.parent = root.id;
    child.chain = STR("root certificate");
    child.key_ref = STR("rsa-1");
    child.key_id = str_bytes("\x00\x01", 2);
    CHECK_OK(fix_open(&f));
    CHECK_RC(DO(&f, store_issuer_add(T, &child)), RC_INVAL); /* no parent yet */
    CHECK_OK(DO(&f, store_issuer_add(T, &root)));
    CHECK_OK(DO(&f, store_issuer_add(T, &child)));
    CHECK_OK(store_issuer_get(READ(&f), &f.a, &child.id, &got));
    CHECK_STR(got.name, "rsa");
    CHECK_STR(id_str(&got.parent), root.id.z);
    CHECK_STR(got.algorithm, "ecdsa");
    CHECK_STR(got.subject, "CN=Example Hospital ECDSA");
    CHECK_STR(got.certificate, "certificate");
    CHECK_STR(got.chain, "root certificate");
    CHECK_STR(got.key_ref, "rsa-1");
    CHECK(str_eq(got.key_id, child.key_id));
    CHECK_INT(got.not_after, child.not_after);
    child.id = fix_id(9);
    CHECK_RC(DO(&f, store_issuer_add(T, &child)), RC_EXISTS); /* the name */
    CHECK_OK(DO(&f, store_issuer_move(T, &root.id, STORE_ISSUER_ACTIVE, STORE_ISSUER_RETIRED)));
    CHECK_RC(DO(&f, store_issuer_move(T, &root.id, STORE_ISSUER_ACTIVE, STORE_ISSUER_RETIRED)),
             RC_CONFLICT);
    CHECK_RC(DO(&f, store_issuer_move(T, &child.id, STORE_ISSUER_ACTIVE, STORE_ISSUER_RETIRED)),
             RC_NOTFOUND);
    CHECK_OK(store_issuer_list(READ(&f), &f.a, 0, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].name, "root-rsa");
    CHECK_OK(store_issuer_list(READ(&f), &f.a, 1U << STORE_ISSUER_ACTIVE, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].name, "rsa");
}

static void a_blocked_key_stays_blocked(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_blocked_key key = {
        .spki_sha256 = fix_hash(5), .blocked = FIX_NOW, .reason = STR("stolen")};
    struct store_blocked_key got;

    CHECK_OK(fix_open(&f));
    CHECK_RC(store_key_blocked(READ(&f), &f.a, &key.spki_sha256, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_key_block(T, &key)));
    key.reason = STR("second report");
    key.blocked = FIX_NOW + 1;
    CHECK_OK(DO(&f, store_key_block(T, &key)));
    CHECK_OK(store_key_blocked(READ(&f), &f.a, &key.spki_sha256, &got));
    CHECK_STR(got.reason, "stolen");
    CHECK_INT(got.blocked, FIX_NOW);
    key.spki_sha256 = fix_hash(6);
    key.certificate = fix_id(9); /* no such certificate */
    CHECK_RC(DO(&f, store_key_block(T, &key)), RC_INVAL);
}

static struct store_event event(uint64_t sequence, const char *action, const char *object)
{
    return (struct store_event){
        .sequence = sequence,
        .at = FIX_NOW + (when_t)sequence,
        .action = str_of(action),
        .actor_kind = STR("account"),
        .actor = STR("actor-1"),
        .object_kind = STR("order"),
        .object = str_of(object),
        .request = STR("request-1"),
        .bytes = STR("{}"),
    };
}

static void events_have_no_holes_and_are_found(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_event e, *list;
    struct store_event_filter filter = {.limit = 2};
    uint64_t last = 9;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(store_event_last(READ(&f), &last));
    CHECK_INT(last, 0);
    e = event(2, "order.created", "a");
    CHECK_RC(DO(&f, store_event_add(T, &e)), RC_CONFLICT);
    e = event(1, "order.created", "a");
    CHECK_OK(DO(&f, store_event_add(T, &e)));
    CHECK_RC(DO(&f, store_event_add(T, &e)), RC_CONFLICT);
    e = event(2, "orders-x.created", "b");
    CHECK_OK(DO(&f, store_event_add(T, &e)));
    e = event(3, "order.ready", "a");
    CHECK_OK(DO(&f, store_event_add(T, &e)));
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 2);
    CHECK_INT(list[1].sequence, 2);
    CHECK_STR(list[0].actor_kind, "account");
    CHECK_STR(list[0].bytes, "{}");
    filter.after = 2;
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 1);
    filter = (struct store_event_filter){.action = STR("order.")};
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 2);
    filter = (struct store_event_filter){.action = STR("order.ready"), .actor = STR("actor-1")};
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 1);
    filter = (struct store_event_filter){.object = STR("a"), .from = FIX_NOW + 2};
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 1);
    filter = (struct store_event_filter){.request = STR("request-2")};
    CHECK_OK(store_event_list(READ(&f), &f.a, &filter, &list, &n));
    CHECK_INT(n, 0);
}

static enum rc several_events(struct store_txn *txn)
{
    struct store_event e = event(1, "order.created", "a");
    uint64_t last;

    TRY(store_event_last(txn, &last));
    TRY(store_event_add(txn, &e));
    TRY(store_event_last(txn, &last));
    if (last != 1 || store_event_add(txn, &e) != RC_CONFLICT)
        return RC_CORRUPT;
    e = event(3, "order.ready", "a");
    if (store_event_add(txn, &e) != RC_CONFLICT)
        return RC_CORRUPT;
    e = event(2, "order.ready", "a");
    return store_event_add(txn, &e);
}

static void a_transaction_sees_its_own_events(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_event e = event(3, "order.ready", "a");
    uint64_t last;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, several_events(T)));
    CHECK_OK(store_event_last(READ(&f), &last));
    CHECK_INT(last, 2);
    CHECK_OK(DO(&f, store_event_add(T, &e)));
    CHECK_OK(store_event_last(READ(&f), &last));
    CHECK_INT(last, 3); /* what is read is never remembered */
}

static void words_are_the_standards(void)
{
    CHECK_STR(str_of(store_order_status_text(STORE_ORDER_PROCESSING)), "processing");
    CHECK_STR(str_of(store_authorization_status_text(STORE_AUTHORIZATION_DEACTIVATED)),
              "deactivated");
    CHECK_STR(str_of(store_challenge_status_text(STORE_CHALLENGE_INVALID)), "invalid");
    CHECK_STR(str_of(store_account_status_text(STORE_ACCOUNT_REVOKED)), "revoked");
    CHECK_STR(str_of(store_certificate_status_text(STORE_CERTIFICATE_REVOKED)), "revoked");
    CHECK_STR(str_of(store_issuance_state_text(STORE_ISSUANCE_VOIDED)), "voided");
    CHECK_STR(str_of(store_issuer_state_text(STORE_ISSUER_RETIRED)), "retired");
    CHECK_STR(str_of(store_name_type_text(STORE_NAME_IP)), "ip");
}

FIX_MAIN(CHECK_TEST(meta_holds_values_by_name), CHECK_TEST_ONCE(the_clock_only_rises),
         CHECK_TEST(issuers_come_back_and_retire_once),
         CHECK_TEST(cross_certificates_are_revoked_once), CHECK_TEST(a_blocked_key_stays_blocked),
         CHECK_TEST(events_have_no_holes_and_are_found),
         CHECK_TEST(a_transaction_sees_its_own_events), CHECK_TEST(words_are_the_standards))
