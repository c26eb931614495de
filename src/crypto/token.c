/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/token.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "crypto/crypto.h"
#include "crypto/sign.h"
#include "crypto/token_int.h"

MSG(msg_provider, "crypto.token-provider",
    "keys in PKCS#11 tokens need OpenSSL's provider for them, which is not installed: {0} was "
    "looked for; install the package pkcs11-provider");
MSG(msg_load, "crypto.token-load", "OpenSSL's provider for PKCS#11 does not take the module {0}");
MSG(msg_pin_form, "crypto.token-pin-form",
    "a PIN has 1 to 255 characters, none of them a zero byte");
MSG(msg_exists, "crypto.token-exists",
    "the token \"{0}\" already has a key \"{1}\"; nothing is overwritten: remove it with the "
    "vendor's tool, or take another name");
MSG(msg_none, "crypto.token-no-key", "the token \"{0}\" has no private key that matches {1}");
MSG(msg_many, "crypto.token-many-keys",
    "the token \"{0}\" has more than one private key that matches {1}; add its id");
MSG(msg_kind, "crypto.token-kind",
    "the token \"{0}\" cannot be used for {1} keys; RSA and EC P-256 and P-384 can be");
MSG(msg_pair, "crypto.token-pair",
    "the private key in the token \"{0}\" does not belong to the public key beside it");

DEFINE_FREEP(OSSL_STORE_INFO_free, OSSL_STORE_INFO)

struct crypto_token {
    atomic_uint refs;
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *base, *pkcs11;
    char name[CRYPTO_TOKEN_LABEL + 1];
    struct crypto_token_uri uri;
};

static const char *const from_token = CRYPTO_TOKEN_PROPERTIES;
/* Of what the provider has as well, this process does without. */
static const char *const blocked = "digest random";

enum { FIRST_PROVIDER_LIB = 128, ID_BYTES = 8, URI_TEXT = 3 * CRYPTO_TOKEN_URI_MAX };

/* The provider's reasons are Cryptoki's codes; OpenSSL's own libraries have lower numbers. */
enum rc crypto_token_failed(const char *what, const char *name, struct err *err)
{
    unsigned long e, rv = 0;

    while ((e = ERR_get_error()) != 0)
        if (!rv && ERR_GET_LIB(e) >= FIRST_PROVIDER_LIB)
            rv = (unsigned long)ERR_GET_REASON(e);
    return crypto_token_failure(rv, what, name, err);
}

OSSL_LIB_CTX *crypto_token_ctx(const struct crypto_token *t)
{
    return t->ctx;
}

/* The directory of modules that belongs to the libcrypto in this process. */
static enum rc find_provider(struct buf *dir, struct err *err)
{
    static const struct str file = STR("/pkcs11.so");
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096);
    Dl_info at;
    const char *slash;

    if (dladdr((const void *)(uintptr_t)OpenSSL_version, &at) == 0 || !at.dli_fname)
        return ERR(err, RC_UNSUPPORTED, msg_provider, STR("ossl-modules/pkcs11.so"));
    slash = strrchr(at.dli_fname, '/');
    buf_puts(dir, str_bytes(at.dli_fname, slash ? (size_t)(slash - at.dli_fname) : 0));
    buf_putz(dir, "/ossl-modules");
    buf_puts(&path, buf_str(dir));
    buf_puts(&path, file);
    TRY(buf_rc(&path));
    if (access(buf_z(&path), R_OK) != 0)
        return ERR(err, RC_UNSUPPORTED, msg_provider, buf_str(&path));
    return RC_OK;
}

