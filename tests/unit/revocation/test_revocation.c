/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in a whole authority: lists and answers, and what a revocation does to both. */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "json/json.h"
#include "store/events.h"
#include "store/keys.h"
#include "x509/ocsp.h"

static const char config[] = "organization: Example Hospital\n"
                             "country: DE\n"
                             "domain: hospital.example\n"
                             "urls: {api: \"https://ca.hospital.example:8555\", plain: "
                             "\"http://ca.hospital.example\"}\n"
                             "policy:\n"
                             "  - name: all\n"
                             "    allow: [hospital.example, \"*.hospital.example\"]\n";

/* An account with a certificate. */
struct held {
    struct world w;
    struct client account;
    struct arena a;
    struct crypto_key *key;
    struct store_certificate row;
    struct x509_cert cert;
    const struct ca_issuer *issuer;
    unsigned shard;
};

static void held_done(struct held *h)
{
    client_done(&h->account);
    crypto_key_unref(h->key);
    arena_done(&h->a);
    world_done(&h->w);
}

/* The newest certificate of the register. */
static bool newest(struct held *h, struct store_certificate *out)
{
    struct store_certificate_filter filter = {.sort = STORE_CERTIFICATE_BY_ISSUED_NEWEST,
                                              .limit = 1};
    struct store_cursor at = {};
    struct store_certificate *list;
    size_t n;

    if (store_certificate_list(store_read(h->w.store), &h->a, &filter, &at, &list, &n) != RC_OK ||
        n != 1)
        return false;
    *out = list[0];
    return true;
}

static bool finalize(struct held *h, const char *name, const char *order,
                     struct store_certificate *out)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(1 << 16);
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    char url[512];

    if (!client_validate(&h->account, order) || !client_csr_of(h->key, name, &payload))
        return false;
    snprintf(url, sizeof(url), "%s/finalize", order);
    done = client_post(&h->account, url, buf_z(&payload));
    clock_fake_advance(&h->w.clock, 1);
    return done.status == 200 && newest(h, out);
}

static bool issue(struct held *h, const char *name, struct store_certificate *out)
{
    char order[256];

    return client_order(&h->account, name, order) && finalize(h, name, order, out);
}

/* RFC 9773: its own word that it is the renewal of the first, and so of the same logical id. */
static bool renew(struct held *h, struct store_certificate *out)
{
    CLEANUP(reply_done) struct reply made = {.x = NULL};
    char id[128], payload[512], order[256];

    if (!client_renewal_id(&h->cert, id))
        return false;
    snprintf(payload, sizeof(payload),
             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.hospital.example\"}],"
             "\"replaces\":\"%s\"}",
             id);
    made = client_post(&h->account, "/acme/new-order", payload);
    return made.status == 201 &&
           str_copyz(world_header(made.x, "Location"), order, sizeof(order)) == RC_OK &&
           finalize(h, "a.hospital.example", order, out);
}

static bool held_start(struct held *h, const char *extra)
{
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    world_config = config;
    arena_init(&h->a, 8 << 20);
    if (!world_start(&h->w, extra) || !client_start(&h->account, &h->w) ||
        !client_register(&h->account) || crypto_key_generate(spec, &h->key) != RC_OK ||
        !issue(h, "a.hospital.example", &h->row) ||
        x509_cert_parse(&h->a, h->row.der, &h->cert, NULL) != RC_OK)
        return false;
    h->issuer = ca_issuer_by_id(h->w.ca, &h->row.issuer);
    h->shard = x509_serial_shard(&h->cert.serial, h->issuer->crl_shards);
    return true;
}

/* ---- asking */

struct said {
    enum rc rc;
    struct revocation_result result;
    size_t times;
};

static void on_done(void *arg, enum rc rc, const struct revocation_result *result,
                    const struct err *err)
{
    struct said *s = arg;

    (void)err;
    s->rc = rc;
    s->times++;
    if (result)
        s->result = *result;
}

