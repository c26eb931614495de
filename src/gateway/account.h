/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the gateway's work: a log line for each request, and counters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct err;
struct gateway_exchange;
struct gateway_found;
struct gateway_site;

/* A connection whose handshake failed. */
void gateway_count_failed(const struct addr *client, const struct err *err);
/* One that was closed before its handshake, for there were too many of this client. */
void gateway_count_refused(const struct addr *client);
/* The number under which a site is counted, the same for the same name; 0: among the others, for
 * there are too many (metrics/metrics.h). */
size_t gateway_site_number(struct str name);
/* One whose handshake is done: 1; it is gone: -1. `site` may be NULL. */
void gateway_count_client(const struct gateway_site *site, int n);
/* Whom the request is from, as text: `text`, or what lives as long as the connection. */
const char *gateway_client_text(const struct gateway_exchange *x, char text[static ADDR_TEXT]);
/* A connection that was passed on (through.c) has ended. */
struct gateway_passed {
    const char *client, *site; /* `site` NULL: none was found */
    size_t number;             /* of the site */
    struct str backend;        /* empty: none */
    uint64_t up, down;         /* bytes, towards the backend and back */
    int64_t micros;
    const struct err *why; /* rc RC_OK: both sides had ended it */
};
void gateway_count_passed(const struct gateway_passed *p);
/* Numbers of the rules that matched, with blanks between. */
enum { GATEWAY_IDS_TEXT = 128 };
const char *gateway_matches_text(const struct gateway_found *f, char text[static GATEWAY_IDS_TEXT]);
/* A request was inspected, or could not be, `micros` after that was asked for. */
void gateway_tell_inspected(const struct gateway_exchange *x, int64_t micros);
/* A request has ended; complete: the client took all of the answer. */
void gateway_tell(const struct gateway_exchange *x, bool complete);
