/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8739: orders that renew themselves, over weeks of a clock that is told, through crashes, a
 * signer that is away, rules that change and every way in which such an order ends. */
#include "acme_client.h"

#include <stdio.h>

#include "acme/star.h"
#include "base/text.h"
#include "revocation/revoke.h"
#include "store/certificates.h"
#include "store/events.h"
#include "store/orders.h"
#include "x509/cert.h"

#define NAME "a.hospital.example"
#define STAR_ON "acme: {star: {enabled: true}}\n"
#define DAYS(n) ((n)*86400)

struct lab {
    struct world w;
    struct client c;
    struct arena a;
    char order[256];
    char path[300]; /* of the certificate */
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    arena_done(&l->a);
    world_done(&l->w);
}

static bool lab_start(struct lab *l, const char *config)
{
    arena_init(&l->a, 1 << 26);
    return world_start(&l->w, config) && client_start(&l->c, &l->w) && client_register(&l->c);
}

static when_t now(const struct lab *l)
{
    return l->w.clock.now;
}

static struct reply order(struct lab *l, const char *more)
{
    char payload[1024];

    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" NAME "\"}],%s}", more);
    return client_post(&l->c, "/acme/new-order", payload);
}

/* `"auto-renewal":{...}`; start in seconds from now, 0: none. */
static const char *wish(const struct lab *l, long start, long end, long lifetime, const char *more)
{
    static char text[512];
    char from[WHEN_TEXT], to[WHEN_TEXT], begin[64] = "";

    if (start)
        snprintf(begin, sizeof(begin), "\"start-date\":\"%s\",",
                 when_text(now(l) + start * WHEN_SECOND, from));
    snprintf(text, sizeof(text), "\"auto-renewal\":{%s\"end-date\":\"%s\",\"lifetime\":%ld%s}",
             begin, when_text(now(l) + end * WHEN_SECOND, to), lifetime, more);
    return text;
}

/* Until its first certificate is there, or, with a start to come, awaited. */
static bool begin(struct lab *l, const char *more)
{
    CLEANUP(reply_done) struct reply o = order(l, more);
    CLEANUP(reply_done) struct reply f = {.x = NULL};

    if (o.status != 201 || str_copyz(world_header(o.x, "Location"), l->order, 256) != RC_OK ||
        !client_validate(&l->c, l->order))
        return false;
    f = client_finalize(&l->c, l->order, NAME);
    snprintf(l->path, sizeof(l->path), "/acme/star-certificate/%s", strrchr(l->order, '/') + 1);
    return f.status == 200;
}

static void pass(struct lab *l, when_t span)
{
    when_t step = span > WHEN_DAY ? WHEN_HOUR : span;

    for (when_t left = span; left > 0; left -= step) {
        clock_fake_advance(&l->w.clock, left < step ? left : step);
        world_spin(&l->w);
    }
}

/* Until the next certificate is due, and a second. */
static bool pass_to_next(struct lab *l)
{
    struct id id;
    struct store_order o;

    if (id_parse(str_of(strrchr(l->order, '/') + 1), &id) != RC_OK ||
        store_order_get(store_read(l->w.store), &l->a, &id, &o) != RC_OK || !o.star ||
        o.star->next <= now(l))
        return false;
    pass(l, o.star->next - now(l) - WHEN_SECOND);
    pass(l, 2 * WHEN_SECOND);
    return true;
}

static struct str status_of(struct lab *l, const char *url)
{
    CLEANUP(reply_done) struct reply r = client_post(&l->c, url, "");
    struct str kept = STR("");

    IGNORE_RC(arena_str(&l->a, reply_text(&r, "status"), &kept));
    return kept;
}

/* The leaf that its owner is given, NULL when there is none. */
static struct x509_cert *leaf(struct lab *l)
{
    CLEANUP(reply_done) struct reply r = client_post(&l->c, l->path, "");
    struct x509_cert *chain;
    struct str pem;
    size_t n;

    if (r.status != 200 || arena_str(&l->a, buf_str(&r.x->res.body), &pem) != RC_OK ||
        x509_cert_read_pem(&l->a, pem, 4, &chain, &n, NULL) != RC_OK)
        return NULL;
    return chain;
}

