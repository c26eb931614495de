/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01 by the sections of draft-ietf-acme-dns-persist-02. */
#include "validator.h"

#define API "urls: {api: \"https://ca.hospital.example\"}\n"
#define ACCOUNT "https://ca.hospital.example/acme/account/abc"
#define HASHED "https://ca.hospital.example/acme/account-hash/sha-256/"
#define US "ca.hospital.example; accounturi=" ACCOUNT
#define AT(name) "_validation-persist." name ".hospital.example", 16
/* The clock of these tests stands at a day. */
#define PAST "86399"
#define FUTURE "90000"

static const struct dns_fake_rr names[] = {
    {AT("url"), US},
    {AT("spaces"), " \t ca.hospital.example ;\taccounturi = " ACCOUNT " "},
    {AT("case"), "CA.Hospital.Example; AccountURI=" ACCOUNT "; Policy=WildCard"},
    {AT("unknown"), US "; colour=green; colour=blue; x-1="},
    {AT("wild"), US "; policy=wildcard"},
    {AT("policy"), US "; policy=everything"},
    {AT("future"), US "; persistUntil=" FUTURE},
    {AT("never"), US "; persistUntil=99999999999999999999999999"},
    {AT("past"), US "; persistUntil=" PAST},
    {AT("now"), US "; persistUntil=86400"},
    {AT("zero"), US "; persistUntil=0"},
    {AT("word"), US "; persistUntil=tomorrow"},
    {AT("minus"), US "; persistUntil=-1"},
    {AT("void"), US "; persistUntil="},
    {AT("bare"), "ca.hospital.example"},
    {AT("empty"), "ca.hospital.example; accounturi="},
    {AT("semicolon"), US ";"},
    {AT("broken"), US "; policy"},
    {AT("inner"), US " policy=wildcard"},
    {AT("twice"), US "; accounturi=" ACCOUNT},
    {AT("twopolicies"), US "; policy=wildcard; POLICY=none"},
    {AT("theirs"), US "d"},
    {AT("upper"), "ca.hospital.example; accounturi=HTTPS://ca.hospital.example/acme/account/abc"},
    {AT("other"), "other.example; accounturi=" ACCOUNT},
    {AT("nobody"), "; accounturi=" ACCOUNT},
    {AT("dot"), "ca.hospital.example.; accounturi=" ACCOUNT},
    {AT("text"), "v=spf1 -all"},
    {AT("binary"), "\x01\xff\x80"},
    {AT("many"), "v=spf1 -all"},
    {AT("many"), "other.example; accounturi=https://other.example/1; policy=wildcard"},
    {AT("many"), US "d"},
    {AT("many"), US "; persistUntil=" PAST},
    {AT("many"), US},
    {AT("near"), "other.example; accounturi=https://other.example/1"},
    {AT("near"), US "d"},
    {AT("near"), US "; persistUntil=" PAST},
    {AT("near"), US "; a"},
    {AT("ends"), US "; persistUntil=88000"},
    {AT("ends"), US "; persistUntil=" FUTURE},
    {AT("ends"), US "; persistUntil=87000"},
    {AT("mixed"), US "; persistUntil=88000"},
    {AT("mixed"), US},
    {AT("mixed"), US "; persistUntil=87000"},
    {"_validation-persist.old.hospital.example", 5, "records.hospital.example"},
    {"records.hospital.example", 16, US},
    {AT("short"), "ca.hospital.example; accounturi=" HASHED "5SQm7n6tPh2"},
    {AT("sha3"), "ca.hospital.example; accounturi="
                 "https://ca.hospital.example/acme/account-hash/sha3-256/"
                 "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"},
    {AT("odd"),
     "ca.hospital.example; accounturi=" HASHED "5SQm7n6tPh2+PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"},
    {AT("copied"),
     "ca.hospital.example; accounturi=" HASHED "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"},
    /* Section 10.2, and the same with "*" for the domain. */
    {"_validation-persist.example.com", 16,
     "ca.hospital.example; accounturi=" HASHED "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"},
    {"_validation-persist.any.example", 16,
     "ca.hospital.example; accounturi=" HASHED "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"},
    {NULL, 0, NULL},
};

#define WITH_PERSIST(more)                                                                         \
    WITH_WORLD(API more);                                                                          \
    w.challenge = "dns-persist-01";                                                                \
    w.account = ACCOUNT

/* Section 4.1, items 1 to 3. */
static void by_account(void)
{
    WITH_PERSIST("");

    CHECK_OK(validate(&w, "url.hospital.example"));
    CHECK(strstr(w.evidence, "\"record\":\"_validation-persist.url.hospital.example\""));
    CHECK_INT(w.until, 0);
    CHECK_OK(validate(&w, "spaces.hospital.example"));
    CHECK_OK(validate(&w, "case.hospital.example"));
    CHECK_OK(validate(&w, "unknown.hospital.example"));
    CHECK_OK(validate(&w, "old.hospital.example"));
    FAILS(
        "theirs.hospital.example", "unauthorized",
        "dns-persist-01 for theirs.hospital.example: _validation-persist.theirs.hospital.example "
        "has 1 TXT record, says 10.0.0.53:53: the one that is for this CA is for another account");
    CHECK(strstr(w.text, "Write beside them _validation-persist.theirs.hospital.example TXT "
                         "\"" US "\""));
    FAILS("upper.hospital.example", "unauthorized", "another account");
    w.account = NULL;
    FAILS("url.hospital.example", "serverInternal", "set `urls.api`");
}

