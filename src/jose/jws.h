/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Signatures as ACME sends them (RFC 7515 flattened, RFC 8555 section 6.2): a protected
 * header with alg, nonce, url and exactly one of jwk and kid; nothing unprotected, no crit, no b64,
 * no second signature, no member twice. */
#pragma once

#include "base/arena.h"
#include "crypto/key.h"
#include "jose/jwk.h"

enum jose_alg {
    JOSE_RS256 = 1,
    JOSE_ES256,
    JOSE_ES384,
    JOSE_ALG_COUNT,
};

enum {
    JOSE_JWS_MAX = 128 * 1024,
    JOSE_HEADER_MAX = 16 * 1024, /* decoded */
    JOSE_NONCE_MAX = 256,
    JOSE_URL_MAX = 2048,
    JOSE_KID_MAX = 2048,
};

enum jose_kind {
    JOSE_REQUEST, /* the body of a POST to the server */
    JOSE_INNER,   /* inside a key change (RFC 8555 section 7.3.5): jwk required, nonce forbidden */
};

struct jose_jws {
    enum jose_alg alg;
    struct str nonce; /* as sent; base64url characters only; empty for JOSE_INNER */
    struct str url;
    struct str kid;       /* empty when the key came along */
    struct jose_jwk *jwk; /* NULL when there is a kid; owned */
    struct str payload;   /* decoded; empty: POST-as-GET */
    struct str signed_part, signature;
};

/* Takes it apart; the strings live in the arena. The signature is NOT checked yet. Errors carry the
 * problem type: malformed (RC_PARSE, RC_INVAL, RC_TOOBIG), badNonce (RC_INVAL: none, or no
 * base64url), badSignatureAlgorithm (RC_UNSUPPORTED),
 * badPublicKey (what jose_jwk_parse says). An alg that does not belong to the type of a jwk that
 * came along is badSignatureAlgorithm. */
enum rc jose_jws_parse(struct arena *a, struct str body, enum jose_kind kind, struct jose_jws *out,
                       struct err *err);
/* Frees the jwk. */
void jose_jws_done(struct jose_jws *j);
/* With the account's key (kid) or jose_jwk_key(j->jwk). RC_OK; RC_DENIED (malformed: the signature
 * is wrong); RC_UNSUPPORTED (badSignatureAlgorithm: alg does not belong to the type of the key). */
enum rc jose_jws_verify(const struct jose_jws *j, const struct crypto_key *key, struct err *err);

/* What to send. */
struct jose_jws_in {
    struct crypto_key *key;
    struct str nonce; /* empty: none */
    struct str url;
    struct str kid; /* empty: the jwk goes along */
    struct str payload;
};

/* Appends the flattened JSON, signed with the one algorithm of the key: RS256, ES256 or ES384.
 * RC_UNSUPPORTED for other keys. */
enum rc jose_jws_sign(const struct jose_jws_in *in, struct buf *out);

/* "ES256"; for the problem document of badSignatureAlgorithm, which lists them: all i from 1 to
 * JOSE_ALG_COUNT - 1. */
const char *jose_alg_name(enum jose_alg alg);
/* 0 for another. */
enum jose_alg jose_alg_find(struct str name);
