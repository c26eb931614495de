/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"
#include "store/revocations.h"

enum { ISSUER = 3 };

static struct store_revocation entry(unsigned n, unsigned shard)
{
    struct store_revocation r = {.issuer = fix_id(ISSUER),
                                 .shard = shard,
                                 .serial_n = 4,
                                 .revoked = FIX_NOW,
                                 .reason = 4,
                                 .not_after = FIX_NOW + 90 * WHEN_DAY};

    r.serial[0] = 0x40;
    r.serial[3] = (uint8_t)n;
    return r;
}

static enum rc add(struct fix *f, unsigned n, unsigned shard, when_t due)
{
    struct store_revocation r = entry(n, shard);

    return DO(f, store_revocation_add(T, &r, due));
}

static enum rc shard_of(struct fix *f, unsigned shard, struct store_shard *out)
{
    struct id issuer = fix_id(ISSUER);

    return store_shard_get(READ(f), &issuer, shard, out);
}

static struct store_publication publication(unsigned shard, uint64_t number, uint64_t change)
{
    return (struct store_publication){
        .crl = {.issuer = fix_id(ISSUER),
                .shard = shard,
                .number = number,
                .change = change,
                .this_update = FIX_NOW,
                .next_update = FIX_NOW + 7 * WHEN_DAY,
                .entries = 1,
                .der = STR("list")},
        .due = FIX_NOW + WHEN_DAY,
        .scheduled = true,
    };
}

static void a_revocation_makes_its_shard_due(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id issuer = fix_id(ISSUER);
    struct store_revocation *list;
    struct store_shard s, *due;
    when_t next;
    size_t n;

    CHECK_OK(fix_base(&f));
    CHECK_RC(store_shards_next(READ(&f), &next), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_shards_make(T, &issuer, 4, FIX_NOW + WHEN_DAY)));
    CHECK_OK(add(&f, 1, 2, FIX_NOW + WHEN_HOUR));
    CHECK_OK(shard_of(&f, 2, &s));
    CHECK(s.change == 1 && s.due == FIX_NOW + WHEN_HOUR && s.number == 0);
    CHECK_OK(add(&f, 2, 2, FIX_NOW + 2 * WHEN_HOUR)); /* not later than it was */
    CHECK_OK(shard_of(&f, 2, &s));
    CHECK(s.change == 2 && s.due == FIX_NOW + WHEN_HOUR);
    CHECK_OK(shard_of(&f, 3, &s));
    CHECK(s.change == 0 && s.due == FIX_NOW + WHEN_DAY);
    CHECK_OK(store_shards_next(READ(&f), &next));
    CHECK(next == FIX_NOW + WHEN_HOUR);
    CHECK_OK(store_shards_due(READ(&f), &f.a, FIX_NOW, 10, &due, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_shards_due(READ(&f), &f.a, FIX_NOW + WHEN_DAY, 2, &due, &n));
    CHECK(n == 2 && due[0].shard == 2);
    /* Making them again changes nothing. */
    CHECK_OK(DO(&f, store_shards_make(T, &issuer, 4, FIX_NOW)));
    CHECK_OK(store_shards_next(READ(&f), &next));
    CHECK(next == FIX_NOW + WHEN_HOUR);
    CHECK_OK(DO(&f, store_shards_hasten(T, &issuer, FIX_NOW)));
    CHECK_OK(store_shards_due(READ(&f), &f.a, FIX_NOW, 10, &due, &n));
    CHECK_INT(n, 4);
    CHECK_OK(shard_of(&f, 2, &s));
    CHECK_OK(store_crl_entries(READ(&f), &f.a, &s, &(struct store_crl_filter){0, 0}, &list, &n));
    CHECK_INT(n, 2);
    CHECK(list[0].serial_n == 4 && list[0].reason == 4 && list[1].revoked == FIX_NOW);
}

static void only_what_changed_and_what_lives(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_revocation *list, old = entry(3, 0), again = entry(1, 0);
    struct store_shard s;
    size_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(add(&f, 1, 0, FIX_NOW));
    CHECK_OK(add(&f, 2, 1, FIX_NOW));
    old.not_after = FIX_NOW - WHEN_DAY;
    CHECK_OK(DO(&f, store_revocation_add(T, &old, FIX_NOW)));
    CHECK_OK(shard_of(&f, 0, &s));
    CHECK_OK(store_crl_entries(READ(&f), &f.a, &s,
                               &(struct store_crl_filter){0, FIX_NOW - 2 * WHEN_DAY}, &list, &n));
    CHECK_INT(n, 2);
    CHECK_OK(
        store_crl_entries(READ(&f), &f.a, &s, &(struct store_crl_filter){0, FIX_NOW}, &list, &n));
    CHECK_INT(n, 1);
    CHECK_OK(store_crl_entries(READ(&f), &f.a, &s, &(struct store_crl_filter){1, 0}, &list, &n));
    CHECK(n == 1 && list[0].serial[3] == 3);
    again.reason = 1; /* the same one, for another reason */
    CHECK_OK(DO(&f, store_revocation_add(T, &again, FIX_NOW)));
    CHECK_OK(shard_of(&f, 0, &s));
    CHECK_INT(s.change, 3);
    CHECK_OK(store_crl_entries(READ(&f), &f.a, &s, &(struct store_crl_filter){2, 0}, &list, &n));
    CHECK(n == 1 && list[0].serial[3] == 1 && list[0].reason == 1);
    again.serial_n = 0;
    CHECK_RC(DO(&f, store_revocation_add(T, &again, FIX_NOW)), RC_INVAL);
    again.serial_n = 1;
    again.shard = STORE_SHARDS_MAX;
    CHECK_RC(DO(&f, store_revocation_add(T, &again, FIX_NOW)), RC_INVAL);
}

