/* SPDX-License-Identifier: Apache-2.0 */
/* Target: api_report_read. What is accepted is within its limits, and what is kept is text. */
#include "api/agent_report.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    struct api_report r;

    if (api_report_read(&a, str_bytes(data, n), &r, &kept, NULL) != RC_OK)
        return 0;
    if (r.at <= 0 || r.heard < 0 || r.summary.certificates > API_REPORT_COUNT ||
        r.summary.program.n == 0 || !str_utf8(buf_str(&kept)))
        __builtin_trap();
    return 0;
}
