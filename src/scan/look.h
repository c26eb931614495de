/* SPDX-License-Identifier: Apache-2.0 */
/* A look at one endpoint, one connection after the other: a handshake, then what else it could do:
 * older versions, groups, TLCP. Nothing is verified, and nothing is sent behind a handshake. */
#pragma once

#include "scan/found.h"
#include "scan/pace.h"

struct net;
struct scan_look;
struct tls_survey;

/* Shared by all looks, which it outlives. */
struct scan_look_conf {
    struct ev *ev;
    struct net *net;
    struct scan_pace *pace; /* asked before each connection */
    const struct tls_survey *survey;
    int64_t timeout; /* microseconds, for each connection and all that is said on it */
    bool quick;      /* the first handshake alone */
    /* Called once, never from inside scan_look_new; the look is freed in it, or later. */
    void (*fn)(void *arg, struct scan_look *l);
};

/* RC_NOMEM. */
enum rc scan_look_new(const struct scan_look_conf *conf, const struct scan_endpoint *at, void *arg,
                      struct scan_look **out);
void scan_look_free(struct scan_look *l);
DEFINE_FREEP(scan_look_free, struct scan_look)
/* Not RC_OK: descriptors or memory of this machine were out, and nothing is known. */
enum rc scan_look_broken(const struct scan_look *l);
/* What it has shown: one, or with TLCP beside TLS two; NULL behind the last. Borrowed. */
const struct scan_found *scan_look_found(const struct scan_look *l, size_t i);
