/* SPDX-License-Identifier: Apache-2.0 */
/* More certificates asked for at a time than the signer takes: what is reserved waits for its turn
 * with core, however slow the signer is, and too much is refused before it is reserved. */
#include "acme_client.h"

#include "ca/issue.h"
#include "ipc/table.h"

/* How many end up as what; the clock stands still, so recovery cannot have helped. */
struct tally {
    size_t issued, later, refused;
};

static void count(void *arg, enum rc rc, const struct store_certificate *, const struct err *)
{
    struct tally *t = arg;

    t->issued += rc == RC_OK;
    t->later += rc == RC_AGAIN;
}

struct crowd {
    struct world w;
    struct client clients[2];
    struct id accounts[2]; /* from their URLs */
    struct tally tallies[2];
};

static void crowd_done(struct crowd *c)
{
    for (size_t i = 0; i < 2; i++)
        client_done(&c->clients[i]);
    world_done(&c->w);
}

static bool crowd_start(struct crowd *c)
{
    if (!world_start(&c->w, NULL))
        return false;
    for (size_t i = 0; i < 2; i++) {
        struct client *one = &c->clients[i];

        if (!client_start(one, &c->w) || !client_register(one) ||
            id_parse(str_skip(str_of(one->kid), strlen(CLIENT_BASE "/acme/account/")),
                     &c->accounts[i]) != RC_OK)
            return false;
    }
    c->w.signer_holds = true;
    return true;
}

/* The account asks for `n` certificates at once. */
static void ask(struct crowd *c, size_t who, size_t n)
{
    struct str name = STR("a.hospital.example");
    struct ca_request req = {
        .profile = STR("default"),
        .spki = crypto_key_spki(c->clients[who].key),
        .key_type = CRYPTO_KEY_P256,
        .dns = &name,
        .n_dns = 1,
        .origin = STR("test"),
        .account = c->accounts[who],
    };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < n; i++)
        if (ca_issue(c->w.ca, &req, count, &c->tallies[who], &err) == RC_QUOTA)
            c->tallies[who].refused++;
    world_spin(&c->w);
}

/* As credits come back, and not when the next look for lost reservations does. */
static void sent_as_credits_come_back(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    ask(&c, 0, IPC_SIGN_CREDITS + 6);
    CHECK_INT(c.w.n_held, IPC_SIGN_CREDITS);
    CHECK_INT(c.tallies[0].later, 0);
    world_sign_held(&c.w, 4);
    CHECK_INT(c.w.n_held, IPC_SIGN_CREDITS);
    CHECK_INT(c.tallies[0].issued, 4);
    world_sign_held(&c.w, 4);
    CHECK_INT(c.w.n_held, IPC_SIGN_CREDITS - 2);
    world_sign_held(&c.w, IPC_SIGN_CREDITS);
    CHECK_INT(c.tallies[0].issued, IPC_SIGN_CREDITS + 6);
    CHECK_INT(ca_pending(c.w.ca), 0);
}

static void accounts_take_turns(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    ask(&c, 0, IPC_SIGN_CREDITS + 20);
    ask(&c, 1, 3);
    /* Six places become free: three go to each, though the first account came long before. */
    world_sign_held(&c.w, 6);
    world_sign_held(&c.w, IPC_SIGN_CREDITS - 6);
    CHECK_INT(c.tallies[0].issued, IPC_SIGN_CREDITS);
    world_sign_held(&c.w, 6);
    CHECK_INT(c.tallies[0].issued, IPC_SIGN_CREDITS + 3);
    CHECK_INT(c.tallies[1].issued, 3);
    world_sign_held(&c.w, IPC_SIGN_CREDITS);
    CHECK_INT(c.tallies[0].issued, IPC_SIGN_CREDITS + 20);
}

/* The bound holds before anything is reserved, and everything below it ends well. */
static void too_many_are_refused(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    ask(&c, 0, CA_ISSUES_MAX + 5);
    CHECK_INT(c.tallies[0].refused, 5);
    CHECK_INT(ca_pending(c.w.ca), CA_ISSUES_MAX);
    c.w.signer_holds = false;
    world_sign_held(&c.w, IPC_SIGN_CREDITS);
    CHECK_INT(c.tallies[0].issued, CA_ISSUES_MAX);
}

/* A signer that has hung: who waits is told in time that the order goes on without him. */
static void waiting_has_an_end(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};

    CHECK(crowd_start(&c));
    ask(&c, 0, IPC_SIGN_CREDITS + 2);
    CHECK_INT(c.tallies[0].later, 0);
    for (size_t i = 0; i < 2; i++) {
        clock_fake_advance(&c.w.clock, CA_RECOVER_SECONDS * WHEN_SECOND);
        world_spin(&c.w);
    }
    CHECK_INT(c.tallies[0].later, 2);
    world_signer(&c.w, false);
    CHECK_INT(c.tallies[0].later, IPC_SIGN_CREDITS + 2);
    CHECK_INT(ca_pending(c.w.ca), 0);
}

/* The client of one too many hears 503 and when to come back, and his order stays as it was. */
static void client_is_told_to_come_back(void)
{
    CLEANUP(crowd_done) struct crowd c = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply busy = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    char order[256];

    CHECK(crowd_start(&c));
    CHECK(client_order(&c.clients[1], "b.hospital.example", order));
    CHECK(client_validate(&c.clients[1], order));
    ask(&c, 0, CA_ISSUES_MAX);
    busy = client_finalize(&c.clients[1], order, "b.hospital.example");
    CHECK_INT(busy.status, 503);
    CHECK_STR(world_header(busy.x, "Retry-After"), "5");
    c.w.signer_holds = false;
    world_sign_held(&c.w, IPC_SIGN_CREDITS);
    again = client_finalize(&c.clients[1], order, "b.hospital.example");
    CHECK_STR(reply_text(&again, "status"), "valid");
}

CHECK_MAIN(CHECK_TEST_ONCE(sent_as_credits_come_back), CHECK_TEST_ONCE(accounts_take_turns),
           CHECK_TEST_ONCE(too_many_are_refused), CHECK_TEST_ONCE(waiting_has_an_end),
           CHECK_TEST_ONCE(client_is_told_to_come_back))
