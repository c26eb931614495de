/* SPDX-License-Identifier: Apache-2.0 */
/* The private key of an issuer or root, wherever it is: REF.key, encrypted PKCS#8, or REF.uri, one
 * line with the PKCS#11 URI of a key in a token. Runs in the signer, before it confines itself, and
 * in the commands of the ceremony. */
#pragma once

#include "base/secret.h"
#include "conf/conf.h"
#include "crypto/token.h"

enum { CA_TOKENS_MAX = 8 };

/* What opens keys, each asked for when the first key needs it. */
struct ca_key_loader {
    int data; /* DATA, open */
    const struct conf *conf;
    struct secret *passphrase; /* of files; borrowed, or NULL: read as conf->ca.passphrase says */
    struct secret *own;
    struct secret *pin;
    struct crypto_token *tokens[CA_TOKENS_MAX]; /* those that are open */
    struct crypto_token_uri uris[CA_TOKENS_MAX];
    size_t n_tokens;
};
void ca_key_loader_done(struct ca_key_loader *l);

/* `dir` is ca/ or root/, open. RC_DENIED for passphrase or PIN, RC_AGAIN when the token is not
 * there at the moment, RC_CONFLICT when there are both files, RC_NOTFOUND when there is neither. */
enum rc ca_key_load(struct ca_key_loader *l, int dir, struct str ref, struct crypto_key **out,
                    struct err *err);

/* The token that `uri` names, for making a key in it; borrowed from the loader. RC_UNSUPPORTED when
 * the configuration names no module. */
enum rc ca_key_token(struct ca_key_loader *l, const struct crypto_token_uri *uri,
                     struct crypto_token **out, struct err *err);
