/* SPDX-License-Identifier: Apache-2.0 */
/* What all TLS connections of a listener share: TLS 1.2 (ECDHE and AEAD only) and 1.3,
 * X25519MLKEM768, SecP256r1MLKEM768 and SecP384r1MLKEM1024 before the classical groups, ALPN, no
 * renegotiation, no compression, no early data, sessions in tickets alone. What a handshake shows
 * is decided once, at its ClientHello and before a session is looked at: by `choose`, or it is the
 * context's one identity. Replacing an identity changes what new handshakes show and touches no
 * open connection. */
#pragma once

#include "tls/site.h"

struct clock;
struct tls_context;

enum {
    TLS_ALPN_MAX = 64, /* bytes of the list of protocols */
    TLS_CERTIFIED_MAX = 4,
    TLS_CLIENT_CERTS_MAX = 16 * 1024, /* bytes of the chain that a client may show */
    TLS_TICKET_KEY = 80,
    TLS_TICKET_KEYS_MIN = 3,
    TLS_TICKET_KEYS_MAX = 8,
    TLS_TICKET_SECONDS = 6 * 3600, /* how long a session can be resumed */
};

/* What a client asks for. */
struct tls_hello {
    /* RFC 6066 section 3, checked, lower case, without a final dot; empty: it sent none. Anything
     * odd in that extension (no name or two, an address, bytes that no name has) has already ended
     * the handshake with decode_error or illegal_parameter. */
    struct str server_name;
    bool proof; /* it speaks acme-tls/1, and nothing else */
};

struct tls_context_conf {
    /* Sent, as it is, to a client that speaks HTTP instead of TLS (tls/peek.h); kept, not copied.
     * Empty: such a client is a failed handshake. */
    struct str plain_answer;
    /* Protocols for ALPN, the best first, separated by single spaces: "h2 http/1.1". Empty:
     * "http/1.1". A client that offers protocols but none of them gets no_application_protocol (RFC
     * 7301 section 3.2). */
    struct str alpn;
    /* Protocols beside those, separated as they are, TLS_CERTIFIED_MAX at most: a client that
     * offers one gets it, over TLS 1.3 alone, once tls_context_set_certified has allowed it, and
     * has to show a certificate. The handshake proves that it has the key, and nothing else: the
     * certificate is taken as it is, and judged by whoever asks tls_conn_certificate or
     * tls_conn_shown. No ticket is given. Empty: there is none. */
    struct str certified;
    /* The site for a client; NULL refuses it with unrecognized_name. The site is borrowed until
     * `site_ref`, called at once, and held until the connection is freed, which calls
     * `site_unref`. Both may be NULL if the sites outlive the context. Without `choose` names are
     * not looked at. */
    struct tls_site *(*choose)(void *arg, const struct tls_hello *hello);
    void (*site_ref)(struct tls_site *site);
    void (*site_unref)(struct tls_site *site);
    void *arg;
    /* TLCP (tlcp/conn.h) on the same port, for sites that have an identity for it, with the
     * protocols of `alpn`; its sessions end by this clock, which outlives the context and, where
     * others have the same ticket keys, is monotonic like theirs. NULL: those who speak it are told
     * that it is not served. */
    struct clock *tlcp;
    /* By which OCSP answers (tls_identity_staple) end, and certificates of clients (tls/clients.h)
     * are judged; outlives the context. NULL: none is shown, and no client of a site with `clients`
     * is taken.
     */
    struct clock *clock;
    /* Its identities may be of keys that are away (tls/signer.h). */
    bool away;
};

/* A server without an identity yet; its handshakes fail until it has one. Needs crypto_init.
 * RC_INVAL for a bad `alpn`, RC_CRYPTO, RC_NOMEM. */
enum rc tls_context_new(const struct tls_context_conf *conf, struct tls_context **out);
/* After the last of its connections. */
void tls_context_free(struct tls_context *ctx);
DEFINE_FREEP(tls_context_free, struct tls_context)

/* The one identity of a context without `choose`. Takes a reference of its own; NULL takes the
 * identity away. */
void tls_context_set_identity(struct tls_context *ctx, struct tls_identity *id);
bool tls_context_has_identity(const struct tls_context *ctx);

/* Whether that protocol of `certified` of the configuration is spoken from now on; false at first,
 * and whoever offers it is asked for no certificate. */
void tls_context_set_certified(struct tls_context *ctx, struct str protocol, bool on);

/* Whether every client is asked for a certificate from now on, which none has to show; false at
 * first. As with `certified` the handshake proves the key and nothing else, and tls_conn_shown says
 * which it was. While it is on no session is resumed, whoever it is of, and no ticket given. */
void tls_context_set_asks(struct tls_context *ctx, bool on);

/* Keys of session tickets, in place of the context's own, which live and die with it: for processes
 * that resume each other's sessions. Newest first. Each is TLS_TICKET_KEY bytes: 16 that name it,
 * 32 for AES-256-CBC, 32 for HMAC-SHA256, all of them random. keys[1] encrypts; keys[0] only
 * decrypts, so that every process has it before one uses it; so do the older ones, and what they
 * decrypt is renewed. A session then lives for TLS_TICKET_SECONDS if a key stays in the list that
 * long after it was keys[1]. Copied into locked memory; the caller wipes its own. RC_INVAL for a
 * wrong number, a wrong length or two of the same name; RC_NOMEM. Sessions of TLCP are in tickets
 * under these keys as well, for clients that offer them; without, they are resumed by their ids. */
enum rc tls_context_set_ticket_keys(struct tls_context *ctx, const struct str *keys, size_t n);
