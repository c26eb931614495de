/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: told twice is told once, changes are remembered, history and endpoints end. */
#include "check.h"

#include "fixture.h"

#include "store/endpoints.h"

static struct store_endpoint endpoint_of(unsigned n, when_t at)
{
    static char texts[8][32];
    char *text = texts[n % 8];

    (void)snprintf(text, sizeof(texts[0]), "10.0.0.%u:443", n);
    return (struct store_endpoint){
        .id = fix_id(n),
        .endpoint = str_of(text),
        .protocol = STR("tls"),
        .address = {4, {10, 0, 0, (uint8_t)n}},
        .port = 443,
        .state = STORE_ENDPOINT_TLS,
        .versions = STR("TLSv1.2 TLSv1.3"),
        .groups = STR("X25519"),
        .verdicts = 1,
        .shown = true,
        .seen = {.sha256 = fix_hash(n),
                 .der = STR("der"),
                 .serial = STR("\x40\x01"),
                 .names = STR("[\"wiki.hospital.example\"]"),
                 .not_before = FIX_NOW,
                 .not_after = FIX_NOW + n * WHEN_DAY},
        .last_seen = at,
    };
}

static void told_twice(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint e = endpoint_of(1, FIX_NOW), got;
    struct store_endpoint_change *list;
    struct store_seen seen;
    uint64_t count = 0;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    e.last_seen = FIX_NOW - 1; /* older than what is known, and otherwise */
    e.versions = STR("TLSv1");
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(store_endpoint_count(READ(&f), &count));
    CHECK_INT(count, 1);
    CHECK_OK(store_endpoint_get(READ(&f), &f.a, e.endpoint, &got));
    CHECK_STR(got.versions, "TLSv1.2 TLSv1.3");
    CHECK_STR(got.seen.names, "[\"wiki.hospital.example\"]");
    CHECK(got.shown && got.last_seen == FIX_NOW && got.first_seen == FIX_NOW);
    CHECK_INT(got.not_after, FIX_NOW + WHEN_DAY);
    CHECK_OK(store_endpoint_changes(READ(&f), &f.a, &got.id, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].what, "appeared");
    CHECK_OK(store_seen_get(READ(&f), &f.a, &e.seen.sha256, &seen));
    CHECK_STR(seen.der, "der");
    CHECK_RC(store_endpoint_get(READ(&f), &f.a, STR("10.0.0.9:443"), &got), RC_NOTFOUND);
    e.last_seen = 0;
    CHECK_RC(DO(&f, store_endpoint_see(T, &e)), RC_INVAL);
}

static void changes(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint e = endpoint_of(1, FIX_NOW), got;
    struct store_endpoint_change *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    e.last_seen += WHEN_DAY;
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(store_endpoint_get(READ(&f), &f.a, e.endpoint, &got));
    CHECK(got.last_seen == FIX_NOW + WHEN_DAY && got.changed == FIX_NOW);
    e.last_seen += WHEN_DAY;
    e.seen.sha256 = fix_hash(9);
    e.verdicts = 2 | 16;
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    /* A quick look says nothing of what it did not look for. */
    e.last_seen += WHEN_DAY;
    e.quick = true;
    e.keep = 16;
    e.verdicts = 2;
    e.versions = STR("TLSv1.3");
    e.groups = (struct str){NULL, 0};
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(store_endpoint_get(READ(&f), &f.a, e.endpoint, &got));
    CHECK_INT(got.changed, FIX_NOW + 2 * WHEN_DAY);
    CHECK_INT(got.verdicts, 2 | 16);
    CHECK_STR(got.groups, "X25519");
    CHECK_OK(store_endpoint_changes(READ(&f), &f.a, &got.id, &list, &n));
    CHECK_INT(n, 3);
    CHECK_STR(list[0].what, "verdicts");
    CHECK_STR(list[0].old, "1");
    CHECK_STR(list[0].value, "18");
    CHECK_STR(list[1].what, "certificate");
    CHECK_INT(list[1].old.n, 64);
    CHECK(!str_eq(list[1].old, list[1].value));
    /* It no longer shows one. */
    e.last_seen += WHEN_DAY;
    e.shown = false;
    e.state = STORE_ENDPOINT_OTHER;
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(store_endpoint_get(READ(&f), &f.a, e.endpoint, &got));
    CHECK(!got.shown && got.not_after == 0 && got.state == STORE_ENDPOINT_OTHER);
}

