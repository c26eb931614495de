/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys and key pairs, shared by reference. Files: crypto/pem.h. Signatures: crypto/sign.h.
 * Keys from strangers are also held against crypto/weak.h; x509_csr_parse and jose_jwk_parse do so
 * themselves. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct crypto_key;

enum crypto_key_type {
    CRYPTO_KEY_RSA = 1,
    CRYPTO_KEY_P256,
    CRYPTO_KEY_P384,
    CRYPTO_KEY_ED25519,
    CRYPTO_KEY_SM2,     /* GB/T 32918 on its recommended curve */
    CRYPTO_KEY_MLDSA44, /* FIPS 204; RFC 9881 */
    CRYPTO_KEY_MLDSA65,
    CRYPTO_KEY_MLDSA87,
};

#define CRYPTO_KEY_TYPES (CRYPTO_KEY_MLDSA87 + 1)

/* RSA keys outside of this, or with an exponent that is even, below 65537 or above 2^32, are
 * refused everywhere. */
/* The longest SubjectPublicKeyInfo is that of ML-DSA-87, 2614 bytes. */
enum { CRYPTO_RSA_BITS_MIN = 2048, CRYPTO_RSA_BITS_MAX = 8192, CRYPTO_SPKI_MAX = 3072 };

/* What to generate; `bits` is 2048, 3072 or 4096 for RSA and 0 otherwise. */
struct crypto_key_spec {
    enum crypto_key_type type;
    unsigned bits;
};

/* "rsa" (3072), "rsa2048", "rsa3072", "rsa4096", "ecdsa" and "p256", "p384", "ed25519", "sm2",
 * "mldsa44", "mldsa65" and "mldsa", "mldsa87"; RC_UNSUPPORTED otherwise. */
enum rc crypto_key_spec_parse(struct str s, struct crypto_key_spec *out);

/* RC_INVAL for another size. RSA takes from a tenth of a second to several. */
enum rc crypto_key_generate(struct crypto_key_spec spec, struct crypto_key **out);
struct crypto_key *crypto_key_ref(struct crypto_key *k);
/* Drops one reference. */
void crypto_key_unref(struct crypto_key *k);
DEFINE_FREEP(crypto_key_unref, struct crypto_key)

enum crypto_key_type crypto_key_type(const struct crypto_key *k);
/* Of the RSA modulus or of the curve: 256, 384, 256, SM2 256; of ML-DSA 128, 192, 256, for the
 * security categories 2, 3 and 5 of FIPS 204 section 4. */
unsigned crypto_key_bits(const struct crypto_key *k);
/* "RSA", "EC P-256", "SM2", "ML-DSA-65". */
const char *crypto_key_type_text(enum crypto_key_type type);
bool crypto_key_has_private(const struct crypto_key *k);
/* "RSA 3072", "EC P-256", "EC P-384", "Ed25519", "SM2", "ML-DSA-65"; borrowed, constant for the
 * life of the key. */
const char *crypto_key_text(const struct crypto_key *k);
/* The public halves are the same. */
bool crypto_key_same(const struct crypto_key *a, const struct crypto_key *b);

/* SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER; borrowed. */
struct str crypto_key_spki(const struct crypto_key *k);
/* Its SHA-256, by which keys are looked up and blocked. 32 bytes, borrowed. */
struct str crypto_key_spki_sha256(const struct crypto_key *k);
/* Reads one. Accepted is exactly what crypto_key_spki would write: DER, RSA with NULL parameters,
 * named curves with uncompressed points on the curve. RC_PARSE, RC_UNSUPPORTED for another
 * algorithm or curve, RC_INVAL for RSA numbers out of range. */
enum rc crypto_key_from_spki(struct str der, struct crypto_key **out, struct err *err);

/* A public key that was looked at and not opened: bytes in their place. For who only has to judge
 * it, at less than a tenth of the price of a key. */
struct crypto_public {
    enum crypto_key_type type;
    unsigned bits;   /* as crypto_key_bits */
    struct str spki; /* all of it; borrowed, as what follows */
    struct str a, b; /* RSA modulus and exponent, without leading zeros; x and y; the key alone */
};
/* Accepts and refuses exactly what crypto_key_from_spki does. */
enum rc crypto_public_read(struct str spki, struct crypto_public *out, struct err *err);
/* The same of a key; borrowed from it. */
struct crypto_public crypto_key_public(const struct crypto_key *k);

/* From the numbers of a JWK (RFC 7518 section 6), big endian. RC_INVAL when leading zeros, range,
 * length or curve are wrong. */
enum rc crypto_key_from_rsa(struct str n, struct str e, struct crypto_key **out, struct err *err);
/* `type` is P256, P384 or SM2; x and y have exactly the length of the field. */
enum rc crypto_key_from_ec(enum crypto_key_type type, struct str x, struct str y,
                           struct crypto_key **out, struct err *err);
enum rc crypto_key_from_ed25519(struct str x, struct crypto_key **out, struct err *err);
