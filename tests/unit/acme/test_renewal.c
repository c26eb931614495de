/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9773: when to renew, spread and pulled forward, and what replaces what; then what is left of
 * everything once it has expired. */
#include "acme_client.h"

#include <stdio.h>

#include "store/authorizations.h"
#include "store/orders.h"
#include "store/renewals.h"
#include "x509/cert.h"

#define NAME "a.hospital.example"

struct lab {
    struct world w;
    struct client c;
    struct arena a;
    struct x509_cert *cert;
    char id[128]; /* of the certificate, RFC 9773 section 4.1 */
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    arena_done(&l->a);
    world_done(&l->w);
}

static bool issue(struct lab *l, const char *name)
{
    CLEANUP(reply_done) struct reply cert = client_certificate(&l->c, name);
    size_t n;

    if (cert.status != 200 ||
        x509_cert_read_pem(&l->a, buf_str(&cert.x->res.body), 4, &l->cert, &n, NULL) != RC_OK)
        return false;
    return client_renewal_id(&l->cert[0], l->id);
}

static bool lab_start(struct lab *l, const char *config)
{
    arena_init(&l->a, 1 << 22);
    return world_start(&l->w, config) && client_start(&l->c, &l->w) && client_register(&l->c) &&
           issue(l, NAME);
}

static struct reply info(struct lab *l, const char *id)
{
    char path[256];

    snprintf(path, sizeof(path), "/acme/renewal-info/%s", id);
    return client_raw(&l->c, "GET", path, STR(""));
}

static when_t bound(const struct reply *r, const char *name)
{
    struct str text = STR("");
    when_t t = 0;

    IGNORE_RC(json_str(json_get(json_get(r->json, "suggestedWindow"), name), &text));
    IGNORE_RC(when_parse(text, &t));
    return t;
}

/* 90 days: two thirds are 59.4, give or take 4.5. */
static void a_window(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    CLEANUP(reply_done) struct reply again = {.x = NULL};

    CHECK(lab_start(&l, NULL));
    r = info(&l, l.id);
    CHECK_INT(r.status, 200);
    CHECK_STR(world_header(r.x, "Retry-After"), "21600");
    CHECK(bound(&r, "start") > WORLD_NOW + 54 * WHEN_DAY);
    CHECK(bound(&r, "start") < WORLD_NOW + 65 * WHEN_DAY);
    CHECK(bound(&r, "end") > bound(&r, "start"));
    again = info(&l, l.id);
    CHECK_INT(bound(&again, "start"), bound(&r, "start"));
}

/* Issued at one moment, due at different ones, all over the spread. */
static void never_together(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    when_t first = 0, last = 0;

    CHECK(lab_start(&l, NULL));
    for (int i = 0; i < 24; i++) {
        CLEANUP(reply_done) struct reply r = {.x = NULL};

        CHECK(issue(&l, NAME));
        r = info(&l, l.id);
        first = !first || bound(&r, "start") < first ? bound(&r, "start") : first;
        last = bound(&r, "start") > last ? bound(&r, "start") : last;
    }
    CHECK(last - first > 4 * WHEN_DAY);
    CHECK(last - first <= 9 * WHEN_DAY);
}

