/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

static const struct id none;

static void comes_back_as_it_was(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct fix_serial room, room0;
    struct store_certificate want, got, old;

    CHECK_OK(fix_base(&f));
    old = fix_certificate(9, 3, &room0);
    want = fix_certificate(10, 3, &room);
    want.authority_key_id = str_bytes("\x01\x02\x00\x03", 4);
    want.account = fix_id(1);
    want.order = fix_id(77);
    want.requester = (struct addr){4, {10, 0, 0, 5}};
    want.shown = fix_id(8);
    want.reason = STR("CHG-4711");
    want.owner = STR("ops@hospital.example");
    want.team = STR("ops");
    want.service = STR("wiki");
    want.replaces = fix_id(9);
    CHECK_OK(DO(&f, store_certificate_add(T, &old, &none)));
    CHECK_OK(DO(&f, store_certificate_add(T, &want, &none)));
    CHECK_OK(store_certificate_by_serial(READ(&f), &f.a, want.serial, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
    CHECK(str_eq(got.serial, want.serial));
    CHECK(str_eq(got.der, want.der));
    CHECK_STR(id_str(&got.issuer), fix_id(3).z);
    CHECK_STR(got.hierarchy, "intranet");
    CHECK_STR(got.profile, "default");
    CHECK_INT(got.not_before, want.not_before);
    CHECK_INT(got.not_after, want.not_after);
    CHECK(memcmp(&got.spki_sha256, &want.spki_sha256, STORE_SHA256) == 0);
    CHECK(memcmp(&got.fingerprint, &want.fingerprint, STORE_SHA256) == 0);
    CHECK(str_eq(got.authority_key_id, want.authority_key_id));
    CHECK_INT(got.n_names, 3);
    CHECK_STR(got.names[1].value, "*.apps.hospital.example");
    CHECK(got.names[2].type == STORE_NAME_IP);
    CHECK_STR(got.origin, "acme");
    CHECK_STR(id_str(&got.account), fix_id(1).z);
    CHECK_STR(id_str(&got.order), fix_id(77).z);
    CHECK(addr_eq(&got.requester, &want.requester));
    CHECK_STR(got.reason, "CHG-4711");
    CHECK_STR(got.owner, "ops@hospital.example");
    CHECK_STR(got.team, "ops");
    CHECK_STR(got.service, "wiki");
    CHECK_STR(id_str(&got.logical), want.logical.z);
    CHECK_STR(id_str(&got.replaces), fix_id(9).z);
    CHECK_STR(id_str(&got.shown), fix_id(8).z);
    CHECK_INT(got.issued, want.issued);
    CHECK(got.status == STORE_CERTIFICATE_VALID);
    CHECK_INT(got.revoked, 0);
    CHECK_OK(store_certificate_get(READ(&f), &f.a, &old.id, &got));
    CHECK_RC(store_certificate_get(READ(&f), &f.a, &none, &got), RC_NOTFOUND);
}

static void a_serial_is_used_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct fix_serial room, room2, room3;
    struct store_issuance i, j;
    struct store_certificate c;
    struct store_issuance got;

    CHECK_OK(fix_base(&f));
    i = fix_issuance(50, 3, &room);
    CHECK_OK(DO(&f, store_issuance_reserve(T, &i)));
    j = fix_issuance(51, 3, &room2);
    j.serial = i.serial;
    CHECK_RC(DO(&f, store_issuance_reserve(T, &j)), RC_EXISTS);
    c = fix_certificate(60, 3, &room3);
    c.serial = i.serial;
    CHECK_RC(DO(&f, store_certificate_add(T, &c, &none)), RC_EXISTS);
    CHECK_RC(DO(&f, store_certificate_add(T, &c, &j.id)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_issuance_finish(T, &i.id, FIX_NOW)), RC_INVAL); /* no certificate yet */
    CHECK_OK(DO(&f, store_certificate_add(T, &c, &i.id)));
    c.id = fix_id(61);
    CHECK_RC(DO(&f, store_certificate_add(T, &c, &i.id)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_issuance_finish(T, &i.id, FIX_NOW + 5)));
    CHECK_RC(DO(&f, store_issuance_finish(T, &i.id, FIX_NOW + 5)), RC_CONFLICT);
    CHECK_OK(store_issuance_get(READ(&f), &f.a, &i.id, &got));
    CHECK(got.state == STORE_ISSUANCE_DONE);
    CHECK_INT(got.settled, FIX_NOW + 5);
    CHECK_INT(got.tbs.n, 0);
    /* A voided one's serial stays used. */
    j = fix_issuance(52, 3, &room2);
    CHECK_OK(DO(&f, store_issuance_reserve(T, &j)));
    CHECK_OK(DO(&f, store_issuance_void(T, &j.id, FIX_NOW, STR("signer refused"))));
    CHECK_RC(DO(&f, store_issuance_void(T, &j.id, FIX_NOW, STR("again"))), RC_CONFLICT);
    c.serial = j.serial;
    CHECK_RC(DO(&f, store_certificate_add(T, &c, &j.id)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_certificate_add(T, &c, &none)), RC_EXISTS);
    j.id = fix_id(53);
    CHECK_RC(DO(&f, store_issuance_reserve(T, &j)), RC_EXISTS);
}

static void a_reservation_comes_back_as_it_was(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name;
    struct fix_serial room, room2, room3;
    struct store_certificate old;
    struct store_order o;
    struct store_issuance want, other, got;

    CHECK_OK(fix_base(&f));
    o = fix_order(40, 1, 2, &name);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    want = fix_issuance(50, 3, &room);
    want.order = o.id;
    want.logical = fix_id(60);
    want.replaces = fix_id(9);
    want.shown = fix_id(8);
    want.why = STR("T-4711");
    CHECK_RC(DO(&f, store_issuance_reserve(T, &want)), RC_INVAL); /* there is no such certificate */
    old = fix_certificate(9, 3, &room3);
    CHECK_OK(DO(&f, store_certificate_add(T, &old, &none)));
    CHECK_OK(DO(&f, store_issuance_reserve(T, &want)));
    CHECK_OK(store_issuance_by_serial(READ(&f), &f.a, want.serial, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
    CHECK_STR(got.tbs, "to be signed");
    CHECK_STR(id_str(&got.logical), fix_id(60).z);
    CHECK_STR(id_str(&got.replaces), fix_id(9).z);
    CHECK_STR(id_str(&got.shown), fix_id(8).z);
    CHECK_STR(got.why, "T-4711");
    CHECK(memcmp(&got.tbs_sha256, &want.tbs_sha256, STORE_SHA256) == 0);
    CHECK(memcmp(&got.spki_sha256, &want.spki_sha256, STORE_SHA256) == 0);
    CHECK_STR(got.origin, "acme");
    CHECK_STR(got.profile, "default");
    CHECK_INT(got.n_names, 3);
    CHECK_STR(got.names[1].value, "*.apps.hospital.example");
    CHECK(got.names[2].type == STORE_NAME_IP);
    CHECK_STR(got.names[2].value, "10.0.0.7");
    CHECK_OK(store_issuance_by_order(READ(&f), &f.a, &o.id, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
    /* One at a time for an order; after voiding, another. */
    other = fix_issuance(51, 3, &room2);
    other.order = o.id;
    CHECK_RC(DO(&f, store_issuance_reserve(T, &other)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_issuance_void(T, &want.id, FIX_NOW, STR("late"))));
    CHECK_RC(store_issuance_by_order(READ(&f), &f.a, &o.id, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_issuance_reserve(T, &other)));
    CHECK_OK(store_issuance_get(READ(&f), &f.a, &want.id, &got));
    CHECK_STR(got.reason, "late");
    CHECK_STR(got.why, "T-4711"); /* which is another matter */
    CHECK_STR(got.tbs, "to be signed");
}

static void recovery_finds_what_is_reserved(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_cursor at = {};
    struct store_issuance *list, i;
    struct fix_serial room;
    struct id second = fix_id(51);
    uint64_t waiting;
    size_t n;

    CHECK_OK(fix_base(&f));
    for (unsigned k = 50; k < 53; k++) {
        i = fix_issuance(k, 3, &room);
        CHECK_OK(DO(&f, store_issuance_reserve(T, &i)));
    }
    CHECK_OK(DO(&f, store_issuance_void(T, &second, FIX_NOW, STR("x"))));
    CHECK_OK(store_issuance_waiting(READ(&f), &waiting));
    CHECK_INT(waiting, 2);
    CHECK_OK(store_issuance_reserved(READ(&f), &f.a, 1, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&list[0].id), fix_id(50).z);
    CHECK_OK(store_issuance_reserved(READ(&f), &f.a, 1, &at, &list, &n));
    CHECK_STR(id_str(&list[0].id), fix_id(52).z);
    CHECK(at.end);
    i.serial = str_bytes("123456789012345678901", 21);
    i.id = fix_id(54);
    CHECK_RC(DO(&f, store_issuance_reserve(T, &i)), RC_TOOBIG);
    i.serial = (struct str){NULL, 0};
    CHECK_RC(DO(&f, store_issuance_reserve(T, &i)), RC_INVAL);
}

static void revoking_happens_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct fix_serial room;
    struct store_certificate c, got;
    struct store_certificate_filter revoked = {.statuses = 1U << STORE_CERTIFICATE_REVOKED};
    uint64_t count;

    CHECK_OK(fix_base(&f));
    c = fix_certificate(10, 3, &room);
    CHECK_OK(DO(&f, store_certificate_add(T, &c, &none)));
    CHECK_RC(DO(&f, store_certificate_set_reason(T, &c.id, 1)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_certificate_revoke(T, &c.id, FIX_NOW + 1, 4)));
    CHECK_RC(DO(&f, store_certificate_revoke(T, &c.id, FIX_NOW + 2, 1)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_certificate_set_reason(T, &c.id, 1)));
    CHECK_RC(DO(&f, store_certificate_revoke(T, &none, FIX_NOW + 2, 1)), RC_NOTFOUND);
    CHECK_OK(store_certificate_get(READ(&f), &f.a, &c.id, &got));
    CHECK(got.status == STORE_CERTIFICATE_REVOKED);
    CHECK_INT(got.revoked, FIX_NOW + 1);
    CHECK_INT(got.revocation_reason, 1);
    CHECK_OK(store_certificate_count(READ(&f), &revoked, &count));
    CHECK_INT(count, 1);
    CHECK_OK(DO(&f, store_certificate_set_owner(T, &c.id, STR("o"), STR("t"), STR("s"))));
    CHECK_OK(store_certificate_get(READ(&f), &f.a, &c.id, &got));
    CHECK_STR(got.team, "t");
    CHECK_RC(DO(&f, store_certificate_set_owner(T, &none, STR("o"), STR("t"), STR("s"))),
             RC_NOTFOUND);
}

/* Five certificates with one name each. */
static const struct store_name single[] = {
    {STORE_NAME_DNS, {"hospital.example", 16}},
    {STORE_NAME_DNS, {"wiki.hospital.example", 21}},
    {STORE_NAME_DNS, {"*.hospital.example", 18}},
    {STORE_NAME_DNS, {"hospital-x.example", 18}}, /* '-' sorts before '.': not below it */
    {STORE_NAME_IP, {"10.0.0.7", 8}},
};

static enum rc five(struct fix *f)
{
    TRY(fix_base(f));
    for (unsigned i = 0; i < 5; i++) {
        struct fix_serial room;
        struct store_certificate c = fix_certificate(100 + i, 3, &room);

        c.names = &single[i];
        c.n_names = 1;
        c.not_after = FIX_NOW + (5 - i) * WHEN_DAY;
        c.spki_sha256 = fix_hash(i < 2 ? 1 : 2);
        c.account = i == 4 ? fix_id(1) : none;
        c.logical = i == 3 ? fix_id(102) : c.id; /* the third's renewal */
        TRY(DO(f, store_certificate_add(T, &c, &none)));
    }
    return RC_OK;
}

static void is_found_by_anything(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const struct store_hash key = fix_hash(1);
    const struct {
        struct store_certificate_filter filter;
        const char *found; /* last digits */
    } cases[] = {
        {{.name = &single[1]}, "1"},
        {{.name = &single[4]}, "4"},
        {{.under = STR("hospital.example")}, "012"},
        {{.under = STR("example")}, "0123"},
        {{.under = STR("wiki.hospital.example")}, "1"},
        {{.under = STR("ospital.example")}, ""},
        {{.under = STR("example"), .name = &single[0]}, "0"},
        {{.spki = &key}, "01"},
        {{.account = fix_id(1)}, "4"},
        {{.issuer = fix_id(3), .limit = 2}, "01"},
        {{.logical = fix_id(102)}, "23"},
        {{.logical = fix_id(103)}, ""},
        {{.order = fix_id(1)}, ""},
        {{.hierarchy = STR("special")}, ""},
        {{.origin = STR("acme"), .sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST}, "43210"},
        {{.sort = STORE_CERTIFICATE_BY_EXPIRY}, "43210"},
        {{.not_after_from = FIX_NOW + 2 * WHEN_DAY,
          .not_after_before = FIX_NOW + 4 * WHEN_DAY,
          .sort = STORE_CERTIFICATE_BY_ISSUED},
         "23"},
        {{.statuses = 1U << STORE_CERTIFICATE_REVOKED}, ""},
        {{.revoked_from = 1}, ""},
    };

    CHECK_OK(five(&f));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_certificate_filter filter = cases[i].filter;
        struct store_cursor at = {};
        struct store_certificate *list;
        char found[8] = "";
        uint64_t count;
        size_t n;

        if (filter.sort == STORE_CERTIFICATE_BY_ISSUED_NEWEST && !filter.origin.n)
            filter.sort = STORE_CERTIFICATE_BY_ISSUED;
        CHECK_OK(store_certificate_list(READ(&f), &f.a, &filter, &at, &list, &n));
        CHECK(n < sizeof(found));
        for (size_t k = 0; k < n; k++)
            found[k] = list[k].id.z[ID_TEXT - 2];
        CHECK_STR(str_of(found), cases[i].found);
        CHECK_OK(store_certificate_count(READ(&f), &filter, &count));
        CHECK(filter.limit || count == n);
    }
}

static size_t count(struct fix *f, const struct store_certificate_filter *filter)
{
    struct store_certificate *rows;
    struct store_cursor at = {0};
    size_t n = 99;

    IGNORE_RC(store_certificate_list(READ(f), &f->a, filter, &at, &rows, &n)); /* then it is 99 */
    return n;
}

/* Mail addresses and URIs among the names; serial, owner and profile as questions. */
static void other_names_and_owners(void)
{
    static const struct store_name names[] = {
        {STORE_NAME_EMAIL, {"alice@hospital.example", 22}},
        {STORE_NAME_URI, {"spiffe://hospital.example/web", 29}},
        {STORE_NAME_DNS, {"web.hospital.example", 20}},
    };
    static const struct store_name wrong[] = {
        {STORE_NAME_EMAIL, {"alice@Hospital.example", 22}},
        {STORE_NAME_URI, {"urn:web", 7}},
        {STORE_NAME_TYPES, {"web", 3}},
    };
    CLEANUP(fix_done) struct fix f = {};
    struct fix_serial room, room2;
    struct store_certificate with, other, got;

    CHECK_OK(fix_base(&f));
    with = fix_certificate(10, 3, &room);
    with.names = names;
    with.n_names = 3;
    with.owner = STR("alice");
    with.profile = STR("client");
    other = fix_certificate(11, 3, &room2);
    CHECK_OK(DO(&f, store_certificate_add(T, &with, &none)));
    CHECK_OK(DO(&f, store_certificate_add(T, &other, &none)));
    CHECK_OK(store_certificate_get(READ(&f), &f.a, &with.id, &got));
    CHECK_INT(got.n_names, 3);
    CHECK(got.names[0].type == STORE_NAME_EMAIL && got.names[1].type == STORE_NAME_URI);
    CHECK_STR(got.names[1].value, "spiffe://hospital.example/web");
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(count(&f, &(struct store_certificate_filter){.name = &names[i]}), 1);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.serial = with.serial}), 1);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.serial = STR("no")}), 0);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.owner = STR("alice")}), 1);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.owner = STR("bob")}), 0);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.profile = STR("client")}), 1);
    CHECK_INT(count(&f, &(struct store_certificate_filter){.name = &names[0], .owner = STR("bob")}),
              0);
    for (size_t i = 0; i < 3; i++) {
        with.id = fix_id(20 + (unsigned)i);
        with.serial = str_bytes(&"XYZ"[i], 1);
        with.names = &wrong[i];
        with.n_names = 1;
        CHECK_RC(DO(&f, store_certificate_add(T, &with, &none)), RC_INVAL);
    }
}

