/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the resources ask of each other: identifiers and what is proven of them,
 * account bindings, what may be used again, renewals, who holds a certificate's names, and the end
 * of what has expired. */
#pragma once

#include "acme/acme_int.h"
#include "crypto/key.h"

struct ca_request;

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

/* identifier.c */
struct acme_identifier {
    struct store_name name;   /* canonical, as certificates have it: "*.x" for a wildcard */
    struct store_name proven; /* what its authorization is for: without "*." */
    bool wildcard;
    struct str ancestor;           /* a domain whose proof would do, too (RFC 9444); empty: none */
    bool reused;                   /* an authorization is there already */
    bool subdomains;               /* the authorization is to count for all below, too (RFC 9444) */
    unsigned challenges;           /* bit 1 << enum conf_challenge, after acme_identifier_judge */
    struct policy_verdict verdict; /* after that, too; borrows from the policy of this moment */
    struct str vouched_by;         /* the rule that wants no proof of it, copied */
};
/* RC_PARSE: no object of "type" and "value"; RC_UNSUPPORTED, RC_INVAL: with them, for
 * `out->name.value` is then as it was sent. All with their problem type. */
enum rc acme_identifier_read(struct acme_request *r, const struct json *v,
                             struct acme_identifier *out, struct err *err);
/* By the rules, for this account: RC_DENIED with rejectedIdentifier, also when nothing that the
 * rule allows could prove it. */
enum rc acme_identifier_judge(struct acme_request *r, struct acme_identifier *i, struct err *err);
/* The same ahead of orders: for all below, or else for the name. */
enum rc acme_identifier_judge_ahead(struct acme_request *r, struct acme_identifier *i,
                                    struct err *err);
/* What an authorization stands for, judged by the rules of this moment; RC_DENIED with r->err. */
enum rc acme_identifier_judge_again(struct acme_request *r, const struct store_authorization *z,
                                    struct acme_identifier *i);
/* The same before its challenge is tried: the rule has to take that type, too. */
enum rc acme_identifier_judge_challenge(struct acme_request *r, const struct store_authorization *z,
                                        struct str type);
/* 1 << enum conf_challenge; 0: none of them. */
unsigned acme_challenge_bit(struct str type);
/* That name, asked for by this request as an ACME client's. */
struct policy_query acme_policy_query(const struct acme_request *r, const struct store_name *name);
/* Those of `allowed` that can prove it. */
unsigned acme_identifier_challenges(const struct acme_identifier *i, unsigned allowed);
/* A pending authorization with its challenges, for the account of the request. */
enum rc acme_identifier_authorization(struct acme_request *r, const struct acme_identifier *i,
                                      struct store_authorization *out);
bool acme_name_eq(const struct store_name *a, const struct store_name *b);

/* judge.c: all names of a certificate together */
/* Names and verdicts of identifiers that were judged; the arrays are in the request's arena. */
enum rc acme_whole(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                   struct policy_whole *w);
/* The rules that decided, each once, as one text for the trail: "apps, wiki". */
enum rc acme_whole_rules(struct arena *a, const struct policy_whole *w, struct str *out);

/* An order, judged: all of it copied, so that it outlives the rules of this moment. */
struct acme_judged {
    struct acme_judged_name {
        struct str rule;     /* that allows it */
        unsigned challenges; /* bit 1 << enum conf_challenge: what may have proven it */
        bool vouched;        /* nothing has to be proven: the account's key is the proof */
        struct str top;      /* how far up a proof for a domain above counts; empty: not at all */
    } * names;               /* as many as the order has */
    struct str rules;        /* all, for the trail */
    struct str reason;       /* of the account's key; empty: it has none, or there is none */
    bool reason_wanted;      /* and an approval has to have one where that has not */
    when_t lifetime;    /* the longest that the certificate may live; 0: as its profile has it */
    unsigned approvers; /* persons who have to allow it; 0: none has to */
};
/* All names of the order once more, by the rules for account and client of the request, or as sites
 * (`vouched`), for a key of that type: RC_DENIED with its problem. */
enum rc acme_order_judge(struct acme_request *r, const struct store_order *order, bool vouched,
                         enum crypto_key_type key, struct acme_judged *out);
