/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 with SM algorithms (RFC 8998). It is all or nothing: suite, group, signature and
 * certificate belong together (sections 2 and 3), OpenSSL chooses each of them for itself, and so a
 * handshake is made one of RFC 8998 before it chooses anything, with nothing else to choose from.
 */
#include <openssl/ssl.h>

#include "base/rd.h"
#include "crypto/crypto.h"
#include "crypto/ossl.h"
#include "tls/tls_int.h"

/* As on the wire. */
enum {
    SM4_GCM_SM3 = 0x00c6,
    SM4_CCM_SM3 = 0x00c7,
    CURVE_SM2 = 41,
    CURVE_SM2_MLKEM768 = 4590, /* draft-yang-tls-hybrid-sm2-mlkem */
    SM2SIG_SM3 = 0x0708,
};

#define SUITES "TLS_SM4_GCM_SM3:TLS_SM4_CCM_SM3"
#define GROUPS "curveSM2MLKEM768:curveSM2"
/* OpenSSL's macro takes text that could be changed. */
static char signature[] = "sm2sig_sm3";

static bool restrict_to_sm(SSL *ssl)
{
    return SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_set_ciphersuites(ssl, SUITES) == 1 && SSL_set1_groups_list(ssl, GROUPS) == 1 &&
           SSL_set1_sigalgs_list(ssl, signature) == 1;
}

/* Names of suites that it does not know OpenSSL passes over. */
bool tls_sm_works(SSL_CTX *ctx)
{
    SSL *ssl = crypto_without_tls_sm() ? NULL : SSL_new(ctx);
    const STACK_OF(SSL_CIPHER) * suites;
    bool works = ssl && restrict_to_sm(ssl);

    suites = works ? SSL_get_ciphers(ssl) : NULL;
    works = suites && sk_SSL_CIPHER_num(suites) > 0 &&
            SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(suites, 0)) == SM4_GCM_SM3;
    SSL_free(ssl);
    crypto_ossl_clear();
    return works;
}

/* One of two numbers in a list of numbers. */
static bool names(struct str list, uint16_t a, uint16_t b)
{
    struct rd r = rd_of(list);

    while (r.left) {
        uint16_t one = rd_u16(&r);

        if (one == a || one == b)
            return true;
    }
    return false;
}

/* What is in an extension behind its length, of that many bytes; what is damaged is empty, and
 * OpenSSL says so. */
static struct str extension(SSL *ssl, unsigned type, size_t length)
{
    const unsigned char *p;
    struct str list;
    struct rd r;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, type, &p, &n) != 1)
        return (struct str){NULL, 0};
    r = rd_of(str_bytes(p, n));
    list = rd_bytes(&r, length == 1 ? rd_u8(&r) : rd_u16(&r));
    return rd_done(&r) == RC_OK ? list : (struct str){NULL, 0};
}

/* For OpenSSL 4.0 no certificate of SM2 fits signature_algorithms_cert, whatever that lists: such a
 * client would fail where it can be served. */
static bool lists_certificates(SSL *ssl)
{
    const unsigned char *p;
    size_t n;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_signature_algorithms_cert, &p, &n) == 1;
}

static bool client_can(SSL *ssl)
{
    const unsigned char *p;
    size_t n = SSL_client_hello_get0_ciphers(ssl, &p);

    return !lists_certificates(ssl) && names(str_bytes(p, n), SM4_GCM_SM3, SM4_CCM_SM3) &&
           names(extension(ssl, TLSEXT_TYPE_supported_versions, 1), TLS1_3_VERSION,
                 TLS1_3_VERSION) &&
           names(extension(ssl, TLSEXT_TYPE_supported_groups, 2), CURVE_SM2, CURVE_SM2_MLKEM768) &&
           names(extension(ssl, TLSEXT_TYPE_signature_algorithms, 2), SM2SIG_SM3, SM2SIG_SM3);
}

bool tls_sm_wanted(const struct tls_site *site, SSL *ssl)
{
    return site->sm && site->tlcp && client_can(ssl);
}

/* OpenSSL resumes no session of a suite with another hash. That a session of RFC 8998 is never one
 * of the same site's other handshakes is not left to that alone. */
bool tls_sm_take(struct tls_site *site, SSL *ssl)
{
    uint8_t session[TLS_SITE_SESSION];

    if (!site->sm2 && tls_identity_of_tlcp(site->tlcp, &site->sm2) != RC_OK)
        return false;
    memcpy(session, site->session, sizeof(session));
    session[0] ^= 0xff;
    return restrict_to_sm(ssl) && SSL_set_session_id_context(ssl, session, sizeof(session)) == 1;
}
