/* SPDX-License-Identifier: Apache-2.0 */
#include "acme_fake.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ev/clock.h"
#include "jose/jws.h"
#include "json/json.h"
#include "x509/csr.h"

struct client_exchange {
    struct list link;
    struct acme_fake *fake;
    enum acme_fake_at at;
    unsigned order; /* that the URL names */
    bool head;
    client_answer_fn fn;
    void *arg;
    struct buf body; /* the request's */
    char url[256];
};

static struct acme_fake *fake_of(struct client_transport *t)
{
    return LIST_ENTRY(t, struct acme_fake, transport);
}

static void exchange_free(struct client_exchange *x)
{
    list_remove(&x->link);
    buf_done(&x->body);
    mem_free(x);
}

/* ---- the certificate */

static enum rc add_pem(struct buf *chain, const struct x509_tbs_in *in,
                       const struct crypto_key *key)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    TRY(pki_issue(in, key, &der));
    x509_cert_put_pem(buf_str(&der), chain);
    return buf_rc(chain);
}

static const struct str ocsp_url = STR("http://ca.hospital.example/ocsp/fake-1");

static enum rc issue(struct acme_fake *f, const struct x509_csr *csr, struct buf *chain)
{
    struct x509_tbs_in in = pki_leaf_in(&f->pki);
    struct str dns[8];

    if (f->now) {
        in.not_before = f->now;
        in.not_after = f->now + f->life - WHEN_SECOND;
    }
    TRY(x509_serial_random(&in.serial));
    in.subject = (struct x509_subject){};
    in.spki = f->cert == FAKE_OTHER_KEY ? crypto_key_spki(f->pki.leaf_key) : csr->spki;
    in.dns = dns;
    in.n_dns = csr->n_dns < 7 ? csr->n_dns : 7;
    for (size_t i = 0; i < in.n_dns; i++)
        dns[i] = csr->dns[i];
    in.ips = csr->ips;
    in.n_ips = csr->n_ips;
    if (f->ocsp.on)
        in.ocsp_urls = &ocsp_url;
    in.must_staple = f->ocsp.must_staple;
    if (f->cert == FAKE_NAME_MISSING)
        dns[0] = STR("else.hospital.example");
    if (f->cert == FAKE_NAME_EXTRA)
        dns[in.n_dns++] = STR("extra.hospital.example");
    if (f->cert == FAKE_EXPIRED)
        in.not_after = PKI_FROM + WHEN_HOUR;
    if (f->cert == FAKE_EARLY)
        in.not_before = PKI_FROM + 10 * WHEN_DAY;
    if (f->cert == FAKE_EMPTY)
        return RC_OK;
    if (f->cert == FAKE_REVERSED)
        x509_cert_put_pem(f->pki.issuer.der, chain);
    TRY(add_pem(chain, &in, f->pki.issuer_key));
    if (f->cert != FAKE_NO_ISSUER && f->cert != FAKE_REVERSED)
        x509_cert_put_pem(f->pki.issuer.der, chain);
    if (f->cert == FAKE_CUT)
        chain->n /= 2;
    return buf_rc(chain);
}

/* ecdsa-with-SHA256 becomes another one of the same arc, in both places. */
static void spoil_signature(struct buf *der)
{
    static const char known[] = "\x2a\x86\x48\xce\x3d\x04\x03\x02";

    for (size_t i = 0; i + 8 <= der->n; i++)
        if (memcmp(der->p + i, known, 8) == 0)
            der->p[i + 7] = 0x0f;
}

static enum rc add_spoilt(struct buf *chain, const struct x509_tbs_in *in,
                          const struct crypto_key *key)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    TRY(pki_issue(in, key, &der));
    spoil_signature(&der);
    x509_cert_put_pem(buf_str(&der), chain);
    return buf_rc(chain);
}

/* An issuer of itself, with as many URLs as fit, as often as a chain may hold it. */
static enum rc add_big(const struct acme_fake *f, struct buf *chain, struct x509_tbs_in *in)
{
    char url[X509_URL_BYTES + 1];
    struct str urls[X509_URLS_MAX];

    memset(url, 'x', X509_URL_BYTES);
    memcpy(url, "http://x/", 9);
    for (size_t i = 0; i < X509_URLS_MAX; i++)
        urls[i] = str_bytes(url, X509_URL_BYTES);
    in->issuer = f->pki.issuer.subject;
    in->crl_urls = in->ocsp_urls = in->issuer_urls = urls;
    in->n_crl_urls = in->n_ocsp_urls = in->n_issuer_urls = X509_URLS_MAX;
    for (size_t i = 1; i < X509_CHAIN_MAX; i++)
        TRY(add_pem(chain, in, f->pki.leaf_key));
    return RC_OK;
}

