/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: what is wrong with the authority or soon will be with a certificate, known again by a
 * key, kept until it is over, and told to whom `alerts` of the configuration says.
 * docs/internals/alerts.md has the whole of it.
 *
 * Runs in core. The engine looks every ALERT_SECONDS; what it finds, whom that is told and what is
 * sent to them is one transaction: nobody is told twice and nothing is forgotten, whoever dies. */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"
#include "store/alerts.h"

struct ev;
struct store;

enum {
    ALERT_SECONDS = 10,
    ALERT_CONDITIONS_MAX = 512,     /* that hold at a time, certificates left out */
    ALERT_CERTIFICATES_MAX = 10000, /* the same of certificates: more are looked at later */
    ALERT_TEXT_MAX = 400,           /* bytes of a summary */
    ALERT_GROUP_MAX = 20,           /* alerts in one delivery */
};
#define ALERT_KEPT (90 * WHEN_DAY)         /* after their end */
#define ALERT_ENDED_KEPT (7 * WHEN_DAY)    /* a certificate that nobody replaced, after its end */
#define ALERT_CRITICAL_LEFT (7 * WHEN_DAY) /* as what something critical without an end counts */
#define ALERT_WARNING_LEFT (30 * WHEN_DAY)

/* Something that holds now. */
struct alert_condition {
    const char *kind;
    enum store_severity severity;
    struct str key;
    struct str object, summary, action, owner, team;
};

struct alert_conditions {
    struct arena arena;
    struct alert_condition v[ALERT_CONDITIONS_MAX];
    size_t n;
    enum rc rc; /* RC_NOMEM: some may be missing, so nothing of it counts */
};

/* ---- when a certificate is overdue (expiry.c) */

/* How much of its life is left when it should have been renewed: four fifths of what remained when
 * its renewal was due, which is at `at` percent of it (acme.renewal.at). */
when_t alert_overdue_left(when_t not_before, when_t not_after, uint64_t at);

/* ---- the engine (engine.c) */

struct alert_engine;

struct alert_options {
    struct ev *ev;
    struct store *store;
    const struct conf *conf;
    /* Fills `out`, at once or later, and then calls alert_collected, once. */
    void (*collect)(void *arg, struct alert_conditions *out);
    /* There may be something for receivers. */
    void (*queued)(void *arg);
    void *arg;
};

enum rc alert_engine_new(const struct alert_options *options, struct alert_engine **out);
void alert_collected(struct alert_engine *e);
/* Routes or receivers may be others; `conf` lives as long as it is in force. */
void alert_engine_conf(struct alert_engine *e, const struct conf *conf);
/* Looks at once: a silence has begun or ended, or something was acknowledged. */
void alert_engine_look(struct alert_engine *e);
void alert_engine_stop(struct alert_engine *e);
/* When the store is closed. */
void alert_engine_free(struct alert_engine *e);

/* ---- what is sent (message.c) */

/* A delivery about these alerts to that receiver, `recipients` as it stands in the store; written
 * down, due at once. All of them are over, or none. */
struct alert_group {
    const struct conf *conf;
    const struct conf_receiver *receiver;
    struct str recipients;
    const struct store_alert *v;
    size_t n;
    when_t now;
    when_t repeat; /* so long until the receiver hears of them again; 0: it may not */
    bool once;     /* a test: not kept in the queue */
};
enum rc alert_group_send(struct store_txn *txn, const struct alert_group *g,
                         struct id *out_delivery);
/* The mailboxes of a receiver for that alert, with commas between them. */
enum rc alert_recipients(struct arena *a, const struct conf_receiver *r,
                         const struct store_alert *alert, struct str *out);
/* Appends what is sent to a receiver of that kind. */
void alert_message_put(const struct alert_group *g, const struct id *delivery, struct buf *out);
void alert_subject_put(const struct alert_group *g, struct buf *out);
