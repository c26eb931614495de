/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 sections 7.1.1 and 7.2: what there is, and nonces. */
#include "acme/acme_int.h"

static void put_meta(struct json_out *o, const struct conf *conf)
{
    json_key(o, "meta");
    json_obj(o);
    if (conf->acme.terms_of_service.n)
        json_kv_str(o, "termsOfService", conf->acme.terms_of_service);
    if (conf->acme.website.n)
        json_kv_str(o, "website", conf->acme.website);
    if (conf->validation.caa != CONF_CAA_OFF) {
        json_key(o, "caaIdentities");
        json_arr(o);
        for (size_t i = 0; i < conf->acme.identities.n; i++)
            json_put_str(o, conf->acme.identities.p[i]);
        json_end(o);
    }
    json_kv_bool(o, "externalAccountRequired", false);
    json_end(o);
}

enum rc acme_directory(struct acme_request *r)
{
    static const struct {
        const char *name;
        const char *path;
    } entries[] = {
        {"newNonce", "/acme/new-nonce"},
        {"newAccount", "/acme/new-account"},
        {"newOrder", "/acme/new-order"},
        {"revokeCert", "/acme/revoke-cert"},
    };
    struct json_out o = acme_reply_begin(r);

    json_obj(&o);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        json_key(&o, entries[i].name);
        acme_put_url(&o, r, entries[i].path, NULL, NULL);
    }
    put_meta(&o, r->acme->conf);
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
