/* SPDX-License-Identifier: Apache-2.0 */
/* From a decision to a certificate, on core's side: reserve, have it signed, compare, commit. What
 * will be signed is on disk before the signer sees it; the certificate, the order's end and the
 * audit event are one transaction; a crash between leaves a reservation that ca_recover finishes or
 * voids. Nothing here decides whether somebody may have a name.
 *
 * One ca per core process, on its loop's thread. */
#pragma once

#include "ca/clock_guard.h"
#include "ca/leaf.h"
#include "store/certificates.h"

struct ca;
struct ev;
struct ipc_chan;
struct policy_names;
struct store;

enum {
    /* Under way at a time: 64 that the signer has (IPC_SIGN_CREDITS) and 256 that wait for it, as
     * many as front may ask for; more are RC_QUOTA, before anything is reserved. */
    CA_ISSUES_MAX = 320,
    CA_RECOVERS_MAX = 64,   /* of these, reservations that recovery has taken up */
    CA_WAIT_SECONDS = 8,    /* for the signer to have room, then recovery has it */
    CA_SIGN_SECONDS = 20,   /* the signer's answer */
    CA_RECOVER_SECONDS = 5, /* between two looks for reservations nobody works on */
    CA_JOB_ARENA = 512 * 1024,
    CA_REGISTER_MAX = 512, /* authorities, and certificates of one by another */
    CA_CHAINS_MAX = 4,     /* ways from one issuer to roots */
};

/* What the end of an issuance means for the order it is for; runs on the writer's thread, inside
 * the transaction. */
struct ca_order_ops {
    enum rc (*finish)(struct store_txn *txn, const struct id *order,
                      const struct store_certificate *certificate);
    enum rc (*fail)(struct store_txn *txn, const struct id *order, const struct err *why,
                    when_t now);
};

struct ca_options {
    struct ev *ev;
    struct store *store;
    const struct conf *conf;
    const struct ca_order_ops *orders;
};

/* Reads the issuers and the clock's mark from the store. RC_NOTFOUND when there is no issuer. */
enum rc ca_new(const struct ca_options *options, struct ca **out, struct err *err);
/* Nothing may be under way in the store any more (store_close comes first). */
void ca_free(struct ca *ca);
DEFINE_FREEP(ca_free, struct ca)
void ca_set_conf(struct ca *ca, const struct conf *conf);
/* The channel to the signer; NULL while there is none, and issuances wait. Borrowed. */
void ca_set_signer(struct ca *ca, struct ipc_chan *signer);
/* RC_OK, or why nothing is issued now: the clock. */
enum rc ca_ready(struct ca *ca, struct err *err);

/* Everything is copied by ca_issue, but what reserve_arg points to, which lives until `done`. */
struct ca_request {
    struct str profile;
    struct str spki;
    enum crypto_key_type key_type;
    const struct str *dns; /* canonical, sorted */
    size_t n_dns;
    const struct addr *ips;
    size_t n_ips;
    when_t not_before, not_after; /* as far as the profile lets; 0: as it has them */
    const struct str *emails;     /* canonical, sorted */
    const struct str *uris;       /* sorted */
    size_t n_emails, n_uris;
    struct str common_name; /* empty: as the profile has it */
    bool staging;           /* by an issuer of the staging hierarchy */
    struct str origin;      /* "acme", "system", "operator" ... */
    struct str rules;       /* of the policy, that allowed it, for the trail; empty: none did */
    bool key_made;          /* here, for the requester: for the trail */
    struct str escrow;      /* that key, sealed to the key of escrow, kept with the certificate in
                               one transaction; empty: nobody keeps it */
    struct store_hash escrow_to; /* SHA-256 of that one's SubjectPublicKeyInfo */
    struct str asker;            /* who asked, for the trail, as in "uid 0"; empty: no person did */
    struct addr requester;
    struct id shown; /* the certificate that the requester showed; "": none */
    struct id account;
    struct id order; /* "" for none: then a restart voids what is unfinished */
    struct str reason, owner, team, service;
    /* All certificates of the same lineage ("gateway wiki.hospital.example") have one logical id,
     * and each replaces the newest before it whose key is of its kind (RSA, SM2 of one profile, or
     * another). Empty: a logical id of its own, and no predecessor. */
    struct str lineage;
    /* Without a lineage: the certificate that it takes the place of, whose logical id it has then;
     * "": none. One that is not in the register any more counts as none. */
    struct id replaces;
    /* With a lineage: the newest certificate before, known to be of the same account and key, so
     * that neither is looked for. "": it is not known. */
    struct id renews;
    struct id request; /* for the log and the trail */
    /* First in the transaction of the reservation, on the writer's thread (see store_fn): the
     * compare-and-set that makes this the one winner. Its failure, with `err`, is the issuance's.
     * May be NULL. */
    enum rc (*reserve)(struct store_txn *txn, void *arg, struct err *err);
    void *reserve_arg;
};

