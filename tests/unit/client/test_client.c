/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "acme_fake.h"
#include "client/client.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/json.h"

#define NOW (PKI_FROM + WHEN_DAY)
#define NAME "wiki.hospital.example"

enum { TURNS = 40, TEXT = 2048 };

struct test {
    struct clock_fake clock;
    struct ev *ev;
    struct acme_fake fake;
    struct crypto_key *account, *key;
    struct client *client;
    struct client_run *run;
    const struct client_solver *solvers;
    size_t n_solvers;
    /* what came */
    unsigned calls;
    enum rc rc;
    char text[TEXT], problem[64];
    when_t retry_at, not_after;
    bool ill, silent;
    size_t n_certs;
    struct client_window window;
    struct buf chain;
    /* the solver's */
    unsigned presented, cleaned;
    enum rc present_rc;
    bool present_never;
    char key_authorization[256];
};

static void test_done(struct test *t)
{
    client_free(t->client);
    acme_fake_done(&t->fake);
    crypto_key_unref(t->account);
    crypto_key_unref(t->key);
    buf_done(&t->chain);
    ev_free(t->ev);
}

static enum rc make_client(struct test *t)
{
    struct str root = acme_fake_root(&t->fake);
    struct client_conf conf = {.ev = t->ev,
                               .transport = &t->fake.transport,
                               .directory = STR(ACME_FAKE "/directory"),
                               .key = t->account,
                               .roots = &root,
                               .n_roots = 1,
                               .solvers = t->solvers,
                               .n_solvers = t->n_solvers};

    return client_new(&conf, &t->client, NULL);
}

static enum rc test_init(struct test *t)
{
    clock_fake_init(&t->clock, NOW);
    buf_init(&t->chain, CLIENT_CHAIN_MAX);
    TRY(crypto_init());
    TRY(ev_new(&t->clock.clock, &t->ev));
    if (!acme_fake_start(&t->fake, t->ev))
        return RC_NOMEM;
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->account));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->key));
    return make_client(t);
}

static void on_result(void *arg, const struct client_result *r)
{
    struct test *t = arg;

    t->calls++;
    t->run = NULL;
    t->rc = r->rc;
    t->text[0] = '\0';
    t->n_certs = r->n_certs;
    t->retry_at = r->retry_at;
    t->ill = r->ill;
    t->silent = r->silent;
    t->window = r->window;
    IGNORE_RC(str_copyz(r->problem, t->problem, sizeof(t->problem)));
    buf_reset(&t->chain);
    buf_puts(&t->chain, r->chain);
    if (r->rc != RC_OK)
        err_textz(r->err, t->text, sizeof(t->text));
    else if (r->n_certs)
        t->not_after = r->certs[0].not_after;
}

/* Lets the time pass until there is a result, `seconds` at most. */
static void pass(struct test *t, unsigned seconds)
{
    for (unsigned s = 0; s <= seconds && t->calls == 0; s++) {
        for (unsigned i = 0; i < TURNS && t->calls == 0; i++)
            ev_run_once(t->ev, EV_NOWAIT);
        if (t->calls == 0)
            clock_fake_advance(&t->clock, WHEN_SECOND);
    }
}

static const struct str one_name[] = {STR(NAME)};

static enum rc obtain(struct test *t)
{
    struct client_want want = {.dns = one_name, .n_dns = 1, .key = t->key};

    t->calls = 0;
    TRY(client_obtain(t->client, &want, on_result, t, &t->run));
    pass(t, 2000);
    return t->calls == 1 ? t->rc : RC_AGAIN;
}

/* ---- the way as it should be */

static void happy(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(obtain(&t));
    CHECK_INT(t.n_certs, 2);
    CHECK(buf_str(&t.chain).n > 500);
    CHECK_INT(t.not_after, PKI_LEAF_TO - WHEN_SECOND);
    CHECK_INT(t.fake.refused, 0);
    CHECK_INT(client_count(t.client), 0);
    CHECK_INT(t.fake.count[FAKE_CHALLENGE], 0);
    CHECK_STR(str_of(t.fake.order),
              "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" NAME "\"}]}");
    CHECK_STR(str_of(t.fake.last_kid), ACME_FAKE "/account/1");

    /* Directory, account and nonces serve again. */
    CHECK_OK(obtain(&t));
    CHECK_INT(t.fake.count[FAKE_DIRECTORY], 1);
    CHECK_INT(t.fake.count[FAKE_ACCOUNT], 1);
    CHECK_INT(t.fake.count[FAKE_NONCE], 1);
    CHECK_INT(t.fake.count[FAKE_CERTIFICATE], 2);

    /* An hour later they are looked at anew. */
    clock_fake_advance(&t.clock, 2 * WHEN_HOUR);
    CHECK_OK(obtain(&t));
    CHECK_INT(t.fake.count[FAKE_DIRECTORY], 2);
    CHECK_INT(t.fake.count[FAKE_ACCOUNT], 2);
    CHECK_INT(t.fake.refused, 0);
}

