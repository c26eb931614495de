/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9444, clause by clause: one proof for a domain that counts for all below it. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "x509/cert.h"

#define NAME "a.hospital.example"
#define CONFIG(rule)                                                                               \
    "organization: Example Hospital\n"                                                             \
    "country: DE\n"                                                                                \
    "domain: hospital.example\n"                                                                   \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy: [{name: a, allow: [\"*.hospital.example\"]" rule "}]\n"
#define DNS ", challenges: [http-01, dns-01]"
#define ALLOWED CONFIG(DNS ", wildcards: true, subdomains: true")

struct lab {
    struct world w;
    struct client c;
    char authz[256]; /* of the last order, or made ahead */
    char order[256];
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *config)
{
    return world_start(&l->w, NULL) && client_start(&l->c, &l->w) && client_register(&l->c) &&
           world_reload(&l->w, config);
}

static void status_is(struct client *c, const char *url, const char *status)
{
    CLEANUP(reply_done) struct reply r = client_post(c, url, "");

    CHECK_STR(reply_text(&r, "status"), status);
}

/* An order with these identifiers, JSON; `n` authorizations, the first into l->authz. */
static void orders(struct lab *l, const char *identifiers, size_t n)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct str url = STR("");
    struct json_iter it;
    const struct json *v = NULL;
    char payload[1024];

    snprintf(payload, sizeof(payload), "{\"identifiers\":[%s]}", identifiers);
    r = client_post(&l->c, "/acme/new-order", payload);
    CHECK_INT(r.status, 201);
    CHECK_INT(json_len(json_get(r.json, "authorizations")), n);
    CHECK_OK(str_copyz(world_header(r.x, "Location"), l->order, sizeof(l->order)));
    it = json_iter(json_get(r.json, "authorizations"));
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_str(v, &url));
    CHECK_OK(str_copyz(url, l->authz, sizeof(l->authz)));
}

/* What l->authz is for, and whether it says that it counts for all below. */
static void authorizes(struct lab *l, const char *name, bool below, size_t challenges)
{
    CLEANUP(reply_done) struct reply r = client_post(&l->c, l->authz, "");
    struct str value = STR("");
    bool said = !below;

    CHECK_OK(json_str(json_get(json_get(r.json, "identifier"), "value"), &value));
    CHECK_STR(value, name);
    CHECK_OK(json_bool(json_get(r.json, "subdomainAuthAllowed"), &said));
    CHECK_INT(said, below);
    CHECK_INT(json_len(json_get(r.json, "challenges")), challenges);
    CHECK(!json_get(r.json, "wildcard"));
}

static void finalizes(struct lab *l, const char *names, const char *problem)
{
    CLEANUP(reply_done) struct reply r = client_finalize(&l->c, l->order, names);

    if (problem)
        CHECK_STR(reply_problem(&r), problem);
    else
        CHECK_STR(reply_text(&r, "status"), "valid");
}

static void ahead(struct lab *l, const char *name, int status)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    char payload[512];

    snprintf(payload, sizeof(payload),
             "{\"identifier\":{\"type\":\"dns\",\"value\":\"%s\",\"subdomainAuthAllowed\":true}}",
             name);
    r = client_post(&l->c, "/acme/new-authz", payload);
    CHECK_INT(r.status, status);
    if (status == 201)
        CHECK_OK(str_copyz(world_header(r.x, "Location"), l->authz, sizeof(l->authz)));
}

/* Section 4.4: said where it works, and nowhere else. */
static void said_in_directory(void)
{
    static const struct {
        const char *config;
        bool said;
    } cases[] = {
        {ALLOWED, true},
        {CONFIG(DNS), false},
        {CONFIG(", subdomains: true"), false}, /* http-01 alone cannot prove it */
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, ALLOWED));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};
        bool said = false;

        CHECK(world_reload(&l.w, cases[i].config));
        r = client_raw(&l.c, "GET", "/acme/directory", STR(""));
        IGNORE_RC(json_bool(json_get(json_get(r.json, "meta"), "subdomainAuthAllowed"), &said));
        CHECK_INT(said, cases[i].said);
    }
}