static uint64_t certificates(struct lab *l)
{
    struct store_name name = {STORE_NAME_DNS, STR(NAME)};
    struct store_certificate_filter f = {.name = &name};
    uint64_t n = 0;

    IGNORE_RC(store_certificate_count(store_read(l->w.store), &f, &n));
    return n;
}

static int get_status(struct lab *l, const char *path)
{
    CLEANUP(reply_done) struct reply r = client_raw(&l->c, "GET", path, STR(""));

    return r.status;
}

static struct reply cancel(struct lab *l)
{
    return client_post(&l->c, l->order, "{\"status\":\"canceled\"}");
}

/* ---- what may be asked for */

static const struct json *meta(const struct reply *directory)
{
    return json_get(json_get(directory->json, "meta"), "auto-renewal");
}

static void off_by_default(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply d = {.x = NULL};
    CLEANUP(reply_done) struct reply o = {.x = NULL};

    CHECK(lab_start(&l, NULL));
    d = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    CHECK_INT(d.status, 200);
    CHECK(!meta(&d));
    o = order(&l, wish(&l, 0, DAYS(30), DAYS(4), ""));
    CHECK_STR(reply_problem(&o), "malformed");
    CHECK_STR(reply_text(&o, "code"), "acme.star-off");
}

static void in_the_directory(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply d = {.x = NULL};
    CLEANUP(reply_done) struct reply less = {.x = NULL};
    int64_t n = 0;
    bool get = false;

    CHECK(lab_start(&l, STAR_ON));
    d = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    CHECK_OK(json_i64(json_get(meta(&d), "min-lifetime"), &n));
    CHECK_INT(n, 86400);
    CHECK_OK(json_i64(json_get(meta(&d), "max-duration"), &n));
    CHECK_INT(n, DAYS(365));
    CHECK_OK(json_bool(json_get(meta(&d), "allow-certificate-get"), &get));
    CHECK(get);
    CHECK(world_reload(&l.w, WORLD_CONFIG "acme: {star: {enabled: true, allow_get: false}}\n"));
    less = client_raw(&l.c, "GET", "/acme/directory", STR(""));
    CHECK(meta(&less) && !json_get(meta(&less), "allow-certificate-get"));
}

static void refused(struct lab *l, const char *more, const char *problem, const char *code)
{
    CLEANUP(reply_done) struct reply r = order(l, more);

    CHECK_STR(reply_problem(&r), problem);
    CHECK_STR(reply_text(&r, "code"), code);
}

static void refusals(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char both[640];

    CHECK(lab_start(&l, "acme: {star: {enabled: true, orders: 1}}\n"));
    refused(&l, "\"auto-renewal\":1", "malformed", "acme.star-form");
    refused(&l, "\"auto-renewal\":{}", "malformed", "acme.star-form");
    refused(&l, "\"auto-renewal\":{\"end-date\":\"tomorrow\",\"lifetime\":86400}", "malformed",
            "acme.order-date");
    refused(&l, wish(&l, 0, DAYS(30), -1, ""), "malformed", "acme.star-value");
    refused(&l, wish(&l, 0, DAYS(30), DAYS(2), ",\"lifetime-adjust\":\"1\""), "malformed",
            "acme.star-value");
    refused(&l, wish(&l, 0, DAYS(30), DAYS(2), ",\"lifetime-adjust\":99999999999999"), "malformed",
            "acme.star-value");
    refused(&l, wish(&l, 0, DAYS(30), DAYS(2), ",\"allow-certificate-get\":1"), "malformed",
            "acme.star-value");
    refused(&l, wish(&l, 0, DAYS(30), 86399, ""), "malformed", "acme.star-lifetime");
    refused(&l, wish(&l, 0, DAYS(300), DAYS(80), ""), "malformed", "acme.star-lifetime");
    refused(&l, wish(&l, 0, DAYS(366), DAYS(2), ""), "malformed", "acme.star-end");
    refused(&l, wish(&l, 0, -1, DAYS(2), ""), "malformed", "acme.star-end");
    refused(&l, wish(&l, DAYS(5), DAYS(5), DAYS(2), ""), "malformed", "acme.star-end");
    refused(&l, wish(&l, DAYS(31), DAYS(60), DAYS(2), ""), "malformed", "acme.star-start");
    /* RFC 8739 section 3.1.1: the base protocol's dates MUST NOT be there. */
    snprintf(both, sizeof(both), "\"notAfter\":\"2027-02-01T00:00:00Z\",%s",
             wish(&l, 0, DAYS(30), DAYS(2), ""));
    refused(&l, both, "malformed", "acme.star-dates");
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(2), "")));
    refused(&l, wish(&l, 0, DAYS(30), DAYS(2), ""), "rateLimited", "acme.star-room");
}

