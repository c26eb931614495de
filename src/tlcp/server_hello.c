/* SPDX-License-Identifier: Apache-2.0 */
/* ServerHello, GB/T 38636 section 6.4.5.2.2. */
#include "tlcp/message_int.h"
#include "tlcp/record_int.h"

enum { NULL_COMPRESSION = 0 };

enum rc tlcp_server_hello_read(struct str body, struct tlcp_server_hello *out)
{
    struct rd r = rd_of(body);

    out->version = rd_u16(&r);
    out->random = rd_bytes(&r, TLCP_RANDOM);
    out->session_id = rd_bytes(&r, rd_u8(&r));
    out->suite = rd_u16(&r);
    out->compression = rd_u8(&r);
    TRY(rd_rc(&r));
    if (out->session_id.n > TLCP_SESSION_ID)
        return RC_PARSE;
    return tlcp_extensions_read(&r, &out->extensions);
}

void tlcp_server_hello_write(const struct tlcp_server_hello_out *in, struct buf *out)
{
    size_t name = in->named ? 4 : 0, alpn = in->alpn.n ? 4 + 3 + in->alpn.n : 0;
    size_t tickets = in->tickets ? 4 : 0;

    buf_u16(out, TLCP_VERSION);
    buf_put(out, in->random, TLCP_RANDOM);
    buf_u8(out, (uint8_t)in->session_id.n);
    buf_puts(out, in->session_id);
    buf_u16(out, in->suite);
    buf_u8(out, NULL_COMPRESSION);
    if (name + alpn + tickets)
        buf_u16(out, (uint16_t)(name + alpn + tickets));
    if (name) {
        buf_u16(out, TLCP_EXT_SERVER_NAME);
        buf_u16(out, 0);
    }
    if (alpn) {
        buf_u16(out, TLCP_EXT_ALPN);
        buf_u16(out, (uint16_t)(alpn - 4));
        tlcp_alpn_write(in->alpn, out);
    }
    if (tickets) {
        buf_u16(out, TLCP_EXT_SESSION_TICKET);
        buf_u16(out, 0);
    }
}
