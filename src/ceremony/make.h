/* SPDX-License-Identifier: Apache-2.0 */
/* The ceremony: authorities made with their keys, certificates, files and rows for the register.
 * Everything is made in memory first; ceremony_write then writes the files, the register takes the
 * rows (ca/register.h), and ceremony_publish tells the machines. What fails in between is undone
 * with ceremony_undo. */
#pragma once

#include "ca/register.h"
#include "ceremony/files.h"

enum { CEREMONY_MADE_MAX = 24 };

struct ceremony {
    int data; /* DATA, open */
    const struct conf *conf;
    when_t now;
    struct secret *root_passphrase; /* opens the keys of roots that are in files */
    struct secret *passphrase;      /* opens the keys of issuers */
    /* The key of a root, wherever it is and whatever opens it; NULL: ceremony_root_key. */
    enum rc (*open_root)(void *arg, struct str ref, struct crypto_key **out, struct err *err);
    /* A new key and its file; NULL: a file that the passphrases encrypt. */
    enum rc (*make_key)(void *arg, const struct ca_ref *ref, struct ceremony_files *files,
                        struct crypto_key **out, struct err *err);
    void (*step)(void *arg, const char *what); /* progress: "root-rsa: RSA 4096"; may be NULL */
    void *arg;
    const struct store_issuer *known; /* the register; empty at init */
    size_t n_known;
    const struct store_cross *known_crosses;
    size_t n_known_crosses;
};

/* What was made; strings in the arena, roots before what they signed. To be freed with
 * ceremony_made_done. */
struct ceremony_made {
    struct arena arena;
    struct store_issuer rows[CEREMONY_MADE_MAX];
    struct x509_cert certs[CEREMONY_MADE_MAX];
    struct crypto_key *keys[CEREMONY_MADE_MAX];
    size_t n;
    struct store_cross crosses[CEREMONY_MADE_MAX];
    size_t n_crosses;
    struct ceremony_files files;
};
void ceremony_made_init(struct ceremony_made *m);
void ceremony_made_done(struct ceremony_made *m);

/* A root with a new key. */
enum rc ceremony_make_root(const struct ceremony *c, const struct ca_ref *ref,
                           struct ceremony_made *m, struct err *err);
/* An issuer with a new key, signed by the newest root of its kind, made here or known; it signs
 * from `activates` on. RC_NOTFOUND: there is no such root, or its key is not here. RC_TOOBIG: as
 * ceremony_room. */
enum rc ceremony_make_issuer(const struct ceremony *c, const struct ca_ref *ref, when_t activates,
                             struct ceremony_made *m, struct err *err);
/* `subject` and `signer` by their references, roots of one kind, made here or known: a certificate
 * of the one by the other. */
enum rc ceremony_make_cross(const struct ceremony *c, struct str subject, struct str signer,
                            struct ceremony_made *m, struct err *err);
/* The same of one that was made elsewhere; borrowed, as long as what is made. RC_DENIED as
 * ceremony_check_cross. */
enum rc ceremony_take_cross(const struct ceremony *c, struct str subject, struct str signer,
                            const struct x509_cert *cert, struct ceremony_made *m, struct err *err);

/* What is to be revoked, an issuer's or a cross certificate in DER, and why (enum x509_reason). */
struct ceremony_also {
    struct str certificate;
    int reason;
};
/* The list of what a root has revoked, in DER, appended: what root/REF.crl has, the known issuers
 * and cross certificates of its that are, and `also` (NULL: none) as of now. It is good for
 * CEREMONY_CRL_DAYS_MAX: whoever has the root's key makes the next one in time, with each issuer.
 * To be kept with ceremony_crl_keep once the register has it. */
enum rc ceremony_root_crl(const struct ceremony *c, struct ceremony_made *m, struct str root,
                          const struct ceremony_also *also, struct buf *out, struct err *err);

/* All of a hierarchy: roots and issuers number 1 of the kinds (bits of ceremony_kinds). */
enum rc ceremony_make_hierarchy(const struct ceremony *c, unsigned kinds,
                                enum ca_hierarchy hierarchy, struct ceremony_made *m,
                                struct err *err);

/* The newest root that signs issuers of that kind: made here or known. NULL: there is none. */
const struct store_issuer *ceremony_root_for(const struct ceremony *c,
                                             const struct ceremony_made *m, struct str algorithm,
                                             enum ca_hierarchy hierarchy);

enum rc ceremony_write(const struct ceremony *c, struct ceremony_made *m, struct err *err);
void ceremony_undo(const struct ceremony *c, struct ceremony_made *m);
/* trust/ anew, from what was known and made. */
enum rc ceremony_publish(const struct ceremony *c, const struct ceremony_made *m, struct err *err);
/* Rows and cross certificates of `m`, for ca_change_apply; borrowed. */
struct ca_change ceremony_change(const struct ceremony *c, const struct ceremony_made *m,
                                 const char *actor);
