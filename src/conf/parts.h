/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration is made of: choices, lists, and the things that there may be several of;
 * profiles are in conf/profile.h, what is about proofs in conf/proof.h. Part of conf/conf.h. */
#pragma once

#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/when.h"
#include "conf/profile.h"
#include "conf/public.h"
#include "conf/rules.h"
#include "conf/value.h"

struct conf_numbers {
    const uint64_t *p;
    size_t n;
};

enum conf_database { CONF_DATABASE_SQLITE };

enum conf_binding { CONF_BINDING_OPTIONAL, CONF_BINDING_REQUIRED };

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

/* Which of a site's backends takes a request. */
enum conf_balance {
    CONF_BALANCE_FIRST, /* the first that can be reached */
    CONF_BALANCE_ROUND_ROBIN,
    CONF_BALANCE_LEAST_CONNECTIONS,
};

/* Which header of the PROXY protocol a site's backends get. */
enum conf_send_proxy { CONF_SEND_PROXY_OFF, CONF_SEND_PROXY_V1, CONF_SEND_PROXY_V2 };

/* What the gateway writes down of each request, and how. */
enum conf_access { CONF_ACCESS_OFF, CONF_ACCESS_JSON, CONF_ACCESS_COMBINED };

/* What begins with a path goes another way than the rest of its site. */
struct conf_path {
    struct str site;
    struct str path;           /* "/api" has "/api" and "/api/x", not "/apix" */
    struct conf_strs backends; /* none: the site's */
    struct str replace;        /* what stands for `path` in what the backend gets; empty: itself */
    struct str redirect;       /* path or URL; a "*" at its end is what follows `path`; or empty */
    struct str answer;         /* a text; or empty */
    uint64_t status;           /* of redirect or answer; 0: 308, 200 */
};

/* What backends are told of a client's certificate, as bits 1 << of these. */
enum conf_client_header {
    CONF_CLIENT_SUBJECT,
    CONF_CLIENT_ISSUER,
    CONF_CLIENT_SERIAL,
    CONF_CLIENT_SHA256,
    CONF_CLIENT_NAMES,
    CONF_CLIENT_CERTIFICATE,
    CONF_CLIENT_COUNT,
};

enum { CONF_PATHS_MAX = 1000, CONF_SITE_HEADERS_MAX = 10 };

/* A web site behind the gateway. */
struct conf_site {
    struct str name;               /* canonical; unique */
    struct conf_strs backends;     /* bases of URLs, http, https or tls; at least one */
    bool passes;                   /* they are tls: the connections of its clients go to them */
    struct str backend_ca;         /* the file with the roots of those with https; empty: none */
    struct str backend_roots;      /* what is in it, PEM */
    struct str backend_name;       /* what their certificates are for; empty: what is in the URL */
    struct conf_strs backend_keys; /* SHA-256 of their keys, hexadecimal; none: any */
    struct str client_ca;  /* the file with the roots of clients' certificates; empty: not asked */
    struct str client_crl; /* the file with lists of what was revoked of them; empty: none */
    struct str client_roots; /* what is in these, PEM */
    struct str client_lists;
    bool client_optional;    /* who has none is served as well */
    unsigned client_headers; /* bit 1 << enum conf_client_header */
    enum conf_balance balance;
    bool sticky;            /* a client stays with its backend, by a cookie */
    struct conf_strs drain; /* those of `backends` that get no new clients */
    enum conf_send_proxy send_proxy;
    struct conf_nets allow; /* clients that are served; none: all */
    struct conf_nets deny;  /* that are not; stronger */
    uint64_t rate;          /* requests of one client in a minute; 0: no limit */
    uint64_t burst;         /* of these at once; 0: those of ten seconds */
    when_t slow_start;      /* until one that has come back gets its full share; 0: at once */
    when_t hsts;            /* browsers shall use HTTPS alone for so long; 0: not told */
    struct conf_strs request_headers; /* "name: value", names in lower case; no value: removed */
    struct conf_strs response_headers;
    struct str maintenance; /* what clients are told instead of being served; empty: they are */
    bool access_log;        /* its requests are in gateway.access_log */
    struct str check;       /* the path that tells whether a backend is well; empty: none */
    when_t check_interval;
    unsigned algorithms;  /* bit 1 << enum conf_key_algorithm; 0 where it passes connections on */
    struct str profile;   /* of its certificates; exists */
    struct str directory; /* the CA of those that others issue; empty: this one */
    struct str fallback;  /* another, for when that one ails; empty: none */
    enum conf_site_challenge challenge; /* how the name is proven there */
    struct str dns;                     /* one of updates; empty but for dns-01 */
};