static void by_hash(void)
{
    WITH_PERSIST("");

    FAILS("short.hospital.example", "malformed", "no hash by sha-256");
    FAILS("sha3.hospital.example", "malformed", "no hash by sha-256");
    FAILS("odd.hospital.example", "malformed", "no hash by sha-256");
    FAILS("copied.hospital.example", "unauthorized", "another account");
    w.key = TOKEN ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    w.account = "https://ca.example/acct/123";
    CHECK_OK(validate(&w, "example.com"));
    CHECK_OK(validate(&w, "any.example"));
    w.key = NULL;
    FAILS("example.com", "unauthorized", "a key that the account no longer has");
    FAILS("any.example", "unauthorized", "another account");
}

/* Section 9.3.1. */
static void malformed(void)
{
    WITH_PERSIST("");

    FAILS("bare.hospital.example", "malformed", "has no accounturi");
    FAILS("empty.hospital.example", "malformed", "has no accounturi");
    FAILS("semicolon.hospital.example", "malformed", "RFC 8659 section 4.2");
    FAILS("broken.hospital.example", "malformed", "RFC 8659 section 4.2");
    FAILS("inner.hospital.example", "malformed", "RFC 8659 section 4.2");
    FAILS("twice.hospital.example", "malformed", "has a parameter twice");
    FAILS("twopolicies.hospital.example", "malformed", "has a parameter twice");
    FAILS("word.hospital.example", "malformed", "not a number of seconds");
    FAILS("minus.hospital.example", "malformed", "not a number of seconds");
    FAILS("void.hospital.example", "malformed", "not a number of seconds");
}

static void for_others(void)
{
    WITH_PERSIST("");

    FAILS("other.hospital.example", "unauthorized",
          "none of them is for this CA; they name other.example");
    FAILS("nobody.hospital.example", "unauthorized", "they name nobody");
    FAILS("dot.hospital.example", "unauthorized", "they name ca.hospital.example.");
    FAILS("text.hospital.example", "unauthorized", "they name v=spf1 -all");
    FAILS("binary.hospital.example", "unauthorized", "they name nobody");
}

/* Section 4.3.2: any of several. */
static void several(void)
{
    WITH_PERSIST("");

    CHECK_OK(validate(&w, "many.hospital.example"));
    FAILS("near.hospital.example", "unauthorized",
          "has 4 TXT records, says 10.0.0.53:53: the one that is for this CA ended at "
          "1970-01-01T23:59:59Z");
}

/* Section 4.1, item 4, and section 5. */
static void wildcards(void)
{
    WITH_PERSIST("");

    CHECK_OK(validate(&w, "wild.hospital.example"));
    CHECK_OK(validate(&w, "policy.hospital.example"));
    w.wildcard = true;
    CHECK_OK(validate(&w, "wild.hospital.example"));
    CHECK_OK(validate(&w, "case.hospital.example"));
    FAILS("policy.hospital.example", "unauthorized", "does not allow wildcards");
    CHECK(strstr(w.text, US "; policy=wildcard\""));
    FAILS("url.hospital.example", "unauthorized",
          "dns-persist-01 for *.url.hospital.example: _validation-persist.url.hospital.example");
    FAILS("many.hospital.example", "unauthorized", "does not allow wildcards");
}

/* Section 4.1, item 5. */
static void ends(void)
{
    WITH_PERSIST("");

    CHECK_OK(validate(&w, "future.hospital.example"));
    CHECK_INT(w.until, 90000 * WHEN_SECOND);
    CHECK_OK(validate(&w, "never.hospital.example"));
    CHECK_INT(w.until, 0);
    CHECK_OK(validate(&w, "ends.hospital.example"));
    CHECK_INT(w.until, 90000 * WHEN_SECOND);
    CHECK_OK(validate(&w, "mixed.hospital.example"));
    CHECK_INT(w.until, 0);
    FAILS("past.hospital.example", "unauthorized", "(persistUntil)");
    FAILS("zero.hospital.example", "unauthorized", "(persistUntil)");
    CHECK_OK(validate(&w, "now.hospital.example"));
    clock_fake_advance(&w.clock, 1);
    FAILS("now.hospital.example", "unauthorized", "ended at 1970-01-02T00:00:00Z");
}

static void lookups(void)
{
    WITH_PERSIST("");

    FAILS("none.hospital.example", "unauthorized",
          "there is no name _validation-persist.none.hospital.example");
    CHECK(strstr(w.text, "Write one, _validation-persist.none.hospital.example TXT \"" US "\""));
    w.server->rcode = 2;
    FAILS("url.hospital.example", "dns", "10.0.0.53:53 (SERVFAIL)");
    w.server->rcode = 0;
    w.server->silent = true;
    FAILS("url.hospital.example", "dns", "no name server answered in time");
    CHECK_RC(validate(&w, "10.0.0.1"), RC_INVAL);
    FAILS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.hospital.example",
          "dns", "cannot be as long");
}

/* Section 3.1: each of the names that the challenge lists. */
static void issuers(void)
{
    WITH_PERSIST("acme: {caa_identities: [example.org, ca.hospital.example]}\n");

    CHECK_OK(validate(&w, "url.hospital.example"));
    FAILS("other.hospital.example", "unauthorized", "TXT \"example.org; accounturi=" ACCOUNT "\"");
}

CHECK_MAIN(CHECK_TEST(by_account), CHECK_TEST(by_hash), CHECK_TEST(malformed),
           CHECK_TEST(for_others), CHECK_TEST(several), CHECK_TEST(wildcards), CHECK_TEST(ends),
           CHECK_TEST(lookups), CHECK_TEST(issuers))
