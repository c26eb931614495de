/* SPDX-License-Identifier: Apache-2.0 */
/* Two requests of one client under way at a time: each is judged before the other is written, so
 * the store decides, and whoever comes second is told what a moment later he would have been told.
 */
#include "acme_client.h"

#include "base/text.h"
#include "x509/cert.h"

/* A client with an account in a world of its own, and the answers to two requests that were both
 * begun before either was written. */
struct race {
    struct world w;
    struct client c;
    struct reply first, second;
};

static void race_done(struct race *r)
{
    reply_done(&r->first);
    reply_done(&r->second);
    client_done(&r->c);
    world_done(&r->w);
}

static bool race_start(struct race *r)
{
    return world_start(&r->w, NULL) && client_start(&r->c, &r->w) && client_register(&r->c);
}

static bool race_run(struct race *r, const char *url, const char *payload)
{
    struct world_call first, second;

    if (!client_begin(&r->c, url, payload, &first) || !client_begin(&r->c, url, payload, &second))
        return false;
    r->first = client_end(&first);
    r->second = client_end(&second);
    return true;
}

static void revoked_once(void)
{
    CLEANUP(race_done) struct race r = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    struct x509_cert *chain;
    size_t n;

    CHECK(race_start(&r));
    cert = client_certificate(&r.c, "a.hospital.example");
    CHECK_INT(cert.status, 200);
    CHECK_OK(x509_cert_read_pem(&a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL));
    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, chain[0].der);
    buf_putz(&payload, "\"}");
    CHECK(race_run(&r, "/acme/revoke-cert", buf_z(&payload)));
    CHECK_INT(r.first.status, 200);
    CHECK_INT(r.second.status, 400);
    CHECK_STR(reply_problem(&r.second), "alreadyRevoked");
}

static void challenge_tried_once(void)
{
    CLEANUP(race_done) struct race r = {.w = {.dir.fd = -1}};
    char order[256], challenge[256];

    CHECK(race_start(&r));
    CHECK(client_order(&r.c, "a.hospital.example", order));
    CHECK(client_challenge(&r.c, order, challenge));
    CHECK(race_run(&r, challenge, "{}"));
    CHECK_INT(r.first.status, 200);
    CHECK_INT(r.second.status, 200);
    CHECK_STR(reply_text(&r.second, "status"), "processing");
    world_spin(&r.w);
    CHECK_INT(r.w.validations, 1);
}

static void deactivated_once(void)
{
    CLEANUP(race_done) struct race r = {.w = {.dir.fd = -1}};

    CHECK(race_start(&r));
    CHECK(race_run(&r, r.c.kid, "{\"status\":\"deactivated\"}"));
    CHECK_INT(r.first.status, 200);
    CHECK_STR(reply_text(&r.first, "status"), "deactivated");
    CHECK_INT(r.second.status, 403);
    CHECK_STR(reply_problem(&r.second), "unauthorized");
}

CHECK_MAIN(CHECK_TEST_ONCE(revoked_once), CHECK_TEST_ONCE(challenge_tried_once),
           CHECK_TEST_ONCE(deactivated_once))
