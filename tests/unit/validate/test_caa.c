/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8659 and RFC 8657: what records say, and which records count. */
#include "validator.h"

#include "validate/caa_rule.h"

#define ACCOUNT "https://ca.hospital.example:8555/acme/account/abc"

static const struct str us[] = {{"ca.hospital.example", 19}, {"hospital.example", 16}};

static enum rc judge(const char *const *records, bool wildcard, char text[static 1024])
{
    struct dns_record list[8] = {};
    struct err err = ERR_INIT;
    size_t n = 0;
    const struct caa_query q = {us, 2, STR(ACCOUNT), STR("http-01"), wildcard};
    enum rc rc;

    for (; records[n]; n++) {
        struct str rest = str_of(records[n]);

        list[n].flags = str_starts(rest, STR("!")) ? 0x80 : 0;
        rest = str_skip(rest, list[n].flags ? 1 : 0);
        str_cut(rest, ' ', &list[n].tag, &list[n].text);
    }
    rc = caa_judge(&q, list, n, &err);
    err_textz(&err, text, 1024);
    return rc;
}

struct sample {
    const char *records[4];
    const char *words; /* NULL: allowed */
    bool wildcard;
};

static void what_records_say(void)
{
    static const struct sample samples[] = {
        {{NULL}, NULL, false},
        {{"issue ca.hospital.example"}, NULL, false},
        {{"ISSUE CA.Hospital.Example"}, NULL, false},
        {{"issue \t ca.hospital.example \t"}, NULL, false},
        {{"issue other.example", "issue hospital.example"}, NULL, false},
        {{"issue other.example"},
         "allow other.example and not this CA, which they would call "
         "ca.hospital.example, hospital.example",
         false},
        {{"issue ;"}, "allow nobody and not", false},
        {{"issue "}, "allow nobody and not", false},
        {{"issue ca.hospital.example."}, "allow ca.hospital.example. and not", false},
        {{"issue xca.hospital.example"}, "and not this CA", false},
        {{"issue hospital.example; policy=ev"}, NULL, false},
        {{"issue hospital.example;"}, NULL, false},
        {{"issue hospital.example; policy"}, "cannot be understood", false},
        {{"issue hospital.example; a=b;"}, "cannot be understood", false},
        {{"issue hospital.example; -a=b"}, "cannot be understood", false},
        {{"issue hospital.example; a=b c"}, "cannot be understood", false},
        {{"issue %%%%%"}, "and not this CA", false},
        /* RFC 8657 */
        {{"issue hospital.example; accounturi=" ACCOUNT}, NULL, false},
        {{"issue hospital.example; accounturi=" ACCOUNT "d"}, "another account", false},
        {{"issue hospital.example; accounturi="}, "another account", false},
        {{"issue hospital.example; accounturi=" ACCOUNT "; accounturi=" ACCOUNT},
         "cannot be understood",
         false},
        {{"issue hospital.example; accounturi=x", "issue hospital.example"}, NULL, false},
        {{"issue hospital.example; validationmethods=dns-01,http-01"}, NULL, false},
        {{"issue hospital.example; validationmethods=dns-01"}, "this kind of challenge", false},
        {{"issue hospital.example; validationmethods=http-01; validationmethods=dns-01"},
         "cannot be understood",
         false},
        {{"issue hospital.example;accounturi=" ACCOUNT ";ValidationMethods=http-01"}, NULL, false},
        /* wildcards */
        {{"issuewild ;"}, NULL, false},
        {{"issuewild ;"}, "allow nobody", true},
        {{"issue other.example", "issuewild hospital.example"}, NULL, true},
        {{"issue other.example", "issuewild hospital.example"}, "not this CA", false},
        {{"issue hospital.example"}, NULL, true},
        {{"issue other.example"}, "not this CA", true},
        /* other properties */
        {{"iodef mailto:a@b.example"}, NULL, false},
        {{"future x"}, NULL, false},
        {{"!future x", "issue hospital.example"}, "has the property \"future\"", false},
        {{"!issue hospital.example", "!iodef mailto:a@b"}, NULL, false},
    };
    char text[1024];

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        enum rc rc = judge(s->records, s->wildcard, text);

        if (rc != (s->words ? RC_DENIED : RC_OK) || (s->words && !strstr(text, s->words)))
            fail_msg("sample %zu (%s): %s, \"%s\"", i, s->records[0], rc_text(rc), text);
    }
}