static void addresses(void)
{
    CLEANUP(test_done) struct test t = {};
    static const struct addr ip = {4, {10, 0, 3, 7}};
    struct client_want want = {.ips = &ip, .n_ips = 1};

    CHECK_OK(test_init(&t));
    want.key = t.key;
    CHECK_OK(client_obtain(t.client, &want, on_result, &t, &t.run));
    pass(&t, 100);
    CHECK_INT(t.calls, 1);
    CHECK_OK(t.rc);
    CHECK_STR(str_of(t.fake.order), "{\"identifiers\":[{\"type\":\"ip\",\"value\":\"10.0.3.7\"}]}");
}

/* ---- what heals by itself */

#define REFUSAL(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"so it is\"}"
#define ORDER(status)                                                                              \
    "{\"status\":\"" status "\",\"authorizations\":[\"" ACME_FAKE                                  \
    "/authz/1\"],\"finalize\":\"" ACME_FAKE "/finalize/1\"}"

static void heals(void)
{
    static const struct acme_fake_answer cases[] = {
        {.at = FAKE_NEW_ORDER, .times = CLIENT_BAD_NONCES_MAX, .bad_nonce = true},
        {.at = FAKE_ACCOUNT, .times = 1, .bad_nonce = true},
        {.at = FAKE_FINALIZE, .times = 2, .bad_nonce = true},
        {.at = FAKE_FINALIZE, .times = 1, .status = 403, .body = REFUSAL("orderNotReady")},
        {.at = FAKE_FINALIZE, .times = 1, .status = 200, .body = ORDER("ready")},
        {.at = FAKE_ORDER, .times = 1, .status = 200, .body = ORDER("pending")},
        {.at = FAKE_DIRECTORY, .times = 3, .rc = RC_NET},
        {.at = FAKE_DIRECTORY, .times = 3, .status = 503},
        {.at = FAKE_NONCE, .times = 2, .rc = RC_TIMEOUT},
        {.at = FAKE_NEW_ORDER, .times = 2, .status = 500, .body = REFUSAL("serverInternal")},
        {.at = FAKE_NEW_ORDER, .times = 1, .status = 503, .retry_after = "20"},
        {.at = FAKE_FINALIZE, .times = 1, .rc = RC_CLOSED},
        {.at = FAKE_CERTIFICATE, .times = 2, .rc = RC_CLOSED},
        {.at = FAKE_NEW_ORDER, .times = 1, .status = 400, .body = REFUSAL("accountDoesNotExist")},
        {.at = FAKE_NEW_ORDER, .times = 1, .status = 201, .body = ORDER("pending")},
        {.at = FAKE_AUTHORIZATION, .times = 3, .status = 502},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(test_init(&t));
        acme_fake_wrong(&t.fake, cases[i]);
        if (cases[i].at == FAKE_ORDER)
            t.fake.processing = 1;
        if (cases[i].at == FAKE_AUTHORIZATION)
            acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_NEW_ORDER,
                                                               .times = 1,
                                                               .status = 201,
                                                               .body = ORDER("pending")});
        if (obtain(&t) != RC_OK && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(t.rc), t.text);
        CHECK_INT(t.fake.wrong[0].times, 0);
        CHECK_INT(t.fake.refused, 0);
    }
}

static void waits(void)
{
    CLEANUP(test_done) struct test t = {};
    when_t before;

    CHECK_OK(test_init(&t));
    t.fake.processing = 1;
    acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_ORDER,
                                                       .times = 1,
                                                       .status = 200,
                                                       .retry_after = "40",
                                                       .body = ORDER("processing")});
    before = clock_now(&t.clock.clock);
    CHECK_OK(obtain(&t));
    CHECK(clock_now(&t.clock.clock) - before >= 40 * WHEN_SECOND);
    CHECK(clock_now(&t.clock.clock) - before < 60 * WHEN_SECOND);
    CHECK_INT(t.fake.count[FAKE_ORDER], 2);
}

/* ---- what does not */

