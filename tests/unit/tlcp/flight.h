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

/* Until client, or server, has said what the other has not heard. */
[[maybe_unused]] static enum rc until_server_spoke(struct world *w)
{
    TRY(connect_pair(w));
    w->client_rc = tlcp_conn_shake(w->client, NULL);
    carry(w, w->client, w->server);
    w->server_rc = tlcp_conn_shake(w->server, NULL);
    return w->server_rc == RC_AGAIN ? RC_OK : RC_CORRUPT;
}

[[maybe_unused]] static enum rc until_client_answered(struct world *w)
{
    TRY(until_server_spoke(w));
    while (carry(w, w->server, w->client))
        w->client_rc = tlcp_conn_shake(w->client, NULL);
    return w->client_rc == RC_AGAIN ? RC_OK : RC_CORRUPT;
}

/* What the victim says to the messages of the other, one of which has another body; with or without
 * what is behind it. */
[[maybe_unused]] static int answer(struct world *w, bool to_client, uint8_t type, struct str body,
                                   bool rest)
{
    CLEANUP(flight_done) struct flight f = {};
    CLEANUP(buf_done) struct buf changed = BUF_INIT(TLCP_PENDING_MAX);
    struct tlcp_conn *victim = to_client ? w->client : w->server;
    struct tlcp_conn *other = to_client ? w->server : w->client;
    bool now = false;

    if (listen_in(other, &f) != RC_OK)
        return -2;
    for (size_t i = 0; i < f.n && (rest || !now); i++) {
        now = f.records[i].p[0] == 22 && (uint8_t)f.records[i].p[5] == type;
        if (now)
            put_message(type, body, &changed);
        else
            buf_puts(&changed, f.records[i]);
    }
    feed_all(victim, buf_str(&changed));
    carry(w, victim, other);
    IGNORE_RC(tlcp_conn_shake(other, NULL));
    return tlcp_conn_alert(other);
}

[[maybe_unused]] static int answer_to(struct world *w, bool to_client, uint8_t type,
                                      struct str body)
{
    return answer(w, to_client, type, body, true);
}

/* For what the end of the handshake would find as well: here it is found by itself. */
[[maybe_unused]] static int answer_at_once(struct world *w, bool to_client, uint8_t type,
                                           struct str body)
{
    return answer(w, to_client, type, body, false);
}

/* With certificates of both sides, until one has said what the other has not heard. */
[[maybe_unused]] static enum rc both_proven(struct world *w, bool to_client, const uint16_t *suite)
{
    w->client_conf.suites = suite;
    w->client_conf.n_suites = 1;
    if (!w->client_conf.identity)
        w->client_conf.identity = of_client.identity;
    w->shown.ask = TLCP_ASK;
    return to_client ? until_server_spoke(w) : until_client_answered(w);
}
