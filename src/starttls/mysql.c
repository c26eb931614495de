/* SPDX-License-Identifier: Apache-2.0 */
/* MySQL and MariaDB, protocol version 10: the server's handshake packet, and SSLRequest, behind
 * which TLS begins without an answer. */
#include "base/rd.h"
#include "starttls/starttls_int.h"

enum {
    HEADER = 4, /* length, 24 bits, little endian; sequence */
    VERSION = 10,
    FAILED = 0xff,
    THREAD_AND_SCRAMBLE = 4 + 8 + 1,
    PROTOCOL_41 = 0x0200,
    SSL = 0x0800,
    SECURE_CONNECTION = 0x8000,
    REQUEST = 32,
    UTF8 = 33,
};

static void put_request(struct buf *out)
{
    static const unsigned char zeroes[23];
    unsigned flags = PROTOCOL_41 | SSL | SECURE_CONNECTION;

    buf_u8(out, REQUEST);
    buf_u16(out, 0);
    buf_u8(out, 1); /* the second packet */
    buf_u8(out, (uint8_t)flags);
    buf_u8(out, (uint8_t)(flags >> 8));
    buf_u16(out, 0);
    buf_u32(out, 0xffffff00); /* longest packet, 2^24 - 1, little endian */
    buf_u8(out, UTF8);
    buf_put(out, zeroes, sizeof(zeroes));
}

static enum rc read_packet(struct starttls *s, struct str packet, struct buf *out, struct err *err)
{
    struct rd r = rd_of(packet);
    uint8_t version = rd_u8(&r);
    unsigned flags;

    if (version == FAILED) /* and a number of its own */
        return starttls_refused(s, str_skip(packet, 3), err);
    while (!r.failed && rd_u8(&r) != 0) /* what the server calls itself */
        ;
    rd_bytes(&r, THREAD_AND_SCRAMBLE);
    flags = rd_u8(&r);
    flags |= (unsigned)rd_u8(&r) << 8;
    if (version != VERSION || rd_rc(&r) != RC_OK)
        return starttls_nonsense(s, packet, err);
    if (!(flags & SSL))
        return starttls_lacking(s, err);
    put_request(out);
    return RC_OK;
}

static enum rc take(struct starttls *s, struct str in, size_t *out_used, struct buf *out,
                    struct err *err)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n;

    if (in.n < HEADER)
        return RC_AGAIN;
    n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
    if (n == 0 || n > STARTTLS_UNIT_MAX - HEADER || p[3] != 0)
        return starttls_nonsense(s, in, err);
    if (in.n < HEADER + n)
        return RC_AGAIN;
    *out_used = HEADER + n;
    return read_packet(s, str_head(str_skip(in, HEADER), n), out, err);
}

const struct starttls_protocol starttls_mysql = {.name = "mysql", .take = take};
