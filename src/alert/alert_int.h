/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of alert/: engine.c (when, and the one job), expiry.c
 * (certificates), failure.c (their renewals that failed), apply.c (what
 * holds against what is written down), route.c (who is told), message.c (what they are sent). The
 * functions run inside of the writer's job. */
#pragma once

#include "alert/alert.h"
#include "store/store.h"

enum {
    ALERT_TAKE_MAX = 500, /* certificates that are taken up in one job */
    ALERT_LOOK_MAX = 200, /* certificates, or alerts, that are looked at in one job */
    ALERT_ARENA = 64 << 20,
};
/* Whether a certificate has been replaced meanwhile is looked at again after ALERT_LOOK_AGAIN, or
 * where so many are overdue that this would be all the server did, ALERT_LOOK_EACH for each of
 * them; after ALERT_LOOK_FULL while there is no place for its alert. */
#define ALERT_LOOK_AGAIN (5 * WHEN_MINUTE)
#define ALERT_LOOK_EACH (60 * WHEN_SECOND / 1000)
#define ALERT_LOOK_FULL WHEN_HOUR

struct store_certificate;

struct alert_job {
    const struct conf *conf;
    when_t now;
    const struct alert_conditions *conditions; /* NULL: not known this time */
    bool conf_changed;
    bool more; /* there is work for another job */
    bool full; /* no place was left for one that should have been raised */
    uint64_t fired, resolved;
};

/* Takes up new certificates, and looks at those that are due. */
enum rc alert_expiries_take(struct store_txn *txn, struct alert_job *j);
enum rc alert_expiries_look(struct store_txn *txn, struct alert_job *j);
/* Raises what failed orders mean for certificates that they were to replace (failure.c): one that
 * is looked at again until something has taken its place. `due` says whether there is something
 * behind what was taken, and behind *seen, which it moves on: only then is anything written. */
enum rc alert_failures_due(struct store_txn *txn, uint64_t *seen, bool *out);
enum rc alert_failures_take(struct store_txn *txn, struct alert_job *j);
/* Of that certificate: `over` ends them, otherwise they become as bad as the time that is left.
 * *firing: there are some. */
enum rc alert_failures_look(struct store_txn *txn, struct alert_job *j,
                            const struct store_certificate *c, bool over, bool *firing);

/* ---- of a certificate */

enum { ALERT_KEY_BYTES = 64 };
/* Warning or critical, by the time that it has left. */
enum store_severity alert_severity_of(const struct alert_job *j, const struct store_certificate *c);
/* "a.example, b.example and 3 more". */
void alert_names_put(const struct store_certificate *c, struct buf *out);
/* "autarky cert show SERIAL"; empty without memory. */
struct str alert_show(struct arena *a, const struct store_certificate *c);

/* Begins, changes and ends alerts that are about no certificate. */
enum rc alert_apply(struct store_txn *txn, struct alert_job *j);
/* Tells of what is due. */
enum rc alert_route_due(struct store_txn *txn, struct alert_job *j);

/* One alert begins, or is as it is now: written down, with its event when it is new or worse. */
enum rc alert_raise(struct store_txn *txn, struct alert_job *j, struct store_alert *alert);
enum rc alert_end(struct store_txn *txn, struct alert_job *j, const struct store_alert *alert);
