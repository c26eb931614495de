/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of the server of TXT records: each has one name in the zone, and the two values that it
 * was given last. What opens one is kept as a digest. */
#pragma once

#include "store/types.h"

enum {
    STORE_TXT_UUID = 36,
    STORE_TXT_VALUE = 64,
    STORE_TXT_ALLOW = 2048,
    STORE_TXT_PAGE = 256, /* whose values are told to the process txt at a time */
};

struct store_txt {
    uint64_t n;           /* in order of creation, from 1; set by the store */
    struct str subdomain; /* a label, unique */
    struct str username;  /* unique */
    struct store_hash password;
    struct str allow;        /* networks with spaces between them; empty: all */
    struct str newer, older; /* values; `older` only beside a newer one */
    when_t created, updated;
};

/* RC_QUOTA: there are `most` already. */
enum rc store_txt_add(struct store_txn *txn, const struct store_txt *account, uint64_t most);
enum rc store_txt_find(struct store_txn *txn, struct arena *a, struct str username,
                       struct store_txt *out);
/* The newest value is now this one, and the one that was it is the older; one of both, given again,
 * displaces nothing. */
enum rc store_txt_present(struct store_txn *txn, struct str username, struct str value, when_t now);
/* It is neither of both any more; RC_OK also when it was not. */
enum rc store_txt_cleanup(struct store_txn *txn, struct str username, struct str value, when_t now);
/* By its label in the zone. RC_NOTFOUND. */
enum rc store_txt_named(struct store_txn *txn, struct arena *a, struct str subdomain,
                        struct store_txt *out);
/* RC_NOTFOUND. */
enum rc store_txt_remove(struct store_txn *txn, struct str subdomain);
/* A page in the order of creation. */
enum rc store_txt_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                       unsigned limit, struct store_txt **out, size_t *out_n);
