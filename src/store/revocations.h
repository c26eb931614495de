/* SPDX-License-Identifier: Apache-2.0 */
/* What revocation lists are made of, and the lists. Every issuer that signs lists has a fixed
 * number of shards; what was revoked stands under (issuer, shard), so that a list is read without
 * looking at any other row, and each change has a number within its shard, so that a delta is. A
 * shard has a time at which its list is due; a revocation makes it earlier, in its own transaction.
 * Numbers of lists are given away before anything is signed, and never twice. */
#pragma once

#include "store/certificates.h"

enum { STORE_CRL_MAX = 4 << 20, STORE_SHARDS_MAX = 65536, STORE_CRL_ENTRIES_MAX = 65536 };

struct store_revocation {
    struct id issuer;
    unsigned shard;
    uint8_t serial_n; /* as x509/serial.h has it */
    uint8_t serial[STORE_SERIAL_MAX];
    when_t revoked;
    int reason;
    when_t not_after; /* of the certificate: afterwards it may leave the lists */
};

/* Adds or changes an entry, counts the change, and makes the shard due at `due` at the latest. */
enum rc store_revocation_add(struct store_txn *txn, const struct store_revocation *revocation,
                             when_t due);

/* What OCSP says of a serial, at the price of one look-up in a table of nothing else. */
struct store_status {
    struct id issuer;
    when_t revoked; /* 0: it is not */
    int reason;
};
/* RC_NOTFOUND: no certificate has that serial; it may be reserved. */
enum rc store_status_get(struct store_txn *txn, struct str serial, struct store_status *out);

/* Makes the shards 0 to `shards` - 1 of an issuer that it has not, due at `due`. */
enum rc store_shards_make(struct store_txn *txn, const struct id *issuer, unsigned shards,
                          when_t due);

struct store_shard {
    struct id issuer;
    unsigned shard;
    uint64_t change;      /* the newest */
    uint64_t number;      /* the last that was given away */
    when_t due;           /* for its next list */
    when_t scheduled;     /* thisUpdate of the last complete list that came by the calendar; 0 */
    uint64_t full_number; /* the complete list that is published; 0: none */
    uint64_t full_change; /* the newest change on it */
    when_t full_update;   /* its thisUpdate */
    uint64_t base_number; /* the complete list before it: what deltas go out from */
    uint64_t base_change;
};
enum rc store_shard_get(struct store_txn *txn, const struct id *issuer, unsigned shard,
                        struct store_shard *out);
/* Those that are due, the longest first; `limit` at most, and STORE_PAGE_MAX. */
enum rc store_shards_due(struct store_txn *txn, struct arena *a, when_t now, unsigned limit,
                         struct store_shard **out, size_t *out_n);
/* When the next one is due; RC_NOTFOUND without shards. */
enum rc store_shards_next(struct store_txn *txn, when_t *out);
/* A shard whose list could not be made waits until then. */
enum rc store_shard_postpone(struct store_txn *txn, const struct id *issuer, unsigned shard,
                             when_t due);
/* All of an issuer, or of everybody (""), are due at `due` at the latest, but for those that never
 * are (INT64_MAX): lists that come from where a root's key is. */
enum rc store_shards_hasten(struct store_txn *txn, const struct id *issuer, when_t due);
/* The next number of a list, for good. */
enum rc store_crl_number(struct store_txn *txn, const struct id *issuer, unsigned shard,
                         uint64_t *out);

/* A list that was signed elsewhere has this one: those given away here are above it. */
enum rc store_crl_number_least(struct store_txn *txn, const struct id *issuer, unsigned shard,
                               uint64_t number);

/* What stands on a list: changes above `after`, certificates not expired before `expired_before`.
 */
struct store_crl_filter {
    uint64_t after; /* 0: all */
    when_t expired_before;
};
/* RC_TOOBIG above STORE_CRL_ENTRIES_MAX. */
enum rc store_crl_entries(struct store_txn *txn, struct arena *a, const struct store_shard *shard,
                          const struct store_crl_filter *filter, struct store_revocation **out,
                          size_t *out_n);

struct store_crl {
    struct id issuer;
    unsigned shard;
    bool delta;
    uint64_t number;
    uint64_t change; /* the newest on it */
    when_t this_update, next_update;
    uint64_t entries;
    struct str der; /* empty where a function says so */
};
/* Puts it in the place of the one before. A complete list makes what it replaces the base of deltas
 * and drops what had expired at `expired_before` and stood on it for the last time; the shard is
 * due at `due`, or at once when there are changes that are not on it. RC_CONFLICT when the number
 * is not above the one that is published, or was never given away. */
struct store_publication {
    struct store_crl crl;
    when_t due;
    when_t expired_before;
    bool scheduled;
};
enum rc store_crl_publish(struct store_txn *txn, const struct store_publication *p);
/* RC_NOTFOUND while there is none. */
enum rc store_crl_get(struct store_txn *txn, struct arena *a, const struct id *issuer,
                      unsigned shard, bool delta, struct store_crl *out);

/* All complete lists together. */
struct store_crl_summary {
    uint64_t shards;    /* that there are */
    uint64_t published; /* that have a list */
    uint64_t entries;
    uint64_t bytes;
    when_t oldest;      /* thisUpdate; 0 without a list, as the next two */
    when_t next_update; /* the earliest */
    uint64_t overdue;   /* lists whose nextUpdate is not after `now` */
    uint64_t behind;    /* shards that have been due since `late` or longer */
};
enum rc store_crl_summarize(struct store_txn *txn, when_t now, when_t late,
                            struct store_crl_summary *out);
