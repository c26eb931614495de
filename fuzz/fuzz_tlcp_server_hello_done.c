/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_done_read. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if ((tlcp_done_read(str_bytes(data, n)) == RC_OK) != (n == 0))
        __builtin_trap();
    return 0;
}
