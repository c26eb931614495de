/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: a token is good once and for one key, a certificate is its agent and nobody else, and
 * whoever was removed is nobody. */
#include "play.h"

#include "base/text.h"
#include "core/agents.h"
#include "crypto/key.h"
#include "store/agents.h"
#include "store/certificates.h"
#include "x509/cert.h"
#include "x509/csr.h"

enum { BODY = 8192, CHAIN = 64 * 1024 };

struct host {
    char token[80];
    char csr[2048];
    unsigned char sha256[32], serial[20];
    size_t n_serial;
};

#define REPORT                                                                                     \
    "{\"version\":\"9.9\",\"at\":\"%s\",\"heard\":%lld,\"renews\":true,\"counts\":"                \
    "{\"certificates\":3,\"failing\":1,\"unproven\":0},\"certificates\":[{\"directory\":"          \
    "\"/etc/ssl/web\",\"why\":\"dns is down\"}]}"

static bool make_csr(struct host *h)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX), text = BUF_INIT(sizeof(h->csr));
    struct x509_csr_in in = {};
    struct err err = ERR_INIT;

    if (crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key) != RC_OK)
        return false;
    in.key = key;
    if (x509_csr_build(&in, &der, &err) != RC_OK)
        return false;
    text_b64url(&text, buf_str(&der));
    return str_copyz(buf_str(&text), h->csr, sizeof(h->csr)) == RC_OK;
}

/* As an officer with a cookie, who shows nothing. */
static int command(struct play *p, const char *verb, const char *body)
{
    char target[64], token[UI_TOKEN_TEXT], cookie[128];
    const char *headers[] = {cookie, "origin: https://" HOST, NULL};
    struct ui_user officer = {
        .n = 99, .name = "officer", .roles = 1u << OPERATORS_OFFICER, .person = CORE_PERSONS + 99};
    const struct addr from = {4, {10, 1, 2, 3}};

    if (ui_session_new(&p->core.ui.sessions, &officer, &from, clock_now(ev_clock(p->w.ev)),
                       token) != RC_OK)
        return -1;
    (void)snprintf(cookie, sizeof(cookie), "cookie: __Host-autarky=%s", token);
    (void)snprintf(target, sizeof(target), "/api/v1/agent/%s", verb);
    p->shown_sha256 = p->shown_serial = STR("");
    return ask(p, "POST", target, headers, body);
}

/* The text of a member of the last answer, "" when there is none. */
static bool member(const struct play *p, const char *name, char *out, size_t cap)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str text;

    out[0] = '\0';
    return json_parse(buf_str(&p->got.body), 4 << 20, &doc, NULL) == RC_OK &&
           json_str(json_get(json_root(doc), name), &text) == RC_OK &&
           str_copyz(text, out, cap) == RC_OK;
}

static bool token(struct play *p, const char *body, struct host *h)
{
    return command(p, "token", body) == 200 && member(p, "token", h->token, sizeof(h->token));
}

/* What the answer to enrol, or to a renewal, has in it is shown from now on. */
static bool take_certificate(struct play *p, struct host *h)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate c;
    struct x509_cert *certs;
    char chain[CHAIN];
    size_t n;

    if (!member(p, "chain", chain, sizeof(chain)) ||
        x509_cert_read_pem(&a, str_of(chain), X509_CHAIN_MAX, &certs, &n, NULL) != RC_OK ||
        store_certificate_by_serial(store_read(p->w.store), &a,
                                    str_bytes(certs[0].serial.b, certs[0].serial.n), &c) != RC_OK)
        return false;
    memcpy(h->sha256, c.fingerprint.b, sizeof(h->sha256));
    memcpy(h->serial, c.serial.p, c.serial.n);
    h->n_serial = c.serial.n;
    return true;
}

static void show(struct play *p, const struct host *h)
{
    p->shown_sha256 = str_bytes(h->sha256, h->n_serial ? sizeof(h->sha256) : 0);
    p->shown_serial = str_bytes(h->serial, h->n_serial);
}

static int enrol(struct play *p, const struct host *h, const char *name)
{
    char body[BODY];

    p->shown_sha256 = p->shown_serial = STR("");
    (void)snprintf(body, sizeof(body), "{\"token\":\"%s\",\"csr\":\"%s\",\"name\":\"%s\"}",
                   h->token, h->csr, name);
    return ask(p, "POST", "/api/v1/agents/enrol", NULL, body);
}

