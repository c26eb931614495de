/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/share.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

MSG(msg_spec, "ceremony.shares-spec",
    "\"{0}\" does not say how many shares are needed of how many, as in 3/5; at least 2, of at "
    "most 16");
MSG(msg_group, "ceremony.share-group",
    "group {0} of the share is wrong (line {1}, number {2} in it): \"{3}\"; read it again on the "
    "sheet");
MSG(msg_groups, "ceremony.share-groups",
    "a share has 18 groups of five characters, in three lines of six; here are {0}");
MSG(msg_whole, "ceremony.share-check",
    "each group of the share is right and the whole is not: a group stands in the place of "
    "another, or it is no share of Autarky's");
MSG(msg_version, "ceremony.share-version", "the share is of a later version of Autarky");
MSG(msg_set, "ceremony.share-set",
    "share {0} is of another set ({1}) than the first one ({2}): they do not belong together");
MSG(msg_twice, "ceremony.share-twice", "share {0} came twice; each person has another one");
MSG(msg_few, "ceremony.share-few", "{0} shares are needed, and {1} are here");

/*
 * What the groups carry, 45 bytes: version, set (4), threshold, count, number, the share (32), and
 * five bytes of a digest of all that.
 */
enum {
    VERSION = 1,
    HEAD = 8,
    BODY = HEAD + CEREMONY_SECRET,
    CHECK = 5,
    WHOLE = BODY + CHECK,
    DATA = 4,  /* characters of a group that carry something */
    GROUP = 5, /* and one that checks them */
    PER_LINE = 6,
    FIELD = 0x05, /* x^5 + x^2 + 1, without x^5 */
    WORDS_MAX = 64,
};
static_assert(WHOLE * 8 == CEREMONY_SHARE_GROUPS * DATA * 5);

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* ---- characters */

static int value_of(char c)
{
    const char *at;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* Twice as much in GF(2^5). */
static unsigned twice(unsigned a)
{
    a <<= 1;
    return (a ^ (-(a >> 5 & 1u) & (0x20u | FIELD))) & 0x1f;
}

/* Weights 2, 4, 8 and 16 of the field for the four, and the group's place: one wrong character, two
 * exchanged ones, and a whole group in another's place are found. */
static unsigned check_of(const unsigned *values, unsigned group)
{
    unsigned sum = 0;

    for (int i = DATA - 1; i >= 0; i--)
        sum = twice(sum ^ values[i]);
    return sum ^ (group + 1);
}

/* ---- bytes and groups */

static enum rc put_check(unsigned char *whole)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(BODY + 32);

    buf_putz(&text, "autarky share");
    buf_put(&text, whole, BODY);
    TRY(buf_rc(&text));
    TRY(crypto_sha256(buf_str(&text), digest));
    memcpy(whole + BODY, digest, CHECK);
    return RC_OK;
}

static enum rc pack(const struct ceremony_share *s, unsigned char whole[static WHOLE])
{
    whole[0] = VERSION;
    for (int i = 0; i < 4; i++)
        whole[1 + i] = (unsigned char)(s->set >> (24 - 8 * i));
    whole[5] = s->threshold;
    whole[6] = s->count;
    whole[7] = s->number;
    memcpy(whole + HEAD, s->bytes, CEREMONY_SECRET);
    return put_check(whole);
}

/* Five bits, from the left. */
static unsigned bits_at(const unsigned char *bytes, size_t n)
{
    unsigned v = 0;

    for (size_t i = n * 5; i < n * 5 + 5; i++)
        v = v << 1 | (bytes[i / 8] >> (7 - i % 8) & 1u);
    return v;
}

void ceremony_share_put(const struct ceremony_share *s, struct buf *out)
{
    unsigned char whole[WHOLE];
    enum rc rc = pack(s, whole);

    if (rc != RC_OK)
        buf_fail(out, rc);
    for (unsigned g = 0; g < CEREMONY_SHARE_GROUPS; g++) {
        unsigned values[DATA];

        if (g % PER_LINE == 0)
            buf_printf(out, "  %u:", g / PER_LINE + 1);
        buf_putz(out, " ");
        for (unsigned i = 0; i < DATA; i++) {
            values[i] = bits_at(whole, g * DATA + i);
            buf_u8(out, (uint8_t)alphabet[values[i]]);
        }
        buf_u8(out, (uint8_t)alphabet[check_of(values, g)]);
        if (g % PER_LINE == PER_LINE - 1)
            buf_putz(out, "\n");
    }
    explicit_bzero(whole, sizeof(whole));
}

const char *ceremony_set_text(uint32_t set, char text[static CEREMONY_SET_TEXT])
{
    snprintf(text, CEREMONY_SET_TEXT, "%08X", (unsigned)set);
    return text;
}

void ceremony_sheet_put(const struct ceremony_share *s, const struct ceremony_sheet *sheet,
                        struct buf *out)
{
    char set[CEREMONY_SET_TEXT];

