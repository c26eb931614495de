/* SPDX-License-Identifier: Apache-2.0 */
/* What one end says, as records, for tests that change it on its way. */
#pragma once

#include "pair.h"
#include "tlcp/tlcp_int.h"

enum { RECORDS_MAX = 16 };

/* The records that one end has to say. */
struct flight {
    struct buf bytes;
    struct str records[RECORDS_MAX];
    size_t n;
};

[[maybe_unused]] static void flight_done(struct flight *f)
{
    buf_done(&f->bytes);
}

/* Takes them; they do not arrive by themselves any more. */
[[maybe_unused]] static enum rc listen_in(struct tlcp_conn *from, struct flight *f)
{
    struct str out = tlcp_conn_pending(from);

    *f = (struct flight){.bytes = BUF_INIT(TLCP_PENDING_MAX)};
    buf_puts(&f->bytes, out);
    TRY(buf_rc(&f->bytes));
    tlcp_conn_sent(from, out.n);
    out = buf_str(&f->bytes);
    for (f->n = 0; out.n; f->n++) {
        size_t n = 5 + ((size_t)(unsigned char)out.p[3] << 8 | (unsigned char)out.p[4]);

        if (f->n == RECORDS_MAX || n > out.n)
            return RC_TOOBIG;
        f->records[f->n] = str_head(out, n);
        out = str_skip(out, n);
    }
    return RC_OK;
}

/* The message in a record, and the same with another body. */
[[maybe_unused]] static struct str body_of(struct str record)
{
    return str_skip(record, 9);
}

[[maybe_unused]] static void put_record(uint8_t type, struct str body, struct buf *out)
{
    buf_u8(out, type);
    buf_u16(out, 0x0101);
    buf_u16(out, (uint16_t)body.n);
    buf_puts(out, body);
}

[[maybe_unused]] static void put_message(uint8_t type, struct str body, struct buf *out)
{
    CLEANUP(buf_done) struct buf m = BUF_INIT(TLCP_PENDING_MAX);

    buf_u8(&m, type);
    tlcp_put24(&m, body.n);
    buf_puts(&m, body);
    put_record(22, buf_str(&m), out);
}

[[maybe_unused]] static void feed_all(struct tlcp_conn *c, struct str bytes)
{
    while (bytes.n) {
        size_t n = feed(c, bytes);

        if (tlcp_conn_shake(c, NULL) != RC_AGAIN || n == 0)
            return;
        bytes = str_skip(bytes, n);
    }
}
