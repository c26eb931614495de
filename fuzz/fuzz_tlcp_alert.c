/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_alert_read. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    uint8_t level = 0, what = 0;

    if ((tlcp_alert_read(str_bytes(data, n), &level, &what) == RC_OK) != (n == TLCP_ALERT_BYTES))
        __builtin_trap();
    if (n == TLCP_ALERT_BYTES && (level != data[0] || what != data[1]))
        __builtin_trap();
    return 0;
}
