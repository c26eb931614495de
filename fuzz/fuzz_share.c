/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: ceremony_share_parse, ceremony_share_put; what was read is written and read again. */
#include "ceremony/share.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    CLEANUP(buf_done) struct buf twice = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    struct ceremony_share share, again;

    if (crypto_init() != RC_OK || ceremony_share_parse(str_bytes(data, n), &share, NULL) != RC_OK)
        return 0;
    ceremony_share_put(&share, &text);
    if (ceremony_share_parse(buf_str(&text), &again, NULL) != RC_OK)
        __builtin_trap();
    ceremony_share_put(&again, &twice);
    if (!str_eq(buf_str(&text), buf_str(&twice)))
        __builtin_trap();
    return 0;
}