static int report(struct play *p, const struct host *h, long long heard)
{
    char body[BODY], at[WHEN_TEXT];

    show(p, h);
    (void)snprintf(body, sizeof(body), REPORT,
                   when_text(clock_now(ev_clock(p->w.ev)) - 2 * WHEN_SECOND, at), heard);
    return ask(p, "POST", "/api/v1/agents/self", NULL, body);
}

static int renew(struct play *p, const struct host *h, const char *csr)
{
    char body[BODY];

    show(p, h);
    (void)snprintf(body, sizeof(body), "{\"csr\":\"%s\"}", csr);
    return ask(p, "POST", "/api/v1/agents/self/certificate", NULL, body);
}

static bool begin(struct play *p, struct conf *conf, struct host *h)
{
    if (!play_init(p))
        return false;
    *conf = *p->w.conf;
    conf->agents.enabled = true;
    conf->agents.silent = WHEN_HOUR;
    p->core.conf = conf;
    return make_csr(h);
}

#define START(p, h)                                                                                \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    struct conf conf;                                                                              \
    struct host h = {};                                                                            \
    CHECK(begin(&p, &conf, &h))

#define ENROLLED(p, h)                                                                             \
    START(p, h);                                                                                   \
    CHECK(token(&p, "{\"name\":\"web1\"}", &h));                                                   \
    CHECK_INT(enrol(&p, &h, "anything"), 200);                                                     \
    CHECK(take_certificate(&p, &h))

static void an_agent_reports(void)
{
    char text[256];

    ENROLLED(p, h);
    CHECK(member(&p, "name", text, sizeof(text)));
    CHECK_STR(str_of(text), "web1"); /* as the token has it */
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"state\":\"new\""));
    CHECK_INT(report(&p, &h, 0), 200);
    CHECK(in_words(&p, "{}"));
    CHECK_INT(report(&p, &h, 0), 429);
    CHECK_STR(str_of(p.got.code), "core.agent-often");
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"state\":\"failing\""));
    CHECK(in_words(&p, "dns is down"));
    CHECK(in_words(&p, "\"skew_ms\":-2000"));
    CHECK(in_words(&p, "\"address\":\"10.1.2.3\""));
    CHECK(in_words(&p, "\"version\":\"9.9\""));
    clock_fake_advance(&p.w.clock, 2 * WHEN_HOUR);
    CHECK_INT(command(&p, "list", "{}"), 200);
    CHECK(in_words(&p, "\"state\":\"silent\""));
    CHECK(in_words(&p, "\"silent\":1"));
    CHECK_INT(report(&p, &h, 0), 200);
    CHECK_INT(command(&p, "list", "{}"), 200);
    CHECK(in_words(&p, "\"silent\":0"));
}

static void a_token_counts_once(void)
{
    struct host thief = {};

    START(p, h);
    CHECK(make_csr(&thief));
    CHECK_INT(enrol(&p, &h, "web1"), 401);
    CHECK(token(&p, "{}", &h));
    CHECK_INT(enrol(&p, &h, "no name"), 400);
    CHECK_INT(enrol(&p, &h, "web1"), 200);
    memcpy(thief.token, h.token, sizeof(h.token));
    CHECK_INT(enrol(&p, &thief, "web2"), 401);
    CHECK_STR(str_of(p.got.code), "core.agent-token");
    CHECK_INT(enrol(&p, &h, "web1"), 429); /* the same host, too soon */
    clock_fake_advance(&p.w.clock, 2 * WHEN_MINUTE);
    CHECK_INT(enrol(&p, &h, "web1"), 200); /* its first answer was lost */
    CHECK(take_certificate(&p, &h));
    CHECK_INT(report(&p, &h, 0), 200);
    clock_fake_advance(&p.w.clock, 2 * WHEN_MINUTE);
    CHECK_INT(enrol(&p, &h, "web1"), 401); /* and now it has it */
    CHECK(token(&p, "{}", &thief));
    CHECK_INT(enrol(&p, &thief, "web1"), 409); /* the name is another's */
    CHECK_INT(enrol(&p, &thief, "web2"), 200); /* and the token was not lost by that */
}