static struct said submit(struct held *h, const struct revocation_ask *ask)
{
    struct said s = {.rc = RC_IO};
    enum rc rc = revocation_submit(h->w.revocation, ask, on_done, &s);

    world_spin(&h->w);
    if (rc != RC_OK || s.times != 1)
        s.rc = RC_IO;
    return s;
}

static struct said revoke(struct held *h, const struct id *certificate, int reason,
                          enum revocation_by by)
{
    return submit(h, &(struct revocation_ask){.certificate = *certificate,
                                              .reason = reason,
                                              .now = h->w.clock.now,
                                              .by = by,
                                              .words = STR("ticket 7")});
}

static void handle_done(struct http_exchange *x, void *arg)
{
    (void)x;
    *(bool *)arg = true;
}

/* The whole of an exchange; `out` is its body. Status, 0 when it was not answered. */
static int ask_http(struct held *h, const char *method, const char *path, struct str body,
                    struct buf *out)
{
    bool done = false;
    struct http_exchange *x;
    int status;

    if (http_exchange_new(handle_done, &done, &x) != RC_OK)
        return -1;
    x->req.listener = STR("plain");
    x->req.method = str_of(method);
    x->req.path = str_of(path);
    x->req.body = body;
    revocation_handle(h->w.revocation, x);
    world_spin(&h->w);
    status = done ? x->res.status : 0;
    buf_reset(out);
    buf_puts(out, buf_str(&x->res.body));
    if (done)
        http_exchange_free(x);
    return status;
}

static bool list_now(struct held *h, bool delta, struct buf *der, struct x509_crl *out)
{
    char path[256];

    snprintf(path, sizeof(path), "/crl/%.*s/%u%s.crl", STR_ARG(h->issuer->ref), h->shard,
             delta ? "-delta" : "");
    return ask_http(h, "GET", path, (struct str){NULL, 0}, der) == 200 &&
           x509_crl_parse(&h->a, buf_str(der), out, NULL) == RC_OK &&
           x509_crl_check(out, &h->issuer->cert, h->issuer->key, NULL) == RC_OK;
}

static bool request_for(struct held *h, const struct x509_serial *serial, struct str nonce,
                        struct buf *out)
{
    struct x509_ocsp_issuer names;
    struct x509_ocsp_id id;

    if (x509_ocsp_issuer_of(&h->issuer->cert, &names) != RC_OK)
        return false;
    id = x509_ocsp_id_of(&names, X509_OCSP_SHA256, serial);
    return x509_ocsp_request_build(&id, 1, nonce, out) == RC_OK;
}

static bool path_of(const struct held *h, char path[static 128])
{
    return snprintf(path, 128, "/ocsp/%.*s", STR_ARG(h->issuer->ref)) > 0;
}

/* The status that OCSP gives, -1 for none that verifies, 100 + outcome for a refusal. */
static int ocsp(struct held *h, const struct x509_serial *serial, struct str nonce)
{
    CLEANUP(buf_done) struct buf req = BUF_INIT(1 << 12);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    struct x509_ocsp_answer a;
    char path[128];

    if (!request_for(h, serial, nonce, &req) || !path_of(h, path) ||
        ask_http(h, "POST", path, buf_str(&req), &der) != 200 ||
        x509_ocsp_answer_parse(&h->a, buf_str(&der), &a, NULL) != RC_OK)
        return -1;
    if (a.outcome != X509_OCSP_SUCCESSFUL)
        return 100 + (int)a.outcome;
    if (x509_ocsp_answer_check(&h->a, &a, &h->issuer->cert, h->w.clock.now, NULL) != RC_OK ||
        !str_eq(a.nonce, nonce) || a.n != 1)
        return -1;
    return (int)a.singles[0].status;
}

static const struct str no_nonce = {NULL, 0};

/* ---- tests */

