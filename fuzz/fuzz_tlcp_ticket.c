/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_ticket_take, tls_tickets_open. The input is what is found in a ticket, and a
 * ticket. What is taken is bound to what was asked for, and made into a ticket is the same; nothing
 * is opened that was not sealed. */
#include "fuzz_tlcp_ticket.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const uint8_t bound[TLCP_SESSION_BOUND] = "the bytes that sites are bound t";
    CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_TICKET_MAX), sealed = BUF_INIT(SEALED_MAX);
    struct str in = str_bytes(data, n);
    struct tlcp_session s;
    when_t until = 0;
    bool renew = false;

    prepare();
    if (tlcp_ticket_take(&in_the_clear, in, bound, &s, &until, &renew) == RC_OK &&
        (until <= NOW || tlcp_ticket_make(&in_the_clear, &s, bound, until, &out) != RC_OK ||
         !str_eq(buf_str(&out), in)))
        __builtin_trap();
    buf_reset(&out);
    if (tls_tickets_open(keys, in, &out, &renew) == RC_OK)
        __builtin_trap();
    in = str_head(in, PLAIN_MAX);
    if (tls_tickets_seal(keys, in, &sealed) != RC_OK ||
        tls_tickets_open(keys, buf_str(&sealed), &out, &renew) != RC_OK ||
        !str_eq(buf_str(&out), in) || renew)
        __builtin_trap();
    return 0;
}
