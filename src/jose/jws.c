/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/jws.h"

#include "base/text.h"
#include "crypto/sign.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_body, "jose.jws-body",
    "the body is not a JWS in flattened JSON (RFC 7515 section 7.2.2): an object with exactly the "
    "texts \"protected\", \"payload\" and \"signature\", each base64url");
MSG(msg_header, "jose.jws-header",
    "the protected header of the JWS is not a JSON object in base64url of at most 16 KiB");
MSG(msg_member, "jose.jws-header-member",
    "\"{0}\" in the protected header of the JWS is not a text, or is empty, or is too long");
MSG(msg_missing, "jose.jws-header-missing",
    "RFC 8555 6.2: the protected header of the JWS has no \"{0}\"");
MSG(msg_forbidden, "jose.jws-header-forbidden",
    "RFC 8555 6.2: \"{0}\" may not be in the protected header of the JWS here");
MSG(msg_which_key, "jose.jws-which-key",
    "RFC 8555 6.2: the protected header of the JWS must have either \"jwk\" or \"kid\"");
MSG(msg_nonce, "jose.jws-nonce", "RFC 8555 6.5.2: the nonce is not base64url");
MSG(msg_alg, "jose.jws-alg",
    "the signature algorithm \"{0}\" is not supported; use RS256, ES256 or ES384");
MSG(msg_alg_key, "jose.jws-alg-key",
    "the signature algorithm {0} does not belong to the key, which is {1}");
MSG(msg_signature, "jose.jws-signature", "the signature of the JWS is wrong");

/* RFC 7518 section 3.1. One key type each: an algorithm that would fit several is a confusion
 * waiting to happen. */
static const struct {
    const char *name;
    enum crypto_sig_alg sig;
    enum crypto_key_type type;
} algs[JOSE_ALG_COUNT] = {
    [JOSE_RS256] = {"RS256", CRYPTO_SIG_RSA_SHA256, CRYPTO_KEY_RSA},
    [JOSE_ES256] = {"ES256", CRYPTO_SIG_ECDSA_SHA256, CRYPTO_KEY_P256},
    [JOSE_ES384] = {"ES384", CRYPTO_SIG_ECDSA_SHA384, CRYPTO_KEY_P384},
};

static enum rc malformed(struct err *err, enum rc rc)
{
    return err_problem(err, rc, "malformed", 400);
}

const char *jose_alg_name(enum jose_alg alg)
{
    return alg > 0 && alg < JOSE_ALG_COUNT ? algs[alg].name : "?";
}

enum jose_alg jose_alg_find(struct str name)
{
    for (enum jose_alg a = JOSE_RS256; a < JOSE_ALG_COUNT; a++)
        if (str_eq(name, str_of(algs[a].name)))
            return a;
    return 0;
}

static enum rc check_alg_key(enum jose_alg alg, const struct crypto_key *key, struct err *err)
{
    if (algs[alg].type == crypto_key_type(key))
        return RC_OK;
    return err_problem(
        err,
        ERR(err, RC_UNSUPPORTED, msg_alg_key, str_of(algs[alg].name), str_of(crypto_key_text(key))),
        "badSignatureAlgorithm", 400);
}

/* ---- the three parts ---- */

static enum rc get_part(const struct json *body, const char *name, struct str *out, struct err *err)
{
    if (json_str(json_get(body, name), out) != RC_OK)
        return malformed(err, ERR(err, RC_INVAL, msg_body));
    return RC_OK;
}

/* The decoded bytes, in the arena. RC_INVAL when it is no base64url. */
static enum rc decode(struct arena *a, struct str text, struct str *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(JOSE_JWS_MAX);
    enum rc rc;

    rc = text_unb64url(text, &bytes);
    if (rc == RC_PARSE)
        return RC_INVAL;
    TRY(rc);
    return arena_str(a, buf_str(&bytes), out);
}

static enum rc decode_part(struct arena *a, struct str text, struct str *out, struct err *err)
{
    enum rc rc = decode(a, text, out);

    return rc == RC_INVAL ? malformed(err, ERR(err, rc, msg_body)) : rc;
}

/* What is signed, RFC 7515 section 5.1: the two texts as they came. */
static enum rc join(struct arena *a, struct str protected, struct str payload, struct str *out)
{
    *out = arena_printf(a, "%.*s.%.*s", STR_ARG(protected), STR_ARG(payload));
    return out->p ? RC_OK : RC_NOMEM;
}

