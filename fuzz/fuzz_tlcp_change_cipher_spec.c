/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_change_read. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    if ((tlcp_change_read(str_bytes(data, n)) == RC_OK) != (n == 1 && data[0] == 1))
        __builtin_trap();
    return 0;
}
