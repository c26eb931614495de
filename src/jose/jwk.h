/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys as JWK (RFC 7517, RFC 7518 section 6, RFC 8037): RSA, EC P-256 and P-384, OKP
 * Ed25519. */
#pragma once

#include "crypto/key.h"

struct jose_jwk;
struct json;

enum { JOSE_THUMBPRINT = 43, JOSE_JWK_MAX = 8 * 1024 };

/* RC_PARSE, RC_UNSUPPORTED (kty, crv), RC_INVAL (private members, "use" other than "sig", "alg" of
 * another key type, numbers that are wrong), RC_DENIED (crypto_weak_check). Errors carry the
 * problem type badPublicKey, and malformed for RC_PARSE. */
enum rc jose_jwk_parse(struct str json, struct jose_jwk **out, struct err *err);
/* The same of a value that is parsed already. */
enum rc jose_jwk_read(const struct json *o, struct jose_jwk **out, struct err *err);
/* Keeps a reference to the key; RC_UNSUPPORTED for a type that has no JWK here. */
enum rc jose_jwk_from_key(struct crypto_key *k, struct jose_jwk **out);
void jose_jwk_free(struct jose_jwk *j);
DEFINE_FREEP(jose_jwk_free, struct jose_jwk)

/* Borrowed. */
struct crypto_key *jose_jwk_key(const struct jose_jwk *j);
/* The required members only, in order, without spaces: what RFC 7638 hashes and what is stored.
 * Borrowed. */
struct str jose_jwk_json(const struct jose_jwk *j);
/* RFC 7638 with SHA-256, base64url, JOSE_THUMBPRINT characters; borrowed, terminated. */
const char *jose_jwk_thumbprint(const struct jose_jwk *j);