/* Section 3.5 has the example; the dates are moved to the day after WORLD_NOW, and this server's
 * part of what comes before is smaller than what is asked for. */
static void example_of_the_rfc(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply wait = {.x = NULL};
    static const int days[][2] = {{0, 4}, {1, 8}, {5, 10}};
    when_t zero;

    CHECK(lab_start(&l, STAR_ON));
    zero = now(&l) + WHEN_DAY;
    CHECK(begin(&l, wish(&l, DAYS(1), DAYS(11), 345600, ",\"lifetime-adjust\":259200")));
    wait = client_post(&l.c, l.order, "");
    CHECK_STR(reply_text(&wait, "status"), "processing");
    CHECK_STR(world_header(wait.x, "Retry-After"), "86401");
    CHECK(!json_get(wait.json, "star-certificate"));
    CHECK_INT(get_status(&l, l.path), 405);
    for (size_t i = 0; i < 3; i++) {
        const struct x509_cert *c;

        pass(&l, zero + days[i][0] * WHEN_DAY - now(&l));
        c = leaf(&l);
        CHECK(c);
        CHECK_INT((c->not_before - zero) / WHEN_SECOND, DAYS(days[i][0]));
        CHECK_INT((c->not_after - zero) / WHEN_SECOND, DAYS(days[i][1]));
        CHECK_INT(certificates(&l), i + 1);
    }
    CHECK_STR(status_of(&l, l.order), "valid");
    pass(&l, zero + 10 * WHEN_DAY - now(&l));
    CHECK_INT(certificates(&l), 3);
}

static void shown_in_the_order(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    const struct json *star;
    int64_t n = 0;
    bool get = true;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(2), "")));
    r = client_post(&l.c, l.order, "");
    star = json_get(r.json, "auto-renewal");
    CHECK_OK(json_i64(json_get(star, "lifetime"), &n));
    CHECK_INT(n, DAYS(2));
    CHECK_OK(json_i64(json_get(star, "lifetime-adjust"), &n));
    CHECK_INT(n, DAYS(2) / 100 * 55);
    CHECK_RC(json_bool(json_get(star, "allow-certificate-get"), &get), RC_NOTFOUND);
    CHECK_STR(reply_text(&r, "status"), "valid");
    CHECK(str_ends(reply_text(&r, "star-certificate"), str_of(l.path)));
    CHECK(!json_get(r.json, "certificate"));
    CHECK_INT(get_status(&l, l.path), 405); /* not asked for */
}

/* ---- the walk */

/* At every hour of a month the certificate is valid, and half of it at most is over before the next
 * one is there (section 3.3). */
