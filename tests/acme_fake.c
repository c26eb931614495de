/* SPDX-License-Identifier: Apache-2.0 */
#include "acme_fake.h"

#include <stdio.h>
#include <string.h>

#include "jose/jws.h"
#include "json/json.h"
#include "x509/csr.h"

struct client_exchange {
    struct list link;
    struct acme_fake *fake;
    enum acme_fake_at at;
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

static enum rc add_pem(struct acme_fake *f, const struct x509_tbs_in *in,
                       const struct crypto_key *key)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    TRY(pki_issue(in, key, &der));
    x509_cert_put_pem(buf_str(&der), &f->chain);
    return buf_rc(&f->chain);
}

static enum rc issue(struct acme_fake *f, const struct x509_csr *csr)
{
    struct x509_tbs_in in = pki_leaf_in(&f->pki);
    struct str dns[8];

    buf_reset(&f->chain);
    in.subject = (struct x509_subject){};
    in.spki = f->cert == FAKE_OTHER_KEY ? crypto_key_spki(f->pki.leaf_key) : csr->spki;
    in.dns = dns;
    in.n_dns = csr->n_dns < 7 ? csr->n_dns : 7;
    for (size_t i = 0; i < in.n_dns; i++)
        dns[i] = csr->dns[i];
    in.ips = csr->ips;
    in.n_ips = csr->n_ips;
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
        x509_cert_put_pem(f->pki.issuer.der, &f->chain);
    TRY(add_pem(f, &in, f->pki.issuer_key));
    if (f->cert != FAKE_NO_ISSUER && f->cert != FAKE_REVERSED)
        x509_cert_put_pem(f->pki.issuer.der, &f->chain);
    if (f->cert == FAKE_CUT)
        f->chain.n /= 2;
    return buf_rc(&f->chain);
}

/* Its own issuer, by the same name, under a root that nobody trusts. */
static enum rc other_root(struct acme_fake *f, const struct x509_csr *csr)
{
    struct x509_tbs_in in = pki_leaf_in(&f->pki);
    unsigned char id[X509_KEY_ID];

    TRY(x509_key_id(crypto_key_spki(f->pki.leaf_key), id));
    buf_reset(&f->chain);
    in.spki = csr->spki;
    in.dns = csr->dns;
    in.n_dns = csr->n_dns;
    in.n_ips = 0;
    in.subject = (struct x509_subject){};
    in.sig_alg = crypto_sig_default(f->pki.leaf_key);
    in.issuer_key_id = str_bytes(id, sizeof(id));
    TRY(add_pem(f, &in, f->pki.leaf_key));
    in = pki_issuer_in(&f->pki);
    in.spki = crypto_key_spki(f->pki.leaf_key);
    in.issuer_key_id = (struct str){NULL, 0};
    in.sig_alg = crypto_sig_default(f->pki.leaf_key);
    return add_pem(f, &in, f->pki.leaf_key);
}

static enum rc finalize(struct acme_fake *f, const struct json *payload)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct x509_csr csr;
    struct str text;

    TRY(json_str(json_get(payload, "csr"), &text));
    TRY(text_unb64url(text, &der));
    TRY(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, NULL));
    TRY(f->cert == FAKE_OTHER_ROOT ? other_root(f, &csr) : issue(f, &csr));
    f->finalized = true;
    return RC_OK;
}

/* ---- requests */

