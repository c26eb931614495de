/* SPDX-License-Identifier: Apache-2.0 */
/* ClientHello, GB/T 38636 section 6.4.5.2.1. */
#include "tlcp/message_int.h"
#include "tlcp/record_int.h"

enum { NULL_COMPRESSION = 0, NAME_TYPE_HOST = 0 };

enum rc tlcp_client_hello_read(struct str body, struct tlcp_client_hello *out)
{
    struct rd r = rd_of(body);

    out->version = rd_u16(&r);
    out->random = rd_bytes(&r, TLCP_RANDOM);
    out->session_id = rd_bytes(&r, rd_u8(&r));
    out->suites = tlcp_vector16(&r);
    out->compressions = rd_bytes(&r, rd_u8(&r));
    TRY(rd_rc(&r));
    if (out->session_id.n > TLCP_SESSION_ID || out->suites.n < 2 || out->suites.n % 2 ||
        out->compressions.n == 0)
        return RC_PARSE;
    return tlcp_extensions_read(&r, &out->extensions);
}

static void put_name(struct str name, struct buf *out)
{
    buf_u16(out, TLCP_EXT_SERVER_NAME);
    buf_u16(out, (uint16_t)(name.n + 5));
    buf_u16(out, (uint16_t)(name.n + 3));
    buf_u8(out, NAME_TYPE_HOST);
    buf_u16(out, (uint16_t)name.n);
    buf_puts(out, name);
}

void tlcp_client_hello_write(const struct tlcp_client_hello_out *in, struct buf *out)
{
    CLEANUP(buf_done)
    struct buf extensions = BUF_INIT(TLCP_NAME_MAX + TLCP_ALPN_MAX + TLCP_TICKET_MAX + 32);
    CLEANUP(buf_done) struct buf list = BUF_INIT(TLCP_ALPN_MAX + 8);

    buf_u16(out, TLCP_VERSION);
    buf_put(out, in->random, TLCP_RANDOM);
    buf_u8(out, (uint8_t)in->session_id.n);
    buf_puts(out, in->session_id);
    buf_u16(out, (uint16_t)(2 * in->n_suites));
    for (size_t i = 0; i < in->n_suites; i++)
        buf_u16(out, in->suites[i]);
    buf_u8(out, 1);
    buf_u8(out, NULL_COMPRESSION);
    if (in->server_name.n)
        put_name(in->server_name, &extensions);
    if (in->alpn.n) {
        tlcp_alpn_write(in->alpn, &list);
        buf_u16(&extensions, TLCP_EXT_ALPN);
        buf_u16(&extensions, (uint16_t)list.n);
        buf_puts(&extensions, buf_str(&list));
    }
    if (in->tickets) {
        buf_u16(&extensions, TLCP_EXT_SESSION_TICKET);
        buf_u16(&extensions, (uint16_t)in->ticket.n);
        buf_puts(&extensions, in->ticket);
    }
    if (buf_rc(&extensions) != RC_OK || buf_rc(&list) != RC_OK) {
        buf_fail(out, RC_NOMEM);
    } else if (extensions.n) {
        buf_u16(out, (uint16_t)extensions.n);
        buf_puts(out, buf_str(&extensions));
    }
}
