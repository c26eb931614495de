/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/envelope.h"

#include "crypto/crypto.h"
#include "crypto/sm2.h"
#include "x509/der.h"
#include "x509/oid.h"

MSG(msg_broken, "x509.envelope",
    "the enveloped key is no SM2EnvelopedKey in DER (GM/T 0009), or longer than 1 KiB");
MSG(msg_cipher, "x509.envelope-cipher",
    "the enveloped key is encrypted with another cipher than SM4: ask for one with SM4");
MSG(msg_closed, "x509.envelope-closed",
    "the enveloped key does not open: it was made for another signing key, or is damaged");

enum { POINT = 1 + 2 * CRYPTO_SM2_FIELD, UNCOMPRESSED = 4 };

static enum rc read_cipher(struct rd *r, struct err *err)
{
    struct rd in = x509_der_in(r, X509_DER_SEQUENCE);
    enum x509_oid oid = x509_oid_find(x509_der_get(&in, X509_DER_OID));
    struct str null;

    if (rd_rc(&in) == RC_OK && oid != X509_OID_SM4 && oid != X509_OID_SM4_ECB)
        return ERR(err, RC_UNSUPPORTED, msg_cipher);
    if (x509_der_opt(&in, X509_DER_NULL, &null) && null.n > 0)
        return ERR(err, RC_PARSE, msg_broken);
    return rd_done(&in) == RC_OK ? RC_OK : ERR(err, RC_PARSE, msg_broken);
}

enum rc x509_envelope_parse(struct str der, struct x509_envelope *out, struct err *err)
{
    struct rd outer = rd_of(der), r;
    struct x509_envelope e;
    struct str point;
    uint8_t tag;

    if (der.n > X509_ENVELOPE_MAX)
        return ERR(err, RC_TOOBIG, msg_broken);
    r = x509_der_in(&outer, X509_DER_SEQUENCE);
    if (rd_done(&outer) != RC_OK)
        return ERR(err, RC_PARSE, msg_broken);
    TRY(read_cipher(&r, err));
    e.key = x509_der_any(&r, &tag);
    point = x509_der_get_bits(&r);
    e.number = x509_der_get_bits(&r);
    if (rd_done(&r) != RC_OK || tag != X509_DER_SEQUENCE || point.n != POINT ||
        point.p[0] != UNCOMPRESSED || e.number.n != CRYPTO_SM2_FIELD)
        return ERR(err, RC_PARSE, msg_broken);
    e.x = str_bytes(point.p + 1, CRYPTO_SM2_FIELD);
    e.y = str_skip(point, 1 + CRYPTO_SM2_FIELD);
    *out = e;
    return RC_OK;
}

static enum rc write(const struct x509_envelope *e, struct buf *out)
{
    struct x509_der w = x509_der_of(out);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_oid_put(&w, X509_OID_SM4_ECB);
    x509_der_close(&w);
    x509_der_raw(&w, e->key);
    x509_der_open_bits(&w);
    buf_u8(out, UNCOMPRESSED);
    x509_der_raw(&w, e->x);
    x509_der_raw(&w, e->y);
    x509_der_close(&w);
    x509_der_open_bits(&w);
    x509_der_raw(&w, e->number);
    x509_der_close(&w);
    x509_der_close(&w);
    return x509_der_end(&w);
}

enum rc x509_envelope_seal(const struct crypto_key *k, const struct crypto_key *to, struct buf *out)
{
    CLEANUP(buf_done) struct buf key = BUF_INIT(X509_ENVELOPE_MAX);
    unsigned char sm4[CRYPTO_SM4_KEY], number[CRYPTO_SM2_FIELD];
    struct crypto_public public = crypto_key_public(k);
    enum rc rc = crypto_random(sm4, sizeof(sm4));

    if (rc == RC_OK)
        rc = crypto_sm2_wrap(k, sm4, number);
    if (rc == RC_OK)
        rc = crypto_sm2_encrypt(to, str_bytes(sm4, sizeof(sm4)), &key);
    explicit_bzero(sm4, sizeof(sm4));
    TRY(rc);
    return write(&(struct x509_envelope){.key = buf_str(&key),
                                         .x = public.a,
                                         .y = public.b,
                                         .number = str_bytes(number, sizeof(number))},
                 out);
}

enum rc x509_envelope_open(const struct crypto_key *own, struct str der, struct crypto_key **out,
                           struct err *err)
{
    CLEANUP(buf_wipe) struct buf key = BUF_INIT(X509_ENVELOPE_MAX);
    struct x509_envelope e;
    enum rc rc;

    TRY(x509_envelope_parse(der, &e, err));
    rc = crypto_sm2_decrypt(own, e.key, &key);
    if (rc == RC_OK && key.n != CRYPTO_SM4_KEY)
        rc = RC_DENIED;
    if (rc == RC_OK)
        rc = crypto_sm2_unwrap((const unsigned char *)key.p, (const unsigned char *)e.number.p, e.x,
                               e.y, out);
    return rc == RC_DENIED ? ERR(err, rc, msg_closed) : rc;
}
