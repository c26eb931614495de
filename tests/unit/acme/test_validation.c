/* SPDX-License-Identifier: Apache-2.0 */
/* More challenges than the prober takes at a time: each account has its share of the places, those
 * who wait do so in the store and take turns. */
#include "acme_client.h"

#include <stdio.h>

enum { NAMES_MAX = 50, CLIENTS = 4 };

struct crowd {
    struct world w;
    struct client clients[CLIENTS];
    char orders[CLIENTS][256];
};

static void crowd_done(struct crowd *c)
{
    for (size_t i = 0; i < CLIENTS; i++)
        client_done(&c->clients[i]);
    world_done(&c->w);
}

static bool crowd_start(struct crowd *c)
{
    if (!world_start(&c->w, NULL))
        return false;
    for (size_t i = 0; i < CLIENTS; i++)
        if (!client_start(&c->clients[i], &c->w) || !client_register(&c->clients[i]))
            return false;
    c->w.prober_holds = true;
    return true;
}

/* The client orders `n` names, "c1-0.hospital.example" and so on, and asks for all challenges. */
static bool ask(struct crowd *c, size_t who, size_t n)
{
    CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_MAX * 40);

    for (size_t i = 0; i < n; i++)
        buf_printf(&names, "%sc%zu-%zu.hospital.example", i ? "," : "", who, i);
    return client_order(&c->clients[who], buf_z(&names), c->orders[who]) &&
           client_validate(&c->clients[who], c->orders[who]);
}

/* How many of its challenges the prober has. */
static size_t at_prober(const struct crowd *c, size_t who)
{
    char start[8];
    size_t n = 0;

    snprintf(start, sizeof(start), "c%zu-", who);
    for (size_t i = 0; i < c->w.n_probes; i++)
        n += str_starts(str_of(c->w.probes[i]->name), str_of(start));
    return n;
}

static bool is_ready(struct crowd *c, size_t who)
{
    CLEANUP(reply_done) struct reply r = client_post(&c->clients[who], c->orders[who], "");

    return str_eq(reply_text(&r, "status"), STR("ready"));
}

/* The clock stands still: no attempt may have to wait for a lease to end. */
static void drain(struct crowd *c)
{
    for (size_t i = 0; i < NAMES_MAX && c->w.n_probes; i++)
        world_probe_held(&c->w, ACME_VALIDATIONS_MAX);
}

static void one_account_leaves_room(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    CHECK(ask(&c, 0, ACME_VALIDATIONS_SHARE + 8));
    CHECK_INT(at_prober(&c, 0), ACME_VALIDATIONS_SHARE);
    CHECK(ask(&c, 1, 1));
    CHECK_INT(at_prober(&c, 1), 1);
    world_probe_held(&c.w, 1);
    CHECK_INT(at_prober(&c, 0), ACME_VALIDATIONS_SHARE);
    drain(&c);
    CHECK_INT(c.w.validations, ACME_VALIDATIONS_SHARE + 9);
    CHECK(is_ready(&c, 0));
    CHECK(is_ready(&c, 1));
}

/* Two accounts have all places and more that waits; the next two come late and do not wait for all
 * of that. */
static void accounts_take_turns(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    CHECK(ask(&c, 0, ACME_VALIDATIONS_SHARE + 8));
    CHECK(ask(&c, 1, ACME_VALIDATIONS_SHARE + 8));
    CHECK(ask(&c, 2, 5));
    CHECK(ask(&c, 3, 1));
    CHECK_INT(c.w.n_probes, ACME_VALIDATIONS_MAX);
    CHECK_INT(at_prober(&c, 2) + at_prober(&c, 3), 0);
    world_probe_held(&c.w, 3);
    CHECK_INT(c.w.n_probes, ACME_VALIDATIONS_MAX);
    CHECK_INT(at_prober(&c, 2), 1);
    CHECK_INT(at_prober(&c, 3), 1);
    drain(&c);
    for (size_t i = 0; i < CLIENTS; i++)
        CHECK(is_ready(&c, i));
    CHECK_INT(acme_validating(c.w.acme), 0);
}

/* A challenge that is asked for twice at once takes one place: the second one does not wait for the
 * prober. */
static void one_place_for_both(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};
    struct world_call calls[2];
    char url[256];

    CHECK(crowd_start(&c));
    CHECK(client_order(&c.clients[0], "a.hospital.example", c.orders[0]));
    CHECK(client_challenge(&c.clients[0], c.orders[0], url));
    CHECK(client_begin(&c.clients[0], url, "{}", &calls[0]));
    CHECK(client_begin(&c.clients[0], url, "{}", &calls[1]));
    CHECK_INT(acme_validating(c.w.acme), 1);
    first = client_end(&calls[0]);
    second = client_end(&calls[1]);
    CHECK_INT(first.status, 200);
    CHECK_INT(second.status, 200);
    CHECK_STR(reply_text(&first, "status"), "processing");
    CHECK_STR(reply_text(&second, "status"), "processing");
    CHECK_INT(c.w.n_probes, 1);
    CHECK_INT(acme_validating(c.w.acme), 1);
    drain(&c);
    CHECK(is_ready(&c, 0));
    CHECK_INT(acme_validating(c.w.acme), 0);
}

/* ---- the answer to who asks for a challenge */

