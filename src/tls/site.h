/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server shows of itself. An identity is a certificate chain and its key, immutable and
 * shared by count. A site is what stands behind one server name: an identity for each kind of key,
 * of which OpenSSL shows the best that the client understands, and the bytes that tie sessions to
 * it. It is embedded in the object of whoever chooses among sites (tls/context.h). */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "base/when.h"

struct crypto_key;
struct tlcp_identity;
struct tls_clients;
struct tls_identity;

enum {
    TLS_CHAIN_MAX = 10, /* certificates */
    TLS_CHAIN_PEM_MAX = 64 * 1024,
    TLS_IDENTITIES_MAX = 4, /* of a site, for TLS: RSA, EC, Ed25519, ML-DSA */
    TLS_SITE_SESSION = 32,
    TLS_STAPLE_MAX = 16 * 1024, /* bytes of an OCSP answer */
};

/* The chain as PEM, leaf first, without the root; the key must have its private half and be the
 * leaf's. RC_PARSE, RC_INVAL (another key), RC_TOOBIG, RC_NOMEM, RC_CRYPTO. The caller keeps its
 * reference of the key. */
enum rc tls_identity_new(struct str chain_pem, const struct crypto_key *key,
                         struct tls_identity **out, struct err *err);
/* An OCSP answer about its leaf, DER, that was verified: shown to clients that ask (status_request,
 * RFC 6066 section 8) until it ends, by the context's clock. Copied; before a site has the
 * identity. RC_NOMEM, RC_TOOBIG. */
enum rc tls_identity_staple(struct tls_identity *id, struct str answer, when_t until);
struct tls_identity *tls_identity_ref(struct tls_identity *id);
void tls_identity_unref(struct tls_identity *id);
DEFINE_FREEP(tls_identity_unref, struct tls_identity)

/* The kinds of keys, as bits for tls_site_keep. */
enum {
    TLS_KIND_RSA = 1 << 0,
    TLS_KIND_EC = 1 << 1,
    TLS_KIND_ED25519 = 1 << 2,
    TLS_KIND_MLDSA = 1 << 3,
    TLS_KIND_TLCP = 1 << TLS_IDENTITIES_MAX,
};

/* What a client speaks that wants the proof of tls-alpn-01, and with which nothing else is said. */
#define TLS_CHALLENGE_ALPN "acme-tls/1"

struct tls_site {
    uint8_t session[TLS_SITE_SESSION]; /* of `bound_to`, and of `clients` */
    uint8_t own[TLS_SITE_SESSION];     /* of `bound_to` alone */
    struct tls_clients *clients;       /* who is served, tls/clients.h; NULL: nobody is asked */
    struct tls_identity *identities[TLS_IDENTITIES_MAX]; /* by kind of key; NULL: none */
    struct tls_identity *challenge; /* for clients that speak acme-tls/1 and nothing else (RFC
                                       8737); NULL: none */
    struct tlcp_identity *tlcp;     /* for clients that speak TLCP; NULL: none */
    struct tls_identity *sm2;       /* of that, the certificate that signs; made when it is first
                                       shown, tls/sm.c */
    /* Clients that can all of RFC 8998 (TLS 1.3 with SM4, SM3, the curve and signatures of SM2) get
     * that, and nothing else, by the certificate of `tlcp` that signs; whoever lacks a part of it
     * gets nothing of it. Without OpenSSL 4.0 (crypto/crypto.h) it does nothing. */
    bool sm;
    /* No handshake: its connections are passed on as they are (tls_conn_passes). For contexts with
     * `choose`. */
    bool passes;
};

/* A site without identities: handshakes that choose it fail until it has one. Sessions and tickets
 * resume only at a site whose `bound_to` is the same: its name, and all of its policy that a
 * resumed session would go round (which clients it asks for certificates, say). RC_CRYPTO. */
enum rc tls_site_init(struct tls_site *s, struct str bound_to);
/* Takes a reference of its own, in place of the identity with a key of that kind (P-256 and P-384
 * are one kind). Handshakes under way show either the old or the new one, whole. */
void tls_site_set_identity(struct tls_site *s, struct tls_identity *id);
/* The same for TLCP (tlcp/identity.h). */
void tls_site_set_tlcp(struct tls_site *s, struct tlcp_identity *id);
/* The OCSP answer about the certificate of `tlcp` that signs, for clients of TLS 1.3 with SM
 * algorithms; as tls_identity_staple. RC_NOTFOUND without `tlcp`; RC_NOMEM, RC_TOOBIG, RC_CRYPTO.
 */
enum rc tls_site_staple_sm2(struct tls_site *s, struct str answer, when_t until);
/* What clients are shown that speak acme-tls/1 alone; NULL: such are refused. Takes a reference of
 * its own. */
void tls_site_set_challenge(struct tls_site *s, struct tls_identity *id);
/* From now on clients are asked by these for certificates, NULL: not at all, and sessions of before
 * are resumed only if they say the same. Takes a reference of its own. What open connections were
 * asked by is theirs to tell (tls_conn_clients). RC_CRYPTO: nothing has changed. */
enum rc tls_site_set_clients(struct tls_site *s, struct tls_clients *clients);
/* Takes away the identities of other kinds than `kinds`, once there is one of these: a site whose
 * kinds change is never without any. Handshakes under way keep theirs. */
void tls_site_keep(struct tls_site *s, unsigned kinds);
/* Takes all of them away. */
void tls_site_clear(struct tls_site *s);
bool tls_site_has_identity(const struct tls_site *s);
/* Drops the identities and `clients`; also after a failed tls_site_init, or zeroed. */
void tls_site_done(struct tls_site *s);
