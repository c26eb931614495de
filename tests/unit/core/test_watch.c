/* SPDX-License-Identifier: Apache-2.0 */
/* Unusual hours: counted from the records, judged by the weeks before. */
#include "check.h"

#include "audit/audit.h"
#include "conf/load.h"
#include "core/core_int.h"
#include "core/watch.h"
#include "ev/clock.h"
#include "log/log.h"
#include "store/hours.h"
#include "store/locks.h"
#include "unit/store/fixture.h"

#define START (FIX_NOW - FIX_NOW % WHEN_DAY)
#define NAME_BYTES 64

enum {
    TURNS = 10,
    STAGING_ACCOUNT = 7,
    STAGING_AUTHORIZATION = 8,
    ACCOUNT = 1, /* with its authorization, as fix_base has them */
    AUTHORIZATION = 2,
    OTHERS = 1000, /* accounts from this number on; the next one each is its authorization */
    CERTIFICATES = 100'000
};

struct play {
    struct fix f;
    struct clock_fake clock;
    struct core core;
    struct api_watch shown;
    unsigned made;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void play_done(struct play *p)
{
    core_watch_stop(&p->core);
    if (p->f.s)
        while (store_pending(p->f.s))
            store_collect(p->f.s);
    core_watch_free(&p->core);
    fix_done(&p->f);
    ev_free(p->core.ev);
    conf_unref(p->core.conf);
}

static enum rc load(const char *automatic, const struct conf **out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1024);
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;

    buf_printf(&text,
               "organization: Example Hospital\ndomain: hospital.example\nlocks: {automatic: %s}\n",
               automatic);
    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("test.yaml"), buf_str(&text)));
    return conf_load(&in, out, &report);
}

static void turn(struct play *p)
{
    for (int i = 0; i < TURNS; i++) {
        ev_run_once(p->core.ev, EV_NOWAIT);
        store_collect(p->f.s);
    }
}

/* Until what has happened is counted. */
static void pass(struct play *p, int64_t time)
{
    clock_fake_advance(&p->clock, time);
    turn(p);
    clock_fake_advance(&p->clock, 10 * WHEN_SECOND);
    turn(p);
}

static enum rc play_init(struct play *p, const char *automatic)
{
    struct log_conf quietly = {.role = "test", .sink = quiet};
    struct store_account staging = fix_account(STAGING_ACCOUNT);
    struct store_authorization authz = fix_authorization(STAGING_AUTHORIZATION, STAGING_ACCOUNT);

    log_init(&quietly);
    *p = (struct play){};
    clock_fake_init(&p->clock, START);
    TRY(fix_base(&p->f));
    staging.staging = true;
    TRY(DO(&p->f, store_account_add(T, &staging)));
    TRY(DO(&p->f, store_authorization_add(T, &authz)));
    TRY(ev_new(&p->clock.clock, &p->core.ev));
    TRY(load(automatic, &p->core.conf));
    p->core.store = p->f.s;
    TRY(core_watch_new(&p->core));
    turn(p);
    return RC_OK;
}

#define BEGIN(p, automatic)                                                                        \
    CLEANUP(play_done) struct play p = {};                                                         \
    CHECK_OK(play_init(&p, automatic))

/* What an hour of the past had. */
static enum rc past(struct play *p, int64_t ago, enum store_hour_what what, uint64_t n)
{
    when_t hour = store_hour_of(clock_now(&p->clock.clock) - ago);

    return DO(&p->f, store_hour_add(T, hour, what, n));
}

/* Two weeks of hours with `most` at most. */
static enum rc learned(struct play *p, enum store_hour_what what, uint64_t most)
{
    for (int i = 0; i < 14 * 24; i++)
        TRY(past(p, WHEN_DAY + i * WHEN_HOUR, what, most - (uint64_t)i % 2));
    return RC_OK;
}

