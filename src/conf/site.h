/* SPDX-License-Identifier: Apache-2.0 */
/* The web sites behind the gateway. Part of conf/conf.h. */
#pragma once

#include "base/str.h"
#include "base/when.h"
#include "conf/proof.h"
#include "conf/public.h"
#include "conf/rules.h"
#include "conf/value.h"

/* Which of a site's backends takes a request. */
enum conf_balance {
    CONF_BALANCE_FIRST, /* the first that can be reached */
    CONF_BALANCE_ROUND_ROBIN,
    CONF_BALANCE_LEAST_CONNECTIONS,
};

/* Which header of the PROXY protocol a site's backends get. */
enum conf_send_proxy { CONF_SEND_PROXY_OFF, CONF_SEND_PROXY_V1, CONF_SEND_PROXY_V2 };

/* Whether a site's requests are inspected by rules (ModSecurity), and what becomes of those that
 * these refuse. */
enum conf_waf { CONF_WAF_OFF, CONF_WAF_DETECT, CONF_WAF_BLOCK };
/* What becomes of a request of a site that blocks when it cannot be inspected. */
enum conf_unavailable { CONF_UNAVAILABLE_BLOCK, CONF_UNAVAILABLE_PASS };

/* How requests are inspected. */
struct conf_inspection {
    struct str rules;   /* a file, absolute or relative to DATA; empty: the core rule set */
    uint64_t body;      /* bytes of a request's body that are inspected */
    when_t timeout;     /* from asking to a verdict */
    uint64_t processes; /* that inspect; 0: one for each CPU, two at least */
    enum conf_unavailable unavailable;
};

/* What the gateway writes down of each request, and how. */
enum conf_access { CONF_ACCESS_OFF, CONF_ACCESS_JSON, CONF_ACCESS_COMBINED };

struct conf_access_log {
    enum conf_access format;
    bool query;    /* with what follows the path */
    uint64_t size; /* of a file, in bytes; then the next one begins */
    uint64_t keep; /* full ones that stay */
};

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

enum { CONF_WAF_BODY_MAX = 128 * 1024 };
/* How long the gateway may be told to wait for others. */
#define CONF_GATEWAY_WAIT_MIN WHEN_SECOND
#define CONF_GATEWAY_HEAD_MAX (10 * WHEN_MINUTE)
#define CONF_GATEWAY_IDLE_MAX WHEN_HOUR
#define CONF_GATEWAY_CLIENT_MAX WHEN_HOUR
#define CONF_GATEWAY_RESPONSE_MAX WHEN_DAY
#define CONF_GATEWAY_TUNNEL_MAX (7 * WHEN_DAY)
enum { CONF_PATHS_MAX = 1000, CONF_SITE_HEADERS_MAX = 10 };

/* A web site behind the gateway. */
struct conf_site {
    struct str name;               /* canonical; unique */
    struct conf_strs backends;     /* bases of URLs, http, https or tls; at least one */
    struct str backend_ca;         /* the file with the roots of those with https; empty: none */
    struct str backend_roots;      /* what is in it, PEM */
    struct str backend_name;       /* what their certificates are for; empty: what is in the URL */
    struct conf_strs backend_keys; /* SHA-256 of their keys, hexadecimal; none: any */
    struct str client_ca;  /* the file with the roots of clients' certificates; empty: not asked */
    struct str client_crl; /* the file with lists of what was revoked of them; empty: none */
    struct str client_roots; /* what is in these, PEM */
    struct str client_lists;
    struct conf_strs drain; /* those of `backends` that get no new clients */
    struct conf_nets allow; /* clients that are served; none: all */
    struct conf_nets deny;  /* that are not; stronger */
    uint64_t rate;          /* requests of one client in a minute; 0: no limit */
    uint64_t burst;         /* of these at once; 0: those of ten seconds */
    when_t slow_start;      /* until one that has come back gets its full share; 0: at once */
    when_t hsts;            /* browsers shall use HTTPS alone for so long; 0: not told */
    struct conf_strs request_headers; /* "name: value", names in lower case; no value: removed */
    struct conf_strs response_headers;
    struct str maintenance; /* what clients are told instead of being served; empty: they are */
    struct str check;       /* the path that tells whether a backend is well; empty: none */
    when_t check_interval;
    when_t client_timeout;   /* in which a client that is waited for moves nothing */
    when_t response_timeout; /* ... a backend */
    when_t tunnel_timeout;   /* ... neither side of WebSocket, or of what is passed on */
    struct str profile;      /* of its certificates; exists */
    struct str renew_window; /* as base/window.h; empty: that of all sites */
    struct str directory;    /* the CA of those that others issue; empty: this one */
    struct str fallback;     /* another, for when that one ails; empty: none */
    struct str dns;          /* one of updates or hooks; empty but for dns-01 */
    /* Small ones together: there are ten thousand of these in four processes. */
    enum conf_site_challenge challenge; /* how the name is proven there */
    enum conf_balance balance;
    enum conf_send_proxy send_proxy;
    enum conf_waf waf;
    unsigned algorithms; /* bit 1 << enum conf_key_algorithm; 0 where it passes connections on */
    unsigned client_headers; /* bit 1 << enum conf_client_header */
    bool client_optional;    /* who has none is served as well */
    bool passes;             /* they are tls: the connections of its clients go to them */
    bool sticky;             /* a client stays with its backend, by a cookie */
    bool access_log;         /* its requests are in gateway.access_log */
    bool tls_sm;             /* TLS 1.3 with SM algorithms is spoken, too (RFC 8998) */
};

struct conf_gateway {
    uint64_t workers; /* 0: one for each CPU */
    enum conf_keys keys;
    struct str renew_window, change_window; /* as base/window.h; empty: any time */
    when_t drain;                           /* of workers that others replace */
    when_t head_timeout; /* of a request, from its first byte, or the connection's start */
    when_t idle_timeout; /* between two requests of a connection */
    const struct conf_site *sites;
    size_t n_sites;
    const struct conf_path *paths;
    size_t n_paths;
    struct conf_strs names;    /* of all sites, sorted; only where conf_input.site_names asks */
    struct str default_site;   /* for clients that name none; empty: they are refused */
    uint64_t connection_rate;  /* of one client in a minute; 0: no limit */
    uint64_t connection_burst; /* of these at once; 0: those of ten seconds */
    struct conf_others others;
    struct conf_nets trusted; /* whose X-Forwarded-For is believed */
    struct conf_nets proxied; /* who sends a header of the PROXY protocol first */
    struct conf_access_log access_log;
    struct conf_inspection waf; /* of sites that have it */
};
