/* SPDX-License-Identifier: Apache-2.0 */
/* Locks (store/locks.h), judged: may this be issued now? Asked when an order is made, so that its
 * client learns early, and in the transaction of every reservation, so that nothing passes. What
 * this program lives on itself (origin "system") no lock reaches, nor what was reserved before. */
#pragma once

#include "base/err.h"
#include "store/certificates.h"

struct ca_lock_ask {
    const struct store_name *names; /* canonical; a wildcard counts as what it stands for */
    size_t n_names;
    struct str
        issuer; /* ref of what would sign; empty: not chosen yet, and no lock of one counts */
    struct id account; /* "": no ACME account's */
    bool renews;       /* the next one of an order that renews itself (RFC 8739) */
};

/* RC_OK; RC_DENIED, unauthorized (RFC 8555 section 6.7), with the lock that is in the way, since
 * when, by whom and why. A renewal is for exactly the names of a certificate that this account has
 * and that is valid now; only locks that say so stop it. A lock of new names lets through what is
 * for names that are in valid certificates, whoever has these. */
enum rc ca_lock_judge(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                      when_t now, struct err *err);
/* Whether it is such a renewal. */
enum rc ca_lock_renewal(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                        when_t now, bool *out);
