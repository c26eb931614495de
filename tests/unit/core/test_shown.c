/* SPDX-License-Identifier: Apache-2.0 */
/* Users by the certificate of their connection: of all that can be shown, only a good one of ours,
 * made for clients and made somebody's, is anybody, and only for so long. */
#include "play.h"

#include "ca/issue.h"
#include "crypto/key.h"
#include "store/certificates.h"
#include "store/issuers.h"
#include "x509/serial.h"

struct made {
    enum rc rc;
    struct id id;
    unsigned char sha256[32], serial[20];
    size_t n_serial;
    when_t not_before, not_after;
    char text[X509_SERIAL_TEXT];
};

static void issued(void *arg, enum rc rc, const struct store_certificate *c, const struct err *)
{
    struct made *m = arg;

    m->rc = rc;
    if (rc != RC_OK)
        return;
    m->id = c->id;
    memcpy(m->sha256, c->fingerprint.b, sizeof(m->sha256));
    m->n_serial = c->serial.n;
    memcpy(m->serial, c->serial.p, c->serial.n);
    m->not_before = c->not_before;
    m->not_after = c->not_after;
    core_shown_serial(c, m->text);
}

static bool issue(struct play *p, const char *profile, bool staging, struct made *out)
{
    static const struct str names[] = {STR("alice.hospital.example")};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct ca_request req = {.profile = str_of(profile),
                             .key_type = CRYPTO_KEY_P256,
                             .dns = names,
                             .n_dns = 1,
                             .staging = staging,
                             .origin = STR("test")};
    struct err err = ERR_INIT;

    *out = (struct made){.rc = RC_AGAIN};
    if (crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key) != RC_OK)
        return false;
    req.spki = crypto_key_spki(key);
    if (ca_issue(p->w.ca, &req, issued, out, &err) != RC_OK)
        return false;
    world_spin(&p->w);
    return out->rc == RC_OK;
}

static struct http_shown shown_of(const struct made *m)
{
    struct http_shown shown = {.n_serial = m->n_serial};

    memcpy(shown.sha256, m->sha256, sizeof(shown.sha256));
    memcpy(shown.serial, m->serial, m->n_serial);
    return shown;
}

static void show(struct play *p, const struct made *m)
{
    p->shown_sha256 = str_bytes(m->sha256, m->n_serial ? sizeof(m->sha256) : 0);
    p->shown_serial = str_bytes(m->serial, m->n_serial);
}

/* What /api/v1/status says to whoever shows that; "" when it answers. */
static const char *said(struct play *p, const struct made *m)
{
    int status;

    show(p, m);
    status = ask(p, "GET", "/api/v1/status", NULL, "");
    return status == 200 ? "" : status == 401 ? p->got.code : "neither";
}

#define CHECK_SAID(p, m, code) CHECK_STR(str_of(said(p, m)), code)

/* As an officer with a cookie, who shows nothing. */
static int change(struct play *p, const char *verb, const char *user, const char *serial)
{
    char target[64], body[160], token[UI_TOKEN_TEXT], cookie[128];
    const char *headers[] = {cookie, "origin: https://" HOST, NULL};
    struct ui_user officer = {
        .n = 99, .name = "officer", .roles = 1u << OPERATORS_OFFICER, .person = CORE_PERSONS + 99};
    const struct addr from = {4, {10, 1, 2, 3}};

    if (ui_session_new(&p->core.ui.sessions, &officer, &from, clock_now(ev_clock(p->w.ev)),
                       token) != RC_OK)
        return -1;
    (void)snprintf(cookie, sizeof(cookie), "cookie: __Host-autarky=%s", token);
    (void)snprintf(target, sizeof(target), "/api/v1/user-certificate/%s", verb);
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"serial\":\"%s\"}", user, serial);
    show(p, &(struct made){});
    return ask(p, "POST", target, headers, body);
}

static bool begin(struct play *p, struct conf *conf, struct made *m)
{
    world_set_staging();
    if (!play_init(p) || !has_user(p, "alice"))
        return false;
    *conf = *p->w.conf;
    conf->control.certificates = true;
    p->core.conf = conf;
    return issue(p, "client", false, m);
}

#define START(p, m)                                                                                \
    CLEANUP(play_done) struct play p = {.w.dir.fd = -1};                                           \
    struct conf conf;                                                                              \
    struct made m;                                                                                 \
    CHECK(begin(&p, &conf, &m))

