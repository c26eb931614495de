/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about authorities share: the register as the running server has it, the keys,
 * and the way a change is made: files first, then the register, then trust/; what fails is undone.
 */
#pragma once

#include "ca/key_load.h"
#include "ceremony/crl.h"
#include "ceremony/rotate.h"
#include "cmd/cmd.h"

enum { ISSUER_CRLS_MAX = CEREMONY_KINDS * CA_HIERARCHIES };

struct issuer_session {
    const struct cmd_args *args;
    int data;
    const struct conf *conf;
    struct arena arena;
    struct store_issuer *rows; /* the register, oldest first */
    struct str *served;        /* of each row that is a root its list, DER; empty: none */
    size_t n;
    struct store_cross *crosses;
    size_t n_crosses;
    struct secret *root_passphrase, *passphrase;
    struct ca_key_loader loader; /* keys in tokens */
    const char *like;            /* whose new key is made where the present one is; NULL: none */
    struct ceremony ceremony;
    struct ceremony_made made;
    struct ca_change change;
    bool special; /* the special hierarchy is opened in rules.json */
    bool rules;   /* rules.json is written anew */
    bool given;   /* certificates and lists come from a root elsewhere */
    struct {
        struct str root;
        struct buf der;
    } crls[ISSUER_CRLS_MAX]; /* lists of the roots that sign here, or that were brought */
    size_t n_crls;
};

/* Reads configuration and register. Returns an exit status; to be ended with issuer_session_done
 * either way. */
int issuer_session_open(struct issuer_session *s, const struct cmd_args *args);
void issuer_session_done(struct issuer_session *s);
/* NULL, and said, when there is none of that name. */
const struct store_issuer *issuer_session_find(const struct issuer_session *s, const char *ref);
/* A cross certificate of the register; NULL when there is none of that name. */
const struct store_cross *issuer_session_cross(const struct issuer_session *s, struct str name);
/* Of the register or made here; NULL: neither has it. */
const struct store_issuer *issuer_session_row(const struct issuer_session *s, const struct id *id);
/* Signs the list of a root anew, `also` (NULL: none) on it; once for each root. */
int issuer_session_crl(struct issuer_session *s, struct str root, const struct ceremony_also *also);
/* Makes it so, and shows what was done: what `made`, `change` and `crls` hold. */
int issuer_session_commit(struct issuer_session *s);
/* The same, or with --dry-run "would WHAT REF". */
int issuer_session_commit_or_tell(struct issuer_session *s, const char *what, const char *ref);

/* issuer_keys.c: lets the ceremony open keys of roots, in files, with shares or in a token, and
 * make new ones: in the token of --token, in that of `like`, or in a file. Nothing is asked for
 * before it is needed. */
void issuer_session_keys(struct issuer_session *s);
/* What opens root keys in files, and encrypts new ones. */
enum rc issuer_session_root_passphrase(struct issuer_session *s, struct err *err);

/* issuer_csr.c: keys and requests on --media that replace these, `n` rows of the session. */
int issuer_request_rotation(struct issuer_session *s, const struct store_issuer *const *old,
                            size_t n);
/* What stands above the request in ca/REF.csr: whom it replaces, and whether at once. False when it
 * replaces nobody. */
bool issuer_request_replaces(struct str csr, char ref[static CA_REF_MAX + 1], bool *at_once);
/* issuer_cross.c: the certificate of one root by another that lies on the media under this name,
 * added to what is made once it is shown. RC_EXISTS: the register has exactly that one. RC_DENIED
 * and why. */
enum rc issuer_import_cross(struct issuer_session *s, int media, const char *file, struct err *err);
/* Writes the lists that the server serves to the media, so that where the root is nothing is
 * forgotten that was revoked; one that is ahead of what is served stays. Nothing when no server
 * runs. */
enum rc issuer_lists_export(const struct cmd_args *args, int media, struct err *err);

/* Which one --special or --staging mean; the intranet without either. */
enum ca_hierarchy cmd_hierarchy(const struct cmd_args *args);

/* issuer.c: `root create --next` where a server is. The successor of each root of the algorithms
 * whose key is here, opened by what opens that one. */
int issuer_next_root(const struct cmd_args *args);
