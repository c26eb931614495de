/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets that nothing seals, for the fuzzers of TLCP. */
#pragma once

#include "base/buf.h"

static enum rc as_it_is(void *, struct str plain, struct buf *out)
{
    buf_puts(out, plain);
    return buf_rc(out);
}

/* One that ends with an odd byte is to be renewed. */
static enum rc opened(void *, struct str ticket, struct buf *out, bool *renew)
{
    *renew = ticket.n > 0 && (ticket.p[ticket.n - 1] & 1);
    buf_puts(out, ticket);
    return buf_rc(out);
}
