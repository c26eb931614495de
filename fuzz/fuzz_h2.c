/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: a client's connection of HTTP/2 (http/h2.c, http_reader_put, gateway/h2.c) and a
 * backend's. The first two bytes of the input tell how long the client's part is, which stands
 * behind them, and in its turn behind the words that every client begins with. */
#include "fuzz_gateway.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const char first[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    static struct world w = {.speaker = &gateway_h2_speaker};
    CLEANUP(buf_done) struct buf client = BUF_INIT(1 << 20);
    struct str in = str_bytes(data, n);

    if (n < 2)
        return 0;
    buf_put(&client, first, sizeof(first)); /* its last byte is the terminator */
    buf_puts(&client, str_head(str_skip(in, 2), (size_t)data[0] << 8 | data[1]));
    converse(&w, buf_str(&client), str_skip(in, 2 + ((size_t)data[0] << 8 | data[1])));
    return 0;
}
