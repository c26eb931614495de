/* SPDX-License-Identifier: Apache-2.0 */
/* The inner JWS of an external account binding (RFC 8555 section 7.3.4): flattened JSON, HS256 and
 * no other algorithm, "kid" and "url" and no "nonce", the account's public key as its payload. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct json;

enum {
    JOSE_EAB_HEADER_MAX = 4096, /* decoded */
    JOSE_EAB_PAYLOAD_MAX = 8 * 1024,
    JOSE_EAB_KID_MAX = 256,
};

struct jose_eab {
    struct str kid;
    struct str url;
    struct str payload; /* a JWK, as JSON */
    struct str signed_part, signature;
};

/* Takes it apart; the strings live in the arena. What it says is NOT proven yet. Errors are
 * malformed (RC_PARSE, RC_INVAL, RC_TOOBIG) and badSignatureAlgorithm (RC_UNSUPPORTED). */
enum rc jose_eab_parse(struct arena *a, const struct json *object, struct jose_eab *out,
                       struct err *err);
/* RC_DENIED (malformed) when it was not signed with that key. */
enum rc jose_eab_verify(const struct jose_eab *e, struct str key, struct err *err);

/* What to bind. */
struct jose_eab_in {
    struct str kid; /* 1 to JOSE_EAB_KID_MAX bytes */
    struct str url; /* of newAccount */
    struct str jwk; /* the account's public key, as jose_jwk_json has it */
    struct str key; /* that came with the kid */
};

/* Appends the object, as JSON. RC_INVAL for a kid that is none, RC_CRYPTO, RC_NOMEM. */
enum rc jose_eab_sign(const struct jose_eab_in *in, struct buf *out);
