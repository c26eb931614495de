/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/eab.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_body, "jose.eab-body",
    "\"externalAccountBinding\" is not a JWS in flattened JSON: an object with exactly the texts "
    "\"protected\", \"payload\" and \"signature\", each base64url");
MSG(msg_header, "jose.eab-header",
    "the protected header of \"externalAccountBinding\" is not a JSON object with exactly \"alg\", "
    "\"kid\" and \"url\" (RFC 8555 section 7.3.4)");
MSG(msg_alg, "jose.eab-alg",
    "\"alg\" in \"externalAccountBinding\" is \"{0}\"; a binding is made with HS256, under the key "
    "that came with the kid");
MSG(msg_signature, "jose.eab-signature",
    "\"externalAccountBinding\" was not signed with the key that came with its kid; look whether "
    "the key was copied whole, and is decoded from base64url");

static enum rc malformed(struct err *err, enum rc rc)
{
    return err_problem(err, rc, "malformed", 400);
}

static enum rc part(struct arena *a, const struct json *object, const char *name, size_t max,
                    struct str *out_text, struct str *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(max);

    if (json_str(json_get(object, name), out_text) != RC_OK)
        return RC_INVAL;
    TRY(text_unb64url(*out_text, &bytes));
    return arena_str(a, buf_str(&bytes), out);
}

static enum rc text(struct arena *a, const struct json *header, const char *name, size_t max,
                    struct str *out, struct err *err)
{
    struct str s;

    if (json_str(json_get(header, name), &s) != RC_OK || s.n == 0 || s.n > max)
        return malformed(err, ERR(err, RC_INVAL, msg_header));
    return arena_str(a, s, out);
}

/* Exactly three members, so that nothing is there that somebody else might give a meaning. */
static enum rc read_header(struct arena *a, struct str json, struct jose_eab *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *header;
    struct str alg;
    enum rc rc = json_parse(json, JOSE_EAB_HEADER_MAX, &doc, NULL);

    if (rc == RC_NOMEM)
        return rc;
    header = rc == RC_OK ? json_root(doc) : NULL;
    if (json_type(header) != JSON_OBJECT || json_len(header) != 3)
        return malformed(err, ERR(err, RC_INVAL, msg_header));
    TRY(text(a, header, "alg", JOSE_EAB_KID_MAX, &alg, err));
    TRY(text(a, header, "kid", JOSE_EAB_KID_MAX, &out->kid, err));
    TRY(text(a, header, "url", JOSE_EAB_HEADER_MAX, &out->url, err));
    if (!str_eq(alg, STR("HS256")))
        return err_problem(err, ERR(err, RC_UNSUPPORTED, msg_alg, alg), "badSignatureAlgorithm",
                           400);
    return RC_OK;
}

enum rc jose_eab_parse(struct arena *a, const struct json *object, struct jose_eab *out,
                       struct err *err)
{
    struct str protected = {NULL, 0}, payload = {NULL, 0}, signature, header;
    struct jose_eab e = {};
    enum rc rc = json_type(object) == JSON_OBJECT && json_len(object) == 3 ? RC_OK : RC_INVAL;

    if (rc == RC_OK)
        rc = part(a, object, "protected", JOSE_EAB_HEADER_MAX, &protected, &header);
    if (rc == RC_OK)
        rc = part(a, object, "payload", JOSE_EAB_PAYLOAD_MAX, &payload, &e.payload);
    if (rc == RC_OK)
        rc = part(a, object, "signature", CRYPTO_SHA256_BYTES, &signature, &e.signature);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return malformed(err, ERR(err, rc, msg_body));
    TRY(read_header(a, header, &e, err));
    e.signed_part = arena_printf(a, "%.*s.%.*s", STR_ARG(protected), STR_ARG(payload));
    if (!e.signed_part.p)
        return RC_NOMEM;
    *out = e;
    return RC_OK;
}

enum rc jose_eab_verify(const struct jose_eab *e, struct str key, struct err *err)
{
    unsigned char mac[CRYPTO_SHA256_BYTES];

    TRY(crypto_hmac_sha256(key, e->signed_part, mac));
    if (str_eq_ct(e->signature, str_bytes(mac, sizeof(mac))))
        return RC_OK;
    return malformed(err, ERR(err, RC_DENIED, msg_signature));
}

static enum rc put_header(const struct jose_eab_in *in, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "alg", "HS256");
    json_kv_str(&o, "kid", in->kid);
    json_kv_str(&o, "url", in->url);
    json_end(&o);
    return json_out_done(&o);
}

enum rc jose_eab_sign(const struct jose_eab_in *in, struct buf *out)
{
    CLEANUP(buf_done) struct buf header = BUF_INIT(JOSE_EAB_HEADER_MAX);
    CLEANUP(buf_done) struct buf part = BUF_INIT(2 * (JOSE_EAB_HEADER_MAX + JOSE_EAB_PAYLOAD_MAX));
    unsigned char mac[CRYPTO_SHA256_BYTES];
    struct str protected, payload;
    struct json_out o;

    if (in->kid.n == 0 || in->kid.n > JOSE_EAB_KID_MAX)
        return RC_INVAL;
    TRY(put_header(in, &header));
    text_b64url(&part, buf_str(&header));
    buf_u8(&part, '.');
    text_b64url(&part, in->jwk);
    TRY(buf_rc(&part));
    TRY(crypto_hmac_sha256(in->key, buf_str(&part), mac));
    str_cut(buf_str(&part), '.', &protected, &payload);
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "protected", protected);
    json_kv_str(&o, "payload", payload);
    json_kv_b64url(&o, "signature", str_bytes(mac, sizeof(mac)));
    json_end(&o);
    return json_out_done(&o);
}
