/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about authorities share: the register as the running server has it, the keys,
 * and the way a change is made: files first, then the register, then trust/; what fails is undone.
 */
#pragma once

#include "ceremony/rotate.h"
#include "cmd/cmd.h"

struct issuer_session {
    const struct cmd_args *args;
    int data;
    const struct conf *conf;
    struct arena arena;
    struct store_issuer *rows; /* the register, oldest first */
    size_t n;
    struct issuer_cross {
        struct str subject, signer;
    } * crosses;
    size_t n_crosses;
    struct secret *root_passphrase, *passphrase;
    struct ceremony ceremony;
    struct ceremony_made made;
    struct ca_change change;
    bool special; /* the special hierarchy is opened in rules.json */
    bool rules;   /* rules.json is written anew */
    struct {
        struct str root;
        struct buf der;
    } crls[CEREMONY_KINDS * CA_HIERARCHIES]; /* lists of the roots that sign here */
    size_t n_crls;
    struct str revoke_mark; /* the issuer whose ca/REF.revoked is made; empty: none */
};

/* Reads configuration and register. Returns an exit status; to be ended with issuer_session_done
 * either way. */
int issuer_session_open(struct issuer_session *s, const struct cmd_args *args);
void issuer_session_done(struct issuer_session *s);
/* The passphrases of roots and issuers, for ceremony: --root-passphrase-file, else root/passphrase,
 * else asked for; and as the configuration says. */
int issuer_session_keys(struct issuer_session *s);
/* NULL, and said, when there is none of that name. */
const struct store_issuer *issuer_session_find(const struct issuer_session *s, const char *ref);
/* Signs the list of a root anew, `also` (NULL: none) on it; once for each root. */
int issuer_session_crl(struct issuer_session *s, struct str root, const struct store_issuer *also);
/* Makes it so, and shows what was done: what `made` and `change` hold. */
int issuer_session_commit(struct issuer_session *s);

/* Which one --special or --staging mean; the intranet without either. */
enum ca_hierarchy cmd_hierarchy(const struct cmd_args *args);

/* issuer.c: `root create --next` where a server is. The successor of each root of the algorithms
 * whose key is here, opened by what opens that one. */
int issuer_next_root(const struct cmd_args *args);
