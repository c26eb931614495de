/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations of their own: RFC 8555 sections 7.4.1 (ahead of an order), 7.5.2 (given up), and
 * what a second order may take over from the first. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "x509/cert.h"

#define NAME "a.hospital.example"
#define IDENTIFIER "{\"identifier\":{\"type\":\"dns\",\"value\":\"" NAME "\"}}"

enum { ORDERS = 130, ATTEMPTS = 12 };

struct lab {
    struct world w;
    struct client c;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *config)
{
    return world_start(&l->w, config) && client_start(&l->c, &l->w) && client_register(&l->c);
}

static void status_is(struct client *c, const char *url, const char *status)
{
    CLEANUP(reply_done) struct reply r = client_post(c, url, "");

    CHECK_STR(reply_text(&r, "status"), status);
}

/* Proven ahead, an order for the name is ready at once and has that authorization. */
static void ahead_of_an_order(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    char authz[256], order[256], of_order[256];

    CHECK(lab_start(&l, NULL));
    r = client_post(&l.c, "/acme/new-authz", IDENTIFIER);
    CHECK_INT(r.status, 201);
    CHECK_OK(str_copyz(world_header(r.x, "Location"), authz, sizeof(authz)));
    CHECK(client_prove(&l.c, authz));
    again = client_post(&l.c, "/acme/new-authz", IDENTIFIER);
    CHECK_INT(again.status, 200);
    CHECK_STR(reply_text(&again, "status"), "valid");
    CHECK(client_order(&l.c, NAME, order));
    status_is(&l.c, order, "ready");
    CHECK(client_authorization(&l.c, order, of_order));
    CHECK_STR(str_of(of_order), authz);
    issued = client_finalize(&l.c, order, NAME);
    CHECK_STR(reply_text(&issued, "status"), "valid");
}

static void what_cannot_be_ahead(void)
{
    static const struct {
        const char *payload, *problem;
    } cases[] = {
        {"{}", "malformed"},
        {"{\"identifier\":\"" NAME "\"}", "malformed"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"*." NAME "\"}}", "malformed"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"www.example.com\"}}", "rejectedIdentifier"},
        {"{\"identifier\":{\"type\":\"email\",\"value\":\"a@b\"}}", "unsupportedIdentifier"},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = client_post(&l.c, "/acme/new-authz", cases[i].payload);

        CHECK_STR(reply_problem(&r), cases[i].problem);
    }
}

/* By default each order is proven by itself; with a span, within it and no longer. */
static void used_again(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char first[256], second[256], third[256];

    CHECK(lab_start(&l, "acme: {reuse: {authorizations: 1h}}\n"));
    CHECK(client_order(&l.c, NAME, first));
    CHECK(client_validate(&l.c, first));
    CHECK(client_order(&l.c, NAME, second));
    status_is(&l.c, second, "ready");
    clock_fake_advance(&l.w.clock, WHEN_HOUR);
    CHECK(client_order(&l.c, NAME, third));
    status_is(&l.c, third, "pending");
}

static void not_used_again(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    char first[256], second[256];

    CHECK(lab_start(&l, NULL));
    CHECK(client_order(&l.c, NAME, first));
    CHECK(client_validate(&l.c, first));
    CHECK(client_order(&l.c, NAME, second));
    status_is(&l.c, second, "pending");
    CHECK(world_reload(&l.w, WORLD_CONFIG "acme: {reuse: {authorizations: 1h}}\n"));
    CHECK(client_start(&other, &l.w));
    CHECK(client_register(&other));
    CHECK(client_order(&other, NAME, second));
    status_is(&other, second, "pending");
}

/* Pending: the orders that wait for it end with it. Valid: it counts no more. */
static void given_up(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply off = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    CLEANUP(reply_done) struct reply odd = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    char order[256], authz[256];

    CHECK(lab_start(&l, NULL));
    CHECK(client_order(&l.c, NAME, order));
    CHECK(client_authorization(&l.c, order, authz));
    odd = client_post(&l.c, authz, "{\"status\":\"valid\"}");
    CHECK_STR(reply_problem(&odd), "malformed");
    off = client_post(&l.c, authz, "{\"status\":\"deactivated\"}");
    CHECK_INT(off.status, 200);
    CHECK_STR(reply_text(&off, "status"), "deactivated");
    status_is(&l.c, order, "invalid");
    again = client_post(&l.c, authz, "{\"status\":\"deactivated\"}");
    CHECK_STR(reply_problem(&again), "malformed");
    CHECK(client_order(&l.c, NAME, order));
    CHECK(client_validate(&l.c, order));
    CHECK(client_authorization(&l.c, order, authz));
    late = client_post(&l.c, authz, "{\"status\":\"deactivated\"}");
    CHECK_INT(late.status, 200);
    refused = client_finalize(&l.c, order, NAME);
    CHECK_STR(reply_problem(&refused), "unauthorized");
    CHECK_INT(l.w.signatures, 0);
}

