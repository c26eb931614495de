/* SPDX-License-Identifier: Apache-2.0 */
/* NewSessionTicket, RFC 5077 section 3.3. */
#include "tlcp/message_int.h"

enum rc tlcp_new_ticket_read(struct str body, struct str *out)
{
    struct rd r = rd_of(body);

    rd_u32(&r); /* how long it is good for: who has it will see */
    *out = tlcp_vector16(&r);
    return rd_done(&r);
}

void tlcp_new_ticket_write(uint32_t seconds, struct str ticket, struct buf *out)
{
    buf_u32(out, seconds);
    buf_u16(out, (uint16_t)ticket.n);
    buf_puts(out, ticket);
}