static const struct {
    struct acme_fake_answer wrong;
    enum rc rc;
    const char *text;
    const char *problem;
} failures[] = {
    {{.at = FAKE_NEW_ORDER, .times = 99, .bad_nonce = true},
     RC_DENIED,
     "badNonce: old",
     "badNonce"},
    {{.at = FAKE_NEW_ORDER,
      .times = 9,
      .status = 403,
      .body = "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"two are "
              "refused\",\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:caa\","
              "\"detail\":\"not us\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.x\"}},"
              "{\"detail\":\"no\",\"identifier\":{\"type\":\"dns\",\"value\":\"b.x\"}}]}"},
     RC_DENIED,
     "newOrder with status 403: rejectedIdentifier: two are refused (a.x: caa: not us; b.x: "
     "no)",
     "rejectedIdentifier"},
    {{.at = FAKE_NEW_ORDER,
      .times = 9,
      .status = 429,
      .retry_after = "7200",
      .body = REFUSAL("rateLimited")},
     RC_QUOTA,
     "rateLimited: so it is",
     "rateLimited"},
    {{.at = FAKE_ACCOUNT, .times = 9, .status = 401, .body = REFUSAL("unauthorized")},
     RC_DENIED,
     "newAccount with status 401",
     "unauthorized"},
    {{.at = FAKE_ACCOUNT, .times = 9, .status = 201, .body = "{}", .location = ""},
     RC_PARSE,
     "no usable URL",
     ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 201, .body = ORDER("ready"), .location = ""},
     RC_PARSE,
     "no usable URL",
     ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 500}, RC_NET, "status 500", ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 503, .retry_after = "3600"},
     RC_NET,
     "status 503",
     ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 302, .body = "<html>"},
     RC_DENIED,
     "status 302: it says nothing more",
     ""},
    {{.at = FAKE_DIRECTORY, .times = 9, .status = 200, .body = "{\"newNonce\":"},
     RC_PARSE,
     "directory is not JSON",
     ""},
    {{.at = FAKE_DIRECTORY, .times = 9, .status = 200, .body = "[]"},
     RC_PARSE,
     "it is no object",
     ""},
    {{.at = FAKE_DIRECTORY, .times = 9, .status = 200, .body = "{\"newNonce\":\"x\"}"},
     RC_PARSE,
     "directory has no usable \"newNonce\"",
     ""},
    {{.at = FAKE_DIRECTORY, .times = 9, .rc = RC_PARSE}, RC_PARSE, "did not reach", ""},
    {{.at = FAKE_DIRECTORY, .times = 99, .rc = RC_NET}, RC_NET, "did not reach", ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 201, .body = ORDER("odd")},
     RC_PARSE,
     "\"status\"",
     ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 201, .body = ORDER("valid")},
     RC_PARSE,
     "\"certificate\"",
     ""},
    {{.at = FAKE_FINALIZE,
      .times = 9,
      .status = 200,
      .body = "{\"status\":\"invalid\",\"authorizations\":[],\"finalize\":\"https://x/f\","
              "\"error\":{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"weak\"}}"},
     RC_CONFLICT,
     "badCSR: weak",
     ""},
    {{.at = FAKE_FINALIZE, .times = 99, .status = 403, .body = REFUSAL("orderNotReady")},
     RC_CONFLICT,
     "finalized 5 times",
     ""},
    {{.at = FAKE_ORDER, .times = 9, .status = 200, .body = ORDER("invalid")},
     RC_CONFLICT,
     "came to nothing: invalid",
     ""},
    {{.at = FAKE_NEW_ORDER, .times = 9, .status = 400, .body = REFUSAL("accountDoesNotExist")},
     RC_DENIED,
     "accountDoesNotExist",
     "accountDoesNotExist"},
    {{.at = FAKE_CERTIFICATE, .times = 9, .status = 404}, RC_DENIED, "the certificate", ""},
    {{.at = FAKE_CERTIFICATE, .times = 9, .status = 200, .body = "hello"}, RC_NOTFOUND, "", ""},
};

static void fails(void)
{
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        enum rc rc;

        CHECK_OK(test_init(&t));
        acme_fake_wrong(&t.fake, failures[i].wrong);
        if (failures[i].wrong.at == FAKE_ORDER)
            t.fake.processing = 1;
        rc = obtain(&t);
        if ((rc != failures[i].rc || !strstr(t.text, failures[i].text)) && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
        CHECK_STR(str_of(t.problem), failures[i].problem);
        CHECK_INT(t.fake.refused, 0);
        CHECK_INT(client_count(t.client), 0);
        if (failures[i].wrong.retry_after)
            CHECK(t.retry_at > clock_now(&t.clock.clock) + 3500 * WHEN_SECOND);
    }
}

