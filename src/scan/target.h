/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be looked at: hosts, names and networks, each at its ports; and the row of single
 * endpoints that comes of it. The row is never written out: the n-th of it is computed. It goes
 * through all hosts at the first port, then at the second one, so that no host is asked for all of
 * its ports at once. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"

struct starttls_protocol;

enum {
    SCAN_TARGETS_MAX = 100000, /* targets, each address of a name counted */
    SCAN_PORTS_MAX = 1024,
    SCAN_HOSTS_MAX = 1 << 24, /* of one network */
    SCAN_ENDPOINTS_MAX = 1 << 27,
    SCAN_NAME_ADDRESSES_MAX = 16,
    SCAN_TARGETS_MEMORY = 64 << 20,
    SCAN_FILE_MAX = 16 << 20, /* bytes of a file with targets */
};

struct scan_port {
    const struct starttls_protocol *protocol; /* NULL: TLS, and TLCP, from the first byte */
    uint16_t port;
};

struct scan_endpoint {
    struct addr_port to;
    const struct starttls_protocol *protocol;
    struct str name; /* what it is asked for; empty: nothing. Lives as long as the targets */
};

struct scan_unit; /* a target with its addresses */

struct scan_targets {
    struct arena arena;
    struct scan_port *ports; /* of targets that name none */
    size_t n_ports;
    struct scan_unit *units[2]; /* without a port of their own; with one */
    size_t n_units[2], cap[2];
    uint64_t hosts[2]; /* of all of these together */
};

void scan_targets_init(struct scan_targets *t);
void scan_targets_done(struct scan_targets *t);

/* The ports that are looked at unless others are named, as scan_ports_parse reads them. */
extern const char scan_default_ports[];
/* "443,8000-8010,smtp:25". Before the first target. RC_INVAL with what is wrong, RC_TOOBIG. */
enum rc scan_ports_parse(struct scan_targets *t, struct str text, struct err *err);
/* One target: "10.1.0.0/16", "10.1.2.3", "wiki.example", "[PROTOCOL:]HOST:PORT",
 * "10.1.0.0/16:8443", an IPv6 address with a port in brackets; "/NAME" behind any of them says
 * which name is asked for there, as in 10.1.2.3:443/wiki.example. Names without it are asked for as
 * they stand; they are looked up now, and libc is waited for. RC_INVAL, RC_TOOBIG with what is
 * wrong; RC_NOTFOUND: the name has no address. */
enum rc scan_target_add(struct scan_targets *t, struct str text, struct err *err);
/* A target a line; what is behind a "#" does not count. Stops at the first that is wrong, and names
 * its line; a name without address is told to `unknown` and left out. */
typedef void (*scan_unknown_fn)(void *arg, const struct err *err);
enum rc scan_targets_read(struct scan_targets *t, struct str text, scan_unknown_fn unknown,
                          void *arg, struct err *err);

/* How many endpoints there are; RC_TOOBIG past SCAN_ENDPOINTS_MAX. */
enum rc scan_targets_count(const struct scan_targets *t, uint64_t *out, struct err *err);
/* The n-th, n below that number. */
struct scan_endpoint scan_targets_at(const struct scan_targets *t, uint64_t n);
/* Everything that the row depends on, for comparing. SHA-256. RC_CRYPTO, RC_NOMEM. */
enum rc scan_targets_digest(const struct scan_targets *t, unsigned char out[static 32]);