static void spoil_leaf(const struct acme_fake *f, struct x509_tbs_in *in)
{
    if (f->other_from)
        in->not_before = f->other_from;
    if (f->other_to)
        in->not_after = f->other_to;
    if (f->cert == FAKE_CA) {
        in->basic = X509_BASIC_CA;
        in->key_usage |= X509_KU_CERT_SIGN;
    }
    if (f->cert == FAKE_NO_SERVER)
        in->eku = X509_EKU_CLIENT_AUTH;
}

/* Its own issuer, by the same name, under a root that nobody trusts. */
static enum rc other_root(struct acme_fake *f, const struct x509_csr *csr, struct buf *chain)
{
    struct x509_tbs_in in = pki_leaf_in(&f->pki);
    unsigned char id[X509_KEY_ID];

    TRY(x509_key_id(crypto_key_spki(f->pki.leaf_key), id));
    in.spki = csr->spki;
    in.dns = csr->dns;
    in.n_dns = csr->n_dns;
    in.n_ips = 0;
    in.subject = (struct x509_subject){};
    in.sig_alg = crypto_sig_default(f->pki.leaf_key);
    in.issuer_key_id = str_bytes(id, sizeof(id));
    spoil_leaf(f, &in);
    TRY(add_pem(chain, &in, f->pki.leaf_key));
    in = pki_issuer_in(&f->pki);
    in.spki = crypto_key_spki(f->pki.leaf_key);
    in.issuer_key_id = (struct str){NULL, 0};
    in.sig_alg = crypto_sig_default(f->pki.leaf_key);
    if (f->cert == FAKE_ODD_SIGNATURE)
        return add_spoilt(chain, &in, f->pki.leaf_key);
    return f->cert == FAKE_BIG ? add_big(f, chain, &in) : add_pem(chain, &in, f->pki.leaf_key);
}

static enum rc finalize(struct acme_fake *f, const struct json *payload, struct acme_fake_order *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct x509_csr csr;
    struct str text;

    TRY(json_str(json_get(payload, "csr"), &text));
    TRY(text_unb64url(text, &der));
    TRY(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, NULL));
    buf_reset(&o->chain);
    TRY(f->cert >= FAKE_OTHER_ROOT && f->cert <= FAKE_ODD_SIGNATURE ? other_root(f, &csr, &o->chain)
                                                                    : issue(f, &csr, &o->chain));
    o->finalized = true;
    return RC_OK;
}

/* ---- the OCSP responder */

static enum rc put_ocsp(struct acme_fake *f, struct str request, struct buf *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct acme_fake_ocsp *o = &f->ocsp;
    struct x509_ocsp_request q;
    struct x509_ocsp_issuer names;
    struct x509_ocsp_single single = {.status = o->status};
    struct x509_ocsp_in in = {.singles = &single, .n = 1, .key = f->pki.issuer_key};
    when_t now = clock_now(ev_clock(f->ev));

    TRY(x509_ocsp_request_parse(&a, request, &q, NULL));
    TRY(x509_ocsp_issuer_of(&f->pki.issuer, &names));
    if (q.n != 1 || !x509_ocsp_id_is(&q.ids[0], &names))
        return RC_INVAL;
    single.id = q.ids[0];
    single.id.serial.b[single.id.serial.n - 1] ^= o->other_serial;
    now -= now % WHEN_SECOND;
    single.this_update = in.produced = o->this_update ? o->this_update : now;
    single.next_update = single.this_update + (o->life ? o->life : WHEN_DAY);
    single.revoked = o->status == X509_OCSP_REVOKED ? single.this_update : 0;
    if (o->other_signer)
        in.key = f->pki.leaf_key;
    return x509_ocsp_answer_build(&in, out, NULL);
}

/* ---- requests */

/* Each nonce once. */
static bool spend(struct acme_fake *f, struct str nonce)
{
    uint64_t n;

    if (!str_starts(nonce, STR("nonce-")) ||
        str_u64(str_skip(nonce, 6), FAKE_NONCES - 1, &n) != RC_OK)
        return false;
    if (n == 0 || n > f->nonces || f->spent[n])
        return false;
    f->spent[n] = true;
    return true;
}