static void wrong_certificates(void)
{
    static const struct {
        enum acme_fake_cert cert;
        enum rc rc;
        const char *text;
    } cases[] = {
        {FAKE_OTHER_KEY, RC_CRYPTO, "for another key"},
        {FAKE_NAME_MISSING, RC_CRYPTO, "does not name " NAME},
        {FAKE_NAME_EXTRA, RC_CRYPTO, "names extra.hospital.example, which nobody"},
        {FAKE_OTHER_ROOT, RC_CRYPTO, "does not end in a trusted root"},
        {FAKE_CA, RC_CRYPTO, "it is that of a CA"},
        {FAKE_NO_SERVER, RC_CRYPTO, "lacks serverAuth"},
        {FAKE_ODD_SIGNATURE, RC_CRYPTO, "certificate 2 of the chain is signed by an algorithm"},
        {FAKE_EXPIRED, RC_CRYPTO, "expired at 2027-01-15"},
        {FAKE_EARLY, RC_CRYPTO, "If this clock is behind, set it"},
        {FAKE_NO_ISSUER, RC_CRYPTO, "does not end in a trusted root"},
        {FAKE_REVERSED, RC_CRYPTO, "for another key"},
        {FAKE_CUT, RC_PARSE, ""},
        {FAKE_EMPTY, RC_NOTFOUND, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        enum rc rc;

        CHECK_OK(test_init(&t));
        t.fake.cert = cases[i].cert;
        rc = obtain(&t);
        if ((rc != cases[i].rc || !strstr(t.text, cases[i].text)) && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
        CHECK_INT(t.n_certs, 0);
    }
}

/* ---- one host for directory, account and orders */

static void stays_at_one_host(void)
{
    static const struct {
        const char *account, *order;
        enum rc rc;
    } cases[] = {
        {"https://localhost/acme/account", "https://LOCALHOST:443/acme/new-order", RC_OK},
        {"https://other.example/acme/account", "https://localhost/acme/new-order", RC_DENIED},
        {"https://localhost/acme/account", "https://localhost:8443/acme/new-order", RC_DENIED},
        {"https://localhost/acme/account", "http://localhost/acme/new-order", RC_DENIED},
    };

    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t at = i / 2;
        CLEANUP(test_done) struct test t = {};
        struct client_conf conf = {
            .directory = STR(ACME_FAKE "/directory"), .any_root = true, .one_host = i % 2 == 0};
        char body[512];
        enum rc rc;

        CHECK_OK(test_init(&t));
        client_free(MOVE(t.client));
        conf.ev = t.ev;
        conf.transport = &t.fake.transport;
        conf.key = t.account;
        CHECK_OK(client_new(&conf, &t.client, NULL));
        snprintf(body, sizeof(body),
                 "{\"newNonce\":\"" ACME_FAKE "/nonce\",\"newAccount\":\"%s\",\"newOrder\":\"%s\"}",
                 cases[at].account, cases[at].order);
        acme_fake_wrong(&t.fake,
                        (struct acme_fake_answer){
                            .at = FAKE_DIRECTORY, .times = 1, .status = 200, .body = body});
        rc = obtain(&t);
        if ((rc == RC_DENIED && strstr(t.text, "another host") != NULL) !=
            (conf.one_host && cases[at].rc == RC_DENIED))
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
    }
}

/* ---- terms, profiles, renewal information */

static void terms(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_conf conf = {.directory = STR(ACME_FAKE "/directory"), .agree_terms = true};
    struct str root;

    CHECK_OK(test_init(&t));
    t.fake.terms = "https://x.example/terms";
    CHECK_RC(obtain(&t), RC_DENIED);
    CHECK(strstr(t.text, "https://x.example/terms"));
    client_free(MOVE(t.client));
    root = acme_fake_root(&t.fake);
    conf.ev = t.ev;
    conf.transport = &t.fake.transport;
    conf.key = t.account;
    conf.roots = &root;
    CHECK_RC(client_new(&conf, &t.client, NULL), RC_INVAL);
    conf.n_roots = 1;
    CHECK_OK(client_new(&conf, &t.client, NULL));
    CHECK_OK(obtain(&t));
    client_free(MOVE(t.client));
    conf.agree_terms = false;
    conf.only_existing = true;
    CHECK_OK(client_new(&conf, &t.client, NULL));
    acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_ACCOUNT,
                                                       .times = 1,
                                                       .status = 400,
                                                       .body = REFUSAL("accountDoesNotExist")});
    CHECK_RC(obtain(&t), RC_DENIED);
    CHECK_STR(str_of(t.problem), "accountDoesNotExist");
    CHECK_OK(obtain(&t));
    CHECK_INT(t.fake.refused, 0);
}

static enum rc obtain_with(struct test *t, const char *profile, const char *replaces)
{
    struct client_want want = {.dns = one_name,
                               .n_dns = 1,
                               .key = t->key,
                               .profile = str_of(profile),
                               .replaces = str_of(replaces)};

    t->calls = 0;
    TRY(client_obtain(t->client, &want, on_result, t, &t->run));
    pass(t, 2000);
    return t->calls == 1 ? t->rc : RC_AGAIN;
}

static void profiles(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(obtain_with(&t, "default", ""));
    CHECK(!strstr(t.fake.order, "profile"));
    CHECK_RC(obtain_with(&t, "short", ""), RC_UNSUPPORTED);
    CHECK(strstr(t.text, "no profile \"short\"; it has: none"));
    t.fake.profiles = "{\"default\":\"x\",\"short\":\"y\"}";
    CHECK_OK(obtain_with(&t, "short", ""));
    CHECK(strstr(t.fake.order, "\"profile\":\"short\""));
    CHECK_RC(obtain_with(&t, "long", ""), RC_UNSUPPORTED);
    CHECK(strstr(t.text, "default, short"));
}

static void replaces(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(obtain_with(&t, "", "aaa.bbb"));
    CHECK(!strstr(t.fake.order, "replaces")); /* the server knows no ARI */
    CHECK(!client_looks(t.client));
    clock_fake_advance(&t.clock, 2 * WHEN_HOUR);
    t.fake.ari = true;
    CHECK_OK(obtain_with(&t, "", "aaa.bbb"));
    CHECK(strstr(t.fake.order, "\"replaces\":\"aaa.bbb\""));
    CHECK(client_looks(t.client));
    acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_NEW_ORDER,
                                                       .times = 1,
                                                       .status = 409,
                                                       .body = REFUSAL("alreadyReplaced")});
    CHECK_OK(obtain_with(&t, "", "aaa.bbb"));
    CHECK(!strstr(t.fake.order, "replaces"));
    CHECK_INT(t.fake.refused, 0);
}

