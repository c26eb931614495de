/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a request: a message is read from one stream and written anew to another. What
 * has framing around it (a head, chunks) is copied once; a body without is written from where it
 * was read. It holds one block and what fits behind it, and reads nothing while that is on its
 * way. */
#pragma once

#include "base/buf.h"
#include "gateway/block.h"
#include "http/reader.h"

struct net_stream;

enum {
    /* A head or trailers, with what is added to them, and less than three blocks of body with the
     * framing of its chunks. */
    GATEWAY_OUT_BYTES = 2 * HTTP_HEAD_MAX + 3 * GATEWAY_BLOCK_BYTES,
    GATEWAY_OUT_KEPT = 20 * 1024, /* from one request to the next */
    GATEWAY_TURN_BLOCKS = 16,     /* read in one turn of the loop, before others get theirs */
};

enum gateway_relay_end {
    GATEWAY_RELAY_READ,  /* it waits for bytes */
    GATEWAY_RELAY_WRITE, /* for room */
    GATEWAY_RELAY_YIELD, /* it had its turn */
    GATEWAY_RELAY_DONE,  /* all of the message is written */
    GATEWAY_RELAY_SOURCE_GONE,
    GATEWAY_RELAY_SINK_GONE,
    GATEWAY_RELAY_REFUSED, /* what it read breaks the rules */
    GATEWAY_RELAY_NOMEM,
};

struct gateway_relay {
    struct gateway_blocks *blocks;
    struct http_reader *reader;
    struct gateway_block *in; /* NULL: nothing was read that is not taken */
    struct str piece;         /* of `in`, to be written behind `out` */
    struct buf out;
    size_t sent;            /* of out */
    bool ready;             /* the source may have bytes */
    bool chunked;           /* pieces are written as chunks */
    bool trailers;          /* with those that were read */
    bool raw;               /* no messages: bytes as they come, up to the end of the stream */
    bool ended;             /* the message is read to its end */
    uint64_t body;          /* bytes of it, taken */
    uint64_t read, written; /* on the streams */
};

/* RC_NOMEM; gateway_relay_done also then. */
enum rc gateway_relay_init(struct gateway_relay *r, struct gateway_blocks *blocks,
                           const struct http_reader_conf *conf);
void gateway_relay_done(struct gateway_relay *r);
/* For the next message; what is left in `in` stays. */
void gateway_relay_next(struct gateway_relay *r, bool headless);
/* Gives back the block, with what is in it. */
void gateway_relay_drop(struct gateway_relay *r);

/* Reads more behind what is there. RC_AGAIN: no bytes now; RC_TOOBIG: no room; RC_CLOSED, RC_NET;
 * RC_NOMEM. */
enum rc gateway_relay_fill(struct gateway_relay *r, struct net_stream *from);
/* Reads a head. RC_OK, RC_AGAIN, RC_CLOSED, RC_NET, RC_NOMEM; RC_DENIED or RC_PARSE with `err`. */
enum rc gateway_relay_head(struct gateway_relay *r, struct net_stream *from, struct err *err);
/* After the head: takes the first bytes of the body, without framing, into `held`, `most` in all.
 * RC_OK: these are there, or r->ended tells that there are no more; RC_AGAIN: not yet, RC_CLOSED,
 * RC_NET, RC_NOMEM; RC_DENIED with `err`. */
enum rc gateway_relay_hold(struct gateway_relay *r, struct net_stream *from, size_t most,
                           struct buf *held, struct err *err);
/* After the head: moves what can be moved. */
enum gateway_relay_end gateway_relay_run(struct gateway_relay *r, struct net_stream *from,
                                         struct net_stream *to, struct err *err);
/* Writes what is in `out` and `piece`: RC_OK, RC_AGAIN, RC_NET, also when memory ran out. */
enum rc gateway_relay_flush(struct gateway_relay *r, struct net_stream *to);
static inline bool gateway_relay_flushed(const struct gateway_relay *r)
{
    return r->sent == r->out.n && r->piece.n == 0;
}
