/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

void rd_fail(struct rd *r)
{
    r->failed = true;
    r->left = 0;
}

struct str rd_bytes(struct rd *r, size_t n)
{
    struct str s;

    if (r->failed || n > r->left) {
        rd_fail(r);
        return (struct str){NULL, 0};
    }
    s = str_bytes(r->p, n);
    if (n)
        r->p += n;
    r->left -= n;
    return s;
}

static uint64_t get_be(struct rd *r, size_t n)
{
    struct str s = rd_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | (unsigned char)s.p[i];
    return v;
}

uint8_t rd_u8(struct rd *r)
{
    if (r->failed || r->left == 0) {
        rd_fail(r);
        return 0;
    }
    r->left--;
    return *r->p++;
}

uint16_t rd_u16(struct rd *r)
{
    return (uint16_t)get_be(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
    return (uint32_t)get_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
    return get_be(r, 8);
}

struct str rd_lstr(struct rd *r, size_t max)
{
    uint32_t n = rd_u32(r);

    if (n > max)
        rd_fail(r);
    return rd_bytes(r, n);
}

struct str rd_rest(struct rd *r)
{
    return rd_bytes(r, r->left);
}
