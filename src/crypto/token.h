/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that never leave a PKCS#11 token. A token is opened in a library context of OpenSSL's of its
 * own, with the provider "pkcs11" that stands beside the libcrypto in use; a key of it is an
 * ordinary struct crypto_key, whose public half is here and whose private half is there. RSA and
 * EC P-256, P-384 always, Ed25519 where the token has it.
 *
 * A PIN is tried once for each call of crypto_token_open, and not at all when the token says that
 * one more mistake would lock it. Runs in the signer before it confines itself, and in the commands
 * of the ceremony. Modules that need a network, threads or files while they work belong behind
 * `p11-kit server`, whose socket stays connected. */
#pragma once

#include "base/secret.h"
#include "crypto/key.h"
#include "crypto/token_uri.h"

struct crypto_token;

enum { CRYPTO_PIN_MAX = 255 };

struct crypto_token_at {
    const char *module;                 /* path of the module, absolute */
    const char *server;                 /* path of a p11-kit server's socket; NULL: none */
    const struct crypto_token_uri *uri; /* which token: `object` and `id` do not matter */
    bool *
        refused; /* set to true when the token was asked, and said that the PIN is wrong; or NULL */
};

/* RC_UNSUPPORTED without the provider or when the module cannot be loaded, RC_AGAIN when no such
 * token is there at the moment or it does not answer, RC_CONFLICT when several match, RC_DENIED for
 * the PIN, RC_QUOTA without room for a session. */
enum rc crypto_token_open(const struct crypto_token_at *at, struct secret *pin,
                          struct crypto_token **out, struct err *err);
struct crypto_token *crypto_token_ref(struct crypto_token *t);
/* The last reference, its keys' included, closes it. */
void crypto_token_unref(struct crypto_token *t);
DEFINE_FREEP(crypto_token_unref, struct crypto_token)

/* A pair made in the token, not exportable, `label` as CKA_LABEL and a random CKA_ID; both stand in
 * the URI that is appended to `uri`. RC_EXISTS when the token has a key of that label, RC_QUOTA
 * when it is full, RC_UNSUPPORTED for what it cannot do. */
enum rc crypto_token_generate(struct crypto_token *t, struct crypto_key_spec spec, struct str label,
                              struct buf *uri, struct crypto_key **out, struct err *err);
/* The one private key that `key` names; has signed once, so that it is known to belong to its
 * public half. RC_NOTFOUND, RC_CONFLICT when there are several. */
enum rc crypto_token_find(struct crypto_token *t, const struct crypto_token_uri *key,
                          struct crypto_key **out, struct err *err);

/* True when the private half of the key is in a token. */
bool crypto_key_in_token(const struct crypto_key *k);
