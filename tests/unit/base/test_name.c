/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/name.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L59 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253 L63 "." L63 "." L63 "." L61

static void canonical_form(void)
{
    static const char *const pairs[][2] = {
        {"wiki.hospital.example", "wiki.hospital.example"},
        {"Wiki.HOSPITAL.Example.", "wiki.hospital.example"},
        {"localhost", "localhost"},
        {"a", "a"},
        {"a-b--c.x", "a-b--c.x"},
        {"1.a", "1.a"},
        {"1.2.3.a4", "1.2.3.a4"},
        {"127.0.0.1.example", "127.0.0.1.example"},
        {"3com", "3com"},
        {"xn--Bcher-KVA.example", "xn--bcher-kva.example"},
        {"0xfg", "0xfg"},
        {"0x7f.example", "0x7f.example"},
        {L63, L63},
        {N253, N253},
        {N253 ".", N253},
    };
    char out[NAME_MAX_BYTES + 1];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        for (int wildcard = 0; wildcard < 2; wildcard++) {
            CHECK_OK(name_canonical(str_of(pairs[i][0]), wildcard, out));
            CHECK_STR(str_of(out), pairs[i][1]);
        }
    }
}

static void refuses_other_names(void)
{
    static const struct {
        const char *name;
        enum rc rc;
    } rows[] = {
        {"", RC_PARSE},
        {".", RC_PARSE},
        {"..", RC_PARSE},
        {".a", RC_PARSE},
        {"a..b", RC_PARSE},
        {"a..", RC_PARSE},
        {"-a", RC_PARSE},
        {"a-", RC_PARSE},
        {"a.-b", RC_PARSE},
        {"-", RC_PARSE},
        {"a_b", RC_PARSE},
        {"_dmarc.a", RC_PARSE},
        {"a b", RC_PARSE},
        {"a/b", RC_PARSE},
        {" a", RC_PARSE},
        {"a\n", RC_PARSE},
        {"a.b:80", RC_PARSE},
        {"*", RC_PARSE},
        {"*.", RC_PARSE},
        {"a.*", RC_PARSE},
        {"a.*.b", RC_PARSE},
        {"*a.b", RC_PARSE},
        {"**.b", RC_PARSE},
        {"*.*.b", RC_PARSE},
        {"*..b", RC_PARSE},
        {"%61.b", RC_PARSE},
        {"a\\.b", RC_PARSE},
        {"[::1]", RC_PARSE},
        {L63 "a", RC_TOOBIG},
        {"b." L63 "a.c", RC_TOOBIG},
        {N253 "a", RC_TOOBIG},
        {N253 "a.", RC_TOOBIG},
        {N253 ".a", RC_TOOBIG},
        {N253 "." N253, RC_TOOBIG},
        {"b\xc3\xbc"
         "cher.example",
         RC_UNSUPPORTED},
        {"\xff", RC_UNSUPPORTED},
        {"a.\xe3\x80\x82", RC_UNSUPPORTED},
        {"a..\x80", RC_UNSUPPORTED},
        {"10.0.0.1", RC_INVAL},
        {"10.0.0.1.", RC_INVAL},
        {"::1", RC_INVAL},
        {"2001:db8::1", RC_INVAL},
        {"1", RC_INVAL},
        {"2130706433", RC_INVAL},
        {"127.1", RC_INVAL},
        {"a.1", RC_INVAL},
        {"a.010", RC_INVAL},
        {"0x7f000001", RC_INVAL},
        {"0X7F.1.0x1", RC_INVAL},
        {"a.0x", RC_INVAL},
        {"1.2.3.256", RC_INVAL},
    };
    char out[NAME_MAX_BYTES + 1] = "untouched";

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int wildcard = 0; wildcard < 2; wildcard++) {
            enum rc rc = name_canonical(str_of(rows[i].name), wildcard, out);

            if (rc != rows[i].rc)
                fail_msg("%s: %s", rows[i].name, rc_text(rc));
        }
    }
    CHECK_RC(name_canonical(STR("a\0b"), false, out), RC_PARSE);
    CHECK_RC(name_canonical(STR("a.b\0"), false, out), RC_PARSE);
    CHECK_STR(str_of(out), "untouched");
}

