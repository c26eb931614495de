/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked about names, and what may prove control of them: parts of conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "base/str.h"

struct conf_ports {
    const struct addr_port *p;
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
