/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are in another process. A handshake that has to sign asks whoever keeps the key, and
 * goes on when the signature is there; meanwhile the connection waits as it waits for its client,
 * and others are served. What is signed are those two things alone that a TLS server signs
 * (crypto/handshake.h), so whoever may ask can use the key for nothing else. */
#pragma once

#include "base/buf.h"
#include "crypto/sign.h"

struct tls_identity;
struct tls_signing;

enum {
    TLS_SIGN_MESSAGE_MAX = 512, /* bytes that are to be signed */
    TLS_SIGN_KEY = 32,          /* of SHA-256 of the key's SubjectPublicKeyInfo */
};

struct tls_sign_ask {
    struct str about; /* as tls_identity_new_away was told */
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

/* The same as tls_identity_new (tls/site.h), of a key that `signer` is asked for, which is borrowed
 * until the last reference is gone; `about` (255 bytes at most) is copied, and is for the signer's
 * use. Only for contexts with `away` (tls/context.h). Keys are RSA, EC and ML-DSA: RC_UNSUPPORTED
 * for others. */
enum rc tls_identity_new_away(struct str chain_pem, const struct tls_signer *signer,
                              struct str about, struct tls_identity **out, struct err *err);
