/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: tlcp_conn_shake and all behind it, fed with bytes of a stranger. The first byte of the
 * input says whether it is a server ('s': asks for certificates, 't': gives tickets) or a client,
 * the second how many bytes come at a time (0: all). No input opens a connection, for none knows
 * its keys, and what failed stays failed. */
#include "fuzz_tlcp.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = begin(n ? (char)data[0] : 0);
    size_t step = n > 1 && data[1] ? data[1] : SIZE_MAX, room, out;
    struct str in = str_skip(str_bytes(data, n), 2);
    enum rc rc = tlcp_conn_shake(c, NULL);
    char text[64];

    while (in.n && rc == RC_AGAIN) {
        unsigned char *p = tlcp_conn_room(c, &room);
        struct str piece = str_head(str_head(in, step), p ? room : 0);

        if (!p || piece.n == 0)
            __builtin_trap(); /* a record always fits */
        memcpy(p, piece.p, piece.n);
        tlcp_conn_came(c, piece.n);
        in = str_skip(in, piece.n);
        rc = tlcp_conn_shake(c, NULL);
        tlcp_conn_sent(c, tlcp_conn_pending(c).n);
    }
    if (rc == RC_OK || (rc != RC_AGAIN && tlcp_conn_shake(c, NULL) != rc) ||
        (rc != RC_AGAIN && tlcp_conn_read(c, text, sizeof(text), &out) == RC_OK))
        __builtin_trap();
    return 0;
}
