/* SPDX-License-Identifier: Apache-2.0 */
/* CAA once more when a certificate is made long after the proof (acme/caa.c). The prober is played:
 * it is asked a second time, and what it says decides. */
#include "acme_client.h"

enum { ACME_HOURS = 9 };

struct late {
    struct world w;
    struct client c;
    char order[256];
};

static void late_done(struct late *l)
{
    client_done(&l->c);
    world_done(&l->w);
}

/* An order that is ready, and `hours` old. */
static bool ready(struct late *l, const char *extra, int hours)
{
    *l = (struct late){.w = {.dir.fd = -1}};
    if (!world_start(&l->w, extra) || !client_start(&l->c, &l->w) || !client_register(&l->c) ||
        !client_order(&l->c, "a.hospital.example,b.hospital.example", l->order) ||
        !client_validate(&l->c, l->order))
        return false;
    clock_fake_advance(&l->w.clock, hours * WHEN_HOUR);
    l->w.validations = 0;
    return true;
}

static struct reply finalize(struct late *l)
{
    return client_finalize(&l->c, l->order, "a.hospital.example,b.hospital.example");
}

static void soon_enough(void)
{
    CLEANUP(late_done) struct late l = {};
    CLEANUP(reply_done) struct reply r = {};

    CHECK(ready(&l, NULL, 7));
    r = finalize(&l);
    CHECK_INT(r.status, 200);
    CHECK_INT(l.w.validations, 0);
}

static void asked_again(void)
{
    CLEANUP(late_done) struct late l = {};
    CLEANUP(reply_done) struct reply r = {};

    CHECK(ready(&l, NULL, ACME_HOURS));
    r = finalize(&l);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "valid");
    CHECK_INT(l.w.validations, 2);
}

static void switched_off(void)
{
    CLEANUP(late_done) struct late l = {};
    CLEANUP(reply_done) struct reply r = {};

    CHECK(ready(&l, "validation: {caa: off}\n", ACME_HOURS));
    r = finalize(&l);
    CHECK_INT(r.status, 200);
    CHECK_INT(l.w.validations, 0);
}

/* A refusal is the answer; the order stays ready, for a zone can be mended. */
static void forbidden(void)
{
    CLEANUP(late_done) struct late l = {};
    CLEANUP(reply_done) struct reply r = {}, again = {};
    struct json_iter it;
    const struct json *sub;
    struct str name = STR("");

    CHECK(ready(&l, NULL, ACME_HOURS));
    l.w.verdict = RC_DENIED;
    r = finalize(&l);
    CHECK(r.status >= 400 && r.status < 500);
    CHECK_INT(l.w.signatures, 0);
    /* Each of the names, not the first (RFC 8555 section 6.7.1). */
    CHECK_INT(json_len(json_get(r.json, "subproblems")), 2);
    it = json_iter(json_get(r.json, "subproblems"));
    for (int i = 0; i < 2; i++) {
        CHECK(json_next(&it, NULL, &sub));
        CHECK_OK(json_str(json_get(json_get(sub, "identifier"), "value"), &name));
        CHECK_STR(name, i ? "b.hospital.example" : "a.hospital.example");
    }
    l.w.verdict = RC_OK;
    again = finalize(&l);
    CHECK_INT(again.status, 200);
    CHECK_STR(reply_text(&again, "status"), "valid");
}

/* Nothing found out is no permission. */
static void not_found_out(void)
{
    CLEANUP(late_done) struct late l = {};
    CLEANUP(reply_done) struct reply r = {};

    CHECK(ready(&l, NULL, ACME_HOURS));
    l.w.verdict = RC_CLOSED;
    r = finalize(&l);
    CHECK_INT(r.status, 503);
    CHECK_INT(l.w.signatures, 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(soon_enough), CHECK_TEST_ONCE(asked_again),
           CHECK_TEST_ONCE(switched_off), CHECK_TEST_ONCE(forbidden),
           CHECK_TEST_ONCE(not_found_out))
