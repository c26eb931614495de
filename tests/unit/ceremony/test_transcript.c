/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ceremony/show.h"
#include "ceremony/transcript.h"
#include "crypto/sign.h"
#include "keys.h"

static char *const command[] = {(char *)"autarky", (char *)"root", (char *)"sign", NULL};

static enum rc write_entry(const struct check_dir *d, const struct crypto_key *key, when_t now,
                           const char *what)
{
    CLEANUP(ceremony_transcript_done) struct ceremony_transcript t = {};

    TRY(ceremony_transcript_begin(d->fd, now, command, &t, NULL));
    ceremony_transcript_put(&t, "made", str_of(what));
    return ceremony_transcript_end(&t, d->fd, STR("root-rsa"), key, NULL);
}

static enum rc read_entry(const struct check_dir *d, unsigned n, struct buf *text, struct buf *sig)
{
    char path[64];

    snprintf(path, sizeof(path), "root/transcript/%04u.txt", n);
    TRY(file_read(d->fd, path, text, NULL));
    snprintf(path, sizeof(path), "root/transcript/%04u.sig", n);
    return file_read(d->fd, path, sig, NULL);
}

static void entries_are_signed_and_name_the_one_before(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_p256);
    CLEANUP(buf_done) struct buf before = BUF_INIT(256);

    check_dir_init(&d);
    CHECK(key);
    for (unsigned n = 1; n <= 3; n++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_TRANSCRIPT_MAX);
        CLEANUP(buf_done) struct buf sig = BUF_INIT(4096);
        char line[256];

        CHECK_OK(write_entry(&d, key, n * WHEN_DAY, "one line\nand another\n"));
        CHECK_OK(read_entry(&d, n, &text, &sig));
        CHECK_OK(crypto_verify(key, CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_DER, buf_str(&text),
                               buf_str(&sig)));
        snprintf(line, sizeof(line), "\nprevious: %s\n", n == 1 ? "none" : buf_z(&before));
        CHECK(strstr(buf_z(&text), line));
        CHECK(strstr(buf_z(&text), "\nmade: one line\n  and another\n"));
        CHECK(strstr(buf_z(&text), "\ncommand: autarky root sign\n"));
        CHECK(strstr(buf_z(&text), "\nsigned by: root-rsa\n"));
        buf_reset(&before);
        CHECK_OK(ceremony_digest_put(buf_str(&text), &before));
    }
}

/* A line end in a value makes no line of its own. */
static void values_cannot_forge_lines(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_p256);
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_TRANSCRIPT_MAX);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(4096);

    check_dir_init(&d);
    CHECK(key);
    CHECK_OK(write_entry(&d, key, WHEN_DAY, "x\nsigned by: somebody\nprevious: none"));
    CHECK_OK(read_entry(&d, 1, &text, &sig));
    CHECK(!strstr(buf_z(&text), "\nsigned by: somebody"));
    CHECK(strstr(buf_z(&text), "\n  signed by: somebody\n  previous: none\n"));
}

static void an_entry_is_not_overwritten(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_p256);
    CLEANUP(ceremony_transcript_done) struct ceremony_transcript t = {};

    check_dir_init(&d);
    CHECK(key);
    CHECK_OK(ceremony_transcript_begin(d.fd, WHEN_DAY, command, &t, NULL));
    CHECK_OK(write_entry(&d, key, WHEN_DAY, "in between"));
    CHECK_RC(ceremony_transcript_end(&t, d.fd, STR("root-rsa"), key, NULL), RC_EXISTS);
}

CHECK_MAIN(CHECK_TEST_ONCE(entries_are_signed_and_name_the_one_before),
           CHECK_TEST_ONCE(values_cannot_forge_lines), CHECK_TEST_ONCE(an_entry_is_not_overwritten))
