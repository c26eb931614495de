/* SPDX-License-Identifier: Apache-2.0 */
/* The backends of a site, and which of them takes a request. Made from a configuration and replaced
 * as a whole; what changes in it is how much each backend was given. Every process chooses for
 * itself. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "conf/conf.h"

struct backend;
struct backends;
struct backend_check;
struct http_reader;

enum {
    BACKENDS_MAX = 64,               /* of a site */
    BACKEND_STICKY_MAX = 16,         /* characters of a cookie's value */
    BACKEND_STICKY_COOKIE_MAX = 128, /* of a whole Set-Cookie */
    BACKEND_SHARE = 1000,            /* of one who has been there for a while */
};

/* "__Host-": only this host, by HTTPS, can have set it (RFC 6265bis). */
#define BACKEND_STICKY_NAME "__Host-autarky"

struct backend_member {
    struct backend *backend;     /* a reference */
    struct backend_check *check; /* NULL: nobody looks after it */
    bool draining;               /* for those alone who have been there before */
    int64_t owed;                /* of round robin */
    char sticky[BACKEND_STICKY_MAX + 1];
};

struct backend_pool {
    enum conf_balance balance;
    bool sticky;
    int64_t slow_start; /* microseconds; 0: none */
    size_t turn;        /* where looking for the fewest connections begins */
    size_t n;           /* at most BACKENDS_MAX */
    struct backend_member members[];
};

/* The backends of the site, with checks that have not begun. RC_NOMEM; RC_INVAL names a backend
 * that is no http URL. */
enum rc backend_pool_new(struct backends *all, const struct conf_site *site,
                         struct backend_pool **out, struct err *err);
/* Of this backend alone, of which it takes a reference. RC_NOMEM. */
enum rc backend_pool_single(struct backend *b, struct backend_pool **out);
void backend_pool_free(struct backend_pool *p);
DEFINE_FREEP(backend_pool_free, struct backend_pool)

/* The checks begin; those of a backend that `before` (may be NULL) had go on with what is known. */
void backend_pool_start(struct backend_pool *p, struct backend_pool *before);
/* The checks end. */
void backend_pool_stop(struct backend_pool *p);

/* The one to try next, of those not in `tried` (bit 1 << index), where it then is: the one whose
 * name is `wish` (p == NULL: none) if it can be had; those that are fit for requests before those
 * that are not. NULL: all were tried. */
struct backend_member *backend_pool_choose(struct backend_pool *p, uint64_t *tried,
                                           struct str wish);
/* What the request's cookies wish; p == NULL: nothing. */
struct str backend_pool_wish(const struct backend_pool *p, const struct http_reader *request);
/* The value of a Set-Cookie that brings the client back; in `text`. */
struct str backend_pool_cookie(const struct backend_member *m,
                               char text[static BACKEND_STICKY_COOKIE_MAX]);