static void wildcards(void)
{
    char out[NAME_MAX_BYTES + 1] = "untouched";

    CHECK_RC(name_canonical(STR("*.apps.example"), false, out), RC_PARSE);
    CHECK_STR(str_of(out), "untouched");
    CHECK_OK(name_canonical(STR("*.Apps.example."), true, out));
    CHECK_STR(str_of(out), "*.apps.example");
    CHECK_OK(name_canonical(STR("*.a"), true, out));
    CHECK_OK(name_canonical(STR("*." L63 "." L63 "." L63 "." L59), true, out));
    CHECK_INT(strlen(out), NAME_MAX_BYTES);
    CHECK_RC(name_canonical(STR("*.a" L63 "." L63 "." L63 "." L59), true, out), RC_TOOBIG);
    CHECK_RC(name_canonical(STR("*.10.0.0.1"), true, out), RC_INVAL);
    CHECK(name_is_wildcard(STR("*.a")));
    CHECK(!name_is_wildcard(STR("a.*.b")) && !name_is_wildcard(STR("*a")) &&
          !name_is_wildcard(STR("")));
}

/* The result may replace the name it was made of. */
static void in_place(void)
{
    char name[NAME_MAX_BYTES + 1] = "WIKI.Hospital.example.";

    CHECK_OK(name_canonical(str_of(name), false, name));
    CHECK_STR(str_of(name), "wiki.hospital.example");
    CHECK_OK(name_reverse(str_of(name), name));
    CHECK_STR(str_of(name), "example.hospital.wiki");
}

static void reversing(void)
{
    static const char *const pairs[][2] = {
        {"wiki.hospital.example", "example.hospital.wiki"},
        {"a", "a"},
        {"a.bb", "bb.a"},
        {"*.apps.example", "example.apps.*"},
        {"", ""},
        {".a", "a."},
        {"a..b", "b..a"},
    };
    char big[NAME_MAX_BYTES + 2];
    char out[NAME_MAX_BYTES + 1];

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CHECK_OK(name_reverse(str_of(pairs[i][0]), out));
        CHECK_STR(str_of(out), pairs[i][1]);
        CHECK_OK(name_reverse(str_of(pairs[i][1]), out));
        CHECK_STR(str_of(out), pairs[i][0]);
    }
    CHECK_OK(name_reverse(STR(N253), out));
    CHECK_STR(str_of(out), L61 "." L63 "." L63 "." L63);
    memset(big, 'a', sizeof(big));
    CHECK_RC(name_reverse(str_bytes(big, NAME_MAX_BYTES + 1), out), RC_TOOBIG);
    CHECK_RC(name_reverse(STR("a\0.b"), out), RC_PARSE);
    CHECK_STR(str_of(out), L61 "." L63 "." L63 "." L63);
}

static void below_a_domain(void)
{
    CHECK(name_under(STR("hospital.example"), STR("hospital.example")));
    CHECK(name_under(STR("wiki.hospital.example"), STR("hospital.example")));
    CHECK(name_under(STR("a.b.hospital.example"), STR("hospital.example")));
    CHECK(name_under(STR("*.hospital.example"), STR("hospital.example")));
    CHECK(!name_under(STR("myhospital.example"), STR("hospital.example")));
    CHECK(!name_under(STR("example"), STR("hospital.example")));
    CHECK(!name_under(STR("hospital.example.org"), STR("hospital.example")));
    CHECK(!name_under(STR("hospital.example"), STR("")));
    CHECK(!name_under(STR("a."), STR("")));
}

static void labels(void)
{
    CHECK_INT(name_labels(STR("")), 0);
    CHECK_INT(name_labels(STR("a")), 1);
    CHECK_INT(name_labels(STR("wiki.hospital.example")), 3);
    CHECK_INT(name_labels(STR("*.example")), 2);
}

