/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of ACME clients that fail: an alert where a certificate was to be renewed, by whose doing
 * it is, until something has taken its place. */
#include "play.h"

#include "audit/audit.h"
#include "store/authorizations.h"
#include "store/orders.h"

#define ISSUER 3
#define ROUTES "alerts:\n  - {to: hook, kinds: [renewal]}\n  - {to: page, kinds: [renewal.dns]}\n"

static enum rc add(struct play *p, unsigned n, when_t life)
{
    struct fix_serial room;
    struct store_certificate c = fix_certificate(n, ISSUER, &room);

    c.account = fix_id(1);
    c.n_names = 1;
    c.not_before = c.issued = clock_now(&p->clock.clock);
    c.not_after = c.not_before + life;
    c.owner = STR("jane@hospital.example");
    return DO(&p->f, store_certificate_add(T, &c, &(struct id){}));
}

struct failed {
    const char *way, *type;
    unsigned account;
    const char *name; /* NULL: as the certificate's */
};

static enum rc write_failed(struct store_txn *txn, struct play *p, unsigned n,
                            const struct failed *how)
{
    char error[256];
    const struct store_challenge challenge = {.id = fix_id(n + 2),
                                              .type = str_of(how->way),
                                              .token = STR("token"),
                                              .status = STORE_CHALLENGE_INVALID};
    struct store_authorization z = fix_authorization(n + 1, how->account);
    struct store_order_name name;
    struct store_order order = fix_order(n, how->account, n + 1, &name);
    const struct audit_event event = {.at = clock_now(&p->clock.clock),
                                      .actor_kind = AUDIT_SYSTEM,
                                      .action = "order.failed",
                                      .object_kind = "order",
                                      .object = id_str(&order.id)};

    snprintf(error, sizeof(error),
             "{\"type\":\"urn:ietf:params:acme:error:%s\",\"detail\":\"no proof at /token\"}",
             how->type);
    z.challenges = &challenge;
    z.n_challenges = 1;
    if (how->name)
        name.name.value = z.name.value = str_of(how->name);
    order.created = clock_now(&p->clock.clock);
    order.expires = order.created + WHEN_DAY;
    TRY(store_authorization_add(txn, &z));
    TRY(store_order_add(txn, &order));
    TRY(store_order_fail(txn, &order.id, STORE_ORDER_PENDING, str_of(error)));
    return audit_append(txn, &event, NULL);
}

static enum rc fails(struct play *p, unsigned n, const struct failed *how)
{
    TRY(DO(&p->f, write_failed(T, p, n, how)));
    pass(p, 0);
    return RC_OK;
}

static void told_by_whose_doing_it_is(void)
{
    struct store_delivery d = {};
    struct store_alert *list;

    BEGIN(p, ROUTES);
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 10 * WHEN_DAY);
    CHECK_OK(fails(&p, 100, &(struct failed){"http-01", "connection", 1, NULL}));
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].kind, "renewal.proxy");
    CHECK_STR(list[0].owner, "jane@hospital.example");
    CHECK_INT(list[0].severity, STORE_WARNING);
    CHECK(list[0].ends);
    CHECK_INT(told(&p, "hook", &d), 1);
    CHECK(strstr(d.body.p, "the renewal of the certificate for wiki.hospital.example failed by "
                           "http-01: no proof at /(token)"));
    CHECK_INT(told(&p, "page", NULL), 0);
    /* Again: the same alert. With another cause: others have to be told. */
    CHECK_OK(fails(&p, 110, &(struct failed){"http-01", "unauthorized", 1, NULL}));
    CHECK_INT(firing(&p, &list), 1);
    CHECK_INT(told(&p, "hook", NULL), 1);
    CHECK_OK(fails(&p, 120, &(struct failed){"dns-01", "unauthorized", 1, NULL}));
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].kind, "renewal.dns");
    CHECK_INT(told(&p, "page", NULL), 1);
    CHECK_OK(fails(&p, 130, &(struct failed){"http-01", "caa", 1, NULL}));
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].kind, "renewal.dns");
    CHECK_OK(fails(&p, 140, &(struct failed){"http-01", "rejectedIdentifier", 1, NULL}));
    CHECK_INT(firing(&p, &list), 1);
    CHECK_STR(list[0].kind, "renewal");
}

static void over_when_something_took_its_place(void)
{
    BEGIN(p, ROUTES);
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 10 * WHEN_DAY);
    CHECK_OK(fails(&p, 100, &(struct failed){"http-01", "connection", 1, NULL}));
    pass(&p, WHEN_HOUR);
    CHECK_INT(firing(&p, NULL), 1);
    CHECK_OK(add(&p, 20, 90 * WHEN_DAY));
    pass(&p, 5 * WHEN_MINUTE);
    CHECK_INT(firing(&p, NULL), 0);
    CHECK_INT(told(&p, "hook", NULL), 2); /* that it began, and that it is over */
    /* What failed before it was issued is over; the next failure is one of the new one. */
    CHECK_OK(fails(&p, 110, &(struct failed){"http-01", "connection", 1, NULL}));
    CHECK_INT(firing(&p, NULL), 1);
}

/* It becomes critical as the end comes near, and with it the renewal is overdue. */
static void worse_with_time(void)
{
    struct store_alert *list;

    BEGIN(p, ROUTES);
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 61 * WHEN_DAY);
    CHECK_OK(fails(&p, 100, &(struct failed){"http-01", "connection", 1, NULL}));
    for (int day = 61; day < 85; day++)
        pass(&p, WHEN_DAY);
    CHECK_INT(firing(&p, &list), 2);
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(list[i].severity, STORE_CRITICAL);
    CHECK(told(&p, "hook", NULL) >= 2);
}

static void what_replaces_nothing_is_none(void)
{
    struct store_account other = fix_account(5);

    BEGIN(p, ROUTES);
    CHECK_OK(DO(&p.f, store_account_add(T, &other)));
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, WHEN_DAY);
    CHECK_OK(fails(&p, 100, &(struct failed){"http-01", "connection", 5, NULL}));
    CHECK_OK(fails(&p, 110, &(struct failed){"http-01", "connection", 1, "new.hospital.example"}));
    CHECK_INT(firing(&p, NULL), 0);
}

static void silences_know_the_cause(void)
{
    const struct store_silence s = {.id = fix_id(9),
                                    .kind = STR("renewal"),
                                    .until = FIX_NOW + 100 * WHEN_DAY,
                                    .set_by = STR("uid 0"),
                                    .set = FIX_NOW};

    BEGIN(p, ROUTES);
    CHECK_OK(DO(&p.f, store_silence_add(T, &s)));
    CHECK_OK(add(&p, 10, 90 * WHEN_DAY));
    pass(&p, 10 * WHEN_DAY);
    CHECK_OK(fails(&p, 100, &(struct failed){"dns-01", "dns", 1, NULL}));
    CHECK_INT(firing(&p, NULL), 1);
    CHECK_INT(told(&p, "page", NULL), 0);
}

FIX_MAIN(CHECK_TEST_ONCE(told_by_whose_doing_it_is),
         CHECK_TEST_ONCE(over_when_something_took_its_place), CHECK_TEST_ONCE(worse_with_time),
         CHECK_TEST(what_replaces_nothing_is_none), CHECK_TEST_ONCE(silences_know_the_cause))