static void a_month(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply gone = {.x = NULL};
    CLEANUP(reply_done) struct reply owner = {.x = NULL};
    when_t end;

    CHECK(lab_start(&l, STAR_ON));
    end = now(&l) + 30 * WHEN_DAY;
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(1), ",\"allow-certificate-get\":true")));
    for (int hour = 1; hour < 30 * 24; hour++) {
        const struct x509_cert *c;

        pass(&l, WHEN_HOUR);
        arena_done(&l.a);
        c = leaf(&l);
        CHECK(c);
        CHECK(c->not_before <= now(&l) && c->not_after > now(&l));
        CHECK(c->not_after <= end);
        CHECK(c->not_after == end || c->not_after - now(&l) >= 12 * WHEN_HOUR);
    }
    CHECK_INT(certificates(&l), 30);
    pass(&l, 2 * WHEN_HOUR);
    gone = client_raw(&l.c, "GET", l.path, STR(""));
    CHECK_INT(gone.status, 403);
    CHECK_STR(reply_problem(&gone), "autoRenewalExpired");
    owner = client_post(&l.c, l.path, "");
    CHECK_STR(reply_problem(&owner), "autoRenewalExpired");
    CHECK_STR(status_of(&l, l.order), "valid"); /* as the base protocol has it */
    CHECK_INT(certificates(&l), 30);
}

static void read_by_anybody(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply post = {.x = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    const struct x509_cert *c;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), ",\"allow-certificate-get\":true")));
    r = client_raw(&l.c, "GET", l.path, STR(""));
    CHECK_INT(r.status, 200);
    c = leaf(&l);
    CHECK(c);
    CHECK_STR(world_header(r.x, "Cert-Not-Before"), "\"Fri, 15 Jan 2027 07:55:00 GMT\"");
    CHECK_INT(c->not_before, WORLD_NOW - 5 * WHEN_MINUTE); /* the profile's backdate */
    CHECK_STR(world_header(r.x, "Cert-Not-After"), "\"Tue, 19 Jan 2027 08:00:00 GMT\"");
    CHECK_INT(c->not_after, WORLD_NOW + 4 * WHEN_DAY);
    CHECK_STR(world_header(r.x, "Content-Type"), "application/pem-certificate-chain");
    CHECK_STR(world_header(r.x, "Cache-Control"), "public, max-age=3600");
    CHECK_INT(world_header(r.x, "Replay-Nonce").n, 0);
    post = client_post(&l.c, l.path, "");
    CHECK_INT(post.status, 200);
    CHECK_STR(world_header(post.x, "Cache-Control"), "no-store");
    CHECK(world_header(post.x, "Cert-Not-After").n > 0);
    CHECK(client_start(&other, &l.w) && client_register(&other));
    foreign = client_post(&other, l.path, "");
    CHECK_INT(foreign.status, 404);
    CHECK_INT(get_status(&l, "/acme/star-certificate/00000000000000000000000000"), 405);
    CHECK(world_reload(&l.w, WORLD_CONFIG "acme: {star: {allow_get: false}}\n"));
    CHECK_INT(get_status(&l, l.path), 405);
}

/* ---- ends */

static void canceled(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply other = {.x = NULL};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};
    CLEANUP(reply_done) struct reply gone = {.x = NULL};
    CLEANUP(reply_done) struct reply plain = {.x = NULL};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(client_order(&l.c, NAME, l.order));
    plain = cancel(&l);
    CHECK_STR(reply_problem(&plain), "malformed");
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), ",\"allow-certificate-get\":true")));
    other = client_post(&l.c, l.order, "{\"status\":\"valid\"}");
    CHECK_STR(reply_problem(&other), "malformed");
    r = cancel(&l);
    CHECK_INT(r.status, 200);
    CHECK_STR(reply_text(&r, "status"), "canceled");
    CHECK_STR(reply_text(&r, "expires"), "2027-01-19T08:00:00Z"); /* its last certificate's end */
    again = cancel(&l);
    CHECK_INT(again.status, 400);
    CHECK_STR(reply_problem(&again), "autoRenewalCancellationInvalid");
    gone = client_raw(&l.c, "GET", l.path, STR(""));
    CHECK_INT(gone.status, 403);
    CHECK_STR(reply_problem(&gone), "autoRenewalCanceled");
    CHECK_STR(world_header(gone.x, "Cache-Control"), "no-store");
    pass(&l, 10 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
}

static void canceled_too_early(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, DAYS(1), DAYS(30), DAYS(4), "")));
    r = cancel(&l);
    CHECK_INT(r.status, 400);
    CHECK_STR(reply_problem(&r), "autoRenewalCancellationInvalid");
}

