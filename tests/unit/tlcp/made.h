/* SPDX-License-Identifier: Apache-2.0 */
/* Two identities of TLCP, self-signed, made anew for each run. */
#pragma once

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/key.h"
#include "crypto/ossl.h"
#include "crypto/sign.h"
#include "tlcp/identity.h"

/* Made once by begin_all: keys cost more than all the rest. */
struct made {
    struct crypto_key *sign, *encrypt;
    struct buf sign_pem, encrypt_pem;
    struct tlcp_identity *identity;
};
static struct made of_server, of_client;

/* A comment in the certificates that are made now, for longer ones; NULL: none. */
static const char *made_comment;

static void put_comment(X509 *x)
{
    X509_EXTENSION *ext;

    if (!made_comment)
        return;
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, made_comment);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
}

/* Who is said to have signed them; NULL: each itself. */
static const char *made_issuer;

/* A certificate for an SM2 key, signed by that. */
static enum rc sm2_certificate(const struct crypto_key *key, const char *usage, const char *name,
                               struct buf *out)
{
    X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    X509_NAME *subject = X509_NAME_new();
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    unsigned char *der = NULL;
    int n;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_subject_name(x, subject);
    if (made_issuer)
        X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_ASC, (const unsigned char *)made_issuer,
                                   -1, -1, 0);
    X509_set_issuer_name(x, subject);
    X509_set_pubkey(x, crypto_ossl_pkey(key));
    X509_add_ext(x, ext, -1);
    put_comment(x);
    EVP_DigestSignInit_ex(md, &p, "SM3", crypto_ossl_ctx(), NULL, crypto_ossl_pkey(key), NULL);
    EVP_PKEY_CTX_set1_id(p, CRYPTO_SM2_ID, sizeof(CRYPTO_SM2_ID) - 1);
    X509_sign_ctx(x, md);
    n = i2d_X509(x, &der);
    if (n > 0)
        text_pem(out, STR("CERTIFICATE"), str_bytes(der, (size_t)n));
    else
        buf_fail(out, RC_CRYPTO);
    OPENSSL_free(der);
    EVP_MD_CTX_free(md);
    X509_EXTENSION_free(ext);
    X509_NAME_free(subject);
    X509_free(x);
    return buf_rc(out);
}

static enum rc make(struct made *m, const char *name)
{
    struct crypto_key_spec sm2 = {CRYPTO_KEY_SM2, 0};
    struct tlcp_identity_in in;

    buf_init(&m->sign_pem, 8192);
    buf_init(&m->encrypt_pem, 8192);
    TRY(crypto_key_generate(sm2, &m->sign));
    TRY(crypto_key_generate(sm2, &m->encrypt));
    TRY(sm2_certificate(m->sign, "critical,digitalSignature,nonRepudiation", name, &m->sign_pem));
    TRY(sm2_certificate(m->encrypt, "critical,keyEncipherment,dataEncipherment,keyAgreement", name,
                        &m->encrypt_pem));
    in = (struct tlcp_identity_in){buf_str(&m->sign_pem), m->sign, buf_str(&m->encrypt_pem),
                                   m->encrypt};
    return tlcp_identity_new(&in, &m->identity, NULL);
}

static void unmake(struct made *m)
{
    tlcp_identity_unref(m->identity);
    crypto_key_unref(m->sign);
    crypto_key_unref(m->encrypt);
    buf_done(&m->sign_pem);
    buf_done(&m->encrypt_pem);
}

[[maybe_unused]] static enum rc begin_all(void)
{
    TRY(crypto_init());
    TRY(make(&of_server, "server"));
    return make(&of_client, "client");
}

[[maybe_unused]] static void end_all(void)
{
    unmake(&of_server);
    unmake(&of_client);
    crypto_done();
}
