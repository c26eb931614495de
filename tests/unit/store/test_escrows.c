/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in escrow: one for a certificate, and it stays. */
#include "check.h"

#include "fixture.h"
#include "store/escrows.h"
#include "store/prune.h"

/* That of the n-th certificate, under the k-th escrow key. */
static struct store_escrow escrow_of(unsigned n, unsigned k)
{
    return (struct store_escrow){
        .certificate = fix_id(n),
        .sealed_to = fix_hash(k),
        .envelope = STR("sealed"),
        .created = FIX_NOW + n,
    };
}

static enum rc add_certificate(struct fix *f, unsigned n)
{
    struct id none = {};
    struct fix_serial room;
    struct store_certificate c = fix_certificate(n, 3, &room);

    return DO(f, store_certificate_add(T, &c, &none));
}

static void one_is_found_by_its_certificate(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_escrow e = escrow_of(10, 77), got;
    struct id other = fix_id(11);

    CHECK_OK(fix_base(&f));
    CHECK_OK(add_certificate(&f, 10));
    CHECK_OK(add_certificate(&f, 11));
    CHECK_OK(DO(&f, store_escrow_add(T, &e)));
    CHECK_OK(store_escrow_get(READ(&f), &f.a, &e.certificate, &got));
    CHECK(str_eq(id_str(&got.certificate), id_str(&e.certificate)));
    CHECK(memcmp(got.sealed_to.b, e.sealed_to.b, STORE_SHA256) == 0);
    CHECK(str_eq(got.envelope, e.envelope));
    CHECK_INT(got.created, e.created);
    CHECK_RC(store_escrow_get(READ(&f), &f.a, &other, &got), RC_NOTFOUND);
}

static void what_cannot_be_is_refused(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_escrow e = escrow_of(10, 77), again = escrow_of(10, 78), got;
    struct store_escrow nobodys = escrow_of(12, 77), empty = escrow_of(11, 77);

    empty.envelope = (struct str){NULL, 0};
    CHECK_OK(fix_base(&f));
    CHECK_OK(add_certificate(&f, 10));
    CHECK_OK(add_certificate(&f, 11));
    CHECK_OK(DO(&f, store_escrow_add(T, &e)));
    CHECK_RC(DO(&f, store_escrow_add(T, &again)), RC_EXISTS);
    CHECK_RC(DO(&f, store_escrow_add(T, &nobodys)), RC_INVAL);
    CHECK_RC(DO(&f, store_escrow_add(T, &empty)), RC_INVAL);
    CHECK_OK(store_escrow_get(READ(&f), &f.a, &e.certificate, &got));
    CHECK(memcmp(got.sealed_to.b, e.sealed_to.b, STORE_SHA256) == 0);
}

static void they_stay(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_escrow e = escrow_of(10, 77), got;
    struct store_hash names = fix_hash(1);

    CHECK_OK(fix_base(&f));
    CHECK_OK(add_certificate(&f, 10));
    CHECK_OK(DO(&f, store_escrow_add(T, &e)));
    CHECK_RC(DO(&f, sql_exec((T)->db, "DELETE FROM escrows")), RC_INVAL);
    CHECK_RC(DO(&f, sql_exec((T)->db, "UPDATE escrows SET envelope = x'00'")), RC_INVAL);
    CHECK_RC(DO(&f, sql_exec((T)->db, "DELETE FROM certificates")), RC_INVAL);
    /* The certificate's end is not that of what was encrypted to it. */
    CHECK_OK(DO(&f, store_certificate_tombstone(T, &e.certificate, FIX_NOW, &names)));
    CHECK_OK(store_escrow_get(READ(&f), &f.a, &e.certificate, &got));
    CHECK(str_eq(got.envelope, e.envelope));
}

static void the_last_one_and_how_many(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_hash older = fix_hash(77), newer = fix_hash(78), neither = fix_hash(79);
    struct store_escrow got;
    uint64_t n;

    CHECK_OK(fix_base(&f));
    CHECK_RC(store_escrow_last(READ(&f), &f.a, &got), RC_NOTFOUND);
    CHECK_OK(store_escrow_count(READ(&f), NULL, &n));
    CHECK_INT(n, 0);
    for (unsigned i = 10; i < 13; i++) {
        struct store_escrow e = escrow_of(i, i < 12 ? 77 : 78);

        CHECK_OK(add_certificate(&f, i));
        CHECK_OK(DO(&f, store_escrow_add(T, &e)));
    }
    CHECK_OK(store_escrow_last(READ(&f), &f.a, &got));
    CHECK(memcmp(got.sealed_to.b, newer.b, STORE_SHA256) == 0);
    CHECK_OK(store_escrow_count(READ(&f), NULL, &n));
    CHECK_INT(n, 3);
    CHECK_OK(store_escrow_count(READ(&f), &older, &n));
    CHECK_INT(n, 2);
    CHECK_OK(store_escrow_count(READ(&f), &newer, &n));
    CHECK_INT(n, 1);
    CHECK_OK(store_escrow_count(READ(&f), &neither, &n));
    CHECK_INT(n, 0);
}

FIX_MAIN(CHECK_TEST(one_is_found_by_its_certificate), CHECK_TEST(what_cannot_be_is_refused),
         CHECK_TEST(they_stay), CHECK_TEST(the_last_one_and_how_many))
