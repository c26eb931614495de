/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: what counts, for whom, until when, and what does not. WORLD_NOW is 2027-01-15T08:00. */
#include "acme_client.h"

#include <stdio.h>

#include "x509/cert.h"

#define CONFIG(limits) WORLD_CONFIG "limits: {" limits "}\n"

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
    return world_start(&l->w, NULL) && world_reload(&l->w, config) && client_start(&l->c, &l->w) &&
           client_register(&l->c);
}

static struct reply order(struct client *c, const char *name, const char *more)
{
    char payload[512];

    snprintf(payload, sizeof(payload), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]%s}",
             name, more);
    return client_post(c, "/acme/new-order", payload);
}

#define TAKEN(c, name)                                                                             \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = order((c), (name), "");                              \
                                                                                                   \
        CHECK_INT(r_.status, 201);                                                                 \
    } while (0)

#define LIMITED(c, name, after)                                                                    \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = order((c), (name), "");                              \
                                                                                                   \
        CHECK_INT(r_.status, 429);                                                                 \
        CHECK_STR(reply_problem(&r_), "rateLimited");                                              \
        CHECK_STR(world_header(r_.x, "Retry-After"), (after));                                     \
    } while (0)

/* Three an hour: the first three at once, then one each twenty minutes; another account has its
 * own, and a restart of core changes nothing. */
static void orders_of_an_account(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply why = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("orders_per_account: 3/1h")));
    TAKEN(&l.c, "a.hospital.example");
    TAKEN(&l.c, "b.hospital.example");
    TAKEN(&l.c, "c.hospital.example");
    LIMITED(&l.c, "d.hospital.example", "1201");
    why = order(&l.c, "d.hospital.example", "");
    CHECK(strstr(reply_text(&why, "detail").p, "limits.orders_per_account (3 in 1h) of ") != NULL);
    CHECK(strstr(reply_text(&why, "detail").p, "until 2027-01-15T08:20:00Z") != NULL);
    CHECK(client_start(&other, &l.w) && client_register(&other));
    TAKEN(&other, "d.hospital.example");
    clock_fake_advance(&l.w.clock, 20 * WHEN_MINUTE);
    TAKEN(&l.c, "d.hospital.example");
    LIMITED(&l.c, "e.hospital.example", "1201");
    CHECK(world_restart(&l.w));
    CHECK(world_reload(&l.w, CONFIG("orders_per_account: 3/1h")));
    LIMITED(&l.c, "e.hospital.example", "1201");
}

/* A name with any other is another list of names; the order does not matter. */
static void same_names(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply more = {.x = NULL};
    CLEANUP(reply_done) struct reply single = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    char before[256];

    CHECK(lab_start(&l, CONFIG("certificates_per_names: 1/10d")));
    CHECK(client_order(&l.c, "b.hospital.example,a.hospital.example", before));
    CHECK(client_validate(&l.c, before));
    first = client_certificate(&l.c, "a.hospital.example,b.hospital.example");
    CHECK_INT(first.status, 200);
    /* An order that was made before comes too late, and may come again. */
    late = client_finalize(&l.c, before, "a.hospital.example,b.hospital.example");
    CHECK_STR(reply_problem(&late), "rateLimited");
    CHECK_STR(world_header(late.x, "Retry-After"), "864001");
    CHECK(client_start(&other, &l.w) && client_register(&other));
    more = client_post(&other, "/acme/new-order",
                       "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"b.hospital.example\"},"
                       "{\"type\":\"dns\",\"value\":\"a.hospital.example\"}]}");
    CHECK_STR(reply_problem(&more), "rateLimited");
    single = client_certificate(&l.c, "a.hospital.example");
    CHECK_INT(single.status, 200);
    LIMITED(&l.c, "a.hospital.example", "864001");
}

static bool renewal_id(struct reply *certificate, char out[static 128])
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert *chain;
    size_t n;

    return x509_cert_read_pem(&a, buf_str(&certificate->x->res.body), 4, &chain, &n, NULL) ==
               RC_OK &&
           client_renewal_id(&chain[0], out);
}

/* A renewal counts until its time has come. */
static void renewals(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply early = {.x = NULL};
    CLEANUP(reply_done) struct reply due = {.x = NULL};
    char id[128], more[160];

    CHECK(lab_start(&l, CONFIG("certificates_per_names: 1/90d, orders_per_account: 1/90d")));
    first = client_certificate(&l.c, "a.hospital.example");
    CHECK_INT(first.status, 200);
    CHECK(renewal_id(&first, id));
    snprintf(more, sizeof(more), ",\"replaces\":\"%s\"", id);
    early = order(&l.c, "a.hospital.example", more);
    CHECK_STR(reply_problem(&early), "rateLimited");
    clock_fake_advance(&l.w.clock, 80 * WHEN_DAY);
    due = order(&l.c, "a.hospital.example", more);
    CHECK_INT(due.status, 201);
}

