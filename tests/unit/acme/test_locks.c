/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of issuance: what they refuse, at newOrder and in the transaction of the reservation; what
 * goes on all the same. */
#include "acme_client.h"

#include <stdio.h>

#include "policy/limits.h"
#include "store/accounts.h"
#include "store/locks.h"

struct lab {
    struct world w;
    struct client c;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

static bool lab_start(struct lab *l)
{
    return world_start(&l->w, NULL) && client_start(&l->c, &l->w) && client_register(&l->c);
}

/* ---- a lock, set and lifted */

struct change {
    struct store_lock lock;
    bool lift;
    enum rc rc;
};

static enum rc change_fn(struct store_txn *txn, void *arg)
{
    struct change *c = arg;

    if (c->lift)
        return store_lock_lift(txn, &c->lock.id, STR("uid 0"), STR("over"), WORLD_NOW);
    return store_lock_add(txn, &c->lock);
}

static void changed(enum rc rc, void *arg)
{
    ((struct change *)arg)->rc = rc;
}

static bool write_change(struct lab *l, struct change *c)
{
    c->rc = RC_AGAIN;
    if (store_write(l->w.store, change_fn, changed, c) != RC_OK)
        return false;
    world_spin(&l->w);
    return c->rc == RC_OK;
}

static bool freeze(struct lab *l, enum store_lock_scope scope, const char *value, bool renewals,
                   struct change *c)
{
    *c = (struct change){.lock = {.scope = scope,
                                  .value = str_of(value),
                                  .renewals = renewals,
                                  .reason = STR("INC-7: a stolen laptop"),
                                  .set_by = STR("uid 0"),
                                  .set = WORLD_NOW}};
    return id_new(&c->lock.id) == RC_OK && write_change(l, c);
}

static bool thaw(struct lab *l, struct change *c)
{
    c->lift = true;
    return write_change(l, c);
}

static struct reply try_order(struct lab *l, const char *name)
{
    char payload[256];

    snprintf(payload, sizeof(payload), "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}",
             name);
    return client_post(&l->c, "/acme/new-order", payload);
}

#define REFUSED(l, name)                                                                           \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = try_order((l), (name));                              \
                                                                                                   \
        CHECK_INT(r_.status, 403);                                                                 \
        CHECK_STR(reply_problem(&r_), "unauthorized");                                             \
    } while (0)

#define TAKEN(l, name)                                                                             \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = try_order((l), (name));                              \
                                                                                                   \
        CHECK_INT(r_.status, 201);                                                                 \
    } while (0)

/* ---- tests */

/* An order that was ready before stays so, and gets its certificate afterwards. */
static void everything(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply why = {.x = NULL};
    CLEANUP(reply_done) struct reply seen = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    struct change c;
    char order[256];

    CHECK(lab_start(&l));
    CHECK(client_order(&l.c, "a.hospital.example", order));
    CHECK(client_validate(&l.c, order));
    CHECK(freeze(&l, STORE_LOCK_ALL, "", false, &c));
    why = try_order(&l, "b.hospital.example");
    CHECK_STR(reply_problem(&why), "unauthorized");
    CHECK(strstr(reply_text(&why, "detail").p, "by uid 0: INC-7: a stolen laptop") != NULL);
    refused = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_problem(&refused), "unauthorized");
    CHECK_INT(l.w.signatures, 0);
    seen = client_post(&l.c, order, "");
    CHECK_STR(reply_text(&seen, "status"), "ready");
    CHECK(thaw(&l, &c));
    issued = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_text(&issued, "status"), "valid");
    CHECK_INT(l.w.signatures, 1);
}

/* The names of a valid certificate of that account, exactly: neither fewer nor more, nor
 * another's. */
static void renewals_go_on(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    struct change c;

    CHECK(lab_start(&l));
    first = client_certificate(&l.c, "a.hospital.example,b.hospital.example");
    CHECK_INT(first.status, 200);
    CHECK(freeze(&l, STORE_LOCK_ALL, "", false, &c));
    REFUSED(&l, "a.hospital.example");
    again = client_certificate(&l.c, "b.hospital.example,a.hospital.example");
    CHECK_INT(again.status, 200);
    CHECK(client_start(&other, &l.w) && client_register(&other));
    foreign = client_post(&other, "/acme/new-order",
                          "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"},"
                          "{\"type\":\"dns\",\"value\":\"b.hospital.example\"}]}");
    CHECK_STR(reply_problem(&foreign), "unauthorized");
    CHECK(thaw(&l, &c));
    CHECK(freeze(&l, STORE_LOCK_ALL, "", true, &c));
    {
        CLEANUP(reply_done)
        struct reply stopped =
            client_post(&l.c, "/acme/new-order",
                        "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"},"
                        "{\"type\":\"dns\",\"value\":\"b.hospital.example\"}]}");

        CHECK_STR(reply_problem(&stopped), "unauthorized");
    }
}

