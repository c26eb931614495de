/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes of the register take a second person. */
#include "check.h"

#include "core/core_int.h"
#include "ev/clock.h"
#include "json/json.h"

#define NEW "{\"ref\":\"rsa-2\",\"parent\":\"root-rsa\"}"
#define OLD "{\"ref\":\"rsa-1\",\"at\":\"2026-11-20T18:24:00Z\"}"

/* The action that waits for somebody; NULL: none does. */
static const char *action(unsigned two_persons, const char *change)
{
    static char text[32];
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct conf conf = {.control.two_persons = two_persons};
    struct core core = {.conf = &conf};
    struct core_approval approval;
    struct clock_fake clock;

    clock_fake_init(&clock, INT64_C(1'800'000'000) * WHEN_SECOND);
    CHECK_OK(ev_new(&clock.clock, &core.ev));
    CHECK_OK(json_parse(str_of(change), 4096, &doc, NULL));
    CHECK_OK(core_approval_begin(&core, 0, json_root(doc), &a, &approval));
    ev_free(core.ev);
    if (!approval.needed)
        return NULL;
    CHECK(str_starts(approval.what, approval.action));
    CHECK_OK(str_copyz(approval.action, text, sizeof(text)));
    return text;
}

enum {
    CREATE = 1 << CONF_TWO_ISSUER_CREATE,
    ROTATE = 1 << CONF_TWO_ISSUER_ROTATE,
    REVOKE = 1 << CONF_TWO_ISSUER_REVOKE
};

static void one_thing(void)
{
    CHECK_STR(str_of(action(CREATE, "{\"issuers\":[" NEW "]}")), "issuer.create");
    CHECK_STR(str_of(action(ROTATE, "{\"issuers\":[" NEW "],\"retire\":[" OLD "]}")),
              "issuer.rotate");
    CHECK_STR(str_of(action(ROTATE, "{\"retire\":[" OLD "]}")), "issuer.rotate");
    CHECK_STR(str_of(action(REVOKE, "{\"revoke\":[{\"ref\":\"rsa-1\"}]}")), "issuer.revoke");
    CHECK(!action(0, "{\"issuers\":[" NEW "]}"));
    CHECK(!action(CREATE | REVOKE, "{\"issuers\":[" NEW "],\"retire\":[" OLD "]}"));
    CHECK(!action(CREATE | ROTATE, "{\"revoke\":[{\"ref\":\"rsa-1\"}]}"));
}

/* What takes a second person takes it in company, too. */
static void several_things(void)
{
    CHECK_STR(str_of(action(CREATE, "{\"issuers\":[" NEW "," NEW "],\"retire\":[" OLD "]}")),
              "issuer.create");
    CHECK_STR(str_of(action(CREATE, "{\"issuers\":[" NEW "],\"revoke\":[{\"ref\":\"ecdsa-1\"}]}")),
              "issuer.create");
    CHECK_STR(str_of(action(ROTATE, "{\"retire\":[" OLD "],\"revoke\":[{\"ref\":\"rsa-1\"}]}")),
              "issuer.rotate");
}

CHECK_MAIN(CHECK_TEST_ONCE(one_thing), CHECK_TEST_ONCE(several_things))
