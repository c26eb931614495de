/* SPDX-License-Identifier: Apache-2.0 */
/* A key that the CA makes is escrowed with its certificate, and handed out sealed, with a reason,
 * to who may ask for it. */
#include "play.h"

#include "base/text.h"
#include "crypto/pem.h"
#include "keys.h"
#include "store/escrows.h"
#include "store/events.h"
#include "x509/csr.h"
#include "x509/envelope.h"

enum { BODY_MAX = 16 * 1024, SM2_KIND = 4 };

/* An authority with a key of escrow, and who may do everything. */
struct house {
    struct play p;
    struct buf escrow_pem;
    struct crypto_key *signs, *escrow; /* who asks for certificates; the offline one */
    char cookie[128];
    struct json_doc *doc; /* the last answer */
    struct arena a;
};

static void house_done(struct house *h)
{
    json_free(h->doc);
    crypto_key_unref(h->signs);
    crypto_key_unref(h->escrow);
    buf_done(&h->escrow_pem);
    arena_done(&h->a);
    play_done(&h->p);
}

static bool session_new(struct house *h)
{
    struct ui_user user = {
        .n = 7, .roles = OPERATORS_ALL, .person = CORE_PERSONS + 7, .name = "officer"};
    const struct addr from = {4, {10, 1, 2, 3}};
    char token[UI_TOKEN_TEXT];

    if (ui_session_new(&h->p.core.ui.sessions, &user, &from, clock_now(ev_clock(h->p.w.ev)),
                       token) != RC_OK)
        return false;
    snprintf(h->cookie, sizeof(h->cookie), "cookie: __Host-autarky=%s", token);
    return true;
}

/* As a reload would: core reads the configuration at every key that it makes. */
static void set_escrow(struct house *h, bool there)
{
    struct conf *conf = (struct conf *)(uintptr_t)h->p.w.conf;

    conf->ca.escrow = there ? STR("escrow.pem") : STR("");
    conf->ca.escrow_key = there ? buf_str(&h->escrow_pem) : STR("");
}

static bool house_init(struct house *h)
{
    buf_init(&h->escrow_pem, BODY_MAX);
    arena_init(&h->a, 4 << 20);
    if (!play_init(&h->p) || !session_new(h))
        return false;
    h->signs = key_load(key_sm2);
    if (!h->signs ||
        crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &h->escrow) != RC_OK)
        return false;
    text_pem(&h->escrow_pem, STR("PUBLIC KEY"), crypto_key_spki(h->escrow));
    set_escrow(h, true);
    return buf_rc(&h->escrow_pem) == RC_OK;
}

#define HOUSE(h)                                                                                   \
    CLEANUP(house_done) struct house h = {.p.w.dir.fd = -1};                                       \
    CHECK(house_init(&h))

static int give(struct house *h, const char *target, const char *body)
{
    const char *headers[] = {h->cookie, "origin: https://" HOST, NULL};
    int status = ask(&h->p, "POST", target, headers, body);

    json_free(h->doc);
    h->doc = NULL;
    return status == 200 && json_parse(buf_str(&h->p.got.body), 4 << 20, &h->doc, NULL) != RC_OK
               ? 0
               : status;
}

static struct str member(const struct json *obj, const char *name)
{
    struct str s = STR("");

    return json_str(json_get(obj, name), &s) == RC_OK ? s : STR("");
}

/* A certificate whose key the CA makes, or not. */
static int issue(struct house *h, bool by_ca)
{
    CLEANUP(buf_done) struct buf csr = BUF_INIT(X509_CSR_MAX), body = BUF_INIT(BODY_MAX);
    struct x509_csr_in in = {.key = h->signs};

    if (x509_csr_build(&in, &csr, NULL) != RC_OK)
        return 0;
    buf_putz(&body, "{\"csr\":\"");
    text_b64url(&body, buf_str(&csr));
    buf_printf(&body,
               "\",\"profile\":\"tlcp-enc\",\"names\":[\"wiki.hospital.example\"],"
               "\"reason\":\"CHG-4\",\"key_by_ca\":%s}",
               by_ca ? "true" : "false");
    return give(h, "/api/v1/cert/sign", buf_z(&body));
}

/* The row of the certificate in the last answer. */
static enum rc kept(struct house *h, struct store_escrow *out)
{
    struct id id = {""};

    TRY(id_parse(member(json_root(h->doc), "id"), &id));
    return store_escrow_get(store_read(h->p.w.store), &h->a, &id, out);
}

static size_t events(struct house *h, const char *action, struct str words)
{
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n, found = 0;

    if (store_event_list(store_read(h->p.w.store), &h->a, &filter, &list, &n) != RC_OK)
        return 99;
    for (size_t i = 0; i < n; i++)
        found += memmem(list[i].bytes.p, list[i].bytes.n, words.p, words.n) != NULL;
    return found;
}

static void it_is_kept_with_its_certificate(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf hex = BUF_INIT(128), spki = BUF_INIT(128);
    struct store_escrow row;

    HOUSE(h);
    CHECK_INT(issue(&h, true), 200);
    CHECK_OK(kept(&h, &row));
    text_hex(&hex, crypto_key_spki_sha256(h.escrow));
    CHECK(memcmp(row.sealed_to.b, crypto_key_spki_sha256(h.escrow).p, STORE_SHA256) == 0);
    CHECK(str_eq(member(json_get(json_root(h.doc), "escrow"), "key"), buf_str(&hex)));
    CHECK_OK(x509_envelope_open(h.escrow, row.envelope, &key, NULL));
    text_hex(&spki, crypto_key_spki_sha256(key));
    CHECK(str_eq(member(json_root(h.doc), "spki_sha256"), buf_str(&spki)));
    /* Nobody else's key opens it, and what its owner was sent is another envelope. */
    CHECK_RC(x509_envelope_open(h.signs, row.envelope, &key, NULL), RC_DENIED);
    CHECK(member(json_root(h.doc), "enveloped_key").n > 0);
    CHECK_INT(events(&h, "key.escrowed", buf_str(&hex)), 1);
    CHECK_INT(events(&h, "certificate.reserved", STR("\"key_made\":true")), 1);
}