static bool freeze_new_names(struct lab *l, enum store_lock_scope scope, const char *value,
                             struct change *c)
{
    *c = (struct change){.lock = {.scope = scope,
                                  .value = str_of(value),
                                  .new_names = true,
                                  .reason = STR("an unusual hour"),
                                  .set_by = STR("autarky"),
                                  .set = WORLD_NOW}};
    return id_new(&c->lock.id) == RC_OK && write_change(l, c);
}

/* Names of valid certificates, whoever has these, in whatever company. */
static void new_names_alone(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    CLEANUP(reply_done) struct reply new_one = {.x = NULL};
    struct change c;

    CHECK(lab_start(&l));
    first = client_certificate(&l.c, "a.hospital.example,b.hospital.example");
    CHECK_INT(first.status, 200);
    CHECK(client_start(&other, &l.w) && client_register(&other));
    CHECK(freeze_new_names(&l, STORE_LOCK_ALL, "", &c));
    TAKEN(&l, "a.hospital.example");
    REFUSED(&l, "c.hospital.example");
    foreign = client_certificate(&other, "b.hospital.example");
    CHECK_INT(foreign.status, 200);
    new_one = client_post(&other, "/acme/new-order",
                          "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"},"
                          "{\"type\":\"dns\",\"value\":\"c.hospital.example\"}]}");
    CHECK_STR(reply_problem(&new_one), "unauthorized");
    CHECK(strstr(reply_text(&new_one, "detail").p, "names that are in a valid certificate go on"));
}

/* All accounts of these tests are made from one network, and with no key. */
static void where_accounts_come_from(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_account_filter all = {.limit = 1};
    struct store_cursor at = {};
    struct store_account *account;
    struct str network;
    struct change c;
    char text[64];
    size_t n;

    CHECK(lab_start(&l));
    CHECK_OK(store_account_list(store_read(l.w.store), &a, &all, &at, &account, &n));
    CHECK_INT(n, 1);
    CHECK_OK(policy_network(&account->created_from, &a, &network));
    CHECK_OK(str_copyz(network, text, sizeof(text)));
    CHECK(freeze_new_names(&l, STORE_LOCK_EAB, "apps-team", &c));
    CHECK(freeze_new_names(&l, STORE_LOCK_NETWORK, "203.0.113.0/24", &c));
    TAKEN(&l, "a.hospital.example");
    CHECK(freeze_new_names(&l, STORE_LOCK_NETWORK, text, &c));
    REFUSED(&l, "a.hospital.example");
    CHECK(thaw(&l, &c));
    TAKEN(&l, "b.hospital.example");
}

static void a_zone(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct change c;

    CHECK(lab_start(&l));
    CHECK(world_reload(&l.w, "organization: Example Hospital\ncountry: DE\n"
                             "domain: hospital.example\n"
                             "urls: {api: \"https://ca.hospital.example:8555\"}\n"
                             "policy: [{name: all, allow: [\"*.hospital.example\"],"
                             " challenges: [dns-01], wildcards: true}]\n"));
    CHECK(freeze(&l, STORE_LOCK_ZONE, "lab.hospital.example", false, &c));
    REFUSED(&l, "lab.hospital.example");
    REFUSED(&l, "x.y.lab.hospital.example");
    REFUSED(&l, "*.lab.hospital.example");
    REFUSED(&l, "*.hospital.example"); /* stands for lab.hospital.example, too */
    TAKEN(&l, "collab.hospital.example");
    TAKEN(&l, "*.ward.hospital.example");
}

static void an_account(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply taken = {.x = NULL};
    struct change c;

    CHECK(lab_start(&l));
    CHECK(freeze(&l, STORE_LOCK_ACCOUNT, strrchr(l.c.kid, '/') + 1, false, &c));
    REFUSED(&l, "a.hospital.example");
    CHECK(client_start(&other, &l.w) && client_register(&other));
    taken = client_certificate(&other, "a.hospital.example");
    CHECK_INT(taken.status, 200);
}

/* Which issuer would sign is known at finalize: the CSR's key decides. */
static void an_issuer(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    CLEANUP(reply_done) struct reply issued = {.x = NULL};
    struct change c, rsa;
    char order[256];

    CHECK(lab_start(&l));
    CHECK(freeze(&l, STORE_LOCK_ISSUER, "ecdsa-1", false, &c));
    CHECK(freeze(&l, STORE_LOCK_ISSUER, "rsa-1", false, &rsa));
    CHECK(client_order(&l.c, "a.hospital.example", order));
    CHECK(client_validate(&l.c, order));
    refused = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_problem(&refused), "unauthorized");
    CHECK(thaw(&l, &c));
    issued = client_finalize(&l.c, order, "a.hospital.example");
    CHECK_STR(reply_text(&issued, "status"), "valid");
}

CHECK_MAIN(CHECK_TEST_ONCE(everything), CHECK_TEST_ONCE(renewals_go_on),
           CHECK_TEST_ONCE(new_names_alone), CHECK_TEST_ONCE(where_accounts_come_from),
           CHECK_TEST_ONCE(a_zone), CHECK_TEST_ONCE(an_account), CHECK_TEST_ONCE(an_issuer))
