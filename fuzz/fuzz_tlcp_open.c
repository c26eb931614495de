/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_conn_read and all behind it on an open connection, fed with records that the peer
 * has sealed. The first byte of the input says which suite; then each record has a byte, the lowest
 * bit of which says whose it is (1: the server's), the next two its type from ChangeCipherSpec on,
 * and the top one that it is damaged on its way; the length, two bytes; and the text. */
#include "fuzz_tlcp_open.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(pair_done) struct pair p = {};
    struct rd r = rd_of(str_bytes(data, n));

    pair_init(&p, rd_u8(&r) & 1);
    while (r.left) {
        uint8_t how = rd_u8(&r);
        size_t size = rd_u16(&r) % (TLCP_PLAIN_MAX + 1);
        struct str text = rd_bytes(&r, size < r.left ? size : r.left);
        enum tlcp_record type = (enum tlcp_record)(TLCP_CHANGE + (how >> 1 & 3));
        int from = how & 1;
        struct tlcp_conn *c = p.ends[from];

        if (c->failed != RC_OK || tlcp_record_send(c, type, text) != RC_OK)
            break;
        if (type == TLCP_DATA && !(how & 0x80))
            buf_puts(&p.said[from], text);
        p.over[from] |= type != TLCP_DATA || how & 0x80 || text.n == 0;
        if (how & 0x80)
            c->pending.p[c->pending.n - 1] ^= 1;
        carry(c, p.ends[!from]);
        listen_to(&p, from);
        carry(p.ends[!from], c);
        p.over[!from] |= p.ends[!from]->failed != RC_OK;
        listen_to(&p, !from);
    }
    return 0;
}
