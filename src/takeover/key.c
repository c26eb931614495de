/* SPDX-License-Identifier: Apache-2.0 */
#include "takeover/key.h"

#include "base/text.h"
#include "crypto/pem.h"
#include "json/json.h"
#include "x509/der.h"

MSG(msg_member, "takeover.jwk-member", "the key (JWK) has no usable \"{0}\"");
MSG(msg_type, "takeover.jwk-type",
    "keys of type \"{0}\" are not supported; RSA, and EC with P-256 or P-384, are");
MSG(msg_sec1, "takeover.ec-key",
    "the block \"EC PRIVATE KEY\" is not as RFC 5915 has it, or its curve is neither P-256 nor "
    "P-384");

/* Content of OIDs (RFC 8017 appendix C, RFC 5480). */
#define OID_RSA STR("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_EC STR("\x2a\x86\x48\xce\x3d\x02\x01")
#define OID_P256 STR("\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define OID_P384 STR("\x2b\x81\x04\x00\x22")

enum { NUMBER_MAX = CRYPTO_RSA_BITS_MAX / 8 + 1 };

/* `inner` as PKCS#8; `curve` is empty for RSA. */
static enum rc read_inner(struct str inner, struct str curve, struct crypto_key **out,
                          struct err *err)
{
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(TAKEOVER_KEY_MAX);
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(2 * TAKEOVER_KEY_MAX);
    struct x509_der w = x509_der_of(&der);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 0);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_put(&w, X509_DER_OID, curve.n ? OID_EC : OID_RSA);
    if (curve.n)
        x509_der_put(&w, X509_DER_OID, curve);
    else
        x509_der_null(&w);
    x509_der_close(&w);
    x509_der_put(&w, X509_DER_OCTET_STRING, inner);
    x509_der_close(&w);
    TRY(x509_der_end(&w));
    text_pem(&pem, STR("PRIVATE KEY"), buf_str(&der));
    TRY(buf_rc(&pem));
    return crypto_pem_read(buf_str(&pem), NULL, out, err);
}

/* ---- JWK */

/* Members in base64url, one behind the other in one buffer, so that all of it is wiped. */
struct numbers {
    struct buf b;
    size_t end[8], n;
};

static enum rc take_number(const struct json *o, const char *name, struct numbers *to,
                           struct err *err)
{
    struct str text;
    enum rc rc = json_str(json_get(o, name), &text);

    if (rc == RC_OK && text.n > 2 * NUMBER_MAX)
        rc = RC_TOOBIG;
    if (rc == RC_OK)
        rc = text_unb64url(text, &to->b);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || to->b.n == (to->n ? to->end[to->n - 1] : 0))
        return ERR(err, RC_PARSE, msg_member, str_of(name));
    to->end[to->n++] = to->b.n;
    return RC_OK;
}

static struct str number(const struct numbers *from, size_t i)
{
    size_t begin = i ? from->end[i - 1] : 0;

    return str_bytes(from->b.p + begin, from->end[i] - begin);
}

static enum rc take_all(const struct json *o, const char *const *names, size_t n,
                        struct numbers *to, struct err *err)
{
    if (!buf_reserve(&to->b, n * NUMBER_MAX)) /* at once: growing leaves copies behind */
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(take_number(o, names[i], to, err));
    return RC_OK;
}

static enum rc read_jwk_rsa(const struct json *o, struct crypto_key **out, struct err *err)
{
    static const char *const names[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(TAKEOVER_KEY_MAX);
    struct numbers numbers = {.b = BUF_INIT(9 * NUMBER_MAX)};
    struct x509_der w = x509_der_of(&der);
    enum rc rc = take_all(o, names, 8, &numbers, err);

    if (rc == RC_OK) {
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_der_u64(&w, 0);
        for (size_t i = 0; i < 8; i++)
            x509_der_uint(&w, number(&numbers, i));
        x509_der_close(&w);
        rc = x509_der_end(&w);
    }
    buf_wipe(&numbers.b);
    return rc == RC_OK ? read_inner(buf_str(&der), STR(""), out, err) : rc;
}

static enum rc put_ec(const struct numbers *numbers, struct buf *der)
{
    struct x509_der w = x509_der_of(der);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 1);
    x509_der_put(&w, X509_DER_OCTET_STRING, number(numbers, 2));
    x509_der_open(&w, X509_DER_CONTEXT_IN(1));
    x509_der_open_bits(&w);
    buf_u8(der, 4); /* uncompressed */
    buf_puts(der, number(numbers, 0));
    buf_puts(der, number(numbers, 1));
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    return x509_der_end(&w);
}

