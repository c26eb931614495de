/* SPDX-License-Identifier: Apache-2.0 */
#include "acme_client.h"

#include <stdio.h>

#include "base/text.h"
#include "json/out.h"
#include "x509/cert.h"
#include "x509/csr.h"

enum { BODY_MAX = 64 * 1024, NAMES_MAX = 100, URL_MAX = 256 };

bool client_start(struct client *c, struct world *w)
{
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    *c = (struct client){.w = w};
    return crypto_key_generate(spec, &c->key) == RC_OK;
}

void client_done(struct client *c)
{
    crypto_key_unref(c->key);
}

void reply_done(struct reply *r)
{
    json_free(r->doc);
    http_exchange_free(r->x);
}

static struct reply reply_from(struct http_exchange *x)
{
    struct reply r = {.x = x};

    if (!x)
        return r;
    r.status = r.x->res.status;
    if (json_parse(buf_str(&r.x->res.body), BODY_MAX, &r.doc, NULL) == RC_OK)
        r.json = json_root(r.doc);
    return r;
}

/* Only what was not given by the server as a whole URL. */
static const char *placed(const struct client *c, const char *path, char out[static URL_MAX * 2])
{
    if (!c->staging || strncmp(path, "/acme/", 6) != 0)
        return path;
    snprintf(out, URL_MAX * 2, "/acme/staging/%s", path + 6);
    return out;
}

struct reply client_raw(struct client *c, const char *method, const char *path, struct str body)
{
    char at[URL_MAX * 2];

    return reply_from(world_request(c->w, method, placed(c, path, at), body));
}

bool client_nonce(struct client *c, char out[static 256])
{
    CLEANUP(reply_done) struct reply r = client_raw(c, "HEAD", "/acme/new-nonce", STR(""));

    return r.x && str_copyz(world_header(r.x, "Replay-Nonce"), out, 256) == RC_OK;
}

static bool sign(struct client *c, const char *url, const char *payload, struct buf *body)
{
    struct jose_jws_in in = {
        .key = c->key,
        .url = str_of(url),
        .kid = str_of(c->kid),
        .payload = str_of(payload),
    };

    enum rc rc;

    if (!c->nonce[0] && !client_nonce(c, c->nonce))
        return false;
    in.nonce = str_of(c->nonce);
    rc = jose_jws_sign(&in, body);
    c->nonce[0] = '\0';
    return rc == RC_OK;
}

bool client_begin(struct client *c, const char *url, const char *payload, struct world_call *call)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(BODY_MAX);
    char whole[URL_MAX * 3], at[URL_MAX * 2];
    const char *path = placed(c, url, at);
    const char *base = c->base ? c->base : CLIENT_BASE;

    if (strncmp(url, base, strlen(base)) == 0)
        path = url + strlen(base);
    snprintf(whole, sizeof(whole), "%s%s", base, path);
    return sign(c, whole, payload, &body) && world_call(c->w, "POST", path, buf_str(&body), call);
}

struct reply client_end(struct world_call *call)
{
    return reply_from(world_call_end(call));
}

struct reply client_post(struct client *c, const char *url, const char *payload)
{
    struct world_call call;

    if (!client_begin(c, url, payload, &call))
        return (struct reply){.x = NULL};
    return client_end(&call);
}

bool client_register(struct client *c)
{
    CLEANUP(reply_done)
    struct reply r = client_post(c, "/acme/new-account", "{\"termsOfServiceAgreed\":true}");

    return r.x && r.status == 201 &&
           str_copyz(world_header(r.x, "Location"), c->kid, sizeof(c->kid)) == RC_OK;
}

bool client_order(struct client *c, const char *names, char order[static 256])
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(BODY_MAX);
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    struct str rest = str_of(names);
    struct json_out o;
    struct str name;

    json_out_init(&o, &payload, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "identifiers");
    json_arr(&o);
    while (str_next(&rest, ',', &name)) {
        json_obj(&o);
        json_kv_z(&o, "type", "dns");
        json_kv_str(&o, "value", name);
        json_end(&o);
    }
    json_end(&o);
    json_end(&o);
    r = client_post(c, "/acme/new-order", buf_z(&payload));
    return r.x && r.status == 201 && str_copyz(world_header(r.x, "Location"), order, 256) == RC_OK;
}

bool client_authorization(struct client *c, const char *order, char url[static 256])
{
    CLEANUP(reply_done) struct reply r = client_post(c, order, "");
    struct json_iter it = json_iter(json_get(r.json, "authorizations"));
    const struct json *v;
    struct str text;

    return json_next(&it, NULL, &v) && json_str(v, &text) == RC_OK &&
           str_copyz(text, url, 256) == RC_OK;
}

