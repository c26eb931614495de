/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints held against the register, and whose they are. */
#include "check.h"

#include "unit/store/fixture.h"

#include "conf/conf.h"
#include "inventory/owner.h"

#define NOW (FIX_NOW + WHEN_DAY)

/* What shows the n-th certificate. */
static struct store_endpoint showing(unsigned n, struct fix_serial *room)
{
    return (struct store_endpoint){
        .id = fix_id(n),
        .endpoint = STR("10.1.2.3:443/wiki.hospital.example"),
        .protocol = STR("tls"),
        .address = {4, {10, 1, 2, 3}},
        .port = 443,
        .name = STR("wiki.hospital.example"),
        .state = STORE_ENDPOINT_TLS,
        .shown = true,
        .seen = {.sha256 = fix_hash(n + 2),
                 .der = STR("certificate"),
                 .serial = fix_serial(n, room),
                 .not_before = FIX_NOW,
                 .not_after = FIX_NOW + 90 * WHEN_DAY},
        .last_seen = NOW,
    };
}

/* 10; 20, which is renewed by 21 and that by 22; 30 of the same line as 20, and of another kind. */
static enum rc fill(struct fix *f)
{
    static const unsigned numbers[] = {10, 20, 21, 22, 30};
    static const unsigned replaces[] = {0, 0, 20, 21, 0};

    TRY(fix_base(f));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct fix_serial room;
        struct store_certificate c = fix_certificate(numbers[i], 3, &room);

        if (numbers[i] > 10)
            c.logical = fix_id(20);
        if (replaces[i])
            c.replaces = fix_id(replaces[i]);
        c.owner = numbers[i] == 30 ? STR("PACS team") : c.owner;
        TRY(DO(f, store_certificate_add(T, &c, &(struct id){})));
    }
    return RC_OK;
}

static enum rc judge(struct fix *f, const struct store_endpoint *e, when_t now,
                     struct inventory_judged *out)
{
    return inventory_judge(READ(f), &f->a, e, now, out);
}

static void with_the_register(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct inventory_judged j;
    struct store_endpoint e;
    struct fix_serial room;
    struct id id = fix_id(10);

    CHECK_OK(CHECK_SPARED(fill(&f)));
    e = showing(10, &room);
    e.verdicts = INVENTORY_FOREIGN; /* the scan did not know our roots */
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_CURRENT);
    CHECK(j.registered && str_eq(id_str(&j.certificate.id), id_str(&id)));
    CHECK_OK(judge(&f, &e, FIX_NOW + 91 * WHEN_DAY, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_EXPIRED);
    CHECK_OK(judge(&f, &e, FIX_NOW - 1, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_EARLY);
    e.verdicts = INVENTORY_EXPIRED | INVENTORY_WEAK; /* what was so then is not so now */
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_WEAK | INVENTORY_CURRENT);
    CHECK_OK(DO(&f, store_certificate_revoke(T, &id, NOW, 4)));
    e.verdicts = 0;
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_REVOKED);
}

static void renewed(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id last = fix_id(22), middle = fix_id(21);
    struct inventory_judged j;
    struct store_endpoint e;
    struct fix_serial room;

    CHECK_OK(CHECK_SPARED(fill(&f)));
    e = showing(20, &room);
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_SUPERSEDED);
    CHECK_STR(id_str(&j.newer), last.z);
    CHECK_OK(DO(&f, store_certificate_revoke(T, &middle, NOW, 4)));
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_STR(id_str(&j.newer), last.z);
    /* There is nothing left that could be served instead. */
    CHECK_OK(DO(&f, store_certificate_revoke(T, &last, NOW, 4)));
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_CURRENT);
    e = showing(30, &room);
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_CURRENT);
}

static void not_in_the_register(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct inventory_judged j;
    struct store_endpoint e;
    struct fix_serial room;

    CHECK_OK(CHECK_SPARED(fill(&f)));
    e = showing(10, &room);
    e.seen.sha256 = fix_hash(99); /* our serial number, a stranger's certificate */
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_FOREIGN);
    CHECK(!j.registered);
    e.verdicts = INVENTORY_OURS;
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_OURS | INVENTORY_UNREGISTERED);
    e.seen.serial = (struct str){NULL, 0};
    e.seen.not_after = e.seen.not_before = 0;
    e.verdicts = INVENTORY_UNREADABLE;
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, INVENTORY_FOREIGN | INVENTORY_UNREADABLE);
    e.shown = false;
    e.verdicts = 0;
    CHECK_OK(judge(&f, &e, NOW, &j));
    CHECK_INT(j.verdicts, 0);
}

