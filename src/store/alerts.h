/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong or soon will be, one row for each time that it was; silences; who was told what. An
 * alert has a key, by which it is known again: of those that are not over there is one to a key. */
#pragma once

#include "store/types.h"

enum {
    STORE_ALERT_KEY_MAX = 400,
    STORE_ALERTS_PAGE = 200,
    STORE_SILENCES_MAX = 200,  /* that hold */
    STORE_ALERT_TOLD_MAX = 64, /* rows of one alert that are read */
};

enum store_severity { STORE_WARNING, STORE_CRITICAL, STORE_SEVERITIES };
/* "warning", "critical". */
const char *store_severity_text(enum store_severity severity);

struct store_alert {
    int64_t n; /* given by the store, in the order in which they began */
    struct id id;
    struct str key;  /* "certificate:01J..." */
    struct str kind; /* "certificate" */
    enum store_severity severity;
    struct str object;  /* what it is about, for people and silences; empty: nothing particular */
    struct str summary; /* a sentence */
    struct str action;  /* the command that mends it, or shows more; empty: none */
    struct str owner, team;
    when_t ends; /* of the certificate that it is about; 0: it is about none */
    when_t started, updated;
    when_t resolved; /* 0: it is not over */
    when_t acked;    /* 0: it is not acknowledged */
    struct str acked_by, acked_why;
    enum store_severity acked_severity; /* as it was then */
    when_t next;                        /* when somebody may have to be told; 0: never */
};

/* RC_EXISTS: there is one with that key that is not over; RC_QUOTA: there are `max`. */
enum rc store_alert_add(struct store_txn *txn, const struct store_alert *alert, uint64_t max);
enum rc store_alert_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_alert *out);
/* The one with that key that is not over. */
enum rc store_alert_firing(struct store_txn *txn, struct arena *a, struct str key,
                           struct store_alert *out);
/* Severity, summary, action, owner, team, ends, updated and next are those of `alert`. */
enum rc store_alert_update(struct store_txn *txn, const struct store_alert *alert);
/* It is over at `now`, and due at once. RC_CONFLICT when it was. */
enum rc store_alert_resolve(struct store_txn *txn, const struct id *id, when_t now);
/* acked, acked_by, acked_why and acked_severity of `alert`. RC_CONFLICT when it is over. */
enum rc store_alert_ack(struct store_txn *txn, const struct store_alert *alert);
/* Sets `next`. */
enum rc store_alert_later(struct store_txn *txn, const struct id *id, when_t next);
/* Those that are due at `now`, the first first, `max` at most. */
enum rc store_alert_due(struct store_txn *txn, struct arena *a, when_t now, size_t max,
                        struct store_alert **out, size_t *out_n);
/* When one is due next; 0: none will be. */
enum rc store_alert_next(struct store_txn *txn, when_t *out);
/* Everything that is not over is due: silences or routes are others. */
enum rc store_alert_all_due(struct store_txn *txn, when_t now);

struct store_alert_filter {
    struct str kind; /* and those with a cause behind it: "renewal" has "renewal.dns" */
    bool conditions; /* those about no certificate, which have no end; not with `over` */
    struct str owner;
    bool over;      /* those that are over, the last first; otherwise those that are not */
    uint64_t after; /* the cursor of the last one; 0: from the beginning */
    unsigned limit; /* 0: STORE_ALERTS_PAGE */
};
/* `out_next`: the cursor, 0 at the end; may be NULL. */
enum rc store_alert_list(struct store_txn *txn, struct arena *a,
                         const struct store_alert_filter *filter, struct store_alert **out,
                         size_t *out_n, uint64_t *out_next);
/* Those that are not over, by severity. */
enum rc store_alert_count(struct store_txn *txn, uint64_t out[static STORE_SEVERITIES]);
/* Forgets up to `limit` that were over before `before`. */
enum rc store_alert_prune(struct store_txn *txn, when_t before, unsigned limit);

/* ---- silences */

struct store_silence {
    int64_t n; /* given by the store, in the order in which they were set */
    struct id id;
    struct str kind, object, owner; /* all that is set must be so; "*.x" is all below x */
    when_t until;
    struct str reason, set_by;
    when_t set;
    when_t ended; /* 0: it was not ended before its time */
    struct str ended_by;
};

/* RC_QUOTA when STORE_SILENCES_MAX hold at `s->set`. */
enum rc store_silence_add(struct store_txn *txn, const struct store_silence *s);
/* RC_CONFLICT when it was ended before. */
enum rc store_silence_end(struct store_txn *txn, const struct id *id, struct str by, when_t now);
enum rc store_silence_get(struct store_txn *txn, struct arena *a, const struct id *id,
                          struct store_silence *out);
/* Those that hold at `now`, STORE_SILENCES_MAX at most. */
enum rc store_silence_list(struct store_txn *txn, struct arena *a, when_t now,
                           struct store_silence **out, size_t *out_n);
struct store_silence_filter {
    when_t now; /* they hold then */
    unsigned limit;
};
/* A page of them, in the order in which they were set. */
enum rc store_silence_page(struct store_txn *txn, struct arena *a,
                           const struct store_silence_filter *filter, struct store_cursor *at,
                           struct store_silence **out, size_t *out_n);

/* ---- who was told */

struct store_told {
    struct str receiver;
    int64_t rung; /* a span, or STORE_TOLD_OVER */
    when_t at;
    struct id delivery;
};
#define STORE_TOLD_OVER INT64_C(-1)

/* Once for each alert, receiver and rung; again only moves `at`. */
enum rc store_alert_tell(struct store_txn *txn, const struct id *alert,
                         const struct store_told *told);
/* All of it, STORE_ALERT_TOLD_MAX at most. */
enum rc store_alert_told(struct store_txn *txn, struct arena *a, const struct id *alert,
                         struct store_told **out, size_t *out_n);