static enum rc read_post(struct acme_fake *f, struct client_exchange *x)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    TRY(jose_jws_parse(&a, buf_str(&x->body), JOSE_REQUEST, &j, NULL));
    if (!str_eq(j.url, str_of(x->url)) || !str_eq(j.nonce, str_of(f->nonce)))
        return RC_INVAL;
    f->nonce[0] = '\0';
    if ((x->at == FAKE_ACCOUNT) != (j.kid.n == 0))
        return RC_INVAL;
    TRY(str_copyz(j.kid, f->last_kid, sizeof(f->last_kid)));
    if (x->at == FAKE_ACCOUNT && !f->account)
        f->account = crypto_key_ref(jose_jwk_key(j.jwk));
    TRY(jose_jws_verify(&j, f->account, NULL));
    TRY(str_copyz(j.payload, f->body, sizeof(f->body)));
    if (x->at == FAKE_NEW_ORDER) {
        f->finalized = false;
        memcpy(f->order, f->body, sizeof(f->order));
    }
    if (x->at != FAKE_FINALIZE)
        return RC_OK;
    TRY(json_parse(j.payload, 1 << 20, &doc, NULL));
    return finalize(f, json_root(doc));
}

static void put_order(struct acme_fake *f, enum acme_fake_at at, char out[static FAKE_BODY])
{
    const char *status = strcmp(f->authorization, "valid") == 0 ? "ready" : "pending";
    bool invalid = strcmp(f->authorization, "invalid") == 0;

    if (f->finalized && f->processing && at != FAKE_NEW_ORDER) {
        status = "processing";
        f->processing--;
    } else if (f->finalized) {
        status = "valid";
    }
    snprintf(out, FAKE_BODY,
             "{\"status\":\"%s\",\"identifiers\":[],\"authorizations\":[\"" ACME_FAKE "/authz/1\"],"
             "\"finalize\":\"" ACME_FAKE "/finalize\"%s}",
             invalid ? "pending" : status,
             strcmp(status, "valid") == 0 ? ",\"certificate\":\"" ACME_FAKE "/cert\"" : "");
}

static void put_directory(struct acme_fake *f, char out[static FAKE_BODY])
{
    snprintf(out, FAKE_BODY,
             "{\"newNonce\":\"" ACME_FAKE "/nonce\",\"newAccount\":\"" ACME_FAKE
             "/account\",\"newOrder\":\"" ACME_FAKE "/new-order\"%s,\"meta\":{\"x\":1%s%s%s%s%s%s}}",
             f->ari ? ",\"renewalInfo\":\"" ACME_FAKE "/ari\"" : "", f->terms ? ",\"termsOf" : "",
             f->terms ? "Service\":\"" : "", f->terms ? f->terms : "", f->terms ? "\"" : "",
             f->profiles ? ",\"profiles\":" : "", f->profiles ? f->profiles : "");
}

static void put_body(struct acme_fake *f, enum acme_fake_at at, char out[static FAKE_BODY])
{
    const char *challenge = f->challenge ? f->challenge : "http-01";

    out[0] = '\0';
    if (at == FAKE_DIRECTORY)
        put_directory(f, out);
    else if (at == FAKE_NEW_ORDER || at == FAKE_ORDER || at == FAKE_FINALIZE)
        put_order(f, at, out);
    else if (at == FAKE_ACCOUNT)
        snprintf(out, FAKE_BODY, "{\"status\":\"valid\"}");
    else if (at == FAKE_CHALLENGE)
        snprintf(out, FAKE_BODY,
                 "{\"type\":\"%s\",\"url\":\"" ACME_FAKE "/chall\",\"status\":\"processing\"}",
                 challenge);
    else if (at == FAKE_AUTHORIZATION)
        snprintf(out, FAKE_BODY,
                 "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":"
                 "\"wiki.hospital.example\"},\"challenges\":[{\"type\":\"tls-x-01\",\"url\":"
                 "\"" ACME_FAKE "/x\",\"status\":\"pending\"},{\"type\":\"%s\",\"url\":"
                 "\"" ACME_FAKE "/chall\",\"status\":\"pending\",\"token\":\"tok_en-1\"%s}]}",
                 f->authorization, challenge,
                 strcmp(f->authorization, "invalid") == 0
                     ? ",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\",\"detail\":\"no such "
                       "name\"}"
                     : "");
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
    {"/dir", FAKE_DIRECTORY, 200, ""},
    {"/nonce", FAKE_NONCE, 200, ""},
    {"/account", FAKE_ACCOUNT, 201, ACME_FAKE "/account/1"},
    {"/new-order", FAKE_NEW_ORDER, 201, ACME_FAKE "/order/1"},
    {"/order/1", FAKE_ORDER, 200, ""},
    {"/authz/1", FAKE_AUTHORIZATION, 200, ""},
    {"/chall", FAKE_CHALLENGE, 200, ""},
    {"/finalize", FAKE_FINALIZE, 200, ""},
    {"/cert", FAKE_CERTIFICATE, 200, ""},
    {"/ari/", FAKE_RENEWAL, 200, ""},
};

