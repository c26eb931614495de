/* SPDX-License-Identifier: Apache-2.0 */
#include "report/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "json/out.h"

MSG(msg_write, "report.write", "{0}/{1} cannot be written: {2}");

enum {
    FLUSH = 256 * 1024,
    ROW_MAX = 12 * REPORT_CELL_MAX * 6 + 4096, /* each byte as an entity */
    OUT_MAX = FLUSH + ROW_MAX,
    FILE_NAME = 64,
    COPY = 64 * 1024,
};

#define HTML "report.html"
#define JSON_FILE "report.json"
#define NUMBERS "numbers.json"
#define BODY ".tmp-body"

struct file {
    char name[FILE_NAME];
    int fd; /* -1: none */
    struct buf text;
};

struct report_out {
    int dir;
    const char *dir_name;
    struct err *err;
    const struct report_table *table; /* NULL: none yet */
    uint64_t rows;
    struct file html; /* the tables, which come behind the numbers that are known last */
    struct file json;
    struct file csv;
};

/* ---- files */

static enum rc failed(struct report_out *o, const char *name)
{
    return ERR(o->err, RC_IO, msg_write, str_of(o->dir_name), str_of(name),
               str_of(strerrordesc_np(errno)));
}

static enum rc begin(struct report_out *o, struct file *f, const char *name)
{
    snprintf(f->name, sizeof(f->name), "%s", name);
    f->fd = openat(o->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return f->fd < 0 ? failed(o, name) : RC_OK;
}

static enum rc flush(struct report_out *o, struct file *f)
{
    TRY(buf_rc(&f->text));
    if (!file_put_all(f->fd, buf_str(&f->text)))
        return failed(o, f->name);
    buf_reset(&f->text);
    return RC_OK;
}

static enum rc written(struct report_out *o, struct file *f)
{
    return f->text.n >= FLUSH ? flush(o, f) : buf_rc(&f->text);
}

static enum rc end(struct report_out *o, struct file *f)
{
    int fd = f->fd;

    if (fd < 0)
        return RC_OK;
    TRY(flush(o, f));
    f->fd = -1;
    if (fsync(fd) != 0 || close(fd) != 0)
        return failed(o, f->name);
    return RC_OK;
}

static void file_done(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    buf_done(&f->text);
}

void report_out_free(struct report_out *o)
{
    if (!o)
        return;
    file_done(&o->html);
    file_done(&o->json);
    file_done(&o->csv);
    mem_free(o);
}

enum rc report_out_new(int dir, const char *name, struct report_out **out, struct err *err)
{
    CLEANUP(report_out_freep) struct report_out *o = MEM_NEW(struct report_out);

    if (!o)
        return RC_NOMEM;
    *o = (struct report_out){.dir = dir, .dir_name = name, .err = err};
    o->html = o->json = o->csv = (struct file){.fd = -1, .text = BUF_INIT(OUT_MAX)};
    TRY(begin(o, &o->html, BODY));
    if (unlinkat(dir, BODY, 0) != 0) /* it is there for as long as it is open */
        return failed(o, BODY);
    TRY(begin(o, &o->json, JSON_FILE));
    buf_putz(&o->json.text, "{\"tables\":{");
    *out = MOVE(o);
    return RC_OK;
}

/* ---- cells */

static void html_text(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&':
            buf_putz(b, "&amp;");
            break;
        case '<':
            buf_putz(b, "&lt;");
            break;
        case '>':
            buf_putz(b, "&gt;");
            break;
        case '"':
            buf_putz(b, "&quot;");
            break;
        default:
            buf_u8(b, (uint8_t)s.p[i]);
        }
}

/* RFC 4180; what a spreadsheet would compute is a text there, too: that is decided by the first
 * byte, and by some programs after spaces. */
static void csv_text(struct buf *b, struct str s)
{
    struct str first = str_trim(s);
    bool formula = first.n && str_find(STR("=+-@|%"), first.p[0]) < 6;
    bool control = s.n && (s.p[0] == '\t' || s.p[0] == '\r' || s.p[0] == '\n');

    buf_u8(b, '"');
    if (formula || control)
        buf_u8(b, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_u8(b, '"');
        buf_u8(b, (uint8_t)s.p[i]);
    }
    buf_u8(b, '"');
}