static void a_certificate_is_a_user(void)
{
    START(p, m);
    CHECK_SAID(&p, &m, "core.shown-nobody");
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    CHECK_SAID(&p, &m, "");
    show(&p, &m);
    CHECK_INT(ask(&p, "POST", "/api/v1/site/renew", NULL, "{\"name\":\"x\"}"), 403);
    CHECK_STR(str_of(p.got.code), "core.admin-roles"); /* an officer renews no sites */
    CHECK_INT(change(&p, "add", "alice", m.text), 409);
    CHECK_INT(change(&p, "add", "nobody", m.text), 404);
    CHECK_INT(change(&p, "add", "alice", "0123"), 404);
    CHECK_INT(change(&p, "remove", "alice", m.text), 200);
    CHECK_INT(change(&p, "remove", "alice", m.text), 404);
    CHECK_SAID(&p, &m, "core.shown-nobody");
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    CHECK_SAID(&p, &m, "");
    conf.control.certificates = false;
    CHECK_SAID(&p, &m, "core.api-nobody");
}

static enum rc end_certificate(struct store_txn *txn, void *arg)
{
    return store_certificate_revoke(txn, arg, WORLD_NOW, 1);
}

static void only_good_ones(void)
{
    struct made other, staging;

    START(p, m);
    CHECK(issue(&p, "default", false, &other));
    CHECK_SAID(&p, &other, "policy.shown-usage");
    CHECK_INT(change(&p, "add", "alice", other.text), 403);
    CHECK(issue(&p, "client", true, &staging));
    CHECK_SAID(&p, &staging, "policy.shown-staging");
    CHECK_INT(change(&p, "add", "alice", staging.text), 403);
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    other = m;
    other.sha256[31] ^= 1; /* a stranger's, with our serial number */
    CHECK_SAID(&p, &other, "core.shown-unknown");
    other = m;
    other.serial[0] ^= 1;
    CHECK_SAID(&p, &other, "core.shown-unknown");
    CHECK_SAID(&p, &m, "");
    clock_fake_advance(&p.w.clock, m.not_after - clock_now(ev_clock(p.w.ev)) + WHEN_SECOND);
    CHECK_SAID(&p, &m, "policy.shown-expired");
    CHECK_INT(change(&p, "add", "alice", m.text), 403);
}

static void a_revocation_counts_at_once(void)
{
    char cookie[160];
    const char *session[] = {cookie, NULL};

    START(p, m);
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    show(&p, &m);
    CHECK_INT(ask(&p, "GET", "/ui/sign-in", NULL, ""), 200);
    CHECK(in_words(&p, "Sign in as alice, by certificate"));
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 303);
    (void)snprintf(cookie, sizeof(cookie), "cookie: %s", p.got.cookie);
    CHECK(!p.got.known[0]);
    show(&p, &(struct made){});
    CHECK_INT(ask(&p, "GET", "/api/v1/status", session, ""), 200);
    CHECK_OK(store_write_now(p.w.store, end_certificate, &m.id));
    CHECK_INT(ask(&p, "GET", "/api/v1/status", session, ""), 401);
    CHECK_SAID(&p, &m, "policy.shown-revoked");
    show(&p, &m);
    CHECK_INT(ask(&p, "GET", "/ui/sign-in", NULL, ""), 200);
    CHECK(!in_words(&p, "by certificate"));
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 403);
    CHECK(p.got.cookie[0] == '\0');
    CHECK_INT(change(&p, "remove", "alice", m.text), 200); /* no good one is needed for that */
}

static enum rc end_issuer(struct store_txn *txn, void *arg)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(256 * 1024);
    struct store_certificate c;

    TRY(store_certificate_get(txn, &a, arg, &c));
    return store_issuer_move(txn, &c.issuer, STORE_ISSUER_ACTIVE, STORE_ISSUER_REVOKED);
}

/* No certificate below it is good any more, though none was revoked itself: on the connection that
 * is open, for the session that one began, and for who would be made a user by one. */