struct proofs {
    when_t at;
    unsigned n;
    bool good, dns;
    unsigned authorization; /* 0: that of ACCOUNT */
};

static enum rc add_proofs(struct store_txn *txn, void *arg)
{
    const struct proofs *m = arg;
    struct id authz = fix_id(m->authorization ? m->authorization : AUTHORIZATION);

    for (unsigned i = 0; i < m->n; i++) {
        struct audit_event e = {
            .at = m->at,
            .actor_kind = AUDIT_SYSTEM,
            .action = m->good ? "authorization.validated" : "authorization.failed",
            .object_kind = "authorization",
            .object = id_str(&authz),
            .detail = m->dns ? STR("{\"type\":\"urn:ietf:params:acme:error:dns\"}")
                             : STR("{\"type\":\"urn:ietf:params:acme:error:connection\"}")};

        TRY(audit_append(txn, &e, NULL));
    }
    return RC_OK;
}

static enum rc prove(struct play *p, struct proofs m)
{
    m.at = clock_now(&p->clock.clock);
    return store_write_now(p->f.s, add_proofs, &m);
}

static enum rc fail_proofs(struct play *p, unsigned n)
{
    return prove(p, (struct proofs){.n = n});
}

/* Accounts from the `first` on of the others, each with failed proofs. */
struct crowd {
    unsigned first, accounts, n;
    bool networks, names; /* each from another network; for another name */
    bool before;          /* with a certificate of the time before */
    bool idle;            /* made then, without one */
};

static enum rc add_certificate(struct play *p, unsigned account)
{
    struct fix_serial room;
    struct store_certificate c = fix_certificate(CERTIFICATES + p->made++, 3, &room);
    const struct id none = {};

    c.account = fix_id(account);
    c.issued = START - 9 * WHEN_DAY;
    return DO(&p->f, store_certificate_add(T, &c, &none));
}

static enum rc add_other(struct play *p, const struct crowd *c, unsigned i)
{
    unsigned number = OTHERS + 2 * i;
    struct store_account account = fix_account(number);
    struct store_authorization authz = fix_authorization(number + 1, number);
    char name[NAME_BYTES];
    int n = snprintf(name, sizeof(name), "a.z-%u.hospital.example", i);

    if (c->networks)
        account.created_from = (struct addr){4, {10, 7, (unsigned char)i, 1}};
    if (c->names)
        authz.name.value = (struct str){name, (size_t)n};
    if (c->before || c->idle)
        account.created = START - 10 * WHEN_DAY;
    TRY(DO(&p->f, store_account_add(T, &account)));
    TRY(DO(&p->f, store_authorization_add(T, &authz)));
    return c->before ? add_certificate(p, number) : RC_OK;
}

static enum rc crowd_fails(struct play *p, struct crowd c)
{
    for (unsigned i = c.first; i < c.first + c.accounts; i++) {
        enum rc rc = add_other(p, &c, i);

        if (rc != RC_OK && rc != RC_EXISTS)
            return rc;
        if (c.n)
            TRY(prove(p, (struct proofs){.n = c.n, .authorization = OTHERS + 2 * i + 1}));
    }
    return RC_OK;
}

static enum rc others_fail(struct play *p, unsigned first, unsigned accounts, unsigned n)
{
    return crowd_fails(p, (struct crowd){.first = first, .accounts = accounts, .n = n});
}

struct issued {
    when_t at;
    unsigned first, n, names_from; /* names n-0.example, n-1.example ... from that one on */
    bool renews, system, staging;
};

static enum rc add_certificates(struct store_txn *txn, void *arg)
{
    const struct issued *m = arg;
    const struct id none = {};

