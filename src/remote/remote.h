/* SPDX-License-Identifier: Apache-2.0 */
/* A prober for a part of the network that the CA's host cannot reach: `autarky prober`, on a host
 * inside of that part. It connects out to the CA (TLS 1.3, both sides show certificates), joins,
 * and validates what it is asked to by the code of the prober of the CA's host; nobody connects to
 * it. One process, confined as that prober is before it reads a byte from the network; it holds the
 * key of its own certificate, and nothing else. Which ports, limits and denied networks count, and
 * the resolvers of its zones, the CA tells it; all else it asks of the servers of /etc/resolv.conf.
 */
#pragma once

#include "base/err.h"

struct tls_identity;

enum {
    REMOTE_ADDRESSES_MAX = 8, /* of the server's name, tried in turn */
    REMOTE_RESOLVE_SECONDS = 10,
    REMOTE_DIAL_SECONDS = 5,
    REMOTE_SHAKE_SECONDS = 10,
    REMOTE_JOIN_SECONDS = 30,
    REMOTE_SILENCE_SECONDS = 60, /* without a ping of the CA, and the connection is given up */
    REMOTE_BACKOFF_SECONDS =
        60, /* the longest pause between two attempts; the first is one second */
    REMOTE_STEADY_SECONDS = 60, /* joined for so long, and the pauses begin anew */
};

struct remote_options {
    struct str host; /* name or address of the CA */
    uint16_t port;
    struct str roots; /* PEM, borrowed */
    struct tls_identity *identity;
};

/* Runs until SIGTERM or SIGINT: RC_OK. What cannot begin at all is an error; a CA that is not there
 * is none, and is tried again for as long as it takes. Needs crypto_init, logs to standard error.
 */
enum rc remote_run(const struct remote_options *options, struct err *err);
