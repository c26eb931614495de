/* SPDX-License-Identifier: Apache-2.0 */
/* Records of TLCP (GB/T 38636 section 6.3): framing, and the protection of one direction. */
#pragma once

#include <openssl/types.h>

#include "base/buf.h"
#include "tlcp/mac_int.h"

enum {
    TLCP_VERSION = 0x0101,
    TLCP_RECORD_HEADER = 5,
    TLCP_PLAIN_MAX = 1 << 14,
    TLCP_CIPHER_MAX = TLCP_PLAIN_MAX + 2048,
    TLCP_RECORD_MAX = TLCP_RECORD_HEADER + TLCP_CIPHER_MAX,
    TLCP_BLOCK = 16, /* of SM4, and its key */
    TLCP_FIXED_IV = 4,
};

enum tlcp_record { TLCP_CHANGE = 20, TLCP_ALERT = 21, TLCP_HANDSHAKE = 22, TLCP_DATA = 23 };

struct tlcp_suite {
    uint16_t code;
    bool ecdhe; /* key exchange of SM2, else encryption with it */
    bool cbc;   /* SM4-CBC and HMAC-SM3, else SM4-GCM */
    const char *name;
};

/* NULL for one that is not spoken here. */
const struct tlcp_suite *tlcp_suite_find(uint16_t code);
/* All of them, the best first. */
extern const uint16_t tlcp_suites_usual[];
extern const size_t tlcp_suites_usual_n;

/* One direction. All zero: in the clear. */
struct tlcp_guard {
    const struct tlcp_suite *suite; /* NULL: in the clear */
    EVP_CIPHER_CTX *cipher;
    struct tlcp_mac mac;
    unsigned char fixed_iv[TLCP_FIXED_IV];
    uint64_t sequence;
};

/* What one direction takes of the key block. */
struct tlcp_guard_keys {
    const unsigned char *mac, *cipher, *iv;
};

/* RC_NOMEM, RC_CRYPTO. */
enum rc tlcp_guard_init(struct tlcp_guard *g, const struct tlcp_suite *suite, bool seals,
                        struct tlcp_guard_keys keys);
void tlcp_guard_done(struct tlcp_guard *g);
/* Appends one record with at most TLCP_PLAIN_MAX bytes. */
enum rc tlcp_guard_seal(struct tlcp_guard *g, enum tlcp_record type, struct str plain,
                        struct buf *out);
/* Opens the `n` bytes behind a record's header where they stand; `out` is part of them. RC_DENIED
 * for what was not made with these keys, in the same time whatever is wrong with padding or code;
 * RC_TOOBIG for more plain text than a record holds. */
enum rc tlcp_guard_open(struct tlcp_guard *g, enum tlcp_record type, unsigned char *body, size_t n,
                        struct str *out);

/* cbc.c: padding and code of a decrypted record (GB/T 38636 section 6.3.3.4.2), in constant time:
 * `n` bytes, a multiple of TLCP_BLOCK, and at least TLCP_MAC + 1. `header` has type and version in
 * their places and gets the length. RC_DENIED, or how much of it is plain text. */
enum rc tlcp_cbc_check(const struct tlcp_mac *m, unsigned char header[static TLCP_MAC_HEADER],
                       const unsigned char *body, size_t n, size_t *out_n);
