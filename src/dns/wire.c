/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/wire.h"

#include <ldns/ldns.h>
#include <stdio.h>

#include "base/rd.h"

enum {
    HEADER = 12,
    LABEL_MAX = 63,
    CLASS_IN = 1,
    TYPE_OPT = 41,
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_RA = 0x0080,
    OPCODE_MASK = 0x7800,
    RCODE_MASK = 0x000f,
};

const char *dns_type_text(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_DNAME:
        return "DNAME";
    case DNS_CAA:
        return "CAA";
    case DNS_CNAME:
        return "CNAME";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    }
    return "?";
}

const char *dns_rcode_text(unsigned rcode, char text[static 16])
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};

    if (rcode < sizeof(names) / sizeof(names[0]))
        return names[rcode];
    if (rcode == DNS_BADVERS)
        return "BADVERS";
    snprintf(text, 16, "RCODE%u", rcode & 0xfff);
    return text;
}

static enum rc put_name(struct str name, struct buf *out)
{
    struct str label;

    if (name.n == 0 || name.n > DNS_NAME_MAX || name.p[name.n - 1] == '.')
        return RC_INVAL;
    while (str_next(&name, '.', &label)) {
        if (label.n == 0 || label.n > LABEL_MAX || !str_printable(label))
            return RC_INVAL;
        buf_u8(out, (uint8_t)label.n);
        buf_puts(out, label);
    }
    buf_u8(out, 0);
    return buf_rc(out);
}

static enum rc put_question(const struct dns_query *q, struct buf *out)
{
    TRY(put_name(q->name, out));
    buf_u16(out, (uint16_t)q->type);
    buf_u16(out, CLASS_IN);
    return buf_rc(out);
}

enum rc dns_query_put(const struct dns_query *q, struct buf *out)
{
    buf_u16(out, q->id);
    buf_u16(out, q->recurse ? FLAG_RD : 0);
    buf_u16(out, 1); /* questions */
    buf_u32(out, 0); /* answers and authorities */
    buf_u16(out, q->edns ? 1 : 0);
    TRY(put_question(q, out));
    if (q->edns) {
        buf_u8(out, 0);
        buf_u16(out, TYPE_OPT);
        buf_u16(out, DNS_UDP_MAX);
        buf_u32(out, 0); /* extended rcode, version, flags */
        buf_u16(out, 0);
    }
    return buf_rc(out);
}

/* The question comes first and uncompressed; letters may have changed their case. */
static enum rc match_question(struct str wire, const struct dns_query *q, unsigned count,
                              unsigned rcode)
{
    CLEANUP(buf_done) struct buf want = BUF_INIT(DNS_QUERY_MAX);

    /* Servers that do not understand a query may return none of it. */
    if (count == 0 && (rcode == DNS_FORMERR || rcode == DNS_NOTIMP))
        return RC_OK;
    TRY(put_question(q, &want));
    if (count != 1 || !str_ieq(str_head(str_skip(wire, HEADER), want.n), buf_str(&want)))
        return RC_NOTFOUND;
    return RC_OK;
}

static enum rc parse_header(struct str wire, const struct dns_query *q, struct dns_reply *out)
{
    struct rd rd = rd_of(wire);
    uint16_t id = rd_u16(&rd), flags = rd_u16(&rd), count = rd_u16(&rd);

    if (rd_rc(&rd) != RC_OK || wire.n < HEADER || id != q->id || !(flags & FLAG_QR) ||
        (flags & OPCODE_MASK))
        return RC_NOTFOUND;
    TRY(match_question(wire, q, count, flags & RCODE_MASK));
    out->rcode = flags & RCODE_MASK;
    out->truncated = flags & FLAG_TC;
    out->authoritative = flags & FLAG_AA;
    out->recursion_available = flags & FLAG_RA;
    return RC_OK;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Uncompressed labels to text. Names with other bytes than names have cannot be what was asked for,
 * nor be asked: they become empty. */
static enum rc take_name(const ldns_rdf *rdf, struct arena *a, struct str *out)
{
    struct rd rd = rd_of(str_bytes(ldns_rdf_data(rdf), ldns_rdf_size(rdf)));
    char text[DNS_NAME_MAX + 1];
    size_t n = 0;

    *out = STR("");
    for (uint8_t len = rd_u8(&rd); len && !rd.failed; len = rd_u8(&rd)) {
        struct str label = rd_bytes(&rd, len);

        if (n + len + 1 > sizeof(text))
            return RC_OK;
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];

            if (c >= 'A' && c <= 'Z')
                c |= 0x20;
            if (!name_char(c))
                return RC_OK;
            text[n++] = c;
        }
        text[n++] = '.';
    }
    return rd.failed || n == 0 ? RC_OK : arena_str(a, str_bytes(text, n - 1), out);
}