/* While it is being tried: the result that comes then changes nothing, and nothing is tried again.
 */
static void given_up_meanwhile(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply off = {.x = NULL};
    char order[256], authz[256];

    CHECK(lab_start(&l, NULL));
    CHECK(client_order(&l.c, NAME, order));
    l.w.prober_holds = true;
    CHECK(client_validate(&l.c, order));
    CHECK_INT(l.w.n_probes, 1);
    CHECK(client_authorization(&l.c, order, authz));
    off = client_post(&l.c, authz, "{\"status\":\"deactivated\"}");
    CHECK_INT(off.status, 200);
    world_probe_held(&l.w, 1);
    clock_fake_advance(&l.w.clock, WHEN_HOUR);
    world_spin(&l.w);
    CHECK_INT(l.w.n_probes, 0);
    status_is(&l.c, authz, "deactivated");
    status_is(&l.c, order, "invalid");
}

/* Orders that differ, for a name whose authorization is pending; the URL of the last. */
static bool make_orders(struct lab *l, int n, char order[static 256])
{
    char payload[256];

    for (int i = 0; i < n; i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        snprintf(payload, sizeof(payload),
                 "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" NAME "\"}],"
                 "\"notAfter\":\"2027-01-16T%02d:%02d:%02dZ\"}",
                 i / 3600, i / 60 % 60, i % 60);
        r = client_post(&l->c, "/acme/new-order", payload);
        if (r.status != 201 || str_copyz(world_header(r.x, "Location"), order, 256) != RC_OK)
            return false;
    }
    return true;
}

static bool pending_ahead(struct lab *l, char authz[static 256])
{
    CLEANUP(reply_done) struct reply r = client_post(&l->c, "/acme/new-authz", IDENTIFIER);

    return r.status == 201 && str_copyz(world_header(r.x, "Location"), authz, 256) == RC_OK;
}

/* RFC 8555 section 7.1.6 is about all orders that wait for it, however many they are. */
static void the_end_of_many_orders(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply off = {.x = NULL};
    char authz[256], first[256], last[256];

    CHECK(lab_start(&l, NULL));
    CHECK(pending_ahead(&l, authz));
    CHECK(make_orders(&l, 1, first) && make_orders(&l, ORDERS, last));
    status_is(&l.c, last, "pending");
    off = client_post(&l.c, authz, "{\"status\":\"deactivated\"}");
    CHECK_INT(off.status, 200);
    status_is(&l.c, first, "invalid");
    status_is(&l.c, last, "invalid");
    CHECK(pending_ahead(&l, authz));
    CHECK(make_orders(&l, 1, first) && make_orders(&l, ORDERS, last));
    l.w.verdict = RC_DENIED;
    CHECK(client_prove(&l.c, authz));
    for (int i = 0; i < ATTEMPTS; i++) {
        clock_fake_advance(&l.w.clock, WHEN_HOUR);
        world_spin(&l.w);
    }
    status_is(&l.c, authz, "invalid");
    status_is(&l.c, first, "invalid");
    status_is(&l.c, last, "invalid");
}

static struct reply revoke(struct client *c, struct str der, int reason)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);

    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, der);
    buf_printf(&payload, "\",\"reason\":%d}", reason);
    return client_post(c, "/acme/revoke-cert", buf_z(&payload));
}

/* RFC 8555 section 7.6: another account that has proven all the names, and no other. */
static void holders_revoke(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(reply_done) struct reply half = {.x = NULL};
    CLEANUP(reply_done) struct reply key = {.x = NULL};
    CLEANUP(reply_done) struct reply good = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *chain;
    char order[256];
    size_t n;

    CHECK(lab_start(&l, NULL));
    cert = client_certificate(&l.c, "a.hospital.example,b.hospital.example");
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    CHECK(client_start(&other, &l.w));
    CHECK(client_register(&other));
    CHECK(client_order(&other, "a.hospital.example", order));
    CHECK(client_validate(&other, order));
    half = revoke(&other, chain[0].der, 4);
    CHECK_STR(reply_problem(&half), "unauthorized");
    CHECK(client_order(&other, "b.hospital.example", order));
    CHECK(client_validate(&other, order));
    key = revoke(&other, chain[0].der, 1);
    CHECK_STR(reply_problem(&key), "badRevocationReason");
    good = revoke(&other, chain[0].der, 4);
    CHECK_INT(good.status, 200);
}

CHECK_MAIN(CHECK_TEST_ONCE(ahead_of_an_order), CHECK_TEST_ONCE(what_cannot_be_ahead),
           CHECK_TEST_ONCE(used_again), CHECK_TEST_ONCE(not_used_again), CHECK_TEST_ONCE(given_up),
           CHECK_TEST_ONCE(given_up_meanwhile), CHECK_TEST_ONCE(the_end_of_many_orders),
           CHECK_TEST_ONCE(holders_revoke))
