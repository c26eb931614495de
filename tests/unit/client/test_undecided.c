/* SPDX-License-Identifier: Apache-2.0 */
/* An order that a server has and does not decide: a person may have to. */
#include "check.h"

#include <stdio.h>

#include "acme_fake.h"
#include "client/client.h"
#include "client/renewal.h"
#include "ev/clock.h"
#include "ev/ev.h"

#define NOW (PKI_FROM + WHEN_DAY)
#define PROCESSING                                                                                 \
    "{\"status\":\"processing\",\"authorizations\":[\"" ACME_FAKE                                  \
    "/authz/1\"],\"finalize\":\"" ACME_FAKE "/finalize/1\"}"

enum { TURNS = 40, TEXT = 2048 };

struct test {
    struct clock_fake clock;
    struct ev *ev;
    struct acme_fake fake;
    struct crypto_key *account, *key;
    struct client *client;
    struct client_run *run;
    unsigned calls;
    enum rc rc;
    char text[TEXT];
    when_t retry_at;
    bool ill, silent;
};

static void test_done(struct test *t)
{
    client_free(t->client);
    acme_fake_done(&t->fake);
    crypto_key_unref(t->account);
    crypto_key_unref(t->key);
    ev_free(t->ev);
}

static enum rc test_init(struct test *t)
{
    struct client_conf conf = {
        .transport = &t->fake.transport, .directory = STR(ACME_FAKE "/directory"), .n_roots = 1};
    struct str root;

    clock_fake_init(&t->clock, NOW);
    TRY(crypto_init());
    TRY(ev_new(&t->clock.clock, &t->ev));
    if (!acme_fake_start(&t->fake, t->ev))
        return RC_NOMEM;
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->account));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->key));
    root = acme_fake_root(&t->fake);
    conf.ev = t->ev;
    conf.key = t->account;
    conf.roots = &root;
    return client_new(&conf, &t->client, NULL);
}

static void on_result(void *arg, const struct client_result *r)
{
    struct test *t = arg;

    t->calls++;
    t->run = NULL;
    t->rc = r->rc;
    t->retry_at = r->retry_at;
    t->ill = r->ill;
    t->silent = r->silent;
    t->text[0] = '\0';
    if (r->rc != RC_OK)
        err_textz(r->err, t->text, sizeof(t->text));
}

static enum rc obtain(struct test *t, int64_t timeout, int64_t decide)
{
    static const struct str name[] = {STR("wiki.hospital.example")};
    struct client_want want = {
        .dns = name, .n_dns = 1, .key = t->key, .timeout = timeout, .decide = decide};

    t->calls = 0;
    TRY(client_obtain(t->client, &want, on_result, t, &t->run));
    for (unsigned s = 0; s < 2000 && t->calls == 0; s++) {
        for (unsigned i = 0; i < TURNS && t->calls == 0; i++)
            ev_run_once(t->ev, EV_NOWAIT);
        if (t->calls == 0)
            clock_fake_advance(&t->clock, WHEN_SECOND);
    }
    return t->rc;
}

static when_t now(struct test *t)
{
    return clock_now(&t->clock.clock);
}

/* No failure of the server's, and nobody else is asked around whoever has to decide. */
static void at_the_deadline(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_trouble trouble;

    CHECK_OK(test_init(&t));
    t.fake.processing = 1U << 30;
    CHECK_RC(obtain(&t, 0, 0), RC_AGAIN);
    CHECK_INT(t.calls, 1);
    CHECK(now(&t) - NOW >= CLIENT_RUN_SECONDS * WHEN_SECOND);
    CHECK(now(&t) - NOW < (CLIENT_RUN_SECONDS + 5) * WHEN_SECOND);
    CHECK_STR(str_of(t.text), "the server has the order and has not decided yet");
    CHECK(!t.ill && !t.silent);
    CHECK_INT(t.retry_at, now(&t) + CLIENT_AGAIN_SECONDS * WHEN_SECOND);
    trouble = (struct client_trouble){t.rc, t.ill, t.retry_at};
    CHECK(!client_falls_back(&trouble, 0, now(&t)));
    CHECK(!client_falls_back(&trouble, now(&t) + WHEN_HOUR, now(&t)));
    CHECK_INT(client_count(t.client), 0);
}

/* Who does not want to wait so long; the server's own wish counts where it is for longer. */
static void patience_for_the_decision(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    t.fake.processing = 1U << 30;
    CHECK_RC(obtain(&t, 0, 20 * WHEN_SECOND), RC_AGAIN);
    CHECK(now(&t) - NOW >= 20 * WHEN_SECOND && now(&t) - NOW < 40 * WHEN_SECOND);
    acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_ORDER,
                                                       .times = 1,
                                                       .status = 200,
                                                       .retry_after = "7200",
                                                       .body = PROCESSING});
    CHECK_RC(obtain(&t, 0, 20 * WHEN_SECOND), RC_AGAIN);
    CHECK(t.retry_at >= now(&t) + 7000 * WHEN_SECOND);
}

/* The time for it is over with it, and what is issued then is fetched. */
static void decided_in_time(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    t.fake.processing = 3;
    acme_fake_wrong(&t.fake,
                    (struct acme_fake_answer){.at = FAKE_CERTIFICATE, .times = 4, .status = 503});
    CHECK_OK(obtain(&t, 0, 12 * WHEN_SECOND));
    CHECK(now(&t) - NOW > 12 * WHEN_SECOND);
}

/* A server that does nothing with what is asked of it before is still one that ails. */
static void silence_before(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    t.fake.silent = true;
    CHECK_RC(obtain(&t, 30 * WHEN_SECOND, 10 * WHEN_SECOND), RC_TIMEOUT);
    CHECK(t.ill || mem_fail_fired());
}

CHECK_MAIN(CHECK_TEST_ONCE(at_the_deadline), CHECK_TEST_ONCE(patience_for_the_decision),
           CHECK_TEST_ONCE(decided_in_time), CHECK_TEST_ONCE(silence_before))