static void mail_addresses(void)
{
    static const struct {
        const char *in;
        enum rc rc;
        const char *out;
    } cases[] = {
        {"alice@hospital.example", RC_OK, "alice@hospital.example"},
        {"Al.ice+x@HOSPITAL.Example", RC_OK, "Al.ice+x@hospital.example"},
        {"root@localhost", RC_OK, "root@localhost"},
        {"!#$%&'*+-/=?^_`{|}~@a", RC_OK, "!#$%&'*+-/=?^_`{|}~@a"},
        {"", RC_PARSE, ""},
        {"hospital.example", RC_PARSE, ""},
        {"@hospital.example", RC_PARSE, ""},
        {"alice@", RC_PARSE, ""},
        {"a@b@hospital.example", RC_PARSE, ""},
        {".alice@a", RC_PARSE, ""},
        {"alice.@a", RC_PARSE, ""},
        {"al..ice@a", RC_PARSE, ""},
        {"al ice@a", RC_PARSE, ""},
        {"\"al ice\"@a", RC_PARSE, ""},
        {"alice@[10.0.0.1]", RC_PARSE, ""},
        {"alice@10.0.0.1", RC_PARSE, ""},
        {"alice@*.a", RC_PARSE, ""},
        {"\xc3\xa9@a", RC_PARSE, ""},
        {"a@\xc3\xa9", RC_UNSUPPORTED, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[NAME_EMAIL_MAX + 1] = "";

        if (name_email_canonical(str_of(cases[i].in), out) != cases[i].rc)
            fail_msg("%s", cases[i].in);
        CHECK_STR(str_of(out), cases[i].out);
    }
    CHECK_STR(name_email_domain(STR("alice@hospital.example")), "hospital.example");
}

static void mail_addresses_end(void)
{
    char local[65 + 3], long_one[400], out[NAME_EMAIL_MAX + 1];

    memset(local, 'a', 64);
    memcpy(local + 64, "@b", 3);
    CHECK_OK(name_email_canonical(str_of(local), out));
    memset(local, 'a', 65);
    memcpy(local + 65, "@b", 3);
    CHECK_RC(name_email_canonical(str_of(local), out), RC_TOOBIG);
    memcpy(long_one, "a@" N253, sizeof("a@" N253));
    CHECK_RC(name_email_canonical(str_of(long_one), out), RC_TOOBIG);
}

static void uris(void)
{
    static const struct {
        const char *uri, *host; /* NULL: refused */
    } cases[] = {
        {"https://hospital.example", "hospital.example"},
        {"https://hospital.example/a/b?c=d&e", "hospital.example"},
        {"https://hospital.example?x", "hospital.example"},
        {"spiffe://hospital.example/ns/default/sa/web", "hospital.example"},
        {"https://hospital.example:8443/", "hospital.example"},
        {"https://10.0.0.5/", "10.0.0.5"},
        {"https://[fd00::1]:1/x", "fd00::1"},
        {"a+b-c.1://x/%41", "x"},
        {"", NULL},
        {"https:", NULL},
        {"https:/hospital.example", NULL},
        {"urn:uuid:1", NULL},
        {"https://", NULL},
        {"https:///x", NULL},
        {"HTTPS://hospital.example", NULL},
        {"1https://hospital.example", NULL},
        {"https://Hospital.example", NULL},
        {"https://hospital.example.", NULL},
        {"https://user@hospital.example", NULL},
        {"https://hospital.example/#f", NULL},
        {"https://hospital.example/a b", NULL},
        {"https://hospital.example/%4", NULL},
        {"https://hospital.example/%zz", NULL},
        {"https://hospital.example/\xc3\xa9", NULL},
        {"https://hospital.example:", NULL},
        {"https://hospital.example:x", NULL},
        {"https://hospital.example:65536", NULL},
        {"https://*.hospital.example/", NULL},
        {"https://fd00::1/", NULL},
        {"https://[fd00::1", NULL},
        {"https://[fd00::1]x", NULL},
        {"https://[FD00::1]/", NULL},
        {"https://[10.0.0.5]/", NULL},
        {"https://[hospital.example]/", NULL},
    };
    char big[NAME_URI_MAX + 2];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if ((name_uri_check(str_of(cases[i].uri)) == RC_OK) != (cases[i].host != NULL))
            fail_msg("%s", cases[i].uri);
        CHECK_STR(name_uri_host(str_of(cases[i].uri)), cases[i].host ? cases[i].host : "");
    }
    memset(big, 'a', sizeof(big));
    memcpy(big, "https://b/", 10);
    CHECK_OK(name_uri_check(str_bytes(big, NAME_URI_MAX)));
    CHECK_RC(name_uri_check(str_bytes(big, NAME_URI_MAX + 1)), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(mail_addresses), CHECK_TEST(mail_addresses_end), CHECK_TEST(uris),
           CHECK_TEST(canonical_form), CHECK_TEST(refuses_other_names), CHECK_TEST(wildcards),
           CHECK_TEST(in_place), CHECK_TEST(reversing), CHECK_TEST(below_a_domain),
           CHECK_TEST(labels))
