/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "crypto/handshake.h"

static void shapes(void)
{
    static const char words[] = "TLS 1.3, server CertificateVerify";
    char m[256];
    size_t n;

    memset(m, ' ', 64);
    memcpy(m + 64, words, sizeof(words));
    n = 64 + sizeof(words);
    memset(m + n, 'h', 64);
    CHECK(crypto_is_handshake(str_bytes(m, n + 32)));
    CHECK(crypto_is_handshake(str_bytes(m, n + 48)));
    for (size_t i = 0; i < n + 64; i++)
        CHECK_INT(crypto_is_handshake(str_bytes(m, i)), i == n + 32 || i == n + 48);
    for (size_t i = 0; i < n; i++) {
        m[i] ^= 1;
        CHECK(!crypto_is_handshake(str_bytes(m, n + 32)));
        m[i] ^= 1;
    }
    m[64 + 9] = 'c'; /* a client's */
    memcpy(m + 64 + 9, "client", 6);
    CHECK(!crypto_is_handshake(str_bytes(m, n + 32)));

    memset(m, 'r', 64);
    memcpy(m + 64, "\x03\x00\x1d\x20", 4);
    memset(m + 68, 'p', 64);
    for (size_t i = 0; i < sizeof(m); i++)
        CHECK_INT(crypto_is_handshake(str_bytes(m, i)), i == 64 + 4 + 32);
    m[64] = 1;
    CHECK(!crypto_is_handshake(str_bytes(m, 64 + 4 + 32)));
    CHECK(!crypto_is_handshake((struct str){}));
}

CHECK_MAIN(CHECK_TEST(shapes))