static void unknown_ids(void)
{
    static const struct {
        const char *id;
        int status;
    } cases[] = {
        {"abc", 400}, {"a.b.c", 400}, {".AA", 400},
        {"AA.", 400}, {"!!.AA", 400}, {"AAAA.AAAA", 404},
    };
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply post = {.x = NULL};
    char other[160];

    CHECK(lab_start(&l, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(reply_done) struct reply r = info(&l, cases[i].id);

        CHECK_INT(r.status, cases[i].status);
    }
    /* The right serial under another issuer. */
    snprintf(other, sizeof(other), "AAAA%s", strchr(l.id, '.'));
    {
        CLEANUP(reply_done) struct reply r = info(&l, other);

        CHECK_INT(r.status, 404);
    }
    post = client_raw(&l.c, "POST", "/acme/renewal-info/AAAA.AAAA", STR(""));
    CHECK_INT(post.status, 405);
}

static enum rc add_renewal(struct store_txn *txn, void *arg)
{
    return store_renewal_add(txn, arg);
}

static void pulled(struct lab *l, const struct store_renewal *what, bool reached)
{
    struct store_renewal w = *what;
    CLEANUP(reply_done) struct reply before = info(l, l->id);
    CLEANUP(reply_done) struct reply after = {.x = NULL};

    CHECK_OK(id_new(&w.id));
    w.created = clock_now(&l->w.clock.clock);
    w.first = w.created;
    w.last = w.created + WHEN_DAY;
    CHECK_OK(store_write_now(l->w.store, add_renewal, &w));
    after = info(l, l->id);
    CHECK_INT(bound(&after, "start") < bound(&before, "start"), reached);
    if (reached)
        CHECK(bound(&after, "start") >= WORLD_NOW && bound(&after, "start") <= w.last);
}

static void pulled_forward(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct store_renewal by_key = {.by_key = true};

    CHECK(lab_start(&l, NULL));
    clock_fake_advance(&l.w.clock, WHEN_SECOND);
    pulled(&l, &(struct store_renewal){.name = STR("b.hospital.example")}, false);
    pulled(&l, &(struct store_renewal){.under = STR("lan")}, false);
    pulled(&l, &(struct store_renewal){.profile = STR("other")}, false);
    pulled(&l, &by_key, false);
    pulled(&l,
           &(struct store_renewal){.under = STR("hospital.example"),
                                   .profile = STR("default"),
                                   .url = STR("https://a.b/")},
           true);
    r = info(&l, l.id);
    CHECK_STR(reply_text(&r, "explanationURL"), "https://a.b/");
    /* What is issued later is not of the set. */
    clock_fake_advance(&l.w.clock, WHEN_SECOND);
    CHECK(issue(&l, NAME));
    {
        CLEANUP(reply_done) struct reply later = info(&l, l.id);

        CHECK(bound(&later, "start") > WORLD_NOW + 50 * WHEN_DAY);
    }
}

static struct reply replace(struct lab *l, struct client *c, const char *name, const char *id)
{
    char payload[512];

    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}],\"replaces\":\"%s\"}", name,
             id);
    (void)l;
    return client_post(c, "/acme/new-order", payload);
}

static void replaced_once(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply foreign = {.x = NULL};
    CLEANUP(reply_done) struct reply names = {.x = NULL};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply second = {.x = NULL};
    CLEANUP(reply_done) struct reply late = {.x = NULL};
    CLEANUP(reply_done) struct reply unknown = {.x = NULL};

    CHECK(lab_start(&l, NULL));
    CHECK(client_start(&other, &l.w));
    CHECK(client_register(&other));
    foreign = replace(&l, &other, NAME, l.id);
    CHECK_STR(reply_problem(&foreign), "unauthorized");
    names = replace(&l, &l.c, "b.hospital.example", l.id);
    CHECK_STR(reply_problem(&names), "malformed");
    unknown = replace(&l, &l.c, NAME, "AAAA.AAAA");
    CHECK_INT(unknown.status, 404);
    first = replace(&l, &l.c, NAME, l.id);
    CHECK_INT(first.status, 201);
    CHECK_STR(reply_text(&first, "replaces"), l.id);
    second = replace(&l, &l.c, NAME, l.id);
    CHECK_INT(second.status, 409);
    CHECK_STR(reply_problem(&second), "alreadyReplaced");
    clock_fake_advance(&l.w.clock, 8 * WHEN_DAY); /* the order has expired */
    late = replace(&l, &l.c, NAME, l.id);
    CHECK_INT(late.status, 201);
}

static bool newest(struct lab *l, struct store_certificate *out)
{
    struct store_certificate_filter f = {.sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST, .limit = 1};
    struct store_cursor at = {0};
    struct store_certificate *list;
    size_t n;

    if (store_certificate_list(store_read(l->w.store), &l->a, &f, &at, &list, &n) != RC_OK ||
        n != 1)
        return false;
    *out = list[0];
    return true;
}

/* The order for a replacement, proven, its URL. */
static bool order_replacement(struct lab *l, char order[static 256])
{
    CLEANUP(reply_done) struct reply r = replace(l, &l->c, NAME, l->id);

    return r.status == 201 && str_copyz(world_header(r.x, "Location"), order, 256) == RC_OK &&
           client_validate(&l->c, order);
}

static void follows(const struct store_certificate *c, const struct store_certificate *old)
{
    CHECK_STR(id_str(&c->replaces), old->id.z);
    CHECK_STR(id_str(&c->logical), old->logical.z);
    CHECK(!str_eq(id_str(&c->id), id_str(&old->id)));
}

/* What takes a certificate's place is the same thing in the register, also when the signer was away
 * and recovery finished it; what replaces nothing is a thing of its own. */