static bool challenge_of(struct client *c, struct str authz, char url[static URL_MAX])
{
    CLEANUP(reply_done) struct reply a = {.x = NULL};
    struct json_iter it;
    const struct json *challenge;
    struct str text;

    if (str_copyz(authz, url, URL_MAX) != RC_OK)
        return false;
    a = client_post(c, url, "");
    it = json_iter(json_get(a.json, "challenges"));
    return a.status == 200 && json_next(&it, NULL, &challenge) &&
           json_str(json_get(challenge, "url"), &text) == RC_OK &&
           str_copyz(text, url, URL_MAX) == RC_OK;
}

static bool ask_challenge(struct client *c, struct str authz)
{
    CLEANUP(reply_done) struct reply done = {.x = NULL};
    char url[URL_MAX];

    if (!challenge_of(c, authz, url))
        return false;
    done = client_post(c, url, "{}");
    return done.x && done.status == 200;
}

bool client_prove(struct client *c, const char *authorization)
{
    bool asked = ask_challenge(c, str_of(authorization));

    world_spin(c->w);
    return asked;
}

bool client_challenge(struct client *c, const char *order, char url[static 256])
{
    CLEANUP(reply_done) struct reply r = client_post(c, order, "");
    struct json_iter it = json_iter(json_get(r.json, "authorizations"));
    const struct json *authz;
    struct str text;

    return json_next(&it, NULL, &authz) && json_str(authz, &text) == RC_OK &&
           challenge_of(c, text, url);
}

bool client_validate(struct client *c, const char *order)
{
    CLEANUP(reply_done) struct reply r = client_post(c, order, "");
    struct json_iter it = json_iter(json_get(r.json, "authorizations"));
    const struct json *authz;
    struct str url;

    while (json_next(&it, NULL, &authz))
        if (json_str(authz, &url) != RC_OK || !ask_challenge(c, url))
            return false;
    world_spin(c->w);
    return r.status == 200;
}

bool client_csr_of(struct crypto_key *key, const char *names, struct buf *payload)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(BODY_MAX);
    struct str dns[NAMES_MAX];
    struct str rest = str_of(names);
    struct x509_csr_in in = {.dns = dns};
    struct json_out o;

    while (in.n_dns < NAMES_MAX && str_next(&rest, ',', &dns[in.n_dns]))
        in.n_dns++;
    in.key = key;
    if (x509_csr_build(&in, &der, NULL) != RC_OK)
        return false;
    json_out_init(&o, payload, JSON_COMPACT);
    json_obj(&o);
    json_kv_b64url(&o, "csr", buf_str(&der));
    json_end(&o);
    return json_out_done(&o) == RC_OK;
}

bool client_csr(const char *names, struct buf *payload)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    return crypto_key_generate(spec, &key) == RC_OK && client_csr_of(key, names, payload);
}

struct reply client_finalize(struct client *c, const char *order, const char *names)
{
    CLEANUP(buf_done) struct buf payload = BUF_INIT(BODY_MAX);
    char url[URL_MAX * 2];

    if (!client_csr(names, &payload))
        return (struct reply){.x = NULL};
    snprintf(url, sizeof(url), "%s/finalize", order);
    return client_post(c, url, buf_z(&payload));
}

struct reply client_certificate(struct client *c, const char *names)
{
    CLEANUP(reply_done) struct reply r = {.x = NULL};
    char order[URL_MAX];
    char url[URL_MAX];

    if (!client_order(c, names, order) || !client_validate(c, order))
        return (struct reply){.x = NULL};
    r = client_finalize(c, order, names);
    if (!r.x || str_copyz(reply_text(&r, "certificate"), url, sizeof(url)) != RC_OK)
        return (struct reply){.x = NULL};
    return client_post(c, url, "");
}

struct str reply_text(const struct reply *r, const char *member)
{
    struct str s = STR("");

    IGNORE_RC(json_str(json_get(r->json, member), &s)); /* the test sees "" */
    return s;
}

struct str reply_problem(const struct reply *r)
{
    struct str type = reply_text(r, "type");
    struct str prefix = STR("urn:ietf:params:acme:error:");

    return str_starts(type, prefix) ? str_skip(type, prefix.n) : STR("");
}

bool client_renewal_id(const struct x509_cert *cert, char out[static 128])
{
    CLEANUP(buf_done) struct buf id = BUF_INIT(127);

    text_b64url(&id, cert->aki);
    buf_u8(&id, '.');
    text_b64url(&id, x509_serial_bytes(&cert->serial));
    return buf_rc(&id) == RC_OK && str_copyz(buf_str(&id), out, 128) == RC_OK;
}
