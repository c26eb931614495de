/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "ceremony/share.h"
#include "crypto/crypto.h"

enum { NEED = 3, ALL = 5 };

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void any_three_of_five_give_the_passphrase(void)
{
    CLEANUP(secret_freep) struct secret *made = NULL;
    struct ceremony_share s[ALL], some[NEED];

    CHECK_OK(crypto_init());
    CHECK_OK(ceremony_shares_make(NEED, ALL, s, &made));
    CHECK_INT(secret_len(made), 2 * CEREMONY_SECRET);
    for (unsigned a = 0; a < ALL; a++)
        for (unsigned b = a + 1; b < ALL; b++)
            for (unsigned c = b + 1; c < ALL; c++) {
                CLEANUP(secret_freep) struct secret *again = NULL;

                some[0] = s[c];
                some[1] = s[a];
                some[2] = s[b];
                CHECK_OK(ceremony_shares_join(some, NEED, &again, NULL));
                CHECK(memcmp(secret_bytes(made), secret_bytes(again), 2 * CEREMONY_SECRET) == 0);
            }
}

static void what_does_not_belong_together_is_named(void)
{
    CLEANUP(secret_freep) struct secret *made = NULL, *other = NULL, *again = NULL;
    struct ceremony_share s[ALL], t[ALL], some[NEED];
    struct err err = ERR_INIT;
    char text[256];

    CHECK_OK(crypto_init());
    CHECK_OK(ceremony_shares_make(NEED, ALL, s, &made));
    CHECK_OK(ceremony_shares_make(NEED, ALL, t, &other));
    some[0] = s[0];
    some[1] = s[3];
    CHECK_RC(ceremony_shares_join(some, 2, &again, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))), "3 shares are needed, and 2 are here");
    some[2] = s[3];
    CHECK_RC(ceremony_shares_join(some, 3, &again, &err), RC_INVAL);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "share 4 came twice"));
    some[2] = t[1];
    CHECK_RC(ceremony_shares_join(some, 3, &again, &err), RC_INVAL);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "share 2 is of another set"));
    CHECK(again == NULL);
}

static void put(const struct ceremony_share *s, struct buf *out)
{
    buf_reset(out);
    ceremony_share_put(s, out);
}

static bool same(const struct ceremony_share *a, const struct ceremony_share *b)
{
    CLEANUP(buf_done) struct buf x = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    CLEANUP(buf_done) struct buf y = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);

    ceremony_share_put(a, &x);
    ceremony_share_put(b, &y);
    return x.n > 0 && str_eq(buf_str(&x), buf_str(&y));
}

static void text_is_read_as_written(void)
{
    CLEANUP(secret_freep) struct secret *made = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    CLEANUP(buf_done) struct buf sheet = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    struct ceremony_share s[ALL], again;
    char small[CEREMONY_SHARE_TEXT_MAX];

    CHECK_OK(crypto_init());
    CHECK_OK(ceremony_shares_make(NEED, ALL, s, &made));
    put(&s[1], &text);
    CHECK_OK(buf_rc(&text));
    CHECK_OK(ceremony_share_parse(buf_str(&text), &again, NULL));
    CHECK(same(&again, &s[1]));
    CHECK_OK(str_copyz(buf_str(&text), small, sizeof(small)));
    for (char *c = small; *c; c++)
        *c = *c == '0'                  ? 'o'
             : *c == '1' && c[1] != ':' ? 'l'
             : *c >= 'A' && *c <= 'Z'   ? (char)(*c + 32)
                                        : *c;
    CHECK_OK(ceremony_share_parse(str_of(small), &again, NULL));
    CHECK(same(&again, &s[1]));
    ceremony_sheet_put(
        &s[1],
        &(struct ceremony_sheet){STR("Example: Hospital"),
                                 STR("Root: a root\n  05:6B:11:B4:57\n  00:12:34:56:78"),
                                 STR("2026-11-27")},
        &sheet);
    CHECK_OK(ceremony_share_parse(buf_str(&sheet), &again, NULL));
    CHECK(same(&again, &s[1]));
}

