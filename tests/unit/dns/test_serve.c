/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the zone's server, read back with the parser of answers and byte by byte; dig and BIND
 * say whether others read them as well (scenario txt). */
#include "check.h"

#include "dns/serve.h"
#include "dns/update.h"

enum { SOA = 6, HINFO = 13, MX = 15, OPT = 41, AXFR = 252, ANY = 255, SOME = 16 * 1024 };

#define LABEL "0b7bd9b4"
#define VALUE "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"

static bool find(void *, struct str label, struct dns_serve_texts *out)
{
    if (str_eq(label, STR("empty")))
        return true;
    if (!str_eq(label, STR(LABEL)))
        return false;
    out->v[0] = STR(VALUE);
    out->v[1] = STR("second");
    out->n = 2;
    return true;
}

static const struct dns_serve_zone zone = {
    .zone = STR("acme.hospital.example"),
    .server = STR("ns.acme.hospital.example"),
    .contact = STR("hostmaster.acme.hospital.example"),
    .addrs = {{.n = 4, .b = {192, 0, 2, 53}}, {.n = 16, .b = {0x20, 1, 0xd, 0xb8, [15] = 1}}},
    .n_addrs = 2,
    .serial = 7,
    .ready = true,
    .find = find,
};

struct asked {
    struct buf query, out;
    unsigned rcode; /* as the server says that it was */
    unsigned flags, shown, answers, authorities, additional;
};

static void asked_done(struct asked *a)
{
    buf_done(&a->query);
    buf_done(&a->out);
}

#define ASKED(a)                                                                                   \
    CLEANUP(asked_done) struct asked a = {.query = BUF_INIT(SOME), .out = BUF_INIT(SOME)}

/* Writes a question; the name keeps its case. `more`: what is behind it, and how many records. */
static void put(struct asked *a, uint16_t flags, const char *name, uint16_t type, struct str more)
{
    struct str rest = str_of(name), label;

    buf_reset(&a->query);
    buf_reset(&a->out);
    buf_u16(&a->query, 0xbeef);
    buf_u16(&a->query, flags);
    buf_u16(&a->query, 1);
    buf_u32(&a->query, 0);
    buf_u16(&a->query, more.n ? 1 : 0);
    while (str_next(&rest, '.', &label)) {
        buf_u8(&a->query, (uint8_t)label.n);
        buf_puts(&a->query, label);
    }
    buf_u8(&a->query, 0);
    buf_u16(&a->query, type);
    buf_u16(&a->query, 1);
    buf_puts(&a->query, more);
}

static enum rc serve(struct asked *a, const struct dns_serve_zone *z, enum dns_serve_way way)
{
    struct str w;

    buf_reset(&a->out);
    TRY(dns_serve(z, buf_str(&a->query), way, &a->out, &a->rcode));
    w = buf_str(&a->out);
    a->flags = dns_u16(w, 2);
    a->shown = a->flags & 0xf;
    a->answers = dns_u16(w, 6);
    a->authorities = dns_u16(w, 8);
    a->additional = dns_u16(w, 10);
    return RC_OK;
}

static enum rc ask(struct asked *a, const char *name, uint16_t type)
{
    put(a, 0x0100, name, type, STR(""));
    TRY(buf_rc(&a->query));
    return serve(a, &zone, DNS_SERVE_UDP);
}

/* The type of the first record behind the question. */
static unsigned first_type(const struct asked *a, uint32_t *out_ttl)
{
    struct str w = buf_str(&a->out);
    struct dns_rr rr = {.type = 0};
    size_t at = DNS_HEADER;

    if (dns_name_read(w, &at, NULL) != RC_OK)
        return 0;
    at += 4;
    if (dns_rr_read(w, &at, NULL, &rr) != RC_OK)
        return 0;
    *out_ttl = rr.ttl;
    return rr.type;
}

