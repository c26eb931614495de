/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_client_key_read_cipher, tlcp_client_key_read_point; the lowest bit of the first
 * byte says whether it is of ECDHE. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str body = str_skip(str_bytes(data, n), 1), got;

    if (n && data[0] & 1) {
        if (tlcp_client_key_read_point(body, &got) == RC_OK &&
            (got.n != TLCP_POINT || got.p + got.n != body.p + body.n))
            __builtin_trap();
    } else if (tlcp_client_key_read_cipher(body, &got) == RC_OK) {
        if (got.n < 2 || got.p[0] != 0x30)
            __builtin_trap();
        within(body, got);
    }
    return 0;
}