static void pages_hold_in_both_directions(void)
{
    CLEANUP(fix_done) struct fix f = {};
    static const enum store_certificate_sort sorts[] = {STORE_CERTIFICATE_BY_ISSUED_NEWEST,
                                                        STORE_CERTIFICATE_BY_ISSUED,
                                                        STORE_CERTIFICATE_BY_EXPIRY};
    static const char *const order[] = {"43210", "01234", "43210"};

    CHECK_OK(five(&f));
    for (size_t i = 0; i < 3; i++) {
        struct store_certificate_filter filter = {
            .sort = sorts[i], .limit = 2, .without_der = true};
        struct store_cursor at = {};
        char found[8] = "";
        size_t seen = 0;

        while (!at.end) {
            struct store_certificate *list;
            size_t n;

            CHECK_OK(store_certificate_list(READ(&f), &f.a, &filter, &at, &list, &n));
            for (size_t k = 0; k < n && seen < 7; k++)
                found[seen++] = list[k].id.z[ID_TEXT - 2];
            CHECK(n > 0 && list[0].der.n == 0);
        }
        CHECK_STR(str_of(found), order[i]);
    }
}

static void searches_use_their_indexes(void)
{
    static const char *const plans[] = {
        "EXPLAIN QUERY PLAN SELECT id FROM certificates WHERE n IN (SELECT certificate FROM"
        " certificate_names WHERE reversed = ? UNION SELECT certificate FROM certificate_names"
        " WHERE reversed >= ? AND reversed < ?)",
        "EXPLAIN QUERY PLAN SELECT id FROM certificates WHERE not_after >= ? AND not_after < ?"
        " ORDER BY not_after, id LIMIT ?",
        "EXPLAIN QUERY PLAN SELECT id FROM certificates WHERE spki_sha256 = ?",
        "EXPLAIN QUERY PLAN SELECT id FROM challenges WHERE next_attempt <= ?"
        " ORDER BY next_attempt LIMIT ?",
        "EXPLAIN QUERY PLAN SELECT id FROM authorizations WHERE account = ? AND type = ? AND"
        " value = ? AND wildcard = 0 AND status IN ('valid') AND expires > ?"
        " LIMIT ?", /* those of one account and name are few enough to be sorted */
        "EXPLAIN QUERY PLAN SELECT id FROM orders WHERE account = ? AND status IN ('pending')"
        " AND expires > ? ORDER BY created, id LIMIT ?",
        "EXPLAIN QUERY PLAN SELECT id FROM certificates WHERE (id = ? AND logical = id)"
        " OR (logical = ? AND logical <> id)",
        "EXPLAIN QUERY PLAN SELECT id FROM issuances WHERE order_id = ? AND state = 'reserved'",
        "EXPLAIN QUERY PLAN SELECT created FROM orders WHERE status = 'invalid' AND created >= ?"
        " ORDER BY created DESC LIMIT ?",
    };
    /* As store_certificates_within has it; not a look at each certificate. */
    static const char *const covered[] = {
        "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM certificates WHERE status = 'valid'"
        " AND hierarchy <> 'staging' AND not_after >= ? AND not_after < ?",
        "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM certificates WHERE 1 = 1"
        " AND hierarchy <> 'staging' AND status = 'valid' AND not_after >= ? AND not_after < ?",
        "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?",
        "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM certificates WHERE issued >= ? AND issued < ?"
        " AND (hierarchy = 'staging') BETWEEN ? AND ? AND replaces IS NOT NULL",
    };
    CLEANUP(fix_done) struct fix f = {};

    CHECK_OK(fix_open(&f));
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        CLEANUP(stmt_done) struct stmt st = {};

        CHECK_OK(stmt_open(&st, READ(&f), plans[i]));
        while (stmt_next(&st) == RC_OK) {
            const char *line = (const char *)sqlite3_column_text(st.s, 3);

            if (strstr(line, "SCAN") || strstr(line, "TEMP B-TREE FOR ORDER"))
                fail_msg("%s: %s", plans[i], line);
        }
    }
    {
        CLEANUP(stmt_done) struct stmt st = {};

        CHECK_OK(stmt_open(&st, READ(&f),
                           "EXPLAIN QUERY PLAN SELECT SUM(n) FROM certificate_hours WHERE what = ?"
                           " AND staging IN (?, ?) AND hour >= ? AND hour < ?"));
        CHECK_OK(stmt_next(&st));
        CHECK(strstr((const char *)sqlite3_column_text(st.s, 3), "hour>? AND hour<?"));
    }
    for (size_t i = 0; i < sizeof(covered) / sizeof(covered[0]); i++) {
        CLEANUP(stmt_done) struct stmt st = {};

        CHECK_OK(stmt_open(&st, READ(&f), covered[i]));
        CHECK_OK(stmt_next(&st));
        CHECK(strstr((const char *)sqlite3_column_text(st.s, 3), "USING COVERING INDEX"));
    }
}