/* Well-formed text without what a terminal or a browser might take for something else. */
static void clean(struct str s, struct buf *out)
{
    struct str rest = s;
    uint32_t cp;

    while (rest.n && out->n < REPORT_CELL_MAX) {
        size_t n = str_utf8_next(rest, &cp);
        bool bidi = (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);

        if (!n || str_is_control(cp) || bidi)
            buf_u8(out, n && cp == '\n' ? ' ' : '?');
        else
            buf_puts(out, str_head(rest, n));
        rest = str_skip(rest, n ? n : 1);
    }
    if (rest.n)
        buf_putz(out, "...");
}

static size_t columns(const struct report_table *t)
{
    size_t n = 0;

    while (t->columns[n])
        n++;
    return n;
}

/* ---- tables */

static void end_table(struct report_out *o)
{
    uint64_t more = o->rows > REPORT_HTML_ROWS_MAX ? o->rows - REPORT_HTML_ROWS_MAX : 0;

    if (!o->table)
        return;
    buf_putz(&o->html.text, "</tbody></table>\n");
    if (!o->rows)
        buf_putz(&o->html.text, "<p class=\"none\">None.</p>\n");
    if (more)
        buf_printf(&o->html.text, "<p>And %llu more: %s.csv has all of them.</p>\n",
                   (unsigned long long)more, o->table->name);
    buf_putz(&o->html.text, "</section>\n");
    buf_putz(&o->json.text, "]");
}

enum rc report_out_table(struct report_out *o, const struct report_table *t)
{
    char name[FILE_NAME];
    size_t n = columns(t);
    struct buf *h = &o->html.text;

    end_table(o);
    TRY(end(o, &o->csv));
    snprintf(name, sizeof(name), "%s.csv", t->name);
    TRY(begin(o, &o->csv, name));
    buf_printf(&o->json.text, "%s\"%s\":[", o->table ? "," : "", t->name);
    buf_printf(h, "<section id=\"%s\"><h2>%s</h2>\n<p>%s</p>\n<table><thead><tr>", t->name,
               t->title, t->about);
    for (size_t i = 0; i < n; i++) {
        buf_printf(h, "<th scope=\"col\">%s</th>", t->columns[i]);
        buf_printf(&o->csv.text, "%s\"%s\"", i ? "," : "", t->columns[i]);
    }
    buf_putz(h, "</tr></thead><tbody>\n");
    buf_putz(&o->csv.text, "\r\n");
    o->table = t;
    o->rows = 0;
    TRY(written(o, &o->html));
    return written(o, &o->json);
}

static void put_cell(struct report_out *o, struct json_out *j, size_t i, struct str cell)
{
    if (o->rows < REPORT_HTML_ROWS_MAX) {
        buf_putz(&o->html.text, "<td>");
        html_text(&o->html.text, cell);
        buf_putz(&o->html.text, "</td>");
    }
    buf_putz(&o->csv.text, i ? "," : "");
    csv_text(&o->csv.text, cell);
    json_kv_str(j, o->table->columns[i], cell);
}

enum rc report_out_row(struct report_out *o, const struct str *cells)
{
    CLEANUP(buf_done) struct buf row = BUF_INIT(ROW_MAX);
    CLEANUP(buf_done) struct buf cell = BUF_INIT(REPORT_CELL_MAX + 16);
    bool shown = o->rows < REPORT_HTML_ROWS_MAX;
    struct json_out j;

    json_out_init(&j, &row, JSON_COMPACT);
    json_obj(&j);
    buf_putz(&o->html.text, shown ? "<tr>" : "");
    for (size_t i = 0; i < columns(o->table); i++) {
        buf_reset(&cell);
        clean(cells[i], &cell);
        TRY(buf_rc(&cell));
        put_cell(o, &j, i, buf_str(&cell));
    }
    json_end(&j);
    TRY(json_out_done(&j));
    buf_putz(&o->html.text, shown ? "</tr>\n" : "");
    buf_putz(&o->csv.text, "\r\n");
    buf_putz(&o->json.text, o->rows ? ",\n" : "\n");
    buf_puts(&o->json.text, buf_str(&row));
    o->rows++;
    TRY(written(o, &o->html));
    TRY(written(o, &o->json));
    return written(o, &o->csv);
}

/* ---- the end */

