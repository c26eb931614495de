/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/frame.h"

#include <assert.h>

#include "base/rd.h"

enum { REQUEST_BYTES = ID_TEXT - 1 };

void ipc_frame_begin(struct buf *out, const struct ipc_header *h)
{
    buf_u32(out, 0);
    buf_u16(out, IPC_VERSION);
    buf_u16(out, h->type);
    buf_u8(out, h->kind);
    buf_u8(out, h->flags);
    buf_u64(out, h->call);
    buf_put(out, h->request.z, REQUEST_BYTES);
    buf_u32(out, h->deadline_ms);
}

void ipc_frame_end(struct buf *out)
{
    size_t n = out->n - IPC_HEADER_BYTES;

    if (buf_rc(out) != RC_OK)
        return;
    if (n > IPC_PAYLOAD_MAX) {
        buf_fail(out, RC_TOOBIG);
        return;
    }
    for (size_t i = 0; i < sizeof(uint32_t); i++)
        out->p[i] = (char)(n >> (8 * (sizeof(uint32_t) - 1 - i)));
}

static enum rc request_get(struct str bytes, struct id *out)
{
    static const char none[REQUEST_BYTES];

    if (str_eq(bytes, str_bytes(none, sizeof(none)))) {
        *out = (struct id){""};
        return RC_OK;
    }
    return id_parse(bytes, out);
}

enum rc ipc_header_get(struct str bytes, struct ipc_header *out)
{
    struct rd r = rd_of(bytes);
    struct ipc_header h = {.length = rd_u32(&r)};

    h.version = rd_u16(&r);
    h.type = rd_u16(&r);
    h.kind = rd_u8(&r);
    h.flags = rd_u8(&r);
    h.call = rd_u64(&r);
    /* Another version may mean anything by the rest. */
    if (!r.failed && h.version != IPC_VERSION)
        return RC_VERSION;
    TRY(request_get(rd_bytes(&r, REQUEST_BYTES), &h.request));
    h.deadline_ms = rd_u32(&r);
    TRY(rd_done(&r));
    if (h.kind >= IPC_KIND_COUNT || (h.flags & ~IPC_FLAG_FD))
        return RC_PARSE;
    if ((h.kind == IPC_NOTIFY) != (h.call == 0))
        return RC_PARSE;
    *out = h;
    return RC_OK;
}

void ipc_parser_init(struct ipc_parser *p, ipc_frame_limit limit, void *arg)
{
    *p = (struct ipc_parser){.limit = limit, .arg = arg};
    buf_init(&p->payload, 0);
}

void ipc_parser_done(struct ipc_parser *p)
{
    buf_done(&p->payload);
}

bool ipc_parser_idle(const struct ipc_parser *p)
{
    return p->have == 0;
}

static enum rc begin_payload(struct ipc_parser *p)
{
    uint32_t max = 0;

    TRY(ipc_header_get(str_bytes(p->head, IPC_HEADER_BYTES), &p->h));
    TRY(p->limit(p->arg, &p->h, &max));
    assert(max <= IPC_PAYLOAD_MAX);
    if (p->h.length > max)
        return RC_TOOBIG;
    /* It grows with what really arrives: a length alone takes no memory. */
    buf_done(&p->payload);
    buf_init(&p->payload, p->h.length);
    return RC_OK;
}

static void take(struct str *in, size_t n)
{
    *in = str_skip(*in, n);
}

enum rc ipc_parser_feed(struct ipc_parser *p, struct str *in)
{
    size_t n;

    if (p->have < IPC_HEADER_BYTES) {
        n = IPC_HEADER_BYTES - p->have;
        n = n < in->n ? n : in->n;
        if (n)
            memcpy(p->head + p->have, in->p, n);
        p->have += n;
        take(in, n);
        if (p->have < IPC_HEADER_BYTES)
            return RC_AGAIN;
        TRY(begin_payload(p));
    }
    n = p->h.length - p->payload.n;
    n = n < in->n ? n : in->n;
    buf_put(&p->payload, in->p, n);
    TRY(buf_rc(&p->payload));
    take(in, n);
    if (p->payload.n < p->h.length)
        return RC_AGAIN;
    p->have = 0;
    return RC_OK;
}
