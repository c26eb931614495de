/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_signature_read, tlcp_signature_write. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(n);
    struct str body = str_bytes(data, n), signature;

    if (tlcp_signature_read(body, &signature) != RC_OK)
        return 0;
    within(body, signature);
    tlcp_signature_write(signature, &out);
    same(body, &out);
    return 0;
}
