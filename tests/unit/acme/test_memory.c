/* SPDX-License-Identifier: Apache-2.0 */
/* Every resource of the ACME server while each of its allocations fails in turn: a request is
 * always answered, what it left is whole, and nothing leaks. A world takes longer to make than a
 * request to answer, so one world serves for all failures of a request; what leaked is told once it
 * has ended. Without AUTARKY_FAIL_ALLOC each is asked for once, and everything has to go well. */
#include "acme_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "store/certificates.h"
#include "store/orders.h"
#include "x509/cert.h"

#define NAME "a.hospital.example"
#define CONFIG "acme: {star: {enabled: true, orders: 10000}, orders_open: 10000}\n"
#define ORDER "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" NAME "\"}]%s}"

enum { FAILURES_MAX = 5000 };

struct lab {
    struct world w;
    struct client c;
    struct arena a;
    char url[256];
    struct buf payload;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    buf_done(&l->payload);
    arena_done(&l->a);
    world_done(&l->w);
}

/* What is asked for: made ready without a failure, then sent with one. */
struct ask {
    bool (*ready)(struct lab *l);
    const char *method;
    int status;
};

static bool url_is(struct lab *l, struct str url)
{
    return str_copyz(url, l->url, sizeof(l->url)) == RC_OK;
}

static bool payload_is(struct lab *l, const char *text)
{
    buf_reset(&l->payload);
    buf_putz(&l->payload, text);
    buf_u8(&l->payload, '\0');
    return buf_rc(&l->payload) == RC_OK;
}

static bool set(struct lab *l, const char *url, const char *payload)
{
    return url_is(l, str_of(url)) && payload_is(l, payload);
}

static bool ready_order(struct lab *l, const char *more, char order[static 256])
{
    CLEANUP(reply_done) struct reply o = {.x = NULL};
    char payload[512];

    snprintf(payload, sizeof(payload), ORDER, more);
    o = client_post(&l->c, "/acme/new-order", payload);
    return o.status == 201 && str_copyz(world_header(o.x, "Location"), order, 256) == RC_OK &&
           client_validate(&l->c, order);
}

static const char *star(const struct lab *l)
{
    static char text[256];
    char end[WHEN_TEXT];

    snprintf(text, sizeof(text), ",\"auto-renewal\":{\"end-date\":\"%s\",\"lifetime\":345600}",
             when_text(l->w.clock.now + 30 * WHEN_DAY, end));
    return text;
}

/* ---- resources */

static bool directory(struct lab *l)
{
    return set(l, "/acme/directory", "");
}

static bool new_nonce(struct lab *l)
{
    return set(l, "/acme/new-nonce", "");
}

static bool new_account(struct lab *l)
{
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    crypto_key_unref(l->c.key);
    l->c.key = NULL;
    l->c.kid[0] = '\0';
    return crypto_key_generate(spec, &l->c.key) == RC_OK &&
           set(l, "/acme/new-account", "{\"termsOfServiceAgreed\":true}");
}

static bool account(struct lab *l)
{
    return set(l, l->c.kid, "{\"contact\":[\"mailto:admin@hospital.example\"]}");
}

static bool new_order(struct lab *l)
{
    char payload[512];

    snprintf(payload, sizeof(payload), ORDER, "");
    return set(l, "/acme/new-order", payload);
}

static bool new_star(struct lab *l)
{
    char payload[512];

    snprintf(payload, sizeof(payload), ORDER, star(l));
    return set(l, "/acme/new-order", payload);
}

static bool new_authorization(struct lab *l)
{
    static unsigned n;
    char payload[128];

    snprintf(payload, sizeof(payload),
             "{\"identifier\":{\"type\":\"dns\",\"value\":\"ahead%u.hospital.example\"}}", n++);
    return set(l, "/acme/new-authz", payload);
}

static bool order(struct lab *l)
{
    char url[256];

    return client_order(&l->c, NAME, url) && set(l, url, "");
}

static bool orders(struct lab *l)
{
    char url[300];

    snprintf(url, sizeof(url), "%s/orders", l->c.kid);
    return set(l, url, "");
}

static bool authorization_of(struct lab *l, const char *payload)
{
    char url[256], to[256];

    return client_order(&l->c, NAME, url) && client_authorization(&l->c, url, to) &&
           set(l, to, payload);
}

static bool authorization(struct lab *l)
{
    return authorization_of(l, "");
}

static bool given_up(struct lab *l)
{
    return authorization_of(l, "{\"status\":\"deactivated\"}");
}

