/* SPDX-License-Identifier: Apache-2.0 */
/* What is listed and handed out is a report, and nothing else of the directory or of the disk. */
#include "reports.h"

#include "json/json.h"

enum { MAX = SHELF_FILE_MAX };

static enum rc list(const struct check_dir *d, const char *args, struct buf *text,
                    struct json_doc **out)
{
    CLEANUP(json_freep) struct json_doc *asked = NULL;
    struct err err = ERR_INIT;
    struct json_out o;

    TRY(json_parse(str_of(args), MAX, &asked, NULL));
    json_out_init(&o, text, JSON_COMPACT);
    TRY(shelf_list_at(d->fd, json_root(asked), &o, &err));
    TRY(json_out_done(&o));
    return json_parse(buf_str(text), MAX, out, NULL);
}

static void what_is_listed(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *row, *file;
    struct json_iter it, files;

    check_dir_init(&d);
    put_month(&d, "2026-09");
    put_month(&d, "2026-10");
    put_month(&d, "2026-10.part"); /* being written */
    put_month(&d, "2026-13");
    (void)put_file(&d, "2026-10", "report.html", STR("<!doctype html>"));
    (void)put_file(&d, "2026-10", "core", STR("x"));
    CHECK_OK(list(&d, "{}", &text, &doc));
    it = json_iter(json_get(json_root(doc), "items"));
    CHECK_INT(json_len(json_get(json_root(doc), "items")), 2);
    CHECK(json_next(&it, NULL, &row));
    CHECK_STR(json_shown(row, "month"), "2026-10");
    CHECK_STR(json_shown(row, "before"), "2026-11-01T00:00:00Z");
    CHECK_INT(json_shown_u64(json_get(row, "numbers"), "active"), 12);
    CHECK_INT(json_shown_u64(json_get(row, "numbers"), "revoked"), 0);
    CHECK(!json_get(json_get(row, "numbers"), "unknown"));
    CHECK_INT(json_len(json_get(row, "files")), 2);
    files = json_iter(json_get(row, "files"));
    for (unsigned seen = 0; json_next(&files, NULL, &file); seen++)
        CHECK(str_eq(json_shown(file, "name"), STR("numbers.json")) ||
              (str_eq(json_shown(file, "name"), STR("report.html")) &&
               json_shown_u64(file, "bytes") == 15));
    CHECK(json_next(&it, NULL, &row));
    CHECK_STR(json_shown(row, "month"), "2026-09");
}

static void pages(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX), more = BUF_INIT(MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL, *rest = NULL;
    struct json_iter it;
    const struct json *row;

    check_dir_init(&d);
    put_month(&d, "2026-09");
    put_month(&d, "2026-10");
    put_month(&d, "2026-11");
    CHECK_OK(list(&d, "{\"limit\":2}", &text, &doc));
    CHECK_INT(json_len(json_get(json_root(doc), "items")), 2);
    CHECK_STR(json_shown(json_root(doc), "next"), "202610");
    put_month(&d, "2026-12"); /* newer than where it goes on */
    CHECK_OK(list(&d, "{\"limit\":2,\"cursor\":\"202610\"}", &more, &rest));
    it = json_iter(json_get(json_root(rest), "items"));
    CHECK(json_next(&it, NULL, &row));
    CHECK_STR(json_shown(row, "month"), "2026-09");
    CHECK(json_is_null(json_get(json_root(rest), "next")));
    buf_reset(&more);
    CHECK_RC(list(&d, "{\"cursor\":\"2026-10\"}", &more, &rest), RC_INVAL);
}

static void what_cannot_be_read(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *row;
    struct json_iter it;

    check_dir_init(&d);
    CHECK_OK(list(&d, "{}", &text, &doc)); /* nothing was ever written */
    CHECK_INT(json_len(json_get(json_root(doc), "items")), 0);
    json_free(doc);
    doc = NULL;
    buf_reset(&text);
    put_month(&d, "2026-10");
    (void)put_file(&d, "2026-10", "numbers.json", STR("{"));
    CHECK_OK(list(&d, "{}", &text, &doc));
    it = json_iter(json_get(json_root(doc), "items"));
    CHECK(json_next(&it, NULL, &row));
    CHECK(json_shown(row, "error").n > 0);
    CHECK(!json_get(row, "numbers"));
}

static void a_file(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    const char *type = NULL;
    struct err err = ERR_INIT;

    check_dir_init(&d);
    put_month(&d, "2026-10");
    (void)put_file(&d, "2026-10", "near-misses.csv", STR("\"a\"\r\n"));
    CHECK_OK(shelf_file_at(d.fd, STR("2026-10"), STR("near-misses.csv"), &text, &type, &err));
    CHECK_STR(buf_str(&text), "\"a\"\r\n");
    CHECK_STR(str_of(type), "text/csv; charset=utf-8");
}

#define CHECK_NONE(month, name)                                                                    \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf none_ = BUF_INIT(MAX);                                        \
        const char *none_type_ = NULL;                                                             \
        struct err none_err_ = ERR_INIT;                                                           \
                                                                                                   \
        CHECK_RC(shelf_file_at(d.fd, STR(month), STR(name), &none_, &none_type_, &none_err_),      \
                 RC_NOTFOUND);                                                                     \
        CHECK_INT(none_.n, 0);                                                                     \
    } while (0)

static void no_file_of_a_report(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};

    check_dir_init(&d);
    put_month(&d, "2026-10");
    (void)put_file(&d, "2026-10", "secret.key", STR("x"));
    (void)put_file(&d, "2026-10", ".html", STR("x"));
    (void)put_file(&d, "2026-10", "Report.html", STR("x"));
    CHECK_OK(CHECK_SPARED(file_write(d.fd, "outside.html", STR("x"), 0600, FILE_OWNER_SELF, NULL)));
    CHECK(symlinkat("../../outside.html", d.fd, "reports/2026-10/link.html") == 0);
    CHECK_NONE("2026-10", "report.html");
    CHECK_NONE("2026-10", "secret.key");
    CHECK_NONE("2026-10", ".html");
    CHECK_NONE("2026-10", "Report.html");
    CHECK_NONE("2026-10", "../../outside.html");
    CHECK_NONE("..", "outside.html");
    CHECK_NONE("2026-10/..", "numbers.json");
    CHECK_NONE("", "numbers.json");
    CHECK_NONE("2026-10", "link.html");
}

static void too_long(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(MAX);
    const char *type = NULL;
    struct err err = ERR_INIT;
    int fd;

    check_dir_init(&d);
    put_month(&d, "2026-10");
    fd = openat(d.fd, "reports/2026-10/report.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, MAX + 1) == 0 && close(fd) == 0);
    CHECK_RC(shelf_file_at(d.fd, STR("2026-10"), STR("report.json"), &text, &type, &err),
             RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(what_is_listed), CHECK_TEST(pages), CHECK_TEST(what_cannot_be_read),
           CHECK_TEST(a_file), CHECK_TEST(no_file_of_a_report), CHECK_TEST_ONCE(too_long))