static void with_its_issuer_it_ends(void)
{
    char cookie[160];
    const char *session[] = {cookie, NULL};

    START(p, m);
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    CHECK_SAID(&p, &m, "");
    show(&p, &m);
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 303);
    (void)snprintf(cookie, sizeof(cookie), "cookie: %s", p.got.cookie);
    CHECK_OK(store_write_now(p.w.store, end_issuer, &m.id));
    CHECK_SAID(&p, &m, "policy.shown-issuer");
    show(&p, &m);
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 403);
    show(&p, &(struct made){});
    CHECK_INT(ask(&p, "GET", "/api/v1/status", session, ""), 401);
    CHECK_INT(change(&p, "remove", "alice", m.text), 200);
    CHECK_INT(change(&p, "add", "alice", m.text), 403);
    CHECK_STR(str_of(p.got.code), "policy.shown-issuer");
}

/* It is the connection's, on the api listener, and no page of another site may use it. */
static void other_ways_in(void)
{
    const char *evil[] = {"origin: https://evil.example", NULL};
    const char *cross[] = {"sec-fetch-site: cross-site", NULL};
    const char *header[] = {"shown_serial: 1", "client-cert: 1", NULL};
    struct made longer;

    START(p, m);
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    show(&p, &m);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/list", evil, "{}"), 403);
    CHECK_STR(str_of(p.got.code), "core.api-elsewhere");
    CHECK_INT(ask(&p, "POST", "/api/v1/user/list", cross, "{}"), 403);
    CHECK_INT(ask(&p, "POST", "/api/v1/user/list", NULL, "{}"), 200);
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", evil, "certificate=1"), 403);
    p.listener = "plain";
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 403);
    p.listener = "private";
    CHECK_INT(ask(&p, "POST", "/ui/sign-in", NULL, "certificate=1"), 403);
    p.listener = NULL;
    longer = m;
    show(&p, &longer);
    p.shown_sha256 = str_head(p.shown_sha256, 31);
    CHECK_INT(ask(&p, "GET", "/api/v1/status", NULL, ""), 401);
    show(&p, &(struct made){});
    CHECK_INT(ask(&p, "GET", "/api/v1/status", header, ""), 401);
    CHECK_STR(str_of(p.got.code), "core.api-nobody");
}

/* With it one is the user: so it takes two, as a new password does. Taking it away never does. */
static void it_takes_two(void)
{
    START(p, m);
    conf.control.two_persons = 1u << CONF_TWO_THAW;
    CHECK_INT(change(&p, "add", "alice", m.text), 403);
    CHECK_STR(str_of(p.got.code), API_APPROVAL_WAITS);
    CHECK_SAID(&p, &m, "core.shown-nobody");
    conf.control.two_persons = 0;
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    conf.control.two_persons = 1u << CONF_TWO_THAW;
    CHECK_INT(change(&p, "remove", "alice", m.text), 200);
}

/* ---- for the rules of the policy */

#define SERVERS WORLD_CONFIG "profiles: {server: {extended_key_usage: [serverAuth]}}\n"

/* Why it does not count for them, or "". */
static const char *client_said(struct play *p, const struct made *m)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct http_shown shown = shown_of(m);
    struct store_certificate c;
    struct err err = ERR_INIT;
    enum rc rc = core_shown_client(&p->core, &shown, &a, &c, &err);

    if (rc != RC_OK)
        return rc == RC_DENIED && err.msg ? err.msg->code : "neither";
    return str_eq(id_str(&c.id), id_str(&m->id)) ? "" : "another";
}

#define CHECK_CLIENT(p, m, code) CHECK_STR(str_of(client_said(p, m)), code)

/* It need be no user's, nor for clients alone. */
static void clients_of_rules(void)
{
    struct made both, server, staging, other;

    START(p, m);
    CHECK_CLIENT(&p, &m, "");
    CHECK(world_reload(&p.w, SERVERS) && world_signer_again(&p.w));
    CHECK(issue(&p, "default", false, &both));
    CHECK_CLIENT(&p, &both, "");
    CHECK(issue(&p, "server", false, &server));
    CHECK_CLIENT(&p, &server, "policy.shown-server");
    CHECK(issue(&p, "client", true, &staging));
    CHECK_CLIENT(&p, &staging, "policy.shown-staging");
    other = m;
    other.sha256[0] ^= 1; /* of another CA, with our serial number */
    CHECK_CLIENT(&p, &other, "core.shown-unknown");
    other = m;
    memcpy(other.serial, both.serial, sizeof(other.serial)); /* and the other way round */
    other.n_serial = both.n_serial;
    CHECK_CLIENT(&p, &other, "core.shown-unknown");
    other.n_serial = 0;
    CHECK_CLIENT(&p, &other, "core.shown-unknown");
    CHECK_OK(store_write_now(p.w.store, end_certificate, &m.id));
    CHECK_CLIENT(&p, &m, "policy.shown-revoked");
    CHECK_CLIENT(&p, &both, "");
    clock_fake_advance(&p.w.clock, both.not_after - clock_now(ev_clock(p.w.ev)));
    CHECK_CLIENT(&p, &both, "");
    clock_fake_advance(&p.w.clock, WHEN_SECOND);
    CHECK_CLIENT(&p, &both, "policy.shown-expired");
}