/* Section 4.2: ahead of orders, in the identifier; it counts for names below, and for no others. */
static void ahead_of_orders(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char authz[256];

    CHECK(lab_start(&l, ALLOWED));
    ahead(&l, NAME, 201);
    authorizes(&l, NAME, true, 1);
    CHECK(client_prove(&l.c, l.authz));
    ahead(&l, NAME, 200); /* there is one */
    CHECK_OK(str_copyz(str_of(l.authz), authz, sizeof(authz)));
    orders(&l, "{\"type\":\"dns\",\"value\":\"x.y." NAME "\"}", 1);
    CHECK_STR(str_of(l.authz), authz);
    status_is(&l.c, l.order, "ready");
    finalizes(&l, "x.y." NAME, NULL);
    orders(&l, "{\"type\":\"dns\",\"value\":\"*." NAME "\"}", 1);
    status_is(&l.c, l.order, "ready");
    finalizes(&l, "*." NAME, NULL);
    orders(&l, "{\"type\":\"dns\",\"value\":\"z." NAME "\",\"ancestorDomain\":\"" NAME "\"}", 1);
    CHECK_STR(str_of(l.authz), authz);
    orders(&l, "{\"type\":\"dns\",\"value\":\"b.hospital.example\"}", 1);
    status_is(&l.c, l.order, "pending");
    orders(&l, "{\"type\":\"dns\",\"value\":\"x" NAME "\"}", 1);
    status_is(&l.c, l.order, "pending");
}

/* The domain of a rule "*.d" may be proven although no certificate can name it. */
static void ahead_for_what_no_rule_names(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(lab_start(&l, ALLOWED));
    ahead(&l, "hospital.example", 201);
    authorizes(&l, "hospital.example", true, 1);
    CHECK(client_prove(&l.c, l.authz));
    orders(&l, "{\"type\":\"dns\",\"value\":\"" NAME "\"}", 1);
    status_is(&l.c, l.order, "ready");
    r = client_post(&l.c, "/acme/new-order",
                    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"hospital.example\"}]}");
    CHECK_STR(reply_problem(&r), "rejectedIdentifier");
}

/* Section 4.3: in an order, one proof for all that name the same domain. */
static void in_an_order(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, ALLOWED));
    orders(&l,
           "{\"type\":\"dns\",\"value\":\"x.y." NAME
           "\",\"ancestorDomain\":\"A.hospital.example\"},"
           "{\"type\":\"dns\",\"value\":\"*.y." NAME "\",\"ancestorDomain\":\"" NAME "\"}",
           1);
    authorizes(&l, NAME, true, 1);
    status_is(&l.c, l.order, "pending");
    CHECK(client_prove(&l.c, l.authz));
    status_is(&l.c, l.order, "ready");
    finalizes(&l, "x.y." NAME ",*.y." NAME, NULL);
    /* Made in an order and not ahead, it is of that order alone. */
    orders(&l, "{\"type\":\"dns\",\"value\":\"q." NAME "\"}", 1);
    status_is(&l.c, l.order, "pending");
    /* Beside one that is proven by itself, and a wildcard directly below. */
    orders(&l,
           "{\"type\":\"dns\",\"value\":\"b.hospital.example\"},"
           "{\"type\":\"dns\",\"value\":\"*." NAME "\",\"ancestorDomain\":\"" NAME "\"}",
           2);
    authorizes(&l, "b.hospital.example", false, 2);
}

