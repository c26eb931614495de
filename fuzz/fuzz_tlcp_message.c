/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: the parsers of tlcp/message_int.h; the first byte of the input is the type of the
 * message, as on the wire, with the top bit for ECDHE. What is found stands in the input. */
#include "fuzz_tlcp_message.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str body = str_skip(str_bytes(data, n), 1), got;
    uint8_t type = n ? data[0] & 0x7f : 0;

    if (type >= sizeof(parsers) / sizeof(parsers[0]) || !parsers[type])
        return 0;
    got = parsers[type](body, data[0] & 0x80);
    if (got.n && (got.p < body.p || got.p + got.n > body.p + body.n))
        __builtin_trap();
    return 0;
}
