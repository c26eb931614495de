/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateVerify, GB/T 38636 section 6.4.5.9: one vector. */
#include "tlcp/message_int.h"

enum rc tlcp_signature_read(struct str body, struct str *out)
{
    struct rd r = rd_of(body);
    struct str signature = tlcp_vector16(&r);

    TRY(rd_done(&r));
    if (signature.n == 0)
        return RC_PARSE;
    *out = signature;
    return RC_OK;
}

void tlcp_signature_write(struct str signature, struct buf *out)
{
    buf_u16(out, (uint16_t)signature.n);
    buf_puts(out, signature);
}