static void one_logical_id_by_name(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id one = fix_id(41), two = fix_id(42), got;
    char long_name[STORE_TEXT_MAX + 1];

    memset(long_name, 'x', sizeof(long_name));
    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_certificate_logical(T, STR("gateway a.example"), &one, &got)));
    CHECK_STR(id_str(&got), one.z);
    CHECK_OK(DO(&f, store_certificate_logical(T, STR("gateway a.example"), &two, &got)));
    CHECK_STR(id_str(&got), one.z);
    CHECK_OK(DO(&f, store_certificate_logical(T, STR("gateway b.example"), &two, &got)));
    CHECK_STR(id_str(&got), two.z);
    CHECK_RC(DO(&f, store_certificate_logical(T, STR("gateway c.example"), &none, &got)), RC_INVAL);
    CHECK_RC(DO(&f, store_certificate_logical(T, STR(""), &one, &got)), RC_INVAL);
    CHECK_RC(DO(&f, store_certificate_logical(T, (struct str){long_name, sizeof(long_name)}, &one,
                                              &got)),
             RC_TOOBIG);
    CHECK_RC(store_certificate_logical(READ(&f), STR("gateway d.example"), &one, &got), RC_INVAL);
}

static enum rc add_named(struct fix *f, unsigned n, const char *hierarchy,
                         const struct store_name *name)
{
    struct fix_serial room;
    struct store_certificate c = fix_certificate(n, 3, &room);

    c.hierarchy = str_of(hierarchy);
    c.names = name;
    c.n_names = 1;
    return DO(f, store_certificate_add(T, &c, &none));
}

