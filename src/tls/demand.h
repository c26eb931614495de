/* SPDX-License-Identifier: Apache-2.0 */
/* What a client demands of a server that it comes back to (tls/client.h): who it has to prove to
 * be, by a chain to one of some roots, by the hash of its key, or by both; and the session of the
 * last time, which a connection resumes. Shared by count, within one thread. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct addr;
struct tls_demand;

enum {
    TLS_PIN = 32, /* SHA-256 of a SubjectPublicKeyInfo, DER */
    TLS_PINS_MAX = 16,
};

struct tls_demand_conf {
    struct str server_name; /* SNI, and what the certificate has to be for; empty: see `ip` */
    const struct addr *ip;  /* what it has to be for without a name; there is no SNI then */
    struct str roots;       /* PEM; empty: the pins alone count, not names, chains and times */
    /* Hashes of keys, in hexadecimal: the server's certificate has one of them. None: any key. */
    const struct str *pins;
    size_t n_pins;
};

/* RC_INVAL: neither roots nor pins, no name and no address, or a certificate or a pin is none;
 * `err` says which. RC_TOOBIG past a limit, RC_NOMEM. Needs crypto_init. */
enum rc tls_demand_new(const struct tls_demand_conf *conf, struct tls_demand **out,
                       struct err *err);
struct tls_demand *tls_demand_ref(struct tls_demand *d);
void tls_demand_unref(struct tls_demand *d);
DEFINE_FREEP(tls_demand_unref, struct tls_demand)
