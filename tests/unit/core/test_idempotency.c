/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of /api/v1/ with an idempotency key: done once, for whoever asked, and told again. */
#include "play.h"

#include "base/text.h"
#include "store/events.h"
#include "store/idempotency.h"

#define KEY "idempotency-key: \"k-1\""
#define FREEZE "/api/v1/issuance/freeze"

static bool session_of(struct play *p, int64_t n, const char *name, char cookie[static 128])
{
    struct ui_user user = {.n = n, .roles = OPERATORS_ALL, .person = CORE_PERSONS + n};
    const struct addr from = {4, {10, 1, 2, 3}};
    char token[UI_TOKEN_TEXT];

    snprintf(user.name, sizeof(user.name), "%s", name);
    if (ui_session_new(&p->core.ui.sessions, &user, &from, clock_now(ev_clock(p->w.ev)), token) !=
        RC_OK)
        return false;
    snprintf(cookie, 128, "cookie: __Host-autarky=%s", token);
    return true;
}

/* What somebody sends with a key. */
struct sent {
    char cookie[128];
    const char *headers[4];
};

static bool sent_by(struct play *p, int64_t n, const char *name, struct sent *out)
{
    *out = (struct sent){.headers = {NULL, "origin: https://" HOST, KEY, NULL}};
    out->headers[0] = out->cookie;
    return session_of(p, n, name, out->cookie);
}

static uint64_t records(struct play *p)
{
    uint64_t n = 0;

    return store_event_last(store_read(p->w.store), &n) == RC_OK ? n : 0;
}

/* Core is started anew: what it has in memory is gone. */
static void forget(struct play *p)
{
    idempotency_init(&p->core.idempotency, p->w.store);
}

static void once_and_told_again(void)
{
    CLEANUP(buf_done) struct buf first = BUF_INIT(64 * 1024);
    struct sent alice, bob;
    uint64_t before;

    BEGIN(p);
    CHECK(sent_by(&p, 1, "alice", &alice));
    CHECK(sent_by(&p, 2, "bob", &bob));
    before = records(&p);
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"INC-7\"}"), 200);
    buf_puts(&first, buf_str(&p.got.body));
    CHECK_INT(records(&p), before + 1);
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"INC-7\"}"), 200);
    CHECK_STR(buf_str(&p.got.body), buf_z(&first));
    forget(&p);
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"INC-7\"}"), 200);
    CHECK_STR(buf_str(&p.got.body), buf_z(&first));
    CHECK_INT(records(&p), before + 1);
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"INC-8\"}"), 422);
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/thaw", alice.headers, "{\"reason\":\"INC-7\"}"),
              422);
    CHECK_INT(ask(&p, "POST", FREEZE, bob.headers, "{\"reason\":\"INC-7\"}"), 409); /* is frozen */
    CHECK(strcmp(p.got.code, "idempotency.other") != 0);
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(records(&p), before + 1);
}

static void malformed(void)
{
    static const char *const bad[] = {"idempotency-key: k", "idempotency-key: \"\"",
                                      "idempotency-key:", "idempotency-key: \"a\";b"};
    struct sent alice;

    BEGIN(p);
    CHECK(sent_by(&p, 1, "alice", &alice));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        alice.headers[2] = bad[i];
        CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"x\"}"), 400);
        CHECK_STR(str_of(p.got.code), "idempotency.key");
    }
    alice.headers[2] = KEY;
    {
        const char *two[] = {alice.cookie, alice.headers[1], KEY, KEY, NULL};

        CHECK_INT(ask(&p, "POST", FREEZE, two, "{\"reason\":\"x\"}"), 400);
        CHECK_STR(str_of(p.got.code), "core.api-two-keys");
    }
    CHECK_INT(ask(&p, "GET", "/api/v1/issuance/status", alice.headers, ""), 200);
    CHECK(in_words(&p, "\"frozen\":false"));
}

/* What was refused, and what only would be done, leaves the key free. */
static void what_changes_nothing(void)
{
    struct sent alice;

    BEGIN(p);
    CHECK(sent_by(&p, 1, "alice", &alice));
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"x\",\"dry_run\":true}"), 200);
    CHECK_INT(ask(&p, "POST", "/api/v1/eab/revoke", alice.headers, "{\"name\":\"k\"}"), 404);
    CHECK_INT(ask(&p, "POST", "/api/v1/cert/revoke", alice.headers,
                  "{\"serial\":\"1234567890abcdef\",\"reason\":\"superseded\"}"),
              404); /* it was claimed before */
    CHECK_INT(ask(&p, "POST", "/api/v1/issuance/status", alice.headers, "{}"), 200);
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"x\"}"), 200);
}

/* Another process is asked, and nobody knows what became of it. */
static void nobody_knows(void)
{
    struct sent alice;

    BEGIN(p);
    CHECK(sent_by(&p, 1, "alice", &alice));
    CHECK_INT(ask(&p, "POST", "/api/v1/drill/runner", alice.headers, "{}"), 503);
    CHECK_INT(ask(&p, "POST", "/api/v1/drill/runner", alice.headers, "{}"), 409);
    CHECK_STR(str_of(p.got.code), "idempotency.unknown");
}

static void secrets_are_told_once(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);
    const char *args = "{\"name\":\"nagios\",\"roles\":\"viewer\",\"expires\":\"1d\"}";
    struct store_idempotency row;
    struct sent alice;

    BEGIN(p);
    CHECK(has_user(&p, "alice"));
    CHECK(sent_by(&p, 1, "alice", &alice));
    CHECK_INT(ask(&p, "POST", "/api/v1/token/create", alice.headers, args), 200);
    CHECK(in_words(&p, "\"token\":\"atk_"));
    CHECK_OK(store_idempotency_get(store_read(p.w.store), &a, STR("user 1"), STR("k-1"), WORLD_NOW,
                                   &row));
    CHECK(row.done);
    CHECK_INT(row.answer.n, 0);
    CHECK_STR(row.made, "token nagios");
    CHECK_INT(ask(&p, "POST", "/api/v1/token/create", alice.headers, args), 410);
    CHECK_STR(str_of(p.got.code), "idempotency.gone");
}

/* Whatever the database has of a request with a password is no way to guess it. */
static void the_hash_takes_the_key_of_core(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 16);
    struct store_idempotency one, two;
    struct sent alice;

    BEGIN(p);
    CHECK(sent_by(&p, 1, "alice", &alice));
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"x\"}"), 200);
    CHECK_OK(store_idempotency_get(store_read(p.w.store), &a, STR("user 1"), STR("k-1"), WORLD_NOW,
                                   &one));
    p.core.eab_key[0] ^= 1;
    CHECK_INT(ask(&p, "POST", FREEZE, alice.headers, "{\"reason\":\"x\"}"), 422);
    CHECK_OK(store_idempotency_get(store_read(p.w.store), &a, STR("user 1"), STR("k-1"), WORLD_NOW,
                                   &two));
    CHECK(memcmp(one.request.b, two.request.b, sizeof(one.request.b)) == 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(once_and_told_again), CHECK_TEST_ONCE(malformed),
           CHECK_TEST_ONCE(what_changes_nothing), CHECK_TEST_ONCE(nobody_knows),
           CHECK_TEST_ONCE(secrets_are_told_once), CHECK_TEST_ONCE(the_hash_takes_the_key_of_core))
