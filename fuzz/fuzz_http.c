/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: http_parser_feed, whole and byte by byte, which must come to the same. */
#include "http/parse.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* Where the first request in `in` ends, or SIZE_MAX; *x is what it was. */
static size_t end_of(struct str in, size_t piece, struct http_exchange *x)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    enum rc rc = http_parser_new(&p) == RC_OK ? RC_AGAIN : RC_NOMEM;
    size_t at = 0;

    while (rc == RC_AGAIN && at < in.n) {
        struct str part = str_head(str_skip(in, at), piece);
        size_t given = part.n;

        rc = http_parser_feed(p, x, &part, NULL);
        at += given - part.n;
    }
    return rc == RC_OK ? at : SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(http_exchange_freep) struct http_exchange *a = NULL, *b = NULL;
    struct str in = str_bytes(data, n);
    size_t end;

    if (http_exchange_new(NULL, NULL, &a) != RC_OK || http_exchange_new(NULL, NULL, &b) != RC_OK)
        return 0;
    end = end_of(in, SIZE_MAX, a);
    if (end != end_of(in, 1, b))
        __builtin_trap();
    if (end != SIZE_MAX &&
        (!str_eq(a->req.body, b->req.body) || !str_eq(a->req.path, b->req.path) ||
         !str_eq(a->req.host, b->req.host) || a->req.path.p[0] != '/'))
        __builtin_trap();
    return 0;
}