static void new_order(struct acme_fake *f, struct client_exchange *x)
{
    struct acme_fake_order *o;

    x->order = ++f->n_orders % FAKE_ORDERS;
    o = &f->orders[x->order];
    o->finalized = false;
    o->processing = f->processing;
    memcpy(f->order, f->body, sizeof(f->order));
    if (++f->open > f->most)
        f->most = f->open;
}

static enum rc read_post(struct acme_fake *f, struct client_exchange *x)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    TRY(jose_jws_parse(&a, buf_str(&x->body), JOSE_REQUEST, &j, NULL));
    if (!str_eq(j.url, str_of(x->url)) || !spend(f, j.nonce))
        return RC_INVAL;
    if ((x->at == FAKE_ACCOUNT) != (j.kid.n == 0))
        return RC_INVAL;
    TRY(str_copyz(j.kid, f->last_kid, sizeof(f->last_kid)));
    if (x->at == FAKE_ACCOUNT && !f->account)
        f->account = crypto_key_ref(jose_jwk_key(j.jwk));
    TRY(jose_jws_verify(&j, f->account, NULL));
    TRY(str_copyz(j.payload, f->body, sizeof(f->body)));
    if (x->at == FAKE_NEW_ORDER)
        new_order(f, x);
    if (x->at == FAKE_CERTIFICATE)
        f->open--;
    if (x->at != FAKE_FINALIZE)
        return RC_OK;
    TRY(json_parse(j.payload, 1 << 20, &doc, NULL));
    return finalize(f, json_root(doc), &f->orders[x->order]);
}

static void put_order(struct acme_fake *f, enum acme_fake_at at, unsigned order,
                      char out[static FAKE_BODY])
{
    struct acme_fake_order *o = &f->orders[order];
    const char *status = strcmp(f->authorization, "valid") == 0 ? "ready" : "pending";
    char certificate[128] = "";

    if (o->finalized && o->processing) {
        status = "processing";
        o->processing -= at == FAKE_ORDER || at == FAKE_FINALIZE;
    } else if (o->finalized) {
        status = "valid";
        snprintf(certificate, sizeof(certificate), ",\"certificate\":\"" ACME_FAKE "/cert/%u\"",
                 order);
    }
    snprintf(out, FAKE_BODY,
             "{\"status\":\"%s\",\"identifiers\":[],\"authorizations\":[\"" ACME_FAKE
             "/authz/1\"],\"finalize\":\"" ACME_FAKE "/finalize/%u\"%s}",
             status, order, certificate);
}

static void put_directory(struct acme_fake *f, char out[static FAKE_BODY])
{
    snprintf(out, FAKE_BODY,
             "{\"newNonce\":\"" ACME_FAKE "/nonce\",\"newAccount\":\"" ACME_FAKE
             "/account\",\"newOrder\":\"" ACME_FAKE
             "/new-order\"%s,\"meta\":{\"x\":1%s%s%s%s%s%s%s}}",
             f->ari ? ",\"renewalInfo\":\"" ACME_FAKE "/ari\"" : "", f->terms ? ",\"termsOf" : "",
             f->terms ? "Service\":\"" : "", f->terms ? f->terms : "", f->terms ? "\"" : "",
             f->profiles ? ",\"profiles\":" : "", f->profiles ? f->profiles : "",
             f->preflight ? ",\"preflight\":\"" ACME_FAKE "/preflight\"" : "");
}

static void put_body(struct acme_fake *f, enum acme_fake_at at, unsigned order,
                     char out[static FAKE_BODY])
{
    const char *challenge = f->challenge ? f->challenge : "http-01";

    out[0] = '\0';
    if (at == FAKE_DIRECTORY)
        put_directory(f, out);
    else if (at == FAKE_NEW_ORDER || at == FAKE_ORDER || at == FAKE_FINALIZE)
        put_order(f, at, order, out);
    else if (at == FAKE_ACCOUNT)
        snprintf(out, FAKE_BODY, "{\"status\":\"valid\"}");
    else if (at == FAKE_CHALLENGE)
        snprintf(out, FAKE_BODY,
                 "{\"type\":\"%s\",\"url\":\"" ACME_FAKE "/chall\",\"status\":\"processing\"}",
                 challenge);
    else if (at == FAKE_AUTHORIZATION)
        snprintf(
            out, FAKE_BODY,
            "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":"
            "\"%s\"},\"challenges\":[{\"type\":\"tls-x-01\",\"url\":"
            "\"" ACME_FAKE "/x\",\"status\":\"pending\"},{\"type\":\"%s\",\"url\":"
            "\"" ACME_FAKE "/chall\",\"status\":\"pending\",\"%s\":%s%s}]}",
            f->authorization, f->identifier ? f->identifier : "wiki.hospital.example", challenge,
            f->issuers ? "issuerDomainNames" : "token",
            f->issuers ? f->issuers
            : f->token ? f->token
                       : "\"tok_en-1\"",
            strcmp(f->authorization, "invalid") == 0
                ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"no such "
                  "name\"}"
                : "");
    else if (at == FAKE_PREFLIGHT)
        snprintf(out, FAKE_BODY, "{\"seen\":{},\"verdict\":{\"ok\":true,\"problems\":[]}}");
    else if (at == FAKE_RENEWAL)
        snprintf(out, FAKE_BODY,
                 "{\"suggestedWindow\":{\"start\":\"2027-02-01T00:00:00Z\",\"end\":"
                 "\"2027-02-03T00:00:00Z\"},\"explanationURL\":\"https://x.example/why\"}");
}

