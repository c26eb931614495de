/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of external account bindings (RFC 8555 section 7.3.4), without the keys: what is secret is
 * made of the id and of a key that core holds outside of the database (acme/eab). An account that
 * was made with one remembers its name, which is never given again. */
#pragma once

#include "store/types.h"

struct store_eab {
    struct id id;      /* the "kid" */
    struct str name;   /* unique, also after revocation; rules name it */
    uint64_t accounts; /* how many may be made with it */
    when_t created;
    when_t expires; /* no account after that; 0: never */
    when_t revoked; /* 0: not */
    struct str reason;
};

/* RC_EXISTS: the name is taken. */
enum rc store_eab_add(struct store_txn *txn, const struct store_eab *eab);
enum rc store_eab_get(struct store_txn *txn, struct arena *a, const struct id *id,
                      struct store_eab *out);
enum rc store_eab_find(struct store_txn *txn, struct arena *a, struct str name,
                       struct store_eab *out);
/* RC_CONFLICT: it is revoked already. */
enum rc store_eab_revoke(struct store_txn *txn, const struct id *id, when_t now);
/* A page by time of creation, oldest first. */
enum rc store_eab_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                       unsigned limit, struct store_eab **out, size_t *out_n);
