/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SM3 (RFC 2104, GB/T 32905) over the records of CBC suites, written here because OpenSSL has
 * it in constant time for its own digests alone: what lies behind a length that nobody may learn is
 * worked on in full, whatever the length is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    TLCP_MAC = 32,        /* key and result */
    TLCP_MAC_HEADER = 13, /* sequence number, type, version, length */
    TLCP_SM3_BLOCK = 64,
    TLCP_SM3_WORDS = 8,
};

/* A key, as the states of SM3 that inner and outer digest begin with. */
struct tlcp_mac {
    uint32_t inner[TLCP_SM3_WORDS], outer[TLCP_SM3_WORDS];
};

/* 0xffffffff if a < b, else 0; both below 2^31. No branch, as in the next. */
static inline uint32_t tlcp_ct_less(uint32_t a, uint32_t b)
{
    return 0 - ((a - b) >> 31);
}

static inline uint32_t tlcp_ct_equal(uint32_t a, uint32_t b)
{
    return tlcp_ct_less(a ^ b, 1);
}

void tlcp_mac_init(struct tlcp_mac *m, const unsigned char key[static TLCP_MAC]);

/* How long the text is: `n` is secret, and between the other two, which are public. */
struct tlcp_mac_length {
    uint32_t n, min, max;
};

/* The code of header and the first length.n of `text`, which holds length.max bytes; time and
 * memory touched depend on min and max alone. */
void tlcp_mac_make(const struct tlcp_mac *m, const unsigned char header[static TLCP_MAC_HEADER],
                   const unsigned char *text, struct tlcp_mac_length length,
                   unsigned char out[static TLCP_MAC]);