static bool challenge(struct lab *l)
{
    char url[256], to[256];

    return client_order(&l->c, NAME, url) && client_challenge(&l->c, url, to) && set(l, to, "{}");
}

static bool finalize_of(struct lab *l, const char *more)
{
    char url[256], to[300];
    CLEANUP(buf_done) struct buf csr = BUF_INIT(1 << 16);

    if (!ready_order(l, more, url) || !client_csr(NAME, &csr))
        return false;
    snprintf(to, sizeof(to), "%s/finalize", url);
    return set(l, to, buf_z(&csr));
}

static bool finalize(struct lab *l)
{
    return finalize_of(l, "");
}

static bool finalize_star(struct lab *l)
{
    return finalize_of(l, star(l));
}

/* Its certificate's URL, of an order that is finalized. */
static bool finalized(struct lab *l, const char *more, const char *member)
{
    CLEANUP(reply_done) struct reply f = {.x = NULL};
    char url[256];

    if (!ready_order(l, more, url))
        return false;
    f = client_finalize(&l->c, url, NAME);
    return f.status == 200 && (member ? url_is(l, reply_text(&f, member)) : set(l, url, "")) &&
           payload_is(l, "");
}

static bool certificate(struct lab *l)
{
    return finalized(l, "", "certificate");
}

static bool star_certificate(struct lab *l)
{
    return finalized(l, star(l), "star-certificate");
}

static bool cancel(struct lab *l)
{
    return finalized(l, star(l), NULL) && payload_is(l, "{\"status\":\"canceled\"}");
}

static bool revoke(struct lab *l)
{
    CLEANUP(reply_done) struct reply cert = {.x = NULL};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    struct x509_cert *chain;
    size_t n;

    if (!finalized(l, "", "certificate"))
        return false;
    cert = client_post(&l->c, l->url, "");
    arena_done(&l->a);
    if (cert.status != 200 ||
        x509_cert_read_pem(&l->a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL) != RC_OK)
        return false;
    buf_putz(&text, "{\"certificate\":\"");
    text_b64url(&text, chain[0].der);
    buf_putz(&text, "\"}");
    return set(l, "/acme/revoke-cert", buf_z(&text));
}

static bool renewal_info(struct lab *l)
{
    CLEANUP(reply_done) struct reply cert = client_certificate(&l->c, NAME);
    struct x509_cert *chain;
    char id[128], path[160];
    size_t n;

    if (cert.status != 200 ||
        x509_cert_read_pem(&l->a, buf_str(&cert.x->res.body), 4, &chain, &n, NULL) != RC_OK ||
        !client_renewal_id(&chain[0], id))
        return false;
    snprintf(path, sizeof(path), "/acme/renewal-info/%s", id);
    return set(l, path, "");
}

/* ---- failures */

static bool torture(void)
{
    const char *mode = getenv("AUTARKY_FAIL_ALLOC");

    return mode && (strcmp(mode, "all") == 0 || strcmp(mode, "ways") == 0);
}

/* What the client itself had no memory for was not sent, or not read; the server has answered all
 * the same if the call ended. */
static int send(struct lab *l, const struct ask *ask, bool *out_answered)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct world_call call = {.w = &l->w};

    if (strcmp(ask->method, "POST") != 0) {
        r = client_raw(&l->c, ask->method, l->url, STR(""));
        *out_answered = r.x || mem_fail_fired();
        return r.status;
    }
    if (!client_begin(&l->c, l->url, l->payload.n ? (const char *)l->payload.p : "", &call)) {
        *out_answered = true;
        return 0;
    }
    r = client_end(&call);
    *out_answered = r.x != NULL;
    return r.status;
}

static void run(const struct ask *ask)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}, .payload = BUF_INIT(1 << 17)};
    bool fired = torture();

    arena_init(&l.a, 1 << 22);
    CHECK(world_start(&l.w, CONFIG));
    CHECK(client_start(&l.c, &l.w) && client_register(&l.c));
    for (unsigned long n = 1; fired && n < FAILURES_MAX; n++) {
        bool answered;

        CHECK(ask->ready(&l));
        CHECK(client_nonce(&l.c, l.c.nonce));
        mem_fail_at(n);
        (void)send(&l, ask, &answered);
        fired = mem_fail_fired();
        mem_fail_at(0);
        if (!answered)
            fail_msg("no answer, allocation %lu having failed", n);
        /* A channel that could not take a message is made anew; whatever was left for later ends.
         */
        world_signer(&l.w, true);
        for (int i = 0; i < 3; i++) {
            clock_fake_advance(&l.w.clock, 10 * WHEN_SECOND);
            world_spin(&l.w);
        }
    }
    CHECK(!fired);
    CHECK(ask->ready(&l));
    {
        bool answered;

        CHECK_INT(send(&l, ask, &answered), ask->status);
    }
    CHECK_OK(store_check(l.w.store, NULL));
}

