/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are in another process, as OpenSSL sees them: a provider of our own, in a library
 * context of its own so that nothing finds it that was not given one of its keys. It knows public
 * halves, for which it asks OpenSSL's own, and signs by asking and by letting the job in which
 * libssl runs the handshake sleep (SSL_MODE_ASYNC) until there is an answer. */
#include <stdint.h>
#include <string.h>

#include <openssl/async.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "tls/signing_int.h"

enum { ABOUT_MAX = 255, NAME_MAX_BYTES = 32 };

#define PARAM_KEY "autarky-key" /* at import: the address of a struct away */

struct away {
    unsigned refs;
    EVP_PKEY *public;
    const struct tls_signer *signer;
    unsigned char spki_sha256[TLS_SIGN_KEY];
    char about[ABOUT_MAX + 1];
};

/* What OpenSSL holds of one. */
struct holder {
    struct away *away; /* NULL until the import */
};

struct signature {
    const struct away *away;
    bool pss;
    char digest[NAME_MAX_BYTES]; /* as OpenSSL names it; "": the key's own way */
};

/* Whoever signs: the one thread of the process runs one handshake at a time. */
static _Thread_local struct tls_signing *current;

void tls_signing_for(struct tls_signing *s)
{
    current = s;
}

static void unref(struct away *a)
{
    if (!a || --a->refs)
        return;
    EVP_PKEY_free(a->public);
    mem_free(a);
}

/* ---- keys */

static void *key_new(void *)
{
    return MEM_NEW(struct holder);
}

static void key_free(void *key)
{
    struct holder *h = key;

    if (h)
        unref(h->away);
    mem_free(h);
}

static int key_has(const void *key, int)
{
    return key && ((const struct holder *)key)->away;
}

static int key_match(const void *a, const void *b, int)
{
    const struct holder *x = a, *y = b;

    return x->away && y->away && EVP_PKEY_eq(x->away->public, y->away->public) == 1;
}

static int key_import(void *key, int, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEY);
    struct holder *h = key;

    if (!p || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(h->away))
        return 0;
    memcpy(&h->away, p->data, sizeof(h->away));
    h->away->refs++;
    return 1;
}

static const OSSL_PARAM *key_import_types(int)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(PARAM_KEY, NULL, 0), OSSL_PARAM_END};

    return types;
}

/* Never the private half: then OpenSSL knows that another provider cannot sign with it. */
static int key_export(void *key, int selection, OSSL_CALLBACK *fn, void *arg)
{
    const struct holder *h = key;
    OSSL_PARAM *params = NULL;
    int ok;

    if (!h->away || selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ||
        EVP_PKEY_todata(h->away->public, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    ok = fn(params, arg);
    OSSL_PARAM_free(params);
    return ok;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    const struct holder *h = key;

    return h->away && EVP_PKEY_get_params(h->away->public, params);
}

static const OSSL_PARAM *key_gettable(void *)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    return types;
}

/* Names of keys are those of their signatures, but for this one. */
static const char *ec_operation(int)
{
    return "ECDSA";
}

/* ---- signatures */

static void *sign_new(void *, const char *)
{
    return MEM_NEW(struct signature);
}

static void sign_free(void *ctx)
{
    mem_free(ctx);
}

static int set_text(char out[static NAME_MAX_BYTES], const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n >= NAME_MAX_BYTES)
        return 0;
    memcpy(out, text ? text : "", n + 1);
    return 1;
}

static int set_padding(struct signature *s, const OSSL_PARAM *p)
{
    const char *text;
    int mode;

    if (p->data_type == OSSL_PARAM_INTEGER && OSSL_PARAM_get_int(p, &mode))
        s->pss = mode == RSA_PKCS1_PSS_PADDING;
    else if (OSSL_PARAM_get_utf8_string_ptr(p, &text) && text)
        s->pss = strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0;
    else
        return 0;
    return 1;
}

/* The salt is as long as the digest in TLS, and whoever signs makes it so. */
static int sign_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct signature *s = ctx;
    const OSSL_PARAM *pad, *md;
    const char *text;

    if (!params)
        return 1;
    pad = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    md = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (pad && !set_padding(s, pad))
        return 0;
    return !md || (OSSL_PARAM_get_utf8_string_ptr(md, &text) && set_text(s->digest, text));
}

