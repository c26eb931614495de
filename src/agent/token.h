/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a certificate in a PKCS#11 token (crypto/token.h), which it never leaves: found there
 * by its URI, or made. What stands in privkey.pem says where it is, in the form that OpenSSL's
 * provider for PKCS#11 reads, so that services with that provider take it for a key in a file. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct agent_plan;
struct crypto_key;

enum { AGENT_REFERENCE_MAX = 8 * 1024 /* bytes of such a file */ };

/* The plan has its key in a token. */
bool agent_in_token(const struct agent_plan *plan);
/* The form of what is said about it. RC_PARSE, RC_INVAL, RC_UNSUPPORTED: it is none, is about no
 * single key, or of a kind that tokens have not. */
enum rc agent_token_check(const struct agent_plan *plan, struct err *err);
/* The key, which has signed once. One that is not there is made where plan->key says which kind,
 * with the URI's object as its label; the same key serves until another object is named. The token
 * stays open as long as the key. Errors as crypto_token_open, _find and _generate, and of the PIN
 * as agent_sealed_line. */
enum rc agent_token_key(const struct agent_plan *plan, struct crypto_key **out, struct err *err);
/* What stands in privkey.pem, appended: PEM with the URI, and no secret. */
enum rc agent_token_reference(const struct agent_plan *plan, struct buf *out);
