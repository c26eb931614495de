/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: overdue at their own time, never when something has taken their place. */
#include "play.h"

#define ISSUER 3

static enum rc add_as(struct play *p, const struct store_certificate *c)
{
    return DO(&p->f, store_certificate_add(T, c, &(struct id){}));
}

/* Certificate `n`, issued now for so long. */
static struct store_certificate make(struct play *p, unsigned n, when_t life,
                                     struct fix_serial *room)
{
    struct store_certificate c = fix_certificate(n, ISSUER, room);

    c.not_before = c.issued = clock_now(&p->clock.clock);
    c.not_after = c.not_before + life;
    c.owner = STR("jane@hospital.example");
    return c;
}

static enum rc add(struct play *p, unsigned n, when_t life)
{
    struct fix_serial room;
    struct store_certificate c = make(p, n, life, &room);

    return add_as(p, &c);
}

static void how_much_is_left(void)
{
    CHECK_INT(alert_overdue_left(0, 90 * WHEN_DAY, 66) / WHEN_HOUR, 587); /* 24.5 days */
    CHECK_INT(alert_overdue_left(0, 6 * WHEN_DAY, 66) / WHEN_HOUR, 39);
    CHECK_INT(alert_overdue_left(5, 5, 66), 0);
    CHECK_INT(alert_overdue_left(0, WHEN_DAY, 100), 0);
}

static void overdue_and_worse_and_ended(void)
{
    struct store_delivery d = {};
    struct store_alert *list;

    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 0);
    pass(&p, 65 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 0);
    pass(&p, WHEN_DAY);
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].object, "wiki.hospital.example");
    CHECK_INT(list[0].severity, STORE_WARNING);
    CHECK_INT(told(&p, "hook", &d), 1);
    CHECK(strstr(d.body.p, "its renewal is overdue"));
    for (int day = 67; day < 90; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(firing(&p, &list), 1);
    CHECK_INT(list[0].severity, STORE_CRITICAL);
    CHECK_INT(told(&p, "hook", NULL), 3); /* at the beginning, with 7 days and with 1 left */
    pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", &d), 4);
    CHECK(strstr(d.body.p, " ended "));
    pass(&p, 8 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 0); /* what ended long ago serves nobody */
}

/* The rungs of the configuration count from the end, but not before the renewal is overdue. */
static void rungs_of_the_configuration(void)
{
    BEGIN(p, "alerts: [{at: [30d, 14d], to: hook}, {at: [7d, 1d], to: page}]\n");
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    for (int day = 0; day < 65; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 0); /* 25 days left */
    pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 1);
    for (int day = 66; day < 77; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 2);
    CHECK_INT(told(&p, "page", NULL), 0);
    for (int day = 77; day < 89; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(told(&p, "page", NULL), 2);
    CHECK_INT(told(&p, "hook", NULL), 2);
}

static void renewed_in_time(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 60 * WHEN_DAY);
    CHECK_OK(add(&p, 20, 90 * WHEN_DAY));
    for (int day = 60; day < 100; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 0);
    CHECK_INT(told(&p, "hook", NULL), 0);
}

static void renewed_late(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 0);
    pass(&p, 80 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 1);
    CHECK_OK(add(&p, 20, 90 * WHEN_DAY));
    pass(&p, 5 * WHEN_MINUTE);
    CHECK_INT(firing(&p, NULL), 0);
    CHECK_INT(told(&p, "hook", NULL), 2);
}

/* Another algorithm, fewer names, an earlier end, staging, a revoked one: none of them replaces. */
static void what_is_no_successor(void)
{
    struct store_issuer other = fix_issuer(4);
    struct fix_serial room;
    struct store_certificate c;

    BEGIN(p, "alerts: [{to: hook}]\n");
    other.algorithm = STR("rsa");
    other.name = STR("other");
    CHECK_OK(DO(&p.f, store_issuer_add(T, &other)));
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 60 * WHEN_DAY);
    c = make(&p, 20, 90 * WHEN_DAY, &room);
    c.issuer = other.id;
    CHECK_OK(add_as(&p, &c));
    c = make(&p, 21, 90 * WHEN_DAY, &room);
    c.n_names = 2;
    CHECK_OK(add_as(&p, &c));
    CHECK_OK(add(&p, 22, 10 * WHEN_DAY));
    c = make(&p, 23, 90 * WHEN_DAY, &room);
    c.hierarchy = STR("staging");
    CHECK_OK(add_as(&p, &c));
    c = make(&p, 24, 90 * WHEN_DAY, &room);
    CHECK_OK(add_as(&p, &c));
    CHECK_OK(DO(&p.f, store_certificate_revoke(T, &c.id, c.issued, 4)));
    pass(&p, 8 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 2); /* 10, and 22 with its 10 days */
}

