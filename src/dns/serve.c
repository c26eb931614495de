/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/serve.h"

#include "dns/update.h"

enum {
    CLASS_IN = 1,
    TYPE_SOA = 6,
    TYPE_HINFO = 13,
    TYPE_OPT = 41,
    TYPE_TKEY = 249, /* from here on: no records that anybody has, but questions of other kinds */
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_ANY = 255,
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    FLAG_CD = 0x0010,
    FLAG_DO = 0x8000, /* of EDNS */
    OPCODE = 0x7800,
    LABEL_MAX = 63,
    WIRE_NAME_MAX = 255,
    POINTER = 0xc000,
    RR_FIXED = 10,
    OPT_BYTES = 11,
    ANCOUNT = 6, /* where in the header */
    REFRESH = 86400,
    RETRY = 7200,
    EXPIRE = 2419200,
};

/* A question, and the answer that is being made of it. */
struct serving {
    const struct dns_serve_zone *zone;
    struct str wire;
    struct buf *out;
    size_t at;       /* where the answer begins in `out` */
    size_t question; /* bytes of the question as it came; 0: it is not repeated */
    char
        name[WIRE_NAME_MAX + 1]; /* lower case, with dots; empty: the root, or not a name of text */
    uint16_t id, flags, type, class;
    uint16_t answers, authorities;
    bool edns, dnssec_ok;
    unsigned version, udp;
    unsigned rcode;
    bool authoritative;
};

/* ---- the question */

/* A name as it came, uncompressed: in a question there is nothing before it to point to. A label
 * with a dot or other bytes than names have is well formed, and in no zone of ours. */
static enum rc read_name(struct serving *s, size_t *at)
{
    size_t start = *at, n = 0;
    bool text = true;

    while (*at < s->wire.n && s->wire.p[*at] != 0) {
        size_t label = (unsigned char)s->wire.p[*at];

        if (label > LABEL_MAX || *at + 1 + label >= s->wire.n ||
            *at + 1 + label - start >= WIRE_NAME_MAX)
            return RC_PARSE;
        for (size_t i = 0; i < label; i++) {
            char c = (char)str_lower(s->wire.p[*at + 1 + i]);

            text = text && c > ' ' && c <= '~' && c != '.';
            s->name[n++] = c;
        }
        s->name[n++] = '.';
        *at += 1 + label;
    }
    if (*at >= s->wire.n)
        return RC_PARSE;
    s->name[n && text ? n - 1 : 0] = '\0';
    (*at)++;
    return RC_OK;
}

static enum rc read_question(struct serving *s, size_t *at)
{
    TRY(read_name(s, at));
    if (*at + 4 > s->wire.n)
        return RC_PARSE;
    s->type = dns_u16(s->wire, *at);
    s->class = dns_u16(s->wire, *at + 2);
    *at += 4;
    s->question = *at - DNS_HEADER;
    return s->type == TYPE_OPT ? RC_PARSE : RC_OK;
}

/* RFC 6891 section 6.1: at most one, of the root. Its owner is looked at in the bytes, because the
 * text of other names may be empty as well. */
static enum rc read_opt(struct serving *s, const struct dns_rr *rr)
{
    if (s->edns || s->wire.p[rr->start] != 0)
        return RC_PARSE;
    s->edns = true;
    s->udp = rr->class;
    s->version = rr->ttl >> 16 & 0xff;
    s->dnssec_ok = rr->ttl & FLAG_DO;
    for (size_t at = rr->data; at < rr->data + rr->n;) {
        if (at + 4 > rr->data + rr->n || at + 4 + dns_u16(s->wire, at + 2) > rr->data + rr->n)
            return RC_PARSE;
        at += 4 + dns_u16(s->wire, at + 2);
    }
    return RC_OK;
}

static enum rc read_rest(struct serving *s, size_t at, unsigned additional)
{
    struct dns_rr rr;

    if (additional > DNS_SERVE_RRS_MAX)
        return RC_PARSE;
    for (unsigned i = 0; i < additional; i++) {
        TRY(dns_rr_read(s->wire, &at, NULL, &rr));
        if (rr.type == TYPE_OPT)
            TRY(read_opt(s, &rr));
    }
    return at == s->wire.n ? RC_OK : RC_PARSE;
}

/* RFC 9619: one question, or the message is malformed. */
static enum rc read_query(struct serving *s)
{
    size_t at = DNS_HEADER;

    if (dns_u16(s->wire, 4) != 1 || dns_u16(s->wire, 6) != 0 || dns_u16(s->wire, 8) != 0)
        return RC_PARSE;
    TRY(read_question(s, &at));
    return read_rest(s, at, dns_u16(s->wire, 10));
}