static void without_there_is_none(void)
{
    struct store_escrow row;
    uint64_t n;

    HOUSE(h);
    CHECK_INT(issue(&h, false), 200);
    CHECK_RC(kept(&h, &row), RC_NOTFOUND);
    CHECK(json_is_null(json_get(json_root(h.doc), "escrow")));
    set_escrow(&h, false);
    CHECK_INT(issue(&h, true), 200);
    CHECK_RC(kept(&h, &row), RC_NOTFOUND);
    CHECK(json_is_null(json_get(json_root(h.doc), "escrow")));
    CHECK_OK(store_escrow_count(store_read(h.p.w.store), NULL, &n));
    CHECK_INT(n, 0);
    CHECK_INT(events(&h, "key.escrowed", STR("")), 0);
}

/* Nothing leaves, and nothing is reserved, when it cannot be sealed. */
static void a_key_that_cannot_be_used_lets_none_out(void)
{
    struct conf *conf;

    HOUSE(h);
    conf = (struct conf *)(uintptr_t)h.p.w.conf;
    conf->ca.escrow_key = STR("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n");
    CHECK(issue(&h, true) >= 400);
    CHECK_STR(str_of(h.p.got.code), "ca.escrow-key");
    CHECK_INT(events(&h, "certificate.", STR("")), 0);
}

static void handed_out(struct house *h, struct str serial, const char *rest, int status,
                       const char *code)
{
    char body[256];

    (void)snprintf(body, sizeof(body), "{\"serial\":\"%.*s\"%s}", STR_ARG(serial), rest);
    CHECK_INT(give(h, "/api/v1/cert/escrow", body), status);
    if (code)
        CHECK_STR(str_of(h->p.got.code), code);
}

static void it_is_handed_out_with_a_reason(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);
    struct store_escrow row;
    struct str serial;

    HOUSE(h);
    CHECK_INT(issue(&h, true), 200);
    CHECK_OK(kept(&h, &row));
    CHECK_OK(arena_str(&h.a, member(json_root(h.doc), "serial"), &serial));
    handed_out(&h, serial, "", 400, NULL);
    handed_out(&h, serial, ",\"reason\":\" \"", 400, "core.cert-escrow-reason");
    handed_out(&h, STR("4142"), ",\"reason\":\"INC-7\"", 404, "api.cert-unknown");
    handed_out(&h, serial, ",\"reason\":\"INC-7\",\"dry_run\":true", 200, NULL);
    CHECK(!json_get(json_root(h.doc), "enveloped_key"));
    CHECK_INT(events(&h, "key.escrow-fetched", STR("")), 0);
    handed_out(&h, serial, ",\"reason\":\"INC-7\"", 200, NULL);
    CHECK_OK(text_unb64url(member(json_root(h.doc), "enveloped_key"), &der));
    CHECK(str_eq(buf_str(&der), row.envelope));
    CHECK(str_eq(member(json_root(h.doc), "serial"), serial));
    CHECK_INT(events(&h, "key.escrow-fetched", STR("INC-7")), 1);
    CHECK_INT(events(&h, "key.escrow-fetched", serial), 1);
    CHECK_INT(events(&h, "key.escrow-fetched", STR("officer")), 1);
}

static void what_is_not_kept_is_not_handed_out(void)
{
    struct str serial;

    HOUSE(h);
    CHECK_INT(issue(&h, false), 200);
    CHECK_OK(arena_str(&h.a, member(json_root(h.doc), "serial"), &serial));
    handed_out(&h, serial, ",\"reason\":\"INC-7\"", 404, "api.escrow-none");
    CHECK_INT(events(&h, "key.escrow-fetched", STR("")), 0);
}

static void a_second_person_where_it_takes_one(void)
{
    struct conf *conf;
    struct str serial;

    HOUSE(h);
    CHECK_INT(issue(&h, true), 200);
    CHECK_OK(arena_str(&h.a, member(json_root(h.doc), "serial"), &serial));
    conf = (struct conf *)(uintptr_t)h.p.w.conf;
    conf->control.two_persons = 1u << CONF_TWO_ESCROW;
    handed_out(&h, serial, ",\"reason\":\"INC-7\"", 403, API_APPROVAL_WAITS);
    CHECK_INT(events(&h, "key.escrow-fetched", STR("")), 0);
    CHECK_INT(events(&h, "approval.asked", serial), 1);
}

static bool with_sm2(void)
{
    world_set_kinds(SM2_KIND | 1);
    return true;
}

CHECK_MAIN_WITH(with_sm2(), (void)0, CHECK_TEST_ONCE(it_is_kept_with_its_certificate),
                CHECK_TEST_ONCE(without_there_is_none),
                CHECK_TEST_ONCE(a_key_that_cannot_be_used_lets_none_out),
                CHECK_TEST_ONCE(it_is_handed_out_with_a_reason),
                CHECK_TEST_ONCE(what_is_not_kept_is_not_handed_out),
                CHECK_TEST_ONCE(a_second_person_where_it_takes_one))
