/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/jwk.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/weak.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_member, "jose.jwk-member", "the JWK has no text \"{0}\", or it is not base64url");
MSG(msg_private, "jose.jwk-private",
    "the JWK holds \"{0}\": a private key was sent; it is not secret any more, make a new one");
MSG(msg_kty, "jose.jwk-kty", "keys of type \"{0}\" are not supported; use RSA, EC or OKP");
MSG(msg_crv, "jose.jwk-crv",
    "the curve \"{0}\" is not supported; use P-256 or P-384 (EC), or Ed25519 (OKP)");
MSG(msg_use, "jose.jwk-use", "the JWK is not meant for signatures: \"{0}\" is \"{1}\"");
MSG(msg_alg, "jose.jwk-alg",
    "the JWK says \"alg\" \"{0}\", which does not belong to its type of key");
MSG(msg_object, "jose.jwk-object", "the JWK is not a JSON object");

enum { NUMBER_MAX = CRYPTO_RSA_BITS_MAX / 8 };

struct jose_jwk {
    struct crypto_key *key;
    struct buf json;
    char thumbprint[JOSE_THUMBPRINT + 1];
};

/* ---- reading ---- */

/* The bytes of a member in base64url. */
static enum rc get_number(const struct json *o, const char *name, struct buf *out, struct err *err)
{
    struct str text;
    enum rc rc = json_str(json_get(o, name), &text);

    buf_init(out, NUMBER_MAX + 1);
    if (rc == RC_OK)
        rc = text_unb64url(text, out);
    if (rc == RC_NOMEM)
        return rc;
    return rc == RC_OK ? RC_OK : ERR(err, RC_INVAL, msg_member, str_of(name));
}

static enum rc get_text(const struct json *o, const char *name, struct str *out, struct err *err)
{
    return json_str(json_get(o, name), out) == RC_OK ? RC_OK
                                                     : ERR(err, RC_INVAL, msg_member, str_of(name));
}

static enum rc read_rsa(const struct json *o, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf n = {.p = NULL};
    CLEANUP(buf_done) struct buf e = {.p = NULL};

    TRY(get_number(o, "n", &n, err));
    TRY(get_number(o, "e", &e, err));
    return crypto_key_from_rsa(buf_str(&n), buf_str(&e), out, err);
}

static enum rc read_ec(const struct json *o, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf x = {.p = NULL};
    CLEANUP(buf_done) struct buf y = {.p = NULL};
    enum crypto_key_type type;
    struct str crv;

    TRY(get_text(o, "crv", &crv, err));
    if (str_eq(crv, STR("P-256")))
        type = CRYPTO_KEY_P256;
    else if (str_eq(crv, STR("P-384")))
        type = CRYPTO_KEY_P384;
    else
        return ERR(err, RC_UNSUPPORTED, msg_crv, crv);
    TRY(get_number(o, "x", &x, err));
    TRY(get_number(o, "y", &y, err));
    return crypto_key_from_ec(type, buf_str(&x), buf_str(&y), out, err);
}

static enum rc read_okp(const struct json *o, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf x = {.p = NULL};
    struct str crv;

    TRY(get_text(o, "crv", &crv, err));
    if (!str_eq(crv, STR("Ed25519")))
        return ERR(err, RC_UNSUPPORTED, msg_crv, crv);
    TRY(get_number(o, "x", &x, err));
    return crypto_key_from_ed25519(buf_str(&x), out, err);
}

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2: what only the owner of a key may
 * know. */
static enum rc check_private(const struct json *o, struct err *err)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_get(o, names[i]))
            return ERR(err, RC_INVAL, msg_private, str_of(names[i]));
    return RC_OK;
}

static bool alg_belongs(struct str alg, enum crypto_key_type type)
{
    switch (type) {
    case CRYPTO_KEY_RSA:
        return str_starts(alg, STR("RS")) || str_starts(alg, STR("PS"));
    case CRYPTO_KEY_P256:
        return str_eq(alg, STR("ES256"));
    case CRYPTO_KEY_P384:
        return str_eq(alg, STR("ES384"));
    case CRYPTO_KEY_ED25519:
        return str_eq(alg, STR("EdDSA")) || str_eq(alg, STR("Ed25519"));
    case CRYPTO_KEY_SM2:
    case CRYPTO_KEY_MLDSA44:
    case CRYPTO_KEY_MLDSA65:
    case CRYPTO_KEY_MLDSA87:
        break; /* no names of theirs are registered, or used by ACME clients */
    }
    return false;
}

/* RFC 7517 sections 4.2 to 4.4, where they are given. */
static enum rc check_purpose(const struct json *o, enum crypto_key_type type, struct err *err)
{
    const struct json *ops = json_get(o, "key_ops"), *op;
    struct json_iter it = json_iter(ops);
    bool verify = !ops;
    struct str v;

