/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "dns/wire.h"

static const struct dns_query query = {0x1234, DNS_A, {"www.lan", 7}, true, true};

#define HEAD "1234 8180 0001 0001 0000 0000"
#define QUESTION "03777777 036c616e 00 0001 0001"
#define ANSWER_A "c00c 0001 0001 0000003c 0004 0a000001"

/* From hexadecimal with spaces. */
static enum rc parse(const char *hex, const struct dns_query *q, struct arena *a,
                     struct dns_reply *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf wire = BUF_INIT(1 << 16);

    for (; *hex; hex++)
        if (*hex != ' ')
            buf_put(&text, hex, 1);
    TRY(buf_rc(&text));
    TRY(text_unhex(buf_str(&text), &wire));
    return dns_reply_parse(buf_str(&wire), q, a, out);
}

#define WITH_ARENA                                                                                 \
    CLEANUP(arena_done) struct arena a = {};                                                       \
    struct dns_reply r = {.n = 0};                                                                 \
    arena_init(&a, 1 << 20)

static void query_bytes(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(DNS_QUERY_MAX);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * DNS_QUERY_MAX);
    struct dns_query q = query;

    CHECK_OK(dns_query_put(&q, &out));
    text_hex(&hex, buf_str(&out));
    CHECK_STR(buf_str(&hex), "123401000001000000000001"
                             "03777777036c616e0000010001"
                             "00002904d0000000000000");
    buf_reset(&out);
    buf_reset(&hex);
    q.recurse = q.edns = false;
    q.type = DNS_AAAA;
    CHECK_OK(dns_query_put(&q, &out));
    text_hex(&hex, buf_str(&out));
    CHECK_STR(buf_str(&hex), "12340000000100000000000003777777036c616e00001c0001");
}

static void bad_names(void)
{
    static const char *const bad[] = {
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b\n",
        "a234567890123456789012345678901234567890123456789012345678901234.b"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(DNS_QUERY_MAX);

        CHECK_RC(dns_query_put(&(struct dns_query){.type = DNS_A, .name = str_of(bad[i])}, &out),
                 RC_INVAL);
    }
}

static void one_address(void)
{
    WITH_ARENA;
    char text[ADDR_TEXT];

    CHECK_OK(parse(HEAD QUESTION ANSWER_A, &query, &a, &r));
    CHECK_INT(r.n, 1);
    CHECK_INT(r.rcode, DNS_NOERROR);
    CHECK(r.recursion_available && !r.authoritative && !r.truncated);
    CHECK_STR(r.records[0].owner, "www.lan");
    CHECK_INT(r.records[0].ttl, 60);
    CHECK(strcmp(addr_text(&r.records[0].addr, text), "10.0.0.1") == 0);
    /* Letters of the question may come back in another case. */
    CHECK_OK(parse(HEAD "03575757 034c614e 00 0001 0001" ANSWER_A, &query, &a, &r));
    CHECK_STR(r.records[0].owner, "www.lan");
}

static void not_the_answer(void)
{
    static const char *const strays[] = {
        "",
        "12",
        "1234 8180 0001 0001 0000",
        "1235 8180 0001 0001 0000 0000" QUESTION ANSWER_A,          /* id */
        "1234 0180 0001 0001 0000 0000" QUESTION ANSWER_A,          /* a query */
        "1234 a980 0001 0001 0000 0000" QUESTION ANSWER_A,          /* opcode */
        "1234 8180 0000 0001 0000 0000" ANSWER_A,                   /* no question */
        "1234 8180 0002 0001 0000 0000" QUESTION QUESTION ANSWER_A, /* two */
        HEAD "03777778 036c616e 00 0001 0001" ANSWER_A,             /* name */
        HEAD "03777777 036c616e 00 001c 0001" ANSWER_A,             /* type */
        HEAD "03777777 036c616e 00 0001 0003" ANSWER_A,             /* class */
        HEAD "03777777 036c616e",
    };

    for (size_t i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
        WITH_ARENA;

        CHECK_RC(parse(strays[i], &query, &a, &r), RC_NOTFOUND);
    }
}

