/* SPDX-License-Identifier: Apache-2.0 */
/* Messages signed with a shared secret, and answers held against it (TSIG, RFC 8945): HMAC with
 * SHA-256, SHA-384 and SHA-512; the older digests are not offered. Pure but for the digest. */
#pragma once

#include "base/err.h"
#include "base/when.h"
#include "crypto/hash.h"
#include "dns/wire.h"

enum { DNS_TSIG_SECRET_MAX = 256, DNS_TSIG_FUDGE = 300 };

struct dns_tsig_key {
    char name[DNS_NAME_MAX + 1]; /* "": there is no key */
    enum crypto_hash_alg alg;
    unsigned char secret[DNS_TSIG_SECRET_MAX];
    size_t n;
};

/* "hmac-sha256", "hmac-sha384", "hmac-sha512", in either case, with or without a final dot.
 * RC_UNSUPPORTED. */
enum rc dns_tsig_alg_parse(struct str s, enum crypto_hash_alg *out);

/* What an answer is held against. */
struct dns_tsig_sent {
    unsigned char mac[CRYPTO_HASH_MAX];
    size_t n;
};

/* Signs the message in `msg`, which is that and nothing else, and appends the signature to it.
 * RC_INVAL for a key that is none. */
enum rc dns_tsig_sign(const struct dns_tsig_key *key, when_t now, struct buf *msg,
                      struct dns_tsig_sent *sent);
/* The answer to it. RC_DENIED, with what to do: it is not signed, or not with this key, or says
 * that the server does not know the key (BADKEY), the signature (BADSIG) or the time (BADTIME).
 * RC_PARSE. */
enum rc dns_tsig_check(const struct dns_tsig_key *key, const struct dns_tsig_sent *sent,
                       struct str wire, when_t now, struct err *err);
