/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked about names, and what may prove control of them: parts of conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "base/str.h"
#include "conf/profile.h"

struct conf_ports {
    const struct addr_port *p;
    size_t n;
};

struct conf_nets {
    const struct addr_net *p;
    size_t n;
};

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

/* A prober on another host, for a part of the network that the CA's host cannot reach: it alone
 * validates what is in its zones and networks. */
struct conf_prober {
    struct str name;           /* unique */
    struct conf_strs zones;    /* canonical; names at and below them */
    struct conf_nets networks; /* addresses; zones and networks together: at least one */
    struct conf_strs keys; /* SHA-256 of the SubjectPublicKeyInfo of its certificate, 64 lower-case
                              hexadecimal digits; at least one */
};
enum { CONF_PROBERS_MAX = 16, CONF_PROBER_PLACES_MAX = 256 /* zones, and networks, of each */ };

enum conf_challenge {
    CONF_CHALLENGE_HTTP_01,
    CONF_CHALLENGE_DNS_01,
    CONF_CHALLENGE_TLS_ALPN_01,
    CONF_CHALLENGE_DNS_ACCOUNT_01,
    CONF_CHALLENGE_DNS_PERSIST_01,
    CONF_CHALLENGE_COUNT,
};
/* "http-01": as RFC 8555 and the configuration spell it; "unknown" outside the enum. */
const char *conf_challenge_name(unsigned challenge);

/* What hashed account URIs of dns-persist-01 begin with, behind urls.api, and how many domains its
 * challenges may name (draft-ietf-acme-dns-persist-02 sections 4.1 and 3.1). */
#define CONF_ACCOUNT_HASH "/acme/account-hash/"
enum { CONF_PERSIST_ISSUERS_MAX = 10 };

enum conf_caa {
    CONF_CAA_CHECK,  /* no answer about a top-level domain is as good as no record */
    CONF_CAA_STRICT, /* every failure to find out forbids */
    CONF_CAA_OFF,
};

/* The server of TXT records: where proofs of names that are delegated to it are served. */
struct conf_txt {
    struct str zone;            /* canonical; empty: there is none */
    struct conf_ports listen;   /* of UDP and TCP; never empty; bound only with a zone */
    struct str server;          /* its own name, canonical; empty: that of the zone */
    struct conf_nets addresses; /* of that name, each one alone */
    struct conf_nets allow;     /* who may register */
    uint64_t accounts;          /* at most */
};
enum { CONF_TXT_ACCOUNTS_MAX = 100000, CONF_TXT_ZONE_MAX = 200, CONF_TXT_ADDRESSES_MAX = 8 };
