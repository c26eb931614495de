/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a server of HTTP/2 as a backend (http/h2_client.c, http/h2_request.c). What the first
 * byte says of the request is sent, the rest is the server's; the answer that becomes of it is read
 * as one of HTTP/1.1, and there is never more than one. */
#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"
#include "http/h2_client.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const char upgrade[] =
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    static const char *const asks[] = {
        "GET /x HTTP/1.1\r\nhost: a\r\n\r\n", "HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", upgrade};
    CLEANUP(http_h2_client_freep) struct http_h2_client *c = NULL;
    struct http_h2_request *r = NULL;
    char piece[512];
    struct str out;
    size_t got = 0;

    if (n < 1 || crypto_init() != RC_OK || http_h2_client_new(false, &c) != RC_OK ||
        http_h2_request_new(c, piece, &r) != RC_OK)
        return 0;
    IGNORE_RC(http_h2_request_write(r, str_of(asks[data[0] % 4]), &got));
    IGNORE_RC(http_h2_client_receive(c, str_bytes(data + 1, n - 1), 1'000'000'000));
    while (http_h2_client_out(c, &out) == RC_OK && out.n)
        http_h2_client_sent(c, out.n);
    while (http_h2_request_read(r, piece, sizeof(piece), &got) == RC_OK)
        assert(got > 0 && got <= sizeof(piece));
    http_h2_request_free(r);
    return 0;
}