static OSSL_PARAM text_param(const char *name, const char *value)
{
    /* OpenSSL takes it as one that it does not write to. */
    return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

/* The provider keeps the PIN for sessions that it has to open again. */
static enum rc load_provider(struct crypto_token *t, const struct crypto_token_at *at,
                             struct secret *pin, struct err *err)
{
    CLEANUP(buf_done) struct buf dir = BUF_INIT(4096);
    CLEANUP(secret_freep) struct secret *z = NULL;
    OSSL_PARAM params[5];

    TRY(find_provider(&dir, err));
    TRY(secret_new(secret_len(pin) + 1, &z));
    memcpy(secret_bytes(z), secret_bytes(pin), secret_len(pin));
    params[0] = text_param("pkcs11-module-path", at->module);
    params[1] = text_param("pkcs11-module-token-pin", (const char *)secret_bytes(z));
    params[2] = text_param("pkcs11-module-load-behavior", "early");
    params[3] = text_param("pkcs11-module-block-operations", blocked);
    params[4] = OSSL_PARAM_construct_end();
    t->ctx = OSSL_LIB_CTX_new();
    if (!t->ctx || OSSL_PROVIDER_set_default_search_path(t->ctx, buf_z(&dir)) != 1)
        return RC_CRYPTO;
    t->base = OSSL_PROVIDER_load(t->ctx, "default");
    if (!t->base)
        return RC_CRYPTO;
    t->pkcs11 = OSSL_PROVIDER_load_ex(t->ctx, "pkcs11", params);
    return t->pkcs11 ? RC_OK : ERR(err, RC_UNSUPPORTED, msg_load, str_of(at->module));
}

enum rc crypto_token_open(const struct crypto_token_at *at, struct secret *pin,
                          struct crypto_token **out, struct err *err)
{
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(buf_done) struct buf address = BUF_INIT(256);
    CLEANUP(buf_done) struct buf dir = BUF_INIT(4096);
    enum rc rc;

    if (!crypto_token_prepare() || secret_len(pin) > CRYPTO_PIN_MAX ||
        memchr(secret_bytes(pin), 0, secret_len(pin)))
        return ERR(err, RC_INVAL, msg_pin_form);
    TRY(find_provider(&dir, err)); /* before a PIN is tried for nothing */
    buf_printf(&address, "unix:path=%s", at->server ? at->server : "");
    TRY(buf_rc(&address));
    if (at->server && setenv("P11_KIT_SERVER_ADDRESS", buf_z(&address), 1) != 0)
        return RC_NOMEM;
    t = MEM_NEW(struct crypto_token);
    if (!t)
        return RC_NOMEM;
    atomic_init(&t->refs, 1);
    TRY(crypto_token_probe(at, pin, t->name, err));
    t->uri = *at->uri;
    rc = load_provider(t, at, pin, err);
    crypto_ossl_clear();
    TRY(rc);
    *out = MOVE(t);
    return RC_OK;
}

struct crypto_token *crypto_token_ref(struct crypto_token *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void crypto_token_unref(struct crypto_token *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    if (t->pkcs11)
        OSSL_PROVIDER_unload(t->pkcs11);
    if (t->base)
        OSSL_PROVIDER_unload(t->base);
    OSSL_LIB_CTX_free(t->ctx);
    crypto_ossl_clear();
    mem_free(t);
}

/* ---- from the provider's key to ours */

static enum rc public_of(EVP_PKEY *pkey, struct crypto_key **out, struct err *err)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(pkey, &der);
    enum rc rc;

    if (n <= 0)
        return RC_CRYPTO;
    rc = crypto_key_from_spki(str_bytes(der, (size_t)n), out, err);
    OPENSSL_free(der);
    return rc;
}

static enum rc prove(const struct crypto_token *t, const struct crypto_key *k, struct err *err)
{
    static const struct str text = STR("autarky: does this key work?");
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    enum crypto_sig_alg alg = crypto_sig_default(k);

    TRY(crypto_sign(k, alg, CRYPTO_SIG_DER, text, &sig));
    if (crypto_verify(k, alg, CRYPTO_SIG_DER, text, buf_str(&sig)) != RC_OK)
        return ERR(err, RC_CORRUPT, msg_pair, str_of(t->name));
    return RC_OK;
}

/* Takes `pkey` over on success. */
static enum rc take(struct crypto_token *t, EVP_PKEY *pkey, struct crypto_key **out,
                    struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    enum rc rc = public_of(pkey, &k, err);

    if (rc == RC_CRYPTO)
        return crypto_token_failed("reading the public key", t->name, err);
    TRY(rc);
    TRY(crypto_key_bind_token(k, pkey, t));
    rc = prove(t, k, err);
    if (rc != RC_OK) {
        /* Else the caller's reference to `pkey` would be gone with `k`. */
        EVP_PKEY_up_ref(pkey);
        return rc == RC_CORRUPT ? rc : crypto_token_failure(0, "a first signature", t->name, err);
    }
    *out = MOVE(k);
    return RC_OK;
}

/* ---- finding */

/* The token's attributes as they were given, and the key's. */
static enum rc put_uri(const struct crypto_token *t, const struct crypto_token_uri *key,
                       struct buf *out)
{
    struct crypto_token_uri uri = t->uri;

    memcpy(uri.object, key->object, sizeof(uri.object));
    memcpy(uri.id, key->id, sizeof(uri.id));
    uri.id_n = key->id_n;
    if (!uri.token[0])
        memcpy(uri.token, t->name, sizeof(t->name));
    crypto_token_uri_put(&uri, out);
    return buf_rc(out);
}

static bool same_public(EVP_PKEY *a, EVP_PKEY *b)
{
    unsigned char *x = NULL, *y = NULL;
    int n = i2d_PUBKEY(a, &x), m = i2d_PUBKEY(b, &y);
    bool same = n > 0 && n == m && memcmp(x, y, (size_t)n) == 0;

    OPENSSL_free(x);
    OPENSSL_free(y);
    return same;
}

/* RC_NOTFOUND when there is none, RC_CONFLICT when there are several. What went before may have
 * left errors behind though it went well: the provider copies a key for later, which the module of
 * TPMs cannot do, and which it does without. */
static enum rc search(const struct crypto_token *t, const char *uri, EVP_PKEY **out,
                      struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *found = NULL;
    OSSL_STORE_CTX *store;
    size_t n = 0;

    crypto_ossl_clear();
    store = OSSL_STORE_open_ex(uri, t->ctx, from_token, NULL, NULL, NULL, NULL, NULL);
    if (!store)
        return crypto_token_failed("looking for a key", t->name, err);
    while (!OSSL_STORE_eof(store)) {
        CLEANUP(OSSL_STORE_INFO_freep) OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        EVP_PKEY *one;

        if (!info)
            break;
        if (OSSL_STORE_INFO_get_type(info) != OSSL_STORE_INFO_PKEY)
            continue;
        /* The provider may show one key twice: as found now, and as it knows it from before. */
        one = OSSL_STORE_INFO_get1_PKEY(info);
        n += !found || !same_public(found, one);
        if (found)
            EVP_PKEY_free(one);
        else
            found = one;
    }
    OSSL_STORE_close(store);
    if (n == 0 && ERR_peek_error() != 0)
        return crypto_token_failed("looking for a key", t->name, err);
    crypto_ossl_clear();
    if (n != 1)
        return n ? RC_CONFLICT : RC_NOTFOUND;
    *out = MOVE(found);
    return RC_OK;
}

enum rc crypto_token_find(struct crypto_token *t, const struct crypto_token_uri *key,
                          struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    CLEANUP(buf_done) struct buf uri = BUF_INIT(URI_TEXT);
    CLEANUP(buf_done) struct buf query = BUF_INIT(URI_TEXT);
    enum rc rc;

    TRY(put_uri(t, key, &uri));
    buf_printf(&query, "%s;type=private", buf_z(&uri));
    TRY(buf_rc(&query));
    rc = search(t, buf_z(&query), &pkey, err);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_none, str_of(t->name), buf_str(&uri));
    if (rc == RC_CONFLICT)
        return ERR(err, rc, msg_many, str_of(t->name), buf_str(&uri));
    TRY(rc);
    TRY(take(t, pkey, out, err));
    pkey = NULL; /* now the key's */
    return RC_OK;
}

