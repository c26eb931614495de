/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of the register take a second person. */
#include "check.h"

#include "core/core_int.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "json/json.h"

#define NEW "{\"ref\":\"rsa-2\",\"parent\":\"root-rsa\"}"
#define GONE "{\"ref\":\"ecdsa-1\"}"
#define OLD "{\"ref\":\"rsa-1\",\"at\":\"2026-11-20T18:24:00Z\"}"

/* The action that waits for somebody; empty: none does. */
static const struct core_who root = {0, CORE_NO_LOGIN};

static enum rc action(unsigned two_persons, const char *change, char out[static 32])
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(ev_freep) struct ev *ev = NULL;
    struct conf conf = {.control.two_persons = two_persons};
    struct core core = {.conf = &conf};
    struct core_approval approval;
    struct clock_fake clock;

    clock_fake_init(&clock, INT64_C(1'800'000'000) * WHEN_SECOND);
    TRY(crypto_init());
    TRY(ev_new(&clock.clock, &ev));
    core.ev = ev;
    TRY(json_parse(str_of(change), 4096, &doc, NULL));
    TRY(core_approval_begin(&core, root, json_root(doc), &a, &approval));
    if (approval.needed && !str_starts(approval.what, approval.action))
        return RC_INVAL;
    return str_copyz(approval.needed ? approval.action : STR(""), out, 32);
}

#define WAITS(two, change, want)                                                                   \
    do {                                                                                           \
        char found[32];                                                                            \
        CHECK_OK(action((two), (change), found));                                                  \
        CHECK_STR(str_of(found), (want));                                                          \
    } while (0)

enum {
    CREATE = 1 << CONF_TWO_ISSUER_CREATE,
    ROTATE = 1 << CONF_TWO_ISSUER_ROTATE,
    REVOKE = 1 << CONF_TWO_ISSUER_REVOKE
};

static void one_thing(void)
{
    WAITS(CREATE, "{\"issuers\":[" NEW "]}", "issuer.create");
    WAITS(ROTATE, "{\"issuers\":[" NEW "],\"retire\":[" OLD "]}", "issuer.rotate");
    WAITS(ROTATE, "{\"retire\":[" OLD "]}", "issuer.rotate");
    WAITS(REVOKE, "{\"revoke\":[" GONE "]}", "issuer.revoke");
    WAITS(0, "{\"issuers\":[" NEW "]}", "");
    WAITS(CREATE | REVOKE, "{\"issuers\":[" NEW "],\"retire\":[" OLD "]}", "");
    WAITS(CREATE | ROTATE, "{\"revoke\":[" GONE "]}", "");
}

/* What takes a second person takes it in company, too. */
static void several_things(void)
{
    WAITS(CREATE, "{\"issuers\":[" NEW "," NEW "],\"retire\":[" OLD "]}", "issuer.create");
    WAITS(CREATE, "{\"issuers\":[" NEW "],\"revoke\":[" GONE "]}", "issuer.create");
    WAITS(ROTATE, "{\"retire\":[" OLD "],\"revoke\":[" GONE "]}", "issuer.rotate");
}

CHECK_MAIN(CHECK_TEST(one_thing), CHECK_TEST(several_things))
