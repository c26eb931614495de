/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own answers: small pages for people, or text, by what the client accepts. They tell
 * what the client can do, and nothing of what stands behind the gateway. */
#pragma once

#include "http/forward.h"

struct buf;

enum { GATEWAY_PAGE_MAX = 8192 };

struct gateway_page {
    int status;
    bool headless;         /* to a HEAD request */
    struct str request_id; /* empty: none */
    struct str date;
    struct str text;     /* in place of what is said of the status; empty: that */
    struct str plain;    /* all of it, as text; empty: a page */
    struct str location; /* of a redirect; empty: none */
    struct str retry;    /* seconds until the client may ask again; empty: not told */
};

/* The head of the answer, which borrows from `page`, and its body, appended. `req` may be NULL, and
 * may have been refused. */
void gateway_page_make(const struct gateway_page *page, const struct http_reader *req,
                       struct http_answer *out, struct buf *body);
