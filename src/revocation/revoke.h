/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate is revoked: one function for everybody who may say so, in one transaction with the
 * audit event, the block of its key, the other certificates of a compromised key, and the mark that
 * its shard's list is due. Who may is the caller's to know. Runs on the writer's thread. */
#pragma once

#include "base/err.h"
#include "store/revocations.h"
#include "x509/crl.h"

enum revocation_by {
    REVOCATION_BY_ACCOUNT,  /* that the certificate was issued to */
    REVOCATION_BY_KEY,      /* whoever has the certificate's own key */
    REVOCATION_BY_OPERATOR, /* a person who administers the CA */
    REVOCATION_BY_SYSTEM,
};

/* Strings are borrowed. */
struct revocation_ask {
    struct id certificate;
    int reason; /* one that revocation_reason_allowed takes */
    bool whole; /* also the other valid ones of its logical certificate, for the same reason */
    when_t now;
    when_t within; /* conf's revocation.crl.within: how soon a list shows it; a compromised key at
                      once, whatever this says */
    enum revocation_by by;
    struct str actor;   /* account id or operator's name; empty for the other two */
    struct str words;   /* a person's, or a ticket; empty: none */
    struct id request;  /* "" : none */
    struct addr client; /* none: not over the network */
};

enum { REVOCATION_RESULTS_MAX = 64 };

/* What has changed, for revocation_changed. */
struct revocation_result {
    struct {
        struct id issuer;
        struct x509_serial serial;
    } changed[REVOCATION_RESULTS_MAX];
    size_t n;
    bool more;       /* than there is room for */
    uint64_t others; /* certificates revoked because they had the same key, or by `whole` */
    bool raised;     /* it was revoked already, and is now for keyCompromise */
    when_t revoked;  /* since when it is */
};

/* RFC 5280 section 5.3.1: an ACME client may give 0, 1, 3, 4 and 5; an operator 9 as well; the rest
 * is about authorities, or comes and goes, which a revocation here does not. */
bool revocation_reason_allowed(enum revocation_by by, int reason);

/* RC_NOTFOUND no such certificate; RC_INVAL a reason that is not allowed; RC_CONFLICT it is revoked
 * already (out->revoked says since when), unless its key itself or an operator now says that the
 * key is compromised: then the reason changes and the time stays; or `whole` is about others, which
 * are revoked all the same. keyCompromise blocks the key for
 * ever and revokes every other certificate with it that has not ended. May run twice, as every job
 * of the store. */
enum rc revocation_revoke(struct store_txn *txn, const struct revocation_ask *ask,
                          struct revocation_result *out, struct err *err);

/* The shard of a certificate: as many as its issuer has. */
enum rc revocation_shard(struct store_txn *txn, const struct id *issuer,
                         const struct x509_serial *serial, unsigned *out);
