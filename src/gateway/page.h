/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own answers: small pages for people, or text, by what the client accepts. They tell
 * what the client can do, and nothing of what stands behind the gateway. */
#pragma once

#include "http/reader.h"

struct buf;

struct gateway_page {
    int status;
    bool last;             /* the connection is closed afterwards */
    bool headless;         /* to a HEAD request */
    struct str request_id; /* empty: none */
    struct str date;
};

/* Appends the whole answer. `req` may be NULL, and may have been refused. Returns the bytes of its
 * body. */
size_t gateway_page_put(const struct gateway_page *page, const struct http_reader *req,
                        struct buf *out);