static void a_zone(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("certificates_per_zone: 1/1d")));
    first = client_certificate(&l.c, "a.lab.hospital.example,b.lab.hospital.example");
    CHECK_INT(first.status, 200);
    LIMITED(&l.c, "lab.hospital.example", "86401");
    second = client_certificate(&l.c, "ward.hospital.example");
    CHECK_INT(second.status, 200);
}

/* All of them; and an override, while it holds. */
static void altogether(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("certificates: 1/1d")));
    first = client_certificate(&l.c, "a.hospital.example");
    CHECK_INT(first.status, 200);
    LIMITED(&l.c, "b.hospital.example", "86401");
    CHECK(world_reload(&l.w, CONFIG("certificates: 1/1d, overrides: [{limit: certificates, "
                                    "rate: none, until: 2027-01-15T07:59:59Z}]")));
    LIMITED(&l.c, "b.hospital.example", "86401");
    CHECK(world_reload(&l.w, CONFIG("certificates: 1/1d, overrides: [{limit: certificates, "
                                    "rate: none, until: 2027-01-15T08:00:01Z}]")));
    TAKEN(&l.c, "b.hospital.example");
}

static void accounts_of_a_network(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client second = {.w = NULL};
    CLEANUP(client_done) struct client third = {.w = NULL};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("accounts_per_network: 2/1h")));
    CHECK(client_start(&second, &l.w) && client_register(&second));
    CHECK(client_start(&third, &l.w));
    refused = client_post(&third, "/acme/new-account", "{\"termsOfServiceAgreed\":true}");
    CHECK_STR(reply_problem(&refused), "rateLimited");
    CHECK_STR(world_header(refused.x, "Retry-After"), "1801");
    /* Who has one finds it. */
    second.kid[0] = '\0';
    again = client_post(&second, "/acme/new-account", "{\"onlyReturnExisting\":true}");
    CHECK_INT(again.status, 200);
}

/* All accounts of a network together, whichever makes the order. */
static void orders_of_a_network(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply why = {.x = NULL};

    CHECK(lab_start(&l, CONFIG("orders_per_network: 2/1h")));
    CHECK(client_start(&other, &l.w) && client_register(&other));
    TAKEN(&l.c, "a.hospital.example");
    TAKEN(&other, "b.hospital.example");
    LIMITED(&l.c, "c.hospital.example", "1801");
    why = order(&other, "c.hospital.example", "");
    CHECK(strstr(reply_text(&why, "detail").p, "limits.orders_per_network (2 in 1h) of ") != NULL);
    clock_fake_advance(&l.w.clock, 30 * WHEN_MINUTE);
    TAKEN(&other, "c.hospital.example");
    LIMITED(&l.c, "d.hospital.example", "1801");
}

#define RULE(rate) WORLD_CONFIG "  - {name: few, allow: [\"*.few.hospital.example\"], " rate "}\n"

/* What one rule allows, whoever asks; its own rate goes before that of all, an override before
 * both. Names that another rule allows do not count. */
static void of_a_rule(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};
    CLEANUP(reply_done) struct reply why = {.x = NULL};

    CHECK(lab_start(
        &l, RULE("limits: {certificates: 1/10d}") "limits: {certificates_per_rule: 2/10d}\n"));
    CHECK(client_start(&other, &l.w) && client_register(&other));
    first = client_certificate(&l.c, "a.few.hospital.example");
    CHECK_INT(first.status, 200);
    LIMITED(&other, "b.few.hospital.example", "864001");
    why = order(&other, "b.few.hospital.example", "");
    CHECK(strstr(reply_text(&why, "detail").p, "certificates_per_rule (1 in 10d) of few is") !=
          NULL);
    TAKEN(&l.c, "a.hospital.example");
    CHECK(world_reload(
        &l.w,
        RULE("limits: {certificates: 1/10d}") "limits: {overrides: [{limit: certificates_per_rule, "
                                              "of: few, "
                                              "rate: 5/10d, until: 2028-01-01T00:00:00Z}]}\n"));
    TAKEN(&other, "b.few.hospital.example");
    CHECK(world_reload(&l.w, RULE("names_max: 1") "limits: {certificates_per_rule: 1/10d}\n"));
    second = client_certificate(&l.c, "c.hospital.example");
    CHECK_INT(second.status, 200);
    LIMITED(&l.c, "d.hospital.example", "864001");
}

CHECK_MAIN(CHECK_TEST_ONCE(orders_of_an_account), CHECK_TEST_ONCE(same_names),
           CHECK_TEST_ONCE(renewals), CHECK_TEST_ONCE(a_zone), CHECK_TEST_ONCE(altogether),
           CHECK_TEST_ONCE(of_a_rule), CHECK_TEST_ONCE(accounts_of_a_network),
           CHECK_TEST_ONCE(orders_of_a_network))