/* The certificate is at the signer while its order is canceled: there is none. */
static void canceled_while_renewing(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    l.w.signer_holds = true;
    CHECK(pass_to_next(&l));
    CHECK_INT(l.w.n_held, 1);
    r = cancel(&l);
    CHECK_INT(r.status, 200);
    world_sign_held(&l.w, 1);
    CHECK_INT(certificates(&l), 1);
    CHECK_STR(status_of(&l, l.order), "canceled");
}

static void not_revoked(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    const struct x509_cert *c;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    c = leaf(&l);
    CHECK(c);
    buf_putz(&payload, "{\"certificate\":\"");
    text_b64url(&payload, c->der);
    buf_putz(&payload, "\"}");
    r = client_post(&l.c, "/acme/revoke-cert", buf_z(&payload));
    CHECK_INT(r.status, 403);
    CHECK_STR(reply_problem(&r), "autoRenewalRevocationNotSupported");
}

static void account_gone(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply gone = {.x = NULL};
    struct store_event_filter canceled = {.action = STR("order.canceled"), .limit = 5};
    struct store_event *events;
    size_t n;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, DAYS(1), DAYS(30), DAYS(4), ",\"allow-certificate-get\":true")));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), ",\"allow-certificate-get\":true")));
    r = client_post(&l.c, l.c.kid, "{\"status\":\"deactivated\"}");
    CHECK_INT(r.status, 200);
    CHECK_OK(store_event_list(store_read(l.w.store), &l.a, &canceled, &events, &n));
    CHECK_INT(n, 2);
    gone = client_raw(&l.c, "GET", l.path, STR(""));
    CHECK_STR(reply_problem(&gone), "autoRenewalCanceled");
    pass(&l, 10 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
}

static void authorization_given_up(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply o = {.x = NULL};
    CLEANUP(reply_done) struct reply z = {.x = NULL};
    struct json_iter it;
    const struct json *v;
    struct str url;
    char z_url[256];

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    o = client_post(&l.c, l.order, "");
    it = json_iter(json_get(o.json, "authorizations"));
    CHECK(json_next(&it, NULL, &v));
    CHECK_OK(json_str(v, &url));
    CHECK_OK(str_copyz(url, z_url, sizeof(z_url)));
    z = client_post(&l.c, z_url, "{\"status\":\"deactivated\"}");
    CHECK_INT(z.status, 200);
    pass(&l, 2 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
    CHECK_STR(status_of(&l, l.order), "canceled");
}

/* dns-persist-01: nothing is issued by a record that has ended. */
static void record_that_ends(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(world_reload(&l.w, "organization: Example Hospital\ncountry: DE\n"
                             "domain: hospital.example\n"
                             "urls: {api: \"https://ca.hospital.example:8555\"}\n"
                             "policy: [{name: all, allow: [\"*.hospital.example\"],"
                             " challenges: [dns-persist-01]}]\n" STAR_ON));
    l.w.until = now(&l) + 3 * WHEN_DAY;
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(2), "")));
    pass(&l, 2 * WHEN_DAY);
    CHECK(certificates(&l) >= 2);
    CHECK_STR(status_of(&l, l.order), "valid");
    pass(&l, 3 * WHEN_DAY);
    CHECK_STR(status_of(&l, l.order), "canceled");
    CHECK(certificates(&l) <= 4);
}

static enum rc revoke(struct store_txn *txn, void *arg)
{
    struct revocation_result result = {.n = 0};

    return revocation_revoke(txn, arg, &result, NULL);
}