static void one_thing(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    CLEANUP(reply_done) struct reply later = {.x = NULL};
    struct store_certificate first, second, third;
    char order[256];

    CHECK(lab_start(&l, NULL));
    CHECK(newest(&l, &first));
    CHECK_STR(id_str(&first.logical), first.id.z);
    clock_fake_advance(&l.w.clock, WHEN_SECOND);
    CHECK(order_replacement(&l, order));
    done = client_finalize(&l.c, order, NAME);
    CHECK_STR(reply_text(&done, "status"), "valid");
    CHECK(newest(&l, &second));
    follows(&second, &first);
    clock_fake_advance(&l.w.clock, WHEN_SECOND);
    CHECK(issue(&l, NAME));
    CHECK(newest(&l, &first));
    CHECK_STR(id_str(&first.logical), first.id.z);
    CHECK_STR(id_str(&first.replaces), "");
    clock_fake_advance(&l.w.clock, WHEN_SECOND);
    CHECK(order_replacement(&l, order));
    world_signer(&l.w, false);
    later = client_finalize(&l.c, order, NAME);
    CHECK_STR(reply_text(&later, "status"), "processing");
    CHECK(world_restart(&l.w));
    world_spin(&l.w);
    CHECK(newest(&l, &third));
    follows(&third, &first);
}

static void sweep(struct world *w, when_t until)
{
    for (when_t t = 0; t < until; t += 10 * WHEN_MINUTE) {
        clock_fake_advance(&w->clock, 10 * WHEN_MINUTE);
        world_spin(w);
    }
}

static void counts(struct lab *l, uint64_t orders, uint64_t authorizations)
{
    struct store_order_filter o = {.statuses = 0};
    struct store_authorization_filter z = {.statuses = 0};
    uint64_t n;

    CHECK_OK(store_order_count(store_read(l->w.store), &o, &n));
    CHECK_INT(n, orders);
    CHECK_OK(store_authorization_count(store_read(l->w.store), &z, &n));
    CHECK_INT(n, authorizations);
}

/* Orders 30 days behind their end, authorizations with them or, valid, 30 days behind their own. */
static void what_expired_goes(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char url[256];

    CHECK(lab_start(&l, "keep: {orders: 30d, certificates: 1d}\n"));
    CHECK(client_order(&l.c, NAME, url));
    clock_fake_advance(&l.w.clock, 36 * WHEN_DAY);
    sweep(&l.w, 2 * WHEN_HOUR);
    counts(&l, 2, 2);
    clock_fake_advance(&l.w.clock, 2 * WHEN_DAY);
    CHECK(client_order(&l.c, NAME, url));
    sweep(&l.w, 2 * WHEN_HOUR);
    counts(&l, 1, 2);
    clock_fake_advance(&l.w.clock, 60 * WHEN_DAY);
    sweep(&l.w, 2 * WHEN_HOUR);
    counts(&l, 0, 0);
}

static void certificates_become_tombstones(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct store_certificate cert;
    struct str serial;

    CHECK(lab_start(&l, "keep: {certificates: 10d}\n"));
    serial = x509_serial_bytes(&l.cert[0].serial);
    clock_fake_advance(&l.w.clock, 99 * WHEN_DAY);
    sweep(&l.w, 2 * WHEN_HOUR);
    CHECK_OK(store_certificate_by_serial(store_read(l.w.store), &a, serial, &cert));
    CHECK(cert.der.n > 0 && cert.n_names == 1);
    clock_fake_advance(&l.w.clock, 2 * WHEN_DAY);
    sweep(&l.w, 2 * WHEN_HOUR);
    CHECK_OK(store_certificate_by_serial(store_read(l.w.store), &a, serial, &cert));
    CHECK_INT(cert.der.n, 0);
    CHECK_INT(cert.n_names, 0);
    CHECK(cert.not_after > 0);
    CHECK_OK(store_check(l.w.store, NULL));
}

CHECK_MAIN(CHECK_TEST_ONCE(a_window), CHECK_TEST_ONCE(never_together), CHECK_TEST_ONCE(unknown_ids),
           CHECK_TEST_ONCE(pulled_forward), CHECK_TEST_ONCE(replaced_once),
           CHECK_TEST_ONCE(one_thing), CHECK_TEST_ONCE(what_expired_goes),
           CHECK_TEST_ONCE(certificates_become_tombstones))
