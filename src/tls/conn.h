/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of one connection of TLS, OpenSSL directly on the descriptor, or of TLCP, where
 * the context speaks it (tls/context.h): the first bytes say which. SIGPIPE must be
 * ignored in the process. Nothing is buffered here between calls but what OpenSSL holds, and that
 * it gives back while the connection is idle. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

struct addr;
struct ev;
struct net_proxy;
struct tls_clients;
struct tls_conn;
struct tls_context;
struct tls_site;

enum {
    TLS_HANDSHAKE_SECONDS = 10,
    TLS_PLAIN_LINGER_SECONDS = 2, /* for reading the answer to one who spoke in the clear */
    TLS_PLAIN_LINGER_BYTES = 64 * 1024,
    TLS_SHOWN_SHA256 = 32,
    TLS_SHOWN_SERIAL = 20,
    TLS_READ = 1,
    TLS_WRITE = 2,
};

struct tls_conn_conf {
    struct ev *ev;
    struct tls_context *context;
    /* Called once, never from inside tls_conn_accept: RC_OK, the connection is open; otherwise free
     * it: RC_NOMEM, RC_TIMEOUT, RC_NET (the peer went away), RC_UNSUPPORTED (it spoke HTTP in the
     * clear, or TLCP, and was told so), RC_CRYPTO (the handshake failed; `err` has our reason or
     * OpenSSL's), RC_PARSE (`proxied`, and there was no header), RC_QUOTA (`named` said no). */
    void (*on_open)(void *arg, enum rc rc, const struct err *err);
    void *arg;
    bool proxied; /* a header of the PROXY protocol comes before all else (net/proxy.h) */
    /* It told of this client: may he shake hands? Not asked where it names nobody. NULL: yes. */
    bool (*named)(void *arg, const struct addr *client);
};

/* Takes over `fd`, a connected socket, also on failure, and shakes hands. RC_NOMEM, RC_IO. */
enum rc tls_conn_accept(const struct tls_conn_conf *conf, int fd, struct tls_conn **out);
/* Closes at once, without a word. Allowed in every callback. */
void tls_conn_free(struct tls_conn *c);
DEFINE_FREEP(tls_conn_free, struct tls_conn)

/* Once open: the site has its connections passed on (tls/site.h), so there was no handshake: what
 * is read is what the client sends, its ClientHello first, and what is written is what it gets. A
 * ClientHello of more than 64 KiB is RC_TOOBIG to on_open. */
bool tls_conn_passes(const struct tls_conn *c);

/* The next four only once open. */
/* RC_OK and at least one byte; RC_AGAIN; RC_CLOSED: the peer sends no more; RC_NET, RC_CRYPTO:
 * broken. */
enum rc tls_conn_read(struct tls_conn *c, void *p, size_t n, size_t *out_n);
/* RC_OK and at least one byte taken; RC_AGAIN: the next write must bring the same bytes, or more of
 * them; RC_NET, RC_CRYPTO.
 */
enum rc tls_conn_write(struct tls_conn *c, struct str bytes, size_t *out_n);
/* Sends close_notify and closes our direction. RC_OK, RC_AGAIN, RC_NET. */
enum rc tls_conn_shutdown(struct tls_conn *c);
/* Calls `ready` while one of TLS_READ and TLS_WRITE that is in `wants` may do something again after
 * RC_AGAIN, whatever the descriptor must be waited for to that end. 0: no calls. */
void tls_conn_want(struct tls_conn *c, unsigned wants, void (*ready)(void *arg), void *arg);

/* The two ends of the connection: of the socket, or as the header of the PROXY protocol told; never
 * `local`. Also after a failed handshake. RC_IO: the socket cannot tell any more; RC_INVAL: it is
 * not of IP. */
enum rc tls_conn_ends(const struct tls_conn *c, struct net_proxy *out);
/* "TLSv1.3", "TLCPv1.1"; borrowed. */
const char *tls_conn_version(const struct tls_conn *c);
/* What the handshake came to, for people to read. Borrowed for the life of the connection; NULL
 * where there is none, or the library knows no name. */
struct tls_facts {
    const char *version;   /* as tls_conn_version */
    const char *cipher;    /* "TLS_AES_128_GCM_SHA256" */
    const char *group;     /* "X25519MLKEM768", of the key exchange; TLS */
    const char *signature; /* "ecdsa_secp256r1_sha256", what the site proved itself with; TLS */
    const char *key;       /* "EC", "RSA", "ML-DSA-65", "SM2"; NULL when none was shown */
    bool resumed;
};
void tls_conn_facts(const struct tls_conn *c, struct tls_facts *out);
/* The protocol that ALPN chose, "http/1.1"; empty when the client offered none. Borrowed. */
struct str tls_conn_alpn(const struct tls_conn *c);
/* The client's own certificate, DER, appended; its key was used in this very handshake. RC_NOTFOUND
 * when it showed none here, as after resumption. RC_NOMEM. */
enum rc tls_conn_certificate(const struct tls_conn *c, struct buf *out);
/* What the client was asked by for a certificate (tls/site.h); NULL: it was not. Borrowed. */
const struct tls_clients *tls_conn_clients(const struct tls_conn *c);
/* The certificate that these took, DER, appended: shown in this handshake, or in the one whose
 * session was resumed. RC_NOTFOUND: the client was not asked, or came without. RC_NOMEM. */
enum rc tls_conn_caller(const struct tls_conn *c, struct buf *out);
/* What is enough to find that certificate where it is known. */
struct tls_shown {
    unsigned char sha256[TLS_SHOWN_SHA256]; /* of the DER */
    unsigned char serial[TLS_SHOWN_SERIAL]; /* big endian, without the sign byte */
    size_t n_serial;
};
/* RC_NOTFOUND as above, and for TLCP; RC_NOTFOUND as well when its serial number is longer than
 * RFC 5280 section 4.1.2.2 allows, or negative. RC_CRYPTO. */
enum rc tls_conn_shown(const struct tls_conn *c, struct tls_shown *out);
/* From a session of an earlier connection, without a certificate being shown. */
bool tls_conn_resumed(const struct tls_conn *c);
/* The site that `choose` of the context gave, borrowed for the life of the connection; NULL without
 * `choose`, and before a site was chosen. Also after a failed handshake. */
struct tls_site *tls_conn_site(const struct tls_conn *c);
