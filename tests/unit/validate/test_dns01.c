/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 8.4, and dns-account-01. */
#include "validator.h"

/* base64url of SHA-256 of KEY_AUTHORIZATION. */
#define DIGEST "_jDmUm9vEW6gs4NrBwTTYQkf0lrsGnH9-YmfcgExHl4"
#define ACCOUNT "https://example.com/acme/acct/ExampleAccount"

static const struct dns_fake_rr names[] = {
    {"_acme-challenge.www.hospital.example", 16, "another"},
    {"_acme-challenge.www.hospital.example", 16, DIGEST},
    {"_acme-challenge.old.hospital.example", 16, "another"},
    {"_acme-challenge.two.hospital.example", 16, "another"},
    {"_acme-challenge.two.hospital.example", 16, KEY_AUTHORIZATION},
    {"_acme-challenge.alias.hospital.example", 5, "x.acme.hospital.example"},
    {"x.acme.hospital.example", 16, DIGEST},
    {"_acme-challenge.empty.hospital.example", 1, "10.0.0.1"},
    {"_acme-challenge.round.hospital.example", 5, "_acme-challenge.round.hospital.example"},
    {"_acme-challenge.*.hospital.example", 16, DIGEST},
    /* The draft's own example. */
    {"_ujmmovf2vn55tgye._acme-challenge.example.org", 16, DIGEST},
    {NULL, 0, NULL},
};

static void proven(void)
{
    WITH_WORLD("");

    w.challenge = "dns-01";
    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.evidence, "\"record\":\"_acme-challenge.www.hospital.example\""));
    CHECK(strstr(w.evidence, "\"server\":\"10.0.0.53:53\""));
    CHECK_OK(validate(&w, "alias.hospital.example"));
    w.wildcard = true;
    CHECK_OK(validate(&w, "www.hospital.example"));
}

static void not_proven(void)
{
    WITH_WORLD("");

    w.challenge = "dns-01";
    FAILS("old.hospital.example", "unauthorized",
          "dns-01 for old.hospital.example: _acme-challenge.old.hospital.example has 1 TXT record, "
          "of which none is the digest");
    FAILS("two.hospital.example", "unauthorized", "has 2 TXT records");
    CHECK(strstr(w.text, "says 10.0.0.53:53"));
    FAILS("none.hospital.example", "unauthorized",
          "there is no name _acme-challenge.none.hospital.example, says 10.0.0.53:53");
    FAILS("empty.hospital.example", "unauthorized", "has no TXT record");
    FAILS("round.hospital.example", "dns", "run in a circle");
    w.server->rcode = 2;
    FAILS("www.hospital.example", "dns", "10.0.0.53:53 (SERVFAIL)");
    w.server->rcode = 0;
    w.server->silent = true;
    FAILS("www.hospital.example", "dns", "no name server answered in time");
    CHECK_RC(validate(&w, "10.0.0.1"), RC_INVAL);
    FAILS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.hospital.example",
          "dns", "cannot be as long");
}

static void by_account(void)
{
    WITH_WORLD("");

    w.challenge = "dns-account-01";
    w.account = ACCOUNT;
    CHECK_OK(validate(&w, "example.org"));
    FAILS("www.hospital.example", "unauthorized",
          "there is no name _ujmmovf2vn55tgye._acme-challenge.www.hospital.example");
    w.account = ACCOUNT "2";
    FAILS("example.org", "unauthorized", "there is no name _");
    w.account = NULL;
    FAILS("example.org", "serverInternal", "set `urls.api`");
}

CHECK_MAIN(CHECK_TEST(proven), CHECK_TEST(not_proven), CHECK_TEST(by_account))
