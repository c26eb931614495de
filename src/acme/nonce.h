/* SPDX-License-Identifier: Apache-2.0 */
/* Replay nonces (RFC 8555 section 6.5) without storage: a counter sealed under a key of this boot,
 * and a window of those already used. Another node's, an earlier boot's or a made-up nonce does not
 * open; the client gets badNonce with a fresh one and tries again. Runs in core. */
#pragma once

#include "base/err.h"
#include "base/id.h"

struct crypto_aead;

enum {
    ACME_NONCE_WINDOW = 1 << 16, /* how many later nonces one may be outlived by */
    ACME_NONCE_TEXT = 65,        /* 48 bytes as base64url, and the terminator */
    ACME_NONCE_IVS = 64 * 12,    /* bytes of random numbers drawn at a time, which cost less so */
};

struct acme_nonces {
    struct crypto_aead *aead;
    uint64_t node; /* a digest of the node's id */
    uint64_t boot;
    unsigned char ivs[ACME_NONCE_IVS];     /* not secret: each nonce shows its own */
    size_t n_ivs;                          /* bytes not used yet, at the end */
    uint64_t next;                         /* the counter of the next one given out */
    uint64_t used[ACME_NONCE_WINDOW / 64]; /* bit counter % window, of the last window counters */
};

/* A new key. RC_CRYPTO. */
enum rc acme_nonces_init(struct acme_nonces *n, const struct id *node, uint64_t boot);
void acme_nonces_done(struct acme_nonces *n);
/* A fresh one, terminated text. RC_CRYPTO. */
enum rc acme_nonce_new(struct acme_nonces *n, char text[static ACME_NONCE_TEXT]);
/* Takes it: the second time it is refused. RC_DENIED with a badNonce problem. */
enum rc acme_nonce_use(struct acme_nonces *n, struct str text, struct err *err);
