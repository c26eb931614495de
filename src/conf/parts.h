/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration is made of: choices, lists, and the things that there may be several of;
 * profiles are in conf/profile.h. Part of conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/when.h"
#include "conf/profile.h"

struct conf_nets {
    const struct addr_net *p;
    size_t n;
};

struct conf_ports {
    const struct addr_port *p;
    size_t n;
};

struct conf_numbers {
    const uint64_t *p;
    size_t n;
};

enum conf_database { CONF_DATABASE_SQLITE };

enum conf_resolver_mode {
    CONF_RESOLVER_RECURSIVE,     /* ask these servers to find out */
    CONF_RESOLVER_AUTHORITATIVE, /* these servers hold the zone: ask without recursion */
};

/* Who answers for names in a zone; the longest zone that fits a name counts. With no resolver at
 * all the servers of /etc/resolv.conf are used, as they are at run time. */
struct conf_resolver {
    struct str zone;           /* canonical, "." for the root */
    struct conf_ports servers; /* empty only with CONF_RESOLVER_AUTHORITATIVE: they are found by NS
                                  records, through the other resolvers */
    enum conf_resolver_mode mode;
    uint64_t agree; /* so many servers must give the same answer */
};

enum conf_challenge {
    CONF_CHALLENGE_HTTP_01,
    CONF_CHALLENGE_DNS_01,
    CONF_CHALLENGE_TLS_ALPN_01,
    CONF_CHALLENGE_DNS_ACCOUNT_01,
    CONF_CHALLENGE_COUNT,
};
/* Those that find their proof in the DNS, and so hold for all below a name. */
#define CONF_CHALLENGES_DNS (1u << CONF_CHALLENGE_DNS_01 | 1u << CONF_CHALLENGE_DNS_ACCOUNT_01)
/* "http-01": as RFC 8555 and the configuration spell it; "unknown" outside the enum. */
const char *conf_challenge_name(unsigned challenge);

enum conf_caa {
    CONF_CAA_CHECK,  /* no answer about a top-level domain is as good as no record */
    CONF_CAA_STRICT, /* every failure to find out forbids */
    CONF_CAA_OFF,
};

/* One rule of the policy. Rules are tried in order; a name that no rule allows is refused, and
 * without any rule all names are. */
struct conf_rule {
    struct str name; /* for messages and the audit trail; unique */
    /* At least one: "host.d" itself, "*.d" everything below d, "*" every name. */
    struct conf_strs allow;
    struct conf_nets networks; /* where the request may come from; none: from anywhere */
    unsigned challenges;       /* bit 1 << enum conf_challenge; never 0 */
};

enum conf_passphrase_from {
    CONF_PASSPHRASE_CREDENTIAL, /* a systemd credential: $CREDENTIALS_DIRECTORY/NAME */
    CONF_PASSPHRASE_FILE,
    CONF_PASSPHRASE_PROMPT, /* asked on the terminal at every start */
};

/* Name constraints (RFC 5280 section 4.2.1.10) of CA certificates. */
enum conf_constraints {
    CONF_CONSTRAINTS_CRITICAL,
    CONF_CONSTRAINTS_NONCRITICAL, /* for clients that do not know them */
    CONF_CONSTRAINTS_NONE,
};

enum { CONF_WORKERS_MAX = 32 };

enum conf_switch { CONF_OFF, CONF_ON };

/* A web site behind the gateway. */
struct conf_site {
    struct str name;           /* canonical; unique */
    struct conf_strs backends; /* bases of http URLs, in the order in which they are tried; at
                                  least one */
    unsigned algorithms;       /* bit 1 << enum conf_key_algorithm; never 0 */
    struct str profile;        /* of its certificates; exists */
};

/* Named and ordered as log/ has them. */
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARN, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_log_format { CONF_LOG_TEXT, CONF_LOG_JSON };

/* What may take a second person. */
enum conf_two_persons {
    CONF_TWO_ISSUER_CREATE,
    CONF_TWO_ISSUER_ROTATE,
    CONF_TWO_ISSUER_REVOKE,
    CONF_TWO_COUNT
};