/* Sections 4.2 and 4.3: what the policy does not allow becomes an authorization for the name. */
static void as_the_policy_has_it(void)
{
    static const char *const refusing[] = {
        CONFIG(DNS), CONFIG(", subdomains: true"),
        CONFIG(DNS "}, {name: t, allow: [\"*\"]" DNS ", subdomains: true, eab: [team]")};
    static const char order[] =
        "{\"type\":\"dns\",\"value\":\"x." NAME "\",\"ancestorDomain\":\"" NAME "\"}";
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, ALLOWED));
    for (size_t i = 0; i < sizeof(refusing) / sizeof(refusing[0]); i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};
        struct str value = STR("");
        bool below = false;

        CHECK(world_reload(&l.w, refusing[i]));
        orders(&l, order, 1);
        r = client_post(&l.c, l.authz, "");
        CHECK_OK(json_str(json_get(json_get(r.json, "identifier"), "value"), &value));
        CHECK_STR(value, "x." NAME);
        CHECK(json_bool(json_get(r.json, "subdomainAuthAllowed"), &below) != RC_OK || !below);
    }
    /* A domain above the rule's is not one that it gives away. */
    CHECK(world_reload(&l.w, CONFIG(DNS "}, {name: b, allow: [\"*.d.hospital.example\"]" DNS
                                        ", subdomains: true")));
    orders(&l,
           "{\"type\":\"dns\",\"value\":\"x.d.hospital.example\",\"ancestorDomain\":"
           "\"hospital.example\"}",
           1);
    authorizes(&l, "x.d.hospital.example", false, 2);
    orders(&l,
           "{\"type\":\"dns\",\"value\":\"x.d.hospital.example\",\"ancestorDomain\":"
           "\"d.hospital.example\"}",
           1);
    authorizes(&l, "d.hospital.example", true, 1);
    ahead(&l, NAME, 201);
    authorizes(&l, NAME, false, 2);
}

/* A rule that was withdrawn is withdrawn from what was proven under it. */
static void judged_again(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, ALLOWED));
    ahead(&l, NAME, 201);
    CHECK(client_prove(&l.c, l.authz));
    orders(&l, "{\"type\":\"dns\",\"value\":\"x." NAME "\",\"ancestorDomain\":\"" NAME "\"}", 1);
    status_is(&l.c, l.order, "ready");
    CHECK_OK(str_copyz(str_of(l.order), order, sizeof(order)));
    CHECK(world_reload(&l.w, CONFIG(DNS)));
    orders(&l, "{\"type\":\"dns\",\"value\":\"y." NAME "\"}", 1);
    status_is(&l.c, l.order, "pending");
    CHECK_OK(str_copyz(str_of(order), l.order, sizeof(l.order)));
    finalizes(&l, "x." NAME, "unauthorized");
    CHECK_INT(l.w.signatures, 0);
}

static void malformed(void)
{
    static const struct {
        const char *path, *payload;
    } cases[] = {
        {"/acme/new-authz",
         "{\"identifier\":{\"type\":\"dns\",\"value\":\"" NAME "\",\"subdomainAuthAllowed\":1}}"},
        {"/acme/new-authz", "{\"identifier\":{\"type\":\"ip\",\"value\":\"10.1.2.3\","
                            "\"subdomainAuthAllowed\":true}}"},
#define ORDER(value, ancestor)                                                                     \
    {"/acme/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" value                   \
                        "\",\"ancestorDomain\":" ancestor "}]}"}
        ORDER(NAME, "1"),
        ORDER(NAME, "\"\""),
        ORDER(NAME, "\"" NAME "\""),
        ORDER(NAME, "\"spital.example\""),
        ORDER(NAME, "\"*.hospital.example\""),
        ORDER(NAME, "\"x." NAME "\""),
        ORDER(NAME, "\"b.hospital.example\""),
        {"/acme/new-order", "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"10.1.2.3\","
                            "\"ancestorDomain\":\"hospital.example\"}]}"},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, ALLOWED));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = client_post(&l.c, cases[i].path, cases[i].payload);

        CHECK_STR(reply_problem(&r), "malformed");
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(said_in_directory), CHECK_TEST_ONCE(ahead_of_orders),
           CHECK_TEST_ONCE(ahead_for_what_no_rule_names), CHECK_TEST_ONCE(in_an_order),
           CHECK_TEST_ONCE(as_the_policy_has_it), CHECK_TEST_ONCE(judged_again),
           CHECK_TEST_ONCE(malformed))
