/* SPDX-License-Identifier: Apache-2.0 */
/* Read cursor over borrowed bytes. Reading past the end, or a length prefix past the end, marks it
 * as failed: that read and every later one yields zero or the empty str. Look once, at the end,
 * with rd_done or rd_rc. Integers are big endian, the mirror of struct buf. */
#pragma once

#include <stdint.h>

#include "base/str.h"

struct rd {
    const unsigned char *p;
    size_t left;
    bool failed;
};

static inline struct rd rd_of(struct str s)
{
    return (struct rd){(const unsigned char *)s.p, s.n, false};
}

uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* Exactly `n` bytes, borrowed. */
struct str rd_bytes(struct rd *r, size_t n);
/* A u32 length of at most `max`, and the bytes. */
struct str rd_lstr(struct rd *r, size_t max);
/* Everything that is left. */
struct str rd_rest(struct rd *r);
/* Marks it as failed: the caller found the value read impossible. */
void rd_fail(struct rd *r);

/* RC_PARSE when a read failed. */
static inline enum rc rd_rc(const struct rd *r)
{
    return r->failed ? RC_PARSE : RC_OK;
}

/* RC_PARSE when a read failed or bytes are left over. */
static inline enum rc rd_done(const struct rd *r)
{
    return r->failed || r->left ? RC_PARSE : RC_OK;
}
