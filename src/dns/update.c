/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/update.h"

#include <stdio.h>

enum {
    CLASS_IN = 1,
    CLASS_NONE = 254,
    LABEL_MAX = 63,
    STRING_MAX = 255,
    JUMPS_MAX = 64, /* of compression, in one name */
    OPCODE_UPDATE = 5 << 11,
    OPCODE_MASK = 0x7800,
    FLAG_QR = 0x8000,
    FLAG_RD = 0x0100,
    RCODE_MASK = 0x000f,
};

/* ---- names */

static bool good_label(struct str label)
{
    return label.n > 0 && label.n <= LABEL_MAX && str_printable(label);
}

enum rc dns_name_put(struct str name, struct buf *out)
{
    struct str label;

    if (name.n == 0 || name.n > DNS_NAME_MAX || name.p[name.n - 1] == '.')
        return RC_INVAL;
    while (str_next(&name, '.', &label)) {
        if (!good_label(label))
            return RC_INVAL;
        buf_u8(out, (uint8_t)label.n);
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];

            buf_u8(out, (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
        }
    }
    buf_u8(out, 0);
    return buf_rc(out);
}

uint16_t dns_u16(struct str wire, size_t at)
{
    const unsigned char *p = (const unsigned char *)wire.p + at;

    return (uint16_t)(p[0] << 8 | p[1]);
}

static enum rc take_label(struct str label, char *text, size_t *n)
{
    if (*n + label.n + 1 > DNS_NAME_MAX + 1)
        return RC_PARSE;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];

        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c <= ' ' || c > '~' || c == '.')
            return RC_PARSE;
        text[(*n)++] = c;
    }
    text[(*n)++] = '.';
    return RC_OK;
}

enum rc dns_name_read(struct str wire, size_t *at, char *text)
{
    char scratch[DNS_NAME_MAX + 2];
    size_t pos = *at, n = 0;
    bool jumped = false;

    for (unsigned jumps = 0; pos < wire.n && jumps < JUMPS_MAX;) {
        unsigned char c = (unsigned char)wire.p[pos];

        if (c == 0) {
            *at = jumped ? *at : pos + 1;
            scratch[n ? n - 1 : 0] = '\0';
            if (text)
                memcpy(text, scratch, n ? n : 1);
            return RC_OK;
        }
        if (c >= 0xc0 && pos + 1 < wire.n) {
            if (!jumped)
                *at = pos + 2;
            pos = dns_u16(wire, pos) & 0x3fff;
            jumped = true;
            jumps++;
        } else if (c <= LABEL_MAX && pos + 1 + c <= wire.n) {
            TRY(take_label(str_bytes(wire.p + pos + 1, c), scratch, &n));
            pos += 1 + c;
        } else {
            return RC_PARSE;
        }
    }
    return RC_PARSE;
}

enum rc dns_rr_read(struct str wire, size_t *at, char *owner, struct dns_rr *out)
{
    size_t pos = *at;

    out->start = pos;
    TRY(dns_name_read(wire, &pos, owner));
    if (pos + 10 > wire.n)
        return RC_PARSE;
    out->type = dns_u16(wire, pos);
    out->class = dns_u16(wire, pos + 2);
    out->ttl = (uint32_t)dns_u16(wire, pos + 4) << 16 | dns_u16(wire, pos + 6);
    out->n = dns_u16(wire, pos + 8);
    out->data = pos + 10;
    if (out->data + out->n > wire.n)
        return RC_PARSE;
    *at = out->data + out->n;
    return RC_OK;
}

/* ---- updates */

static void put_header(uint16_t id, uint16_t flags, uint16_t second, struct buf *out)
{
    buf_u16(out, id);
    buf_u16(out, flags);
    buf_u16(out, 1);
    buf_u16(out, 0);
    buf_u16(out, second);
    buf_u16(out, 0);
}

