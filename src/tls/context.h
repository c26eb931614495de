/* SPDX-License-Identifier: Apache-2.0 */
/* What all TLS connections of a listener share: TLS 1.2 (ECDHE and AEAD only) and 1.3,
 * X25519MLKEM768 before the classical groups, HTTP/1.1 by ALPN, no renegotiation, no compression,
 * session tickets under keys that live and die with the context. Certificate and key are an
 * immutable identity shared by count: replacing it changes what new handshakes show and touches no
 * open connection. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct crypto_key;
struct tls_context;
struct tls_identity;

enum { TLS_CHAIN_MAX = 10, TLS_CHAIN_PEM_MAX = 64 * 1024 };

/* The chain as PEM, leaf first, without the root; the key must have its private half and be the
 * leaf's. RC_PARSE, RC_INVAL (another key), RC_TOOBIG, RC_NOMEM, RC_CRYPTO. The caller keeps its
 * reference of the key. */
enum rc tls_identity_new(struct str chain_pem, const struct crypto_key *key,
                         struct tls_identity **out, struct err *err);
struct tls_identity *tls_identity_ref(struct tls_identity *id);
void tls_identity_unref(struct tls_identity *id);
DEFINE_FREEP(tls_identity_unref, struct tls_identity)

struct tls_context_conf {
    /* Sent, as it is, to a client that begins with a letter, as HTTP does, instead of a TLS record;
     * kept, not copied. Empty: such a client is a failed handshake. */
    struct str plain_answer;
};

/* A server without an identity yet; its handshakes fail until it has one. Needs crypto_init.
 * RC_CRYPTO, RC_NOMEM. */
enum rc tls_context_new(const struct tls_context_conf *conf, struct tls_context **out);
/* After the last of its connections. */
void tls_context_free(struct tls_context *ctx);
DEFINE_FREEP(tls_context_free, struct tls_context)
/* Takes a reference of its own; NULL takes the identity away. */
void tls_context_set_identity(struct tls_context *ctx, struct tls_identity *id);
bool tls_context_has_identity(const struct tls_context *ctx);