static void lists_of_all_shards_at_once(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct store_event_filter of_lists = {.action = STR("crl.published")};
    struct store_event *events;
    size_t n;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct revocation_health health;
    struct x509_crl crl;
    char path[128];

    CHECK(held_start(&h, NULL));
    CHECK_OK(revocation_health(h.w.revocation, &health));
    CHECK(health.crls.shards >= 32 && health.crls.published == health.crls.shards);
    CHECK_OK(store_event_list(store_read(h.w.store), &a, &of_lists, &events, &n));
    CHECK_INT(n, health.crls.published);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK(crl.n == 0 && crl.number == 1 && crl.only_users && crl.delta_url.n == 0);
    snprintf(path, sizeof(path), "http://ca.hospital.example/crl/%.*s/%u.crl",
             STR_ARG(h.issuer->ref), h.shard);
    CHECK_STR(crl.url, path);
    CHECK_INT(ask_http(&h, "GET", "/crl/rsa-1/99.crl", no_nonce, &der), 404);
    CHECK_INT(ask_http(&h, "GET", "/crl/rsa-1/0.crl/x", no_nonce, &der), 404);
    CHECK_INT(ask_http(&h, "POST", "/crl/rsa-1/0.crl", no_nonce, &der), 405);
    CHECK_INT(ask_http(&h, "GET", "/crl/root-rsa/0.crl", no_nonce, &der), 404);
}

static void a_revocation_is_on_its_list_soon(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    const struct x509_crl_entry *entry;
    struct x509_crl crl;
    struct said s;

    CHECK(held_start(&h, NULL));
    s = revoke(&h, &h.row.id, X509_REASON_SUPERSEDED, REVOCATION_BY_OPERATOR);
    CHECK(s.rc == RC_OK && s.result.n == 1 && s.result.others == 0);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK_INT(crl.n, 0); /* within ten seconds */
    clock_fake_advance(&h.w.clock, 10 * WHEN_SECOND);
    world_spin(&h.w);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK(crl.n == 1 && crl.number == 2);
    entry = x509_crl_find(&crl, &h.cert.serial);
    CHECK(entry && entry->reason == X509_REASON_SUPERSEDED);
    s = revoke(&h, &h.row.id, X509_REASON_CESSATION, REVOCATION_BY_OPERATOR);
    CHECK_RC(s.rc, RC_CONFLICT);
    /* The day's list comes by the calendar. */
    clock_fake_advance(&h.w.clock, WHEN_DAY);
    world_spin(&h.w);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK(crl.n == 1 && crl.number == 3);
}

static void expired_ones_stand_on_one_more_list(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl crl;

    CHECK(held_start(&h, NULL));
    CHECK_RC(revoke(&h, &h.row.id, 0, REVOCATION_BY_OPERATOR).rc, RC_OK);
    for (int day = 0; day < 90; day++) {
        clock_fake_advance(&h.w.clock, WHEN_DAY);
        world_spin(&h.w);
    }
    CHECK(h.w.clock.now > h.row.not_after);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK(crl.this_update > h.row.not_after);
    CHECK_INT(crl.n, 1); /* RFC 5280 section 5 */
    clock_fake_advance(&h.w.clock, WHEN_DAY);
    world_spin(&h.w);
    CHECK(list_now(&h, false, &der, &crl));
    CHECK_INT(crl.n, 0);
}

