/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/oid.h"

#include <stdio.h>

#include "x509/der.h"

#define ATTR(n) STR("\x55\x04" n)
#define EXT(n) STR("\x55\x1d" n)
#define PKIX(n) STR("\x2b\x06\x01\x05\x05\x07" n)
#define PKCS1(n) STR("\x2a\x86\x48\x86\xf7\x0d\x01\x01" n)
#define NIST_SIG(n) STR("\x60\x86\x48\x01\x65\x03\x04\x03" n)
#define PKCS9(n) STR("\x2a\x86\x48\x86\xf7\x0d\x01\x09" n)

static const struct str oids[X509_OID_COUNT] = {
    [X509_OID_CN] = ATTR("\x03"),
    [X509_OID_COUNTRY] = ATTR("\x06"),
    [X509_OID_LOCALITY] = ATTR("\x07"),
    [X509_OID_STATE] = ATTR("\x08"),
    [X509_OID_ORGANIZATION] = ATTR("\x0a"),
    [X509_OID_UNIT] = ATTR("\x0b"),
    [X509_OID_SERIAL_NUMBER] = ATTR("\x05"),
    [X509_OID_EMAIL] = PKCS9("\x01"),
    [X509_OID_DC] = STR("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"),
    [X509_OID_SKI] = EXT("\x0e"),
    [X509_OID_KEY_USAGE] = EXT("\x0f"),
    [X509_OID_SAN] = EXT("\x11"),
    [X509_OID_BASIC_CONSTRAINTS] = EXT("\x13"),
    [X509_OID_NAME_CONSTRAINTS] = EXT("\x1e"),
    [X509_OID_CRL_POINTS] = EXT("\x1f"),
    [X509_OID_POLICIES] = EXT("\x20"),
    [X509_OID_AKI] = EXT("\x23"),
    [X509_OID_EKU] = EXT("\x25"),
    [X509_OID_NO_REV_AVAIL] = EXT("\x38"),
    [X509_OID_AIA] = PKIX("\x01\x01"),
    [X509_OID_TLS_FEATURE] = PKIX("\x01\x18"),
    [X509_OID_OCSP_NOCHECK] = PKIX("\x30\x01\x05"),
    [X509_OID_ACME_IDENTIFIER] = PKIX("\x01\x1f"),
    [X509_OID_AD_OCSP] = PKIX("\x30\x01"),
    [X509_OID_AD_CA_ISSUERS] = PKIX("\x30\x02"),
    [X509_OID_SERVER_AUTH] = PKIX("\x03\x01"),
    [X509_OID_CLIENT_AUTH] = PKIX("\x03\x02"),
    [X509_OID_CODE_SIGNING] = PKIX("\x03\x03"),
    [X509_OID_EMAIL_PROTECTION] = PKIX("\x03\x04"),
    [X509_OID_TIME_STAMPING] = PKIX("\x03\x08"),
    [X509_OID_OCSP_SIGNING] = PKIX("\x03\x09"),
    [X509_OID_ANY_EKU] = EXT("\x25\x00"),
    [X509_OID_EXTENSION_REQUEST] = PKCS9("\x0e"),
    [X509_OID_CHALLENGE_PASSWORD] = PKCS9("\x07"),
    [X509_OID_CRL_NUMBER] = EXT("\x14"),
    [X509_OID_CRL_REASON] = EXT("\x15"),
    [X509_OID_CRL_DELTA] = EXT("\x1b"),
    [X509_OID_CRL_SCOPE] = EXT("\x1c"),
    [X509_OID_CRL_FRESHEST] = EXT("\x2e"),
    [X509_OID_OCSP_BASIC] = PKIX("\x30\x01\x01"),
    [X509_OID_OCSP_NONCE] = PKIX("\x30\x01\x02"),
    [X509_OID_SHA1] = STR("\x2b\x0e\x03\x02\x1a"),
    [X509_OID_SHA256] = STR("\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
    [X509_OID_RSA_SHA256] = PKCS1("\x0b"),
    [X509_OID_RSA_SHA384] = PKCS1("\x0c"),
    [X509_OID_RSA_SHA512] = PKCS1("\x0d"),
    [X509_OID_ECDSA_SHA256] = STR("\x2a\x86\x48\xce\x3d\x04\x03\x02"),
    [X509_OID_ECDSA_SHA384] = STR("\x2a\x86\x48\xce\x3d\x04\x03\x03"),
    [X509_OID_ECDSA_SHA512] = STR("\x2a\x86\x48\xce\x3d\x04\x03\x04"),
    [X509_OID_ED25519] = STR("\x2b\x65\x70"),
    [X509_OID_SM2_SM3] = STR("\x2a\x81\x1c\xcf\x55\x01\x83\x75"),
    [X509_OID_MLDSA44] = NIST_SIG("\x11"),
    [X509_OID_MLDSA65] = NIST_SIG("\x12"),
    [X509_OID_MLDSA87] = NIST_SIG("\x13"),
    [X509_OID_SM4] = STR("\x2a\x81\x1c\xcf\x55\x01\x68"),
    [X509_OID_SM4_ECB] = STR("\x2a\x81\x1c\xcf\x55\x01\x68\x01"),
};

/* RFC 8017 appendix A.2.4 (NULL parameters), RFC 5758 section 3.2, RFC 8410 section 3 and RFC 9881
 * section 2 (none). */
static const struct {
    enum x509_oid oid;
    bool null;
    bool maybe_null; /* not written, but read */
} sigalgs[CRYPTO_SIG_COUNT] = {
    [CRYPTO_SIG_RSA_SHA256] = {X509_OID_RSA_SHA256, true, false},
    [CRYPTO_SIG_RSA_SHA384] = {X509_OID_RSA_SHA384, true, false},
    [CRYPTO_SIG_RSA_SHA512] = {X509_OID_RSA_SHA512, true, false},
    [CRYPTO_SIG_ECDSA_SHA256] = {X509_OID_ECDSA_SHA256, false, false},
    [CRYPTO_SIG_ECDSA_SHA384] = {X509_OID_ECDSA_SHA384, false, false},
    [CRYPTO_SIG_ECDSA_SHA512] = {X509_OID_ECDSA_SHA512, false, false},
    [CRYPTO_SIG_ED25519] = {X509_OID_ED25519, false, false},
    [CRYPTO_SIG_SM2_SM3] = {X509_OID_SM2_SM3, false, true},
    [CRYPTO_SIG_MLDSA44] = {X509_OID_MLDSA44, false, false},
    [CRYPTO_SIG_MLDSA65] = {X509_OID_MLDSA65, false, false},
    [CRYPTO_SIG_MLDSA87] = {X509_OID_MLDSA87, false, false},
};

struct str x509_oid_der(enum x509_oid oid)
{
    return oids[oid];
}

enum x509_oid x509_oid_find(struct str der)
{
    char last = der.n ? der.p[der.n - 1] : 0;

    /* Their ends tell most of them apart. */
    for (enum x509_oid o = X509_OID_NONE + 1; o < X509_OID_COUNT; o++)
        if (oids[o].p[oids[o].n - 1] == last && str_eq(der, oids[o]))
            return o;
    return X509_OID_NONE;
}

static void put_arc(struct buf *out, uint64_t arc)
{
    unsigned char septets[10];
    size_t n = 0;

    do {
        septets[n++] = (unsigned char)(arc & 0x7f);
        arc >>= 7;
    } while (arc);
    while (n-- > 0)
        buf_u8(out, (uint8_t)(septets[n] | (n ? 0x80 : 0)));
}

enum rc x509_oid_from_text(struct str dotted, struct buf *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OID_MAX);
    struct str field;
    uint64_t arc, first = 0;
    size_t n = 0;

    if (str_ends(dotted, STR(".")))
        return RC_PARSE;
    for (; str_next(&dotted, '.', &field); n++) {
        if (field.n > 1 && field.p[0] == '0')
            return RC_PARSE;
        TRY(str_u64(field, UINT32_MAX, &arc));
        if (n == 0 && arc > 2)
            return RC_PARSE;
        if (n == 1 && first < 2 && arc > 39)
            return RC_PARSE;
        if (n == 0)
            first = arc;
        else
            put_arc(&der, n == 1 ? 40 * first + arc : arc);
    }
    if (n < 2)
        return RC_PARSE;
    TRY(buf_rc(&der));
    buf_puts(out, buf_str(&der));
    return buf_rc(out);
}