static const OSSL_PARAM *sign_settable(void *, void *)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    return types;
}

static int sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signature *s = ctx;

    if (key)
        s->away = ((const struct holder *)key)->away;
    return s->away && set_text(s->digest, digest) && sign_set_params(ctx, params);
}

/* 0: none that is signed with here. */
static enum crypto_sig_alg algorithm_of(const struct signature *s)
{
    static const struct {
        const char *key, *digest;
        bool pss;
        enum crypto_sig_alg alg;
    } known[] = {
        {"RSA", "SHA256", false, CRYPTO_SIG_RSA_SHA256},
        {"RSA", "SHA384", false, CRYPTO_SIG_RSA_SHA384},
        {"RSA", "SHA512", false, CRYPTO_SIG_RSA_SHA512},
        {"RSA", "SHA256", true, CRYPTO_SIG_PSS_SHA256},
        {"RSA", "SHA384", true, CRYPTO_SIG_PSS_SHA384},
        {"RSA", "SHA512", true, CRYPTO_SIG_PSS_SHA512},
        {"EC", "SHA256", false, CRYPTO_SIG_ECDSA_SHA256},
        {"EC", "SHA384", false, CRYPTO_SIG_ECDSA_SHA384},
        {"EC", "SHA512", false, CRYPTO_SIG_ECDSA_SHA512},
        {"ML-DSA-44", "", false, CRYPTO_SIG_MLDSA44},
        {"ML-DSA-65", "", false, CRYPTO_SIG_MLDSA65},
        {"ML-DSA-87", "", false, CRYPTO_SIG_MLDSA87},
    };
    char digest[NAME_MAX_BYTES];
    size_t n = 0;

    /* "SHA2-256" and "SHA256" are one. */
    for (const char *c = s->digest; *c; c++)
        if (*c != '-' && !(*c == '2' && c[1] == '-'))
            digest[n++] = *c;
    digest[n] = '\0';
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (EVP_PKEY_is_a(s->away->public, known[i].key) && s->pss == known[i].pss &&
            OPENSSL_strcasecmp(digest, known[i].digest) == 0)
            return known[i].alg;
    return 0;
}

static bool ask(const struct signature *s, struct str message)
{
    const struct tls_sign_ask question = {
        .about = str_of(s->away->about),
        .spki_sha256 = str_bytes(s->away->spki_sha256, TLS_SIGN_KEY),
        .alg = algorithm_of(s),
        .message = message,
    };
    const struct tls_signer *signer = s->away->signer;

    if (!question.alg || message.n > TLS_SIGN_MESSAGE_MAX)
        return false;
    current->signer = signer;
    current->tag = NULL;
    current->state = TLS_SIGNING_ASKED;
    if (signer->ask(signer->arg, &question, current) == RC_OK)
        return true;
    current->state = TLS_SIGNING_FAILED;
    return false;
}

static int sign(void *ctx, unsigned char *out, size_t *out_n, size_t size,
                const unsigned char *message, size_t n)
{
    const struct signature *s = ctx;
    const struct buf *made;

    if (!out) {
        *out_n = (size_t)EVP_PKEY_get_size(s->away->public);
        return 1;
    }
    if (!current || current->state != TLS_SIGNING_IDLE || !ASYNC_get_current_job() ||
        !ask(s, str_bytes(message, n)))
        return 0;
    while (current->state == TLS_SIGNING_ASKED) {
        int ok = ASYNC_pause_job();

        tls_job_mark();
        if (!ok || !current)
            return 0;
    }
    made = &current->signature;
    if (current->state != TLS_SIGNING_DONE || made->n > size)
        return 0;
    memcpy(out, made->p, made->n);
    *out_n = made->n;
    return 1;
}

/* ---- the provider */

#define FN(id, fn)                                                                                 \
    {                                                                                              \
        id, (void (*)(void))(fn)                                                                   \
    }
#define KEY_FUNCTIONS                                                                              \
    FN(OSSL_FUNC_KEYMGMT_NEW, key_new), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),                      \
        FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_MATCH, key_match),                \
        FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                                  \
        FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                                      \
        FN(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                                  \
        FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_import_types),                                      \
        FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                                          \
        FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH keys[] = {KEY_FUNCTIONS, OSSL_DISPATCH_END};
