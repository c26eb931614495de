/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_finished_read. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str body = str_bytes(data, n), got = {NULL, 0};

    if ((tlcp_finished_read(body, &got) == RC_OK) != (n == TLCP_VERIFY))
        __builtin_trap();
    within(body, got);
    return 0;
}
