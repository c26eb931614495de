/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/handshake.h"

#include <string.h>

/* RFC 8446 section 4.4.3: 64 blanks, the words, a zero, and the hash of what was said so far. */
static bool is_verify(struct str m)
{
    static const char words[] = "TLS 1.3, server CertificateVerify";
    enum { BLANKS = 64, BEFORE = BLANKS + sizeof(words) };

    for (size_t i = 0; i < BLANKS && i < m.n; i++)
        if (m.p[i] != ' ')
            return false;
    return (m.n == BEFORE + 32 || m.n == BEFORE + 48) &&
           memcmp(m.p + BLANKS, words, sizeof(words)) == 0;
}

/* RFC 8422 section 5.4: named_curve (3), the curve, and a point with its length. */
static bool is_exchange(struct str m)
{
    enum { RANDOM = 32, HEAD = 4 };
    size_t at = (size_t)2 * RANDOM;

    return m.n > at + HEAD && m.p[at] == 3 && m.n == at + HEAD + (unsigned char)m.p[at + HEAD - 1];
}

bool crypto_is_handshake(struct str message)
{
    return is_verify(message) || is_exchange(message);
}
