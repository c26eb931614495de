/* SPDX-License-Identifier: Apache-2.0 */
/* The backends of a site, and which of them takes a request. Made from a configuration and replaced
 * as a whole; what changes in it is how much each backend was given. Every process chooses for
 * itself. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "conf/conf.h"

struct gateway_backend;
struct gateway_backends;
struct gateway_check;
struct http_reader;

enum {
    GATEWAY_STICKY_MAX = 16,         /* characters of a cookie's value */
    GATEWAY_STICKY_COOKIE_MAX = 128, /* of a whole Set-Cookie */
    GATEWAY_SHARE = 1000,            /* of one who has been there for a while */
};

/* "__Host-": only this host, by HTTPS, can have set it (RFC 6265bis). */
#define GATEWAY_STICKY_NAME "__Host-autarky"

struct gateway_member {
    struct gateway_backend *backend; /* a reference */
    struct gateway_check *check;     /* NULL: nobody looks after it */
    bool draining;                   /* for those alone who have been there before */
    int64_t owed;                    /* of round robin */
    char sticky[GATEWAY_STICKY_MAX + 1];
};

struct gateway_pool {
    enum conf_balance balance;
    bool sticky;
    int64_t slow_start; /* microseconds; 0: none */
    size_t turn;        /* where looking for the fewest connections begins */
    size_t n;           /* at most GATEWAY_BACKENDS_MAX */
    struct gateway_member members[];
};

/* The backends of the site, with checks that have not begun. RC_NOMEM; RC_INVAL names a backend
 * that is no http URL. */
enum rc gateway_pool_new(struct gateway_backends *all, const struct conf_site *site,
                         struct gateway_pool **out, struct err *err);
/* Of this backend alone, of which it takes a reference. RC_NOMEM. */
enum rc gateway_pool_single(struct gateway_backend *b, struct gateway_pool **out);
void gateway_pool_free(struct gateway_pool *p);
DEFINE_FREEP(gateway_pool_free, struct gateway_pool)

/* The checks begin; those of a backend that `before` (may be NULL) had go on with what is known. */
void gateway_pool_start(struct gateway_pool *p, struct gateway_pool *before);
/* The checks end. */
void gateway_pool_stop(struct gateway_pool *p);

/* The one to try next, of those not in `tried` (bit 1 << index), where it then is: the one whose
 * name is `wish` (p == NULL: none) if it can be had; those that are fit for requests before those
 * that are not. NULL: all were tried. */
struct gateway_member *gateway_pool_choose(struct gateway_pool *p, uint64_t *tried,
                                           struct str wish);
/* What the request's cookies wish; p == NULL: nothing. */
struct str gateway_pool_wish(const struct gateway_pool *p, const struct http_reader *request);
/* The value of a Set-Cookie that brings the client back; in `text`. */
struct str gateway_pool_cookie(const struct gateway_member *m,
                               char text[static GATEWAY_STICKY_COOKIE_MAX]);