/* Each character, exchanged for each other one: the group is named. */
static void a_slip_is_found_where_it_is(void)
{
    CLEANUP(secret_freep) struct secret *made = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    struct ceremony_share s[ALL], again;
    char line[CEREMONY_SHARE_TEXT_MAX];
    size_t seen = 0;

    CHECK_OK(crypto_init());
    CHECK_OK(ceremony_shares_make(NEED, ALL, s, &made));
    put(&s[4], &text);
    CHECK_OK(str_copyz(buf_str(&text), line, sizeof(line)));
    for (char *c = line; *c; c++) {
        char was = *c, want[64];

        if (!strchr(alphabet, was) || c[1] == ':')
            continue;
        snprintf(want, sizeof(want), "group %zu of the share is wrong", seen / 5 + 1);
        for (const char *other = alphabet; *other; other++) {
            struct err err = ERR_INIT;
            char said[256];

            if (*other == was)
                continue;
            *c = *other;
            CHECK_RC(ceremony_share_parse(str_of(line), &again, &err), RC_PARSE);
            CHECK(strstr(err_textz(&err, said, sizeof(said)), want));
        }
        *c = was;
        seen++;
    }
    CHECK_INT(seen, CEREMONY_SHARE_GROUPS * 5);
}

static void exchanged_characters_are_found(void)
{
    CLEANUP(secret_freep) struct secret *made = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_SHARE_TEXT_MAX);
    struct ceremony_share s[ALL], again;
    char line[CEREMONY_SHARE_TEXT_MAX], a[6], b[6];

    CHECK_OK(crypto_init());
    CHECK_OK(ceremony_shares_make(NEED, ALL, s, &made));
    put(&s[0], &text);
    CHECK_OK(str_copyz(buf_str(&text), line, sizeof(line)));
    for (char *c = line; c[0] && c[1]; c++) {
        char was = c[0];

        if (!strchr(alphabet, c[0]) || !strchr(alphabet, c[1]) || c[0] == c[1])
            continue;
        c[0] = c[1];
        c[1] = was;
        CHECK_RC(ceremony_share_parse(str_of(line), &again, NULL), RC_PARSE);
        c[1] = c[0];
        c[0] = was;
    }
    /* The first two groups. */
    memcpy(a, line + 5, 5);
    memcpy(b, line + 11, 5);
    if (memcmp(a, b, 5) != 0) {
        memcpy(line + 5, b, 5);
        memcpy(line + 11, a, 5);
        CHECK_RC(ceremony_share_parse(str_of(line), &again, NULL), RC_PARSE);
    }
}

static void what_is_no_share_is_refused(void)
{
    static const char *const bad[] = {
        "", "1: AAAAA", "hello", "\n\n\n", "1:\n2:\n3:", "UUUUU UUUUU", "1: 00000 0000 00000"};
    struct ceremony_share again;
    unsigned m, n;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(ceremony_share_parse(str_of(bad[i]), &again, NULL), RC_PARSE);
    CHECK_OK(ceremony_shares_parse(STR("3/5"), &m, &n, NULL));
    CHECK(m == 3 && n == 5);
    CHECK_RC(ceremony_shares_parse(STR("1/5"), &m, &n, NULL), RC_INVAL);
    CHECK_RC(ceremony_shares_parse(STR("6/5"), &m, &n, NULL), RC_INVAL);
    CHECK_RC(ceremony_shares_parse(STR("3/17"), &m, &n, NULL), RC_INVAL);
    CHECK_RC(ceremony_shares_parse(STR("3"), &m, &n, NULL), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(any_three_of_five_give_the_passphrase),
           CHECK_TEST(what_does_not_belong_together_is_named), CHECK_TEST(text_is_read_as_written),
           CHECK_TEST_ONCE(a_slip_is_found_where_it_is),
           CHECK_TEST_ONCE(exchanged_characters_are_found), CHECK_TEST(what_is_no_share_is_refused))