static void a_token_ends(void)
{
    char id[64], body[128];

    START(p, h);
    CHECK(token(&p, "{\"within\":\"1h\"}", &h));
    clock_fake_advance(&p.w.clock, WHEN_HOUR);
    CHECK_INT(enrol(&p, &h, "web1"), 401);
    /* Not even by the key that has used it, whose answer was lost. */
    CHECK(token(&p, "{\"within\":\"1h\"}", &h));
    CHECK_INT(enrol(&p, &h, "web1"), 200);
    clock_fake_advance(&p.w.clock, WHEN_HOUR);
    CHECK_INT(enrol(&p, &h, "web1"), 401);
    CHECK_INT(command(&p, "token", "{\"within\":\"31d\"}"), 400);
    CHECK_INT(command(&p, "token", "{\"name\":\"a b\"}"), 400);
    CHECK(token(&p, "{}", &h));
    CHECK(member(&p, "id", id, sizeof(id)));
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", id);
    CHECK_INT(command(&p, "remove", body), 200);
    CHECK_INT(command(&p, "remove", body), 404);
    CHECK_INT(enrol(&p, &h, "web1"), 401);
    conf.agents.enabled = false;
    CHECK_INT(command(&p, "token", "{}"), 403);
    CHECK_INT(enrol(&p, &h, "web1"), 404);
}

static void who_was_removed_is_nobody(void)
{
    ENROLLED(p, h);
    CHECK_INT(report(&p, &h, 0), 200);
    CHECK_INT(command(&p, "remove", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"revoked\":1"));
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(report(&p, &h, 0), 401);
    CHECK_STR(str_of(p.got.code), "policy.shown-revoked");
    CHECK_INT(renew(&p, &h, h.csr), 401);
    CHECK_INT(enrol(&p, &h, "web1"), 401);
    CHECK_INT(command(&p, "remove", "{\"name\":\"web1\"}"), 404);
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 404);
    CHECK(token(&p, "{\"name\":\"web1\"}", &h)); /* the name is free */
    CHECK_INT(enrol(&p, &h, ""), 200);
}

static enum rc only_remove(struct store_txn *txn, void *arg)
{
    struct store_agent g;

    TRY(store_agent_find(txn, arg, STR("web1"), &g));
    return store_agent_remove(txn, &g.id, WORLD_NOW);
}

/* The row counts even where a certificate of it is good. */
static void a_removed_row_counts(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);

    ENROLLED(p, h);
    CHECK_OK(store_write_now(p.w.store, only_remove, &a));
    CHECK_INT(report(&p, &h, 0), 403);
    CHECK_STR(str_of(p.got.code), "core.agent-removed");
    CHECK_INT(renew(&p, &h, h.csr), 403);
}

static void a_certificate_is_renewed(void)
{
    struct host next = {}, before;

    ENROLLED(p, h);
    CHECK(make_csr(&next));
    CHECK_INT(renew(&p, &h, next.csr), 429);
    clock_fake_advance(&p.w.clock, 13 * WHEN_HOUR);
    CHECK_INT(renew(&p, &h, "x"), 400);
    CHECK_INT(renew(&p, &h, next.csr), 200);
    before = h;
    CHECK(take_certificate(&p, &next));
    CHECK_INT(report(&p, &before, 0), 200); /* the answer may be lost: the old one goes on */
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(report(&p, &next, 0), 200);
    CHECK_INT(renew(&p, &next, next.csr), 429);
}

static void others_are_no_agents(void)
{
    struct host nobody = {};

    ENROLLED(p, h);
    CHECK_INT(report(&p, &nobody, 0), 401);
    CHECK_STR(str_of(p.got.code), "core.agent-nobody");
    nobody = h;
    nobody.sha256[0] ^= 1;
    CHECK_INT(report(&p, &nobody, 0), 401);
    CHECK_STR(str_of(p.got.code), "core.shown-unknown");
    p.listener = "plain";
    CHECK(report(&p, &h, 0) != 200);
    p.listener = NULL;
    show(&p, &h);
    CHECK_INT(ask(&p, "GET", "/api/v1/agents/self", NULL, ""), 404);
    CHECK_INT(ask(&p, "POST", "/api/v1/agents/other", NULL, ""), 404);
    CHECK_INT(ask(&p, "POST", "/api/v1/agents/self", NULL, "{\"version\":1}"), 400);
    /* An agent is no user: with certificates of users on, it may still see nothing. */
    conf.control.certificates = true;
    show(&p, &h);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", NULL, ""), 401);
}

