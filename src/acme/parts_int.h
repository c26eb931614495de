/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the resources ask of each other: identifiers and what is proven of them,
 * account bindings, what may be used again, renewals, who holds a certificate's names, and the end
 * of what has expired. */
#pragma once

#include "acme/acme_int.h"

/* account.c */
void acme_account_reply(struct acme_request *r, const struct store_account *a, int status);

/* authorization.c */
void acme_authorization_reply(struct acme_request *r, const struct store_authorization *a,
                              int status);

/* eab.c (RFC 8555 section 7.3.4) */
/* "externalAccountBinding" of a new account with the key of the request: the name of the key that
 * it was made with, empty when there is none; externalAccountRequired when there has to be. Not yet
 * whether there is room for the account: acme_eab_once, in the transaction that makes it. */
enum rc acme_eab_read(struct acme_request *r, bool vouched, struct str *out_name);
enum rc acme_eab_once(struct store_txn *txn, struct acme_request *r, struct str name);

/* holder.c (RFC 8555 section 7.6) */
/* RC_OK when the account has valid authorizations for all names of the certificate; RC_DENIED,
 * without an error of its own, when it has not. */
enum rc acme_holds(struct acme_request *r, const struct store_certificate *certificate);

/* order.c */
void acme_order_put(struct acme_request *r, struct json_out *o, const struct store_order *order);
/* Answers with that order, in the end: also when that fails. */
void acme_order_reply(struct acme_request *r, const struct store_order *order, int status);
/* RC_QUOTA with rateLimited when the account may have nothing more open (open.h), and how much is.
 */
enum rc acme_order_room(struct acme_request *r, uint64_t *out_open);
/* A member of `in` that is a time (RFC 3339); 0 when there is none. */
enum rc acme_order_date(struct acme_request *r, const struct json *in, const char *name,
                        when_t *out);

/* finalize.c */
/* All names of the order once more, by the rules for the account of the request and that address,
 * or as sites: RC_DENIED with its problem. */
enum rc acme_order_judge(struct acme_request *r, const struct store_order *order,
                         const struct addr *client, bool vouched);

/* prune.c */
enum rc acme_prune_start(struct acme *a);
void acme_prune_stop(struct acme *a);

/* reuse.c */
/* One of the account's that will do, valid or, if it was made ahead, pending; `out` stays as it is
 * when there is none. */
enum rc acme_reuse_authorization(struct acme_request *r, const struct acme_identifier *i,
                                 bool vouched, struct store_authorization *out);
/* An open order of the account for the same; RC_NOTFOUND. */
enum rc acme_reuse_order(struct acme_request *r, const struct store_order *wanted,
                         struct store_order *out);

/* renewal.c (RFC 9773) */
/* "replaces" of a new order, empty when there is none: a certificate of this account with a name in
 * common. */
enum rc acme_replaces_read(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                           struct str *out);
/* In the transaction of the new order: no other that is not invalid replaces it (alreadyReplaced).
 */
enum rc acme_replaces_once(struct store_txn *txn, struct acme_request *r, struct str replaces);

/* vouch.c */
/* The listener that only the keeper reaches. */
bool acme_is_private(const struct acme_request *r);
/* This request is by the account, with that thumbprint, whose names need no proof. */
bool acme_vouches_for(const struct acme_request *r, const struct store_hash *thumbprint);
/* Evidence of an authorization that is valid by that: {"vouched":"gateway site NAME"}. */
enum rc acme_vouch_evidence(struct arena *a, struct str site, struct str *out);
enum rc acme_vouch_audit(struct store_txn *txn, struct acme_request *r,
                         const struct store_authorization *authz);
