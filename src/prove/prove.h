/* SPDX-License-Identifier: Apache-2.0 */
/* Proof that a service serves a certificate: every place is looked at, again and again until it
 * shows exactly this leaf and chain or the time is up. Nothing is sent but what begins TLS, and the
 * handshake. Only keys of the certificate's kind are understood, so that a service with several
 * certificates has to show this one. Certificates of SM2 are looked for by TLCP, which shows two:
 * this one at its place and, where it is known, the other one of the pair at the other. */
#pragma once

#include "crypto/key.h"
#include "prove/places.h"

struct ev;
struct net;
struct prove;

enum { PROVE_AT_ONCE = 16 /* connections */ };

/* Called once, never from inside prove_start; prove_free may be called in it. RC_OK: all of them
 * show it. RC_CONFLICT: `err` names the first place that does not, why, and how many do not. */
typedef void (*prove_fn)(void *arg, enum rc rc, const struct err *err);

struct prove_conf {
    struct ev *ev;
    struct net *net;
    const struct prove_ask *asks; /* outlive it, as all that they point to */
    size_t n_asks;
    struct str chain, before; /* as prove_compare; borrowed as well */
    /* Of SM2: the path of a file with the other certificate of the pair and its chain, read anew
     * for each look, for it may be renewed meanwhile; NULL: any other will do. */
    const char *beside;
    int64_t window; /* microseconds; within it places that fail are looked at again */
    prove_fn fn;
    void *arg;
};

/* RC_INVAL: a certificate with such a key is not what the target serves. */
enum rc prove_target_fits(const struct prove_target *t, enum crypto_key_type type, struct err *err);
/* RC_INVAL, as prove_target_fits; RC_NOTFOUND when `chain` holds no certificate; RC_NOMEM. */
enum rc prove_start(const struct prove_conf *conf, struct prove **out, struct err *err);
/* What is under way is given up. */
void prove_free(struct prove *p);
DEFINE_FREEP(prove_free, struct prove)
