/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of one TLS connection to a stranger, for looking at what is there: TLS 1.2 and
 * 1.3, nothing offered for resumption, and the certificate taken as it is, unverified; whoever uses
 * this knows what it proves. With `roots`, `trust` or `demand` it is no stranger: it is verified.
 * SIGPIPE must be ignored in the process. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "tls/look.h"

struct addr;
struct ev;
struct net_stream;
struct tls_client;
struct tls_demand;
struct tls_identity;
struct tls_survey;
struct tls_trust;

enum {
    TLS_CLIENT_NAME_MAX = 253,
    TLS_CLIENT_CHAIN_MAX = 32 * 1024, /* bytes of certificates; more end the handshake */
};

struct tls_client_conf {
    struct ev *ev;
    struct str server_name; /* SNI; empty: none */
    struct str alpn;        /* the one protocol offered; empty: none is */
    /* With roots, in PEM, the server has to show a chain to one of them for `server_name`, or for
     * `ip` where that is set, by TLS 1.3; without, anybody will do. Copied. */
    struct str roots;
    const struct addr *ip;
    /* Instead of `roots`, for servers of others: a chain to one of these, by TLS 1.2 too. Not
     * needed once tls_client_new has returned. */
    const struct tls_trust *trust;
    enum tls_look_key key; /* of the server; others are not understood. No SM2: that is TLCP */
    /* Without roots and demand: servers of all ages (tls/survey.h). NULL: TLS 1.2 and 1.3. */
    const struct tls_survey *survey;
    /* The stream's shutdown says it by TLS (close_notify), too. */
    bool farewell;
    /* An end that the peer did not say by TLS is RC_NET, for anybody on the way can feign it. */
    bool whole;
    /* Instead of these and `server_name`, for one that is come back to: what it demands, by TLS 1.2
     * too, and the session of the last time is resumed (tls/demand.h). Not needed once
     * tls_client_new has returned. */
    struct tls_demand *demand;
    struct tls_identity *identity; /* shown where the server asks for one; NULL: none */
    /* Called once, never from inside tls_client_new: RC_OK, the connection is open; otherwise free
     * it: RC_NET (the peer went away), RC_CRYPTO (the handshake failed, `err` has the reason),
     * RC_DENIED (its key is none of those demanded), RC_NOMEM. There is no time limit: that is the
     * caller's. */
    void (*on_open)(void *arg, enum rc rc, const struct err *err);
    void *arg;
};

/* Takes over `fd`, a connected socket, also on failure, and shakes hands. Needs crypto_init.
 * RC_INVAL when `roots` holds no certificate, RC_TOOBIG for a name past TLS_CLIENT_NAME_MAX,
 * RC_NOMEM, RC_IO. */
enum rc tls_client_new(const struct tls_client_conf *conf, int fd, struct tls_client **out);
/* Closes at once, without a word. Allowed in every callback. */
/* An error of on_open: a certificate of the server's chain is not valid yet, or not any more, by
 * the clock of this machine. */
bool tls_client_untimely(const struct err *err);
void tls_client_free(struct tls_client *c);
DEFINE_FREEP(tls_client_free, struct tls_client)

/* Only once open: */
/* The protocol that the server chose; empty: it chose none. Borrowed. */
struct str tls_client_alpn(const struct tls_client *c);
/* The server's own certificate, DER, appended. RC_NOTFOUND when it showed none. */
enum rc tls_client_certificate(const struct tls_client *c, struct buf *out);
/* All that it showed, leaf first, as PEM, appended. RC_CRYPTO: nothing; RC_NOMEM, RC_TOOBIG. Also
 * after a handshake that failed, for what came before it did. */
enum rc tls_client_chain(const struct tls_client *c, struct buf *out_pem, struct err *err);
/* As a stream (net/stream.h), which it is and which owns it from then on. */
struct net_stream *tls_client_stream(struct tls_client *c);