static void compromise_takes_the_other_certificates_along(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct store_certificate other, now;
    struct store_blocked_key blocked;
    struct x509_crl crl;
    struct said s;

    CHECK(held_start(&h, NULL));
    CHECK(issue(&h, "b.hospital.example", &other));
    s = revoke(&h, &h.row.id, X509_REASON_SUPERSEDED, REVOCATION_BY_ACCOUNT);
    CHECK_RC(s.rc, RC_OK);
    s = revoke(&h, &h.row.id, X509_REASON_KEY_COMPROMISE, REVOCATION_BY_ACCOUNT);
    CHECK_RC(s.rc, RC_CONFLICT); /* the account alone cannot know */
    s = revoke(&h, &h.row.id, X509_REASON_KEY_COMPROMISE, REVOCATION_BY_KEY);
    CHECK(s.rc == RC_OK && s.result.raised && s.result.others == 1 && s.result.n == 2);
    CHECK_OK(store_certificate_get(store_read(h.w.store), &h.a, &other.id, &now));
    CHECK(now.status == STORE_CERTIFICATE_REVOKED && now.revocation_reason == 1);
    CHECK_OK(store_key_blocked(store_read(h.w.store), &h.a, &h.row.spki_sha256, &blocked));
    /* At once, without the ten seconds. */
    CHECK(list_now(&h, false, &der, &crl));
    CHECK(x509_crl_find(&crl, &h.cert.serial) && x509_crl_find(&crl, &h.cert.serial)->reason == 1);
    s = revoke(&h, &h.row.id, X509_REASON_KEY_COMPROMISE, REVOCATION_BY_KEY);
    CHECK_RC(s.rc, RC_CONFLICT);
    CHECK_RC(revoke(&h, &other.id, X509_REASON_HOLD, REVOCATION_BY_OPERATOR).rc, RC_INVAL);
    CHECK_RC(revoke(&h, &h.row.order, 0, REVOCATION_BY_OPERATOR).rc, RC_NOTFOUND);
}

/* Of one logical certificate all that is valid, for the same reason. */
static void the_whole_of_it(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    struct store_certificate renewed, other, now;
    struct revocation_ask ask = {
        .reason = X509_REASON_SUPERSEDED, .whole = true, .by = REVOCATION_BY_OPERATOR};
    struct said s;

    CHECK(held_start(&h, NULL));
    CHECK(renew(&h, &renewed));
    CHECK(issue(&h, "b.hospital.example", &other));
    CHECK_STR(id_str(&renewed.logical), h.row.logical.z);
    ask.certificate = renewed.id;
    ask.now = h.w.clock.now;
    s = submit(&h, &ask);
    CHECK(s.rc == RC_OK && s.result.others == 1 && s.result.n == 2);
    CHECK_OK(store_certificate_get(store_read(h.w.store), &h.a, &h.row.id, &now));
    CHECK(now.status == STORE_CERTIFICATE_REVOKED && now.revocation_reason == ask.reason);
    CHECK_OK(store_certificate_get(store_read(h.w.store), &h.a, &other.id, &now));
    CHECK(now.status == STORE_CERTIFICATE_VALID);
    CHECK_RC(submit(&h, &ask).rc, RC_CONFLICT);
}

/* Their keys count as compromised, too, and so does what else was certified for these. */
static void the_whole_is_compromised(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    struct store_certificate renewed, elsewhere, now;
    struct revocation_ask ask = {
        .reason = X509_REASON_KEY_COMPROMISE, .whole = true, .by = REVOCATION_BY_OPERATOR};
    struct crypto_key *first;

    CHECK(held_start(&h, NULL));
    first = h.key;
    h.key = NULL;
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &h.key));
    crypto_key_unref(first);
    CHECK(renew(&h, &renewed));
    CHECK(issue(&h, "b.hospital.example", &elsewhere)); /* with the key of the renewal */
    ask.certificate = h.row.id;
    ask.now = h.w.clock.now;
    CHECK_RC(submit(&h, &ask).rc, RC_OK);
    CHECK_OK(store_certificate_get(store_read(h.w.store), &h.a, &renewed.id, &now));
    CHECK(now.status == STORE_CERTIFICATE_REVOKED);
    CHECK_OK(store_certificate_get(store_read(h.w.store), &h.a, &elsewhere.id, &now));
    CHECK(now.status == STORE_CERTIFICATE_REVOKED);
}

/* What was left by the revocation of one is revoked by it later. */
static void the_rest_of_it(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    struct store_certificate renewed;
    struct revocation_ask ask = {
        .reason = X509_REASON_SUPERSEDED, .whole = true, .by = REVOCATION_BY_OPERATOR};
    struct said s;

    CHECK(held_start(&h, NULL));
    CHECK(renew(&h, &renewed));
    CHECK_RC(revoke(&h, &h.row.id, X509_REASON_CESSATION, REVOCATION_BY_OPERATOR).rc, RC_OK);
    ask.certificate = h.row.id;
    ask.now = h.w.clock.now;
    s = submit(&h, &ask);
    CHECK(s.rc == RC_OK && s.result.others == 1);
    CHECK_RC(revoke(&h, &renewed.id, X509_REASON_CESSATION, REVOCATION_BY_OPERATOR).rc,
             RC_CONFLICT);
}