/* Whoever shows a certificate is that agent: nothing in the report can make it another. */
static void nobody_reports_for_another(void)
{
    struct host other = {};
    char body[BODY], at[WHEN_TEXT];

    ENROLLED(p, h);
    CHECK(make_csr(&other));
    CHECK(token(&p, "{\"name\":\"web2\"}", &other));
    CHECK_INT(enrol(&p, &other, ""), 200);
    CHECK(take_certificate(&p, &other));
    show(&p, &other);
    (void)snprintf(body, sizeof(body),
                   "{\"name\":\"web1\",\"agent\":\"web1\",\"version\":\"evil\",\"at\":\"%s\","
                   "\"counts\":{\"certificates\":0,\"failing\":0,\"unproven\":0},"
                   "\"certificates\":[]}",
                   when_text(clock_now(ev_clock(p.w.ev)), at));
    CHECK_INT(ask(&p, "POST", "/api/v1/agents/self", NULL, body), 200);
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"state\":\"new\""));
    CHECK(!in_words(&p, "evil"));
    CHECK_INT(command(&p, "show", "{\"name\":\"web2\"}"), 200);
    CHECK(in_words(&p, "evil"));
    /* Nor is a certificate of one renewed into a name of another. */
    clock_fake_advance(&p.w.clock, 13 * WHEN_HOUR);
    CHECK_INT(renew(&p, &other, h.csr), 200);
    CHECK(in_words(&p, "\"name\":\"web2\""));
}

static int reports_at(struct play *p, const struct host *h, const char *at)
{
    char body[BODY];

    show(p, h);
    (void)snprintf(body, sizeof(body), REPORT, at, 0LL);
    return ask(p, "POST", "/api/v1/agents/self", NULL, body);
}

/* The times that an agent tells are shown, and nothing goes by them. */
static void clocks_that_are_wrong(void)
{
    ENROLLED(p, h);
    CHECK_INT(reports_at(&p, &h, "9999-12-31T23:59:59Z"), 200);
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"skew_ms\":25"));
    CHECK(in_words(&p, "\"state\":\"failing\""));
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(reports_at(&p, &h, "1970-01-01T00:00:01Z"), 200);
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(in_words(&p, "\"skew_ms\":-"));
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(reports_at(&p, &h, "yesterday"), 400);
    /* The server's own goes back: what was reported is then in its future. */
    clock_fake_set(&p.w.clock, clock_now(ev_clock(p.w.ev)) - 50 * WHEN_SECOND);
    CHECK_INT(report(&p, &h, 0), 429);
    clock_fake_set(&p.w.clock, clock_now(ev_clock(p.w.ev)) - WHEN_MINUTE);
    CHECK_INT(report(&p, &h, 0), 200);
}

static void a_wish_to_renew(void)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    int64_t wish = 0;

    ENROLLED(p, h);
    CHECK_INT(command(&p, "renew", "{\"name\":\"web1\",\"reason\":\"incident\"}"), 200);
    CHECK_INT(report(&p, &h, 0), 200);
    CHECK_OK(json_parse(buf_str(&p.got.body), 4096, &doc, NULL));
    CHECK_OK(json_i64(json_get(json_root(doc), "renew"), &wish));
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(report(&p, &h, 0), 200); /* it has not heard: it is told again */
    CHECK(in_words(&p, "renew"));
    clock_fake_advance(&p.w.clock, WHEN_MINUTE);
    CHECK_INT(report(&p, &h, wish), 200);
    CHECK(!in_words(&p, "renew"));
    CHECK_INT(command(&p, "show", "{\"name\":\"web1\"}"), 200);
    CHECK(!in_words(&p, "renewal_asked"));
}

CHECK_MAIN(CHECK_TEST_ONCE(an_agent_reports), CHECK_TEST_ONCE(a_token_counts_once),
           CHECK_TEST_ONCE(a_token_ends), CHECK_TEST_ONCE(who_was_removed_is_nobody),
           CHECK_TEST_ONCE(a_removed_row_counts), CHECK_TEST_ONCE(a_certificate_is_renewed),
           CHECK_TEST_ONCE(others_are_no_agents), CHECK_TEST_ONCE(nobody_reports_for_another),
           CHECK_TEST_ONCE(clocks_that_are_wrong), CHECK_TEST_ONCE(a_wish_to_renew))
