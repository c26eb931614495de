/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 sections 7.1.1 and 7.2: what there is, and nonces. */
#include "acme/parts_int.h"
#include "acme/star.h"

enum { PROFILE_TEXT_MAX = 256, PREFIX_MAX = 4096 };

/* draft-ietf-acme-profiles: names, and what to think of them. */
static void put_profile(struct json_out *o, const struct conf_profile *profile)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(PROFILE_TEXT_MAX);
    const char *between = " to ";

    buf_putz(&text, "valid for ");
    when_put_span(&text, profile->lifetime);
    buf_putz(&text, ", given");
    for (unsigned k = 0; k < CONF_KEY_COUNT; k++)
        if (profile->key_algorithms & (1u << k)) {
            buf_printf(&text, "%s%s", between, conf_key_algorithm_name(k));
            between = ", ";
        }
    buf_putz(&text, " keys");
    json_key_str(o, profile->name);
    json_put_str(o, buf_str(&text));
}

void acme_put_issuers(struct json_out *o, const struct conf *conf, const char *key)
{
    json_key(o, key);
    json_arr(o);
    for (size_t i = 0; i < conf->acme.identities.n; i++)
        json_put_str(o, conf->acme.identities.p[i]);
    json_end(o);
}

static bool offers(const struct conf *conf, enum conf_challenge challenge)
{
    for (size_t i = 0; i < conf->n_policy; i++)
        if (conf->policy[i].challenges & 1u << challenge)
            return true;
    return false;
}

/* draft-ietf-acme-dns-persist-02 sections 3.2 and 4.1: enough to write a record before any order.
 */
static void put_persist(struct json_out *o, const struct conf *conf)
{
    CLEANUP(buf_done) struct buf prefix = BUF_INIT(PREFIX_MAX);

    acme_put_issuers(o, conf, "issuerDomainNames");
    buf_puts(&prefix, conf->urls.api);
    buf_putz(&prefix, CONF_ACCOUNT_HASH);
    json_key(o, "accountHashPrefix");
    json_put_str(o, buf_str(&prefix));
}

static void put_meta(struct json_out *o, const struct acme_request *r)
{
    const struct conf *conf = r->acme->conf;

    json_key(o, "meta");
    json_obj(o);
    if (conf->acme.terms_of_service.n)
        json_kv_str(o, "termsOfService", conf->acme.terms_of_service);
    if (conf->acme.website.n)
        json_kv_str(o, "website", conf->acme.website);
    if (conf->validation.caa != CONF_CAA_OFF)
        acme_put_issuers(o, conf, "caaIdentities");
    if (offers(conf, CONF_CHALLENGE_DNS_PERSIST_01))
        put_persist(o, conf);
    json_kv_bool(o, "externalAccountRequired", conf->acme.eab == CONF_BINDING_REQUIRED);
    if (r->acme->options.preflight && !r->staging && !acme_is_private(r))
        json_kv_str(o, "preflight",
                    arena_printf(r->arena, "%.*s" ACME_PREFLIGHT_PATH, STR_ARG(r->base)));
    if (acme_subdomains_offered(conf))
        json_kv_bool(o, "subdomainAuthAllowed", true);
    acme_star_put_meta(o, conf);
    json_key(o, "profiles");
    json_obj(o);
    for (size_t i = 0; i < conf->n_profiles; i++)
        put_profile(o, &conf->profiles[i]);
    json_end(o);
    json_end(o);
}

enum rc acme_directory(struct acme_request *r)
{
    static const struct {
        const char *name;
        const char *path;
    } entries[] = {
        {"newNonce", "/acme/new-nonce"},       {"newAccount", "/acme/new-account"},
        {"newOrder", "/acme/new-order"},       {"newAuthz", "/acme/new-authz"},
        {"revokeCert", "/acme/revoke-cert"},   {"keyChange", "/acme/key-change"},
        {"renewalInfo", "/acme/renewal-info"},
    };
    struct json_out o = acme_reply_begin(r);

    json_obj(&o);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        json_key(&o, entries[i].name);
        acme_put_url(&o, r, entries[i].path, NULL, NULL);
    }
    put_meta(&o, r);
    json_end(&o);
    TRY(json_out_done(&o));
    acme_reply_json(r, 200);
    return RC_OK;
}

enum rc acme_new_nonce(struct acme_request *r)
{
    buf_reset(&r->x->res.body);
    acme_reply_json(r, str_eq(r->x->req.method, STR("HEAD")) ? 200 : 204);
    return RC_OK;
}
