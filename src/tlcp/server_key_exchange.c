/* SPDX-License-Identifier: Apache-2.0 */
/* ServerKeyExchange, GB/T 38636 section 6.4.5.4. */
#include "tlcp/message_int.h"

enum { NAMED_CURVE = 3 };

/* The three bytes before the point say which curve it is; there is one, and not everybody writes it
 * there. */
enum rc tlcp_server_key_read(struct str body, bool ecdhe, struct tlcp_server_key *out)
{
    struct rd r = rd_of(body);

    *out = (struct tlcp_server_key){};
    if (ecdhe) {
        out->params = rd_bytes(&r, TLCP_PARAMS);
        TRY(rd_rc(&r));
        if ((unsigned char)out->params.p[TLCP_PARAMS - TLCP_POINT - 1] != TLCP_POINT)
            return RC_PARSE;
    }
    return tlcp_signature_read(rd_rest(&r), &out->signature);
}

void tlcp_params_write(struct str point, struct buf *out)
{
    buf_u8(out, NAMED_CURVE);
    buf_u16(out, TLCP_CURVE_SM2);
    buf_u8(out, (uint8_t)point.n);
    buf_puts(out, point);
}