    for (unsigned i = 0; i < m->n; i++) {
        char text[NAME_BYTES];
        struct fix_serial room;
        struct store_certificate c = fix_certificate(CERTIFICATES + m->first + i, 3, &room);
        int n = snprintf(text, sizeof(text), "n-%u.hospital.example", m->names_from + i);
        struct store_name name = {STORE_NAME_DNS, {text, (size_t)n}};
        struct audit_event e = {.at = m->at,
                                .actor_kind = AUDIT_SYSTEM,
                                .action = "certificate.issued",
                                .object_kind = "certificate",
                                .object = id_str(&c.id)};

        c.names = &name;
        c.n_names = 1;
        c.issued = m->at + i;
        c.origin = m->system ? STR("system") : STR("acme");
        c.hierarchy = m->staging ? STR("staging") : STR("intranet");
        if (m->renews)
            c.replaces = fix_id(CERTIFICATES);
        TRY(store_certificate_add(txn, &c, &none));
        TRY(audit_append(txn, &e, NULL));
    }
    return RC_OK;
}

static enum rc issue(struct play *p, struct issued m)
{
    m.at = clock_now(&p->clock.clock);
    m.first = p->made;
    p->made += m.n;
    return store_write_now(p->f.s, add_certificates, &m);
}

static uint64_t counted(struct play *p, enum store_hour_what what)
{
    uint64_t n = 0;

    IGNORE_RC(store_hour_get(READ(&p->f), store_hour_of(clock_now(&p->clock.clock)), what, &n));
    return n;
}

static size_t events(struct play *p, const char *action)
{
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n = 0;

    IGNORE_RC(store_event_list(READ(&p->f), &p->f.a, &filter, &list, &n)); /* 0 fails the check */
    return n;
}

static enum rc locks(struct play *p, struct store_lock **out, size_t *out_n)
{
    return store_lock_active(READ(&p->f), &p->f.a, out, out_n);
}

static bool locks_account(const struct store_lock *lock, unsigned n)
{
    struct id id = fix_id(n);

    return lock->scope == STORE_LOCK_ACCOUNT && str_eq(lock->value, id_str(&id));
}

static void an_hour_far_above_the_usual_is_told_of(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "warn");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(fail_proofs(&p, 60));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 60);
    CHECK_INT(events(&p, "issuance.unusual"), 0); /* three times the busiest hour is usual */
    CHECK_OK(fail_proofs(&p, 1));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
    CHECK_OK(fail_proofs(&p, 100));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1); /* once an hour */
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 0);
    core_watch_show(&p.core, &p.shown);
    CHECK_INT(p.shown.unusual, store_hour_of(clock_now(&p.clock.clock)));
}

static void on_freezes_what_is_no_renewal(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(fail_proofs(&p, 61));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(locks_account(&list[0], ACCOUNT) && !list[0].renewals);
    CHECK_STR(list[0].set_by, "autarky");
    CHECK(str_starts(list[0].reason, STR("61 failed proofs of control in the hour from 20")));
    CHECK(str_ends(list[0].reason, STR("; expected were at most 60 (3 times the 20 of the busiest "
                                       "hour of four weeks, and never less than 50)")));
    CHECK_INT(events(&p, "issuance.frozen"), 1);
    /* Who has lifted it has seen it: the same hour does not set it again, the next one may. */
    CHECK_OK(DO(&p.f, store_lock_lift(T, &list[0].id, STR("uid 0"), STR("a rollout"), FIX_NOW)));
    CHECK_OK(fail_proofs(&p, 61));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 0);
    pass(&p, WHEN_HOUR);
    CHECK_OK(fail_proofs(&p, 61));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
}

/* Whoever misbehaves locks himself out, and nobody else; and takes nobody's place in the hour. */
static void each_account_is_frozen_for_itself(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(fail_proofs(&p, 20));
    CHECK_OK(others_fail(&p, 0, 2, 45));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 2); /* of 110; without one of them 65, without both 20 */
    CHECK(locks_account(&list[0], OTHERS) && locks_account(&list[1], OTHERS + 2));
    CHECK_OK(others_fail(&p, 0, 2, 100)); /* what these do is known */
    CHECK_OK(fail_proofs(&p, 40));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 2);
    CHECK_OK(others_fail(&p, 2, 1, 70));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 3);
    CHECK(locks_account(&list[2], OTHERS + 4));
    CHECK_INT(events(&p, "issuance.frozen"), 3);
}

