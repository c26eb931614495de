/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are in wrong hands: who may say so, and what such a key can no longer be used for. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "store/events.h"
#include "store/keys.h"
#include "x509/cert.h"

/* An account with a certificate, and the certificate's key as a client of its own. */
struct held {
    struct world w;
    struct client account, key;
    struct arena a;
    struct x509_cert *cert;
};

static void held_done(struct held *h)
{
    client_done(&h->account);
    client_done(&h->key);
    arena_done(&h->a);
    world_done(&h->w);
}

/* Orders the name and finalizes it with that key. */
static struct reply issue(struct client *c, struct crypto_key *key, const char *name)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    char order[256], url[512];

    if (!client_order(c, name, order) || !client_validate(c, order) ||
        !client_csr_of(key, name, &payload))
        return (struct reply){.x = NULL};
    snprintf(url, sizeof(url), "%s/finalize", order);
    return client_post(c, url, buf_z(&payload));
}

static bool held_start(struct held *h)
{
    CLEANUP(reply_done) struct reply order = {.x = NULL};
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    char url[256];
    size_t n;

    arena_init(&h->a, 1 << 20);
    if (!world_start(&h->w, NULL) || !client_start(&h->account, &h->w) ||
        !client_register(&h->account) || !client_start(&h->key, &h->w))
        return false;
    order = issue(&h->account, h->key.key, "a.hospital.example");
    if (str_copyz(reply_text(&order, "certificate"), url, sizeof(url)) != RC_OK)
        return false;
    cert = client_post(&h->account, url, "");
    return cert.status == 200 &&
           x509_cert_read_pem(&h->a, buf_str(&cert.x->res.body), 4, &h->cert, &n, NULL) == RC_OK;
}

static struct reply revoke(struct held *h, struct client *by, int reason)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);

    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, h->cert[0].der);
    buf_printf(&payload, "\",\"reason\":%d}", reason);
    return client_post(by, "/acme/revoke-cert", buf_z(&payload));
}

static bool has_reason(struct held *h, int reason)
{
    struct store_certificate c;

    return store_certificate_by_serial(store_read(h->w.store), &h->a,
                                       x509_serial_bytes(&h->cert[0].serial), &c) == RC_OK &&
           c.status == STORE_CERTIFICATE_REVOKED && c.revocation_reason == reason &&
           c.revoked == WORLD_NOW;
}

static size_t events(struct held *h, const char *action)
{
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n = 0;

    return store_event_list(store_read(h->w.store), &h->a, &filter, &list, &n) == RC_OK ? n : 99;
}

static void the_key_itself_may_say_so_later(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply lesser = {.x = NULL};
    CLEANUP(reply_done) struct reply account = {.x = NULL};
    CLEANUP(reply_done) struct reply raised = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};

    CHECK(held_start(&h));
    first = revoke(&h, &h.account, 4);
    CHECK_INT(first.status, 200);
    CHECK(has_reason(&h, 4));
    clock_fake_advance(&h.w.clock, WHEN_MINUTE);
    /* Not another reason, and not by who only has the account. */
    lesser = revoke(&h, &h.key, 3);
    CHECK_STR(reply_problem(&lesser), "alreadyRevoked");
    account = revoke(&h, &h.account, 1);
    CHECK_STR(reply_problem(&account), "alreadyRevoked");
    CHECK(has_reason(&h, 4));
    raised = revoke(&h, &h.key, 1);
    CHECK_INT(raised.status, 200);
    CHECK(has_reason(&h, 1)); /* since the first time */
    CHECK_INT(events(&h, "certificate.revoked"), 1);
    CHECK_INT(events(&h, "certificate.revocation-changed"), 1);
    again = revoke(&h, &h.key, 1);
    CHECK_STR(reply_problem(&again), "alreadyRevoked");
    CHECK_INT(events(&h, "certificate.revocation-changed"), 1);
}

static void raised_once(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    CLEANUP(reply_done) struct reply before = {.x = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};
    struct world_call calls[2];

    CHECK(held_start(&h));
    before = revoke(&h, &h.account, 0);
    CHECK_INT(before.status, 200);
    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, h.cert[0].der);
    buf_putz(&payload, "\",\"reason\":1}");
    CHECK(client_begin(&h.key, "/acme/revoke-cert", buf_z(&payload), &calls[0]));
    CHECK(client_begin(&h.key, "/acme/revoke-cert", buf_z(&payload), &calls[1]));
    first = client_end(&calls[0]);
    second = client_end(&calls[1]);
    CHECK_INT(first.status, 200);
    CHECK_STR(reply_problem(&second), "alreadyRevoked");
    CHECK_INT(events(&h, "certificate.revocation-changed"), 1);
}

/* Whether it was said at once or later: no certificate and no account with this key any more. */
static void the_key_is_of_no_use(bool later)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply before = {.x = NULL};
    CLEANUP(reply_done) struct reply revoked = {.x = NULL};
    CLEANUP(reply_done) struct reply account = {.x = NULL};
    CLEANUP(reply_done) struct reply csr = {.x = NULL};
    CLEANUP(reply_done) struct reply other = {.x = NULL};

    CHECK(held_start(&h));
    if (later) {
        before = revoke(&h, &h.account, 0);
        CHECK_INT(before.status, 200);
    }
    revoked = revoke(&h, &h.key, 1);
    CHECK_INT(revoked.status, 200);
    account = client_post(&h.key, "/acme/new-account", "{\"termsOfServiceAgreed\":true}");
    CHECK_INT(account.status, 400);
    CHECK_STR(reply_problem(&account), "badPublicKey");
    csr = issue(&h.account, h.key.key, "b.hospital.example");
    CHECK_INT(csr.status, 400);
    CHECK_STR(reply_problem(&csr), "badPublicKey");
    other = client_certificate(&h.account, "b.hospital.example");
    CHECK_INT(other.status, 200);
}

static void said_at_once(void)
{
    the_key_is_of_no_use(false);
}

static void said_later(void)
{
    the_key_is_of_no_use(true);
}

/* Another reason says nothing about the key. */
static void other_reasons_leave_the_key(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply revoked = {.x = NULL};
    CLEANUP(reply_done) struct reply order = {.x = NULL};

    CHECK(held_start(&h));
    revoked = revoke(&h, &h.key, 4);
    CHECK_INT(revoked.status, 200);
    order = issue(&h.account, h.key.key, "b.hospital.example");
    CHECK_STR(reply_text(&order, "status"), "valid");
    CHECK(client_register(&h.key));
}

CHECK_MAIN(CHECK_TEST_ONCE(the_key_itself_may_say_so_later), CHECK_TEST_ONCE(raised_once),
           CHECK_TEST_ONCE(said_at_once), CHECK_TEST_ONCE(said_later),
           CHECK_TEST_ONCE(other_reasons_leave_the_key))