static enum rc take_addr(const ldns_rdf *rdf, struct addr *out)
{
    return addr_from_bytes(str_bytes(ldns_rdf_data(rdf), ldns_rdf_size(rdf)), out);
}

static enum rc take_text(const ldns_rr *rr, struct arena *a, struct str *out)
{
    size_t total = 0, at = 0;
    char *text;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
        total += ldns_rdf_size(ldns_rr_rdf(rr, i));
    text = arena_alloc(a, total + 1);
    if (!text)
        return RC_NOMEM;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        struct rd rd = rd_of(str_bytes(ldns_rdf_data(rdf), ldns_rdf_size(rdf)));
        struct str s = rd_bytes(&rd, rd_u8(&rd));

        if (rd_done(&rd) != RC_OK)
            return RC_PARSE;
        if (s.n)
            memcpy(text + at, s.p, s.n);
        at += s.n;
    }
    *out = str_bytes(text, at);
    return RC_OK;
}

/* RFC 8659 section 4.1. */
static enum rc take_caa(const ldns_rr *rr, struct arena *a, struct dns_record *r)
{
    struct str flags, tag, value;
    struct rd rd;

    if (ldns_rr_rd_count(rr) != 3)
        return RC_PARSE;
    flags = str_bytes(ldns_rdf_data(ldns_rr_rdf(rr, 0)), ldns_rdf_size(ldns_rr_rdf(rr, 0)));
    tag = str_bytes(ldns_rdf_data(ldns_rr_rdf(rr, 1)), ldns_rdf_size(ldns_rr_rdf(rr, 1)));
    value = str_bytes(ldns_rdf_data(ldns_rr_rdf(rr, 2)), ldns_rdf_size(ldns_rr_rdf(rr, 2)));
    rd = rd_of(tag);
    tag = rd_bytes(&rd, rd_u8(&rd));
    if (flags.n != 1 || rd_done(&rd) != RC_OK || tag.n == 0)
        return RC_PARSE;
    r->flags = (uint8_t)flags.p[0];
    TRY(arena_str(a, tag, &r->tag));
    return arena_str(a, value, &r->text);
}

static enum rc take_data(const ldns_rr *rr, struct arena *a, struct dns_record *r)
{
    if (ldns_rr_rd_count(rr) == 0)
        return RC_PARSE;
    switch (r->type) {
    case DNS_A:
    case DNS_AAAA:
        return take_addr(ldns_rr_rdf(rr, 0), &r->addr);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
        return take_name(ldns_rr_rdf(rr, 0), a, &r->text);
    case DNS_TXT:
        return take_text(rr, a, &r->text);
    case DNS_CAA:
        return take_caa(rr, a, r);
    }
    return RC_PARSE;
}

static bool known_type(ldns_rr_type type)
{
    return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA || type == LDNS_RR_TYPE_NS ||
           type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_DNAME || type == LDNS_RR_TYPE_TXT ||
           type == LDNS_RR_TYPE_CAA;
}

static enum rc take_records(const ldns_pkt *pkt, struct arena *a, struct dns_reply *out)
{
    const ldns_rr_list *list = ldns_pkt_answer(pkt);
    size_t n = ldns_rr_list_rr_count(list);

    if (n > DNS_RECORDS_MAX)
        return RC_TOOBIG;
    out->records = ARENA_ARRAY(a, struct dns_record, n);
    if (!out->records)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        struct dns_record *r = &out->records[out->n];

        if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || !known_type(ldns_rr_get_type(rr)))
            continue;
        r->type = (enum dns_type)ldns_rr_get_type(rr);
        r->ttl = ldns_rr_ttl(rr);
        TRY(take_name(ldns_rr_owner(rr), a, &r->owner));
        TRY(take_data(rr, a, r));
        out->n++;
    }
    return RC_OK;
}

static void free_pkt(ldns_pkt **pkt)
{
    ldns_pkt_free(*pkt);
}

enum rc dns_reply_parse(struct str wire, const struct dns_query *q, struct arena *a,
                        struct dns_reply *out)
{
    CLEANUP(free_pkt) ldns_pkt *pkt = NULL;
    struct dns_reply reply = {.n = 0};
    ldns_status status;

    TRY(parse_header(wire, q, &reply));
    if (!reply.truncated) {
        status = ldns_wire2pkt(&pkt, (const uint8_t *)wire.p, wire.n);
        if (status == LDNS_STATUS_MEM_ERR)
            return RC_NOMEM;
        if (status != LDNS_STATUS_OK)
            return RC_PARSE;
        reply.rcode |= (unsigned)ldns_pkt_edns_extended_rcode(pkt) << 4;
        TRY(take_records(pkt, a, &reply));
    }
    *out = reply;
    return RC_OK;
}
