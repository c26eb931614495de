/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: when_parse, when_parse_span; what was read is written and read again. */
#include "base/when.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct str in = str_bytes(data, n);
    char text[WHEN_TEXT];
    when_t t, again;

    if (when_parse(in, &t) == RC_OK &&
        (when_parse(str_of(when_text(t, text)), &again) != RC_OK || again != t - t % WHEN_SECOND))
        __builtin_trap();
    if (when_parse_span(in, &t) != RC_OK)
        return 0;
    when_put_span(&b, t);
    if (when_parse_span(buf_str(&b), &again) != RC_OK || again != t)
        __builtin_trap();
    return 0;
}
