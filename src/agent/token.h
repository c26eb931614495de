/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in a PKCS#11 token (crypto/token.h), a TPM for one, which they never leave: of a certificate
 * and of accounts, found there by their URIs, or made. What stands in privkey.pem says where the
 * certificate's is, in the form that OpenSSL's provider for PKCS#11 reads, so that services with
 * that provider take it for a key in a file. All of a plan's are reached by its one module, with
 * its one PIN; one that a token has refused is not tried again. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "crypto/token_uri.h"

struct agent_place;
struct agent_plan;
struct agent_world;
struct crypto_key;
struct crypto_token;

enum {
    AGENT_REFERENCE_MAX = 8 * 1024, /* bytes of such a file */
    AGENT_TOKENS_MAX = 3,           /* of the certificate, of the accounts at two servers */
};

/* Those that are open, in one run: keys of the same token share it. */
struct agent_tokens {
    struct crypto_token *of[AGENT_TOKENS_MAX];
    struct crypto_token_uri uris[AGENT_TOKENS_MAX];
    size_t n;
};
/* Keys of them keep theirs open. */
void agent_tokens_done(struct agent_tokens *t);

/* The plan has its key in a token. */
bool agent_in_token(const struct agent_plan *plan);
/* Where an account's key is said to be is in a token: "pkcs11:...". */
bool agent_names_token(struct str where);
/* Some key of the plan is. */
bool agent_needs_token(const struct agent_plan *plan);
/* The form of what is said about them. RC_PARSE, RC_INVAL, RC_UNSUPPORTED: it is none, is about no
 * single key, or of a kind that tokens have not. */
enum rc agent_token_check(const struct agent_plan *plan, struct err *err);
/* The certificate's key, which has signed once. One that is not there is made where plan->key says
 * which kind, with the URI's object as its label; the same key serves until another object is
 * named. The token stays open as long as the key, and as w->tokens where that is not NULL. Errors
 * as crypto_token_open, _find and _generate, and of the PIN as agent_sealed_line; RC_DENIED as well
 * for a PIN that was refused before, which is remembered in the place. */
enum rc agent_token_key(const struct agent_world *w, const struct agent_place *p,
                        const struct agent_plan *plan, struct crypto_key **out, struct err *err);
/* The same of an account, which has its key at `uri`: one that is not there is made (P-256) where
 * `make` is true, and not by a renewal, for it would be another account's. */
struct agent_token_account {
    struct str uri;
    bool make;
};
enum rc agent_token_account(const struct agent_world *w, const struct agent_place *p,
                            const struct agent_plan *plan, const struct agent_token_account *which,
                            struct crypto_key **out, struct err *err);
/* What stands in privkey.pem, appended: PEM with the URI, and no secret. */
enum rc agent_token_reference(const struct agent_plan *plan, struct buf *out);