static size_t place_of(struct str url)
{
    struct str path = str_skip(url, sizeof(ACME_FAKE) - 1);
    size_t i = 0;

    for (; i + 1 < sizeof(places) / sizeof(places[0]); i++)
        if (str_eq(path, str_of(places[i].path)))
            return i;
    return i; /* the last one: whatever comes behind /ari/ */
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

static void fresh_nonce(struct acme_fake *f)
{
    snprintf(f->nonce, sizeof(f->nonce), "nonce-%u", ++f->nonces);
}

#define BAD_NONCE "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"old\"}"

static void respond(struct client_exchange *x)
{
    struct acme_fake *f = x->fake;
    size_t place = place_of(str_of(x->url));
    const struct acme_fake_answer *w = wrong_for(f, x->at);
    struct client_answer answer = {.rc = RC_OK, .status = places[place].status};
    bool signed_one = x->at != FAKE_DIRECTORY && x->at != FAKE_NONCE && x->at != FAKE_RENEWAL;
    char body[FAKE_BODY] = "";
    struct err err = {.rc = RC_NET};
    enum rc rc = RC_OK;

    f->count[x->at]++;
    if (signed_one && !(w && w->bad_nonce))
        rc = read_post(f, x);
    answer.location = str_of(places[place].location);
    if (w && x->at == FAKE_FINALIZE && w->status >= 400)
        f->finalized = false;
    if (rc != RC_OK && !mem_fail_fired())
        f->refused++;
    if (rc == RC_OK && x->at == FAKE_CHALLENGE && f->proves && !w)
        f->authorization = "valid";
    if (rc != RC_OK) {
        answer.status = 400;
    } else if (!w) {
        put_body(f, x->at, body);
        answer.body = x->at == FAKE_CERTIFICATE ? buf_str(&f->chain) : str_of(body);
    } else {
        answer.rc = w->rc;
        answer.err = &err;
        answer.status = w->bad_nonce ? 400 : w->status;
        answer.body = str_of(w->bad_nonce ? BAD_NONCE : w->body ? w->body : "");
        answer.retry_after = str_of(w->retry_after);
        if (w->location)
            answer.location = str_of(w->location);
    }
    if (answer.rc == RC_OK && (signed_one || x->head)) {
        fresh_nonce(f);
        answer.nonce = str_of(f->nonce);
    }
    x->fn(x->arg, &answer);
    exchange_free(x);
}

static void on_soon(void *arg)
{
    struct acme_fake *f = arg;
    struct list *link;

    if (f->silent || !(link = list_pop(&f->pending)))
        return;
    if (!list_empty(&f->pending))
        ev_defer(f->ev, &f->soon);
    respond(LIST_ENTRY(link, struct client_exchange, link));
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
    x->at = places[place_of(ask->url)].at;
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
    buf_init(&f->chain, 1 << 18);
    return pki_init(&f->pki) == RC_OK;
}

void acme_fake_done(struct acme_fake *f)
{
    if (!f->ev)
        return;
    LIST_FOREACH (it, &f->pending)
        exchange_free(LIST_ENTRY(it, struct client_exchange, link));
    ev_defer_cancel(&f->soon);
    buf_done(&f->chain);
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
