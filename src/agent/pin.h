/* SPDX-License-Identifier: Apache-2.0 */
/* Trust at first contact: the administrator knows the fingerprint of the CA's root, from paper or
 * by telephone, and not its file. The root is looked for where strangers may answer (in the chain
 * that the server shows, behind the addresses of issuers in it, at /trust/ of its host), held
 * against the fingerprint, and kept. From then on it alone is trusted for that server: neither this
 * machine's roots nor what the server shows later. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"
#include "agent/trust.h"

enum {
    AGENT_PIN_BYTES = 32,
    AGENT_PIN_FILE_MAX = 256 * 1024, /* of what is fetched */
    AGENT_PIN_HOPS_MAX = 3,          /* from a certificate to that of its issuer */
};

/* SHA-256 of the root in DER: "SHA256:" or "sha256:", which may be missing, and 64 hexadecimal
 * digits, colons between them or not. RC_PARSE. */
enum rc agent_pin_parse(struct str text, unsigned char out[static AGENT_PIN_BYTES]);

/* What was looked through. */
struct agent_pin_seen {
    struct buf names;     /* "NAME SHA256:...", with commas between; the first few */
    struct buf issuer_at; /* http address of the last one's issuer; empty: it has none */
    size_t n;
};

/* Certificates in PEM, or one in DER: appends the one with that fingerprint to `out`, as PEM.
 * RC_NOTFOUND: there is none, and `seen` says what there is; RC_DENIED: there is, and it is no
 * root. RC_NOMEM. Pure. */
enum rc agent_pin_find(struct str text, const unsigned char pin[static AGENT_PIN_BYTES],
                       struct agent_pin_seen *seen, struct buf *out);

struct agent_pin {
    const struct agent_world *w;
    const struct agent_place *place; /* where it is kept; its `dir` is -1: nowhere */
    const bool *stopped;             /* by a signal, while the loop runs */
};

/* Who is trusted for ca->server: that root alone where there is a fingerprint, else as
 * agent_trust_load. */
enum rc agent_pin_trust(const struct agent_pin *p, const struct agent_ca *ca,
                        struct agent_trust *out, struct err *err);
/* The root of ca->ca_fingerprint for ca->server, in PEM, appended: as it is kept, or found now,
 * in which case the loop runs until then. RC_NOTFOUND and what was found instead; RC_PARSE,
 * RC_INVAL (the server's URL is not https), RC_CANCELLED; as client_reach_start's callback. */
enum rc agent_pin_root(const struct agent_pin *p, const struct agent_ca *ca, struct buf *out,
                       struct err *err);