static const struct dns_fake_rr names[] = {
    {"www.hospital.example", 1, "10.0.0.1"},
    {"hospital.example", 257, "issue other.example"},
    {"ours.hospital.example", 257, "issue ca.hospital.example"},
    {"ours.hospital.example", 257, "issuewild ;"},
    {"www.ours.hospital.example", 1, "10.0.0.1"},
    {"alias.hospital.example", 5, "www.ours.hospital.example"},
    {"own.alias.hospital.example", 1, "10.0.0.1"},
    {"free.example", 1, "10.0.0.1"},
    {NULL, 0, NULL},
};

#define WEB                                                                                        \
    {                                                                                              \
        "10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)                                                 \
    }
#define URLS "urls: {api: \"https://ca.hospital.example:8555\"}\n"

static void climbs(void)
{
    WITH_WORLD(URLS, WEB);

    CHECK_OK(validate(&w, "www.ours.hospital.example"));
    CHECK(strstr(w.evidence, "\"caa\":[{\"name\":\"www.ours.hospital.example\",\"type\":\"CAA\""));
    FAILS("www.hospital.example", "caa", "allow other.example and not this CA");
    CHECK(strstr(w.text, ", at hospital.example."));
    CHECK(strstr(w.evidence, "0 issue \\\"other.example\\\""));
    CHECK_OK(validate(&w, "free.example"));
    CHECK_OK(validate(&w, "10.0.0.1")); /* addresses have no such records */
    CHECK(!strstr(w.evidence, "\"caa\""));
}

/* RFC 8659 section 3: an alias is followed, the tree above is that of the name itself. */
static void aliases(void)
{
    WITH_WORLD(URLS, WEB);

    FAILS("alias.hospital.example", "caa", "at hospital.example");
    FAILS("own.alias.hospital.example", "caa", "at hospital.example");
}

static void only_caa(void)
{
    WITH_WORLD(URLS);

    w.caa_only = true;
    CHECK_OK(validate(&w, "www.ours.hospital.example"));
    CHECK_INT(w.n_web, 0);
    w.wildcard = true;
    FAILS("www.ours.hospital.example", "caa", "allow nobody");
    w.wildcard = false;
    FAILS("www.hospital.example", "caa", "not this CA");
}

static void by_configuration(void)
{
    WITH_WORLD(URLS "validation: {caa: off}", WEB);

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(!strstr(w.evidence, "\"caa\""));
}

static void named_otherwise(void)
{
    WITH_WORLD("acme: {caa_identities: [x.example, other.example]}", WEB);

    CHECK_OK(validate(&w, "www.hospital.example"));
}

/* No answer forbids, but at the top. */
static void no_answer(const char *conf, enum rc at_top)
{
    static const struct dns_fake_rr top[] = {
        {"example", 257, "issue other.example"}, {"x.example", 1, "10.0.0.1"}, {NULL, 0, NULL}};
    WITH_WORLD(conf);

    w.server->rrs = top;
    w.caa_only = true;
    FAILS("x.example", "caa", "not this CA");
    w.server->broken = "example";
    CHECK_RC(validate(&w, "x.example"), at_top);
    w.server->broken = "x.example";
    FAILS("x.example", "dns", "whether CAA records forbid");
    w.server->silent = true;
    FAILS("x.example", "dns", "");
}

static void no_answer_at_the_top(void)
{
    no_answer(URLS, RC_OK);
}

static void no_answer_strict(void)
{
    no_answer(URLS "validation: {caa: strict}", RC_DENIED);
}

CHECK_MAIN(CHECK_TEST_ONCE(what_records_say), CHECK_TEST(climbs), CHECK_TEST(aliases),
           CHECK_TEST(only_caa), CHECK_TEST(by_configuration), CHECK_TEST(named_otherwise),
           CHECK_TEST(no_answer_at_the_top), CHECK_TEST(no_answer_strict))