/* 0, 1, or -1 for an error. */
static int named_before(struct fix *f, unsigned n, const struct store_name *name)
{
    struct id id = fix_id(n);
    bool before;

    if (store_certificate_named_before(READ(f), &id, name, &before) != RC_OK)
        return -1;
    return before;
}

static void a_name_that_was_there_before(void)
{
    const struct store_name wiki = {STORE_NAME_DNS, STR("wiki.hospital.example")};
    const struct store_name wild = {STORE_NAME_DNS, STR("*.hospital.example")};
    const struct store_name address = {STORE_NAME_IP, STR("10.0.0.7")};
    const struct store_name uri = {STORE_NAME_URI, STR("spiffe://hospital.example/a")};
    struct id id = fix_id(50);
    bool before;

    CLEANUP(fix_done) struct fix f = {};
    CHECK_OK(fix_base(&f));
    CHECK_OK(add_named(&f, 50, "staging", &wiki));
    CHECK_OK(add_named(&f, 51, "intranet", &wiki));
    CHECK_OK(add_named(&f, 52, "intranet", &wiki));
    CHECK_OK(add_named(&f, 53, "intranet", &address));
    CHECK_OK(add_named(&f, 54, "intranet", &address));
    CHECK_OK(add_named(&f, 55, "intranet", &wild));
    CHECK_INT(named_before(&f, 50, &wiki), 0);
    CHECK_INT(named_before(&f, 51, &wiki), 0); /* staging is another world */
    CHECK_INT(named_before(&f, 52, &wiki), 1);
    CHECK_INT(named_before(&f, 53, &address), 0);
    CHECK_INT(named_before(&f, 54, &address), 1);
    CHECK_INT(named_before(&f, 55, &wild), 0);
    CHECK_RC(store_certificate_named_before(READ(&f), &id, &uri, &before), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST(one_logical_id_by_name),
         CHECK_TEST_ONCE(a_serial_is_used_once), CHECK_TEST(a_reservation_comes_back_as_it_was),
         CHECK_TEST_ONCE(recovery_finds_what_is_reserved), CHECK_TEST_ONCE(revoking_happens_once),
         CHECK_TEST_ONCE(is_found_by_anything), CHECK_TEST_ONCE(other_names_and_owners),
         CHECK_TEST_ONCE(pages_hold_in_both_directions),
         CHECK_TEST_ONCE(searches_use_their_indexes), CHECK_TEST_ONCE(a_name_that_was_there_before))