static void values(void)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(1 << 16);
    struct dns_query q = {
        .id = 0xbeef, .type = DNS_TXT, .name = STR(LABEL ".acme.hospital.example")};
    struct dns_reply r;
    ASKED(a);

    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", DNS_TXT));
    CHECK_OK(dns_reply_parse(buf_str(&a.out), &q, &arena, &r));
    CHECK(r.authoritative && !r.truncated && !r.recursion_available);
    CHECK_INT(r.n, 2);
    CHECK_STR(r.records[0].text, VALUE);
    CHECK_STR(r.records[1].text, "second");
    CHECK_STR(r.records[1].owner, LABEL ".acme.hospital.example");
    CHECK_INT(r.records[0].ttl, DNS_SERVE_TTL);
    CHECK_INT(a.additional, 0); /* nobody asked with EDNS */
    CHECK(a.flags & 0x0100);    /* RD is given back */
}

/* What resolvers hide in the case of a question (0x20) comes back as it was sent. */
static void the_case_is_kept(void)
{
    ASKED(a);

    CHECK_OK(ask(&a, "0B7bD9b4.aCMe.Hospital.EXAMPLE", DNS_TXT));
    CHECK_INT(a.answers, 2);
    CHECK(memmem(a.out.p, a.out.n, "0B7bD9b4\4aCMe\10Hospital\7EXAMPLE", 31) != NULL);
}

static void what_is_not_there(void)
{
    uint32_t ttl = 0;
    ASKED(a);

    CHECK_OK(ask(&a, "nobody.acme.hospital.example", DNS_TXT));
    CHECK_INT(a.rcode, DNS_NXDOMAIN);
    CHECK_INT(a.shown, DNS_NXDOMAIN);
    CHECK_INT(a.answers, 0);
    CHECK_INT(a.authorities, 1);
    CHECK_INT(first_type(&a, &ttl), SOA);
    CHECK_INT(ttl, DNS_SERVE_TTL);
    CHECK(a.flags & 0x0400);
    CHECK_OK(ask(&a, "x." LABEL ".acme.hospital.example", DNS_TXT));
    CHECK_INT(a.shown, DNS_NXDOMAIN);
    /* The name is there, this kind of record is not. */
    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", DNS_AAAA));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_INT(a.answers, 0);
    CHECK_INT(a.authorities, 1);
    CHECK_OK(ask(&a, "empty.acme.hospital.example", DNS_TXT));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_INT(a.answers, 0);
    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", MX));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", DNS_CAA));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_INT(a.answers, 0);
}

static void the_zone_itself(void)
{
    uint32_t ttl = 0;
    ASKED(a);

    CHECK_OK(ask(&a, "acme.hospital.example", SOA));
    CHECK_INT(a.answers, 1);
    CHECK_INT(a.authorities, 0);
    CHECK_INT(first_type(&a, &ttl), SOA);
    CHECK_INT(ttl, DNS_SERVE_ZONE_TTL);
    CHECK_OK(ask(&a, "acme.hospital.example", DNS_NS));
    CHECK_INT(a.answers, 1);
    CHECK_INT(first_type(&a, &ttl), DNS_NS);
    CHECK_OK(ask(&a, "acme.hospital.example", DNS_A));
    CHECK_INT(a.answers, 0);
    CHECK_INT(a.authorities, 1);
    CHECK_OK(ask(&a, "ns.acme.hospital.example", DNS_A));
    CHECK_INT(a.answers, 1);
    CHECK(memmem(a.out.p, a.out.n, "\0\4\300\0\2\65", 6) != NULL);
    CHECK_OK(ask(&a, "ns.acme.hospital.example", DNS_AAAA));
    CHECK_INT(a.answers, 1);
    CHECK_OK(ask(&a, "ns.acme.hospital.example", DNS_TXT));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_INT(a.answers, 0);
}

/* Between the zone and a server's name of two labels there is a name, without records. */
static void between(void)
{
    struct dns_serve_zone z = zone;
    ASKED(a);

    z.server = STR("a.ns.acme.hospital.example");
    put(&a, 0, "ns.acme.hospital.example", DNS_A, STR(""));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_NOERROR);
    CHECK_INT(a.answers, 0);
}