static void answers_are_kept_and_forgotten(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    struct x509_serial unknown = {4, {1, 2, 3, 4}};
    size_t signatures, forgotten;

    CHECK(held_start(&h, NULL));
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_GOOD);
    signatures = h.w.ocsp_signatures;
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_GOOD);
    CHECK_INT(h.w.ocsp_signatures, signatures);
    CHECK_INT(ocsp(&h, &h.cert.serial, STR("0123456789abcdef")), X509_OCSP_GOOD);
    CHECK_INT(h.w.ocsp_signatures, signatures + 1);
    CHECK_INT(ocsp(&h, &unknown, no_nonce), X509_OCSP_UNKNOWN);
    forgotten = h.w.forgotten;
    CHECK_RC(revoke(&h, &h.row.id, 4, REVOCATION_BY_OPERATOR).rc, RC_OK);
    CHECK(h.w.forgotten > forgotten && strncmp(h.w.last_forgotten, "ocsp ", 5) == 0);
    signatures = h.w.ocsp_signatures; /* it has been signed anew already */
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_REVOKED);
    CHECK_INT(h.w.ocsp_signatures, signatures);
    /* Without a signer, what is kept is still given. */
    world_signer(&h.w, false);
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_REVOKED);
    CHECK_INT(ocsp(&h, &h.cert.serial, STR("0123456789abcdef")), 100 + X509_OCSP_TRY_LATER);
    world_signer(&h.w, true);
    /* After half of its life it is made anew, and the old one is given meanwhile. */
    clock_fake_advance(&h.w.clock, 13 * WHEN_HOUR);
    signatures = h.w.ocsp_signatures;
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_REVOKED);
    CHECK_INT(h.w.ocsp_signatures, signatures + 1);
    clock_fake_advance(&h.w.clock, 13 * WHEN_HOUR); /* the first one would have ended */
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_REVOKED);
}

/* The signature was on its way when the certificate was revoked: nobody gets it. */
/* Answers that records of signatures have, and the sum of all; -1: a record that is wrong. */
static int64_t recorded(struct held *h, size_t *out_records)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct store_event_filter of_answers = {.action = STR("ocsp.signed")};
    struct store_event *events;
    int64_t sum = 0;

    if (store_event_list(store_read(h->w.store), &a, &of_answers, &events, out_records) != RC_OK)
        return -1;
    for (size_t i = 0; i < *out_records; i++) {
        CLEANUP(json_freep) struct json_doc *doc = NULL;
        const struct json *detail;
        uint64_t n;

        if (json_parse(events[i].bytes, 1 << 16, &doc, NULL) != RC_OK)
            return -1;
        detail = json_get(json_root(doc), "detail");
        if (json_u64(json_get(detail, "answers"), &n) != RC_OK || n == 0 ||
            !json_get(detail, "since"))
            return -1;
        sum += (int64_t)n;
    }
    return sum;
}

static void signatures_of_answers_are_recorded(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    size_t records;

    CHECK(held_start(&h, NULL));
    for (int i = 0; i < 5; i++)
        CHECK_INT(ocsp(&h, &h.cert.serial, i ? STR("0123456789abcdef") : no_nonce), X509_OCSP_GOOD);
    CHECK_INT(h.w.ocsp_signatures, 5);
    CHECK_INT(recorded(&h, &records), 0); /* nobody fills the log */
    clock_fake_advance(&h.w.clock, REVOCATION_TALLY_SECONDS * WHEN_SECOND);
    world_spin(&h.w);
    CHECK_INT(recorded(&h, &records), 5);
    CHECK_INT(records, 1);
    clock_fake_advance(&h.w.clock, WHEN_HOUR);
    world_spin(&h.w);
    CHECK_INT(recorded(&h, &records), 5);
    CHECK_INT(ocsp(&h, &h.cert.serial, STR("0123456789abcdef")), X509_OCSP_GOOD);
    clock_fake_advance(&h.w.clock, REVOCATION_TALLY_SECONDS * WHEN_SECOND);
    world_spin(&h.w);
    CHECK_INT(recorded(&h, &records), 6);
    CHECK_INT(records, 2);
}

