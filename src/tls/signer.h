/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are in another process. A handshake that has to sign asks whoever keeps the key, and
 * goes on when the signature is there; meanwhile the connection waits as it waits for its client,
 * and others are served. What is signed are those two things alone that a TLS server signs
 * (crypto/handshake.h), so whoever may ask can use the key for nothing else. */
#pragma once

#include "base/buf.h"
#include "crypto/sign.h"

struct tls_signing;

enum {
    TLS_SIGN_MESSAGE_MAX = 512, /* bytes that are to be signed */
    TLS_SIGN_KEY = 32,          /* of SHA-256 of the key's SubjectPublicKeyInfo */
};

struct tls_sign_ask {
    struct str about; /* as tls_shelf_put was told */
    struct str spki_sha256;
    enum crypto_sig_alg alg;
    struct str message; /* not yet hashed */
};

struct tls_signer {
    /* Asks for a signature, DER where it has two numbers. After RC_OK there is one tls_signing_done
     * later, never from inside, or one `cancel`; after anything else neither. `ask` is borrowed. */
    enum rc (*ask)(void *arg, const struct tls_sign_ask *ask, struct tls_signing *s);
    /* Nobody waits for it any more. */
    void (*cancel)(void *arg, struct tls_signing *s);
    void *arg;
};

/* The signature is there, copied, or there will be none. The connection that waited goes on at
 * once, and may be gone when this returns. */
void tls_signing_done(struct tls_signing *s, enum rc rc, struct str signature);
/* A place for whoever is asked: NULL at `ask`. */
void **tls_signing_tag(struct tls_signing *s);
