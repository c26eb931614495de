/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tlcp/record_int.h"

enum { PADDING_MAX = 256, LENGTH_AT = 11 };

/* All ones if the last bytes are padding; *pad is then how many there are beside the last one, else
 * 0. */
static uint32_t check_padding(const unsigned char *body, uint32_t n, uint32_t *pad)
{
    uint32_t value = body[n - 1], look = n < PADDING_MAX ? n : PADDING_MAX;
    uint32_t good = tlcp_ct_less(value + TLCP_MAC, n), differs = 0;

    for (uint32_t i = 0; i < look; i++)
        differs |= (body[n - 1 - i] ^ value) & tlcp_ct_less(i, value + 1);
    good &= tlcp_ct_equal(differs, 0);
    *pad = value & good;
    return good;
}

/* The code at a secret place, without telling which: every byte where it may stand is read, into a
 * ring that is turned at the end. */
static void copy_code(const unsigned char *body, uint32_t from, uint32_t at, uint32_t end,
                      unsigned char out[static TLCP_MAC])
{
    unsigned char ring[TLCP_MAC] = {};
    uint32_t turned = (at - from) % TLCP_MAC;

    for (uint32_t i = from; i < end; i++)
        ring[(i - from) % TLCP_MAC] |=
            (unsigned char)(body[i] & ~tlcp_ct_less(i, at) & tlcp_ct_less(i, at + TLCP_MAC));
    memset(out, 0, TLCP_MAC);
    for (uint32_t i = 0; i < TLCP_MAC; i++)
        for (uint32_t k = 0; k < TLCP_MAC; k++)
            out[i] |= (unsigned char)(ring[k] & tlcp_ct_equal(k, (i + turned) % TLCP_MAC));
}

enum rc tlcp_cbc_check(const struct tlcp_mac *m, unsigned char header[static TLCP_MAC_HEADER],
                       const unsigned char *body, size_t n, size_t *out_n)
{
    uint32_t total = (uint32_t)n, pad, good = check_padding(body, total, &pad), differs = 0;
    struct tlcp_mac_length length = {.max = total - TLCP_MAC - 1};
    unsigned char want[TLCP_MAC], got[TLCP_MAC];

    length.n = length.max - pad;
    length.min = length.max < PADDING_MAX ? 0 : length.max - (PADDING_MAX - 1);
    header[LENGTH_AT] = (unsigned char)(length.n >> 8);
    header[LENGTH_AT + 1] = (unsigned char)length.n;
    tlcp_mac_make(m, header, body, length, want);
    copy_code(body, length.min, length.n, total, got);
    for (size_t i = 0; i < TLCP_MAC; i++)
        differs |= want[i] ^ got[i];
    good &= tlcp_ct_equal(differs, 0);
    if (!good)
        return RC_DENIED;
    *out_n = length.n;
    return RC_OK;
}