/* ---- the protected header ---- */

/* Absent: *out is empty. */
static enum rc get_text(struct arena *a, const struct json *header, const char *name, size_t max,
                        struct str *out, struct err *err)
{
    const struct json *v = json_get(header, name);
    struct str text;

    *out = (struct str){NULL, 0};
    if (!v)
        return RC_OK;
    if (json_str(v, &text) != RC_OK || text.n == 0 || text.n > max)
        return malformed(err, ERR(err, RC_INVAL, msg_member, str_of(name)));
    return arena_str(a, text, out);
}

static enum rc read_alg(const struct json *header, enum jose_alg *out, struct err *err)
{
    const struct json *v = json_get(header, "alg");
    struct str text;

    if (!v)
        return malformed(err, ERR(err, RC_INVAL, msg_missing, STR("alg")));
    if (json_str(v, &text) != RC_OK)
        return malformed(err, ERR(err, RC_INVAL, msg_member, STR("alg")));
    *out = jose_alg_find(text);
    if (*out == 0)
        return err_problem(err, ERR(err, RC_UNSUPPORTED, msg_alg, text), "badSignatureAlgorithm",
                           400);
    return RC_OK;
}

/* crit asks to understand what we do not (RFC 7515 section 4.1.11), b64 changes what is signed (RFC
 * 7797); the others bring a key by ways that nothing here may follow. */
static enum rc check_forbidden(const struct json *header, enum jose_kind kind, struct err *err)
{
    static const char *const names[] = {"crit", "b64", "jku", "x5u", "x5c"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_get(header, names[i]))
            return malformed(err, ERR(err, RC_INVAL, msg_forbidden, str_of(names[i])));
    if (kind == JOSE_INNER && json_get(header, "nonce"))
        return malformed(err, ERR(err, RC_INVAL, msg_forbidden, STR("nonce")));
    return RC_OK;
}

static bool is_b64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return s.n > 0;
}

static enum rc read_texts(struct arena *a, const struct json *header, enum jose_kind kind,
                          struct jose_jws *j, struct err *err)
{
    TRY(get_text(a, header, "nonce", JOSE_NONCE_MAX, &j->nonce, err));
    TRY(get_text(a, header, "url", JOSE_URL_MAX, &j->url, err));
    TRY(get_text(a, header, "kid", JOSE_KID_MAX, &j->kid, err));
    if (j->url.n == 0)
        return malformed(err, ERR(err, RC_INVAL, msg_missing, STR("url")));
    /* A missing nonce is badNonce, so that the client gets one and tries again (RFC 8555
     * section 6.5.2). */
    if (kind == JOSE_REQUEST && j->nonce.n == 0)
        return err_problem(err, ERR(err, RC_INVAL, msg_missing, STR("nonce")), "badNonce", 400);
    if (j->nonce.n && !is_b64url(j->nonce))
        return err_problem(err, ERR(err, RC_INVAL, msg_nonce), "badNonce", 400);
    return RC_OK;
}

static enum rc read_jwk(const struct json *header, enum jose_kind kind, struct jose_jws *j,
                        struct err *err)
{
    const struct json *jwk = json_get(header, "jwk");

    if (!jwk == (j->kid.n == 0))
        return malformed(err, ERR(err, RC_INVAL, msg_which_key));
    if (!jwk)
        return kind == JOSE_INNER ? malformed(err, ERR(err, RC_INVAL, msg_missing, STR("jwk")))
                                  : RC_OK;
    TRY(jose_jwk_read(jwk, &j->jwk, err));
    return check_alg_key(j->alg, jose_jwk_key(j->jwk), err);
}

static enum rc read_header(struct arena *a, struct str json, enum jose_kind kind,
                           struct jose_jws *j, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *header;
    enum rc rc = json_parse(json, JOSE_HEADER_MAX, &doc, NULL);

    if (rc == RC_PARSE || rc == RC_TOOBIG)
        return malformed(err, ERR(err, rc, msg_header));
    TRY(rc);
    header = json_root(doc);
    if (json_type(header) != JSON_OBJECT)
        return malformed(err, ERR(err, RC_INVAL, msg_header));
    TRY(check_forbidden(header, kind, err));
    TRY(read_alg(header, &j->alg, err));
    TRY(read_texts(a, header, kind, j, err));
    return read_jwk(header, kind, j, err);
}

