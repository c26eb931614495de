/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as files: PKCS#8 (RFC 5958) in PEM (RFC 7468), encrypted at rest by PBES2 with
 * scrypt (RFC 7914 section 7) and AES-256-CBC, as `openssl pkey` reads and writes. */
#pragma once

#include "base/secret.h"
#include "crypto/key.h"

/* 16 MiB and about 0.2 s for each guess: the strongest that OpenSSL will read back without options,
 * whose scrypt stops at 32 MiB; p makes up for the memory. One of the equivalent minimum settings
 * of OWASP's password storage page. */
enum {
    CRYPTO_SCRYPT_N = 1 << 14,
    CRYPTO_SCRYPT_R = 8,
    CRYPTO_SCRYPT_P = 5,
    CRYPTO_SCRYPT_SALT = 16,
    CRYPTO_PEM_MAX = 32 * 1024,
    CRYPTO_PASSPHRASE_MAX = 1024,
};

/* Appends "ENCRYPTED PRIVATE KEY". The passphrase has 1 to CRYPTO_PASSPHRASE_MAX bytes; RC_INVAL
 * otherwise, and for a key without its private half. */
enum rc crypto_pem_put(const struct crypto_key *k, struct secret *passphrase, struct buf *out);
/* Appends "PRIVATE KEY", in the clear: for files of mode 0600. In one write, so that buf_wipe
 * reaches every copy of an `out` that was empty before. */
enum rc crypto_pem_put_clear(const struct crypto_key *k, struct buf *out);
/* True when the first private key in `pem` is encrypted. */
bool crypto_pem_encrypted(struct str pem);
/* Reads the first private key of `pem`, which may hold other things as well. `passphrase` may be
 * NULL when the key is in the clear. RC_NOTFOUND without one, RC_DENIED when the passphrase is
 * missing or does not open it, RC_PARSE, RC_UNSUPPORTED for an algorithm that crypto/key.h does not
 * list, RC_INVAL for a size it does not allow, RC_TOOBIG. */
enum rc crypto_pem_read(struct str pem, struct secret *passphrase, struct crypto_key **out,
                        struct err *err);

/* The same without armour, for keys that are many, and kept as bytes until one is needed. */

/* Appends the PrivateKeyInfo (RFC 5958), DER, in one write as crypto_pem_put_clear. */
enum rc crypto_key_put_der(const struct crypto_key *k, struct buf *out);
/* Appends that of the first private key of `pem`, undecoded: what is wrong within is seen when it
 * is read. As crypto_pem_read; RC_DENIED when it is encrypted. */
enum rc crypto_pem_der(struct str pem, struct buf *out, struct err *err);
/* Reads one. RC_PARSE, also when its halves do not belong together; otherwise as crypto_pem_read.
 */
enum rc crypto_key_read_der(struct str der, struct crypto_key **out, struct err *err);