static enum rc look(struct test *t, const char *certid)
{
    t->calls = 0;
    TRY(client_look(t->client, str_of(certid), on_result, t, &t->run));
    pass(t, 2000);
    return t->calls == 1 ? t->rc : RC_AGAIN;
}

static void renewal_information(void)
{
    CLEANUP(test_done) struct test t = {};
    when_t start = 0;

    CHECK_OK(test_init(&t));
    CHECK_RC(look(&t, "aa.bb"), RC_UNSUPPORTED);
    t.fake.ari = true;
    CHECK_OK(look(&t, "aa.bb"));
    CHECK_OK(when_parse(STR("2027-02-01T00:00:00Z"), &start));
    CHECK_INT(t.window.start, start);
    CHECK_INT(t.window.end, start + 2 * WHEN_DAY);
    CHECK_INT(t.retry_at, 0);
    CHECK_RC(look(&t, ""), RC_UNSUPPORTED);
    acme_fake_wrong(&t.fake, (struct acme_fake_answer){
                                 .at = FAKE_RENEWAL,
                                 .times = 1,
                                 .status = 200,
                                 .retry_after = "600",
                                 .body = "{\"suggestedWindow\":{\"start\":\"2027-02-01T00:00:00Z\","
                                         "\"end\":\"2027-01-01T00:00:00Z\"}}"});
    CHECK_RC(look(&t, "aa.bb"), RC_PARSE);
    CHECK(strstr(t.text, "ends before it begins"));
    acme_fake_wrong(&t.fake,
                    (struct acme_fake_answer){.at = FAKE_RENEWAL, .times = 1, .status = 404});
    CHECK_RC(look(&t, "aa.bb"), RC_DENIED);
}