static void not_before_its_time(void)
{
    START(p, m);
    clock_fake_set(&p.w.clock, m.not_before);
    CHECK_CLIENT(&p, &m, "");
    clock_fake_set(&p.w.clock, m.not_before - WHEN_SECOND);
    CHECK_CLIENT(&p, &m, "policy.shown-not-yet");
}

/* Whatever its own row says. */
static void of_a_revoked_issuer(void)
{
    START(p, m);
    CHECK_CLIENT(&p, &m, "");
    CHECK_OK(store_write_now(p.w.store, end_issuer, &m.id));
    CHECK_CLIENT(&p, &m, "policy.shown-issuer");
}

/* Of the connection to the api listener, as front knows it, and of nothing else. */
static void read_from_front_alone(void)
{
    struct ipc_http msg = {.listener = STR("api")};
    struct ipc_pair said = {STR("client-cert"), STR("1")};
    struct http_shown shown;

    START(p, m);
    show(&p, &m);
    msg.shown_sha256 = p.shown_sha256;
    msg.shown_serial = p.shown_serial;
    core_shown_read(&p.core, &msg, &shown);
    CHECK_INT(shown.n_serial, m.n_serial);
    CHECK(memcmp(shown.serial, m.serial, m.n_serial) == 0);
    for (size_t i = 0; i < 3; i++) {
        msg.listener = ((const struct str[]){STR("plain"), STR("private"), STR("gateway")})[i];
        core_shown_read(&p.core, &msg, &shown);
        CHECK_INT(shown.n_serial, 0);
    }
    msg.listener = STR("api");
    conf.control.certificates = false;
    core_shown_read(&p.core, &msg, &shown);
    CHECK_INT(shown.n_serial, 0);
    conf.control.certificates = true;
    msg.shown_sha256 = msg.shown_serial = STR("");
    msg.headers.v = &said;
    msg.headers.n = 1;
    core_shown_read(&p.core, &msg, &shown);
    CHECK_INT(shown.n_serial, 0);
}

/* One world, and in it each allocation fails in turn: it cannot be told then, or it is right;
 * nobody is anybody by chance. */
static void without_memory(void)
{
    struct http_shown shown;
    bool fired = true;

    START(p, m);
    CHECK_INT(change(&p, "add", "alice", m.text), 200);
    shown = shown_of(&m);
    for (unsigned long n = 1; fired; n++) {
        struct core_who who = {};
        struct err err = ERR_INIT;
        enum rc rc;
        bool holds;

        mem_fail_at(n);
        rc = core_shown_check(&p.core, &shown, &who, &err);
        fired = mem_fail_fired();
        mem_fail_at(n);
        holds = core_shown_holds(&p.core, &m.id, 1);
        fired = fired || mem_fail_fired();
        mem_fail_at(0);
        CHECK(rc == RC_OK || (fired && rc == RC_NOMEM));
        CHECK(rc != RC_OK || who.user == 1);
        CHECK(holds || fired);
    }
}

CHECK_MAIN(CHECK_TEST_ITSELF(without_memory), CHECK_TEST_ONCE(a_certificate_is_a_user),
           CHECK_TEST_ONCE(only_good_ones), CHECK_TEST_ONCE(a_revocation_counts_at_once),
           CHECK_TEST_ONCE(with_its_issuer_it_ends), CHECK_TEST_ONCE(other_ways_in),
           CHECK_TEST_ONCE(it_takes_two), CHECK_TEST_ONCE(clients_of_rules),
           CHECK_TEST_ONCE(not_before_its_time), CHECK_TEST_ONCE(of_a_revoked_issuer),
           CHECK_TEST_ONCE(read_from_front_alone))