/* More names; or of the same logical id; or by the client's own word (RFC 9773). */
static void other_successors(void)
{
    struct fix_serial room;
    struct store_certificate c;

    BEGIN(p, "alerts: [{to: hook}]\n");
    for (unsigned n = 10; n < 13; n++) {
        c = make(&p, n, 90 * WHEN_DAY, &room);
        c.names = fix_names + (n - 10);
        c.n_names = 1;
        c.logical = fix_id(n == 11 ? 99 : n);
        CHECK_OK(add_as(&p, &c));
    }
    pass(&p, 60 * WHEN_DAY);
    c = make(&p, 20, 90 * WHEN_DAY, &room);
    c.names = (const struct store_name[]){{STORE_NAME_DNS, STR("wiki.hospital.example")},
                                          {STORE_NAME_DNS, STR("new.hospital.example")}};
    c.n_names = 2;
    CHECK_OK(add_as(&p, &c));
    c = make(&p, 21, 90 * WHEN_DAY, &room);
    c.names = (const struct store_name[]){{STORE_NAME_DNS, STR("b.hospital.example")}};
    c.n_names = 1;
    c.logical = fix_id(99);
    CHECK_OK(add_as(&p, &c));
    c = make(&p, 22, 90 * WHEN_DAY, &room);
    c.names = (const struct store_name[]){{STORE_NAME_DNS, STR("c.hospital.example")}};
    c.n_names = 1;
    c.replaces = fix_id(12);
    CHECK_OK(add_as(&p, &c));
    pass(&p, 0);
    pass(&p, 7 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 0);
}

static enum rc add_half(struct play *p, unsigned n, struct str profile, when_t life)
{
    struct fix_serial room;
    struct store_certificate c = make(p, n, life, &room);

    c.issuer = fix_id(5);
    c.logical = fix_id(99);
    c.profile = profile;
    return add_as(p, &c);
}

/* Of the two of TLCP neither takes the other's place, and one alert is about both. */
static void halves_of_tlcp(void)
{
    const struct id first = fix_id(10), second = fix_id(11);
    struct store_issuer sm2 = fix_issuer(5);
    struct store_alert *list;

    BEGIN(p, "alerts: [{to: hook}]\n");
    sm2.algorithm = sm2.name = STR("sm2");
    CHECK_OK(DO(&p.f, store_issuer_add(T, &sm2)));
    CHECK_OK(add_half(&p, 10, STR("tlcp-sign"), 90 * WHEN_DAY));
    CHECK_OK(add_half(&p, 11, STR("tlcp-enc"), 90 * WHEN_DAY + WHEN_MINUTE));
    pass(&p, 0);
    pass(&p, 67 * WHEN_DAY);
    CHECK_INT(firing(&p, &list), 1);
    CHECK(str_ends(list[0].key, id_str(&first)));
    /* One is renewed: the other one is worth an alert of its own. */
    CHECK_OK(add_half(&p, 12, STR("tlcp-sign"), 90 * WHEN_DAY));
    for (int i = 0; i < 4; i++)
        pass(&p, WHEN_HOUR);
    CHECK_INT(firing(&p, &list), 1);
    CHECK(str_ends(list[0].key, id_str(&second)));
    CHECK_OK(add_half(&p, 13, STR("tlcp-enc"), 90 * WHEN_DAY));
    for (int i = 0; i < 4; i++)
        pass(&p, WHEN_HOUR);
    CHECK_INT(firing(&p, NULL), 0);
}