static void certids(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(256);
    struct x509_cert c = {};

    /* The example of RFC 9773 section 4.1. */
    static const unsigned char aki[] = {0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3,
                                        0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4};

    CHECK_RC(client_certid(&c, &b), RC_NOTFOUND);
    c.aki = str_bytes(aki, sizeof(aki));
    c.serial = (struct x509_serial){8, {0x87, 0x65, 0x43, 0x21, 0x00, 0x12, 0x34, 0x56}};
    c.serial.n = 4;
    CHECK_OK(client_certid(&c, &b));
    CHECK_STR(buf_str(&b), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    buf_reset(&b);
    c.serial.b[0] = 0x07;
    CHECK_OK(client_certid(&c, &b));
    CHECK_STR(buf_str(&b), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.B2VDIQ");
}

/* ---- challenges */

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct test *t = arg;

    t->presented++;
    IGNORE_RC(
        str_copyz(proof->key_authorization, t->key_authorization, sizeof(t->key_authorization)));
    if (proof->n_issuers)
        snprintf(t->key_authorization, sizeof(t->key_authorization), "%.*s %.*s",
                 STR_ARG(proof->issuers[0]), STR_ARG(proof->account));
    if (!t->present_never)
        fn(fn_arg, t->present_rc, NULL);
}

static void cleanup(void *arg, const struct client_proof *proof)
{
    struct test *t = arg;

    t->cleaned++;
    if (!str_eq(proof->identifier, STR(NAME)))
        t->cleaned += 100;
}

static enum rc start_with_solver(struct test *t, struct client_solver *solver)
{
    *solver = (struct client_solver){"http-01", present, cleanup, t, NULL, NULL};
    t->solvers = solver;
    t->n_solvers = 1;
    TRY(test_init(t));
    t->fake.authorization = "pending";
    t->fake.proves = true;
    return RC_OK;
}

static void challenges(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_solver solver;
    char expected[128];

    CHECK_OK(start_with_solver(&t, &solver));
    CHECK_OK(obtain(&t));
    CHECK_INT(t.presented, 1);
    CHECK_INT(t.cleaned, 1);
    snprintf(expected, sizeof(expected), "tok_en-1.%s", client_thumbprint(t.client));
    CHECK_STR(str_of(t.key_authorization), expected);
    CHECK_INT(t.fake.count[FAKE_CHALLENGE], 1);
    CHECK_INT(t.fake.refused, 0);
}

#define HINDERED                                                                                   \
    "{\"verdict\":{\"ok\":false,\"problems\":[{\"of\":\"challenge\",\"type\":\"dns\","             \
    "\"detail\":\"no TXT record\"}]}}"

/* Where the server says what it would see, a challenge is answered once it would be won, and not
 * before; where it does not say, nothing changes. */
static void looks_before_it_answers(void)
{
    static const struct {
        struct acme_fake_answer said;
        enum rc rc;
        unsigned asked, answered;
    } cases[] = {
        {{.times = 0}, RC_OK, 1, 1},
        {{.times = 2, .status = 200, .body = HINDERED}, RC_OK, 3, 1},
        {{.times = 99, .status = 200, .body = HINDERED}, RC_CONFLICT, CLIENT_PREFLIGHTS_MAX, 0},
        {{.times = 99, .status = 200, .body = "{\"verdict\":{\"ok\":false}}"},
         RC_CONFLICT,
         CLIENT_PREFLIGHTS_MAX,
         0},
        {{.times = 99, .status = 200, .body = "[]"}, RC_OK, 1, 1},
        {{.times = 99, .status = 429, .body = "{}"}, RC_OK, 1, 1},
        {{.times = 99, .status = 404, .body = ""}, RC_OK, 1, 1},
        {{.times = 99, .status = 503, .body = ""}, RC_OK, CLIENT_TRIES_MAX, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        struct acme_fake_answer said = cases[i].said;
        struct client_solver solver;
        enum rc rc;

        CHECK_OK(start_with_solver(&t, &solver));
        t.fake.preflight = true;
        said.at = FAKE_PREFLIGHT;
        acme_fake_wrong(&t.fake, said);
        rc = obtain(&t);
        if (rc != cases[i].rc && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
        if (rc == RC_CONFLICT && i == 2)
            CHECK(strstr(t.text, "would not find the proof for " NAME) &&
                  strstr(t.text, "challenge: dns: no TXT record"));
        CHECK_INT(t.fake.count[FAKE_PREFLIGHT], cases[i].asked);
        CHECK_INT(t.fake.count[FAKE_CHALLENGE], cases[i].answered);
        CHECK_INT(t.cleaned, t.presented);
        CHECK_INT(t.fake.refused, 0);
    }
}

static void challenges_fail(void)
{
    static const struct {
        const char *type, *authorization;
        enum rc present_rc, rc;
        const char *text;
        unsigned presented;
        bool proves, never;
    } cases[] = {
        {"dns-01", "pending", RC_OK, RC_UNSUPPORTED, "tls-x-01, dns-01", 0, true, false},
        {"http-01", "invalid", RC_OK, RC_CONFLICT, NAME " is not proven: dns: no such name", 0,
         true, false},
        {"http-01", "revoked", RC_OK, RC_CONFLICT, NAME " is not proven: revoked", 0, true, false},
        {"http-01", "pending", RC_IO, RC_IO, "could not be shown", 1, true, false},
        {"http-01", "pending", RC_OK, RC_TIMEOUT, "no certificate after 900 seconds", 1, false,
         false},
        {"http-01", "pending", RC_OK, RC_TIMEOUT, "no certificate after 900 seconds", 1, true,
         true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        struct client_solver solver;
        enum rc rc;

        CHECK_OK(start_with_solver(&t, &solver));
        t.fake.challenge = cases[i].type;
        t.fake.authorization = cases[i].authorization;
        t.fake.proves = cases[i].proves;
        t.present_rc = cases[i].present_rc;
        t.present_never = cases[i].never;
        rc = obtain(&t);
        if ((rc != cases[i].rc || !strstr(t.text, cases[i].text)) && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
        CHECK_INT(t.presented, cases[i].presented);
        CHECK_INT(t.cleaned, t.presented);
    }
}

/* The server does not choose for which name this client speaks. */
static void strangers_get_no_proof(void)
{
    static const struct {
        const char *ordered, *identifier;
        enum rc rc;
    } cases[] = {
        {NAME, NAME, RC_OK},
        {NAME, "WIKI.hospital.EXAMPLE", RC_OK},
        {"*." NAME, NAME, RC_OK},
        {NAME, "lab.hospital.example", RC_CRYPTO},
        {NAME, "hospital.example", RC_CRYPTO},
        {NAME, "x." NAME, RC_CRYPTO},
        {"*." NAME, "*." NAME, RC_CRYPTO},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        struct str ordered = str_of(cases[i].ordered);
        struct client_want want = {.dns = &ordered, .n_dns = 1};
        struct client_solver solver;

        CHECK_OK(start_with_solver(&t, &solver));
        t.fake.identifier = cases[i].identifier;
        want.key = t.key;
        CHECK_OK(client_obtain(t.client, &want, on_result, &t, &t.run));
        pass(&t, 2000);
        if (t.rc != cases[i].rc && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(t.rc), t.text);
        CHECK_INT(t.presented, cases[i].rc == RC_OK);
        CHECK_INT(t.cleaned, t.presented); /* under the name that was ordered */
        CHECK(t.rc == RC_OK || strstr(t.text, "which is not in the order"));
        CHECK_INT(t.fake.count[FAKE_CHALLENGE], cases[i].rc == RC_OK);
    }
}

/* What is no token reaches no solver: hooks make names of files of it. */
static void tokens_that_are_none(void)
{
    static const char *const tokens[] = {
        "\"\"", "\"../../x\"", "\"a b\"", "\"a=\"", "\"a\\nb\"", "\"$(id)\"", "\"a\\u0000b\"",
    };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        struct client_solver solver;

        CHECK_OK(start_with_solver(&t, &solver));
        t.fake.token = tokens[i];
        CHECK_RC(obtain(&t), RC_PARSE);
        CHECK(!t.presented);
    }
}

/* What a record that stays is to say: the CA, and an account of its own and of nobody else. */
static void persistent(void)
{
    static const struct {
        const char *issuers, *account;
        enum rc rc;
        const char *text;
    } cases[] = {
        {"[\"CA.example\",\"b.example\"]", NULL, RC_OK, ""},
        {"[\"ca.example\"]", "https://other.example/acct/7", RC_CRYPTO, "at another CA"},
        {"[\"ca.example\"]", "https://localhost:444/acme/account/1", RC_CRYPTO, "at another CA"},
        {"[\"ca.example\"]", ACME_FAKE "/account/1;x=y", RC_CRYPTO, "at another CA"},
        {NULL, NULL, RC_PARSE, "issuerDomainNames"},
        {"[]", NULL, RC_PARSE, "issuerDomainNames"},
        {"[7]", NULL, RC_PARSE, "issuerDomainNames"},
        {"[\"ca.example; x=y\"]", NULL, RC_PARSE, "issuerDomainNames"},
        {"[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]", NULL, RC_PARSE,
         "issuerDomainNames"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        struct client_solver solver;
        enum rc rc;

        CHECK_OK(start_with_solver(&t, &solver));
        solver.type = CLIENT_PERSIST;
        t.fake.challenge = CLIENT_PERSIST;
        t.fake.issuers = cases[i].issuers;
        if (cases[i].account)
            acme_fake_wrong(&t.fake, (struct acme_fake_answer){.at = FAKE_ACCOUNT,
                                                               .times = 1,
                                                               .status = 201,
                                                               .body = "{\"status\":\"valid\"}",
                                                               .location = cases[i].account});
        rc = obtain(&t);
        if ((rc != cases[i].rc || !strstr(t.text, cases[i].text)) && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), t.text);
        CHECK_INT(t.presented, rc == RC_OK);
        CHECK_INT(t.cleaned, t.presented);
        CHECK_INT(t.fake.count[FAKE_CHALLENGE], t.presented);
        if (rc == RC_OK)
            CHECK_STR(str_of(t.key_authorization), "ca.example " ACME_FAKE "/account/1");
    }
}

/* ---- whose fault it is */

static void says_who_ails(void)
{
    static const struct {
        struct acme_fake_answer wrong;
        bool ill;
    } cases[] = {
        {{.at = FAKE_NEW_ORDER, .times = 9, .status = 403, .body = REFUSAL("caa")}, false},
        {{.at = FAKE_NEW_ORDER, .times = 9, .status = 429, .body = REFUSAL("rateLimited")}, false},
        {{.at = FAKE_NEW_ORDER, .times = 9, .status = 503}, true},
        {{.at = FAKE_ACCOUNT, .times = 9, .status = 500}, true},
        {{.at = FAKE_DIRECTORY, .times = 99, .rc = RC_NET}, true},
        {{.at = FAKE_DIRECTORY, .times = 9, .status = 404}, false},
        {{.at = FAKE_DIRECTORY, .times = 9, .status = 200, .body = "<html>"}, true},
        {{.at = FAKE_ORDER, .times = 9, .status = 200, .body = ORDER("invalid")}, false},
        {{.at = FAKE_CERTIFICATE, .times = 9, .status = 200, .body = "hello"}, true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(test_init(&t));
        acme_fake_wrong(&t.fake, cases[i].wrong);
        if (cases[i].wrong.at == FAKE_ORDER)
            t.fake.processing = 1;
        CHECK(obtain(&t) != RC_OK);
        if (t.ill != cases[i].ill && !mem_fail_fired())
            fail_msg("case %zu: %s", i, t.text);
    }
}

/* One who has somebody else to ask does not wait for a server that is not there, but does for one
 * that has answered. */
static void patience_has_an_end(void)
{
    static const struct {
        struct acme_fake_answer wrong;
        bool silent;
        unsigned asked; /* at that place */
        enum rc rc;
    } cases[] = {
        {{.at = FAKE_DIRECTORY, .times = 99, .rc = RC_NET}, true, 3, RC_NET},
        {{.at = FAKE_DIRECTORY, .times = 2, .rc = RC_NET}, false, 3, RC_OK},
        {{.at = FAKE_DIRECTORY, .times = 99, .status = 503}, false, CLIENT_TRIES_MAX, RC_NET},
        {{.at = FAKE_NEW_ORDER, .times = 99, .rc = RC_NET}, true, CLIENT_TRIES_MAX, RC_NET},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(test_init(&t));
        client_set_patience(t.client, 5 * WHEN_SECOND);
        acme_fake_wrong(&t.fake, cases[i].wrong);
        IGNORE_RC(obtain(&t));
        if (mem_fail_fired())
            continue;
        CHECK_RC(t.rc, cases[i].rc);
        CHECK_INT(t.silent, cases[i].silent);
        CHECK_INT(t.fake.count[cases[i].wrong.at], cases[i].asked);
    }
}

/* A proof that cannot be made would not be made for another server, either. */
static void our_own_fault(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_solver solver;

    CHECK_OK(start_with_solver(&t, &solver));
    t.present_rc = RC_TIMEOUT;
    CHECK_RC(obtain(&t), RC_TIMEOUT);
    CHECK(!t.ill);
    client_free(MOVE(t.client));
    CHECK_OK(make_client(&t));
    t.present_rc = RC_OK;
    t.present_never = true;
    CHECK_RC(obtain(&t), RC_TIMEOUT);
    CHECK(t.ill); /* which of the two did not do its part, nobody knows */
}

static void signs_up(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(client_sign_up(t.client, on_result, &t, &t.run));
    pass(&t, 10);
    CHECK_INT(t.calls, 1);
    CHECK_RC(t.rc, RC_OK);
    CHECK(client_account(t.client).n > 0);
    CHECK_INT(t.fake.count[FAKE_ACCOUNT], 1);
    CHECK_INT(t.fake.count[FAKE_NEW_ORDER], 0);
    t.calls = 0;
    acme_fake_wrong(&t.fake,
                    (struct acme_fake_answer){.at = FAKE_ACCOUNT, .times = 9, .status = 500});
    clock_fake_advance(&t.clock, 2 * WHEN_HOUR);
    CHECK_OK(client_sign_up(t.client, on_result, &t, &t.run));
    pass(&t, 200);
    CHECK_RC(t.rc, RC_NET);
}

/* ---- the end, wherever it comes */

static void cancelled_everywhere(void)
{
    for (unsigned turns = 0; turns < 60; turns++) {
        CLEANUP(test_done) struct test t = {};
        struct client_solver solver;
        struct client_want want = {.dns = one_name, .n_dns = 1};

        CHECK_OK(start_with_solver(&t, &solver));
        t.fake.processing = 1;
        want.key = t.key;
        CHECK_OK(client_obtain(t.client, &want, on_result, &t, &t.run));
        for (unsigned i = 0; i < turns && t.calls == 0; i++) {
            ev_run_once(t.ev, EV_NOWAIT);
            if (i % 4 == 3)
                clock_fake_advance(&t.clock, 2 * WHEN_SECOND);
        }
        if (turns == 59 && !mem_fail_fired())
            CHECK_INT(t.calls, 1);
        if (t.calls == 0 && turns % 2)
            client_cancel(MOVE(t.run));
        if (t.calls == 0 && turns % 2)
            CHECK_INT(client_count(t.client), 0);
        client_free(MOVE(t.client));
        for (unsigned i = 0; i < 10; i++)
            ev_run_once(t.ev, EV_NOWAIT);
        CHECK(t.calls <= 1);
        CHECK_INT(t.cleaned, t.presented);
    }
}

static void silence(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_want want = {.dns = one_name, .n_dns = 1, .timeout = 30 * WHEN_SECOND};

    CHECK_OK(test_init(&t));
    t.fake.silent = true;
    want.key = t.key;
    CHECK_OK(client_obtain(t.client, &want, on_result, &t, &t.run));
    pass(&t, 25);
    CHECK_INT(t.calls, 0);
    pass(&t, 10);
    CHECK_INT(t.calls, 1);
    CHECK_RC(t.rc, RC_TIMEOUT);
    CHECK_STR(str_of(t.text), "no certificate after 30 seconds; the last step was the account");
}

static void not_wanted(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_want want = {.dns = one_name};
    struct str many[CLIENT_NAMES_MAX + 1];

    CHECK_OK(test_init(&t));
    want.key = t.key;
    CHECK_RC(client_obtain(t.client, &want, on_result, &t, &t.run), RC_INVAL);
    for (size_t i = 0; i < CLIENT_NAMES_MAX + 1; i++)
        many[i] = one_name[0];
    want.dns = many;
    want.n_dns = CLIENT_NAMES_MAX + 1;
    CHECK_RC(client_obtain(t.client, &want, on_result, &t, &t.run), RC_TOOBIG);
    want.n_dns = 1;
    want.key = NULL;
    CHECK_RC(client_obtain(t.client, &want, on_result, &t, &t.run), RC_INVAL);
    CHECK_INT(client_count(t.client), 0);
}

CHECK_MAIN(CHECK_TEST(happy), CHECK_TEST_ONCE(addresses), CHECK_TEST_ONCE(heals),
           CHECK_TEST_ONCE(waits), CHECK_TEST_ONCE(fails), CHECK_TEST_ONCE(wrong_certificates),
           CHECK_TEST_ONCE(stays_at_one_host), CHECK_TEST_ONCE(terms), CHECK_TEST(profiles),
           CHECK_TEST_ONCE(replaces), CHECK_TEST(renewal_information), CHECK_TEST(certids),
           CHECK_TEST(challenges), CHECK_TEST_ONCE(looks_before_it_answers),
           CHECK_TEST_ONCE(challenges_fail), CHECK_TEST_ONCE(says_who_ails),
           CHECK_TEST_ONCE(patience_has_an_end), CHECK_TEST_ONCE(our_own_fault),
           CHECK_TEST(signs_up), CHECK_TEST_ONCE(strangers_get_no_proof),
           CHECK_TEST_ONCE(tokens_that_are_none), CHECK_TEST_ONCE(persistent),
           CHECK_TEST_ONCE(cancelled_everywhere), CHECK_TEST_ONCE(silence), CHECK_TEST(not_wanted))
