/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a server of HTTP/2 as a backend (http/h2_client.c, http/h2_request.c). What the first
 * byte says of the request is sent, the rest is the server's; the answer that becomes of it is read
 * as one of HTTP/1.1, and there is never more than one. With 4 in that byte the rest is pieces,
 * each with what the client does behind it, a byte (1: says something, 2: ends, 3: is gone), and
 * its length, another: what follows a tunnel that is granted (RFC 8441) is what the server said. */
#include "fuzz_h2_client.h"

#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

enum { IN_PIECES = 4, ANSWER_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(http_h2_client_freep) struct http_h2_client *c = NULL;
    CLEANUP(buf_done) struct buf got = BUF_INIT(ANSWER_MAX);
    struct http_h2_request *r = NULL;
    size_t taken = 0;

    if (n < 1 || crypto_init() != RC_OK || http_h2_client_new(false, &c) != RC_OK ||
        http_h2_request_new(c, &got, &r) != RC_OK)
        return 0;
    IGNORE_RC(http_h2_request_write(r, what_is_asked(data[0]), &taken));
    if (!(data[0] & IN_PIECES))
        come(c, r, str_bytes(data + 1, n - 1), &got);
    for (size_t at = 1; data[0] & IN_PIECES && at + 2 <= n;) {
        size_t len = data[at + 1] < n - at - 2 ? data[at + 1] : n - at - 2;

        come(c, r, str_bytes(data + at + 2, len), &got);
        act(&r, data[at] % 4);
        at += 2 + len;
    }
    judge(buf_str(&got), str_bytes(data + 1, n - 1));
    http_h2_request_free(r);
    return 0;
}
