/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: ceremony_revocation_parse, ceremony_revocation_put; what was read is written and read
 * again. */
#include "ceremony/request.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4 << 20);
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * CEREMONY_REQUEST_MAX);
    struct ceremony_revocation r, again;

    if (crypto_init() != RC_OK ||
        ceremony_revocation_parse(&a, str_bytes(data, n), &r, NULL) != RC_OK)
        return 0;
    if (ceremony_revocation_put(&r, &text) != RC_OK || text.n > CEREMONY_REQUEST_MAX)
        return 0;
    if (ceremony_revocation_parse(&a, buf_str(&text), &again, NULL) != RC_OK ||
        again.reason != r.reason || !str_eq(again.words, r.words) ||
        !str_eq(again.cert.der, r.cert.der))
        __builtin_trap();
    return 0;
}
