/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

enum { BUF_FIRST = 256 };
/* Leaves room for a terminator, whatever limit is asked for. */
#define MAX_BYTES (SIZE_MAX / 2)

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max < MAX_BYTES ? max : MAX_BYTES, .rc = RC_OK};
}

void buf_done(struct buf *b)
{
    if (!b)
        return;
    mem_free(b->p);
    buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
    if (b && b->p)
        explicit_bzero(b->p, b->cap);
    buf_done(b);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->rc = RC_OK;
}

void buf_fail(struct buf *b, enum rc rc)
{
    if (b->rc == RC_OK)
        b->rc = rc;
}

/* One byte more than asked for is always there, so that buf_z needs no growth of its own. */
static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST;
    char *p;

    while (cap < need + 1)
        cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    p = mem_realloc(b->p, cap);
    if (!p) {
        buf_fail(b, RC_NOMEM);
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void *buf_reserve(struct buf *b, size_t n)
{
    if (b->rc != RC_OK)
        return NULL;
    if (n > b->max || b->n > b->max - n) {
        buf_fail(b, RC_TOOBIG);
        return NULL;
    }
    if ((!b->p || b->n + n >= b->cap) && !grow(b, b->n + n))
        return NULL;
    return b->p + b->n;
}

void buf_advance(struct buf *b, size_t n)
{
    if (b->rc == RC_OK)
        b->n += n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    void *at = buf_reserve(b, n);

    if (!at)
        return;
    if (n)
        memcpy(at, p, n);
    b->n += n;
}

void buf_puts(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_putz(struct buf *b, const char *z)
{
    buf_put(b, z, strlen(z));
}

void buf_put_lower(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_u8(b, str_lower(s.p[i]));
}

static void put_be(struct buf *b, uint64_t v, size_t n)
{
    unsigned char *at = buf_reserve(b, n);

    if (!at)
        return;
    for (size_t i = 0; i < n; i++)
        at[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
    b->n += n;
}

void buf_u8(struct buf *b, uint8_t v)
{
    char *at = buf_reserve(b, 1);

    if (!at)
        return;
    *at = (char)v;
    b->n++;
}

void buf_u16(struct buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void buf_lstr(struct buf *b, struct str s)
{
    if (s.n > UINT32_MAX) {
        buf_fail(b, RC_TOOBIG);
        return;
    }
    buf_u32(b, (uint32_t)s.n);
    buf_puts(b, s);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    char *at;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) {
        buf_fail(b, RC_INVAL);
        return;
    }
    at = buf_reserve(b, (size_t)n);
    if (!at)
        return;
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *buf_z(struct buf *b)
{
    if (b->rc != RC_OK || !b->p)
        return "";
    b->p[b->n] = '\0';
    return b->p;
}

enum rc buf_take(struct buf *b, char **out, size_t *out_n)
{
    TRY(b->rc);
    if (!b->p && !buf_reserve(b, 0))
        return b->rc;
    b->p[b->n] = '\0';
    *out_n = b->n;
    *out = MOVE(b->p);
    buf_init(b, b->max);
    return RC_OK;
}