/* RC_OK with the certificate, borrowed for the callback; RC_AGAIN: reserved, and finished later
 * without further word here (the order will tell); anything else: not issued, `err` says why.
 * Called once. */
typedef void (*ca_done)(void *arg, enum rc rc, const struct store_certificate *certificate,
                        const struct err *err);

/* Begins; when this fails, `done` is not called. RC_DENIED the clock, RC_NOTFOUND profile or
 * issuer, RC_QUOTA. */
enum rc ca_issue(struct ca *ca, const struct ca_request *request, ca_done done, void *arg,
                 struct err *err);

/* Takes up reservations that nobody works on: those for orders are signed again as they were
 * reserved, others voided. Nothing happens while the clock is wrong or there is no signer. Also
 * runs by itself every CA_RECOVER_SECONDS. */
void ca_recover(struct ca *ca);

/* Issuances under way in this process. */
size_t ca_pending(const struct ca *ca);

/* Reads the register again: new authorities, states and dates. When this fails, what was read until
 * then counts, and the rest is as it was. */
enum rc ca_reload_issuers(struct ca *ca, struct err *err);

/* The hosts that a request's names belong to, which decide the hierarchy: DNS names and addresses,
 * the domains of mail addresses, the hosts of URIs. Lists in the arena. */
enum rc ca_request_hosts(const struct ca_request *req, struct arena *a, struct policy_names *out);

/* Appends leaf and intermediates as PEM, without the root (RFC 8555 section 7.4.2). While roots
 * change, certificates of one root by another follow, so that whoever has either of them can
 * verify. RC_NOTFOUND for an issuer that is not of this CA. */
enum rc ca_chain_pem(const struct ca *ca, const struct id *issuer, struct str leaf,
                     struct buf *out);
/* Appends the root above an issuer as PEM; RC_NOTFOUND as above. */
enum rc ca_root_pem(const struct ca *ca, const struct id *issuer, struct buf *out);
/* The same by another way (0: that one; the next ones as far as there are some, CA_CHAINS_MAX at
 * most): RC_NOTFOUND when there is no such. */
enum rc ca_chain_pem_by(const struct ca *ca, const struct id *issuer, struct str leaf, size_t way,
                        struct buf *out);
/* How many there are, 1 at least for an issuer of this CA. */
size_t ca_chain_ways(const struct ca *ca, const struct id *issuer);

/* By its name in URLs and files; NULL when there is none. */
const struct ca_issuer *ca_issuer_find(const struct ca *ca, struct str ref);
const struct ca_issuer *ca_issuer_by_id(const struct ca *ca, const struct id *id);
/* All of them, oldest first; NULL at the end. */
const struct ca_issuer *ca_issuer_at(const struct ca *ca, size_t i);
const struct ca_cross *ca_cross_at(const struct ca *ca, size_t i);
/* By its name in URLs; NULL when there is none. */
const struct ca_cross *ca_cross_find(const struct ca *ca, struct str ref);
/* With the dates, now. */
enum store_issuer_state ca_issuer_state(const struct ca *ca, const struct ca_issuer *issuer);
/* Some issuer of the hierarchy signs leaves now. */
bool ca_hierarchy_open(const struct ca *ca, struct str hierarchy);
/* Some issuer that signs now, of the staging hierarchy where that is meant, could certify all of
 * these names together; RC_DENIED with why not. */
enum rc ca_serves(const struct ca *ca, const struct policy_names *names, bool staging,
                  struct err *err);
/* The hierarchy that may certify these names; RC_DENIED with why there is none. */
enum rc ca_hierarchy_for(const struct ca *ca, const struct policy_names *names, bool staging,
                         struct str *out, struct err *err);
/* Some issuer of the intranet that signs now permits the name. */
bool ca_covers_dns(const struct ca *ca, struct str name);
bool ca_covers_ip(const struct ca *ca, const struct addr *ip);
