/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that anyone can break, found by arithmetic: an RSA modulus with a small prime factor,
 * with primes so close that Fermat's method finds them, or with the fingerprint of the Infineon
 * library (CVE-2017-15361, ROCA). EC points were checked when the key was read. Blocked keys of the
 * register are the policy's matter. */
#pragma once

#include "crypto/key.h"

enum {
    CRYPTO_WEAK_PRIME_MAX = 751, /* CABF BR 6.1.6: no factor below 752 */
    CRYPTO_WEAK_FERMAT_ROUNDS = 110,
};

/* RC_OK for a key without such faults; RC_DENIED and which one otherwise. Takes well under a
 * millisecond or two. */
enum rc crypto_weak_check(const struct crypto_key *k, struct err *err);