static const struct {
    const char *path;
    enum acme_fake_at at;
    int status;
    const char *location;
} places[] = {
    {"/directory", FAKE_DIRECTORY, 200, ""},
    {"/nonce", FAKE_NONCE, 200, ""},
    {"/account", FAKE_ACCOUNT, 201, ACME_FAKE "/account/1"},
    {"/new-order", FAKE_NEW_ORDER, 201, NULL},
    {"/order/", FAKE_ORDER, 200, ""},
    {"/authz/1", FAKE_AUTHORIZATION, 200, ""},
    {"/chall", FAKE_CHALLENGE, 200, ""},
    {"/finalize/", FAKE_FINALIZE, 200, ""},
    {"/cert/", FAKE_CERTIFICATE, 200, ""},
    {"/ari/", FAKE_RENEWAL, 200, ""},
    {"/preflight", FAKE_PREFLIGHT, 200, ""},
    {"/fake-1", FAKE_OCSP, 200, ""},
};

static size_t place_of(struct str url, unsigned *order)
{
    static_assert(sizeof(ACME_FAKE) == sizeof(ACME_FAKE_OCSP));
    struct str path = str_skip(url, sizeof(ACME_FAKE) - 1);
    uint64_t n;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct str place = str_of(places[i].path);

        if (str_eq(path, place))
            return i;
        if (!str_ends(place, STR("/")) || !str_starts(path, place))
            continue;
        if (str_u64(str_skip(path, place.n), FAKE_ORDERS - 1, &n) == RC_OK)
            *order = (unsigned)n;
        return i;
    }
    return 0;
}

static const struct acme_fake_answer *wrong_for(struct acme_fake *f, enum acme_fake_at at)
{
    for (size_t i = 0; i < f->n_wrong; i++) {
        struct acme_fake_answer *w = &f->wrong[i];

        if (w->at != at || w->times == 0)
            continue;
        if (w->skip) {
            w->skip--;
            return NULL;
        }
        w->times--;
        return w;
    }
    return NULL;
}

static struct str fresh_nonce(struct acme_fake *f, char out[static 32])
{
    snprintf(out, 32, "nonce-%u", ++f->nonces);
    return str_of(out);
}

#define BAD_NONCE "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"old\"}"

/* The answer that a test has asked for instead of the right one. */
static void put_wrong(const struct acme_fake_answer *w, struct client_answer *out)
{
    static const struct err err = {.rc = RC_NET};

    out->rc = w->rc;
    out->err = &err;
    out->status = w->bad_nonce ? 400 : w->status;
    out->body = str_of(w->bad_nonce ? BAD_NONCE : w->body ? w->body : "");
    out->retry_after = str_of(w->retry_after);
    if (w->location)
        out->location = str_of(w->location);
}

/* A signed request, as far as it counts for what comes after it. */
static enum rc take_post(struct acme_fake *f, struct client_exchange *x,
                         const struct acme_fake_answer *w)
{
    enum rc rc = w && w->bad_nonce ? RC_OK : read_post(f, x);

    if (w && x->at == FAKE_FINALIZE && w->status >= 400)
        f->orders[x->order].finalized = false;
    if (rc != RC_OK && !mem_fail_fired())
        f->refused++;
    if (rc == RC_OK && x->at == FAKE_CHALLENGE && f->proves && !w)
        f->authorization = "valid";
    return rc;
}

