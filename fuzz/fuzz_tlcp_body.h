/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers of TLCP's messages have in common: an input is a body, without type and length.
 */
#pragma once

#include "tlcp/message_int.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* What is found stands in the input. */
[[maybe_unused]] static void within(struct str body, struct str got)
{
    if (got.n && (got.p < body.p || got.p + got.n > body.p + body.n))
        __builtin_trap();
}

/* What was read, written again, is what it was. */
[[maybe_unused]] static void same(struct str body, const struct buf *written)
{
    if (buf_rc(written) != RC_OK || !str_eq(buf_str(written), body))
        __builtin_trap();
}
