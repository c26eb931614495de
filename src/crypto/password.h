/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of people, as they are kept: Argon2id (RFC 9106), one thread, 19 MiB, two passes. Takes
 * some 30 ms of the caller's time and that much memory while it runs, so who asks is counted before
 * (operators/throttle.h). */
#pragma once

#include "base/str.h"

enum {
    CRYPTO_PASSWORD_SALT = 16,
    CRYPTO_PASSWORD_HASH = 32,
    /* What is kept: a byte that says which parameters, the salt, the hash. */
    CRYPTO_PASSWORD_BYTES = 1 + CRYPTO_PASSWORD_SALT + CRYPTO_PASSWORD_HASH,
    CRYPTO_PASSWORD_MAX = 256,
};

/* With a new salt. RC_INVAL when it is empty or longer than CRYPTO_PASSWORD_MAX; RC_CRYPTO. */
enum rc crypto_password_make(struct str password, unsigned char out[static CRYPTO_PASSWORD_BYTES]);
/* RC_DENIED when it is another one; RC_CORRUPT when `kept` is nothing that was made here. What is
 * compared is compared in constant time. */
enum rc crypto_password_check(struct str kept, struct str password);

/* A key out of a passphrase: scrypt (RFC 7914), as hard as `work` says. */
struct crypto_scrypt {
    unsigned log_n, r,
        p; /* it takes 128 * r * 2^log_n bytes of memory, p times one after another */
};
enum { CRYPTO_SCRYPT_LOG_N_MAX = 20, CRYPTO_SCRYPT_R_MAX = 8, CRYPTO_SCRYPT_P_MAX = 4 };
/* Writes `n` bytes. RC_TOOBIG past a limit above, RC_INVAL for a zero; RC_CRYPTO, as when there is
 * not so much memory. */
enum rc crypto_scrypt_key(struct str passphrase, struct str salt, const struct crypto_scrypt *work,
                          unsigned char *out, size_t n);
