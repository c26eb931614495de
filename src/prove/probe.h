/* SPDX-License-Identifier: Apache-2.0 */
/* One look at what one address serves: the connection, what has to be said before TLS, the
 * handshake of TLS or TLCP, and nothing behind it. Nothing is verified: the chain is taken as it
 * comes. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "starttls/starttls.h"
#include "tls/look.h"

struct ev;
struct net;
struct prove_probe;

enum { PROVE_PROBE_SECONDS = 10 /* for all of it */ };

/* Called once, never from inside prove_probe_new; the probe may be freed in it. RC_OK: `chain` is
 * what was shown, PEM, leaf first, borrowed; by TLCP as tls_tlcp_look_chain has it. Otherwise `err`
 * says why. */
typedef void (*prove_probe_fn)(void *arg, enum rc rc, struct str chain, const struct err *err);

struct prove_probe_conf {
    struct ev *ev;
    struct net *net;
    struct addr_port to;
    const struct starttls_protocol *protocol; /* NULL: TLS from the first byte */
    struct str name;                          /* SNI; empty: none. Copied */
    enum tls_look_key key;                    /* the kind that is looked for; SM2: by TLCP */
    prove_probe_fn fn;
    void *arg;
};

/* Needs crypto_init, and SIGPIPE ignored. RC_NOMEM, RC_TOOBIG or RC_INVAL for the name. */
enum rc prove_probe_new(const struct prove_probe_conf *conf, struct prove_probe **out);
/* The callback does not come any more. */
void prove_probe_free(struct prove_probe *p);
DEFINE_FREEP(prove_probe_free, struct prove_probe)