static void any(void)
{
    uint32_t ttl = 0;
    ASKED(a);

    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", ANY));
    CHECK_INT(a.answers, 1);
    CHECK_INT(first_type(&a, &ttl), HINFO);
    CHECK(a.out.n < 2 * a.query.n);
    CHECK_OK(ask(&a, "nobody.acme.hospital.example", ANY));
    CHECK_INT(a.shown, DNS_NXDOMAIN);
}

static void others(void)
{
    static const char *const names[] = {"hospital.example", "xacme.hospital.example",
                                        "acme.hospital.example.org", "www.google.com", ""};
    ASKED(a);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_OK(ask(&a, names[i], DNS_TXT));
        CHECK_INT(a.rcode, DNS_REFUSED);
        CHECK_INT(a.shown, DNS_REFUSED);
        CHECK_INT(a.out.n, a.query.n); /* not a byte more than was asked */
        CHECK(!(a.flags & 0x0400));
    }
    CHECK_OK(ask(&a, "acme.hospital.example", AXFR));
    CHECK_INT(a.shown, DNS_REFUSED);
    CHECK_OK(ask(&a, "acme.hospital.example", 250));
    CHECK_INT(a.shown, DNS_NOTIMP);
    CHECK_OK(ask(&a, "acme.hospital.example", OPT));
    CHECK_INT(a.shown, DNS_FORMERR);
    put(&a, 0, "acme.hospital.example", DNS_TXT, STR(""));
    CHECK_OK(buf_rc(&a.query));
    a.query.p[a.query.n - 1] = 3; /* class CH */
    CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_REFUSED);
}

static void opcodes(void)
{
    ASKED(a);

    for (unsigned opcode = 1; opcode < 16; opcode++) {
        put(&a, (uint16_t)(opcode << 11), "acme.hospital.example", SOA, STR(""));
        CHECK_OK(buf_rc(&a.query));
        CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
        CHECK_INT(a.shown, DNS_NOTIMP);
        CHECK_INT(a.flags >> 11 & 0xf, opcode);
        CHECK_INT(a.out.n, DNS_HEADER);
    }
}

#define EDNS(size, version)                                                                        \
    STR("\0\0\51" size "\0" version "\0\0"                                                         \
        "\0\0")

static void edns(void)
{
    struct dns_serve_zone z = zone;
    ASKED(a);

    put(&a, 0, "acme.hospital.example", SOA, EDNS("\4\320", "\0"));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.answers, 1);
    CHECK_INT(a.additional, 1);
    CHECK(memcmp(a.out.p + a.out.n - 11, "\0\0\51\4\320\0\0\0\0\0\0", 11) == 0);
    /* A version that nobody knows (RFC 6891 section 6.1.3): BADVERS, of which the header has the
     * lower four bits. */
    put(&a, 0, "acme.hospital.example", SOA, EDNS("\4\320", "\1"));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.rcode, DNS_BADVERS);
    CHECK_INT(a.shown, 0);
    CHECK_INT(a.answers, 0);
    CHECK(memcmp(a.out.p + a.out.n - 6, "\1\0\0\0\0\0", 6) == 0);
    /* Two of them, or one with options that do not fit into it. */
    put(&a, 0, "acme.hospital.example", SOA, STR("\0\0\51\4\320\0\0\0\0\0\3\0\1\0"));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_FORMERR);
    put(&a, 0, "acme.hospital.example", SOA,
        STR("\0\0\51\4\320\0\0\0\0\0\0\0\0\51\4\320\0\0\0\0\0\0"));
    CHECK_OK(buf_rc(&a.query));
    a.query.p[11] = 2;
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_FORMERR);
}