/* Where records of the audit log go as well: to a file, or with `server` by syslog. */
struct conf_forward {
    struct str name;        /* unique; letters, digits, hyphens */
    struct str server;      /* address and port in canonical form; empty: a file */
    struct str roots;       /* path of CA certificates in PEM; empty only without TLS */
    struct str server_name; /* in its certificate; empty: its address */
    bool plain;             /* without TLS */
    bool bare_close;        /* an end without TLS's close_notify counts as receipt */
    uint64_t size;          /* of a file, in bytes; then the next one begins */
    uint64_t keep;          /* full ones that stay */
};

/* Whose endpoints of the inventory are. What is set must hold of one. */
struct conf_owner {
    struct conf_nets networks; /* none: any */
    struct conf_strs under;    /* domains, with all below; none: any */
    struct conf_numbers ports; /* none: any */
    struct str owner;
    struct str service; /* empty: not said */
};

enum { CONF_OWNERS_MAX = 1000 }; /* each with lists of CONF_RULE_LIST_MAX */

enum { CONF_FORWARDS_MAX = 8, CONF_FORWARD_NAME_MAX = 40 };

/* Named and ordered as log/ has them. */
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARN, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_log_format { CONF_LOG_TEXT, CONF_LOG_JSON };

/* What is limited: so often in a time. */
enum conf_limit {
    CONF_LIMIT_ACCOUNTS_PER_NETWORK,
    CONF_LIMIT_ORDERS_PER_ACCOUNT,
    CONF_LIMIT_ORDERS_PER_NETWORK,
    CONF_LIMIT_CERTIFICATES_PER_EAB,
    CONF_LIMIT_CERTIFICATES_PER_ZONE,
    CONF_LIMIT_CERTIFICATES_PER_NAMES,
    CONF_LIMIT_CERTIFICATES_PER_RULE,
    CONF_LIMIT_CERTIFICATES,
    CONF_LIMITS
};

/* Another rate for one account, network, key of bindings, zone, or list of names. */
struct conf_override {
    enum conf_limit limit;
    struct str of; /* as the message of the limit calls it; empty for all certificates */
    struct conf_rate rate;
    when_t until;
};

/* What an unusual hour leads to. */
enum conf_automatic { CONF_AUTOMATIC_OFF, CONF_AUTOMATIC_WARN, CONF_AUTOMATIC_ON };
struct conf_locks {
    enum conf_automatic automatic;
};

/* Whether commands that change something have to say why. */
enum conf_reasons { CONF_REASONS_OPTIONAL, CONF_REASONS_REQUIRED };

/* What may take a second person. */
enum conf_two_persons {
    CONF_TWO_ISSUER_CREATE,
    CONF_TWO_ISSUER_ROTATE,
    CONF_TWO_ISSUER_REVOKE,
    CONF_TWO_THAW,
    CONF_TWO_OPERATORS,
    CONF_TWO_POLICY,
    CONF_TWO_BACKUP,
    CONF_TWO_RESTORE,
    CONF_TWO_COUNT
};

/* A user or group of this host who may use the control socket. */
struct conf_operator {
    struct str name;
    bool group;
    unsigned roles; /* bits in the order of enum operators_role */
};

/* Agents on other hosts. */
struct conf_agents {
    bool enabled;  /* they may enrol and report */
    when_t silent; /* who has not reported for longer is an alert */
};
