/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

static void comes_back_as_it_was(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name names[3];
    struct store_order want, got;

    CHECK_OK(fix_base(&f));
    want = fix_order(10, 1, 2, names);
    names[1] = (struct store_order_name){{STORE_NAME_DNS, STR("*.hospital.example")}, fix_id(2)};
    names[2] = (struct store_order_name){{STORE_NAME_IP, STR("2001:db8::1")}, fix_id(2)};
    want.n_names = 3;
    want.not_before = FIX_NOW + 3;
    want.not_after = FIX_NOW + 4;
    want.profile = STR("short");
    want.replaces = STR("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    want.created_from = (struct addr){4, {10, 0, 0, 9}};
    CHECK_OK(DO(&f, store_order_add(T, &want)));
    CHECK_OK(store_order_get(READ(&f), &f.a, &want.id, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
    CHECK_STR(id_str(&got.account), fix_id(1).z);
    CHECK(got.status == STORE_ORDER_PENDING);
    CHECK_INT(got.expires, want.expires);
    CHECK_INT(got.not_before, FIX_NOW + 3);
    CHECK_INT(got.not_after, FIX_NOW + 4);
    CHECK_STR(got.profile, "short");
    CHECK(str_eq(got.replaces, want.replaces));
    CHECK_INT(got.error.n, 0);
    CHECK_STR(id_str(&got.certificate), "");
    CHECK_INT(got.created, want.created);
    CHECK(addr_eq(&got.created_from, &want.created_from));
    CHECK_INT(got.n_names, 3);
    CHECK_STR(got.names[1].name.value, "*.hospital.example");
    CHECK(got.names[2].name.type == STORE_NAME_IP);
    CHECK_STR(got.names[2].name.value, "2001:db8::1");
    CHECK_STR(id_str(&got.names[2].authorization), fix_id(2).z);
    CHECK_OK(store_order_replacing(READ(&f), &f.a, want.replaces, FIX_NOW, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
}

static void names_are_stored_reversed_and_as_bytes(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name names[2];
    struct store_order o;
    int64_t n;

    CHECK_OK(fix_base(&f));
    o = fix_order(10, 1, 2, names);
    names[1] = (struct store_order_name){{STORE_NAME_IP, STR("10.0.0.7")}, fix_id(2)};
    o.n_names = 2;
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_OK(sql_value(&f.s->read_db,
                       "SELECT COUNT(*) FROM order_names WHERE reversed = 'example.hospital.wiki'"
                       " OR address = x'0a000007'",
                       &n));
    CHECK_INT(n, 2);
}

static void finalize_has_one_winner(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(65536);
    struct store_order_name name;
    struct fix_serial room;
    struct store_order o, got;
    struct store_certificate c;
    struct id none = {};

    CHECK_OK(fix_base(&f));
    o = fix_order(10, 1, 2, &name);
    c = fix_certificate(20, 3, &room);
    CHECK_RC(DO(&f, store_order_process(T, &o.id, FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_RC(DO(&f, store_order_process(T, &o.id, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_order_move(T, &o.id, STORE_ORDER_PENDING, STORE_ORDER_READY)));
    CHECK_RC(DO(&f, store_order_move(T, &o.id, STORE_ORDER_PENDING, STORE_ORDER_READY)),
             RC_CONFLICT);
    CHECK_OK(DO(&f, store_order_process(T, &o.id, FIX_NOW + 9)));
    CHECK_RC(DO(&f, store_order_process(T, &o.id, FIX_NOW + 10)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_order_finish(T, &o.id, &c.id)), RC_INVAL); /* no such certificate */
    CHECK_RC(DO(&f, store_order_finish(T, &o.id, &none)), RC_INVAL);
    CHECK_OK(DO(&f, store_certificate_add(T, &c, &none)));
    CHECK_OK(DO(&f, store_order_finish(T, &o.id, &c.id)));
    CHECK_RC(DO(&f, store_order_finish(T, &o.id, &c.id)), RC_CONFLICT);
    CHECK_OK(store_order_get(READ(&f), &a, &o.id, &got));
    CHECK(got.status == STORE_ORDER_VALID);
    CHECK_STR(id_str(&got.certificate), c.id.z);
    CHECK_INT(got.processing_since, FIX_NOW + 9);
}

static void failure_keeps_the_problem(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name;
    struct store_order o, got;
    struct str problem = STR("{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}");

    CHECK_OK(fix_base(&f));
    o = fix_order(10, 1, 2, &name);
    o.replaces = STR("x.y");
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_RC(DO(&f, store_order_fail(T, &o.id, STORE_ORDER_PROCESSING, problem)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_order_fail(T, &o.id, STORE_ORDER_PENDING, problem)));
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK(got.status == STORE_ORDER_INVALID);
    CHECK(str_eq(got.error, problem));
    /* An invalid one replaces nothing any more. */
    CHECK_RC(store_order_replacing(READ(&f), &f.a, o.replaces, FIX_NOW, &got), RC_NOTFOUND);
}

static void bad_values_are_refused(void)
{
    static const struct store_name bad[] = {
        {STORE_NAME_DNS, {"Wiki.hospital.example", 21}}, /* not in lower case */
        {STORE_NAME_DNS, {"wiki.hospital.example.", 22}},
        {STORE_NAME_DNS, {"10.0.0.7", 8}},
        {STORE_NAME_IP, {"10.0.0.07", 9}},
        {STORE_NAME_IP, {"2001:DB8::1", 11}},
        {STORE_NAME_IP, {"wiki", 4}},
        {(enum store_name_type)7, {"wiki", 4}},
    };
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name, many[STORE_NAMES_MAX + 1];
    struct store_order o, got;

    CHECK_OK(fix_base(&f));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        o = fix_order(10, 1, 2, &name);
        name.name = bad[i];
        CHECK_RC(DO(&f, store_order_add(T, &o)), RC_INVAL);
        CHECK_RC(store_order_get(READ(&f), &f.a, &o.id, &got), RC_NOTFOUND); /* nothing of it */
    }
    o = fix_order(10, 1, 2, &name);
    o.n_names = 0;
    CHECK_RC(DO(&f, store_order_add(T, &o)), RC_INVAL);
    for (size_t i = 0; i <= STORE_NAMES_MAX; i++)
        many[i] = name;
    o.names = many;
    o.n_names = STORE_NAMES_MAX + 1;
    CHECK_RC(DO(&f, store_order_add(T, &o)), RC_TOOBIG);
    o.n_names = STORE_NAMES_MAX;
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_RC(DO(&f, store_order_add(T, &o)), RC_EXISTS);
    o = fix_order(11, 9, 2, &name); /* no such account */
    CHECK_RC(DO(&f, store_order_add(T, &o)), RC_INVAL);
    o = fix_order(11, 1, 9, &name); /* no such authorization */
    CHECK_RC(DO(&f, store_order_add(T, &o)), RC_INVAL);
}

/* Order 10 needs authorizations 2 and 5, order 11 only 2, order 12 only 5. */
static void complete_once_all_authorizations_are_valid(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_authorization second = fix_authorization(5, 1);
    const when_t now = FIX_NOW, until = FIX_NOW + WHEN_HOUR;
    struct id first_id = fix_id(2), second_id = fix_id(5), unknown = fix_id(99), *ids;
    struct store_order_name names[2], name;
    struct store_order o;
    size_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, store_authorization_add(T, &second)));
    o = fix_order(10, 1, 2, &names[0]);
    names[1] = names[0];
    names[1].authorization = second_id;
    o.n_names = 2;
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    o = fix_order(11, 1, 2, &name);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    o = fix_order(12, 1, 5, &name);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_OK(store_order_complete(READ(&f), &f.a, &first_id, now, &ids, &n));
    CHECK_INT(n, 0);
    CHECK_OK(DO(&f, store_authorization_validate(T, &first_id, now, until)));
    CHECK_OK(store_order_complete(READ(&f), &f.a, &first_id, now, &ids, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&ids[0]), fix_id(11).z);
    CHECK_OK(DO(&f, store_order_move(T, &ids[0], STORE_ORDER_PENDING, STORE_ORDER_READY)));
    CHECK_OK(store_order_complete(READ(&f), &f.a, &first_id, now, &ids, &n));
    CHECK_INT(n, 0); /* it is not pending any more */
    CHECK_OK(DO(&f, store_authorization_validate(T, &second_id, now, until + WHEN_HOUR)));
    CHECK_OK(store_order_complete(READ(&f), &f.a, &second_id, until - 1, &ids, &n));
    CHECK_INT(n, 2);
    CHECK_OK(store_order_complete(READ(&f), &f.a, &second_id, until, &ids, &n));
    CHECK_INT(n, 1); /* the other one's authorization has ended */
    CHECK_STR(id_str(&ids[0]), fix_id(12).z);
    CHECK_OK(store_order_complete(READ(&f), &f.a, &unknown, now, &ids, &n));
    CHECK_INT(n, 0);
}

static void lists_by_account_status_expiry_and_authorization(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account other = fix_account(4);
    struct store_authorization second = fix_authorization(5, 4);
    struct store_order_filter filter = {.account = fix_id(1), .limit = 2};
    struct store_cursor at = {};
    struct store_order_name name;
    struct store_order o, *list;
    uint64_t count;
    size_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, store_account_add(T, &other)));
    CHECK_OK(DO(&f, store_authorization_add(T, &second)));
    for (unsigned i = 0; i < 6; i++) {
        o = fix_order(10 + i, i < 5 ? 1 : 4, i < 5 ? 2 : 5, &name);
        o.status = i % 2 ? STORE_ORDER_READY : STORE_ORDER_PENDING;
        o.expires = FIX_NOW + (i + 1) * WHEN_HOUR;
        CHECK_OK(DO(&f, store_order_add(T, &o)));
    }
    CHECK_OK(store_order_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 2);
    CHECK(!at.end);
    CHECK_STR(id_str(&list[1].id), fix_id(11).z);
    CHECK_INT(list[1].n_names, 1);
    CHECK_OK(store_order_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_OK(store_order_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK(at.end);
    filter = (struct store_order_filter){.statuses = 1U << STORE_ORDER_READY,
                                         .expires_before = FIX_NOW + 6 * WHEN_HOUR};
    CHECK_OK(store_order_count(READ(&f), &filter, &count));
    CHECK_INT(count, 2);
    filter = (struct store_order_filter){.authorization = fix_id(5)};
    at = (struct store_cursor){};
    CHECK_OK(store_order_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&list[0].id), fix_id(15).z);
    filter = (struct store_order_filter){.account = fix_id(99)};
    at = (struct store_cursor){};
    CHECK_OK(store_order_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 0);
    CHECK(at.end);
}

static void small_arena_is_an_error_and_no_half_order(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(arena_done) struct arena small = ARENA_INIT(40);
    struct store_order_name name;
    struct store_order o, got = {.created = 77};

    CHECK_OK(fix_base(&f));
    o = fix_order(10, 1, 2, &name);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_RC(store_order_get(READ(&f), &small, &o.id, &got), RC_NOMEM);
    CHECK_INT(got.created, 77);
}

/* Between the order's row and its names, somebody else commits. */
static int intrude(unsigned, void *arg, void *, void *text)
{
    struct sql_db *other = arg;

    if (strstr(text, "FROM order_names"))
        IGNORE_RC(sql_exec(other, "UPDATE order_names SET value = 'changed.example'"));
    return 0;
}

static void an_order_and_its_names_are_of_one_moment(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name;
    struct store_order o, got;

    CHECK_OK(fix_base(&f));
    o = fix_order(10, 1, 2, &name);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_INT(sqlite3_trace_v2(f.s->read_db.c, SQLITE_TRACE_STMT, intrude, &f.s->write_db), 0);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK_STR(got.names[0].name.value, "wiki.hospital.example");
    CHECK_INT(sqlite3_trace_v2(f.s->read_db.c, 0, NULL, NULL), 0);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK_STR(got.names[0].name.value, "changed.example"); /* it did */
}

FIX_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST_ONCE(names_are_stored_reversed_and_as_bytes),
         CHECK_TEST_ONCE(finalize_has_one_winner), CHECK_TEST(failure_keeps_the_problem),
         CHECK_TEST_ONCE(bad_values_are_refused),
         CHECK_TEST_ONCE(complete_once_all_authorizations_are_valid),
         CHECK_TEST_ONCE(lists_by_account_status_expiry_and_authorization),
         CHECK_TEST_ONCE(an_order_and_its_names_are_of_one_moment),
         CHECK_TEST_ONCE(small_arena_is_an_error_and_no_half_order))