static void broken_answers(void)
{
    static const char *const broken[] = {
        HEAD QUESTION,                                         /* where is it? */
        HEAD QUESTION "c00c 0001 0001 0000003c 0004 0a0000",   /* cut */
        HEAD QUESTION "c00c 0001 0001 0000003c 0003 0a0000",   /* no IPv4 address */
        HEAD QUESTION "c019 0001 0001 0000003c 0004 0a000001", /* points at itself */
        HEAD QUESTION "cfff 0001 0001 0000003c 0004 0a000001", /* points outside */
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        WITH_ARENA;

        CHECK_RC(parse(broken[i], &query, &a, &r), RC_PARSE);
    }
}

static void codes(void)
{
    WITH_ARENA;
    char text[16];

    CHECK_OK(parse("1234 8583 0001 0000 0000 0000" QUESTION, &query, &a, &r));
    CHECK_INT(r.rcode, DNS_NXDOMAIN);
    CHECK(r.authoritative);
    /* Old servers give FORMERR and nothing of the query. */
    CHECK_OK(parse("1234 8001 0000 0000 0000 0000", &query, &a, &r));
    CHECK_INT(r.rcode, DNS_FORMERR);
    /* The upper bits are in the OPT record: BADVERS. */
    CHECK_OK(parse("1234 8180 0001 0000 0000 0001" QUESTION "00 0029 04d0 01000000 0000", &query,
                   &a, &r));
    CHECK_INT(r.rcode, DNS_BADVERS);
    /* Cut wherever it may be: not read at all. */
    CHECK_OK(parse("1234 8380 0001 0005 0000 0000" QUESTION "c00c 0001", &query, &a, &r));
    CHECK(r.truncated && r.n == 0);
    CHECK(strcmp(dns_rcode_text(DNS_BADVERS, text), "BADVERS") == 0);
    CHECK(strcmp(dns_rcode_text(4095, text), "RCODE4095") == 0);
}

static void other_records(void)
{
    WITH_ARENA;
    struct dns_query q = query;
    char text[ADDR_TEXT];

    /* An alias, a record of another class, one of another type, an IPv4-mapped address. */
    q.type = DNS_AAAA;
    CHECK_OK(parse("1234 8180 0001 0004 0000 0000"
                   "03777777 036c616e 00 001c 0001"
                   "c00c 0005 0001 0000003c 0004 01 41 c010"
                   "c00c 0001 0003 0000003c 0004 0a000001"
                   "c00c 0010 00ff 0000003c 0002 0178"
                   "01 41 c010 001c 0001 0000003c 0010 00000000 00000000 0000ffff 7f000001",
                   &q, &a, &r));
    CHECK_INT(r.n, 2);
    CHECK_INT(r.records[0].type, DNS_CNAME);
    CHECK_STR(r.records[0].text, "a.lan");
    CHECK_STR(r.records[1].owner, "a.lan");
    CHECK(strcmp(addr_text(&r.records[1].addr, text), "127.0.0.1") == 0);
    /* A target that is no name of a host cannot be followed. */
    CHECK_OK(parse("1234 8180 0001 0001 0000 0000"
                   "03777777 036c616e 00 001c 0001"
                   "c00c 0005 0001 0000003c 0004 01 2e c010",
                   &q, &a, &r));
    CHECK_INT(r.records[0].text.n, 0);
    /* All strings of a TXT record are one text. */
    q.type = DNS_TXT;
    CHECK_OK(parse("1234 8180 0001 0002 0000 0000"
                   "03777777 036c616e 00 0010 0001"
                   "c00c 0010 0001 0000003c 0007 02 6162 00 02 6364"
                   "c00c 0010 0001 0000003c 0001 00",
                   &q, &a, &r));
    CHECK_INT(r.n, 2);
    CHECK_STR(r.records[0].text, "abcd");
    CHECK_STR(r.records[1].text, "");
}

static void too_many_records(void)
{
    WITH_ARENA;
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 16);

    buf_put(&b, "\x12\x34\x81\x80\0\x01\x01\x01\0\0\0\0", 12);
    buf_put(&b, "\3www\3lan\0\0\1\0\1", 13);
    for (int i = 0; i <= DNS_RECORDS_MAX; i++)
        buf_put(&b, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1", 16);
    CHECK_RC(dns_reply_parse(buf_str(&b), &query, &a, &r), buf_rc(&b) ? RC_NOTFOUND : RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(query_bytes), CHECK_TEST(bad_names), CHECK_TEST(one_address),
           CHECK_TEST(not_the_answer), CHECK_TEST(broken_answers), CHECK_TEST(codes),
           CHECK_TEST(other_records), CHECK_TEST(too_many_records))
