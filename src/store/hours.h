/* SPDX-License-Identifier: Apache-2.0 */
/* How much happened in each hour: what an unusual hour is told from (core/watch.c); and the
 * register in numbers, which no question has to count a million rows for. Hours are their
 * beginnings, in UTC.
 */
#pragma once

#include "base/name.h"
#include "store/types.h"

enum store_hour_what {
    STORE_HOUR_VALIDATED, /* authorizations that became valid */
    STORE_HOUR_FAILED,    /* and those that became invalid */
    STORE_HOUR_DNS,       /* of these, because of name servers */
    STORE_HOUR_ISSUED,    /* certificates for clients, renewals left out */
    STORE_HOUR_NAMES,     /* names that were certified for the first time */
    STORE_HOUR_UNUSUAL,   /* it was found to be unusual: nothing is learned from it */
    STORE_HOUR_EVERYBODY, /* by nobody's doing in particular: 1 it was told, 2 all was frozen */
    STORE_HOUR_WHATS
};

static inline when_t store_hour_of(when_t at)
{
    return at - at % WHEN_HOUR;
}

/* Adds to what was counted; of 0 there is a row, too. */
enum rc store_hour_add(struct store_txn *txn, when_t hour, enum store_hour_what what, uint64_t n);
/* 0 when nothing was counted. */
enum rc store_hour_get(struct store_txn *txn, when_t hour, enum store_hour_what what,
                       uint64_t *out);
/* In all the hours from `from` to before `before`. */
enum rc store_hour_sum(struct store_txn *txn, enum store_hour_what what, when_t from, when_t before,
                       uint64_t *out);
/* The most in one of the hours from `from` to before `before`, unusual ones left out. */
enum rc store_hour_most(struct store_txn *txn, enum store_hour_what what, when_t from,
                        when_t before, uint64_t *out);
/* The first and the last unusual hour that are known, 0: none. */
enum rc store_hour_first(struct store_txn *txn, when_t *out);
enum rc store_hour_unusual(struct store_txn *txn, when_t *out);
/* Forgets those before, and what accounts did before the other time. */
enum rc store_hours_prune(struct store_txn *txn, when_t before, when_t accounts_before);

/* ---- what of it one account did */

struct store_hour_account {
    struct id account;
    uint64_t n;
};

enum rc store_hour_account_add(struct store_txn *txn, when_t hour, enum store_hour_what what,
                               const struct store_hour_account *a);
/* Those who did most first, at most `max`; those that were told of left out. */
enum rc store_hour_accounts(struct store_txn *txn, when_t hour, enum store_hour_what what,
                            struct store_hour_account *out, size_t max, size_t *out_n);
/* That one is told of. */
enum rc store_hour_account_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                                const struct id *account);
/* The same by zone (policy_zone), of all accounts. */
struct store_hour_zone {
    char zone[NAME_MAX_BYTES + 1];
    uint64_t n;
};

enum rc store_hour_zone_add(struct store_txn *txn, when_t hour, enum store_hour_what what,
                            struct str zone, uint64_t n);
enum rc store_hour_zones(struct store_txn *txn, when_t hour, enum store_hour_what what,
                         struct store_hour_zone *out, size_t max, size_t *out_n);
enum rc store_hour_zone_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                             struct str zone);
/* What those accounts did, and what was for those zones, that were told of; what is both, twice. */
enum rc store_hour_told(struct store_txn *txn, when_t hour, enum store_hour_what what,
                        uint64_t *out);

/* ---- certificates: counted as they are written (triggers of the schema), so always exact */

enum store_certificates {
    STORE_CERTIFICATES_ISSUED,   /* by when */
    STORE_CERTIFICATES_ENDING,   /* that are valid, by when they end */
    STORE_CERTIFICATES_RENEWALS, /* that replace another one, by when they were issued */
    STORE_CERTIFICATES_REVOKED,  /* by when */
    STORE_CERTIFICATES_WHATS
};

/* All of them. */
enum rc store_certificates_all(struct store_txn *txn, enum store_certificates what,
                               enum store_staging staging, uint64_t *out);
/* From `from` to before `before` (WHEN_MAX: no bound), exactly: hours that are whole are added up,
 * only within those of the bounds certificates are counted. Not of revoked ones. */
enum rc store_certificates_within(struct store_txn *txn, enum store_certificates what,
                                  enum store_staging staging, when_t from, when_t before,
                                  uint64_t *out);
/* The same for each of `n` times 24 hours from `from` on. */
enum rc store_certificates_daily(struct store_txn *txn, enum store_certificates what,
                                 enum store_staging staging, when_t from, size_t n, uint64_t *out);

/* Certificates in force, staging left out, that begin on one day (UTC) and end on another. */
struct store_cohort {
    when_t begins, ends; /* the days' first moments */
    bool renewed;        /* another one replaces each of them */
    uint64_t n;
};
enum { STORE_COHORTS_MAX = 20000 };
/* Those that end on the day of `now` or later, by end. Past STORE_COHORTS_MAX of them, which takes
 * lifetimes of all lengths, the last to end are missing. */
enum rc store_cohorts(struct store_txn *txn, when_t now,
                      void (*fn)(void *arg, const struct store_cohort *cohort), void *arg);