    if (json_get(o, "use")) {
        TRY(get_text(o, "use", &v, err));
        if (!str_eq(v, STR("sig")))
            return ERR(err, RC_INVAL, msg_use, STR("use"), v);
    }
    while (json_next(&it, NULL, &op))
        verify |= json_str(op, &v) == RC_OK && str_eq(v, STR("verify"));
    if (!verify)
        return ERR(err, RC_INVAL, msg_use, STR("key_ops"), STR("without \"verify\""));
    if (json_get(o, "alg")) {
        TRY(get_text(o, "alg", &v, err));
        if (!alg_belongs(v, type))
            return ERR(err, RC_INVAL, msg_alg, v);
    }
    return RC_OK;
}

static enum rc read_key(const struct json *o, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct str kty;

    TRY(check_private(o, err));
    TRY(get_text(o, "kty", &kty, err));
    if (str_eq(kty, STR("RSA")))
        TRY(read_rsa(o, &key, err));
    else if (str_eq(kty, STR("EC")))
        TRY(read_ec(o, &key, err));
    else if (str_eq(kty, STR("OKP")))
        TRY(read_okp(o, &key, err));
    else
        return ERR(err, RC_UNSUPPORTED, msg_kty, kty);
    TRY(check_purpose(o, crypto_key_type(key), err));
    TRY(crypto_weak_check(crypto_key_public(key), err));
    *out = MOVE(key);
    return RC_OK;
}

enum rc jose_jwk_read(const struct json *o, struct jose_jwk **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    enum rc rc;

    if (json_type(o) != JSON_OBJECT)
        return err_problem(err, ERR(err, RC_INVAL, msg_object), "malformed", 400);
    rc = read_key(o, &key, err);
    if (rc == RC_INVAL || rc == RC_UNSUPPORTED || rc == RC_DENIED)
        return err_problem(err, rc, "badPublicKey", 400);
    TRY(rc);
    return jose_jwk_from_key(key, out);
}

enum rc jose_jwk_parse(struct str json, struct jose_jwk **out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = json_parse(json, JOSE_JWK_MAX, &doc, err);

    if (rc == RC_PARSE || rc == RC_TOOBIG)
        return err_problem(err, rc, "malformed", 400);
    TRY(rc);
    return jose_jwk_read(json_root(doc), out, err);
}

/* ---- making ---- */

/* The members that RFC 7638 section 3.2 and RFC 8037 section 2 hash, in their order; it is also how
 * a key is stored and sent. */
static enum rc put_json(const struct crypto_key *k, struct buf *out)
{
    static const char *const curves[CRYPTO_KEY_TYPES] = {
        [CRYPTO_KEY_P256] = "P-256",
        [CRYPTO_KEY_P384] = "P-384",
        [CRYPTO_KEY_ED25519] = "Ed25519",
    };
    struct crypto_public key = crypto_key_public(k);
    struct json_out o;

    if (key.type != CRYPTO_KEY_RSA && !curves[key.type])
        return RC_UNSUPPORTED;
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    if (key.type == CRYPTO_KEY_RSA) {
        json_kv_b64url(&o, "e", key.b);
        json_kv_z(&o, "kty", "RSA");
        json_kv_b64url(&o, "n", key.a);
    } else {
        json_kv_z(&o, "crv", curves[key.type]);
        json_kv_z(&o, "kty", key.b.n ? "EC" : "OKP");
        json_kv_b64url(&o, "x", key.a);
        if (key.b.n)
            json_kv_b64url(&o, "y", key.b);
    }
    json_end(&o);
    return json_out_done(&o);
}

enum rc jose_jwk_from_key(struct crypto_key *k, struct jose_jwk **out)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *j = MEM_NEW(struct jose_jwk);
    CLEANUP(buf_done) struct buf text = BUF_INIT(JOSE_THUMBPRINT);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (!j)
        return RC_NOMEM;
    buf_init(&j->json, JOSE_JWK_MAX);
    j->key = crypto_key_ref(k);
    TRY(put_json(k, &j->json));
    TRY(crypto_sha256(buf_str(&j->json), digest));
    text_b64url(&text, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&text));
    TRY(str_copyz(buf_str(&text), j->thumbprint, sizeof(j->thumbprint)));
    *out = MOVE(j);
    return RC_OK;
}

void jose_jwk_free(struct jose_jwk *j)
{
    if (!j)
        return;
    crypto_key_unref(j->key);
    buf_done(&j->json);
    mem_free(j);
}

/* ---- looking ---- */

struct crypto_key *jose_jwk_key(const struct jose_jwk *j)
{
    return j->key;
}

struct str jose_jwk_json(const struct jose_jwk *j)
{
    return buf_str(&j->json);
}

const char *jose_jwk_thumbprint(const struct jose_jwk *j)
{
    return j->thumbprint;
}