static void respond(struct client_exchange *x)
{
    struct acme_fake *f = x->fake;
    size_t place = place_of(str_of(x->url), &x->order);
    const struct acme_fake_answer *w = wrong_for(f, x->at);
    struct client_answer answer = {.rc = RC_OK, .status = places[place].status};
    bool signed_one = x->at != FAKE_DIRECTORY && x->at != FAKE_NONCE && x->at != FAKE_RENEWAL &&
                      x->at != FAKE_OCSP;
    CLEANUP(buf_done) struct buf ocsp = BUF_INIT(X509_OCSP_MAX);
    char body[FAKE_BODY] = "", location[256], nonce[32];
    enum rc rc = RC_OK;

    f->count[x->at]++;
    if (signed_one)
        rc = take_post(f, x, w);
    else if (x->at == FAKE_OCSP)
        rc = put_ocsp(f, buf_str(&x->body), &ocsp);
    snprintf(location, sizeof(location), ACME_FAKE "/order/%u", x->order);
    answer.location = str_of(places[place].location ? places[place].location : location);
    if (rc != RC_OK) {
        answer.status = 400;
    } else if (w) {
        put_wrong(w, &answer);
    } else {
        put_body(f, x->at, x->order, body);
        answer.body = x->at == FAKE_CERTIFICATE ? buf_str(&f->orders[x->order].chain)
                      : x->at == FAKE_OCSP      ? buf_str(&ocsp)
                                                : str_of(body);
    }
    if (answer.rc == RC_OK && (signed_one || x->head))
        answer.nonce = fresh_nonce(f, nonce);
    x->fn(x->arg, &answer);
    exchange_free(x);
}

/* The first that is to have an answer. */
static struct client_exchange *next_of(struct acme_fake *f)
{
    LIST_FOREACH (it, &f->pending) {
        struct client_exchange *x = LIST_ENTRY(it, struct client_exchange, link);

        if (!f->silent && !(x->at == FAKE_OCSP && f->ocsp.silent))
            return x;
    }
    return NULL;
}

static void on_soon(void *arg)
{
    struct acme_fake *f = arg;
    struct client_exchange *x = next_of(f);

    if (!x)
        return;
    list_remove(&x->link);
    if (next_of(f))
        ev_defer(f->ev, &f->soon);
    respond(x);
}

/* ---- the transport */

static enum rc fake_send(struct client_transport *t, const struct client_ask *ask,
                         client_answer_fn fn, void *arg, struct client_exchange **out)
{
    struct acme_fake *f = fake_of(t);
    struct client_exchange *x = MEM_NEW(struct client_exchange);

    if (!x)
        return RC_NOMEM;
    x->fake = f;
    x->fn = fn;
    x->arg = arg;
    x->head = strcmp(ask->method, "HEAD") == 0;
    x->at = places[place_of(ask->url, &x->order)].at;
    list_push(&f->pending, &x->link);
    buf_init(&x->body, 1 << 20);
    buf_puts(&x->body, ask->body);
    if (buf_rc(&x->body) != RC_OK || str_copyz(ask->url, x->url, sizeof(x->url)) != RC_OK) {
        exchange_free(x);
        return RC_NOMEM;
    }
    ev_defer(f->ev, &f->soon);
    *out = x;
    return RC_OK;
}

static void fake_cancel(struct client_transport *, struct client_exchange *x)
{
    exchange_free(x);
}

static void fake_free(struct client_transport *)
{
}

bool acme_fake_start(struct acme_fake *f, struct ev *ev)
{
    static const struct client_transport_ops ops = {fake_send, fake_cancel, fake_free};

    *f = (struct acme_fake){.transport = {&ops}, .ev = ev, .authorization = "valid"};
    list_init(&f->pending);
    ev_defer_init(&f->soon, on_soon, f);
    for (size_t i = 0; i < FAKE_ORDERS; i++)
        buf_init(&f->orders[i].chain, 1 << 18);
    return pki_init(&f->pki) == RC_OK;
}

void acme_fake_done(struct acme_fake *f)
{
    if (!f->ev)
        return;
    LIST_FOREACH (it, &f->pending)
        exchange_free(LIST_ENTRY(it, struct client_exchange, link));
    ev_defer_cancel(&f->soon);
    for (size_t i = 0; i < FAKE_ORDERS; i++)
        buf_done(&f->orders[i].chain);
    crypto_key_unref(f->account);
    pki_done(&f->pki);
}

void acme_fake_wrong(struct acme_fake *f, struct acme_fake_answer answer)
{
    f->wrong[f->n_wrong++] = answer;
}

struct str acme_fake_root(const struct acme_fake *f)
{
    return f->pki.root.der;
}