/* Where accounts cost nothing, who makes many of them is where they come from. */
static void many_accounts_of_one_network_are_one(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(fail_proofs(&p, 20));
    CHECK_OK(others_fail(&p, 0, 30, 3)); /* 110: without eight of them 86 */
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(list[0].scope == STORE_LOCK_NETWORK && !list[0].renewals && list[0].new_names);
    CHECK_STR(list[0].value, "10.0.0.0/24");
    CHECK_OK(others_fail(&p, 0, 30, 3)); /* what these do is known */
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 1);
}

static void one_key_of_bindings_is_one(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    for (unsigned i = 0; i < 30; i++) {
        struct store_account account = fix_account(OTHERS + 2 * i);

        account.eab_key = STR("apps-team");
        account.created_from = (struct addr){4, {10, 7, (unsigned char)i, 1}};
        CHECK_OK(DO(&p.f, store_account_add(T, &account)));
    }
    for (unsigned i = 0; i < 30; i++) {
        struct store_authorization authz = fix_authorization(OTHERS + 2 * i + 1, OTHERS + 2 * i);

        CHECK_OK(DO(&p.f, store_authorization_add(T, &authz)));
        CHECK_OK(prove(&p, (struct proofs){.n = 3, .authorization = OTHERS + 2 * i + 1}));
    }
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(list[0].scope == STORE_LOCK_EAB && list[0].new_names);
    CHECK_STR(list[0].value, "apps-team");
}

static void what_is_about_one_zone_freezes_that(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, (struct crowd){.accounts = 30, .n = 3, .networks = true}));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(list[0].scope == STORE_LOCK_ZONE && list[0].new_names);
    CHECK_STR(list[0].value, "wiki.hospital.example");
    CHECK_OK(crowd_fails(&p, (struct crowd){.accounts = 30, .n = 3, .networks = true}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 1);
}

/* However many there are, whatever they try, and wherever they come from. */
static void fresh_accounts_cannot_freeze_everything(void)
{
    const struct crowd attack = {.accounts = 60, .n = 5, .networks = true, .names = true};
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, attack));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 0);
    CHECK_INT(events(&p, "issuance.unusual"), 1); /* but it is told of */
    CHECK_OK(crowd_fails(&p, attack));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 1); /* once */
    /* The next hour. */
    pass(&p, WHEN_HOUR);
    CHECK_OK(crowd_fails(&p, attack));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 2);
}

/* Without any two of these the hour were usual, and these two did no more than all others. */
static void the_first_of_many_are_not_to_blame(void)
{
    const struct crowd each = {.accounts = 62, .n = 1, .networks = true, .names = true};
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, each));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 0);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
}

/* Without him the hour were usual, but so it were without one of those that have just come. */
static void who_has_always_done_so_is_not_to_blame(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, (struct crowd){.accounts = 1, .n = 30, .before = true}));
    CHECK_OK(crowd_fails(&p, (struct crowd){.first = 1, .accounts = 2, .n = 29}));
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(locks_account(&list[0], OTHERS + 2) || locks_account(&list[0], OTHERS + 4));
}

/* A quarter of all that were there before, and new names alone: accounts that never got a
 * certificate do not count, however long they have been there. */
static void what_many_of_old_do_freezes_everything(void)
{
    const struct crowd quiet_ones = {
        .first = 100, .accounts = 90, .networks = true, .names = true, .before = true};
    const struct crowd wide = {
        .accounts = 30, .n = 3, .networks = true, .names = true, .before = true};
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, quiet_ones));
    CHECK_OK(crowd_fails(&p, (struct crowd){.first = 200, .accounts = 90, .idle = true}));
    CHECK_OK(crowd_fails(&p, wide)); /* 30 of 120 */
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 1);
    CHECK(list[0].scope == STORE_LOCK_ALL && !list[0].renewals && list[0].new_names);
    CHECK(str_ends(list[0].reason, STR("; the doing of 30 accounts, of which 30 are among the 120 "
                                       "that were there before")));
    CHECK_OK(crowd_fails(&p, wide));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 1);
}