/* One client with one order, and its challenge. */
struct single {
    struct crowd c;
    char url[256], authorization[256];
};

static void single_done(struct single *s)
{
    crowd_done(&s->c);
}

static bool single_start(struct single *s)
{
    struct client *who = &s->c.clients[0];

    return world_start(&s->c.w, NULL) && client_start(who, &s->c.w) && client_register(who) &&
           client_order(who, "a.hospital.example", s->c.orders[0]) &&
           client_authorization(who, s->c.orders[0], s->authorization) &&
           client_challenge(who, s->c.orders[0], s->url);
}

static uint64_t commits(const struct single *s)
{
    struct store_stats stats;

    store_stats(s->c.w.store, &stats);
    return stats.commits;
}

static void quick_is_one_commit(void)
{
    CLEANUP(single_done) struct single s = {.c = {.w = {.dir.fd = -1}}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    uint64_t before;

    CHECK(single_start(&s));
    before = commits(&s);
    r = client_post(&s.c.clients[0], s.url, "{}");
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "valid");
    CHECK(reply_text(&r, "validated").n > 0);
    CHECK_INT(world_header(r.x, "Retry-After").n, 0);
    CHECK_INT(commits(&s) - before, 1);
    CHECK(is_ready(&s.c, 0));
    CHECK_INT(acme_validating(s.c.w.acme), 0);
}

/* The client is answered in time, and what the prober says later counts. */
static void slow_goes_on_alone(void)
{
    CLEANUP(single_done) struct single s = {.c = {.w = {.dir.fd = -1}}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call;

    CHECK(single_start(&s));
    s.c.w.prober_holds = true;
    CHECK(client_begin(&s.c.clients[0], s.url, "{}", &call));
    clock_fake_advance(&s.c.w.clock, ACME_SETTLE - 1);
    world_spin(&s.c.w);
    CHECK(!call.done);
    clock_fake_advance(&s.c.w.clock, 1);
    world_spin(&s.c.w);
    CHECK(call.done);
    r = client_end(&call);
    CHECK_STR(reply_text(&r, "status"), "processing");
    CHECK_STR(world_header(r.x, "Retry-After"), "2");
    drain(&s.c);
    CHECK(is_ready(&s.c, 0));
    CHECK_INT(s.c.w.validations, 1);
}

static void a_failure_is_told(void)
{
    CLEANUP(single_done) struct single s = {.c = {.w = {.dir.fd = -1}}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(single_start(&s));
    s.c.w.verdict = RC_DENIED;
    r = client_post(&s.c.clients[0], s.url, "{}");
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "processing");
    CHECK(json_type(json_get(r.json, "error")) == JSON_OBJECT);
    s.c.w.verdict = RC_OK;
    clock_fake_advance(&s.c.w.clock, WHEN_MINUTE);
    world_spin(&s.c.w);
    CHECK(is_ready(&s.c, 0));
    CHECK_INT(s.c.w.validations, 2);
}

/* The store has the last word: what was proven for nothing is not told. */
static void deactivated_meanwhile(void)
{
    CLEANUP(single_done) struct single s = {.c = {.w = {.dir.fd = -1}}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply gone = {.x = NULL};
    struct world_call call;

    CHECK(single_start(&s));
    s.c.w.prober_holds = true;
    CHECK(client_begin(&s.c.clients[0], s.url, "{}", &call));
    gone = client_post(&s.c.clients[0], s.authorization, "{\"status\":\"deactivated\"}");
    CHECK_INT(gone.status, 200);
    CHECK(!call.done);
    drain(&s.c);
    CHECK(call.done);
    r = client_end(&call);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "pending");
    CHECK(!is_ready(&s.c, 0));
    CHECK_INT(acme_validating(s.c.w.acme), 0);
}

/* Core dies while a client waits: it was promised nothing, asks again, and is heard. */
static void nothing_before_it_is_written(void)
{
    CLEANUP(single_done) struct single s = {.c = {.w = {.dir.fd = -1}}};
    CLEANUP(reply_done) struct reply lost = {.x = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call;

    CHECK(single_start(&s));
    s.c.w.prober_holds = true;
    CHECK(client_begin(&s.c.clients[0], s.url, "{}", &call));
    CHECK(world_restart(&s.c.w));
    CHECK(call.done);
    lost = client_end(&call);
    CHECK_INT(lost.status, 503);
    s.c.w.prober_holds = false;
    s.c.clients[0].nonce[0] = '\0';
    r = client_post(&s.c.clients[0], s.url, "");
    CHECK_STR(reply_text(&r, "status"), "pending");
    reply_done(&r);
    r = client_post(&s.c.clients[0], s.url, "{}");
    CHECK_STR(reply_text(&r, "status"), "valid");
}

CHECK_MAIN(CHECK_TEST_ONCE(one_account_leaves_room), CHECK_TEST_ONCE(accounts_take_turns),
           CHECK_TEST_ONCE(one_place_for_both), CHECK_TEST_ONCE(quick_is_one_commit),
           CHECK_TEST_ONCE(slow_goes_on_alone), CHECK_TEST_ONCE(a_failure_is_told),
           CHECK_TEST_ONCE(deactivated_meanwhile), CHECK_TEST_ONCE(nothing_before_it_is_written))
