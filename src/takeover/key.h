/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in the forms in which other ACME clients keep them. */
#pragma once

#include "crypto/key.h"

enum { TAKEOVER_KEY_MAX = 32 * 1024 };

/* The first private key of `text`: a JWK (RFC 7517; RSA with its primes, EC P-256 or P-384), or PEM
 * with "PRIVATE KEY" (RFC 5958), "RSA PRIVATE KEY" (RFC 8017 appendix A.1.2) or "EC PRIVATE KEY"
 * (RFC 5915). Public and private half have to belong together. RC_NOTFOUND, RC_PARSE,
 * RC_UNSUPPORTED, RC_INVAL, RC_DENIED (encrypted), RC_TOOBIG. */
enum rc takeover_key_read(struct str text, struct crypto_key **out, struct err *err);
/* The name under which crypto_key_spec_parse knows such keys: "rsa2048"; empty for none. */
struct str takeover_key_spec(const struct crypto_key *k);