static enum rc orphaned(struct fix *f, unsigned n, bool *out)
{
    struct id id = fix_id(n);
    struct store_certificate c;

    TRY(store_certificate_get(READ(f), &f->a, &id, &c));
    return inventory_orphaned(READ(f), &c, NOW, out);
}

static void orphans(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id id = fix_id(22);
    struct store_endpoint e;
    struct fix_serial room;
    bool is;

    CHECK_OK(CHECK_SPARED(fill(&f)));
    e = showing(10, &room);
    CHECK_OK(DO(&f, store_endpoint_see(T, &e)));
    CHECK_OK(orphaned(&f, 10, &is));
    CHECK(!is);
    CHECK_OK(orphaned(&f, 20, &is));
    CHECK(!is);
    CHECK_OK(orphaned(&f, 22, &is));
    CHECK(is);
    CHECK_OK(DO(&f, store_certificate_revoke(T, &id, NOW, 4)));
    CHECK_OK(orphaned(&f, 22, &is));
    CHECK(!is);
}

static void owners(void)
{
    static const struct addr_net net = {{4, {10, 1, 0, 0}}, 16};
    static const struct str domains[] = {STR("hospital.example")};
    static const uint64_t ports[] = {8443, 443};
    static const struct conf_owner rules[] = {
        {.networks = {&net, 1}, .under = {domains, 1}, .owner = STR("web"), .service = STR("wiki")},
        {.ports = {ports, 2}, .owner = STR("ports")},
        {.owner = STR("everybody")},
    };
    static const struct conf conf = {.inventory = {rules, 3}};
    struct inventory_judged j = {.certificate = {.names = fix_names, .n_names = 3}};
    struct fix_serial room;
    struct store_endpoint e = showing(10, &room);
    struct inventory_owner o = inventory_owner_of(&conf, &e, &j);

    CHECK(o.from == INVENTORY_BY_RULE);
    CHECK_STR(o.owner, "web");
    CHECK_STR(o.service, "wiki");
    /* Asked without a name: those in the certificate count, if it is ours. */
    e.name = (struct str){NULL, 0};
    CHECK_STR(inventory_owner_of(&conf, &e, &j).owner, "ports");
    j.registered = true;
    CHECK_STR(inventory_owner_of(&conf, &e, &j).owner, "web");
    e.address.b[1] = 2;
    CHECK_STR(inventory_owner_of(&conf, &e, &j).owner, "ports");
    e.port = 25;
    CHECK_STR(inventory_owner_of(&conf, &e, &j).owner, "everybody");
    j.certificate.owner = STR("of the register");
    o = inventory_owner_of(&conf, &e, &j);
    CHECK(o.from == INVENTORY_BY_REGISTER);
    CHECK_STR(o.owner, "of the register");
    e.service = STR("by hand");
    CHECK(inventory_owner_of(&conf, &e, &j).from == INVENTORY_BY_HAND);
    CHECK(inventory_owner_of(&(struct conf){}, &(struct store_endpoint){},
                             &(struct inventory_judged){})
              .from == INVENTORY_BY_NOBODY);
}

static void below(void)
{
    CHECK(inventory_under(STR("a.example"), STR("example")));
    CHECK(inventory_under(STR("EXAMPLE"), STR("example")));
    CHECK(!inventory_under(STR("anexample"), STR("example")));
    CHECK(!inventory_under(STR("example"), STR("a.example")));
    CHECK(!inventory_under(STR("a.example"), STR("")));
}

FIX_MAIN(CHECK_TEST_ONCE(with_the_register), CHECK_TEST(renewed),
         CHECK_TEST_ONCE(not_in_the_register), CHECK_TEST(orphans), CHECK_TEST(owners),
         CHECK_TEST(below))