/* ---- the answer */

static void put_header(struct serving *s)
{
    uint16_t flags = FLAG_QR | (s->flags & (OPCODE | FLAG_RD | FLAG_CD));

    if (s->authoritative)
        flags |= FLAG_AA;
    buf_u16(s->out, s->id);
    buf_u16(s->out, (uint16_t)(flags | (s->rcode & 0xf)));
    buf_u16(s->out, s->question ? 1 : 0);
    buf_u16(s->out, 0);
    buf_u16(s->out, 0);
    buf_u16(s->out, s->edns ? 1 : 0);
    if (s->question)
        buf_puts(s->out, str_bytes(s->wire.p + DNS_HEADER, s->question));
}

static void patch16(struct serving *s, size_t at, uint16_t v)
{
    if (buf_rc(s->out) != RC_OK)
        return;
    s->out->p[s->at + at] = (char)(v >> 8);
    s->out->p[s->at + at + 1] = (char)v;
}

static void put_opt(struct serving *s)
{
    if (!s->edns)
        return;
    buf_u8(s->out, 0);
    buf_u16(s->out, TYPE_OPT);
    buf_u16(s->out, DNS_SERVE_ANSWER_MAX);
    buf_u8(s->out, (uint8_t)(s->rcode >> 4));
    buf_u8(s->out, 0);
    buf_u16(s->out, s->dnssec_ok ? FLAG_DO : 0);
    buf_u16(s->out, 0);
}

/* The owner is the question's name, as it was written there, or what its end says: `skip` bytes of
 * the question are before it. Returns where the length of RDATA stands. */
static size_t put_rr(struct serving *s, size_t skip, unsigned type, uint32_t ttl)
{
    buf_u16(s->out, (uint16_t)(POINTER | (DNS_HEADER + skip)));
    buf_u16(s->out, (uint16_t)type);
    buf_u16(s->out, CLASS_IN);
    buf_u32(s->out, ttl);
    buf_u16(s->out, 0);
    return s->out->n - s->at - 2;
}

static void end_rr(struct serving *s, size_t length)
{
    patch16(s, length, (uint16_t)(s->out->n - s->at - length - 2));
}

static void put_name(struct serving *s, struct str name)
{
    if (dns_name_put(name, s->out) != RC_OK)
        buf_fail(s->out, RC_INVAL);
}

/* Where in the question the zone's name begins: behind what is below it. */
static size_t zone_at(const struct serving *s)
{
    return strlen(s->name) - s->zone->zone.n;
}

static void put_soa(struct serving *s, uint32_t ttl)
{
    size_t length = put_rr(s, zone_at(s), TYPE_SOA, ttl);

    put_name(s, s->zone->server);
    put_name(s, s->zone->contact);
    buf_u32(s->out, s->zone->serial);
    buf_u32(s->out, REFRESH);
    buf_u32(s->out, RETRY);
    buf_u32(s->out, EXPIRE);
    buf_u32(s->out, DNS_SERVE_TTL);
    end_rr(s, length);
}

static void put_ns(struct serving *s)
{
    size_t length = put_rr(s, 0, DNS_NS, DNS_SERVE_ZONE_TTL);

    put_name(s, s->zone->server);
    end_rr(s, length);
    s->answers++;
}

static void put_addrs(struct serving *s)
{
    for (size_t i = 0; i < s->zone->n_addrs; i++) {
        const struct addr *a = &s->zone->addrs[i];
        size_t length;

        if ((a->n == 4) != (s->type == DNS_A))
            continue;
        length = put_rr(s, 0, s->type, DNS_SERVE_ZONE_TTL);
        buf_puts(s->out, addr_bytes(a));
        end_rr(s, length);
        s->answers++;
    }
}

static void put_texts(struct serving *s, const struct dns_serve_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++) {
        struct str text = str_head(texts->v[i], DNS_SERVE_TEXT_MAX);
        size_t length = put_rr(s, 0, DNS_TXT, DNS_SERVE_TTL);

        buf_u8(s->out, (uint8_t)text.n);
        buf_puts(s->out, text);
        end_rr(s, length);
        s->answers++;
    }
}

/* RFC 8482 section 4.2. */
static void put_any(struct serving *s)
{
    size_t length = put_rr(s, 0, TYPE_HINFO, DNS_SERVE_ZONE_TTL);

    buf_u8(s->out, 7);
    buf_putz(s->out, "RFC8482");
    buf_u8(s->out, 0);
    end_rr(s, length);
    s->answers++;
}

/* ---- what there is */