static const OSSL_DISPATCH ec_keys[] = {
    KEY_FUNCTIONS, FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, ec_operation), OSSL_DISPATCH_END};
static const OSSL_DISPATCH signatures[] = {
    FN(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
    FN(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
    FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
    FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
    FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable),
    OSSL_DISPATCH_END,
};

#define PROPERTIES "provider=autarky-away"
static const OSSL_ALGORITHM key_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, keys, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_keys, NULL},
    {"ML-DSA-44:MLDSA44:2.16.840.1.101.3.4.3.17:id-ml-dsa-44", PROPERTIES, keys, NULL},
    {"ML-DSA-65:MLDSA65:2.16.840.1.101.3.4.3.18:id-ml-dsa-65", PROPERTIES, keys, NULL},
    {"ML-DSA-87:MLDSA87:2.16.840.1.101.3.4.3.19:id-ml-dsa-87", PROPERTIES, keys, NULL},
    {NULL, NULL, NULL, NULL},
};
static const OSSL_ALGORITHM signature_algorithms[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, signatures, NULL},
    {"ECDSA", PROPERTIES, signatures, NULL},
    {"ML-DSA-44:MLDSA44:2.16.840.1.101.3.4.3.17:id-ml-dsa-44", PROPERTIES, signatures, NULL},
    {"ML-DSA-65:MLDSA65:2.16.840.1.101.3.4.3.18:id-ml-dsa-65", PROPERTIES, signatures, NULL},
    {"ML-DSA-87:MLDSA87:2.16.840.1.101.3.4.3.19:id-ml-dsa-87", PROPERTIES, signatures, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *, int operation, int *no_cache)
{
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return key_algorithms;
    return operation == OSSL_OP_SIGNATURE ? signature_algorithms : NULL;
}

static int begin(const OSSL_CORE_HANDLE *, const OSSL_DISPATCH *, const OSSL_DISPATCH **out,
                 void **ctx)
{
    static char nothing; /* OpenSSL wants it not to be NULL */
    static const OSSL_DISPATCH provider[] = {FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                             OSSL_DISPATCH_END};

    *out = provider;
    *ctx = &nothing;
    return 1;
}

/* One for the process, as long as it lives. */
static OSSL_LIB_CTX *library(void)
{
    static OSSL_LIB_CTX *ctx;
    static OSSL_PROVIDER *provider;

    if (!ctx)
        ctx = OSSL_LIB_CTX_new();
    if (ctx && !provider && OSSL_PROVIDER_add_builtin(ctx, "autarky-away", begin) == 1)
        provider = OSSL_PROVIDER_load(ctx, "autarky-away");
    return provider ? ctx : NULL;
}

static bool name_of(struct away *a)
{
    CLEANUP(buf_done) struct buf spki = BUF_INIT(CRYPTO_SPKI_MAX);
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(a->public, &der);

    if (n <= 0)
        return false;
    buf_puts(&spki, str_bytes(der, (size_t)n));
    OPENSSL_free(der);
    return buf_rc(&spki) == RC_OK && crypto_sha256(buf_str(&spki), a->spki_sha256) == RC_OK;
}

static EVP_PKEY *wrap(struct away *a)
{
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(PARAM_KEY, &a, sizeof(a)), OSSL_PARAM_END};
    EVP_PKEY_CTX *ctx =
        library() ? EVP_PKEY_CTX_new_from_name(library(), EVP_PKEY_get0_type_name(a->public), NULL)
                  : NULL;
    EVP_PKEY *key = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *tls_away_key(EVP_PKEY *public, const struct tls_signer *signer, struct str about)
{
    struct away *a = MEM_NEW(struct away);
    EVP_PKEY *key = NULL;

    if (!a)
        return NULL;
    a->refs = 1;
    a->signer = signer;
    a->public = public;
    EVP_PKEY_up_ref(public);
    if (str_copyz(about, a->about, sizeof(a->about)) == RC_OK && name_of(a))
        key = wrap(a);
    unref(a);
    if (!key)
        crypto_ossl_clear();
    return key;
}
