/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: http_client_feed, http_client_eof, http_url_parse and http_url_resolve on what came as
 * Location. */
#include "http/client.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(http_client_freep) struct http_client *c = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 16);
    struct http_url base, url, again;

    if (http_client_new(512, &c) != RC_OK ||
        http_url_parse(STR("http://a/b?c"), &base, NULL) != RC_OK)
        return 0;
    if (http_client_feed(c, str_bytes(data, n), NULL) == RC_AGAIN)
        IGNORE_RC(http_client_eof(c, NULL)); /* both ends are looked at below */
    if (http_client_body(c).n > 512)
        __builtin_trap();
    if (http_url_resolve(&a, &base, http_client_header(c, STR("location")), &url, NULL) != RC_OK)
        return 0;
    http_url_put(&url, &b);
    /* What was read is written so that it can be read again. */
    if (buf_str(&b).n <= HTTP_URL_MAX && http_url_parse(buf_str(&b), &again, NULL) != RC_OK)
        __builtin_trap();
    return 0;
}
