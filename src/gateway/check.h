/* SPDX-License-Identifier: Apache-2.0 */
/* Looks after one backend of a site: asks it for a path in regular turns, over a connection of its
 * own, and tells whether it is fit for requests. An answer of 2xx or 3xx says that it is; anything
 * else, and no answer within GATEWAY_CHECK_SECONDS, that it is not. GATEWAY_CHECK_FALL of these in
 * a row take it out, GATEWAY_CHECK_RISE of the others bring it back. */
#pragma once

#include "base/err.h"
#include "base/mem.h"

struct gateway_backend;
struct gateway_check;

struct gateway_check_conf {
    struct gateway_backend *backend; /* is taken a reference of */
    struct str site;                 /* asked for in Host; kept as a copy, like the path */
    struct str path;
    int64_t interval; /* microseconds */
};

/* It does nothing yet; the backend is taken to be well. RC_NOMEM. */
enum rc gateway_check_new(const struct gateway_check_conf *conf, struct gateway_check **out);
void gateway_check_free(struct gateway_check *c);
DEFINE_FREEP(gateway_check_free, struct gateway_check)
/* Begins, with what `before` (may be NULL) has found out. */
void gateway_check_start(struct gateway_check *c, const struct gateway_check *before);
/* Ends; what was found out stays. */
void gateway_check_stop(struct gateway_check *c);
bool gateway_check_down(const struct gateway_check *c);
/* When it last came back, monotonic; INT64_MIN: it was never down. */
int64_t gateway_check_up_at(const struct gateway_check *c);
