/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that nothing may be issued for any more, because a certificate with them was revoked
 * for keyCompromise. */
#pragma once

#include "store/types.h"

struct store_blocked_key {
    struct store_hash spki_sha256;
    when_t blocked;
    struct str reason;
    struct id certificate; /* whose revocation it was; "": none */
};

/* RC_OK also when it is blocked already; the first entry stays. */
enum rc store_key_block(struct store_txn *txn, const struct store_blocked_key *key);
/* RC_NOTFOUND: not blocked. */
enum rc store_key_blocked(struct store_txn *txn, struct arena *a,
                          const struct store_hash *spki_sha256, struct store_blocked_key *out);
