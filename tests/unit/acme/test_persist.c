/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01 as clients see it (draft-ietf-acme-dns-persist-02 sections 3 and 4.1); what the
 * record says is tests/unit/validate/test_persist01.c. */
#include "acme_client.h"

#define CONFIG(challenges)                                                                         \
    "organization: Example Hospital\n"                                                             \
    "country: DE\n"                                                                                \
    "domain: hospital.example\n"                                                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy: [{name: all, allow: [\"*.hospital.example\"], wildcards: true,"                       \
    " challenges: [" challenges "]}]\n"
#define NAME "a.hospital.example"

struct lab {
    struct world w;
    struct client c;
    char order[256], authorization[256];
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *config, const char *name)
{
    return world_start(&l->w, NULL) && world_reload(&l->w, config) && client_start(&l->c, &l->w) &&
           client_register(&l->c) && client_order(&l->c, name, l->order) &&
           client_authorization(&l->c, l->order, l->authorization);
}

static const struct json *challenge_of(const struct reply *r, const char *type)
{
    struct json_iter it = json_iter(json_get(r->json, "challenges"));
    const struct json *v;
    struct str text;

    while (json_next(&it, NULL, &v))
        if (json_str(json_get(v, "type"), &text) == RC_OK && str_eq(text, str_of(type)))
            return v;
    return NULL;
}

static void names_us(const struct json *object, const char *key)
{
    struct json_iter it = json_iter(json_get(object, key));
    const struct json *v;
    struct str text = STR("");

    CHECK_INT(json_len(json_get(object, key)), 1);
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_str(v, &text));
    CHECK_STR(text, "ca.hospital.example");
}

/* Section 3.1: issuers and no token; what clients of -00 and -01 read is there too. */
static void challenge_object(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    const struct json *persist, *dns;
    struct str uri = STR("");

    CHECK(lab_start(&l, CONFIG("dns-01, dns-persist-01"), NAME));
    r = client_post(&l.c, l.authorization, "");
    persist = challenge_of(&r, "dns-persist-01");
    dns = challenge_of(&r, "dns-01");
    CHECK(persist && dns);
    names_us(persist, "issuerDomainNames");
    names_us(persist, "issuer-domain-names");
    CHECK(!json_get(persist, "token"));
    CHECK_OK(json_str(json_get(persist, "accounturi"), &uri));
    CHECK(str_starts(uri, STR("https://ca.hospital.example:8555/acme/account/")));
    CHECK(json_get(dns, "token"));
    CHECK(!json_get(dns, "issuerDomainNames"));
}

/* Sections 3.2 and 4.1: in the directory where a rule has it, and only there. */
static void directory(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply without = {.x = NULL};
    const struct json *meta;
    struct str prefix = STR("");

    CHECK(lab_start(&l, CONFIG("dns-persist-01"), NAME));
    r = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    meta = json_get(r.json, "meta");
    names_us(meta, "issuerDomainNames");
    names_us(meta, "caaIdentities");
    CHECK_OK(json_str(json_get(meta, "accountHashPrefix"), &prefix));
    CHECK_STR(prefix, "https://ca.hospital.example:8555/acme/account-hash/");
    CHECK(world_reload(&l.w, CONFIG("dns-01")));
    without = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    meta = json_get(without.json, "meta");
    CHECK(!json_get(meta, "issuerDomainNames"));
    CHECK(!json_get(meta, "accountHashPrefix"));
}

static void wildcard(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("dns-persist-01"), "*.hospital.example"));
    CHECK(client_validate(&l.c, l.order));
    issued = client_finalize(&l.c, l.order, "*.hospital.example");
    CHECK_STR(reply_text(&issued, "status"), "valid");
}

/* Section 4.1, item 5: the authorization ends with the record, and no certificate rests on it
 * afterwards. WORLD_NOW is 2027-01-15T08:00:00Z. */
static void ends_with_the_record(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("dns-persist-01"), NAME));
    l.w.until = WORLD_NOW + WHEN_HOUR;
    CHECK(client_validate(&l.c, l.order));
    r = client_post(&l.c, l.authorization, "");
    CHECK_STR(reply_text(&r, "status"), "valid");
    CHECK_STR(reply_text(&r, "expires"), "2027-01-15T09:00:00Z");
    clock_fake_advance(&l.w.clock, WHEN_HOUR + WHEN_SECOND);
    late = client_finalize(&l.c, l.order, NAME);
    CHECK_STR(reply_problem(&late), "unauthorized");
}

/* One that ends later than authorizations do lives no longer. */
static void ends_as_others_do(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    char text[WHEN_TEXT];

    CHECK(lab_start(&l, CONFIG("dns-persist-01"), NAME));
    l.w.until = WORLD_NOW + 60 * WHEN_DAY;
    CHECK(client_validate(&l.c, l.order));
    r = client_post(&l.c, l.authorization, "");
    CHECK_STR(reply_text(&r, "expires"), when_text(WORLD_NOW + 30 * WHEN_DAY, text));
}

CHECK_MAIN(CHECK_TEST_ONCE(challenge_object), CHECK_TEST_ONCE(directory), CHECK_TEST_ONCE(wildcard),
           CHECK_TEST_ONCE(ends_with_the_record), CHECK_TEST_ONCE(ends_as_others_do))