static void owner(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint e = endpoint_of(1, FIX_NOW), got;
    struct store_endpoint_change *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_RC(DO(&f, store_endpoint_set_owner(T, &e, FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    e.owner = STR("web");
    e.service = STR("wiki");
    CHECK_OK(DO(&f, store_endpoint_set_owner(T, &e, FIX_NOW + 1)));
    CHECK_OK(DO(&f, store_endpoint_set_owner(T, &e, FIX_NOW + 2)));
    e.last_seen += WHEN_DAY; /* seen again, it is whose it was */
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(store_endpoint_get(READ(&f), &f.a, e.endpoint, &got));
    CHECK_STR(got.owner, "web");
    CHECK_STR(got.service, "wiki");
    CHECK_OK(store_endpoint_changes(READ(&f), &f.a, &got.id, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].what, "owner");
    CHECK_STR(list[0].value, "web");
}

static void bounded_history(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint e = endpoint_of(1, FIX_NOW);
    struct store_endpoint_change *list;
    int64_t kept = 0;
    size_t n;

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < STORE_ENDPOINT_CHANGES_MAX + 20; i++) {
        e.last_seen++;
        e.verdicts = i;
        CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    }
    CHECK_OK(store_endpoint_changes(READ(&f), &f.a, &e.id, &list, &n));
    CHECK_INT(n, STORE_ENDPOINT_CHANGES_MAX);
    CHECK_STR(list[0].value, "119");
    CHECK_STR(list[n - 1].value, "20");
    CHECK_OK(sql_value(&f.s->read_db, "SELECT COUNT(*) FROM endpoint_changes", &kept));
    CHECK_INT(kept, STORE_ENDPOINT_CHANGES_MAX);
}

static void lists(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint_filter filter = {.limit = 2};
    struct store_hash third = fix_hash(3);
    struct store_cursor at = {};
    struct store_endpoint *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    for (unsigned i = 5; i >= 1; i--) {
        struct store_endpoint e = endpoint_of(i, FIX_NOW + 10 - i);

        e.shown = i != 5;
        CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    }
    for (unsigned i = 0; i < 5; i += (unsigned)n) {
        CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
        CHECK_INT(n, i == 4 ? 1 : 2);
        CHECK_INT(list[0].address.b[3], 5 - i);
        CHECK_INT(at.end, i == 4);
    }
    at = (struct store_cursor){};
    filter = (struct store_endpoint_filter){.sort = STORE_ENDPOINT_BY_EXPIRY};
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 4);
    CHECK_INT(list[0].address.b[3], 1);
    at = (struct store_cursor){};
    filter = (struct store_endpoint_filter){.not_after_before = FIX_NOW + 3 * WHEN_DAY};
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 2);
    at = (struct store_cursor){};
    filter = (struct store_endpoint_filter){.from = {4, {10, 0, 0, 2}}, .to = {4, {10, 0, 0, 3}}};
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 2);
    at = (struct store_cursor){};
    filter = (struct store_endpoint_filter){.sha256 = &third, .port = 443, .protocol = STR("tls")};
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].endpoint, "10.0.0.3:443");
    at = (struct store_cursor){};
    filter = (struct store_endpoint_filter){.seen_before = FIX_NOW + 7};
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &list, &n));
    CHECK_INT(n, 2);
}

static void the_end(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_endpoint old = endpoint_of(1, FIX_NOW), young = endpoint_of(2, FIX_NOW + WHEN_DAY);
    struct store_endpoint_filter filter = {.sort = STORE_ENDPOINT_BY_EXPIRY};
    struct store_endpoint_change *list;
    struct store_endpoint *left;
    struct store_cursor at = {};
    struct store_seen seen;
    uint64_t gone = 0;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_endpoint_see(T, &old)));
    CHECK_OK(DO(&f, store_endpoint_see(T, &young)));
    CHECK_OK(DO(&f, store_endpoint_prune(T, FIX_NOW, 10, &gone)));
    CHECK_INT(gone, 0);
    CHECK_OK(DO(&f, store_endpoint_prune(T, FIX_NOW + 1, 10, &gone)));
    CHECK_INT(gone, 1);
    CHECK_RC(store_endpoint_get(READ(&f), &f.a, old.endpoint, &old), RC_NOTFOUND);
    CHECK_RC(store_seen_get(READ(&f), &f.a, &old.seen.sha256, &seen), RC_NOTFOUND);
    CHECK_OK(store_endpoint_changes(READ(&f), &f.a, &old.id, &list, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_endpoint_list(READ(&f), &f.a, &filter, &at, &left, &n));
    CHECK_INT(n, 1);
    CHECK_STR(left[0].endpoint, "10.0.0.2:443");
    CHECK_OK(store_seen_get(READ(&f), &f.a, &young.seen.sha256, &seen));
}

FIX_MAIN(CHECK_TEST(told_twice), CHECK_TEST(changes), CHECK_TEST(owner),
         CHECK_TEST_ONCE(bounded_history), CHECK_TEST_ONCE(lists), CHECK_TEST(the_end))
