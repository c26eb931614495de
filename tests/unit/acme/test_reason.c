/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that want a reason: of the key that the account was made with, or of who allows it. */
#include "acme_client.h"

#include <stdio.h>

#include "acme/approval.h"
#include "store/accounts.h"
#include "store/certificates.h"
#include "store/eab.h"

#define A "a.hospital.example"
#define WANTED WORLD_CONFIG "    reason: true\n"
#define APPROVED WANTED "    approval: true\ncontrol: {people: [a, b]}\n"

struct lab {
    struct world w;
    struct client c;
    struct arena arena;
    struct store_eab key;
    struct store_account account;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
    arena_done(&l->arena);
}

static enum rc add_key(struct store_txn *txn, void *arg)
{
    return store_eab_add(txn, &((struct lab *)arg)->key);
}

/* The account as if it had been made with the key. */
static enum rc add_account(struct store_txn *txn, void *arg)
{
    struct lab *l = arg;
    struct store_account_filter all = {.statuses = 0};
    struct store_cursor at = {0};
    struct store_account *list;
    size_t n;

    TRY(store_account_list(txn, &l->arena, &all, &at, &list, &n));
    l->account = list[n - 1];
    l->account.eab_key = l->key.name;
    l->account.thumbprint.b[0] ^= 1;
    TRY(id_new(&l->account.id));
    return store_account_add(txn, &l->account);
}

/* `reason` NULL: an account without a key. */
static bool lab_start(struct lab *l, const char *config, const char *reason)
{
    arena_init(&l->arena, 16 << 20);
    l->key = (struct store_eab){.name = STR("wards"), .accounts = 1, .created = WORLD_NOW};
    if (!world_start(&l->w, NULL) || !world_reload(&l->w, config) || !client_start(&l->c, &l->w) ||
        !client_register(&l->c))
        return false;
    if (!reason)
        return true;
    l->key.reason = str_of(reason);
    if (id_new(&l->key.id) != RC_OK || store_write_now(l->w.store, add_key, l) != RC_OK ||
        store_write_now(l->w.store, add_account, l) != RC_OK)
        return false;
    snprintf(l->c.kid, sizeof(l->c.kid), CLIENT_BASE "/acme/account/%s", l->account.id.z);
    return true;
}

static struct reply ask(struct lab *l)
{
    return client_post(&l->c, "/acme/new-order",
                       "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" A "\"}]}");
}

static bool has(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (str_eq(str_head(str_skip(s, i), part.n), part))
            return true;
    return false;
}

/* Of the newest certificate. */
static struct str reason_of(struct lab *l)
{
    struct store_certificate_filter acme = {.origin = STR("acme")};
    struct store_cursor at = {0};
    struct store_certificate *list;
    size_t n;

    if (store_certificate_list(store_read(l->w.store), &l->arena, &acme, &at, &list, &n) != RC_OK)
        return STR("no list");
    return n ? list[0].reason : STR("no certificate");
}

static void of_the_key(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    char order[256];

    CHECK(lab_start(&l, WANTED, "T-4711"));
    CHECK(client_order(&l.c, A, order));
    CHECK(client_validate(&l.c, order));
    done = client_finalize(&l.c, order, A);
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK_STR(reason_of(&l), "T-4711");
}

/* What to do is said before anything is proven. */
static void refused_without(void)
{
    static const struct {
        const char *reason, *words;
    } cases[] = {
        {NULL, "made without a key"}, {"", "the key \"wards\""}, {"  ", "the key \"wards\""}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
        CLEANUP(reply_done) struct reply refused = {.x = NULL};

        CHECK(lab_start(&l, WANTED, cases[i].reason));
        refused = ask(&l);
        CHECK_INT(refused.status, 403);
        CHECK_STR(reply_problem(&refused), "unauthorized");
        CHECK(has(reply_text(&refused, "detail"), str_of(cases[i].words)));
        CHECK(has(reply_text(&refused, "detail"), STR("autarky eab create")));
    }
}

/* The rule came after the order. */
static void refused_at_finalize(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply refused = {.x = NULL};
    char order[256];

    CHECK(lab_start(&l, WORLD_CONFIG, NULL));
    CHECK(client_order(&l.c, A, order));
    CHECK(client_validate(&l.c, order));
    CHECK(world_reload(&l.w, WANTED));
    refused = client_finalize(&l.c, order, A);
    CHECK_STR(reply_problem(&refused), "unauthorized");
}

