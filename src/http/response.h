/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a response's head (RFC 9112 section 4), for endpoints of our own: content types are
 * not guessed, pages load nothing from elsewhere, and nothing tells which program answers. */
#pragma once

#include "base/when.h"
#include "http/exchange.h"

enum { HTTP_RESPONSE_HEAD_MAX = 64 * 1024 };

/* For a port of HTTPS to send, as it is, to whoever speaks HTTP to it. */
extern const struct str http_plain_answer;

/* Appends status line and headers, blank line included: Date, Content-Length, X-Request-Id,
 * X-Content-Type-Options, for HTML without one a Content-Security-Policy, "Connection: close" when
 * `last`, and those of x->res. Left out are headers of x->res whose name or value is malformed, and
 * those that are the connection's business. A status outside 200 to 599 becomes 500. */
void http_response_put_head(const struct http_exchange *x, when_t now, bool last, struct buf *out);
/* The phrase of RFC 9110 section 15; "Other" for a status that is not there. */
const char *http_reason(int status);
/* False for HEAD, 204 and 304. */
bool http_response_has_body(const struct http_exchange *x);
/* IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
void http_put_date(when_t t, struct buf *out);
