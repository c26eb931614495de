/* SPDX-License-Identifier: Apache-2.0 */
/* The object identifiers this program writes and understands, in DER without tag and length. */
#pragma once

#include "crypto/sign.h"

enum x509_oid {
    X509_OID_NONE,
    /* attributes of names (RFC 5280, appendix A) */
    X509_OID_CN,
    X509_OID_COUNTRY,
    X509_OID_LOCALITY,
    X509_OID_STATE,
    X509_OID_ORGANIZATION,
    X509_OID_UNIT,
    X509_OID_SERIAL_NUMBER,
    X509_OID_EMAIL,
    X509_OID_DC,
    /* extensions */
    X509_OID_SKI,
    X509_OID_KEY_USAGE,
    X509_OID_SAN,
    X509_OID_BASIC_CONSTRAINTS,
    X509_OID_NAME_CONSTRAINTS,
    X509_OID_CRL_POINTS,
    X509_OID_POLICIES,
    X509_OID_AKI,
    X509_OID_EKU,
    X509_OID_AIA,
    X509_OID_TLS_FEATURE,
    X509_OID_NO_REV_AVAIL, /* RFC 9608 */
    X509_OID_OCSP_NOCHECK,
    X509_OID_ACME_IDENTIFIER, /* RFC 8737 */
    /* access methods and purposes */
    X509_OID_AD_OCSP,
    X509_OID_AD_CA_ISSUERS,
    X509_OID_SERVER_AUTH,
    X509_OID_CLIENT_AUTH,
    X509_OID_CODE_SIGNING,
    X509_OID_EMAIL_PROTECTION,
    X509_OID_TIME_STAMPING,
    X509_OID_OCSP_SIGNING,
    X509_OID_ANY_EKU,
    /* attributes of a PKCS#10 request */
    X509_OID_EXTENSION_REQUEST,
    X509_OID_CHALLENGE_PASSWORD,
    /* of CRLs (RFC 5280 section 5) and of OCSP (RFC 6960) */
    X509_OID_CRL_NUMBER,
    X509_OID_CRL_REASON,
    X509_OID_CRL_DELTA,
    X509_OID_CRL_SCOPE, /* issuingDistributionPoint */
    X509_OID_CRL_FRESHEST,
    X509_OID_OCSP_BASIC,
    X509_OID_OCSP_NONCE,
    X509_OID_SHA1,
    X509_OID_SHA256,
    /* signatures */
    X509_OID_RSA_SHA256,
    X509_OID_RSA_SHA384,
    X509_OID_RSA_SHA512,
    X509_OID_ECDSA_SHA256,
    X509_OID_ECDSA_SHA384,
    X509_OID_ECDSA_SHA512,
    X509_OID_ED25519,
    X509_OID_SM2_SM3, /* GM/T 0006 */
    X509_OID_MLDSA44, /* RFC 9881 */
    X509_OID_MLDSA65,
    X509_OID_MLDSA87,
    /* ciphers, GM/T 0006: whatever mode the context says, and ECB */
    X509_OID_SM4,
    X509_OID_SM4_ECB,
    X509_OID_COUNT,
};

enum { X509_OID_TEXT = 128, X509_OID_MAX = 64 };

/* DER content, constant. */
struct str x509_oid_der(enum x509_oid oid);
/* X509_OID_NONE when it is none of ours. */
enum x509_oid x509_oid_find(struct str der);
/* "1.3.6.1.5.5.7.3.1" to DER content, appended. RC_PARSE; RC_TOOBIG past X509_OID_MAX bytes or an
 * arc above 2^32. */
enum rc x509_oid_from_text(struct str dotted, struct buf *out);
/* The dotted form, "?" when it is malformed or too long. Returns `text`. */
const char *x509_oid_text(struct str der, char text[static X509_OID_TEXT]);

struct x509_der;
struct rd;
void x509_oid_put(struct x509_der *w, enum x509_oid oid);

/* AlgorithmIdentifier of a signature: written, and read back exactly as written (RSA with NULL, the
 * others with nothing); 0 when it is unknown (RSASSA-PSS included) or otherwise encoded. SM2 with
 * SM3 is read with NULL as well, as some write it. */
void x509_sigalg_put(struct x509_der *w, enum crypto_sig_alg alg);
enum crypto_sig_alg x509_sigalg_get(struct rd *r);
