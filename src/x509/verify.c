/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/verify.h"

#include <stdio.h>

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "crypto/ossl.h"
#include "crypto/sign.h"

MSG(msg_parse, "x509.verify-parse", "OpenSSL cannot read a certificate of the chain");
MSG(msg_verify, "x509.verify", "the chain does not verify: {0} (depth {1})");
MSG(msg_root, "x509.verify-root", "the chain does not verify: {0} (depth {1})");
MSG(msg_time, "x509.verify-time", "the chain does not verify: {0} (depth {1})");
MSG(msg_use, "x509.verify-use", "the chain does not verify: {0} (depth {1})");

enum { AUTH_LEVEL = 2, NAME_BYTES = 256 };

DEFINE_FREEP(X509_free, X509)
DEFINE_FREEP(X509_STORE_free, X509_STORE)
DEFINE_FREEP(X509_STORE_CTX_free, X509_STORE_CTX)

static void stack_free(STACK_OF(X509) * *sk)
{
    sk_X509_pop_free(*sk, X509_free);
}

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

/* OpenSSL below 4 takes the empty identifier unless each certificate is given another. */
static enum rc set_sm2_id(X509 *x)
{
    static const struct str id = STR(CRYPTO_SM2_ID);
    ASN1_OCTET_STRING *v;

    if (X509_get_signature_nid(x) != NID_SM2_with_SM3)
        return RC_OK;
    v = ASN1_OCTET_STRING_new();
    if (!v || ASN1_OCTET_STRING_set(v, (const unsigned char *)id.p, (int)id.n) != 1) {
        ASN1_OCTET_STRING_free(v);
        return failed(RC_NOMEM);
    }
    X509_set0_distinguishing_id(x, v);
    return RC_OK;
}

static enum rc load(struct str der, X509 **out, struct err *err)
{
    CLEANUP(X509_freep) X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    const unsigned char *at = (const unsigned char *)der.p;

    if (!x)
        return failed(RC_NOMEM);
    /* On failure d2i has freed what it was given. */
    if (!d2i_X509(&x, &at, (long)der.n))
        return ERR(err, failed(RC_PARSE), msg_parse);
    if (at != (const unsigned char *)der.p + der.n)
        return ERR(err, RC_PARSE, msg_parse);
    TRY(set_sm2_id(x));
    *out = MOVE(x);
    return RC_OK;
}

static enum rc load_chain(const struct x509_verify_in *in, STACK_OF(X509) * chain, struct err *err)
{
    for (size_t i = 0; i < in->n_chain; i++) {
        CLEANUP(X509_freep) X509 *x = NULL;

        TRY(load(in->chain[i], &x, err));
        if (sk_X509_push(chain, x) <= 0)
            return failed(RC_NOMEM);
        x = NULL; /* the stack's */
    }
    return RC_OK;
}

static enum rc load_roots(const struct x509_verify_in *in, X509_STORE *store, struct err *err)
{
    for (size_t i = 0; i < in->n_roots; i++) {
        CLEANUP(X509_freep) X509 *x = NULL;

        TRY(load(in->roots[i], &x, err));
        if (X509_STORE_add_cert(store, x) != 1)
            return failed(RC_CRYPTO);
    }
    return RC_OK;
}

static enum rc set_params(const struct x509_verify_in *in, X509_STORE_CTX *c)
{
    static const int purposes[] = {
        [X509_FOR_SERVER] = X509_PURPOSE_SSL_SERVER,
        [X509_FOR_CLIENT] = X509_PURPOSE_SSL_CLIENT,
    };
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);

    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_auth_level(p, AUTH_LEVEL);
    X509_VERIFY_PARAM_set_time(p, in->at / WHEN_SECOND);
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if ((in->purpose != X509_FOR_ANY &&
         X509_VERIFY_PARAM_set_purpose(p, purposes[in->purpose]) != 1) ||
        (in->dns.n && X509_VERIFY_PARAM_set1_host(p, in->dns.p, in->dns.n) != 1) ||
        (in->ip && X509_VERIFY_PARAM_set1_ip(p, in->ip->b, in->ip->n) != 1))
        return failed(RC_CRYPTO);
    return RC_OK;
}

static const struct msg *said(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return &msg_root;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return &msg_time;
    case X509_V_ERR_INVALID_PURPOSE:
        return &msg_use;
    default:
        return &msg_verify;
    }
}

enum x509_trouble x509_verify_trouble(const struct err *why)
{
    if (why->msg == &msg_root)
        return X509_TROUBLE_ROOT;
    if (why->msg == &msg_time)
        return X509_TROUBLE_TIME;
    return why->msg == &msg_use ? X509_TROUBLE_USE : X509_TROUBLE_OTHER;
}

enum rc x509_verify(const struct x509_verify_in *in, struct err *err)
{
    CLEANUP(X509_freep) X509 *leaf = NULL;
    CLEANUP(stack_free) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
    CLEANUP(X509_STORE_CTX_freep)
    X509_STORE_CTX *c = X509_STORE_CTX_new_ex(crypto_ossl_ctx(), NULL);
    char depth[16];
    int error;

    if (!chain || !store || !c)
        return failed(RC_NOMEM);
    TRY(load(in->leaf, &leaf, err));
    TRY(load_chain(in, chain, err));
    TRY(load_roots(in, store, err));
    if (X509_STORE_CTX_init(c, store, leaf, chain) != 1)
        return failed(RC_CRYPTO);
    TRY(set_params(in, c));
    if (X509_verify_cert(c) == 1)
        return RC_OK;
    snprintf(depth, sizeof(depth), "%d", X509_STORE_CTX_get_error_depth(c));
    error = X509_STORE_CTX_get_error(c);
    return ERR(err, failed(RC_DENIED), *said(error), str_of(X509_verify_cert_error_string(error)),
               str_of(depth));
}
