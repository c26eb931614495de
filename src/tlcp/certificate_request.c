/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateRequest, GB/T 38636 section 6.4.5.5. */
#include "tlcp/message_int.h"

enum { ECDSA_SIGN = 64 };

enum rc tlcp_request_read(struct str body)
{
    struct rd r = rd_of(body), names;
    struct str types = rd_bytes(&r, rd_u8(&r));

    names = rd_of(tlcp_vector16(&r));
    TRY(rd_done(&r));
    while (names.left)
        if (tlcp_vector16(&names).n == 0)
            return RC_PARSE;
    TRY(rd_rc(&names));
    return types.n ? RC_OK : RC_PARSE;
}

/* What is before the names, and before each. */
enum { HEAD = 4, LENGTH = 2 };

void tlcp_request_write(const struct str *names, size_t n, struct buf *out)
{
    size_t all = 0;

    for (size_t i = 0; i < n && all <= TLCP_REQUEST_MAX; i++)
        all += LENGTH + names[i].n;
    if (all > TLCP_REQUEST_MAX - HEAD)
        all = n = 0;
    buf_u8(out, 1);
    buf_u8(out, ECDSA_SIGN);
    buf_u16(out, (uint16_t)all);
    for (size_t i = 0; i < n; i++) {
        buf_u16(out, (uint16_t)names[i].n);
        buf_puts(out, names[i]);
    }
}