static void one_fewer_does_not(void)
{
    const struct crowd quiet_ones = {
        .first = 100, .accounts = 91, .networks = true, .names = true, .before = true};
    const struct crowd wide = {
        .accounts = 30, .n = 3, .networks = true, .names = true, .before = true};
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(crowd_fails(&p, quiet_ones));
    CHECK_OK(crowd_fails(&p, wide)); /* 30 of 121 */
    pass(&p, WHEN_MINUTE);
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, 0);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
}

/* There are always some left for an administrator; and nobody is frozen for want of them. */
static void accounts_cannot_use_up_the_locks(void)
{
    struct store_lock *list;
    size_t n;

    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    for (unsigned i = 0; i < CORE_WATCH_LOCKS + 4; i++) {
        CHECK_OK(others_fail(&p, i, 1, 61));
        pass(&p, 10 * WHEN_SECOND);
    }
    CHECK_OK(locks(&p, &list, &n));
    CHECK_INT(n, CORE_WATCH_LOCKS);
    for (size_t i = 0; i < n; i++)
        CHECK(list[i].scope == STORE_LOCK_ACCOUNT);
    CHECK_INT(events(&p, "issuance.unusual"), 4);
}

static void nothing_trips_while_it_learns(void)
{
    BEGIN(p, "on");
    for (int i = 0; i < 6 * 24; i++)
        CHECK_OK(past(&p, i * WHEN_HOUR, STORE_HOUR_FAILED, 1));
    CHECK_OK(fail_proofs(&p, 500));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 0);
    core_watch_show(&p.core, &p.shown);
    CHECK(p.shown.learns_until > clock_now(&p.clock.clock));
}

static void small_numbers_never_trip(void)
{
    BEGIN(p, "on");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 1));
    CHECK_OK(fail_proofs(&p, CORE_WATCH_FLOOR_FAILED));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance."), 0);
    CHECK_OK(fail_proofs(&p, 1));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.frozen"), 1);
}

/* Else whoever is patient would teach it. */
static void the_last_day_and_unusual_hours_teach_nothing(void)
{
    BEGIN(p, "warn");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(past(&p, 5 * WHEN_HOUR, STORE_HOUR_FAILED, 1000));
    CHECK_OK(past(&p, 5 * WHEN_DAY, STORE_HOUR_FAILED, 1000));
    CHECK_OK(past(&p, 5 * WHEN_DAY, STORE_HOUR_UNUSUAL, 1));
    CHECK_OK(fail_proofs(&p, 61));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
}

static void off_is_off(void)
{
    BEGIN(p, "off");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    CHECK_OK(fail_proofs(&p, 500));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 500); /* it learns all the same */
    CHECK_INT(events(&p, "issuance."), 0);
}