/* RDATA of TXT: strings of at most 255 bytes, behind their common length. */
static void put_text(struct str text, struct buf *out)
{
    size_t strings = text.n / STRING_MAX + (text.n % STRING_MAX || text.n == 0);

    buf_u16(out, (uint16_t)(text.n + strings));
    for (size_t i = 0; i < strings; i++) {
        struct str s = str_head(str_skip(text, i * STRING_MAX), STRING_MAX);

        buf_u8(out, (uint8_t)s.n);
        buf_puts(out, s);
    }
}

/* RFC 2136 sections 2.5.1 (add to an RRset) and 2.5.4 (delete an RR from an RRset). */
enum rc dns_update_put(const struct dns_update *u, struct buf *out)
{
    if (u->text.n > DNS_TXT_MAX)
        return RC_TOOBIG;
    put_header(u->id, OPCODE_UPDATE, 1, out);
    TRY(dns_name_put(u->zone, out));
    buf_u16(out, DNS_TYPE_SOA);
    buf_u16(out, CLASS_IN);
    TRY(dns_name_put(u->name, out));
    buf_u16(out, DNS_TXT);
    buf_u16(out, u->remove ? CLASS_NONE : CLASS_IN);
    buf_u32(out, u->remove ? 0 : u->ttl);
    put_text(u->text, out);
    return buf_rc(out);
}

enum rc dns_update_read(struct str wire, uint16_t id, unsigned *out_rcode)
{
    uint16_t flags;

    if (wire.n < DNS_HEADER || dns_u16(wire, 0) != id)
        return RC_PARSE;
    flags = dns_u16(wire, 2);
    if (!(flags & FLAG_QR) || (flags & OPCODE_MASK) != OPCODE_UPDATE)
        return RC_PARSE;
    *out_rcode = flags & RCODE_MASK;
    return RC_OK;
}

const char *dns_update_rcode_text(unsigned rcode, char text[static 16])
{
    static const char *const names[] = {"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};

    return rcode >= 6 && rcode < 11 ? names[rcode - 6] : dns_rcode_text(rcode, text);
}

/* ---- zones */

enum rc dns_soa_put(uint16_t id, struct str name, bool recurse, struct buf *out)
{
    put_header(id, recurse ? FLAG_RD : 0, 0, out);
    TRY(dns_name_put(name, out));
    buf_u16(out, DNS_TYPE_SOA);
    buf_u16(out, CLASS_IN);
    return buf_rc(out);
}

/* Of a chain of aliases the last one is where it leads. */
static enum rc take_record(struct str wire, size_t *at, struct dns_soa *out)
{
    char owner[DNS_NAME_MAX + 1];
    struct dns_rr rr;
    size_t data;

    TRY(dns_rr_read(wire, at, owner, &rr));
    data = rr.data;
    if (rr.class == CLASS_IN && rr.type == DNS_TYPE_SOA)
        memcpy(out->zone, owner, sizeof(owner));
    if (rr.class == CLASS_IN && rr.type == DNS_CNAME)
        return dns_name_read(wire, &data, out->alias);
    return RC_OK;
}

enum rc dns_soa_read(struct str wire, uint16_t id, struct dns_soa *out)
{
    size_t at = DNS_HEADER, questions, records;
    struct dns_soa soa = {};

    if (wire.n < DNS_HEADER || dns_u16(wire, 0) != id || !(dns_u16(wire, 2) & FLAG_QR))
        return RC_PARSE;
    soa.rcode = dns_u16(wire, 2) & RCODE_MASK;
    questions = dns_u16(wire, 4);
    records = (size_t)dns_u16(wire, 6) + dns_u16(wire, 8);
    if (questions > 1 || records > DNS_RECORDS_MAX)
        return RC_PARSE;
    if (questions) {
        TRY(dns_name_read(wire, &at, NULL));
        at += 4;
    }
    for (; records; records--)
        TRY(take_record(wire, &at, &soa));
    *out = soa;
    return RC_OK;
}
