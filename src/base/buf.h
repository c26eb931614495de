/* SPDX-License-Identifier: Apache-2.0 */
/* Owned, growing bytes with a mandatory limit, written in order. A write that would pass the limit,
 * or for which there is no memory, marks the buffer as failed and does nothing; so does every later
 * one. Look once, at the end, with buf_rc: a failed buffer yields no content. Integers are big
 * endian, as in DER, TLS, DNS and ipc. */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    enum rc rc;
};

/* An empty buffer that may grow to `max` bytes (up to half of the address space); allocates nothing
 * yet. With CLEANUP better at its declaration: CLEANUP(buf_done) struct buf b = BUF_INIT(MAX); */
#define BUF_INIT(max_) ((struct buf){.max = (max_), .rc = RC_OK})
void buf_init(struct buf *b, size_t max);
/* Frees the content; the buffer is then as after buf_init. NULL is allowed. */
void buf_done(struct buf *b);
/* As buf_done, wiping the content (all of the capacity) first. For secrets that pass through. */
void buf_wipe(struct buf *b);
/* Empties it, keeps the memory, forgets a failure. */
void buf_reset(struct buf *b);

/* RC_OK, or why a write failed (RC_TOOBIG, RC_NOMEM). */
static inline enum rc buf_rc(const struct buf *b)
{
    return b->rc;
}

/* The content, borrowed until the next write; empty when the buffer has failed. */
static inline struct str buf_str(const struct buf *b)
{
    return b->rc == RC_OK ? str_bytes(b->p, b->n) : (struct str){NULL, 0};
}

/* Room for `n` more bytes; returns where to write them, NULL on failure. Advance with
 * buf_advance. */
void *buf_reserve(struct buf *b, size_t n);
void buf_advance(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, struct str s);
void buf_putz(struct buf *b, const char *z);
/* With the letters A to Z small. */
void buf_put_lower(struct buf *b, struct str s);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* A u32 length and the bytes. */
void buf_lstr(struct buf *b, struct str s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Marks it as failed with `rc`, for a caller that found a reason of its own; the first reason
 * stays. */
void buf_fail(struct buf *b, enum rc rc);
/* Drops the first `n` bytes. */
void buf_consume(struct buf *b, size_t n);
/* The content as a terminated string, borrowed like buf_str; "" when failed. The terminator is not
 * counted. */
const char *buf_z(struct buf *b);
/* Moves the content out: caller owns *out (mem_free), `b` is empty again. */
enum rc buf_take(struct buf *b, char **out, size_t *out_n);
