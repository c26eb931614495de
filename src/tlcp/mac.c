/* SPDX-License-Identifier: Apache-2.0 */
#include "tlcp/mac_int.h"

#include <string.h>

enum { ROUNDS = 64, EXPANDED = 68, EARLY = 16, LENGTH_AT = 56, LENGTH_BYTES = 8 };

static uint32_t rol(uint32_t v, unsigned n)
{
    n %= 32;
    return v << n | v >> (32 - n) % 32;
}

static uint32_t load(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store(uint32_t v, unsigned char *p)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

static uint32_t p0(uint32_t x)
{
    return x ^ rol(x, 9) ^ rol(x, 17);
}

static uint32_t p1(uint32_t x)
{
    return x ^ rol(x, 15) ^ rol(x, 23);
}

/* GB/T 32905 section 5.3.2. */
static void expand(const unsigned char *block, uint32_t w[static EXPANDED])
{
    for (unsigned i = 0; i < EARLY; i++)
        w[i] = load(block + sizeof(*w) * i);
    for (unsigned i = EARLY; i < EXPANDED; i++)
        w[i] = p1(w[i - 16] ^ w[i - 9] ^ rol(w[i - 3], 15)) ^ rol(w[i - 13], 7) ^ w[i - 6];
}

/* One round of section 5.3.3, registers A to H in h. */
static inline void turn(uint32_t h[static TLCP_SM3_WORDS], uint32_t k, uint32_t ff, uint32_t gg,
                        uint32_t w, uint32_t w4)
{
    uint32_t a12 = rol(h[0], 12), ss1 = rol(a12 + h[4] + k, 7);
    uint32_t tt1 = ff + h[3] + (ss1 ^ a12) + (w ^ w4), tt2 = gg + h[7] + ss1 + w;

    h[3] = h[2];
    h[2] = rol(h[1], 9);
    h[1] = h[0];
    h[0] = tt1;
    h[7] = h[6];
    h[6] = rol(h[5], 19);
    h[5] = h[4];
    h[4] = p0(tt2);
}

static void compress(uint32_t state[static TLCP_SM3_WORDS], const unsigned char *block)
{
    static const uint32_t t_early = 0x79cc4519, t_late = 0x7a879d8a;
    uint32_t w[EXPANDED], h[TLCP_SM3_WORDS];

    memcpy(h, state, sizeof(h));
    expand(block, w);
    for (unsigned i = 0; i < EARLY; i++)
        turn(h, rol(t_early, i), h[0] ^ h[1] ^ h[2], h[4] ^ h[5] ^ h[6], w[i], w[i + 4]);
    for (unsigned i = EARLY; i < ROUNDS; i++)
        turn(h, rol(t_late, i), (h[0] & h[1]) | (h[0] & h[2]) | (h[1] & h[2]),
             (h[4] & h[5]) | (~h[4] & h[6]), w[i], w[i + 4]);
    for (unsigned i = 0; i < TLCP_SM3_WORDS; i++)
        state[i] ^= h[i];
}

static void begin(uint32_t state[static TLCP_SM3_WORDS], const unsigned char *key,
                  unsigned char pad)
{
    static const uint32_t iv[TLCP_SM3_WORDS] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                                0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
    unsigned char block[TLCP_SM3_BLOCK];

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < TLCP_MAC; i++)
        block[i] ^= key[i];
    memcpy(state, iv, sizeof(iv));
    compress(state, block);
    explicit_bzero(block, sizeof(block));
}

void tlcp_mac_init(struct tlcp_mac *m, const unsigned char key[static TLCP_MAC])
{
    begin(m->inner, key, 0x36);
    begin(m->outer, key, 0x5c);
}

/* Header and text one behind the other. */
static unsigned char byte_at(const unsigned char *header, const unsigned char *text,
                             const struct tlcp_mac_length *length, uint32_t at)
{
    if (at < TLCP_MAC_HEADER)
        return header[at];
    return at - TLCP_MAC_HEADER < length->max ? text[at - TLCP_MAC_HEADER] : 0;
}

/* The block with that number of an input that ends somewhere: text, the bit behind it, zeros, and
 * in the last one the length, each masked with whether it stands here. */
static void mask_block(unsigned char block[static TLCP_SM3_BLOCK], uint32_t number, uint32_t end,
                       uint32_t is_last)
{
    uint32_t first = number * TLCP_SM3_BLOCK;
    uint64_t bits = ((uint64_t)TLCP_SM3_BLOCK + end) * 8;

    for (uint32_t i = 0; i < TLCP_SM3_BLOCK; i++) {
        uint32_t v = block[i] & tlcp_ct_less(first + i, end);

        v |= 0x80 & tlcp_ct_equal(first + i, end);
        if (i >= LENGTH_AT)
            v |= (uint32_t)(bits >> (LENGTH_BYTES - 1 - (i - LENGTH_AT)) * 8) & 0xff & is_last;
        block[i] = (unsigned char)v;
    }
}

static void inner(const struct tlcp_mac *m, const unsigned char *header, const unsigned char *text,
                  const struct tlcp_mac_length *length, uint32_t out[static TLCP_SM3_WORDS])
{
    uint32_t end = TLCP_MAC_HEADER + length->n, number = 0, state[TLCP_SM3_WORDS];
    uint32_t last = (end + LENGTH_BYTES) / TLCP_SM3_BLOCK;
    uint32_t most = (TLCP_MAC_HEADER + length->max + LENGTH_BYTES) / TLCP_SM3_BLOCK;
    unsigned char block[TLCP_SM3_BLOCK];

    memcpy(state, m->inner, sizeof(state));
    memset(out, 0, sizeof(state));
    /* What is text whatever the length is. */
    for (; (number + 1) * TLCP_SM3_BLOCK <= TLCP_MAC_HEADER + length->min; number++) {
        if (number == 0) {
            memcpy(block, header, TLCP_MAC_HEADER);
            memcpy(block + TLCP_MAC_HEADER, text, TLCP_SM3_BLOCK - TLCP_MAC_HEADER);
            compress(state, block);
        } else {
            compress(state, text + number * TLCP_SM3_BLOCK - TLCP_MAC_HEADER);
        }
    }
    for (; number <= most; number++) {
        uint32_t is_last = tlcp_ct_equal(number, last);

        for (uint32_t i = 0; i < TLCP_SM3_BLOCK; i++)
            block[i] = byte_at(header, text, length, number * TLCP_SM3_BLOCK + i);
        mask_block(block, number, end, is_last);
        compress(state, block);
        for (unsigned i = 0; i < TLCP_SM3_WORDS; i++)
            out[i] |= state[i] & is_last;
    }
}

void tlcp_mac_make(const struct tlcp_mac *m, const unsigned char header[static TLCP_MAC_HEADER],
                   const unsigned char *text, struct tlcp_mac_length length,
                   unsigned char out[static TLCP_MAC])
{
    uint32_t digest[TLCP_SM3_WORDS], state[TLCP_SM3_WORDS];
    unsigned char block[TLCP_SM3_BLOCK] = {};
    uint32_t bits = (TLCP_SM3_BLOCK + TLCP_MAC) * 8;

    inner(m, header, text, &length, digest);
    for (size_t i = 0; i < TLCP_SM3_WORDS; i++)
        store(digest[i], block + sizeof(*digest) * i);
    block[TLCP_MAC] = 0x80;
    store(bits, block + TLCP_SM3_BLOCK - sizeof(bits));
    memcpy(state, m->outer, sizeof(state));
    compress(state, block);
    for (size_t i = 0; i < TLCP_SM3_WORDS; i++)
        store(state[i], out + sizeof(*state) * i);
}