/* ---- what nobody asks for */

static uint64_t certificates(struct lab *l)
{
    struct store_name name = {STORE_NAME_DNS, STR(NAME)};
    struct store_certificate_filter f = {.name = &name};
    uint64_t n = 0;

    IGNORE_RC(store_certificate_count(store_read(l->w.store), &f, &n));
    return n;
}

/* A certificate each hour: whatever fails at its time, it is there a moment later, and once. */
static void renewal(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}, .payload = BUF_INIT(1 << 17)};
    unsigned long most = torture() ? FAILURES_MAX : 2;
    char hourly[256], end[WHEN_TEXT];

    arena_init(&l.a, 1 << 22);
    CHECK(world_start(&l.w, "acme: {star: {enabled: true, min_lifetime: 1h}}\n"));
    CHECK(client_start(&l.c, &l.w) && client_register(&l.c));
    snprintf(hourly, sizeof(hourly), ",\"auto-renewal\":{\"end-date\":\"%s\",\"lifetime\":3600}",
             when_text(l.w.clock.now + 360 * WHEN_DAY, end));
    CHECK(finalized(&l, hourly, "star-certificate"));
    clock_fake_advance(&l.w.clock, 28 * WHEN_MINUTE);
    world_spin(&l.w);
    CHECK_INT(certificates(&l), 2);
    for (unsigned long n = 1; n < most; n++) {
        bool fired;

        clock_fake_advance(&l.w.clock, 58 * WHEN_MINUTE);
        world_spin(&l.w);
        CHECK_INT(certificates(&l), n + 1);
        clock_fake_advance(&l.w.clock, WHEN_MINUTE);
        mem_fail_at(n);
        world_spin(&l.w);
        fired = mem_fail_fired();
        mem_fail_at(0);
        world_signer(&l.w, true);
        for (int i = 0; i < 6; i++) {
            clock_fake_advance(&l.w.clock, 10 * WHEN_SECOND);
            world_spin(&l.w);
        }
        CHECK_INT(certificates(&l), n + 2);
        if (!fired)
            break;
    }
    CHECK_OK(store_check(l.w.store, NULL));
}

#define ASK(name, method_, status_)                                                                \
    static void ask_##name(void)                                                                   \
    {                                                                                              \
        run(&(struct ask){name, method_, status_});                                                \
    }

ASK(directory, "GET", 200)
ASK(new_nonce, "GET", 204)
ASK(new_account, "POST", 201)
ASK(account, "POST", 200)
ASK(new_order, "POST", 201)
ASK(new_star, "POST", 201)
ASK(new_authorization, "POST", 201)
ASK(order, "POST", 200)
ASK(orders, "POST", 200)
ASK(authorization, "POST", 200)
ASK(given_up, "POST", 200)
ASK(challenge, "POST", 200)
ASK(finalize, "POST", 200)
ASK(finalize_star, "POST", 200)
ASK(certificate, "POST", 200)
ASK(star_certificate, "POST", 200)
ASK(cancel, "POST", 200)
ASK(revoke, "POST", 200)
ASK(renewal_info, "GET", 200)

CHECK_MAIN(CHECK_TEST_ITSELF(ask_directory), CHECK_TEST_ITSELF(ask_new_nonce),
           CHECK_TEST_ITSELF(ask_authorization), CHECK_TEST_ITSELF(ask_given_up),
           CHECK_TEST_ITSELF(ask_renewal_info), CHECK_TEST_ITSELF(ask_new_account),
           CHECK_TEST_ITSELF(ask_account), CHECK_TEST_ITSELF(ask_new_order),
           CHECK_TEST_ITSELF(ask_new_star), CHECK_TEST_ITSELF(ask_new_authorization),
           CHECK_TEST_ITSELF(ask_order), CHECK_TEST_ITSELF(ask_orders),
           CHECK_TEST_ITSELF(ask_challenge), CHECK_TEST_ITSELF(ask_finalize),
           CHECK_TEST_ITSELF(ask_finalize_star), CHECK_TEST_ITSELF(ask_certificate),
           CHECK_TEST_ITSELF(ask_star_certificate), CHECK_TEST_ITSELF(ask_cancel),
           CHECK_TEST_ITSELF(ask_revoke), CHECK_TEST_ITSELF(renewal))