static void name_servers_that_fail_widely(void)
{
    BEGIN(p, "warn");
    CHECK_OK(prove(&p, (struct proofs){.n = 40, .good = true}));
    CHECK_OK(prove(&p, (struct proofs){.n = 31, .dns = true}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_DNS), 31);
    CHECK_INT(events(&p, "issuance.unusual"), 0); /* most work */
    CHECK_OK(prove(&p, (struct proofs){.n = 10, .dns = true}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
}

static void what_is_counted(void)
{
    BEGIN(p, "warn");
    CHECK_OK(prove(&p, (struct proofs){.n = 5, .authorization = STAGING_AUTHORIZATION}));
    CHECK_OK(issue(&p, (struct issued){.n = 4}));
    pass(&p, WHEN_SECOND);
    CHECK_OK(issue(&p, (struct issued){.n = 3, .names_from = 2})); /* two of these are known */
    CHECK_OK(issue(&p, (struct issued){.n = 2, .renews = true}));
    CHECK_OK(issue(&p, (struct issued){.n = 2, .names_from = 50, .system = true}));
    CHECK_OK(issue(&p, (struct issued){.n = 2, .names_from = 60, .staging = true}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 0);
    CHECK_INT(counted(&p, STORE_HOUR_ISSUED), 7);
    CHECK_INT(counted(&p, STORE_HOUR_NAMES), 5);
}

static void new_names_and_certificates_have_their_own(void)
{
    BEGIN(p, "warn");
    CHECK_OK(learned(&p, STORE_HOUR_NAMES, 5));
    CHECK_OK(issue(&p, (struct issued){.n = 51}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
    pass(&p, WHEN_HOUR);
    CHECK_OK(issue(&p, (struct issued){.n = 101 - 51})); /* known names, other accounts */
    CHECK_OK(issue(&p, (struct issued){.n = 51}));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 2);
}

/* Counted when the next one has begun. */
static void the_end_of_an_hour_counts_for_it(void)
{
    BEGIN(p, "warn");
    CHECK_OK(learned(&p, STORE_HOUR_FAILED, 20));
    pass(&p, 59 * WHEN_MINUTE + 35 * WHEN_SECOND);
    CHECK_OK(fail_proofs(&p, 61));
    pass(&p, 20 * WHEN_SECOND);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 0); /* it is another hour */
    CHECK_INT(events(&p, "issuance.unusual"), 1);
    pass(&p, WHEN_MINUTE);
    CHECK_INT(events(&p, "issuance.unusual"), 1);
}

/* Nor is what was there before the first start counted. */
static void each_record_counts_once(void)
{
    BEGIN(p, "warn");
    CHECK_OK(fail_proofs(&p, 450)); /* more than one job reads */
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 450);
    core_watch_stop(&p.core);
    core_watch_free(&p.core);
    CHECK_OK(core_watch_new(&p.core));
    CHECK_OK(fail_proofs(&p, 1));
    pass(&p, WHEN_MINUTE);
    CHECK_INT(counted(&p, STORE_HOUR_FAILED), 451);
}

FIX_MAIN(CHECK_TEST_ONCE(an_hour_far_above_the_usual_is_told_of),
         CHECK_TEST_ONCE(on_freezes_what_is_no_renewal),
         CHECK_TEST_ONCE(each_account_is_frozen_for_itself),
         CHECK_TEST_ONCE(many_accounts_of_one_network_are_one),
         CHECK_TEST_ONCE(one_key_of_bindings_is_one),
         CHECK_TEST_ONCE(what_is_about_one_zone_freezes_that),
         CHECK_TEST_ONCE(fresh_accounts_cannot_freeze_everything),
         CHECK_TEST_ONCE(the_first_of_many_are_not_to_blame),
         CHECK_TEST_ONCE(who_has_always_done_so_is_not_to_blame),
         CHECK_TEST_ONCE(what_many_of_old_do_freezes_everything),
         CHECK_TEST_ONCE(one_fewer_does_not), CHECK_TEST_ONCE(accounts_cannot_use_up_the_locks),
         CHECK_TEST_ONCE(nothing_trips_while_it_learns), CHECK_TEST_ONCE(small_numbers_never_trip),
         CHECK_TEST_ONCE(the_last_day_and_unusual_hours_teach_nothing), CHECK_TEST_ONCE(off_is_off),
         CHECK_TEST_ONCE(name_servers_that_fail_widely), CHECK_TEST_ONCE(what_is_counted),
         CHECK_TEST_ONCE(new_names_and_certificates_have_their_own),
         CHECK_TEST_ONCE(the_end_of_an_hour_counts_for_it),
         CHECK_TEST_ONCE(each_record_counts_once))
