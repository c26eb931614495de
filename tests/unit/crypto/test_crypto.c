/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "crypto/crypto.h"
#include "crypto/hash.h"

/* With this configuration the default context finds no digest at all; and it is left alone. */
static const char hostile[] = "openssl_conf = init\n"
                              "[init]\n"
                              "alg_section = algs\n"
                              "[algs]\n"
                              "default_properties = nosuch=yes\n";

static void openssl_cnf_is_never_read(void)
{
    char path[] = "/tmp/autarky-openssl-cnf-XXXXXX";
    unsigned char digest[CRYPTO_SHA256_BYTES];
    int fd = mkstemp(path);
    EVP_MD *md;

    CHECK(fd >= 0);
    if (fd < 0)
        return;
    CHECK(write(fd, hostile, sizeof(hostile) - 1) == (ssize_t)sizeof(hostile) - 1);
    close(fd);
    CHECK(setenv("OPENSSL_CONF", path, 1) == 0);
    CHECK_OK(crypto_init());
    CHECK_OK(crypto_sha256(STR("x"), digest));
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    unlink(path);
    CHECK(md != NULL);
    EVP_MD_free(md);
}

static void starts_and_ends_any_number_of_times(void)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    for (int i = 0; i < 3; i++) {
        CHECK_OK(crypto_init());
        CHECK_OK(crypto_init());
        CHECK_OK(crypto_sha256(STR("x"), digest));
        crypto_done();
    }
}

static void random_bytes_differ(void)
{
    unsigned char a[32] = {0}, b[32] = {0}, zero[32] = {0};

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_random(a, sizeof(a)));
    CHECK_OK(crypto_random(b, sizeof(b)));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK(memcmp(a, zero, sizeof(a)) != 0);
    CHECK(memcmp(b + 16, zero, 16) != 0);
}

static void version_is_named(void)
{
    CHECK(str_starts(str_of(crypto_version()), STR("OpenSSL ")));
}

/* The first one must come first: it looks at what the first crypto_init of the process does. */
CHECK_MAIN(CHECK_TEST_ONCE(openssl_cnf_is_never_read),
           CHECK_TEST(starts_and_ends_any_number_of_times), CHECK_TEST(random_bytes_differ),
           CHECK_TEST(version_is_named))
