/* SPDX-License-Identifier: Apache-2.0 */
/* "What does the CA see?" for clients: who may ask, about what, how often; and what the answer says
 * of what was seen. */
#include "acme_client.h"

#include <stdio.h>

#define NAME "a.hospital.example"
#define PATH ACME_PREFLIGHT_PATH
#define IDENTIFIER "{\"identifier\":{\"type\":\"dns\",\"value\":\"" NAME "\"}}"
#define CAA_FINE "\"caa\":{\"challenge\":\"http-01\",\"ok\":true}"

static const char reachable[] =
    "{\"views\":[],\"http\":{\"challenge\":\"http-01\",\"ok\":false,\"type\":\"unauthorized\","
    "\"why\":\"404\"}," CAA_FINE "}";
static const char proven[] =
    "{\"views\":[],\"attempt\":{\"challenge\":\"http-01\",\"ok\":true}," CAA_FINE "}";
static const char unproven[] =
    "{\"views\":[],\"attempt\":{\"challenge\":\"http-01\",\"ok\":false,\"type\":\"connection\","
    "\"why\":\"nobody answers\"}," CAA_FINE "}";

struct lab {
    struct world w;
    struct client c;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *seen)
{
    if (!world_start(&l->w, NULL) || !client_start(&l->c, &l->w) || !client_register(&l->c))
        return false;
    l->w.seen = seen;
    l->w.seen_rc = RC_OK;
    return true;
}

static void says(const struct reply *r, bool wanted, size_t problems)
{
    const struct json *v = json_get(r->json, "verdict");
    bool ok = !wanted;

    CHECK_INT(r->status, 200);
    CHECK_OK(json_bool(json_get(v, "ok"), &ok));
    CHECK_INT(ok, wanted);
    CHECK_INT(json_type(json_get(v, "do")), JSON_STRING);
    CHECK_INT(json_len(json_get(v, "problems")), problems);
}

static void offered(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply private = {.x = NULL};
    struct str url = STR("");

    CHECK(lab_start(&l, reachable));
    r = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    CHECK_OK(json_str(json_get(json_get(r.json, "meta"), "preflight"), &url));
    CHECK_STR(url, CLIENT_BASE PATH);
    l.w.private_listener = true; /* it is not there */
    private = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    CHECK(json_get(private.json, "meta") && !json_get(json_get(private.json, "meta"), "preflight"));
}

/* About a name: what was seen as it is, and what stands in the way. */
static void about_a_name(void)
{
    static const struct {
        const char *seen;
        bool ok;
        size_t problems;
    } cases[] = {
        {reachable, true, 0},
        {"{\"http\":{\"ok\":false,\"type\":\"incorrectResponse\",\"why\":\"x\"}," CAA_FINE "}",
         true, 0},
        {"{\"http\":{\"ok\":false,\"type\":\"connection\",\"why\":\"x\"}," CAA_FINE "}", false, 1},
        {"{\"http\":{\"ok\":false,\"type\":\"dns\",\"why\":\"x\"}," CAA_FINE "}", false, 1},
        {"{\"http\":{\"ok\":false,\"type\":\"unauthorized\",\"why\":\"x\"},"
         "\"caa\":{\"ok\":false,\"type\":\"caa\",\"why\":\"y\"}}",
         false, 1},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, reachable));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        l.w.seen = cases[i].seen;
        r = client_post(&l.c, PATH, IDENTIFIER);
        says(&r, cases[i].ok, cases[i].problems);
        CHECK(json_get(json_get(r.json, "seen"), "http") != NULL);
    }
    CHECK_STR(str_of(l.w.seen_name), NAME);
    CHECK_STR(str_of(l.w.seen_challenge), "");
}

static struct reply ask_challenge(struct lab *l, const char *url)
{
    char payload[512];

    snprintf(payload, sizeof(payload), "{\"challenge\":\"%s\"}", url);
    return client_post(&l->c, PATH, payload);
}

/* About a challenge of its own that is pending: with the proof that it wants. Nothing is decided.
 */
