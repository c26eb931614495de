/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "box.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

enum { SMALL = 40, PIECES = 3, LARGE = PIECES * SEAL_PIECE + 1000, SEALED = SEAL_PIECE + SEAL_TAG };

static char large[LARGE];

static struct str plain_of(size_t n)
{
    for (size_t i = 0; i < n; i++)
        large[i] = (char)(i * 31 + i / 4096);
    return str_bytes(large, n);
}

static void what_goes_in_comes_out(void)
{
    static const size_t sizes[] = {
        0, 1, SEAL_PIECE - 1, SEAL_PIECE, SEAL_PIECE + 1, 2 * SEAL_PIECE, LARGE};

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
        CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);
        struct str plain = plain_of(sizes[i]);
        struct seal_sum wrote = {}, read = {};
        unsigned char hash[CRYPTO_SHA256_BYTES];
        size_t pieces = plain.n ? (plain.n + SEAL_PIECE - 1) / SEAL_PIECE : 1;

        CHECK_OK(box_seal(plain, &sealed, &wrote));
        CHECK_INT(buf_str(&sealed).n, SEAL_HEADER + plain.n + pieces * SEAL_TAG);
        CHECK_OK(box_open(buf_str(&sealed), plain.n, &back, &read, NULL));
        CHECK(str_eq(buf_str(&back), plain));
        CHECK_INT(wrote.bytes, buf_str(&sealed).n);
        CHECK_INT(read.bytes, wrote.bytes);
        CHECK_OK(crypto_sha256(buf_str(&sealed), hash));
        CHECK(memcmp(hash, wrote.sha256, sizeof(hash)) == 0);
        CHECK(memcmp(hash, read.sha256, sizeof(hash)) == 0);
    }
}

static void read_a_few_bytes_at_a_time(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    struct box_source s = {.at_once = 13};
    const struct seal_source from = {box_get, &s};
    struct str plain = plain_of(SEAL_PIECE + 100);
    struct seal_sum sum;
    char got[97];

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain, &sealed, &sum));
    s.left = buf_str(&sealed);
    CHECK_OK(seal_reader_new(&from, BOX_PASSPHRASE, &r, NULL));
    for (size_t at = 0; at < plain.n;) {
        struct str want = str_head(str_skip(plain, at), sizeof(got));

        CHECK_OK(seal_get(r, got, want.n, NULL));
        CHECK(memcmp(got, want.p, want.n) == 0);
        at += want.n;
    }
    CHECK_RC(seal_get(r, got, 1, NULL), RC_CORRUPT);
    CHECK_OK(seal_get_end(r, &sum, NULL));
}

static void nothing_before_the_end_is_an_end(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(SEAL_PIECE + 10), &sealed, &sum));
    CHECK_RC(box_open(buf_str(&sealed), SEAL_PIECE + 9, &back, &sum, NULL), RC_CORRUPT);
    buf_reset(&back);
    CHECK_RC(box_open(buf_str(&sealed), SEAL_PIECE, &back, &sum, NULL), RC_CORRUPT);
    buf_reset(&back);
    CHECK_RC(box_open(buf_str(&sealed), 10, &back, &sum, NULL), RC_CORRUPT);
}

/* Whatever is done to one byte is found, and has the code that it should have. */
static void each_byte_flipped(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    struct seal_sum sum;
    size_t n;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(SMALL), &sealed, &sum));
    n = buf_str(&sealed).n;
    for (size_t i = 0; i < n; i++) {
        CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);
        enum rc rc, want = i < 15 ? RC_PARSE : i == 15 ? RC_VERSION : RC_CORRUPT;

        sealed.p[i] ^= i == 16 ? 0x01 : 0x80; /* log2 N 11 is allowed, and makes other keys */
        rc = box_open(buf_str(&sealed), SMALL, &back, &sum, NULL);
        sealed.p[i] ^= i == 16 ? 0x01 : 0x80;
        if (i > 16 && i < 19)
            want = RC_TOOBIG; /* r, p */
        else if (i > 15 && i < SEAL_HEADER)
            want = RC_DENIED;
        CHECK_RC(rc, want);
        CHECK_INT(buf_str(&back).n, 0); /* nothing came out before it was found */
    }
}

static void each_length_cut_off(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(SMALL), &sealed, &sum));
    for (size_t n = 0; n < buf_str(&sealed).n; n++) {
        CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);

        CHECK_RC(box_open(str_head(buf_str(&sealed), n), SMALL, &back, &sum, NULL),
                 n < SEAL_HEADER ? RC_PARSE : RC_CORRUPT);
    }
}

static char piece[SEALED];

