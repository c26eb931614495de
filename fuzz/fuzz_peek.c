/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tls_peek. An answer is final, and TLS_PEEK_BYTES are enough for one. */
#include "tls/peek.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct str all = str_bytes(data, n);
    enum tls_peeked now, before = TLS_PEEK_MORE;

    for (size_t i = 0; i <= n && i <= TLS_PEEK_BYTES + 1; i++) {
        now = tls_peek(str_head(all, i));
        if ((before != TLS_PEEK_MORE && now != before) ||
            (now == TLS_PEEK_MORE && i >= TLS_PEEK_BYTES))
            __builtin_trap();
        before = now;
    }
    if (tls_peek(all) != before)
        __builtin_trap();
    return 0;
}