static enum rc reopen(struct fix *f)
{
    struct store_options o = fix_options(f);

    store_close(MOVE(f->s));
    return store_open(&o, &f->s, NULL);
}

static enum rc take_number(struct fix *f, unsigned shard, uint64_t *out)
{
    struct id issuer = fix_id(ISSUER);

    return DO(f, store_crl_number(T, &issuer, shard, out));
}

static void numbers_are_given_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_publication p = publication(0, 1, 1);
    struct id issuer = fix_id(ISSUER);
    struct store_crl crl;
    uint64_t number = 0;

    CHECK_OK(fix_base(&f));
    CHECK_RC(take_number(&f, 0, &number), RC_NOTFOUND);
    CHECK_OK(add(&f, 1, 0, FIX_NOW));
    CHECK_RC(DO(&f, store_crl_publish(T, &p)), RC_CONFLICT); /* never given away */
    CHECK_OK(take_number(&f, 0, &number));
    CHECK_INT(number, 1);
    CHECK_RC(store_crl_get(READ(&f), &f.a, &issuer, 0, false, &crl), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_crl_publish(T, &p)));
    CHECK_RC(DO(&f, store_crl_publish(T, &p)), RC_CONFLICT); /* not twice */
    CHECK_OK(store_crl_get(READ(&f), &f.a, &issuer, 0, false, &crl));
    CHECK(crl.number == 1 && crl.entries == 1 && crl.this_update == FIX_NOW);
    CHECK_STR(crl.der, "list");
    CHECK_OK(reopen(&f));
    CHECK_OK(take_number(&f, 0, &number));
    CHECK_INT(number, 2);
    CHECK_OK(DO(&f, store_crl_number_least(T, &issuer, 0, 100)));
    CHECK_OK(DO(&f, store_crl_number_least(T, &issuer, 0, 50)));
    CHECK_OK(take_number(&f, 0, &number));
    CHECK_INT(number, 101);
}

static void publication_moves_the_shard_on(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_publication p = publication(0, 1, 1);
    struct store_revocation gone = entry(9, 0), *list;
    struct store_crl_summary sum;
    struct store_shard s;
    uint64_t number;
    size_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(add(&f, 1, 0, FIX_NOW));
    gone.not_after = FIX_NOW - WHEN_HOUR;
    CHECK_OK(DO(&f, store_revocation_add(T, &gone, FIX_NOW)));
    CHECK_OK(take_number(&f, 0, &number));
    CHECK_OK(DO(&f, store_crl_publish(T, &p)));
    CHECK_OK(shard_of(&f, 0, &s));
    CHECK(s.due == FIX_NOW); /* the second change is not on it */
    CHECK(s.full_number == 1 && s.base_number == 1 && s.base_change == 1);
    CHECK_OK(take_number(&f, 0, &number));
    p = publication(0, 2, 2);
    p.expired_before = FIX_NOW;
    CHECK_OK(DO(&f, store_crl_publish(T, &p)));
    CHECK_OK(shard_of(&f, 0, &s));
    CHECK(s.due == FIX_NOW + WHEN_DAY && s.full_number == 2 && s.base_number == 1);
    CHECK(s.scheduled == FIX_NOW);
    CHECK_OK(store_crl_entries(READ(&f), &f.a, &s, &(struct store_crl_filter){0, 0}, &list, &n));
    CHECK(n == 1 && list[0].serial[3] == 1); /* what had expired left */
    CHECK_OK(take_number(&f, 0, &number));
    p = publication(0, 3, 2);
    p.crl.delta = true;
    CHECK_OK(DO(&f, store_crl_publish(T, &p)));
    CHECK_OK(shard_of(&f, 0, &s));
    CHECK(s.full_number == 2 && s.base_number == 1);
    CHECK_OK(store_crl_summarize(READ(&f), FIX_NOW, FIX_NOW, &sum));
    CHECK(sum.shards == 1 && sum.published == 1 && sum.entries == 1 && sum.bytes == 4);
    CHECK(sum.overdue == 0 && sum.behind == 0 && sum.oldest == FIX_NOW);
    CHECK_OK(store_crl_summarize(READ(&f), FIX_NOW + 8 * WHEN_DAY, FIX_NOW + WHEN_DAY, &sum));
    CHECK(sum.overdue == 1 && sum.behind == 1);
}

static void status_by_serial(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct fix_serial room;
    struct store_certificate c = fix_certificate(10, ISSUER, &room);
    struct store_status s;
    struct id none = {};

    CHECK_OK(fix_base(&f));
    CHECK_RC(store_status_get(READ(&f), c.serial, &s), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_certificate_add(T, &c, &none)));
    CHECK_OK(store_status_get(READ(&f), c.serial, &s));
    CHECK(s.revoked == 0 && str_eq(id_str(&s.issuer), id_str(&c.issuer)));
    CHECK_OK(DO(&f, store_certificate_revoke(T, &c.id, FIX_NOW, 1)));
    CHECK_OK(store_status_get(READ(&f), c.serial, &s));
    CHECK(s.reason == 1 && s.revoked == FIX_NOW && str_eq(id_str(&s.issuer), id_str(&c.issuer)));
    CHECK_OK(DO(&f, store_certificate_set_reason(T, &c.id, 4)));
    CHECK_OK(store_status_get(READ(&f), c.serial, &s));
    CHECK(s.reason == 4 && s.revoked == FIX_NOW);
}

FIX_MAIN(CHECK_TEST(a_revocation_makes_its_shard_due), CHECK_TEST(only_what_changed_and_what_lives),
         CHECK_TEST_ONCE(numbers_are_given_once), CHECK_TEST(publication_moves_the_shard_on),
         CHECK_TEST(status_by_serial))
