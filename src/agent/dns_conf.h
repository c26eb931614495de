/* SPDX-License-Identifier: Apache-2.0 */
/* How dns-01 is proven by dynamic updates: a file of lines "name: value" (or "name = value"), with
 * comments behind '#':
 *
 *     server: 10.0.0.53          where updates go: address or name, :PORT if it is not 53
 *     key: acme                  TSIG (RFC 8945): name, algorithm and secret ...
 *     algorithm: hmac-sha256     ... hmac-sha256 (that is the default), -sha384 or -sha512
 *     secret: ...                in base64, or credential:NAME (agent/sealed.h); or, instead of
 *                                the three,
 *     key_file: /etc/bind/k.key  a key statement as tsig-keygen(8) writes it, or credential:NAME
 *     zone: hospital.example     otherwise found by SOA
 *     ttl: 60
 *     wait: all                  until all name servers of the zone have it (that is the default),
 *                                primary: only `server`; or a time to wait, as in 30s
 *     timeout: 2m                how long that may take
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "dns/tsig.h"

enum { AGENT_DNS_SERVERS_MAX = 4, AGENT_DNS_FILE_MAX = 64 * 1024 };

enum agent_dns_wait { AGENT_WAIT_ALL, AGENT_WAIT_PRIMARY, AGENT_WAIT_TIME };

struct agent_dns_conf {
    char server[256]; /* as given, for messages */
    struct addr_port servers[AGENT_DNS_SERVERS_MAX];
    size_t n_servers;
    struct dns_tsig_key key;
    char zone[DNS_NAME_MAX + 1]; /* "": found */
    uint32_t ttl;
    enum agent_dns_wait wait;
    int64_t pause, timeout; /* microseconds */
    bool plain;             /* the secret stands in the settings themselves */
};

/* Without the addresses of `server`. RC_PARSE and the line, what is wrong with it and what may
 * stand there. Secrets that are elsewhere are read through agent/sealed.h. Pure otherwise. */
enum rc agent_dns_conf_parse(struct str text, struct agent_dns_conf *out, struct err *err);
/* The file, or credential, and the server looked up (libc's way; it blocks). RC_DENIED: it holds a
 * secret and others may read it; RC_NOTFOUND, RC_IO. */
enum rc agent_dns_conf_load(struct str path, struct agent_dns_conf *out, struct err *err);
/* The same for who only looks, and may not be who has the secrets: those that are elsewhere are
 * left out, and so is a key file that cannot be read. `key.name` is empty only where no key is
 * configured. */
enum rc agent_dns_conf_look(struct str path, struct agent_dns_conf *out, struct err *err);
/* The secret is wiped. */
void agent_dns_conf_done(struct agent_dns_conf *c);
/* A key statement, as BIND has it. RC_PARSE. */
enum rc agent_dns_key_parse(struct str text, struct dns_tsig_key *out, struct err *err);
