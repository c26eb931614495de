/* SPDX-License-Identifier: Apache-2.0 */
/* ClientKeyExchange, GB/T 38636 section 6.4.5.7. */
#include "tlcp/message_int.h"

enum { DER_SEQUENCE = 0x30, DER_ONE = 0x81, DER_TWO = 0x82, DER_SHORT = 0x80 };

/* One DER element at the start of `s`. */
static enum rc element(struct str s, struct str *out)
{
    struct rd r = rd_of(s);
    uint8_t tag = rd_u8(&r), first = rd_u8(&r);
    size_t n = first;

    if (first == DER_ONE)
        n = rd_u8(&r);
    else if (first == DER_TWO)
        n = rd_u16(&r);
    else if (first >= DER_SHORT)
        return RC_PARSE;
    (void)rd_bytes(&r, n);
    if (tag != DER_SEQUENCE)
        return RC_PARSE;
    TRY(rd_rc(&r));
    *out = str_head(s, s.n - r.left);
    return RC_OK;
}

enum rc tlcp_client_key_read_cipher(struct str body, struct str *out)
{
    struct str vector;

    TRY(tlcp_signature_read(body, &vector));
    return element(vector, out);
}

enum rc tlcp_client_key_read_point(struct str body, struct str *out)
{
    struct rd r = rd_of(body);

    if (body.n == TLCP_PARAMS + 2 && rd_u16(&r) != TLCP_PARAMS)
        return RC_PARSE;
    (void)rd_bytes(&r, TLCP_PARAMS - TLCP_POINT - 1);
    if (rd_u8(&r) != TLCP_POINT)
        return RC_PARSE;
    *out = rd_bytes(&r, TLCP_POINT);
    return rd_done(&r);
}
