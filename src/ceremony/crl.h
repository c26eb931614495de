/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what a root has revoked (RFC 5280 section 5): one complete list, without a scope.
 * What a root has revoked once stands on every later list of its: the newest is kept beside the
 * key, in root/REF.crl, signed like all of them, and what others bring, media or the register, only
 * adds to it. Runs in commands, where a root's key is. */
#pragma once

#include "base/arena.h"
#include "crypto/key.h"
#include "x509/crl.h"

enum {
    CEREMONY_REVOKED_MAX = 512,        /* entries of a root's list: issuers, over its whole life */
    CEREMONY_CRL_FILE_MAX = 64 * 1024, /* such a list, in DER */
    CEREMONY_CRL_DAYS = 366,         /* until the next one has to be there, unless said otherwise */
    CEREMONY_CRL_DAYS_MAX = 3 * 366, /* and where the root's key is on the server */
};

/* A list to be made. To be freed with ceremony_crl_done. */
struct ceremony_crl {
    struct str ref;               /* the root; borrowed, as is */
    const struct x509_cert *root; /* its certificate */
    struct x509_crl_entry v[CEREMONY_REVOKED_MAX];
    size_t n;
    uint64_t number;    /* of the newest list that was seen; 0: none was */
    when_t this_update; /* the latest of those that were seen */
};

void ceremony_crl_init(struct ceremony_crl *c, struct str ref, const struct x509_cert *root);

/* Takes in what stands on a list of this root, in DER, from wherever it comes: only the root's own
 * signature makes it count. RC_DENIED: it is another's; RC_INVAL: it is a delta, without a number,
 * or for a part of the certificates; RC_TOOBIG; as x509_crl_parse. */
enum rc ceremony_crl_merge(struct ceremony_crl *c, struct str der, struct err *err);
/* The same with DATA/root/REF.crl; nothing when it is not there. */
enum rc ceremony_crl_read(struct ceremony_crl *c, int data, struct err *err);
/* One more. RC_EXISTS when it is on the list already, which stays as it is. */
enum rc ceremony_crl_revoke(struct ceremony_crl *c, const struct x509_crl_entry *entry,
                            struct err *err);

/* Signs it, appended to `out` in DER. Its number is the time in microseconds, or one more than the
 * last where that is not above it. It is good for `days`, and not beyond the root. RC_DENIED when
 * the clock is behind the last list's time, or the root has ended. */
enum rc ceremony_crl_sign(const struct ceremony_crl *c, const struct crypto_key *key, when_t now,
                          unsigned days, struct buf *out, struct err *err);
/* Puts it into root/REF.crl. Before it is given to anybody: what is out is not forgotten. */
enum rc ceremony_crl_keep(int data, struct str ref, struct str der, struct err *err);
/* In words, for the one who decides: entries, and from when to when. */
enum rc ceremony_crl_show(const struct ceremony_crl *c, when_t now, unsigned days, struct buf *out);