/* ---- making */

static const char *type_of(struct crypto_key_spec spec)
{
    if (spec.type == CRYPTO_KEY_RSA)
        return "RSA";
    if (spec.type == CRYPTO_KEY_ED25519)
        return "ED25519";
    return spec.type == CRYPTO_KEY_P256 || spec.type == CRYPTO_KEY_P384 ? "EC" : NULL;
}

/* What a key is made for. The module of TPMs makes none of RSA that is for signatures alone: there,
 * a key that signs can decrypt as well. */
static const char *const for_signatures = "digitalSignature";
static const char *const for_both = "digitalSignature dataEncipherment";

static EVP_PKEY *generate_for(const struct crypto_token *t, struct crypto_key_spec spec,
                              const char *uri, const char *usage)
{
    CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(t->ctx, type_of(spec), from_token);
    EVP_PKEY *pkey = NULL;
    size_t bits = spec.bits;
    OSSL_PARAM params[4];
    size_t n = 0;

    params[n++] = text_param("pkcs11_uri", uri);
    params[n++] = text_param("pkcs11_key_usage", usage);
    if (spec.type == CRYPTO_KEY_RSA)
        params[n++] = OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits);
    else if (spec.type != CRYPTO_KEY_ED25519)
        params[n++] = text_param(OSSL_PKEY_PARAM_GROUP_NAME,
                                 spec.type == CRYPTO_KEY_P256 ? "P-256" : "P-384");
    params[n] = OSSL_PARAM_construct_end();
    if (!c || EVP_PKEY_keygen_init(c) != 1 || EVP_PKEY_CTX_set_params(c, params) != 1 ||
        EVP_PKEY_generate(c, &pkey) != 1)
        return NULL;
    return pkey;
}