/* An operator may: then there is no other in its place. */
static void revoked_by_an_operator(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    const struct x509_cert *c;
    struct store_certificate row;
    struct revocation_ask ask = {
        .reason = X509_REASON_KEY_COMPROMISE, .by = REVOCATION_BY_OPERATOR, .actor = STR("uid 0")};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    c = leaf(&l);
    CHECK(c);
    CHECK_OK(store_certificate_by_serial(store_read(l.w.store), &l.a, x509_serial_bytes(&c->serial),
                                         &row));
    ask.certificate = row.id;
    ask.now = now(&l);
    CHECK_OK(store_write_now(l.w.store, revoke, &ask));
    pass(&l, 2 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
    r = client_post(&l.c, l.order, "");
    CHECK_STR(reply_text(&r, "status"), "canceled");
    CHECK_STR(json_shown(json_get(r.json, "error"), "code"), "acme.star-revoked");
}

/* ---- what stands in the way */

#define NO_RULE                                                                                    \
    "organization: Example Hospital\ncountry: DE\ndomain: hospital.example\n"                      \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy: [{name: other, allow: [b.hospital.example]}]\n"

/* No rule allows the name for two days, then one does again. */
static void rules_that_change(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    CHECK(world_reload(&l.w, NO_RULE));
    pass(&l, 3 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
    CHECK(world_reload(&l.w, WORLD_CONFIG)); /* no longer offered, and goes on all the same */
    pass(&l, 12 * WHEN_HOUR);
    CHECK_INT(certificates(&l), 2);
    CHECK_STR(status_of(&l, l.order), "valid");
}

#define BELOW(more)                                                                                \
    "organization: Example Hospital\ncountry: DE\ndomain: hospital.example\n"                      \
    "urls: {api: \"https://ca.hospital.example:8555\"}\n"                                          \
    "policy: [{name: a, allow: [\"*.hospital.example\"], challenges: [http-01, dns-01]" more       \
    "}]\n" STAR_ON

/* RFC 9444: the domain above was proven, and for two days no rule lets that count. */
static void proof_from_above(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply o = {.x = NULL};
    CLEANUP(reply_done) struct reply f = {.x = NULL};
    char payload[1024];

    CHECK(lab_start(&l, STAR_ON));
    CHECK(world_reload(&l.w, BELOW(", subdomains: true")));
    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"" NAME
             "\",\"ancestorDomain\":\"hospital.example\"}],%s}",
             wish(&l, 0, DAYS(30), DAYS(4), ""));
    o = client_post(&l.c, "/acme/new-order", payload);
    CHECK_INT(o.status, 201);
    CHECK_OK(str_copyz(world_header(o.x, "Location"), l.order, sizeof(l.order)));
    CHECK(client_validate(&l.c, l.order));
    f = client_finalize(&l.c, l.order, NAME);
    CHECK_INT(f.status, 200);
    pass(&l, 3 * WHEN_DAY);
    CHECK_INT(certificates(&l), 2);
    CHECK(world_reload(&l.w, BELOW("")));
    pass(&l, 4 * WHEN_DAY);
    CHECK_INT(certificates(&l), 2);
    CHECK(world_reload(&l.w, BELOW(", subdomains: true")));
    pass(&l, 12 * WHEN_HOUR);
    CHECK_INT(certificates(&l), 3);
    CHECK_STR(status_of(&l, l.order), "valid");
}

/* A rule's lifetime counts with what comes before the nominal date; one that is shortened later
 * makes for more certificates. */
static void rules_that_shorten(void)
{
    static const char limited[] = "organization: Example Hospital\ncountry: DE\n"
                                  "domain: hospital.example\n"
                                  "policy: [{name: a, allow: [" NAME "], lifetime: 36h}]\n" STAR_ON;
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct x509_cert *c;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    CHECK(world_reload(&l.w, limited));
    refused(&l, wish(&l, 0, DAYS(30), DAYS(1), ""), "malformed", "acme.order-star-lifetime");
    CHECK(pass_to_next(&l));
    CHECK_INT(certificates(&l), 2);
    c = leaf(&l);
    CHECK(c);
    CHECK_INT(c->not_after - c->not_before, 36 * WHEN_HOUR - WHEN_SECOND);
    pass(&l, WHEN_DAY);
    CHECK(certificates(&l) > 2);
}

/* CAA is asked again when the proof is older than eight hours (RFC 8659). */
static void caa_that_forbids(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    size_t before;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    before = l.w.validations;
    l.w.verdict = RC_DENIED;
    pass(&l, 3 * WHEN_DAY);
    CHECK(l.w.validations > before);
    CHECK_INT(certificates(&l), 1);
    l.w.verdict = RC_OK;
    pass(&l, 12 * WHEN_HOUR);
    CHECK_INT(certificates(&l), 2);
}

/* What is reserved for longer than the signer would sign it is given up for another. */
static void signer_away(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    world_signer(&l.w, false);
    pass(&l, 2 * WHEN_DAY);
    CHECK_INT(certificates(&l), 1);
    world_signer(&l.w, true);
    for (int i = 0; i < 3; i++) /* recovery looks, gives it up, another is made */
        pass(&l, WHEN_MINUTE);
    CHECK_INT(certificates(&l), 2);
    pass(&l, 4 * WHEN_DAY);
    CHECK_INT(certificates(&l), 3);
}

/* Core dies with a certificate at the signer: it is signed once, as it was reserved, and the walk
 * goes on from there. */
static void crash_while_renewing(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    for (uint64_t n = 1; n < 6; n++) {
        const struct x509_cert *c;

        l.w.signer_silent = true;
        CHECK(pass_to_next(&l));
        CHECK_INT(certificates(&l), n);
        CHECK(world_restart(&l.w));
        l.w.signer_silent = false;
        pass(&l, WHEN_MINUTE);
        CHECK_INT(certificates(&l), n + 1);
        CHECK(world_restart(&l.w));
        pass(&l, WHEN_MINUTE);
        CHECK_INT(certificates(&l), n + 1);
        c = leaf(&l);
        CHECK(c);
        CHECK_INT(c->not_after, WORLD_NOW + (4 + 4 * (int64_t)n) * WHEN_DAY);
    }
}

/* Nobody was there for nine days: one certificate makes up for the two that were missed. */
static void missed_times(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    const struct x509_cert *c;

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    world_stop(&l.w);
    clock_fake_advance(&l.w.clock, 9 * WHEN_DAY);
    CHECK(world_restart(&l.w));
    pass(&l, WHEN_MINUTE);
    CHECK_INT(certificates(&l), 2);
    c = leaf(&l);
    CHECK(c);
    CHECK_INT(c->not_after, WORLD_NOW + 12 * WHEN_DAY);
    CHECK(c->not_before <= now(&l));
    CHECK(c->not_before >= now(&l) - 6 * WHEN_MINUTE); /* the profile's backdate */
}

/* Nothing is made while the clock is wrong, and what was due is when it is right again. */
static void clock_that_leaps(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};

    CHECK(lab_start(&l, STAR_ON));
    CHECK(begin(&l, wish(&l, 0, DAYS(30), DAYS(4), "")));
    clock_fake_set(&l.w.clock, now(&l) + 2 * WHEN_DAY);
    for (int i = 0; i < 10; i++)
        pass(&l, WHEN_MINUTE);
    CHECK_INT(certificates(&l), 1);
    clock_fake_set(&l.w.clock, now(&l) - 2 * WHEN_DAY);
    pass(&l, 2 * WHEN_DAY);
    CHECK_INT(certificates(&l), 2);
}

