/* SPDX-License-Identifier: Apache-2.0 */
/* ACME authorizations and their challenges (RFC 8555 sections 7.1.4, 7.1.5). A challenge that is
 * processing is due work: it says when it is to be attempted next, and survives a restart. */
#pragma once

#include "store/types.h"

enum store_authorization_status {
    STORE_AUTHORIZATION_PENDING,
    STORE_AUTHORIZATION_VALID,
    STORE_AUTHORIZATION_INVALID,
    STORE_AUTHORIZATION_DEACTIVATED,
    STORE_AUTHORIZATION_EXPIRED,
    STORE_AUTHORIZATION_REVOKED,
    STORE_AUTHORIZATION_STATUSES
};
enum store_challenge_status {
    STORE_CHALLENGE_PENDING,
    STORE_CHALLENGE_PROCESSING,
    STORE_CHALLENGE_VALID,
    STORE_CHALLENGE_INVALID,
    STORE_CHALLENGE_STATUSES
};
/* As RFC 8555 spells them. */
const char *store_authorization_status_text(enum store_authorization_status status);
const char *store_challenge_status_text(enum store_challenge_status status);

struct store_challenge {
    struct id id;
    struct id authorization;
    struct str type;  /* "http-01" ... */
    struct str token; /* RFC 8555 section 8.1 */
    enum store_challenge_status status;
    unsigned attempts; /* made so far */
    when_t requested;  /* by the client; 0: not yet */
    when_t validated;
    when_t next_attempt;       /* 0: none is due */
    struct str key_thumbprint; /* base64url, of the account's key when it asked */
    struct str error;          /* problem document, JSON */
    struct str evidence;       /* JSON: addresses, resolver, records seen */
};

struct store_authorization {
    struct id id;
    struct id account;      /* exists */
    struct store_name name; /* without "*." */
    bool wildcard;
    enum store_authorization_status status;
    when_t expires;
    when_t created;
    when_t validated;
    bool ahead;          /* made by newAuthz, for orders to come (RFC 8555 section 7.4.1) */
    bool subdomains;     /* also counts for what is below it (RFC 9444) */
    struct str evidence; /* JSON, of one that is valid by something else than a challenge */
    const struct store_challenge *challenges; /* in the order offered */
    size_t n_challenges;
};

/* With its challenges, whose `authorization` is taken from it. */
enum rc store_authorization_add(struct store_txn *txn, const struct store_authorization *authz);
enum rc store_authorization_get(struct store_txn *txn, struct arena *a, const struct id *id,
                                struct store_authorization *out);
/* That of the challenge. */
enum rc store_authorization_of(struct store_txn *txn, struct arena *a, const struct id *challenge,
                               struct store_authorization *out);
/* Compare and set. */
enum rc store_authorization_move(struct store_txn *txn, const struct id *id,
                                 enum store_authorization_status from,
                                 enum store_authorization_status to);
/* The same from pending to valid: when, and until when it counts. */
enum rc store_authorization_validate(struct store_txn *txn, const struct id *id, when_t now,
                                     when_t expires);

struct store_authorization_filter {
    struct id account;             /* "": any */
    const struct store_name *name; /* NULL: any; then `wildcard` counts too */
    bool wildcard;
    bool ahead;             /* only such */
    bool subdomains;        /* only such */
    when_t validated_after; /* 0: no bound; exclusive */
    unsigned statuses;      /* bits 1 << status; 0: all */
    when_t expires_before;  /* 0: no bound; exclusive */
    when_t expires_after;   /* 0: no bound; exclusive */
    unsigned limit;         /* 0: STORE_PAGE_MAX */
};
/* By expiry, latest first (so that limit 1 finds the best one to use again); with challenges. Made
 * for one account: without it, all are read. */
enum rc store_authorization_list(struct store_txn *txn, struct arena *a,
                                 const struct store_authorization_filter *filter,
                                 struct store_cursor *at, struct store_authorization **out,
                                 size_t *out_n);
/* Of those that the account made ahead, the first STORE_OPEN_LOOK to expire after `now` at most:
 * how many are pending, and when the first of them expires (0: there is none). */
enum rc store_authorization_open(struct store_txn *txn, const struct id *account, when_t now,
                                 uint64_t *out_n, when_t *out_first);
enum rc store_authorization_count(struct store_txn *txn,
                                  const struct store_authorization_filter *filter, uint64_t *out);

enum rc store_challenge_get(struct store_txn *txn, struct arena *a, const struct id *id,
                            struct store_challenge *out);
/* The client asked (RFC 8555 section 7.5.1): pending to processing. The first attempt is taken at
 * once, and due again at `until` if it is never heard of; `until` == `now`: it is not taken, and
 * due at once. */
enum rc store_challenge_start(struct store_txn *txn, const struct id *id, when_t now, when_t until,
                              struct str key_thumbprint);
/* Takes an attempt that is due: counts it and puts the next one at `until`, when it is due again if
 * this one is never heard of. RC_CONFLICT when it is not processing or not due at `now`: another
 * took it. */
enum rc store_challenge_claim(struct store_txn *txn, const struct id *id, when_t now, when_t until);
/* An attempt that failed, with more to come: its problem and evidence, the next at `next_attempt`.
 */
enum rc store_challenge_retry(struct store_txn *txn, const struct id *id, when_t next_attempt,
                              struct str error, struct str evidence);
/* Processing to valid or invalid, at `now`; `error` is empty for valid. */
enum rc store_challenge_finish(struct store_txn *txn, const struct id *id,
                               enum store_challenge_status to, when_t now, struct str error,
                               struct str evidence);
/* Asked for and tried once before anybody was answered: pending to valid or invalid in one step. */
struct store_challenge_outcome {
    enum store_challenge_status to; /* valid or invalid */
    when_t requested, now;
    struct str key_thumbprint;
    struct str error; /* empty for valid */
    struct str evidence;
};
enum rc store_challenge_settle(struct store_txn *txn, const struct id *id,
                               const struct store_challenge_outcome *outcome);
struct store_due {
    struct id challenge;
    struct id account;
};
struct store_due_filter {
    when_t now;
    struct id after; /* the account that had its turn last; "": none */
    unsigned share;  /* of one account, not 0 */
    unsigned limit;  /* not 0 */
};
/* Attempts that are due, accounts taking turns: one of each account behind `after`, then of those
 * before it, then a second of each, and so on; of an account's the longest due first. */
enum rc store_challenge_due(struct store_txn *txn, struct arena *a,
                            const struct store_due_filter *filter, struct store_due **out,
                            size_t *out_n);
/* When the next one is due (for the timer); RC_NOTFOUND when none is. */
enum rc store_challenge_next(struct store_txn *txn, when_t *out);
