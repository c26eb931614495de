/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: ipc_parser_feed, ipc_header_get, ipc_fields_decode and ipc_fields_encode of all
 * messages. The first byte is a message type, its high bit means the reply; 0: a stream of frames.
 */
#include <assert.h>

#include "ipc/chan.h"
#include "ipc/frame.h"
#include "ipc/table.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static enum rc limit(void *arg, const struct ipc_header *h, uint32_t *out_max)
{
    (void)arg;
    *out_max = h->type;
    return RC_OK;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    const struct ipc_rule *r = &ipc_rules(&(size_t){0})[n ? data[0] & 0x7f : 0];
    const struct ipc_fields *f = n && data[0] & 0x80 ? r->reply : r->request;
    struct str in = n ? str_bytes(data + 1, n - 1) : STR("");
    CLEANUP(ipc_parser_done) struct ipc_parser p = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(IPC_REQ_ARENA);
    CLEANUP(buf_done) struct buf again = BUF_INIT(2 * IPC_PAYLOAD_MAX);
    void *msg = NULL;

    ipc_parser_init(&p, limit, NULL);
    while (!f && ipc_parser_feed(&p, &in) == RC_OK)
        ;
    if (f)
        msg = arena_alloc(&a, f->size);
    if (msg && ipc_fields_decode(f, in, &a, msg) == RC_OK)
        assert(ipc_fields_encode(f, msg, &again) == RC_OK);
    return 0;
}
