/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts and the power cut at every point: whoever was told of something has a message that waits
 * or was brought, whatever was brought stays so, and each message is there once and as it was. */
#include "power_run.h"

#include <stdio.h>

#include "store/alerts.h"
#include "store/deliveries.h"

enum { ROUNDS = 5 };
enum { WRITTEN = 0, BROUGHT = 1 };

struct run {
    struct store *s;
    unsigned round;
};

static struct store_delivery message(unsigned n, char body[static 32])
{
    (void)snprintf(body, 32, "{\"n\":%u}", n);
    return (struct store_delivery){.id = fix_id(2 * n + 1),
                                   .receiver = STR("hook"),
                                   .subject = STR("s"),
                                   .body = str_of(body),
                                   .created = FIX_NOW + n,
                                   .next = FIX_NOW + n};
}

/* As a round of the engine does it: alert, message and who was told are one job. */
static enum rc tell(struct store_txn *txn, void *arg)
{
    const struct run *r = arg;
    char body[32], key[32];
    const struct store_delivery d = message(r->round, body);
    const struct store_told told = {
        .receiver = d.receiver, .rung = 1, .at = d.created, .delivery = d.id};
    struct store_alert alert = {.id = fix_id(2 * r->round),
                                .kind = STR("lock"),
                                .summary = STR("x"),
                                .started = d.created,
                                .updated = d.created};

    (void)snprintf(key, sizeof(key), "lock:%u", r->round);
    alert.key = str_of(key);
    TRY(store_alert_add(txn, &alert, ROUNDS));
    TRY(store_delivery_add(txn, &d));
    return store_alert_tell(txn, &alert.id, &told);
}

static enum rc bring(struct store_txn *txn, void *arg)
{
    const struct run *r = arg;
    struct id id = fix_id(2 * r->round + 1);

    return store_delivery_done(txn, &id, FIX_NOW + r->round + 1);
}

static enum rc in_vain(struct store_txn *txn, void *arg)
{
    const struct run *r = arg;
    struct id id = fix_id(2 * r->round + 1);

    return store_delivery_failed(txn, &id, STR("away"), FIX_NOW + WHEN_HOUR, FIX_NOW);
}

static enum rc round_of(struct run *r, struct vfs *v)
{
    TRY(store_write_now(r->s, tell, r));
    vfs_mark(v, r->round * 2 + WRITTEN);
    if (r->round % 4 == 3)
        return store_write_now(r->s, in_vain, r);
    TRY(store_write_now(r->s, bring, r));
    vfs_mark(v, r->round * 2 + BROUGHT);
    return r->round % 4 == 0 ? store_checkpoint(r->s) : RC_OK;
}

/* ---- after the power came back */

static bool is_there(struct store *s, unsigned n, bool brought)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct id id = fix_id(2 * n), delivery = fix_id(2 * n + 1);
    struct store_told *told;
    struct store_delivery d;
    char body[32];
    size_t n_told;

    if (store_delivery_get(store_read(s), &a, &delivery, &d) != RC_OK ||
        store_alert_told(store_read(s), &a, &id, &told, &n_told) != RC_OK)
        return false;
    return n_told == 1 && str_eq(id_str(&told[0].delivery), id_str(&d.id)) &&
           str_eq(d.body, message(n, body).body) && (d.done || d.next) && (d.done || !brought);
}

/* Nobody counts as told without a message: of all rounds, marked or not. */
static bool nothing_is_half(struct store *s, unsigned n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct id id = fix_id(2 * n);
    struct store_alert alert;

    return store_alert_get(store_read(s), &a, &id, &alert) == RC_NOTFOUND || is_there(s, n, false);
}

static bool check(struct store *s, const uint64_t *marks, size_t n, char why[static 256], void *)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(why, 256, "message %llu is not there as it was",
                       (unsigned long long)marks[i] / 2);
        if (!is_there(s, (unsigned)marks[i] / 2, marks[i] % 2 == BROUGHT))
            return false;
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)snprintf(why, 256, "half of round %u is there", i);
        if (!nothing_is_half(s, i))
            return false;
    }
    return true;
}

static enum rc all_rounds(struct store *s, struct vfs *v, void *)
{
    struct run run = {.s = s};

    for (; run.round < ROUNDS; run.round++)
        TRY(round_of(&run, v));
    return RC_OK;
}

static enum rc run_and_replay(enum store_sync sync, struct power_report *report)
{
    return power_run(sync, all_rounds, NULL,
                     (struct power_plan){.seed = 20261129,
                                         .variants = 1,
                                         .stride = 25,
                                         .to_failure = sync == STORE_SYNC_OFF,
                                         .check = check},
                     report);
}

static void no_message_is_lost(void)
{
    struct power_report report;

    CHECK_OK(run_and_replay(STORE_SYNC_FULL, &report));
    if (report.failures)
        fail_msg("%u of %u: %s", report.failures, report.states, report.first);
    CHECK(report.states > 60);
}

/* The proof that the check above can fail. */
static void not_synchronising_is_found_out(void)
{
    struct power_report report;

    CHECK_OK(run_and_replay(STORE_SYNC_OFF, &report));
    CHECK(report.failures > 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(no_message_is_lost), CHECK_TEST_ONCE(not_synchronising_is_found_out))