/* One arc in base 128, shortest form, at most 32 bits beyond the first. */
static uint64_t get_arc(struct rd *r)
{
    uint64_t arc = 0;
    uint8_t c = rd_u8(r);

    if (c == 0x80)
        rd_fail(r);
    for (size_t n = 0; !r->failed; n++) {
        arc = arc << 7 | (c & 0x7f);
        if (!(c & 0x80))
            return arc;
        if (n == 8)
            rd_fail(r);
        c = rd_u8(r);
    }
    return 0;
}

const char *x509_oid_text(struct str der, char text[static X509_OID_TEXT])
{
    struct rd r = rd_of(der);
    uint64_t arc = get_arc(&r);
    uint64_t root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
    int n = snprintf(text, X509_OID_TEXT, "%llu.%llu", (unsigned long long)root,
                     (unsigned long long)(arc - 40 * root));

    while (!r.failed && r.left > 0 && n < X509_OID_TEXT) {
        arc = get_arc(&r);
        n += snprintf(text + n, (size_t)(X509_OID_TEXT - n), ".%llu", (unsigned long long)arc);
    }
    if (r.failed || n >= X509_OID_TEXT)
        snprintf(text, X509_OID_TEXT, "?");
    return text;
}

void x509_oid_put(struct x509_der *w, enum x509_oid oid)
{
    x509_der_put(w, X509_DER_OID, oids[oid]);
}

void x509_sigalg_put(struct x509_der *w, enum crypto_sig_alg alg)
{
    if (alg <= 0 || alg >= CRYPTO_SIG_COUNT || !sigalgs[alg].oid) {
        buf_fail(w->out, RC_UNSUPPORTED);
        return;
    }
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_oid_put(w, sigalgs[alg].oid);
    if (sigalgs[alg].null)
        x509_der_null(w);
    x509_der_close(w);
}

enum crypto_sig_alg x509_sigalg_get(struct rd *r)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    enum x509_oid oid = x509_oid_find(x509_der_get(&in, X509_DER_OID));
    struct str null = {"", 0};
    bool has_null = x509_der_opt(&in, X509_DER_NULL, &null);

    if (in.failed || oid == X509_OID_NONE || in.left || null.n)
        return 0;
    for (enum crypto_sig_alg a = CRYPTO_SIG_RSA_SHA256; a < CRYPTO_SIG_COUNT; a++)
        if (sigalgs[a].oid == oid)
            return sigalgs[a].null == has_null || sigalgs[a].maybe_null ? a : 0;
    return 0;
}
