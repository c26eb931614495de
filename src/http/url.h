/* SPDX-License-Identifier: Apache-2.0 */
/* http and https URLs (RFC 3986, RFC 9110 section 4.2), strictly: no user information, no port 0,
 * no zone in an IPv6 address, no byte outside the grammar, every % followed by two hexadecimal
 * digits. Everything is borrowed from the text parsed. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"

enum { HTTP_URL_MAX = 4096, HTTP_HOST_NAME_MAX = 253 };

/* "host", "host:port", "[v6]:port": what stands in a Host header too. */
struct http_authority {
    struct str host;  /* a name or an address, without brackets; letters as given */
    struct addr addr; /* of a literal address; n == 0: a name */
    uint16_t port;    /* 0: none given */
};

struct http_url {
    bool tls;
    struct http_authority at;
    uint16_t port;    /* given, or 80 or 443 */
    struct str path;  /* percent-encoded, begins with '/' */
    struct str query; /* behind the '?', without it; p == NULL: there was no '?' */
};

/* RC_PARSE, RC_TOOBIG. Underscores are allowed in names, which networks have. "host:" is refused.
 */
enum rc http_authority_parse(struct str s, struct http_authority *out);
/* Appends it, brackets included; the port unless it is 0. */
void http_authority_put(const struct http_authority *at, struct buf *out);

/* An absolute URL; a fragment is dropped. RC_PARSE, RC_UNSUPPORTED for another scheme, RC_TOOBIG
 * above HTTP_URL_MAX. */
enum rc http_url_parse(struct str s, struct http_url *out, struct err *err);
/* Appends it; the port unless it is the scheme's own. */
void http_url_put(const struct http_url *url, struct buf *out);
/* Scheme, host and port are the same (RFC 9110 section 4.3.1). */
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);
/* What a Location header means (RFC 3986 section 5.2): `ref` is absolute, or "//host/path",
 * "/path", "path", "?query", relative to `base`. The result lives in the arena. Errors as
 * http_url_parse; RC_NOMEM. */
enum rc http_url_resolve(struct arena *a, const struct http_url *base, struct str ref,
                         struct http_url *out, struct err *err);

/* True when `s` is a path and perhaps a query of RFC 3986: begins with '/', no fragment. */
bool http_target_valid(struct str s);
/* Walks over the segments of a path that begins with '/': while (http_segment_next(&rest,
 * &segment)). "/a//b" has the segments "a", "" and "b", "/" has one, empty. */
bool http_segment_next(struct str *rest, struct str *out_segment);
/* Appends the segment with %XX undone. RC_PARSE on a bad escape, a NUL, or a '/' that was escaped.
 */
enum rc http_segment_decode(struct str segment, struct buf *out);