static void an_answer_that_was_overtaken_is_not_given(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf req = BUF_INIT(1 << 12);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_ocsp_answer answer;
    struct http_exchange *x;
    bool done = false;
    char path[128];
    int status;

    CHECK(held_start(&h, NULL));
    CHECK(request_for(&h, &h.cert.serial, no_nonce, &req) && path_of(&h, path));
    h.w.signer_holds = true;
    CHECK_OK(http_exchange_new(handle_done, &done, &x));
    x->req.method = STR("POST");
    x->req.path = str_of(path);
    x->req.body = buf_str(&req);
    revocation_handle(h.w.revocation, x);
    world_spin(&h.w);
    CHECK(!done && h.w.held_ocsp);
    CHECK_RC(revoke(&h, &h.row.id, 4, REVOCATION_BY_OPERATOR).rc, RC_OK);
    h.w.signer_holds = false;
    world_ocsp_held(&h.w);
    CHECK(done);
    status = x509_ocsp_answer_parse(&a, buf_str(&x->res.body), &answer, NULL) == RC_OK
                 ? (int)answer.singles[0].status
                 : -1;
    http_exchange_free(x);
    CHECK_INT(status, X509_OCSP_REVOKED);
}

static void refusals_are_cheap(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);
    CLEANUP(buf_done) struct buf req = BUF_INIT(1 << 12);
    struct x509_serial unknown = {4, {1, 2, 3, 4}};
    size_t signatures;
    int last = 0;

    CHECK(held_start(&h, NULL));
    signatures = h.w.ocsp_signatures;
    CHECK_INT(ask_http(&h, "POST", "/ocsp/ecdsa-1", STR("x"), &der), 200);
    CHECK(str_eq(buf_str(&der), str_bytes("\x30\x03\x0a\x01\x01", 5)));
    CHECK_INT(ask_http(&h, "GET", "/ocsp/ecdsa-1/%%%", no_nonce, &der), 200);
    CHECK(str_eq(buf_str(&der), str_bytes("\x30\x03\x0a\x01\x01", 5)));
    CHECK(request_for(&h, &h.cert.serial, no_nonce, &req));
    CHECK_INT(ask_http(&h, "POST", "/ocsp/none-1", buf_str(&req), &der), 200);
    CHECK(str_eq(buf_str(&der), str_bytes("\x30\x03\x0a\x01\x06", 5)));
    CHECK_INT(h.w.ocsp_signatures, signatures);
    /* Numbers that nobody was given use up the tokens, and then are not worth a signature. */
    for (int i = 0; i <= REVOCATION_LIVE_BURST; i++)
        last = ocsp(&h, &unknown, no_nonce);
    CHECK_INT(last, 100 + X509_OCSP_UNAUTHORIZED);
    CHECK_INT(h.w.ocsp_signatures, signatures + REVOCATION_LIVE_BURST);
    /* Whoever asks for what exists still gets it, without the nonce. */
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_GOOD);
    clock_fake_advance(&h.w.clock, WHEN_SECOND);
    CHECK_INT(ocsp(&h, &unknown, no_nonce), X509_OCSP_UNKNOWN);
}