static EVP_PKEY *generate(const struct crypto_token *t, struct crypto_key_spec spec,
                          const char *uri)
{
    EVP_PKEY *pkey;

    crypto_ossl_clear();
    pkey = generate_for(t, spec, uri, for_signatures);
    return pkey || spec.type != CRYPTO_KEY_RSA ? pkey : generate_for(t, spec, uri, for_both);
}

/* Neither half of a pair of that name may be there. */
static enum rc check_free(const struct crypto_token *t, struct str label, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *there = NULL;
    CLEANUP(buf_done) struct buf uri = BUF_INIT(URI_TEXT);
    struct crypto_token_uri key = {};
    enum rc rc;

    TRY(str_copyz(label, key.object, sizeof(key.object)));
    TRY(put_uri(t, &key, &uri));
    rc = search(t, buf_z(&uri), &there, err);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc == RC_OK || rc == RC_CONFLICT)
        return ERR(err, RC_EXISTS, msg_exists, str_of(t->name), label);
    return rc;
}

enum rc crypto_token_generate(struct crypto_token *t, struct crypto_key_spec spec, struct str label,
                              struct buf *uri, struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(URI_TEXT);
    struct crypto_token_uri key = {.id_n = ID_BYTES};

    if (!type_of(spec))
        return ERR(err, RC_UNSUPPORTED, msg_kind, str_of(t->name), STR("these"));
    if (label.n == 0)
        return RC_INVAL;
    TRY(check_free(t, label, err));
    TRY(str_copyz(label, key.object, sizeof(key.object)));
    TRY(crypto_random(key.id, ID_BYTES));
    TRY(put_uri(t, &key, &text));
    pkey = generate(t, spec, buf_z(&text));
    if (!pkey)
        return crypto_token_failed("making a key", t->name, err);
    TRY(take(t, pkey, out, err));
    pkey = NULL; /* now the key's */
    buf_puts(uri, buf_str(&text));
    return buf_rc(uri);
}
