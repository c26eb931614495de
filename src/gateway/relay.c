/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/relay.h"

#include "http/forward.h"
#include "net/stream.h"

enum rc gateway_relay_init(struct gateway_relay *r, struct gateway_blocks *blocks,
                           const struct http_reader_conf *conf)
{
    *r = (struct gateway_relay){.blocks = blocks};
    buf_init(&r->out, GATEWAY_OUT_BYTES);
    return http_reader_new(conf, &r->reader);
}

void gateway_relay_done(struct gateway_relay *r)
{
    gateway_relay_drop(r);
    http_reader_free(MOVE(r->reader));
    buf_done(&r->out);
}

void gateway_relay_drop(struct gateway_relay *r)
{
    gateway_block_give(r->blocks, MOVE(r->in));
    r->piece = (struct str){NULL, 0};
}

void gateway_relay_next(struct gateway_relay *r, bool headless)
{
    http_reader_next(r->reader, headless);
    buf_reset(&r->out);
    if (r->out.cap > GATEWAY_OUT_KEPT)
        buf_done(&r->out);
    r->piece = (struct str){NULL, 0};
    r->sent = 0;
    r->chunked = r->trailers = r->raw = r->ended = false;
    r->body = r->read = r->written = 0;
}

enum rc gateway_relay_fill(struct gateway_relay *r, struct net_stream *from)
{
    size_t room, n = 0;
    enum rc rc;

    if (!r->in)
        r->in = gateway_block_take(r->blocks);
    if (!r->in)
        return RC_NOMEM;
    if (r->in->at == r->in->n)
        r->in->at = r->in->n = 0;
    room = sizeof(r->in->p) - r->in->n;
    if (room == 0)
        return RC_TOOBIG;
    rc = from->ops->read(from, r->in->p + r->in->n, room, &n);
    r->in->n += n;
    r->read += n;
    if (rc != RC_OK || (n < NET_STREAM_READ && room >= NET_STREAM_READ))
        r->ready = false;
    if (rc != RC_OK && r->in->n == 0)
        gateway_relay_drop(r);
    return rc;
}

/* Takes from the block what the reader took from `rest`, its bytes. */
static void taken(struct gateway_relay *r, struct str rest)
{
    if (r->in)
        r->in->at = r->in->n - rest.n;
}

static struct str untaken(const struct gateway_relay *r)
{
    return r->in ? gateway_block_str(r->in) : (struct str){NULL, 0};
}

enum rc gateway_relay_head(struct gateway_relay *r, struct net_stream *from, struct err *err)
{
    for (;;) {
        struct str in = untaken(r);

        if (in.n) {
            enum rc rc = http_reader_head(r->reader, &in, err);

            taken(r, in);
            if (rc != RC_AGAIN)
                return rc;
        }
        if (!r->ready)
            break;
        TRY(gateway_relay_fill(r, from));
    }
    gateway_relay_drop(r);
    return RC_AGAIN;
}

enum rc gateway_relay_flush(struct gateway_relay *r, struct net_stream *to)
{
    size_t n;

    /* Half a head must not go out. */
    if (buf_rc(&r->out) != RC_OK)
        return RC_NET;
    while (r->sent < r->out.n) {
        TRY(to->ops->write(to, str_skip(buf_str(&r->out), r->sent), &n));
        r->sent += n;
        r->written += n;
    }
    while (r->piece.n) {
        TRY(to->ops->write(to, r->piece, &n));
        r->piece = str_skip(r->piece, n);
        r->written += n;
    }
    buf_reset(&r->out);
    r->sent = 0;
    return RC_OK;
}

/* The message is read to its end. */
static void end(struct gateway_relay *r)
{
    r->ended = true;
    if (r->chunked)
        http_put_last_chunk(r->trailers ? r->reader : NULL, &r->out);
}

static enum rc take_raw(struct gateway_relay *r)
{
    struct str piece = untaken(r);

