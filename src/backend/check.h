/* SPDX-License-Identifier: Apache-2.0 */
/* Looks after one backend of a site: asks it for a path in regular turns, over a connection of its
 * own, and tells whether it is fit for requests. An answer of 2xx or 3xx says that it is; anything
 * else, and no answer within BACKEND_CHECK_SECONDS, that it is not. BACKEND_CHECK_FALL of these in
 * a row take it out, BACKEND_CHECK_RISE of the others bring it back. Without a path it is well when
 * it takes a connection. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "conf/parts.h"

enum {
    BACKEND_CHECK_FALL = 2,
    BACKEND_CHECK_RISE = 2,
    BACKEND_CHECK_SECONDS = 5, /* for the answer */
};

struct backend;
struct backend_check;

struct backend_check_conf {
    struct backend *backend; /* is taken a reference of */
    struct str site;         /* asked for in Host; kept as a copy, like the path */
    struct str path;         /* empty: it is only connected to */
    int64_t interval;        /* microseconds */
    enum conf_send_proxy send_proxy;
};

/* It does nothing yet; the backend is taken to be well. RC_NOMEM. */
enum rc backend_check_new(const struct backend_check_conf *conf, struct backend_check **out);
void backend_check_free(struct backend_check *c);
DEFINE_FREEP(backend_check_free, struct backend_check)
/* Begins, with what `before` (may be NULL) has found out. */
void backend_check_start(struct backend_check *c, const struct backend_check *before);
/* Ends; what was found out stays. */
void backend_check_stop(struct backend_check *c);
bool backend_check_down(const struct backend_check *c);
/* When it last came back, monotonic; INT64_MIN: it was never down. */
int64_t backend_check_up_at(const struct backend_check *c);