/* Has what is asked for end in time. Counted as a profile's lifetime is, from notBefore. */
void acme_judged_limit(const struct acme_request *r, const struct store_order *order,
                       const struct acme_judged *judged, struct ca_request *ask);

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

/* limits.c */
/* What is limited and applies to the request is looked up and set in r->limits; a limit on
 * certificates that the order would meet is RC_QUOTA already, with r->retry_at. */
enum rc acme_limit_account(struct acme_request *r);
enum rc acme_limit_order(struct acme_request *r, const struct store_order *order);
enum rc acme_limit_certificate(struct acme_request *r, const struct store_order *order, bool due);
/* In the transaction: takes one of each; RC_QUOTA as in policy/limits.h. */
enum rc acme_limit_take(struct store_txn *txn, struct acme_request *r, struct err *err);

/* renewal.c (RFC 9773) */
/* "replaces" of a new order, empty when there is none: a certificate of this account with a name in
 * common. */
enum rc acme_replaces_read(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                           struct str *out);
/* The certificate that an order replaces. */
struct acme_replaced {
    struct id id; /* "": it says none, or it is gone */
    bool due;     /* its time of renewal has come */
};
enum rc acme_replaces_find(struct acme_request *r, struct str replaces, struct acme_replaced *out);
/* In the transaction of the new order: no other that is not invalid replaces it (alreadyReplaced).
 */
enum rc acme_replaces_once(struct store_txn *txn, struct acme_request *r, struct str replaces);

/* staging.c */
/* Sets path and staging of the request; 404 for a staging directory without issuers. */
enum rc acme_staging_look(struct acme_request *r);
/* "/acme", "/acme/staging" */
const char *acme_staging_prefix(bool staging);
struct acme_nonces *acme_staging_nonces(struct acme_request *r);
/* What the account with that key is found by (store_account.thumbprint). */
enum rc acme_staging_key(const struct acme_request *r, struct str jwk, struct store_hash *out);
/* The certificate is of the directory that the request came by. */
bool acme_staging_has(const struct acme_request *r, const struct store_certificate *c);
/* Names of the special hierarchy may be asked for here. */
bool acme_special_open(const struct acme_request *r);

/* subdomains.c (RFC 9444) */
/* "subdomainAuthAllowed" and "ancestorDomain" of an identifier that was read from `v`, into
 * i->ancestor. */
enum rc acme_subdomains_read_flag(struct acme_request *r, const struct json *v,
                                  struct acme_identifier *i);
enum rc acme_subdomains_read_ancestor(struct acme_request *r, const struct json *v,
                                      struct acme_identifier *i, struct err *err);
/* Whether the rules let a proof of that domain count for all below it, for this client. */
bool acme_subdomains_allowed(const struct acme_request *r, struct str domain);
/* Of the domains above the name, the highest that is so, borrowed; with it all between them are.
 * Empty: none. */
struct str acme_subdomains_top(const struct acme_request *r, struct str name);
/* Makes the ancestor what is to be proven, where the rules and their challenges allow that; false:
 * the identifier is as it was. */
bool acme_subdomains_take(const struct acme_request *r, struct acme_identifier *i);
/* The verdict and challenges of an identifier that stands for all below its name; false: none. */
bool acme_subdomains_judge(const struct acme_request *r, struct acme_identifier *i);
/* Some rule does. */
bool acme_subdomains_offered(const struct conf *conf);

/* vouch.c */
/* The listener that only the keeper reaches. */
bool acme_is_private(const struct acme_request *r);
/* This request is by the account, with that thumbprint, whose names need no proof. */
bool acme_vouches_for(const struct acme_request *r, const struct store_hash *thumbprint);
/* Evidence of an authorization that is valid by that, {"vouched":"gateway site NAME"}, or by the
 * key that the account was made with, {"vouched":"key NAME"}. */
enum rc acme_vouch_evidence(struct arena *a, const char *what, struct str name, struct str *out);
/* For the trail: by the gateway's sites, or by a rule of the policy, `rule`, for that key. */
enum rc acme_vouch_audit(struct store_txn *txn, struct acme_request *r,
                         const struct store_authorization *authz, struct str rule);

/* directory.c: the domains by which records mean this CA, an array. */
void acme_put_issuers(struct json_out *o, const struct conf *conf, const char *key);
