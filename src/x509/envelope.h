/* SPDX-License-Identifier: Apache-2.0 */
/* A private key of SM2 that the CA made, on its way to who asked for it: SM2EnvelopedKey of GM/T
 * 0009 section 7.4 and GB/T 35276. The number is under a key of SM4, and that is encrypted to the
 * subscriber's key that signs, so nobody else can open it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct crypto_key;

enum { X509_ENVELOPE_MAX = 1024 };

/* What stands in it; borrowed from the DER. */
struct x509_envelope {
    struct str key;    /* an SM2Cipher: the key of SM4 */
    struct str x, y;   /* of the point whose private number it carries */
    struct str number; /* that number, encrypted: 32 bytes */
};

/* Exactly one, DER. The cipher is SM4 with the mode unsaid or ECB, its parameters missing or NULL.
 * RC_PARSE, RC_UNSUPPORTED for another cipher, RC_TOOBIG past X509_ENVELOPE_MAX. */
enum rc x509_envelope_parse(struct str der, struct x509_envelope *out, struct err *err);

/* Appends an envelope with the private half of `k` in it, SM2 as `to`, which alone can open it.
 * RC_INVAL for other keys, or for a private half that is missing; RC_CRYPTO. */
enum rc x509_envelope_seal(const struct crypto_key *k, const struct crypto_key *to,
                           struct buf *out);
/* The key pair in it, opened with the private half of `own`. RC_DENIED when it was made for another
 * key, is damaged, or the number is not that of its point: in one way, whatever it is. Whether
 * that is the key of the certificate that came with it, the caller has to see. As
 * x509_envelope_parse. */
enum rc x509_envelope_open(const struct crypto_key *own, struct str der, struct crypto_key **out,
                           struct err *err);
