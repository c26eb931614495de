/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_new_ticket_read, tlcp_new_ticket_write. */
#include "fuzz_tlcp_body.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_NEW_TICKET_MAX);
    struct str body = str_bytes(data, n), ticket;
    struct rd r = rd_of(body);

    if (tlcp_new_ticket_read(body, &ticket) != RC_OK)
        return 0;
    within(body, ticket);
    tlcp_new_ticket_write(rd_u32(&r), ticket, &out);
    same(body, &out);
    return 0;
}