static void about_a_challenge(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(reply_done) struct reply bad = {.x = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    CLEANUP(reply_done) struct reply pending = {.x = NULL};
    char order[256], url[256];

    CHECK(lab_start(&l, unproven));
    CHECK(client_order(&l.c, NAME, order));
    CHECK(client_challenge(&l.c, order, url));
    bad = ask_challenge(&l, url);
    says(&bad, false, 1);
    CHECK_STR(str_of(l.w.seen_challenge), "http-01");
    CHECK(strchr(l.w.seen_proof, '.') != NULL);
    l.w.seen = proven;
    good = ask_challenge(&l, url);
    says(&good, true, 0);
    pending = client_post(&l.c, url, "");
    CHECK_STR(reply_text(&pending, "status"), "pending");
    CHECK_INT(l.w.validations, 0);
    CHECK(client_start(&other, &l.w));
    CHECK(client_register(&other));
    {
        struct client mine = l.c;

        l.c = other;
        foreign = ask_challenge(&l, url);
        l.c = mine;
    }
    CHECK_INT(foreign.status, 404);
    CHECK(client_validate(&l.c, order));
    late = ask_challenge(&l, url);
    CHECK_INT(late.status, 404);
    CHECK_INT(l.w.n_seen, 2);
}

/* Whoever may not order a name learns nothing of it, and unsigned nobody learns anything. */
static void not_for_everybody(void)
{
    static const struct {
        const char *payload, *problem;
    } cases[] = {
        {"{}", "malformed"},
        {"{\"challenge\":1}", "malformed"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"" NAME "\"},\"challenge\":\"x\"}",
         "malformed"},
        {"{\"challenge\":\"https://elsewhere.example/acme/challenge/x\"}", "malformed"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"www.example.com\"}}", "rejectedIdentifier"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"*." NAME "\"}}", "rejectedIdentifier"},
        {"{\"identifier\":{\"type\":\"ip\",\"value\":\"127.0.0.1\"}}", "rejectedIdentifier"},
        {"{\"identifier\":{\"type\":\"ip\",\"value\":\"169.254.169.254\"}}", "rejectedIdentifier"},
        {"{\"identifier\":{\"type\":\"email\",\"value\":\"a@b.c\"}}", "unsupportedIdentifier"},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply unsigned_one = {.x = NULL};
    CLEANUP(reply_done) struct reply get = {.x = NULL};
    CLEANUP(reply_done) struct reply key = {.x = NULL};
    CLEANUP(reply_done) struct reply ended = {.x = NULL};
    CLEANUP(reply_done) struct reply off = {.x = NULL};
    char kid[256];

    CHECK(lab_start(&l, reachable));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = client_post(&l.c, PATH, cases[i].payload);

        CHECK_STR(reply_problem(&r), cases[i].problem);
    }
    unsigned_one = client_raw(&l.c, "POST", PATH, STR(IDENTIFIER));
    CHECK_INT(unsigned_one.status, 400);
    get = client_raw(&l.c, "GET", PATH, STR(""));
    CHECK_INT(get.status, 405);
    CHECK_OK(str_copyz(str_of(l.c.kid), kid, sizeof(kid)));
    l.c.kid[0] = '\0';
    key = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_STR(reply_problem(&key), "malformed");
    CHECK_OK(str_copyz(str_of(kid), l.c.kid, sizeof(l.c.kid)));
    off = client_post(&l.c, kid, "{\"status\":\"deactivated\"}");
    CHECK_INT(off.status, 200);
    ended = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_STR(reply_problem(&ended), "unauthorized");
    CHECK_INT(l.w.n_seen, 0);
}

/* One at a time for each account, three for all, and so many in an hour. */
static void credits(void)
{
    enum { CLIENTS = ACME_PREFLIGHTS_MAX + 1 };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct client others[CLIENTS] = {};
    struct world_call calls[CLIENTS];

    CHECK(lab_start(&l, reachable));
    l.w.looks_held = true;
    for (size_t i = 0; i < CLIENTS; i++) {
        CHECK(client_start(&others[i], &l.w));
        CHECK(client_register(&others[i]));
    }
    for (size_t i = 0; i < ACME_PREFLIGHTS_MAX; i++)
        CHECK(client_begin(&others[i], PATH, IDENTIFIER, &calls[i]));
    world_spin(&l.w);
    CHECK_INT(l.w.n_looks, ACME_PREFLIGHTS_MAX);
    for (size_t i = CLIENTS - 2; i < CLIENTS;
         i++) { /* one whose look is held, one for whom no room is */
        CLEANUP(reply_done) struct reply r = client_post(&others[i], PATH, IDENTIFIER);

        CHECK_STR(reply_problem(&r), "rateLimited");
        CHECK(world_header(r.x, "Retry-After").n > 0);
    }
    world_looks_held(&l.w);
    for (size_t i = 0; i < ACME_PREFLIGHTS_MAX; i++) {
        CLEANUP(reply_done) struct reply r = client_end(&calls[i]);

        CHECK_INT(r.status, 200);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        client_done(&others[i]);
}

static void in_an_hour(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply more = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};

    CHECK(lab_start(&l, reachable));
    for (size_t i = 0; i < ACME_PREFLIGHTS_HOUR_SHARE; i++) {
        CLEANUP(reply_done) struct reply r = client_post(&l.c, PATH, IDENTIFIER);

        CHECK_INT(r.status, 200);
        clock_fake_advance(&l.w.clock, WHEN_SECOND);
    }
    more = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_STR(reply_problem(&more), "rateLimited");
    CHECK_STR(world_header(more.x, "Retry-After"), "3541");
    clock_fake_advance(&l.w.clock, WHEN_HOUR);
    later = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_INT(later.status, 200);
}

/* A prober that is away, or that speaks nonsense, costs the account nothing but the try. */
static void nobody_looks(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply away = {.x = NULL};
    CLEANUP(reply_done) struct reply failed = {.x = NULL};
    CLEANUP(reply_done) struct reply nonsense = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};

    CHECK(lab_start(&l, NULL));
    away = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_INT(away.status, 503);
    l.w.seen = reachable;
    l.w.seen_rc = RC_TIMEOUT;
    failed = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_INT(failed.status, 503);
    l.w.seen_rc = RC_OK;
    l.w.seen = "{";
    nonsense = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_INT(nonsense.status, 503);
    l.w.seen = reachable;
    good = client_post(&l.c, PATH, IDENTIFIER);
    CHECK_INT(good.status, 200);
}

CHECK_MAIN(CHECK_TEST_ONCE(offered), CHECK_TEST_ONCE(about_a_name),
           CHECK_TEST_ONCE(about_a_challenge), CHECK_TEST_ONCE(not_for_everybody),
           CHECK_TEST_ONCE(credits), CHECK_TEST_ONCE(in_an_hour), CHECK_TEST_ONCE(nobody_looks))