    if (piece.n == 0)
        return RC_AGAIN;
    taken(r, str_skip(piece, piece.n));
    r->body += piece.n;
    r->piece = piece;
    return RC_OK;
}

/* Takes one piece. A short write for a head alone costs more than copying what comes behind it. */
static enum rc take(struct gateway_relay *r, struct err *err)
{
    struct str in = untaken(r), piece = {NULL, 0};
    enum rc rc = http_reader_body(r->reader, &in, &piece, err);

    taken(r, in);
    if (rc == RC_CLOSED) {
        end(r);
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    r->body += piece.n;
    if (r->chunked)
        http_put_chunk(piece, &r->out);
    else if (r->out.n)
        buf_puts(&r->out, piece);
    else
        r->piece = piece;
    return buf_rc(&r->out);
}

static enum gateway_relay_end failed(enum rc rc)
{
    return rc == RC_NOMEM || rc == RC_TOOBIG ? GATEWAY_RELAY_NOMEM : GATEWAY_RELAY_REFUSED;
}

/* RC_AGAIN: nothing more can be taken before something is written, or read. What has begun to be
 * written does not grow: it would never end for a slow peer. */
static enum rc take_all(struct gateway_relay *r, struct err *err)
{
    TRY(buf_rc(&r->out));
    while (!r->ended && r->piece.n == 0 && r->sent == 0 && r->out.n < GATEWAY_BLOCK_BYTES)
        TRY(r->raw ? take_raw(r) : take(r, err));
    return RC_AGAIN;
}

/* Where the end of the source is that of the body, it is no failure. */
static enum rc fill(struct gateway_relay *r, struct net_stream *from)
{
    enum rc rc = gateway_relay_fill(r, from);

    if (rc == RC_CLOSED && (r->raw || http_reader_eof(r->reader))) {
        end(r);
        return RC_OK;
    }
    return rc == RC_AGAIN ? RC_OK : rc;
}

enum rc gateway_relay_hold(struct gateway_relay *r, struct net_stream *from, size_t most,
                           struct buf *held, struct err *err)
{
    for (;;) {
        struct str in = str_head(untaken(r), most - held->n), piece = {NULL, 0};
        size_t had = in.n;
        enum rc rc = http_reader_body(r->reader, &in, &piece, err);

        if (r->in)
            r->in->at += had - in.n;
        buf_puts(held, piece);
        r->body += piece.n;
        TRY(buf_rc(held));
        r->ended = rc == RC_CLOSED;
        if (r->ended || (rc == RC_AGAIN && held->n == most))
            return RC_OK;
        if (rc != RC_OK && rc != RC_AGAIN)
            return rc;
        if (rc == RC_OK || untaken(r).n)
            continue;
        if (!r->ready) {
            gateway_relay_drop(r);
            return RC_AGAIN;
        }
        TRY(fill(r, from));
        if (r->ended)
            return RC_OK;
    }
}

enum gateway_relay_end gateway_relay_run(struct gateway_relay *r, struct net_stream *from,
                                         struct net_stream *to, struct err *err)
{
    for (int blocks = 0; blocks < GATEWAY_TURN_BLOCKS;) {
        enum rc rc = take_all(r, err);

        if (rc != RC_AGAIN)
            return failed(rc);
        if (!gateway_relay_flushed(r)) {
            rc = gateway_relay_flush(r, to);
            if (rc != RC_OK)
                return rc == RC_AGAIN ? GATEWAY_RELAY_WRITE : GATEWAY_RELAY_SINK_GONE;
            continue;
        }
        if (r->ended) {
            if (untaken(r).n == 0)
                gateway_relay_drop(r);
            return GATEWAY_RELAY_DONE;
        }
        if (!r->ready) {
            gateway_relay_drop(r);
            return GATEWAY_RELAY_READ;
        }
        rc = fill(r, from);
        blocks++;
        if (rc != RC_OK)
            return rc == RC_NOMEM ? GATEWAY_RELAY_NOMEM : GATEWAY_RELAY_SOURCE_GONE;
    }
    return GATEWAY_RELAY_YIELD;
}
