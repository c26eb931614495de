/* SPDX-License-Identifier: Apache-2.0 */
/* The OCSP answer (RFC 6960) of a certificate that is kept beside it, for services that show it to
 * their clients and do not fetch it themselves: asked of the responder that the certificate names,
 * checked as a client would, and written as ocsp.der into its generation, so that it is exchanged
 * with the certificate. DIR/ocsp.der is a link to that of the generation in force. Nothing that was
 * not verified is written. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"
#include "client/staple.h"

enum {
    AGENT_STAPLE_MAX = 16 * 1024,    /* bytes of an answer */
    AGENT_STAPLE_SECONDS = 15,       /* for one attempt */
    AGENT_STAPLE_TRIES_MAX = 3,      /* for a new certificate; afterwards one, and pauses */
    AGENT_STAPLE_SECONDS_FIRST = 60, /* after a failure; doubling ... */
    AGENT_STAPLE_SECONDS_LAST = 3600 /* ... up to this */
};

#define AGENT_STAPLE_FILE "ocsp.der"

struct agent_staple {
    struct buf der; /* AGENT_STAPLE_MAX */
    struct client_staple said;
};

struct agent_staple_ask {
    const struct agent_world *w;
    struct str chain; /* PEM, leaf first */
    /* DER: where the issuer is, if it is not in the chain. */
    const struct str *roots;
    size_t n_roots;
    unsigned tries;
    const bool *stopped; /* it is given up then */
};

/* Runs the loop. RC_UNSUPPORTED: the certificate names no responder; RC_CANCELLED; and as
 * client_staple_issuer, client_staple_check and client answer. */
enum rc agent_staple_fetch(const struct agent_staple_ask *ask, struct agent_staple *out,
                           struct err *err);

/* Written into that generation, in place of one before. RC_IO. */
enum rc agent_staple_put(const struct agent_place *p, unsigned long generation, struct str der,
                         struct err *err);
/* RC_NOTFOUND: that generation has none; as file_read. */
enum rc agent_staple_get(const struct agent_place *p, unsigned long generation, struct buf *out);
/* DIR/ocsp.der leads to that of the generation in force, in place of whatever file or link is
 * there; or, without `wanted`, such a link of ours is removed. RC_IO. */
enum rc agent_staple_link(const struct agent_place *p, bool wanted, struct err *err);

/* A time, or empty. RC_INVAL. */
enum rc agent_staple_check_plan(const struct agent_plan *plan, struct err *err);
/* When the next one is asked for, after this one. */
when_t agent_staple_next(const struct agent_plan *plan, const struct client_staple *s);
