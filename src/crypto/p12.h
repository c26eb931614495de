/* SPDX-License-Identifier: Apache-2.0 */
/* A private key with its certificate and chain in one file, PKCS#12 (RFC 7292), for what takes them
 * in no other form: Windows, browsers, Java, devices. Written only. Key and certificates are
 * encrypted by PBES2 with PBKDF2 (HMAC-SHA-256) and AES-256-CBC, the whole is sealed by an
 * HMAC-SHA-256 whose key comes from the password by RFC 7292 appendix B: what OpenSSL, GnuTLS, NSS,
 * Java since 8u301 and Windows since 2019 read. */
#pragma once

#include "base/secret.h"
#include "crypto/key.h"

enum {
    CRYPTO_P12_ROUNDS = 100'000, /* of each of the three derivations, about 0.05 s */
    CRYPTO_P12_PASSWORD_MAX = 256,
    CRYPTO_P12_NAME_MAX = 255,
    CRYPTO_P12_CHAIN_MAX = 10,
    CRYPTO_P12_MAX = 256 * 1024,
};

struct crypto_p12_in {
    const struct crypto_key *key;
    struct str leaf; /* DER, as the next */
    const struct str *chain;
    size_t n_chain;
    struct str name;         /* shown by programs that import it; may be empty */
    struct secret *password; /* printable ASCII: programs disagree about other characters */
};

/* Appends the file, DER. RC_INVAL and what is wrong: the password's length or form, a key without
 * its private half or of another certificate, a certificate that is none; RC_TOOBIG. `out` is to be
 * wiped by the caller as a file with a key is. */
enum rc crypto_p12_put(const struct crypto_p12_in *in, struct buf *out, struct err *err);
