/* SPDX-License-Identifier: Apache-2.0 */
/* Whose doing an unusual hour is (core/watch.h): the narrowest that it can be put down to, and so
 * be frozen. Accounts first; then where accounts come from, the key of their binding or else the
 * network they were made from; then zones. What remains is everybody's only when many take part
 * who were there before. */
#pragma once

#include "base/name.h"
#include "store/hours.h"
#include "store/locks.h"

enum {
    /* Accounts, or keys and networks, whose doing it can be; each with that part, at least, of what
     * is usual. */
    CORE_BLAME_MAX = 8,
    CORE_BLAME_ZONES = 2,       /* and zones */
    CORE_BLAME_ACCOUNTS = 4000, /* of an hour that are looked at */
    /* Everybody: so many accounts that had a certificate before, and at least one in so many of
     * all that were there then. */
    CORE_BLAME_LEAST = 20,
    CORE_BLAME_SHARE = 4,
};

struct core_blame_part {
    enum store_lock_scope scope;
    char of[NAME_MAX_BYTES + 1];
};

struct core_blame {
    struct core_blame_part parts[CORE_BLAME_MAX];
    size_t n;                    /* 0: of nobody in particular */
    bool everybody;              /* then: many of those that were there before take part */
    uint64_t accounts;           /* that took part, and were not told of before */
    uint64_t before, population; /* of them, and of all, those that were there before */
};

struct core_blame_ask {
    const struct conf *conf;
    when_t hour;
    enum store_hour_what what;
    uint64_t n, usual; /* n without what is told of already */
    uint64_t told;
    when_t since; /* who was there before that */
};

enum rc core_blame_find(struct store_txn *txn, const struct core_blame_ask *ask,
                        struct core_blame *out);
/* All that those did in the hour is told of. */
enum rc core_blame_told(struct store_txn *txn, const struct core_blame_ask *ask,
                        const struct core_blame *blame);
