/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the register of authorities, each in one transaction with its events in the trail.
 * Runs in core, asked by a command that has made the files, and in init. */
#pragma once

#include "ca/issuer.h"
#include "store/issuers.h"

struct ca;

enum { CA_CHANGES_MAX = 32 };

/* An authority whose certificate is there, wherever its key is. */
struct ca_register_in {
    const struct ca_ref *ref;
    const struct x509_cert *cert;
    const struct store_issuer *parent; /* NULL: a root */
    bool key_here;                     /* ca/REF.key is the signer's */
    when_t now;
};
/* Its row, active from now on. */
enum rc ca_register_row(const struct ca_register_in *in, struct arena *a, struct store_issuer *out);

/* What to change; all of it borrowed, times and ids filled in by who asks. */
struct ca_change {
    const struct store_issuer *issuers; /* to be added, parents before their children */
    size_t n_issuers;
    const struct store_cross *crosses;
    size_t n_crosses;
    struct {
        struct id id;
        when_t at; /* it signs leaves no more from then on */
    } retire[CA_CHANGES_MAX];
    size_t n_retire;
    struct id revoke[CA_CHANGES_MAX];
    size_t n_revoke;
    struct {
        struct id id;
        int reason; /* enum x509_reason */
    } revoke_cross[CA_CHANGES_MAX];
    size_t n_revoke_cross;
    struct str actor;  /* "init", "uid 0" */
    struct str reason; /* may be empty */
    when_t now;
};

/* The argument of a store job is the change. RC_EXISTS a name is taken, RC_CONFLICT an issuer or a
 * cross certificate is not in the state that the change starts from. */
enum rc ca_change_apply(struct store_txn *txn, void *change);

/* Holds certificates against the register, before anything is written: each issuer is signed by its
 * parent, which is there or among the new ones; each cross certificate has name and key of its
 * subject and is signed by its signer. RC_DENIED and which is not so. RC_TOOBIG when
 * CA_REGISTER_MAX or CA_ISSUERS_MAX has no room for them. */
enum rc ca_change_check(const struct ca *ca, const struct ca_change *change, struct err *err);