/* Its issuer ends in twenty days, and nobody makes another: the certificates end with it, and are
 * not made again and again. */
static void never_beyond_its_issuer(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    const struct x509_cert *c;
    when_t end;

    CHECK(lab_start(&l, STAR_ON));
    end = ca_issuer_at(l.w.ca, 1)->cert.not_after;
    for (size_t i = 0; ca_issuer_at(l.w.ca, i); i++)
        if (ca_issuer_at(l.w.ca, i)->parent.z[0] && ca_issuer_at(l.w.ca, i)->cert.not_after > end)
            end = ca_issuer_at(l.w.ca, i)->cert.not_after;
    clock_fake_advance(&l.w.clock, end - now(&l) - 20 * WHEN_DAY);
    world_spin(&l.w);
    CHECK(begin(&l, wish(&l, 0, DAYS(60), DAYS(10), "")));
    pass(&l, 19 * WHEN_DAY);
    c = leaf(&l);
    CHECK(c);
    CHECK_INT(c->not_after, c[1].not_after);
    CHECK(certificates(&l) > 3);
    pass(&l, 10 * WHEN_DAY);
    CHECK(certificates(&l) < 16);
}

/* An order stays as long as others do once it is over, with all that belongs to it. */
static void pruned_with_its_order(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct store_order_filter all = {.limit = 0};
    uint64_t n = 0;

    CHECK(lab_start(&l, STAR_ON "keep: {orders: 1d}\n"));
    CHECK(begin(&l, wish(&l, 0, DAYS(40), DAYS(10), "")));
    pass(&l, 39 * WHEN_DAY);
    CHECK_OK(store_order_count(store_read(l.w.store), &all, &n));
    CHECK_INT(n, 1);
    pass(&l, 4 * WHEN_DAY);
    CHECK_OK(store_order_count(store_read(l.w.store), &all, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_check(l.w.store, NULL));
}

/* ---- arithmetic */

static void when_what_is_due(void)
{
    struct store_star s = {.end = 100 * WHEN_DAY,
                           .lifetime = 10 * WHEN_DAY,
                           .adjust = 6 * WHEN_DAY,
                           .first = 5 * WHEN_DAY,
                           .issued = 1};
    when_t from, until;

    CHECK_INT(acme_star_nominal(&s, 5 * WHEN_DAY), 5 * WHEN_DAY);
    CHECK_INT(acme_star_nominal(&s, 9 * WHEN_DAY), 15 * WHEN_DAY);
    CHECK_INT(acme_star_nominal(&s, 99 * WHEN_DAY), 95 * WHEN_DAY);
    acme_star_span(&s, 9 * WHEN_DAY, &from, &until);
    CHECK_INT(from, 9 * WHEN_DAY);
    CHECK_INT(until, 25 * WHEN_DAY);
    acme_star_span(&s, 99 * WHEN_DAY, &from, &until);
    CHECK_INT(until, 100 * WHEN_DAY);
    CHECK_INT(acme_star_next(&s, 25 * WHEN_DAY, 9 * WHEN_DAY), 19 * WHEN_DAY);
    CHECK_INT(acme_star_next(&s, 100 * WHEN_DAY, 9 * WHEN_DAY), 0);
    /* Cut to its issuer's end: not at once again. */
    CHECK_INT(acme_star_next(&s, 20 * WHEN_DAY, 19 * WHEN_DAY), 19 * WHEN_DAY + 10 * WHEN_DAY / 8);
    s.vain = 1000;
    CHECK_INT(acme_star_pause(&s), 10 * WHEN_DAY / 16);
    s.vain = 0;
    CHECK_INT(acme_star_pause(&s), 5 * WHEN_SECOND);
}

CHECK_MAIN(CHECK_TEST(when_what_is_due), CHECK_TEST_ONCE(off_by_default),
           CHECK_TEST_ONCE(in_the_directory), CHECK_TEST_ONCE(refusals),
           CHECK_TEST_ONCE(example_of_the_rfc), CHECK_TEST_ONCE(shown_in_the_order),
           CHECK_TEST_ONCE(a_month), CHECK_TEST_ONCE(read_by_anybody), CHECK_TEST_ONCE(canceled),
           CHECK_TEST_ONCE(canceled_too_early), CHECK_TEST_ONCE(canceled_while_renewing),
           CHECK_TEST_ONCE(not_revoked), CHECK_TEST_ONCE(account_gone),
           CHECK_TEST_ONCE(authorization_given_up), CHECK_TEST_ONCE(record_that_ends),
           CHECK_TEST_ONCE(revoked_by_an_operator), CHECK_TEST_ONCE(rules_that_change),
           CHECK_TEST_ONCE(rules_that_shorten), CHECK_TEST_ONCE(proof_from_above),
           CHECK_TEST_ONCE(caa_that_forbids), CHECK_TEST_ONCE(signer_away),
           CHECK_TEST_ONCE(crash_while_renewing), CHECK_TEST_ONCE(missed_times),
           CHECK_TEST_ONCE(clock_that_leaps), CHECK_TEST_ONCE(never_beyond_its_issuer),
           CHECK_TEST_ONCE(pruned_with_its_order))
