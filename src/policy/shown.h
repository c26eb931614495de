/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of the register, shown by a client: whether it counts, how rules may name it. */
#pragma once

#include "base/err.h"
#include "policy/policy.h"
#include "store/certificates.h"

struct store_txn;

enum policy_shown_as {
    POLICY_SHOWN_CLIENT, /* a program: certificates of servers may be for clients as well */
    /* A person: a certificate for clients alone, since a server's key is nobody's own. */
    POLICY_SHOWN_PERSON,
};

/* As any check of a client's certificate (RFC 5280, 6.1), with the register in place of a chain and
 * of lists: not of staging, valid at `now`, neither it nor its issuer revoked, and good for what it
 * is shown as (4.2.1.12). RC_DENIED with the reason. `a` is for what is read on the way. */
enum rc policy_shown_check(struct store_txn *txn, struct arena *a,
                           const struct store_certificate *c, enum policy_shown_as as, when_t now,
                           struct err *err);
/* Its id, digest, team, owner and DNS names, the texts in the arena; whether it is good, is not
 * asked. */
enum rc policy_shown_take(struct policy_shown *s, const struct store_certificate *c,
                          struct arena *a);