/* Is `name` the other one, or does the other one end in it, at a dot? */
static bool is_above(struct str name, struct str other)
{
    return str_eq(name, other) ||
           (other.n > name.n && str_ends(other, name) && other.p[other.n - name.n - 1] == '.');
}

/* Of the zone's own name: RFC 1035 section 3.3. */
static void put_apex(struct serving *s)
{
    if (s->type == TYPE_SOA) {
        put_soa(s, DNS_SERVE_ZONE_TTL);
        s->answers++;
    } else if (s->type == DNS_NS) {
        put_ns(s);
    }
}

/* There are a name's own records; whether it exists at all. */
static bool put_records(struct serving *s)
{
    struct str name = str_of(s->name);
    struct str zone = s->zone->zone;
    struct str label = str_head(name, name.n > zone.n ? name.n - zone.n - 1 : 0);
    struct dns_serve_texts texts = {.n = 0};
    bool there = str_eq(name, zone) || is_above(name, s->zone->server);

    if (label.n && str_find(label, '.') == label.n)
        there = s->zone->find(s->zone->arg, label, &texts) || there;
    if (!there)
        return false;
    if (s->type == TYPE_ANY)
        put_any(s);
    else if (s->type == DNS_TXT)
        put_texts(s, &texts);
    else if (str_eq(name, s->zone->server) && (s->type == DNS_A || s->type == DNS_AAAA))
        put_addrs(s);
    else if (str_eq(name, zone))
        put_apex(s);
    return true;
}

static void answer(struct serving *s)
{
    s->authoritative = true;
    put_header(s);
    if (!put_records(s))
        s->rcode = DNS_NXDOMAIN;
    if (s->answers == 0) {
        put_soa(s, DNS_SERVE_TTL);
        s->authorities++;
    }
    if (buf_rc(s->out) == RC_OK)
        s->out->p[s->at + 3] = (char)(s->out->p[s->at + 3] | (char)s->rcode);
    patch16(s, ANCOUNT, s->answers);
    patch16(s, ANCOUNT + 2, s->authorities);
    put_opt(s);
}

static void refuse(struct serving *s, unsigned rcode)
{
    s->rcode = rcode;
    put_header(s);
    put_opt(s);
}

/* RFC 2181 section 9: what does not fit is left out, and the client asks by TCP. */
static void shorten(struct serving *s)
{
    s->out->n = s->at;
    put_header(s);
    put_opt(s);
    if (buf_rc(s->out) == RC_OK)
        s->out->p[s->at + 2] = (char)(s->out->p[s->at + 2] | FLAG_TC >> 8);
}

static void respond(struct serving *s)
{
    if (s->flags & OPCODE)
        refuse(s, DNS_NOTIMP);
    else if (read_query(s) != RC_OK) {
        s->question = 0;
        s->edns = false;
        refuse(s, DNS_FORMERR);
    } else if (s->edns && s->version > 0)
        refuse(s, DNS_BADVERS);
    else if (s->class != CLASS_IN || !is_above(s->zone->zone, str_of(s->name)))
        refuse(s, DNS_REFUSED);
    else if (s->type == TYPE_AXFR || s->type == TYPE_IXFR)
        refuse(s, DNS_REFUSED);
    else if (s->type >= TYPE_TKEY && s->type < TYPE_ANY)
        refuse(s, DNS_NOTIMP);
    else if (!s->zone->ready)
        refuse(s, DNS_SERVFAIL);
    else
        answer(s);
}

static size_t most(const struct serving *s, enum dns_serve_way way)
{
    if (way == DNS_SERVE_TCP)
        return DNS_MESSAGE_MAX;
    if (!s->edns || s->udp < DNS_SERVE_UDP_MIN)
        return DNS_SERVE_UDP_MIN;
    return s->udp < DNS_SERVE_ANSWER_MAX ? s->udp : DNS_SERVE_ANSWER_MAX;
}

enum rc dns_serve(const struct dns_serve_zone *zone, struct str wire, enum dns_serve_way way,
                  struct buf *out, unsigned *out_rcode)
{
    struct serving s = {.zone = zone, .wire = wire, .out = out, .at = out->n};

    if (wire.n < DNS_HEADER || dns_u16(wire, 2) & FLAG_QR)
        return RC_NOTFOUND;
    s.id = dns_u16(wire, 0);
    s.flags = dns_u16(wire, 2);
    respond(&s);
    TRY(buf_rc(out));
    if (way == DNS_SERVE_SHORT || out->n - s.at > most(&s, way))
        shorten(&s);
    TRY(buf_rc(out));
    *out_rcode = s.rcode;
    return RC_OK;
}
