/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: a line for each request, or connection that was passed on, that ended, where the
 * configuration wants it (gateway.access_log). Printable ASCII and nothing else: what a client sent
 * can neither end a line or a field nor steer a terminal. No cookies, no Authorization; what
 * follows "?" only when that is asked for. */
#pragma once

#include "base/str.h"
#include "gateway/lines.h"

struct buf;
struct gateway;
struct gateway_exchange;
struct gateway_passed;
struct gateway_route;
struct gateway_site;

enum {
    GATEWAY_ACCESS_PATH_MAX = 4096, /* bytes of a path or a query, before escaping */
    GATEWAY_ACCESS_TEXT_MAX = 512,  /* of a header */
    GATEWAY_ACCESS_LINE_MAX = 32 * 1024,
};

enum { GATEWAY_ACCESS_FORMATS = 2 };

/* What stands for the protocol of a connection that was passed on. */
#define GATEWAY_ACCESS_PASSED "passthrough"

/* Part of struct gateway. */
struct gateway_access {
    unsigned format; /* enum conf_access, as in the configuration */
    bool query;
    struct buf line;
    struct gateway_lines by[GATEWAY_ACCESS_FORMATS]; /* the first are of CONF_ACCESS_JSON */
    void (*done)(void *arg);
    void *done_arg;
    unsigned ending;
};

/* `send` NULL: nothing is ever written. */
void gateway_access_init(struct gateway_access *a, struct ev *ev, gateway_lines_send send,
                         void *arg);
void gateway_access_free(struct gateway_access *a);
/* Of a request that has ended, `micros` after its first byte; complete: the client took all of the
 * answer. */
void gateway_access_tell(struct gateway_access *a, const struct gateway_exchange *x, int64_t micros,
                         bool complete);
/* Of a connection that was passed on. `route` NULL: it came to none; `site` may be NULL as well. */
void gateway_access_passed(struct gateway *g, const struct gateway_passed *p,
                           const struct gateway_site *site, const struct gateway_route *route);
/* Appends its line. */
void gateway_access_put(struct buf *out, unsigned format, bool query,
                        const struct gateway_exchange *x, int64_t micros, bool complete);