static enum rc read_jwk_ec(const struct json *o, struct crypto_key **out, struct err *err)
{
    static const char *const names[] = {"x", "y", "d"};
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(TAKEOVER_KEY_MAX);
    struct numbers numbers = {.b = BUF_INIT(4 * NUMBER_MAX)};
    struct str crv, curve;
    enum rc rc;

    if (json_str(json_get(o, "crv"), &crv) != RC_OK)
        return ERR(err, RC_PARSE, msg_member, STR("crv"));
    if (str_eq(crv, STR("P-256")))
        curve = OID_P256;
    else if (str_eq(crv, STR("P-384")))
        curve = OID_P384;
    else
        return ERR(err, RC_UNSUPPORTED, msg_type, crv);
    rc = take_all(o, names, 3, &numbers, err);
    if (rc == RC_OK)
        rc = put_ec(&numbers, &der);
    buf_wipe(&numbers.b);
    return rc == RC_OK ? read_inner(buf_str(&der), curve, out, err) : rc;
}

static enum rc read_jwk(struct str text, struct crypto_key **out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct str kty;

    TRY(json_parse(text, TAKEOVER_KEY_MAX, &doc, err));
    if (json_str(json_get(json_root(doc), "kty"), &kty) != RC_OK)
        return ERR(err, RC_PARSE, msg_member, STR("kty"));
    if (str_eq(kty, STR("RSA")))
        return read_jwk_rsa(json_root(doc), out, err);
    if (str_eq(kty, STR("EC")))
        return read_jwk_ec(json_root(doc), out, err);
    return ERR(err, RC_UNSUPPORTED, msg_type, kty);
}

/* ---- PEM */

static enum rc read_sec1(struct str der, struct crypto_key **out, struct err *err)
{
    struct rd all = rd_of(der);
    struct rd key = x509_der_in(&all, X509_DER_SEQUENCE);
    struct rd params;
    struct str curve;

    x509_der_get_u32(&key);
    x509_der_get(&key, X509_DER_OCTET_STRING);
    params = x509_der_in(&key, X509_DER_CONTEXT_IN(0));
    curve = x509_der_get(&params, X509_DER_OID);
    if (rd_rc(&key) != RC_OK || rd_done(&params) != RC_OK || rd_done(&all) != RC_OK ||
        (!str_eq(curve, OID_P256) && !str_eq(curve, OID_P384)))
        return ERR(err, RC_PARSE, msg_sec1);
    return read_inner(der, curve, out, err);
}

static enum rc read_pem(struct str text, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(TAKEOVER_KEY_MAX);
    struct str rest = text, label;

    if (!buf_reserve(&der, TAKEOVER_KEY_MAX))
        return RC_NOMEM;
    while (text_unpem(&rest, STR(""), &label, &der) == RC_OK) {
        if (str_eq(label, STR("RSA PRIVATE KEY")))
            return read_inner(buf_str(&der), STR(""), out, err);
        if (str_eq(label, STR("EC PRIVATE KEY")))
            return read_sec1(buf_str(&der), out, err);
        if (str_ends(label, STR("PRIVATE KEY")))
            break;
        buf_reset(&der);
    }
    return crypto_pem_read(text, NULL, out, err);
}

enum rc takeover_key_read(struct str text, struct crypto_key **out, struct err *err)
{
    if (text.n > TAKEOVER_KEY_MAX)
        return RC_TOOBIG;
    return str_starts(str_trim(text), STR("{")) ? read_jwk(text, out, err)
                                                : read_pem(text, out, err);
}

struct str takeover_key_spec(const struct crypto_key *k)
{
    unsigned bits = crypto_key_bits(k);

    switch (crypto_key_type(k)) {
    case CRYPTO_KEY_RSA:
        return bits <= 2048 ? STR("rsa2048") : bits <= 3072 ? STR("rsa3072") : STR("rsa4096");
    case CRYPTO_KEY_P256:
        return STR("p256");
    case CRYPTO_KEY_P384:
        return STR("p384");
    case CRYPTO_KEY_ED25519:
        return STR("ed25519");
    case CRYPTO_KEY_SM2:
    case CRYPTO_KEY_MLDSA44:
    case CRYPTO_KEY_MLDSA65:
    case CRYPTO_KEY_MLDSA87:
        break; /* none of those clients makes such keys */
    }
    return STR("p256");
}