static void short_answers(void)
{
    char text[DNS_SERVE_TEXT_MAX];
    char name[256];
    ASKED(a);

    memset(text, 'x', sizeof(text));
    put(&a, 0, LABEL ".acme.hospital.example", DNS_TXT, EDNS("\0\1", "\0"));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
    CHECK_INT(a.answers, 2); /* less than 512 is not taken at its word */
    CHECK(!(a.flags & 0x0200));
    CHECK_OK(serve(&a, &zone, DNS_SERVE_SHORT));
    CHECK_INT(a.answers, 0);
    CHECK(a.flags & 0x0200);
    CHECK_INT(a.additional, 1);
    CHECK(a.out.n <= a.query.n);
    CHECK_OK(serve(&a, &zone, DNS_SERVE_TCP));
    CHECK_INT(a.answers, 2);
    /* A name that is so long that the answer passes 512 bytes. */
    memset(name, 'a', sizeof(name));
    name[62] = name[125] = name[188] = '.';
    memcpy(name + 220, ".acme.hospital.example", 23);
    CHECK_OK(ask(&a, name, DNS_TXT));
    CHECK_INT(a.shown, DNS_NXDOMAIN);
    CHECK(a.out.n < DNS_SERVE_UDP_MIN);
}

/* An answer that does not fit is cut, and says so; by TCP it comes whole. */
static void truncated(void)
{
    struct dns_serve_zone z = zone;
    ASKED(a);

    z.server = STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                   "acme.hospital.example");
    z.contact = z.server;
    put(&a, 0, "nobodyaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.acme.hospital.example", DNS_TXT,
        STR(""));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK(a.flags & 0x0200);
    CHECK_INT(a.authorities, 0);
    CHECK_INT(a.shown, DNS_NXDOMAIN);
    CHECK_OK(serve(&a, &z, DNS_SERVE_TCP));
    CHECK(!(a.flags & 0x0200));
    CHECK_INT(a.authorities, 1);
    CHECK(a.out.n > DNS_SERVE_UDP_MIN);
}

static void not_yet(void)
{
    struct dns_serve_zone z = zone;
    ASKED(a);

    z.ready = false;
    put(&a, 0, LABEL ".acme.hospital.example", DNS_TXT, STR(""));
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &z, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_SERVFAIL);
    CHECK_INT(a.answers, 0);
}

/* Every beginning of a question, and every one with a byte too many, is malformed or nothing. */
static void broken(void)
{
    ASKED(a);
    size_t whole;

    CHECK_OK(ask(&a, LABEL ".acme.hospital.example", DNS_TXT));
    whole = a.query.n;
    for (size_t n = 0; n < whole; n++) {
        buf_reset(&a.out);
        if (n < DNS_HEADER) {
            CHECK_RC(dns_serve(&zone, str_bytes(a.query.p, n), DNS_SERVE_UDP, &a.out, &a.rcode),
                     RC_NOTFOUND);
            continue;
        }
        CHECK_OK(dns_serve(&zone, str_bytes(a.query.p, n), DNS_SERVE_UDP, &a.out, &a.rcode));
        CHECK_INT(a.rcode, DNS_FORMERR);
        CHECK_INT(a.out.n, DNS_HEADER);
    }
    buf_u8(&a.query, 0);
    CHECK_OK(buf_rc(&a.query));
    CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_FORMERR);
    a.query.n--;
    a.query.p[DNS_HEADER] = (char)0xc0; /* a pointer in a question */
    CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_FORMERR);
    a.query.p[5] = 2; /* two questions (RFC 9619) */
    CHECK_OK(serve(&a, &zone, DNS_SERVE_UDP));
    CHECK_INT(a.shown, DNS_FORMERR);
    a.query.p[2] = (char)0x80; /* an answer is not answered: two servers would never end */
    CHECK_RC(serve(&a, &zone, DNS_SERVE_UDP), RC_NOTFOUND);
}

CHECK_MAIN(CHECK_TEST(values), CHECK_TEST(the_case_is_kept), CHECK_TEST(what_is_not_there),
           CHECK_TEST(the_zone_itself), CHECK_TEST(between), CHECK_TEST(any), CHECK_TEST(others),
           CHECK_TEST(opcodes), CHECK_TEST(edns), CHECK_TEST(short_answers), CHECK_TEST(truncated),
           CHECK_TEST(not_yet), CHECK_TEST(broken))
