/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include "base/rd.h"

enum {
    V2_HEAD = 16, /* up to the addresses */
    VERSION_2 = 0x20,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_NONE = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_UNIX = 0x31, /* a stream */
    UNIX_BYTES = 216,
    PORT_DIGITS_MAX = 5,
    TYPE_CRC32C = 0x03,
    CRC32C_BYTES = 4,
};

#define CRC32C_POLYNOMIAL 0x82f63b78U

/* No text of HTTP, TLS or version 1 begins like this. */
static const struct str signature = STR("\r\n\r\n\0\r\nQUIT\n");

/* ---- version 1 */

/* Decimal, without zeros in front. */
static enum rc read_port(struct str s, uint16_t *out)
{
    uint64_t v = 0;

    if (s.n == 0 || s.n > PORT_DIGITS_MAX || (s.n > 1 && s.p[0] == '0') ||
        str_u64(s, UINT16_MAX, &v) != RC_OK)
        return RC_PARSE;
    *out = (uint16_t)v;
    return RC_OK;
}

static bool is_v6_text(struct str s)
{
    return str_find(s, ':') < s.n;
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443", single spaces. */
static enum rc read_line(struct str line, struct net_proxy *out)
{
    struct str family, part[4];
    size_t n = 0;
    bool v6;

    if (str_eq(line, STR("UNKNOWN")) || str_starts(line, STR("UNKNOWN "))) {
        out->local = true;
        return RC_OK;
    }
    if (str_ends(line, STR(" ")) || !str_next(&line, ' ', &family))
        return RC_PARSE;
    v6 = str_eq(family, STR("TCP6"));
    if (!v6 && !str_eq(family, STR("TCP4")))
        return RC_PARSE;
    while (n < 4 && str_next(&line, ' ', &part[n]))
        n++;
    if (n < 4 || line.n || is_v6_text(part[0]) != v6 || is_v6_text(part[1]) != v6)
        return RC_PARSE;
    TRY(addr_parse(part[0], &out->from.addr));
    TRY(addr_parse(part[1], &out->to.addr));
    TRY(read_port(part[2], &out->from.port));
    return read_port(part[3], &out->to.port);
}

static enum rc read_v1(struct str first, struct net_proxy *out, size_t *out_n)
{
    struct str head = str_head(first, NET_PROXY_V1_MAX);
    size_t end = str_find(head, '\n');

    if (end == head.n)
        return head.n < NET_PROXY_V1_MAX ? RC_AGAIN : RC_PARSE;
    if (head.p[end - 1] != '\r' || str_find(str_head(head, end - 1), '\0') < end - 1)
        return RC_PARSE;
    *out_n = end + 1;
    return read_line(str_skip(str_head(head, end - 1), sizeof("PROXY ") - 1), out);
}

/* ---- version 2 */

/* Castagnoli's sum of all of the header, with zeros where the sum is (section 2.2.3). */
static uint32_t crc32c(struct str header, size_t sum_at)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < header.n; i++) {
        if (i < sum_at || i >= sum_at + CRC32C_BYTES)
            crc ^= (unsigned char)header.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
    }
    return ~crc;
}

/* Types, lengths and values to the end. */
static enum rc check_rest(struct rd *r, struct str header)
{
    while (r->left) {
        unsigned type = rd_u8(r);
        struct str value = rd_bytes(r, rd_u16(r));
        struct rd sum = rd_of(value);

        TRY(rd_rc(r));
        if (type == TYPE_CRC32C && (value.n != CRC32C_BYTES ||
                                    rd_u32(&sum) != crc32c(header, (size_t)(value.p - header.p))))
            return RC_PARSE;
    }
    return RC_OK;
}

static enum rc read_ends(struct rd *r, size_t bytes, struct net_proxy *out)
{
    struct str from = rd_bytes(r, bytes), to = rd_bytes(r, bytes);

    out->from.port = rd_u16(r);
    out->to.port = rd_u16(r);
    TRY(rd_rc(r));
    TRY(addr_from_bytes(from, &out->from.addr));
    return addr_from_bytes(to, &out->to.addr);
}

