/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a site: a host and port that speaks HTTP, or HTTPS to whoever demands the same
 * of it, HTTP/2 or HTTP/1.1, or to which connections are passed on, the addresses of its name, and
 * the connections to it that wait for the next request. Shared by count among the routes that name
 * it, over reloads too. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "ev/ev.h"
#include "net/stream.h"

struct dns_resolver;
struct dns_zones;
struct backend_find;
struct backend_lookup;
struct conf_site;
struct http_url;
struct tls_demand;

enum {
    BACKEND_CONNECTIONS_MAX = 1024, /* to one backend */
    BACKEND_IDLE_MAX = 128,         /* of these, kept for later */
    BACKEND_ADDRESSES_MAX = 8,      /* of a name */
    BACKEND_FAULTS_MAX = 3,         /* in a row, after which a backend pauses */

    /* Seconds. */
    BACKEND_RESOLVE_SECONDS = 5, /* for its addresses */
    BACKEND_CONNECT_SECONDS = 5, /* to one address, and for a handshake with it */
    BACKEND_IDLE_SECONDS = 30,   /* of a connection that is kept */
    BACKEND_PAUSE_SECONDS = 5,   /* in which one that failed is tried last */
    BACKEND_TTL_MIN_SECONDS = 5,
    BACKEND_TTL_MAX_SECONDS = 300,
};

struct backend {
    size_t refs;
    struct backends *all;
    struct str whole; /* what tells it from others: the key, and behind a line end its demands */
    struct str key;   /* "10.0.3.7:8080", lower case */
    struct str host;  /* in key, without brackets */
    uint16_t port;
    struct tls_demand *demand;  /* a reference; NULL: it speaks HTTP in the clear */
    bool h2;                    /* HTTP/2 is spoken: */
    struct list sessions;       /* struct backend_session that are not ending */
    struct backend_find *maker; /* makes one; NULL: nobody does */
    struct list queued;         /* struct backend_find, for that */
    struct ev_defer wake;       /* of these */
    struct list idle;           /* struct backend_link, the longest first */
    size_t n_idle, n_open;      /* n_open: idle, at work and being made */
    struct ev_timer sweep;
    /* Monotonic, INT64_MIN: it has not: failed, and could be reached again after that. */
    int64_t failed_at, up_at;
    unsigned faults; /* requests in a row that it did not answer as it should */
    /* of a name; an address has itself for ever */
    struct addr addrs[BACKEND_ADDRESSES_MAX];
    size_t n_addrs, first; /* first: the one that answered last */
    int64_t expires;
    struct list waiting;           /* struct backend_find, for the addresses */
    struct backend_lookup *lookup; /* under way */
    char text[];
};

/* One connection to a backend. */
struct backend_link {
    struct list link; /* in its backend's idle ones */
    struct backend *backend;
    struct net_stream *t;
    int64_t since; /* idle */
    bool reused;
};

struct backends {
    struct ev *ev;
    struct net *net;
    struct dns_resolver *resolver; /* NULL before the first configuration */
    struct map by_key;
    size_t checks; /* that have begun */
};

void backends_init(struct backends *all, struct ev *ev, struct net *net);
/* After the last reference. */
void backends_done(struct backends *all);
/* For lookups from now on; shared. RC_NOMEM only the first time. */
enum rc backends_set_zones(struct backends *all, struct dns_zones *zones);

/* What a site demands of a server with this URL: a reference for the caller. As tls_demand_new. */
enum rc backend_demand(const struct conf_site *site, const struct http_url *url,
                       struct tls_demand **out, struct err *err);
/* The one for this URL and for what the site demands of it, made if there is none; takes a
 * reference. RC_INVAL when it is no http, https, h2, h2c or tls URL of a host alone, or nothing
 * that is demanded of one with https can be held against it; RC_NOMEM. */
enum rc backend_get(struct backends *all, const struct conf_site *site, struct str url,
                    struct backend **out, struct err *err);
void backend_unref(struct backend *b);
int64_t backend_now(const struct backend *b);
/* It failed a moment ago. */
bool backend_paused(const struct backend *b);
/* A request came to nothing by its fault; or was answered in full. */
void backend_fault(struct backend *b);
void backend_fine(struct backend *b);
void backend_lookup_free(struct backend_lookup *l);
/* Looks its name up again before the next connection is made. */
void backend_forget(struct backend *b);
/* RC_OK: its addresses are known. RC_AGAIN: `f` waits, and backend_find_resolved comes. RC_QUOTA,
 * RC_NOMEM. */
enum rc backend_resolve(struct backend *b, struct backend_find *f);

/* A connection that waits, in silence, and has done so for less than `youngest` microseconds; NULL:
 * none. */
struct backend_link *backend_link_take(struct backend *b, int64_t youngest);
/* Takes over the stream, also on failure. RC_NOMEM. */
enum rc backend_link_new(struct backend *b, struct net_stream *t, struct backend_link **out);
/* Keeps it for another request, or closes it if there are enough. */
void backend_link_keep(struct backend_link *l);
void backend_link_close(struct backend_link *l);
