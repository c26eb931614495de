/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers wrote, in files that people open: a text and nothing else. */
#include "check.h"

#include <fcntl.h>

#include "base/file.h"
#include "json/json.h"
#include "report/out.h"

static const struct report_table table = {
    "table", "A table", "About it.", {"first", "second", NULL}};

enum { MAX = 8 * 1024 * 1024 };

static enum rc write_rows(int dir, const struct str (*rows)[2], size_t n)
{
    CLEANUP(report_out_freep) struct report_out *o = NULL;
    const struct report_numbers numbers = {.active = 7};
    const struct report_title title = {{STR("R&D <Hospital>"), {0, 30 * WHEN_DAY}}, &numbers};
    struct err err = ERR_INIT;

    TRY(report_out_new(dir, "dir", &o, &err));
    TRY(report_out_table(o, &table));
    for (size_t i = 0; i < n; i++)
        TRY(report_out_row(o, rows[i]));
    return report_out_end(o, &title);
}

static bool has(const struct buf *b, const char *text)
{
    return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static void as_html(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    /* U+202E at the end, from which on text would run the other way. */
    static const unsigned char turned[] = {'a', '&', 'a', 'm', 'p',  ';',  'b', 0x1b,
                                           '[', '3', '1', 'm', 0xe2, 0x80, 0xae};
    const struct str rows[][2] = {
        {STR("<script>alert(1)</script>"), STR("\"><img src=x onerror=y>")},
        {str_bytes(turned, sizeof(turned)), STR("\xff\xfe")},
    };

    check_dir_init(&d);
    CHECK_OK(write_rows(d.fd, rows, 2));
    CHECK_OK(file_read(d.fd, "report.html", &text, NULL));
    CHECK(has(&text, "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>"));
    CHECK(has(&text, "<td>&quot;&gt;&lt;img src=x onerror=y&gt;</td>"));
    CHECK(has(&text, "<td>a&amp;amp;b?[31m?</td><td>?"
                     "?</td>"));
    CHECK(has(&text, "<h1>R&amp;D &lt;Hospital&gt;</h1>"));
    CHECK(has(&text, "<dt>certificates in force</dt><dd>7</dd>"));
    CHECK(has(&text, "default-src 'none'"));
    CHECK(!has(&text, "<script"));
    CHECK_INT(check_dir_count(&d, NULL), 4);
}

static void as_csv(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    const struct str rows[][2] = {
        {STR("=cmd|' /C calc'!A0"), STR("+1")},
        {STR("-2+3"), STR("@SUM(1)")},
        {STR("  =1"), STR("say \"no\", twice")},
        {STR("*.a.example"), STR("a=b")},
        {STR("\t=1"), STR("")},
    };

    check_dir_init(&d);
    CHECK_OK(write_rows(d.fd, rows, 5));
    CHECK_OK(file_read(d.fd, "table.csv", &text, NULL));
    CHECK_STR(buf_str(&text), "\"first\",\"second\"\r\n"
                              "\"'=cmd|' /C calc'!A0\",\"'+1\"\r\n"
                              "\"'-2+3\",\"'@SUM(1)\"\r\n"
                              "\"'  =1\",\"say \"\"no\"\", twice\"\r\n"
                              "\"*.a.example\",\"a=b\"\r\n"
                              "\"?=1\",\"\"\r\n");
}

static void as_json(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct str rows[][2] = {{STR("=1\"\\"), STR("</script>")}, {STR("b"), STR("")}};
    const struct json *list, *row;
    struct json_iter it;

    check_dir_init(&d);
    CHECK_OK(write_rows(d.fd, rows, 2));
    CHECK_OK(file_read(d.fd, "report.json", &text, NULL));
    CHECK_OK(json_parse(buf_str(&text), MAX, &doc, NULL));
    CHECK_STR(json_shown(json_root(doc), "before"), "1970-01-31T00:00:00Z");
    CHECK_INT(json_shown_u64(json_get(json_root(doc), "numbers"), "active"), 7);
    list = json_get(json_get(json_root(doc), "tables"), "table");
    CHECK_INT(json_len(list), 2);
    it = json_iter(list);
    CHECK(json_next(&it, NULL, &row));
    CHECK_STR(json_shown(row, "first"), "=1\"\\");
    buf_reset(&text);
    CHECK_OK(file_read(d.fd, "numbers.json", &text, NULL));
    json_free(doc);
    doc = NULL;
    CHECK_OK(json_parse(buf_str(&text), MAX, &doc, NULL));
    CHECK_STR(json_shown(json_root(doc), "before"), "1970-01-31T00:00:00Z");
    CHECK_INT(json_shown_u64(json_get(json_root(doc), "numbers"), "active"), 7);
}

/* The page stays one that a browser opens; the other files have every row, and no cell is cut
 * without saying so. */
static void within_limits(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(report_out_freep) struct report_out *o = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX), long_one = BUF_INIT(MAX);
    const struct report_numbers numbers = {};
    const struct report_title title = {{STR("X"), {0, WHEN_DAY}}, &numbers};
    struct str row[2] = {STR("a"), STR("b")};

    check_dir_init(&d);
    CHECK_OK(report_out_new(d.fd, "dir", &o, NULL));
    CHECK_OK(report_out_table(o, &table));
    for (size_t i = 0; i < REPORT_HTML_ROWS_MAX + 5; i++)
        CHECK_OK(report_out_row(o, row));
    for (size_t i = 0; i < REPORT_CELL_MAX + 100; i++)
        buf_u8(&long_one, 'x');
    row[1] = buf_str(&long_one);
    CHECK_OK(report_out_row(o, row));
    CHECK_OK(report_out_end(o, &title));
    CHECK_OK(file_read(d.fd, "report.html", &text, NULL));
    CHECK(has(&text, "And 6 more: table.csv has all of them."));
    buf_reset(&text);
    CHECK_OK(file_read(d.fd, "table.csv", &text, NULL));
    CHECK(str_ends(buf_str(&text), STR("x...\"\r\n")));
    CHECK(text.n > (size_t)REPORT_HTML_ROWS_MAX * 9);
}

CHECK_MAIN(CHECK_TEST(as_html), CHECK_TEST(as_csv), CHECK_TEST(as_json),
           CHECK_TEST_ONCE(within_limits))
