/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a site: a host and port that speaks HTTP, the addresses of its name, and the
 * connections to it that wait for the next request. Shared by count among the routes that name it,
 * over reloads too. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "ev/ev.h"
#include "gateway/gateway.h"
#include "net/stream.h"

struct dns_resolver;
struct dns_zones;
struct gateway_find;
struct gateway_lookup;

struct gateway_backend {
    size_t refs;
    struct gateway_backends *all;
    struct str key;  /* "10.0.3.7:8080", lower case */
    struct str host; /* in key, without brackets */
    uint16_t port;
    struct list idle;      /* struct gateway_link, the longest first */
    size_t n_idle, n_open; /* n_open: idle, at work and being made */
    struct ev_timer sweep;
    /* Monotonic, INT64_MIN: it has not: failed, and could be reached again after that. */
    int64_t failed_at, up_at;
    unsigned faults; /* requests in a row that it did not answer as it should */
    /* of a name; an address has itself for ever */
    struct addr addrs[GATEWAY_ADDRESSES_MAX];
    size_t n_addrs, first; /* first: the one that answered last */
    int64_t expires;
    struct list waiting;           /* struct gateway_find, for the addresses */
    struct gateway_lookup *lookup; /* under way */
    char text[];
};

/* One connection to a backend. */
struct gateway_link {
    struct list link; /* in its backend's idle ones */
    struct gateway_backend *backend;
    struct net_stream *t;
    int64_t since; /* idle */
    bool reused;
};

struct gateway_backends {
    struct ev *ev;
    struct net *net;
    struct dns_resolver *resolver; /* NULL before the first configuration */
    struct map by_key;
    size_t checks; /* that have begun */
};

void gateway_backends_init(struct gateway_backends *all, struct ev *ev, struct net *net);
/* After the last reference. */
void gateway_backends_done(struct gateway_backends *all);
/* For lookups from now on; shared. RC_NOMEM only the first time. */
enum rc gateway_backends_set_zones(struct gateway_backends *all, struct dns_zones *zones);

/* The one for this URL, made if there is none; takes a reference. RC_INVAL when it is no http URL
 * of a host alone; RC_NOMEM. */
enum rc gateway_backend_get(struct gateway_backends *all, struct str url,
                            struct gateway_backend **out, struct err *err);
void gateway_backend_unref(struct gateway_backend *b);
int64_t gateway_backend_now(const struct gateway_backend *b);
/* It failed a moment ago. */
bool gateway_backend_paused(const struct gateway_backend *b);
/* A request came to nothing by its fault; or was answered in full. */
void gateway_backend_fault(struct gateway_backend *b);
void gateway_backend_fine(struct gateway_backend *b);
void gateway_lookup_free(struct gateway_lookup *l);
/* Looks its name up again before the next connection is made. */
void gateway_backend_forget(struct gateway_backend *b);
/* RC_OK: its addresses are known. RC_AGAIN: `f` waits, and gateway_find_resolved comes. RC_QUOTA,
 * RC_NOMEM. */
enum rc gateway_backend_resolve(struct gateway_backend *b, struct gateway_find *f);

/* A connection that waits, in silence, and has done so for less than `youngest` microseconds; NULL:
 * none. */
struct gateway_link *gateway_link_take(struct gateway_backend *b, int64_t youngest);
/* Takes over the socket. RC_NOMEM, RC_IO. */
enum rc gateway_link_new(struct gateway_backend *b, int fd, struct gateway_link **out);
/* Keeps it for another request, or closes it if there are enough. */
void gateway_link_keep(struct gateway_link *l);
void gateway_link_close(struct gateway_link *l);