    buf_printf(out,
               "AUTARKY: SHARE OF A ROOT PASSPHRASE\n\n"
               "Share %u of %u; any %u of them open the root key, fewer tell nothing.\n"
               "Set:          %s\n"
               "Organisation: %.*s\n"
               "Made:         %.*s\n%.*s\n\n",
               s->number, s->count, s->threshold, ceremony_set_text(s->set, set),
               STR_ARG(sheet->organization), STR_ARG(sheet->made), STR_ARG(sheet->root));
    ceremony_share_put(s, out);
    buf_putz(out, "\nKeep it where nobody keeps another one. No I, L, O or U is used.\n"
                  "Typed in when `autarky root sign` asks for it.\n");
}

/* ---- reading */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '-' || c == '\n';
}

/* "  2: ABCDE ..." is a line of groups. */
static bool strip_number(struct str *line)
{
    struct str head, rest;
    uint64_t n;

    /* One digit: a fingerprint on the sheet may begin with "05:". */
    if (!str_cut(*line, ':', &head, &rest) || str_trim(head).n != 1 ||
        str_u64(str_trim(head), 9, &n) != RC_OK)
        return false;
    *line = rest;
    return true;
}

static bool has_numbers(struct str text)
{
    struct str line;

    while (str_next(&text, '\n', &line))
        if (strip_number(&line))
            return true;
    return false;
}

/* The words of a line, WORDS_MAX at most in all. */
static void split_words(struct str line, struct str words[static WORDS_MAX], size_t *n)
{
    for (size_t i = 0; i < line.n && *n < WORDS_MAX;) {
        size_t from = i;

        while (i < line.n && !is_blank(line.p[i]))
            i++;
        if (i > from)
            words[(*n)++] = str_bytes(line.p + from, i - from);
        else
            i++;
    }
}

static enum rc wrong_group(struct str word, unsigned group, struct err *err)
{
    char all[16], line[16], number[16];

    snprintf(all, sizeof(all), "%u", group + 1);
    snprintf(line, sizeof(line), "%u", group / PER_LINE + 1);
    snprintf(number, sizeof(number), "%u", group % PER_LINE + 1);
    return ERR(err, RC_PARSE, msg_group, str_of(all), str_of(line), str_of(number),
               str_head(word, 2 * GROUP));
}

static enum rc read_group(struct str word, unsigned group, unsigned char *whole, struct err *err)
{
    unsigned values[GROUP];

    if (word.n != GROUP)
        return wrong_group(word, group, err);
    for (size_t i = 0; i < GROUP; i++) {
        int v = value_of(word.p[i]);

        if (v < 0)
            return wrong_group(word, group, err);
        values[i] = (unsigned)v;
    }
    if (check_of(values, group) != values[DATA])
        return wrong_group(word, group, err);
    for (size_t i = 0; i < DATA * 5; i++) {
        size_t bit = group * DATA * 5 + i;

        whole[bit / 8] |= (unsigned char)((values[i / 5] >> (4 - i % 5) & 1u) << (7 - bit % 8));
    }
    return RC_OK;
}

static enum rc unpack(const unsigned char *whole, struct ceremony_share *out, struct err *err)
{
    unsigned char again[WHOLE];

    memcpy(again, whole, BODY);
    TRY(put_check(again));
    if (memcmp(again + BODY, whole + BODY, CHECK) != 0)
        return ERR(err, RC_PARSE, msg_whole);
    if (whole[0] != VERSION)
        return ERR(err, RC_VERSION, msg_version);
    if (whole[5] < 2 || whole[5] > whole[6] || whole[6] > CEREMONY_SHARES_MAX || whole[7] < 1 ||
        whole[7] > whole[6])
        return ERR(err, RC_PARSE, msg_whole);
    *out = (struct ceremony_share){.threshold = whole[5], .count = whole[6], .number = whole[7]};
    for (int i = 0; i < 4; i++)
        out->set = out->set << 8 | whole[1 + i];
    memcpy(out->bytes, whole + HEAD, CEREMONY_SECRET);
    return RC_OK;
}

enum rc ceremony_share_parse(struct str text, struct ceremony_share *out, struct err *err)
{
    unsigned char whole[WHOLE] = {};
    struct str words[WORDS_MAX], rest = text, line;
    bool numbered = has_numbers(text);
    char count[24];
    size_t n = 0;
    enum rc rc = RC_OK;

    if (text.n > CEREMONY_SHARE_TEXT_MAX)
        return RC_TOOBIG;
    while (str_next(&rest, '\n', &line))
        if (strip_number(&line) || !numbered)
            split_words(line, words, &n);
    for (unsigned g = 0; g < n && g < CEREMONY_SHARE_GROUPS && rc == RC_OK; g++)
        rc = read_group(words[g], g, whole, err);
    snprintf(count, sizeof(count), "%zu", n);
    if (rc == RC_OK && n != CEREMONY_SHARE_GROUPS)
        rc = ERR(err, RC_PARSE, msg_groups, str_of(count));
    if (rc == RC_OK)
        rc = unpack(whole, out, err);
    explicit_bzero(whole, sizeof(whole));
    return rc;
}

