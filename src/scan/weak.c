/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/weak.h"

#include "base/rd.h"
#include "crypto/weak.h"
#include "x509/der.h"
#include "x509/oid.h"

enum { REASON = 256, RSA_LONG = CRYPTO_RSA_BITS_MAX / 8 + 64 };

struct named {
    const char *oid, *name;
};

static const struct named signatures[] = {
    {"1.2.840.113549.1.1.2", "RSA with MD2"},  {"1.2.840.113549.1.1.3", "RSA with MD4"},
    {"1.2.840.113549.1.1.4", "RSA with MD5"},  {"1.2.840.113549.1.1.5", "RSA with SHA-1"},
    {"1.3.14.3.2.29", "RSA with SHA-1"},       {"1.3.14.3.2.3", "RSA with MD5"},
    {"1.2.840.10045.4.1", "ECDSA with SHA-1"}, {"1.2.840.10040.4.3", "DSA with SHA-1"},
    {"2.16.840.1.101.3.4.3.1", "DSA"},         {"2.16.840.1.101.3.4.3.2", "DSA"},
};
static const struct named keys[] = {
    {"1.2.840.10040.4.1", "DSA"},
    {"1.2.840.10045.3.1.1", "a curve of 192 bits"},
    {"1.2.840.10045.3.1.2", "a curve of 192 bits"},
    {"1.2.840.10045.3.1.3", "a curve of 192 bits"},
    {"1.2.840.10045.3.1.4", "a curve of 239 bits"},
    {"1.2.840.10045.3.1.5", "a curve of 239 bits"},
    {"1.2.840.10045.3.1.6", "a curve of 239 bits"},
    {"1.3.132.0.6", "a curve of 112 bits"},
    {"1.3.132.0.7", "a curve of 112 bits"},
    {"1.3.132.0.8", "a curve of 160 bits"},
    {"1.3.132.0.9", "a curve of 160 bits"},
    {"1.3.132.0.28", "a curve of 128 bits"},
    {"1.3.132.0.29", "a curve of 128 bits"},
    {"1.3.132.0.30", "a curve of 160 bits"},
    {"1.3.132.0.31", "a curve of 192 bits"},
    {"1.3.132.0.32", "a curve of 224 bits"},
    {"1.3.132.0.33", "a curve of 224 bits"},
    {"1.3.36.3.3.2.8.1.1.5", "a curve of 224 bits"},
};
#define PSS "1.2.840.113549.1.1.10"
#define EC "1.2.840.10045.2.1"

static const char *find(const struct named *list, size_t n, struct str oid)
{
    char text[X509_OID_TEXT];
    struct str dotted = str_of(x509_oid_text(oid, text));

    for (size_t i = 0; i < n; i++)
        if (str_eq(dotted, str_of(list[i].oid)))
            return list[i].name;
    return NULL;
}

static bool is(struct str oid, const char *dotted)
{
    char text[X509_OID_TEXT];

    return str_eq(str_of(x509_oid_text(oid, text)), str_of(dotted));
}

static void say(struct buf *out, const char *what, const char *name)
{
    buf_printf(out, "%s%s: %s", out->n ? "; " : "", what, name);
}

void scan_weak_key(const struct x509_cert *c, struct buf *out)
{
    struct crypto_public key;
    struct err err = ERR_INIT;
    struct rd r = rd_of(c->spki), spki, alg;
    struct str oid;
    char reason[REASON];
    const char *name;
    enum rc rc = crypto_public_read(c->spki, &key, &err);

    if (rc == RC_OK)
        rc = crypto_weak_check(key, &err);
    if (rc == RC_INVAL && c->spki.n > RSA_LONG)
        return;                            /* longer than is used here, which is not weak */
    if (rc == RC_INVAL || rc == RC_DENIED) /* numbers of RSA out of bounds; a known fault */
        say(out, "key", err_textz(&err, reason, sizeof(reason)));
    if (rc != RC_UNSUPPORTED)
        return;
    spki = x509_der_in(&r, X509_DER_SEQUENCE);
    alg = x509_der_in(&spki, X509_DER_SEQUENCE);
    oid = x509_der_get(&alg, X509_DER_OID);
    if (is(oid, EC))
        oid = x509_der_get(&alg, X509_DER_OID);
    name = alg.failed ? NULL : find(keys, sizeof(keys) / sizeof(keys[0]), oid);
    if (name)
        say(out, "key", name);
}

/* RFC 4055 section 3.1: a digest that is not named is SHA-1. */
static bool pss_is_sha1(struct rd *alg)
{
    struct rd params = x509_der_in(alg, X509_DER_SEQUENCE), hash;
    struct str first;

    if (!x509_der_opt(&params, X509_DER_CONTEXT_IN(0), &first))
        return true;
    params = rd_of(first);
    hash = x509_der_in(&params, X509_DER_SEQUENCE);
    return str_eq(x509_der_get(&hash, X509_DER_OID), x509_oid_der(X509_OID_SHA1));
}

void scan_weak_signature(const struct x509_cert *c, struct buf *out)
{
    struct rd r = rd_of(c->der), cert = x509_der_in(&r, X509_DER_SEQUENCE), alg;
    const char *name;
    struct str oid;

    if (c->sig_alg) /* one that is used here */
        return;
    x509_der_get(&cert, X509_DER_SEQUENCE);
    alg = x509_der_in(&cert, X509_DER_SEQUENCE);
    oid = x509_der_get(&alg, X509_DER_OID);
    name = alg.failed ? NULL : find(signatures, sizeof(signatures) / sizeof(signatures[0]), oid);
    if (!name && !alg.failed && is(oid, PSS) && pss_is_sha1(&alg))
        name = "RSASSA-PSS with SHA-1";
    if (name)
        say(out, "signature", name);
}
