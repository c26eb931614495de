/* SPDX-License-Identifier: Apache-2.0 */
/* Target: tlcp_server_key_read; the lowest bit of the first byte says whether it is of ECDHE. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(n);
    struct str body = str_skip(str_bytes(data, n), 1);
    bool ecdhe = n && data[0] & 1;
    struct tlcp_server_key k;

    if (tlcp_server_key_read(body, ecdhe, &k) != RC_OK)
        return 0;
    if (k.params.n != (ecdhe ? TLCP_PARAMS : 0) || !k.signature.n)
        __builtin_trap();
    within(body, k.params);
    buf_puts(&out, k.params);
    tlcp_signature_write(k.signature, &out);
    same(body, &out);
    return 0;
}