/* ---- of who allows it */

struct grant {
    struct id id;
    struct store_approval_vote vote;
};

static enum rc grant_fn(struct store_txn *txn, void *arg)
{
    struct grant *g = arg;
    uint64_t granted;

    TRY(store_approval_vote(txn, &g->id, &g->vote, &granted));
    TRY(store_approval_move(txn, &g->id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED, 1,
                            g->vote.at));
    return store_approval_limit(txn, &g->id, STORE_APPROVAL_ONCE, g->vote.at + WHEN_DAY);
}

static bool grant(struct lab *l, const char *reason)
{
    struct grant g = {.vote = {.by = 1, .grant = true, .reason = str_of(reason)}};
    struct store_approval *list = NULL;
    size_t n = 0;

    g.vote.at = clock_now(ev_clock(l->w.ev));
    if (store_approval_list(store_read(l->w.store), &l->arena, &(struct store_cursor){}, 0, &list,
                            &n) != RC_OK ||
        n == 0)
        return false;
    g.id = list[0].id;
    return store_write_now(l->w.store, grant_fn, &g) == RC_OK;
}

static void of_who_allows_it(void)
{
    static const struct {
        const char *key, *given, *status, *reason;
    } cases[] = {
        {NULL, "new ward", "valid", "new ward"},     {NULL, "", "invalid", "no certificate"},
        {NULL, "  ", "invalid", "no certificate"},   {"T-4711", "", "valid", "T-4711"},
        {"T-4711", "new ward", "valid", "new ward"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
        CLEANUP(reply_done) struct reply waits = {.x = NULL};
        CLEANUP(reply_done) struct reply done = {.x = NULL};
        char order[256];

        CHECK(lab_start(&l, APPROVED, cases[i].key));
        CHECK(client_order(&l.c, A, order));
        CHECK(client_validate(&l.c, order));
        waits = client_finalize(&l.c, order, A);
        CHECK_STR(reply_text(&waits, "status"), "processing");
        CHECK(grant(&l, cases[i].given));
        done = client_post(&l.c, order, "");
        CHECK_STR(reply_text(&done, "status"), cases[i].status);
        CHECK_STR(reason_of(&l), cases[i].reason);
    }
}

/* ---- after a crash */

#define BOTH                                                                                       \
    WANTED "    client_certificates: [pump.hospital.example]\n"                                    \
           "control: {certificates: true}\n"

/* Both stand in the reservation, and nobody is asked again. */
static void kept_over_a_crash(void)
{
    static const struct store_name pump = {STORE_NAME_DNS, STR("pump.hospital.example")};
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply waits = {.x = NULL};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    struct store_certificate_filter acme = {.origin = STR("acme")};
    struct store_cursor at = {0};
    struct store_certificate *list;
    char order[256];
    size_t n;

    CHECK(lab_start(&l, BOTH, "T-4711"));
    l.w.shown = (struct http_shown){.serial = {7}, .n_serial = 1};
    l.w.shown_as = (struct store_certificate){.names = &pump, .n_names = 1};
    CHECK_OK(id_new(&l.w.shown_as.id));
    CHECK(client_order(&l.c, A, order));
    CHECK(client_validate(&l.c, order));
    world_signer(&l.w, false);
    waits = client_finalize(&l.c, order, A);
    CHECK_STR(reply_text(&waits, "status"), "processing");
    l.w.shown_rc = RC_DENIED;
    CHECK(world_restart(&l.w));
    done = client_post(&l.c, order, "");
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK_OK(store_certificate_list(store_read(l.w.store), &l.arena, &acme, &at, &list, &n));
    CHECK_INT(n, 1);
    CHECK_STR(list[0].reason, "T-4711");
    CHECK_STR(id_str(&list[0].shown), l.w.shown_as.id.z);
}

CHECK_MAIN(CHECK_TEST_ONCE(kept_over_a_crash), CHECK_TEST_ONCE(of_the_key),
           CHECK_TEST_ONCE(refused_without), CHECK_TEST_ONCE(refused_at_finalize),
           CHECK_TEST_ONCE(of_who_allows_it))
