/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that anyone can break, found by arithmetic: an RSA modulus with a small prime factor,
 * with primes so close that Fermat's method finds them, or with the fingerprint of the Infineon
 * library (CVE-2017-15361, ROCA); or found on a list, as those of Debian's faulty random generator
 * (CVE-2008-0166). EC points were checked when the key was read. Blocked keys of the register are
 * the policy's matter. */
#pragma once

#include "crypto/key.h"

enum {
    CRYPTO_WEAK_PRIME_MAX = 751, /* CABF BR 6.1.6: no factor below 752 */
    CRYPTO_WEAK_FERMAT_ROUNDS = 110,
    CRYPTO_WEAK_LISTS_MAX = 16,
    CRYPTO_WEAK_LIST_MAX = 128 << 20, /* bytes of a file */
    CRYPTO_WEAK_PATH_MAX = 4095,
};

/* RC_OK for a key without such faults; RC_DENIED and which one otherwise. Takes well under a
 * millisecond or two. */
enum rc crypto_weak_check(struct crypto_public k, struct err *err);

/* Lists of weak RSA keys, in the format of Debian's openssl-blacklist packages: a line for each, 20
 * hexadecimal digits, the second half of the SHA-1 of what `openssl rsa -noout -modulus` prints;
 * empty lines and those that start with "#" do not count. The name of a file ends in RSA- and the
 * bits of its keys, as blacklist.RSA-2048 does; of a directory all files count whose names do.
 * Replaces what was loaded before; after a failure nothing is. For the start of a process, before
 * it has threads. RC_NOTFOUND, RC_IO, RC_INVAL (name), RC_PARSE, RC_TOOBIG. */
enum rc crypto_weak_load(const struct str *paths, size_t n, struct err *err);
void crypto_weak_unload(void);
/* How many keys of this size are listed. */
size_t crypto_weak_listed(unsigned bits);
