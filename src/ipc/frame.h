/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes on a channel between roles: a header of fixed size, then the payload. Pure: no sockets,
 * no clock.
 *
 *   u32 payload length, u16 protocol version, u16 message type, u8 kind, u8 flags, u64 call id,
 *   26 bytes request id for logs or zeroes, u32 milliseconds left until the deadline (0: none)
 *
 * Big endian. The receiver learns the limit of each message from the caller's `limit`, before it
 * takes any payload. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"

enum {
    IPC_VERSION = 4,
    IPC_HEADER_BYTES = 48,
    IPC_PAYLOAD_MAX = 16 << 20, /* no table entry may allow more */
    IPC_CHUNK_MAX = 64 << 10,   /* of one stream chunk */
};

enum ipc_kind {
    IPC_REQUEST, /* call id chosen by the asker, rising, never 0 */
    IPC_REPLY,
    IPC_ERROR, /* instead of the reply; the payload is an encoded struct err */
    IPC_CANCEL,
    IPC_CHUNK,  /* a piece of a long answer; the reply or error ends it */
    IPC_CREDIT, /* the reader of chunks grants this many more bytes; the payload is a u32 */
    IPC_NOTIFY, /* no answer; call id 0 */
    IPC_KIND_COUNT,
};

enum { IPC_FLAG_FD = 1 }; /* a descriptor travels with this frame */

struct ipc_header {
    uint32_t length;
    uint16_t version;
    uint16_t type;
    uint8_t kind;
    uint8_t flags;
    uint64_t call;
    struct id request; /* empty text: none */
    uint32_t deadline_ms;
};

/* Appends the header; the payload is what is appended behind it until ipc_frame_end, which must
 * come next and writes the length in. One frame per buffer. The header's length and version are set
 * here. */
void ipc_frame_begin(struct buf *out, const struct ipc_header *h);
void ipc_frame_end(struct buf *out);
/* Reads IPC_HEADER_BYTES. RC_VERSION on another version, RC_PARSE on impossible values. */
enum rc ipc_header_get(struct str bytes, struct ipc_header *out);

/* Says whether this frame may come and how long it may be: RC_OK and *out_max, or the reason why
 * not. */
typedef enum rc (*ipc_frame_limit)(void *arg, const struct ipc_header *h, uint32_t *out_max);

struct ipc_parser {
    ipc_frame_limit limit;
    void *arg;
    unsigned char head[IPC_HEADER_BYTES];
    size_t have; /* bytes of the header so far */
    struct ipc_header h;
    struct buf payload;
};

void ipc_parser_init(struct ipc_parser *p, ipc_frame_limit limit, void *arg);
void ipc_parser_done(struct ipc_parser *p);
/* Takes bytes from the front of *in. RC_OK: a frame is complete, p->h and p->payload hold it until
 * the next call (the payload may be moved out with buf_take); RC_AGAIN: more bytes are needed;
 * anything else (RC_PARSE, RC_VERSION, RC_TOOBIG, what `limit` said, RC_NOMEM) ends the channel. */
enum rc ipc_parser_feed(struct ipc_parser *p, struct str *in);
/* True between frames. */
bool ipc_parser_idle(const struct ipc_parser *p);