static void deltas_between_two_lists(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    CLEANUP(buf_done) struct buf full = BUF_INIT(X509_CRL_MAX);
    struct x509_crl crl, delta;

    CHECK(held_start(&h, "revocation: {crl: {delta: \"on\"}}\n"));
    CHECK(list_now(&h, false, &full, &crl) && list_now(&h, true, &der, &delta));
    CHECK(crl.number == 1 && crl.delta_url.n && delta.delta && delta.base == 1 && delta.n == 0);
    CHECK_RC(revoke(&h, &h.row.id, 1, REVOCATION_BY_OPERATOR).rc, RC_OK);
    CHECK(list_now(&h, false, &full, &crl) && list_now(&h, true, &der, &delta));
    CHECK(crl.number == 1 && crl.n == 0);
    CHECK(delta.base == 1 && delta.number > 1 && delta.n == 1);
    clock_fake_advance(&h.w.clock, WHEN_DAY);
    world_spin(&h.w);
    CHECK(list_now(&h, false, &full, &crl) && list_now(&h, true, &der, &delta));
    CHECK(crl.n == 1 && crl.number > 1 && delta.base == 1 && delta.n == 1);
    CHECK(delta.number > crl.number);
}

/* Core dies: what was acknowledged is on the next list, whose number is a new one. */
static void survives_a_crash(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    uint64_t before;
    struct x509_crl crl;
    bool published;

    CHECK(held_start(&h, NULL));
    CHECK(list_now(&h, false, &der, &crl));
    before = crl.number;
    CHECK_RC(revoke(&h, &h.row.id, 4, REVOCATION_BY_OPERATOR).rc, RC_OK);
    h.w.signer_silent = true; /* a number is taken and nothing comes of it */
    clock_fake_advance(&h.w.clock, 10 * WHEN_SECOND);
    world_spin(&h.w);
    h.w.signer_silent = false;
    CHECK(world_restart(&h.w));
    h.issuer = ca_issuer_find(h.w.ca, STR("ecdsa-1"));
    clock_fake_advance(&h.w.clock, WHEN_MINUTE);
    world_spin(&h.w);
    published = list_now(&h, false, &der, &crl);
    CHECK(published);
    CHECK(crl.n == 1 && crl.number > before + 1);
    CHECK_INT(ocsp(&h, &h.cert.serial, no_nonce), X509_OCSP_REVOKED);
}

static void a_list_is_published_for_a_root(void)
{
    CLEANUP(held_done) struct held h = {.w = {.dir.fd = -1}};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);
    struct x509_crl_in in;

    CHECK(held_start(&h, NULL));
    in = (struct x509_crl_in){.sig_alg = crypto_sig_default(h.key),
                              .issuer = h.issuer->cert.subject,
                              .this_update = h.w.clock.now,
                              .next_update = h.w.clock.now + WHEN_DAY,
                              .number = 1};
    CHECK_OK(x509_crl_sign(h.key, &in, &der, NULL));
    CHECK_RC(revocation_crl_given(h.w.revocation, STR("none"), buf_str(&der), NULL), RC_NOTFOUND);
    CHECK_RC(revocation_crl_given(h.w.revocation, h.issuer->ref, STR("x"), NULL), RC_PARSE);
    CHECK(revocation_crl_given(h.w.revocation, h.issuer->ref, buf_str(&der), NULL) != RC_OK);
}

CHECK_MAIN(CHECK_TEST_ONCE(lists_of_all_shards_at_once),
           CHECK_TEST_ONCE(a_revocation_is_on_its_list_soon),
           CHECK_TEST_ONCE(expired_ones_stand_on_one_more_list),
           CHECK_TEST_ONCE(compromise_takes_the_other_certificates_along),
           CHECK_TEST_ONCE(the_whole_of_it), CHECK_TEST_ONCE(the_rest_of_it),
           CHECK_TEST_ONCE(the_whole_is_compromised),
           CHECK_TEST_ONCE(answers_are_kept_and_forgotten),
           CHECK_TEST_ONCE(signatures_of_answers_are_recorded),
           CHECK_TEST_ONCE(an_answer_that_was_overtaken_is_not_given),
           CHECK_TEST_ONCE(refusals_are_cheap), CHECK_TEST_ONCE(deltas_between_two_lists),
           CHECK_TEST_ONCE(survives_a_crash), CHECK_TEST_ONCE(a_list_is_published_for_a_root))
