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

/* A challenge that is asked for twice at once takes one place, and gives the other back. */
static void places_come_back(void)
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
    CHECK_INT(acme_validating(c.w.acme), 2);
    first = client_end(&calls[0]);
    second = client_end(&calls[1]);
    CHECK_INT(first.status, 200);
    CHECK_INT(second.status, 200);
    CHECK_INT(acme_validating(c.w.acme), 1);
    drain(&c);
    CHECK(is_ready(&c, 0));
    CHECK_INT(acme_validating(c.w.acme), 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(one_account_leaves_room), CHECK_TEST_ONCE(accounts_take_turns),
           CHECK_TEST_ONCE(places_come_back))