/* Where a piece ends is no place to cut either. */
static void whole_pieces_cut_off_or_added(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    struct seal_sum sum;
    size_t total;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(LARGE), &sealed, &sum));
    total = buf_str(&sealed).n;
    for (size_t pieces = 0; pieces <= PIECES; pieces++) {
        CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);
        struct str cut = str_head(buf_str(&sealed), SEAL_HEADER + pieces * SEALED);

        CHECK_RC(box_open(cut, pieces * SEAL_PIECE, &back, &sum, NULL), RC_CORRUPT);
    }
    memcpy(piece, sealed.p + SEAL_HEADER, SEALED);
    buf_u8(&sealed, 0);
    CHECK_OK(buf_rc(&sealed));
    for (int i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);

        CHECK_RC(box_open(buf_str(&sealed), LARGE, &back, &sum, NULL), RC_CORRUPT);
        buf_put(&sealed, piece, SEALED);
    }
    CHECK(buf_str(&sealed).n > total);
}

static void swap(char *p, size_t a, size_t b)
{
    static char kept[SEALED];

    memcpy(kept, p + SEAL_HEADER + a * SEALED, SEALED);
    memcpy(p + SEAL_HEADER + a * SEALED, p + SEAL_HEADER + b * SEALED, SEALED);
    memcpy(p + SEAL_HEADER + b * SEALED, kept, SEALED);
}

static void pieces_moved_doubled_or_of_another_file(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    CLEANUP(buf_done) struct buf other = BUF_INIT(BOX_MAX);
    CLEANUP(buf_done) struct buf back = BUF_INIT(BOX_MAX);
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(LARGE), &sealed, &sum));
    CHECK_OK(box_seal(plain_of(LARGE), &other, &sum));
    CHECK(!str_eq(buf_str(&sealed), buf_str(&other))); /* salts */
    swap(sealed.p, 0, 1);
    CHECK_RC(box_open(buf_str(&sealed), LARGE, &back, &sum, NULL), RC_CORRUPT);
    swap(sealed.p, 0, 1);
    memcpy(sealed.p + SEAL_HEADER + SEALED, sealed.p + SEAL_HEADER, SEALED);
    buf_reset(&back);
    CHECK_RC(box_open(buf_str(&sealed), LARGE, &back, &sum, NULL), RC_CORRUPT);
    memcpy(sealed.p + SEAL_HEADER + SEALED, other.p + SEAL_HEADER + SEALED, SEALED);
    buf_reset(&back);
    CHECK_RC(box_open(buf_str(&sealed), LARGE, &back, &sum, NULL), RC_CORRUPT);
}

static enum rc open_with(struct str sealed, struct str passphrase)
{
    CLEANUP(seal_reader_freep) struct seal_reader *r = NULL;
    struct box_source s = {.left = sealed};
    const struct seal_source from = {box_get, &s};

    return seal_reader_new(&from, passphrase, &r, NULL);
}

static void another_passphrase(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(SMALL), &sealed, &sum));
    CHECK_OK(open_with(buf_str(&sealed), BOX_PASSPHRASE));
    CHECK_RC(open_with(buf_str(&sealed), STR("a passphrasf")), RC_DENIED);
    CHECK_RC(open_with(buf_str(&sealed), STR("a passphrase ")), RC_DENIED);
}

/* Who writes a header makes nobody work for hours or take all memory. */
static void too_much_work(void)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(BOX_MAX);
    static const struct {
        size_t at;
        unsigned char v;
    } asks[] = {{16, 9}, {16, 19}, {16, 63}, {16, 255}, {17, 9}, {17, 255}, {18, 2}, {18, 255}};
    struct seal_sum sum;

    CHECK_OK(crypto_init());
    CHECK_OK(box_seal(plain_of(SMALL), &sealed, &sum));
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        char was = sealed.p[asks[i].at];

        sealed.p[asks[i].at] = (char)asks[i].v;
        CHECK_RC(open_with(buf_str(&sealed), BOX_PASSPHRASE), RC_TOOBIG);
        sealed.p[asks[i].at] = was;
    }
}

static enum rc refuse(void *, struct str, struct err *)
{
    return RC_IO;
}

static void a_sink_that_is_full(void)
{
    CLEANUP(seal_writer_freep) struct seal_writer *w = NULL;
    const struct seal_sink to = {refuse, NULL};

    CHECK_OK(crypto_init());
    CHECK_RC(seal_writer_new(&to, BOX_PASSPHRASE, BOX_LOG_N, &w, NULL), RC_IO);
}

CHECK_MAIN(CHECK_TEST(what_goes_in_comes_out), CHECK_TEST(read_a_few_bytes_at_a_time),
           CHECK_TEST(nothing_before_the_end_is_an_end), CHECK_TEST_ONCE(each_byte_flipped),
           CHECK_TEST_ONCE(each_length_cut_off), CHECK_TEST(whole_pieces_cut_off_or_added),
           CHECK_TEST(pieces_moved_doubled_or_of_another_file), CHECK_TEST(another_passphrase),
           CHECK_TEST(too_much_work), CHECK_TEST(a_sink_that_is_full))