/* ---- the whole ---- */

static enum rc read_body(struct arena *a, const struct json *body, enum jose_kind kind,
                         struct jose_jws *j, struct err *err)
{
    struct str protected, payload, signature, header;

    /* Exactly three: no "header", no "signatures", nothing that someone else might give a meaning.
     */
    if (json_type(body) != JSON_OBJECT || json_len(body) != 3)
        return malformed(err, ERR(err, RC_INVAL, msg_body));
    TRY(get_part(body, "protected", &protected, err));
    TRY(get_part(body, "payload", &payload, err));
    TRY(get_part(body, "signature", &signature, err));
    TRY(decode_part(a, protected, &header, err));
    TRY(decode_part(a, payload, &j->payload, err));
    TRY(decode_part(a, signature, &j->signature, err));
    TRY(join(a, protected, payload, &j->signed_part));
    return read_header(a, header, kind, j, err);
}

enum rc jose_jws_parse(struct arena *a, struct str body, enum jose_kind kind, struct jose_jws *out,
                       struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(jose_jws_done) struct jose_jws j = {.jwk = NULL};
    enum rc rc = json_parse(body, JOSE_JWS_MAX, &doc, err);

    if (rc == RC_PARSE || rc == RC_TOOBIG)
        return malformed(err, rc);
    TRY(rc);
    TRY(read_body(a, json_root(doc), kind, &j, err));
    *out = j;
    j.jwk = NULL;
    return RC_OK;
}

void jose_jws_done(struct jose_jws *j)
{
    jose_jwk_free(j->jwk);
    j->jwk = NULL;
}

enum rc jose_jws_verify(const struct jose_jws *j, const struct crypto_key *key, struct err *err)
{
    enum rc rc;

    TRY(check_alg_key(j->alg, key, err));
    rc = crypto_verify(key, algs[j->alg].sig, CRYPTO_SIG_RAW, j->signed_part, j->signature);
    return rc == RC_DENIED ? malformed(err, ERR(err, rc, msg_signature)) : rc;
}

/* ---- signing ---- */

static enum jose_alg alg_of(const struct crypto_key *k)
{
    for (enum jose_alg a = JOSE_RS256; a < JOSE_ALG_COUNT; a++)
        if (algs[a].type == crypto_key_type(k))
            return a;
    return 0;
}

static enum rc put_header(const struct jose_jws_in *in, enum jose_alg alg, struct buf *out)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *jwk = NULL;
    struct json_out o;

    TRY(jose_jwk_from_key(in->key, &jwk));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "alg", algs[alg].name);
    if (in->kid.n) {
        json_kv_str(&o, "kid", in->kid);
    } else {
        json_key(&o, "jwk");
        json_put_raw(&o, jose_jwk_json(jwk));
    }
    if (in->nonce.n)
        json_kv_str(&o, "nonce", in->nonce);
    json_kv_str(&o, "url", in->url);
    json_end(&o);
    return json_out_done(&o);
}

enum rc jose_jws_sign(const struct jose_jws_in *in, struct buf *out)
{
    CLEANUP(buf_done) struct buf header = BUF_INIT(JOSE_HEADER_MAX);
    CLEANUP(buf_done) struct buf part = BUF_INIT(JOSE_JWS_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    enum jose_alg alg = alg_of(in->key);
    size_t dot;
    struct json_out o;

    if (alg == 0)
        return RC_UNSUPPORTED;
    TRY(put_header(in, alg, &header));
    text_b64url(&part, buf_str(&header));
    dot = buf_str(&part).n;
    buf_u8(&part, '.');
    text_b64url(&part, in->payload);
    TRY(buf_rc(&part));
    TRY(crypto_sign(in->key, algs[alg].sig, CRYPTO_SIG_RAW, buf_str(&part), &sig));
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "protected", str_head(buf_str(&part), dot));
    json_kv_str(&o, "payload", str_skip(buf_str(&part), dot + 1));
    json_kv_b64url(&o, "signature", buf_str(&sig));
    json_end(&o);
    return json_out_done(&o);
}