/* No script, nothing from elsewhere, and nothing that could ask for it. */
static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}\n"
    "h1{margin:0}h2{margin:2.5rem 0 0;break-after:avoid}p{margin:.25rem 0 .75rem}\n"
    "section{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{border-bottom:1px solid #8886;padding:.25rem .5rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere;min-width:6rem}\n"
    "thead{display:table-header-group}tr{break-inside:avoid}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.5rem}\n"
    "dl div{border:1px solid #8886;border-radius:4px;padding:.5rem .75rem}\n"
    "dt{font-size:.85em}dd{margin:0;font-size:1.5em;font-variant-numeric:tabular-nums}\n"
    "@media print{@page{size:A4 landscape;margin:12mm}body{font-size:9pt;margin:0;max-width:none}"
    "section{overflow:visible}th,td{min-width:0}}\n"
    "</style>\n<title>";

static void put_title(const struct report_title *t, struct buf *b)
{
    char from[WHEN_TEXT], before[WHEN_TEXT];

    buf_putz(b, head);
    html_text(b, t->asked.organization);
    buf_printf(b, ": certificates until %s</title></head>\n<body><h1>",
               when_text(t->asked.span.before, before));
    html_text(b, t->asked.organization);
    buf_printf(b,
               "</h1>\n<p>Certificates and what happened to them, from %s to %s, as of that "
               "moment. Times are UTC.</p>\n<dl>\n",
               when_text(t->asked.span.from, from), before);
}

static enum rc copy(struct report_out *o, int to)
{
    CLEANUP(buf_done) struct buf room = BUF_INIT(COPY);
    char *p = buf_reserve(&room, COPY);
    ssize_t n;

    if (!p)
        return RC_NOMEM;
    if (lseek(o->html.fd, 0, SEEK_SET) != 0)
        return failed(o, HTML);
    while ((n = read(o->html.fd, p, COPY)) > 0)
        if (!file_put_all(to, str_bytes(p, (size_t)n)))
            return failed(o, HTML);
    return n < 0 ? failed(o, HTML) : RC_OK;
}

static enum rc put_html(struct report_out *o, const struct report_title *t,
                        const struct report_number *numbers)
{
    CLEANUP(file_done) struct file f = {.fd = -1, .text = BUF_INIT(OUT_MAX)};

    TRY(flush(o, &o->html));
    TRY(begin(o, &f, HTML));
    put_title(t, &f.text);
    for (size_t i = 0; i < REPORT_NUMBERS; i++)
        buf_printf(&f.text, "<div><dt>%s</dt><dd>%llu</dd></div>\n", numbers[i].title,
                   (unsigned long long)numbers[i].n);
    buf_putz(&f.text, "</dl>\n");
    TRY(flush(o, &f));
    TRY(copy(o, f.fd));
    buf_putz(&f.text, "</body></html>\n");
    return end(o, &f);
}

static enum rc put_numbers(const struct report_title *t, const struct report_number *numbers,
                           struct buf *out)
{
    struct json_out j;

    json_out_init(&j, out, JSON_COMPACT);
    json_obj(&j);
    json_kv_str(&j, "organization", t->asked.organization);
    json_kv_when(&j, "from", t->asked.span.from);
    json_kv_when(&j, "before", t->asked.span.before);
    json_key(&j, "numbers");
    json_obj(&j);
    for (size_t i = 0; i < REPORT_NUMBERS; i++)
        json_kv_u64(&j, numbers[i].name, numbers[i].n);
    json_end(&j);
    json_end(&j);
    TRY(json_out_done(&j));
    buf_putz(out, "\n");
    return buf_rc(out);
}

/* At the end of the long file, and alone in a short one. */
static enum rc put_json(struct report_out *o, const struct report_title *t,
                        const struct report_number *numbers)
{
    CLEANUP(file_done) struct file f = {.fd = -1, .text = BUF_INIT(ROW_MAX)};

    TRY(begin(o, &f, NUMBERS));
    TRY(put_numbers(t, numbers, &f.text));
    buf_putz(&o->json.text, "},\n");
    buf_puts(&o->json.text, str_skip(buf_str(&f.text), 1)); /* goes on in the object that is open */
    TRY(end(o, &o->json));
    return end(o, &f);
}

enum rc report_out_end(struct report_out *o, const struct report_title *t)
{
    struct report_number numbers[REPORT_NUMBERS];

    report_numbers_list(t->numbers, numbers);
    end_table(o);
    o->table = NULL;
    TRY(end(o, &o->csv));
    TRY(put_html(o, t, numbers));
    TRY(put_json(o, t, numbers));
    return fsync(o->dir) == 0 ? RC_OK : failed(o, ".");
}
