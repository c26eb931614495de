/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_request_read, which takes nothing out of it. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str body = str_bytes(data, n);

    if (tlcp_request_read(body) == RC_OK && tlcp_request_read(str_head(body, n - 1)) == RC_OK)
        __builtin_trap(); /* two lengths for one message */
    return 0;
}
