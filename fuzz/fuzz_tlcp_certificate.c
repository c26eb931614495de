/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_certificates_read, tlcp_certificates_write. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(n);
    struct str body = str_bytes(data, n);
    struct tlcp_certificates c;

    if (tlcp_certificates_read(body, &c) != RC_OK)
        return 0;
    for (size_t i = 0; i < c.n; i++)
        within(body, c.certs[i]);
    tlcp_certificates_write(c.certs, c.n, &out);
    same(body, &out);
    return 0;
}