/* ---- making and joining */

enum rc ceremony_shares_parse(struct str text, unsigned *threshold, unsigned *count,
                              struct err *err)
{
    struct str m, n;
    uint64_t need, all;

    if (!str_cut(text, '/', &m, &n) || str_u64(m, CEREMONY_SHARES_MAX, &need) != RC_OK ||
        str_u64(n, CEREMONY_SHARES_MAX, &all) != RC_OK || need < 2 || need > all)
        return ERR(err, RC_INVAL, msg_spec, text);
    *threshold = (unsigned)need;
    *count = (unsigned)all;
    return RC_OK;
}

static enum rc passphrase_of(struct secret *bytes, struct secret **out)
{
    CLEANUP(buf_wipe) struct buf hex = BUF_INIT(2 * CEREMONY_SECRET);

    text_hex(&hex, str_bytes(secret_bytes(bytes), CEREMONY_SECRET));
    TRY(buf_rc(&hex));
    TRY(secret_new(hex.n, out));
    memcpy(secret_bytes(*out), buf_str(&hex).p, hex.n);
    return RC_OK;
}

enum rc ceremony_shares_make(unsigned threshold, unsigned count, struct ceremony_share *out,
                             struct secret **passphrase)
{
    CLEANUP(secret_freep) struct secret *bytes = NULL;
    CLEANUP(secret_freep) struct secret *shares = NULL;
    uint32_t set;

    if (count > CEREMONY_SHARES_MAX)
        return RC_INVAL;
    TRY(secret_new(CEREMONY_SECRET, &bytes));
    TRY(secret_new((size_t)count * CEREMONY_SECRET, &shares));
    TRY(crypto_random(secret_bytes(bytes), CEREMONY_SECRET));
    TRY(crypto_random(&set, sizeof(set)));
    TRY(crypto_shamir_split(secret_bytes(bytes), CEREMONY_SECRET, threshold, count,
                            secret_bytes(shares)));
    for (unsigned i = 0; i < count; i++) {
        out[i] =
            (struct ceremony_share){set, (uint8_t)threshold, (uint8_t)count, (uint8_t)(i + 1), {}};
        memcpy(out[i].bytes, secret_bytes(shares) + (size_t)i * CEREMONY_SECRET, CEREMONY_SECRET);
    }
    return passphrase_of(bytes, passphrase);
}

static enum rc check_set(const struct ceremony_share *shares, size_t n, struct err *err)
{
    char number[16], a[CEREMONY_SET_TEXT], b[CEREMONY_SET_TEXT];

    for (size_t i = 0; i < n; i++) {
        snprintf(number, sizeof(number), "%u", shares[i].number);
        if (shares[i].set != shares[0].set || shares[i].threshold != shares[0].threshold)
            return ERR(err, RC_INVAL, msg_set, str_of(number),
                       str_of(ceremony_set_text(shares[i].set, a)),
                       str_of(ceremony_set_text(shares[0].set, b)));
        for (size_t k = 0; k < i; k++)
            if (shares[k].number == shares[i].number)
                return ERR(err, RC_INVAL, msg_twice, str_of(number));
    }
    return RC_OK;
}

enum rc ceremony_shares_join(const struct ceremony_share *shares, size_t n,
                             struct secret **passphrase, struct err *err)
{
    CLEANUP(secret_freep) struct secret *bytes = NULL;
    CLEANUP(secret_freep) struct secret *parts = NULL;
    unsigned char numbers[CEREMONY_SHARES_MAX];
    char need[16], have[16];

    if (n > CEREMONY_SHARES_MAX)
        return RC_TOOBIG;
    TRY(check_set(shares, n, err));
    if (n == 0 || n < shares[0].threshold) {
        snprintf(need, sizeof(need), "%u", n ? shares[0].threshold : 2u);
        snprintf(have, sizeof(have), "%zu", n);
        return ERR(err, RC_INVAL, msg_few, str_of(need), str_of(have));
    }
    TRY(secret_new(CEREMONY_SECRET, &bytes));
    TRY(secret_new(n * CEREMONY_SECRET, &parts));
    for (size_t i = 0; i < n; i++) {
        numbers[i] = shares[i].number;
        memcpy(secret_bytes(parts) + i * CEREMONY_SECRET, shares[i].bytes, CEREMONY_SECRET);
    }
    TRY(crypto_shamir_join(numbers, secret_bytes(parts), shares[0].threshold, CEREMONY_SECRET,
                           secret_bytes(bytes)));
    return passphrase_of(bytes, passphrase);
}