static void revoked_and_staging_are_nobodys_worry(void)
{
    struct fix_serial room;
    struct store_certificate c;

    BEGIN(p, "alerts: [{to: hook}]\n");
    c = make(&p, 10, 90 * WHEN_DAY, &room);
    c.hierarchy = STR("staging");
    CHECK_OK(add_as(&p, &c));
    c = make(&p, 11, 90 * WHEN_DAY, &room);
    CHECK_OK(add_as(&p, &c));
    pass(&p, 0);
    pass(&p, 70 * WHEN_DAY);
    CHECK_INT(firing(&p, NULL), 1);
    CHECK_OK(DO(&p.f, store_certificate_revoke(T, &c.id, c.issued, 4)));
    pass(&p, 5 * WHEN_MINUTE);
    CHECK_INT(firing(&p, NULL), 0);
}

/* More than one job takes up. */
static void many(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    for (unsigned n = 0; n < 1200; n++) {
        struct fix_serial room;
        struct store_certificate c = make(&p, 1000 + n, 90 * WHEN_DAY, &room);
        char name[32];

        snprintf(name, sizeof(name), "h%u.hospital.example", n / 2); /* each twice */
        c.names = &(struct store_name){STORE_NAME_DNS, str_of(name)};
        c.n_names = 1;
        c.not_after += n % 2;
        CHECK_OK(add_as(&p, &c));
    }
    for (int i = 0; i < 5; i++)
        pass(&p, 0);
    pass(&p, 70 * WHEN_DAY);
    for (int i = 0; i < 10; i++)
        pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 600 / ALERT_GROUP_MAX);
}

/* Many that are overdue are looked at less often. */
static void the_more_the_less_often(void)
{
    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(fix_alerts(&p.f, 9000)); /* nine minutes */
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 0);
    pass(&p, 80 * WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_OK(add(&p, 20, 90 * WHEN_DAY));
    pass(&p, 5 * WHEN_MINUTE);
    CHECK_INT(told(&p, "hook", NULL), 1);
    pass(&p, 4 * WHEN_MINUTE);
    CHECK_INT(told(&p, "hook", NULL), 2); /* that it is over */
}

/* What finds no place waits for one; what is about the authority itself does not have to. */
static void no_place_is_left(void)
{
    uint64_t n[STORE_SEVERITIES];

    BEGIN(p, "alerts: [{to: hook}]\n");
    CHECK_OK(fix_alerts(&p.f, ALERT_CERTIFICATES_MAX));
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 0);
    pass(&p, 80 * WHEN_DAY);
    CHECK_INT(told(&p, "hook", NULL), 0);
    CHECK_OK(store_alert_count(READ(&p.f), n));
    CHECK_INT(n[STORE_WARNING], ALERT_CERTIFICATES_MAX);
    p.holds[p.n++] =
        (struct alert_condition){"disk", STORE_CRITICAL, STR("disk"), .summary = STR("full")};
    pass(&p, 0);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_OK(DO(&p.f, store_alert_resolve(T, &(struct id){"00000000000000000000000001"}, 1)));
    CHECK_OK(DO(&p.f, store_alert_resolve(T, &(struct id){"00000000000000000000000002"}, 1)));
    pass(&p, 30 * WHEN_MINUTE);
    CHECK_INT(told(&p, "hook", NULL), 1);
    pass(&p, 30 * WHEN_MINUTE);
    CHECK_INT(told(&p, "hook", NULL), 2);
}

FIX_MAIN(CHECK_TEST(how_much_is_left), CHECK_TEST_ONCE(overdue_and_worse_and_ended),
         CHECK_TEST_ONCE(rungs_of_the_configuration), CHECK_TEST_ONCE(renewed_in_time),
         CHECK_TEST_ONCE(renewed_late), CHECK_TEST_ONCE(what_is_no_successor),
         CHECK_TEST_ONCE(other_successors), CHECK_TEST_ONCE(halves_of_tlcp),
         CHECK_TEST_ONCE(revoked_and_staging_are_nobodys_worry), CHECK_TEST_ONCE(many),
         CHECK_TEST_ONCE(the_more_the_less_often), CHECK_TEST_ONCE(no_place_is_left))