static enum rc read_block(unsigned family, struct rd *r, struct str header, struct net_proxy *out)
{
    switch (family) {
    case FAMILY_TCP4:
        TRY(read_ends(r, 4, out));
        break;
    case FAMILY_TCP6:
        TRY(read_ends(r, 16, out));
        break;
    case FAMILY_UNIX:
        out->local = true;
        (void)rd_bytes(r, UNIX_BYTES);
        TRY(rd_rc(r));
        break;
    case FAMILY_NONE:
        out->local = true;
        return RC_OK; /* what is there has no form */
    default:
        return RC_PARSE;
    }
    return check_rest(r, header);
}

static enum rc read_v2(struct str first, struct net_proxy *out, size_t *out_n)
{
    struct rd r = rd_of(str_skip(first, signature.n));
    unsigned command, family;
    size_t length;

    if (first.n < V2_HEAD)
        return RC_AGAIN;
    command = rd_u8(&r);
    family = rd_u8(&r);
    length = rd_u16(&r);
    if (command != (VERSION_2 | COMMAND_LOCAL) && command != (VERSION_2 | COMMAND_PROXY))
        return RC_PARSE;
    if (V2_HEAD + length > NET_PROXY_MAX)
        return RC_PARSE;
    if (r.left < length)
        return RC_AGAIN;
    *out_n = V2_HEAD + length;
    out->local = command == (VERSION_2 | COMMAND_LOCAL);
    if (out->local)
        return RC_OK;
    r = rd_of(rd_bytes(&r, length));
    return read_block(family, &r, str_head(first, *out_n), out);
}

/* ---- both */

static bool may_become(struct str first, struct str start)
{
    size_t n = first.n < start.n ? first.n : start.n;

    return str_eq(str_head(first, n), str_head(start, n));
}

enum rc net_proxy_read(struct str first, struct net_proxy *out, size_t *out_n)
{
    const struct str line = STR("PROXY ");
    struct net_proxy found = {};
    size_t n = 0;

    if (!may_become(first, line) && !may_become(first, signature))
        return RC_PARSE;
    if (first.n < line.n)
        return RC_AGAIN;
    if (may_become(first, line))
        TRY(read_v1(first, &found, &n));
    else if (first.n < signature.n)
        return RC_AGAIN;
    else
        TRY(read_v2(first, &found, &n));
    *out = found;
    *out_n = n;
    return RC_OK;
}

/* ---- writing */

static bool is_v4(const struct net_proxy *p)
{
    return p->from.addr.n == 4 && p->to.addr.n == 4;
}

static void put_text(const struct addr *a, bool v4, struct buf *out)
{
    char text[ADDR_TEXT];

    if (a->n == 4 && !v4)
        buf_putz(out, "::ffff:");
    buf_putz(out, addr_text(a, text));
}

void net_proxy_put_v1(const struct net_proxy *p, struct buf *out)
{
    bool v4 = is_v4(p);

    if (p->local) {
        buf_putz(out, "PROXY UNKNOWN\r\n");
        return;
    }
    buf_putz(out, v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
    put_text(&p->from.addr, v4, out);
    buf_u8(out, ' ');
    put_text(&p->to.addr, v4, out);
    buf_printf(out, " %u %u\r\n", p->from.port, p->to.port);
}

static void put_bytes(const struct addr *a, bool v4, struct buf *out)
{
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (a->n == 4 && !v4)
        buf_put(out, mapped, sizeof(mapped));
    buf_puts(out, addr_bytes(a));
}

void net_proxy_put_v2(const struct net_proxy *p, struct buf *out)
{
    bool v4 = is_v4(p);

    buf_puts(out, signature);
    buf_u8(out, VERSION_2 | (p->local ? COMMAND_LOCAL : COMMAND_PROXY));
    if (p->local) {
        buf_u8(out, FAMILY_NONE);
        buf_u16(out, 0);
        return;
    }
    buf_u8(out, v4 ? FAMILY_TCP4 : FAMILY_TCP6);
    buf_u16(out, 2 * (v4 ? 4 : 16) + 2 * 2);
    put_bytes(&p->from.addr, v4, out);
    put_bytes(&p->to.addr, v4, out);
    buf_u16(out, p->from.port);
    buf_u16(out, p->to.port);
}
