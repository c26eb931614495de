/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SM3 and the padding of CBC against OpenSSL, for every length that may hide in a record. */
#include "check.h"

#include <openssl/evp.h>

#include "crypto/crypto.h"
#include "crypto/ossl.h"
#include "tlcp/record_int.h"

enum { TEXT = 700 };

static const unsigned char key[TLCP_MAC] = "a key of thirty-two bytes, as is";
static unsigned char text[TEXT];

static void fill(void)
{
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (unsigned char)(i * 31 + 7);
}

static bool expected(const unsigned char *header, size_t n, unsigned char out[static TLCP_MAC])
{
    unsigned char all[TLCP_MAC_HEADER + TEXT];
    size_t len = 0;

    memcpy(all, header, TLCP_MAC_HEADER);
    memcpy(all + TLCP_MAC_HEADER, text, n);
    return EVP_Q_mac(crypto_ossl_ctx(), "HMAC", NULL, "SM3", NULL, key, sizeof(key), all,
                     TLCP_MAC_HEADER + n, out, TLCP_MAC, &len) != NULL;
}

static void codes_are_those_of_openssl(void)
{
    unsigned char header[TLCP_MAC_HEADER] = "\0\0\0\0\0\0\0\1\x17\1\1\0\0", want[TLCP_MAC],
                  got[TLCP_MAC];
    struct tlcp_mac m;

    fill();
    tlcp_mac_init(&m, key);
    for (uint32_t n = 0; n + 256 < TEXT; n++) {
        struct tlcp_mac_length exact = {n, n, n}, hidden = {n, n > 200 ? n - 200 : 0, n + 55};

        CHECK(expected(header, n, want));
        tlcp_mac_make(&m, header, text, exact, got);
        CHECK(memcmp(want, got, TLCP_MAC) == 0);
        tlcp_mac_make(&m, header, text, hidden, got);
        CHECK(memcmp(want, got, TLCP_MAC) == 0);
        hidden = (struct tlcp_mac_length){n, n, n + 255};
        tlcp_mac_make(&m, header, text, hidden, got);
        CHECK(memcmp(want, got, TLCP_MAC) == 0);
    }
}

/* A record as it is after decryption. */
static size_t make(const unsigned char *header, size_t n, size_t padding, unsigned char *out)
{
    unsigned char with_length[TLCP_MAC_HEADER];

    memcpy(with_length, header, TLCP_MAC_HEADER);
    with_length[11] = (unsigned char)(n >> 8);
    with_length[12] = (unsigned char)n;
    memcpy(out, text, n);
    if (!expected(with_length, n, out + n))
        return 0;
    memset(out + n + TLCP_MAC, (int)padding, padding + 1);
    return n + TLCP_MAC + padding + 1;
}

static void each_padding_is_taken(void)
{
    unsigned char header[TLCP_MAC_HEADER] = "\0\0\0\0\0\0\0\1\x17\1\1\0\0", record[TEXT];
    struct tlcp_mac m;

    fill();
    tlcp_mac_init(&m, key);
    for (size_t n = 0; n < 160; n++)
        for (size_t padding = 15 - (n + TLCP_MAC) % 16; padding < 256; padding += 16) {
            size_t all = make(header, n, padding, record), got = TEXT;

            CHECK(all && all % 16 == 0);
            CHECK_OK(tlcp_cbc_check(&m, header, record, all, &got));
            CHECK_INT(got, n);
        }
}

static void each_wrong_byte_is_refused(void)
{
    unsigned char header[TLCP_MAC_HEADER] = "\0\0\0\0\0\0\0\1\x17\1\1\0\0", record[TEXT];
    static const size_t paddings[] = {3, 19, 243};
    struct tlcp_mac m;
    size_t got;

    fill();
    tlcp_mac_init(&m, key);
    for (size_t k = 0; k < sizeof(paddings) / sizeof(paddings[0]); k++) {
        size_t all = make(header, 28, paddings[k], record);

        CHECK(all % 16 == 0);
        for (size_t i = 0; i < all; i++)
            for (unsigned bit = 1; bit < 256; bit <<= 1) {
                record[i] ^= (unsigned char)bit;
                CHECK_RC(tlcp_cbc_check(&m, header, record, all, &got), RC_DENIED);
                record[i] ^= (unsigned char)bit;
            }
        CHECK_OK(tlcp_cbc_check(&m, header, record, all, &got));
    }
}

static void padding_longer_than_the_record(void)
{
    unsigned char header[TLCP_MAC_HEADER] = "\0\0\0\0\0\0\0\1\x17\1\1\0\0", record[64];
    struct tlcp_mac m;
    size_t got;

    tlcp_mac_init(&m, key);
    for (unsigned v = 0; v < 256; v++)
        for (size_t n = 48; n <= sizeof(record); n += 16) {
            memset(record, (int)v, sizeof(record));
            CHECK_RC(tlcp_cbc_check(&m, header, record, n, &got), RC_DENIED);
        }
}

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST(codes_are_those_of_openssl),
                CHECK_TEST(each_padding_is_taken), CHECK_TEST(each_wrong_byte_is_refused),
                CHECK_TEST(padding_longer_than_the_record))
