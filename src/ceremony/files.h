/* SPDX-License-Identifier: Apache-2.0 */
/* The files of authorities below DATA: root/REF.key (for nobody but root, and best not here at
 * all), ca/REF.crt and ca/REF.key (for root; the signer reads them before it drops privileges),
 * ca/rules.json, trust/ (for all). What was made for a ceremony that fails is removed again. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/secret.h"
#include "ceremony/authority.h"
#include "store/issuers.h"

enum { CEREMONY_FILES_MAX = 48 };

/* Files to be made, none of which may be there already. Zeroed is empty. */
struct ceremony_files {
    struct ceremony_file {
        char path[96];
        mode_t mode;
        struct buf content;
    } v[CEREMONY_FILES_MAX];
    size_t n, written;
};
void ceremony_files_done(struct ceremony_files *f);

/* The content of one more, to be appended to; "ca", "rsa-1", ".key". */
struct buf *ceremony_files_add(struct ceremony_files *f, const char *dir, const char *name,
                               const char *ending, mode_t mode);
/* Makes the directories that are missing and writes all; on failure none of them stays. RC_EXISTS:
 * one is there already. */
enum rc ceremony_files_write(struct ceremony_files *f, int data, struct err *err);
/* Removes what was written: nobody will know of it. */
void ceremony_files_undo(struct ceremony_files *f, int data);

/* Whether the signer could load `more` issuers beside those whose certificates are in ca/, and
 * whose requests wait there. RC_TOOBIG when it could not. */
enum rc ceremony_room(int data, size_t more, struct err *err);

/* The private key of a root, root/REF.key. RC_NOTFOUND: it is not on this machine, RC_DENIED: the
 * passphrase does not open it; both with what to do. */
enum rc ceremony_root_key(int data, struct str ref, struct secret *passphrase,
                          struct crypto_key **out, struct err *err);

/* trust/: for each root REF.pem; of each hierarchy roots.pem with those whose signatures everybody
 * can check (RSA, ECDSA) and roots-all.pem with all of them; of special roots-special.pem and
 * roots-all-special.pem, of staging roots-staging.pem and roots-all-staging.pem. Rows that are no
 * roots, or have ended or are revoked, are left out. What is there is replaced. */
enum rc ceremony_trust_write(int data, const struct store_issuer *rows, size_t n, when_t now,
                             struct err *err);
/* ca/rules.json by the configuration, its limits and networks kept; see ca_rules_write. */
enum rc ceremony_rules_write(int data, const struct conf *conf, bool special, struct err *err);
