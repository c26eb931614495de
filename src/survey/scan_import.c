/* SPDX-License-Identifier: Apache-2.0 */
/* Targets from files: our own lists, tables as CSV (RFC 4180), what a Prometheus has. */
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "scan/prometheus.h"
#include "survey/scan_int.h"

enum { FIELDS_MAX = 64, FIELD_MAX = 4096, NUMBER = 24 };

MSG(msg_in, "cmd.scan-import", "{0}: {1}");
MSG(msg_csv, "cmd.scan-csv", "line {0}: a quoted field does not end, or something follows its end");
MSG(msg_columns, "cmd.scan-csv-columns",
    "the first line names the columns: there has to be one that is called target, endpoint, host, "
    "address or name");
MSG(msg_csv_line, "cmd.scan-csv-line", "line {0}: {1}");

struct table {
    struct str text;
    uint64_t line;
    struct buf fields[FIELDS_MAX];
    size_t n;
};

static void table_done(struct table *t)
{
    for (size_t i = 0; i < FIELDS_MAX; i++)
        buf_done(&t->fields[i]);
}

/* ---- CSV */

/* Behind its opening quote; *rest is behind the closing one afterwards. */
static bool take_quoted(struct str *rest, struct buf *out)
{
    for (;;) {
        size_t n = str_find(*rest, '"');

        if (n == rest->n)
            return false;
        buf_puts(out, str_head(*rest, n));
        *rest = str_skip(*rest, n + 1);
        if (!str_starts(*rest, STR("\"")))
            return true;
        buf_putz(out, "\"");
        *rest = str_skip(*rest, 1);
    }
}

static bool take_field(struct str *rest, struct buf *out)
{
    size_t n = 0;

    if (str_starts(*rest, STR("\""))) {
        *rest = str_skip(*rest, 1);
        return take_quoted(rest, out);
    }
    while (n < rest->n && rest->p[n] != ',' && rest->p[n] != '\n')
        n++;
    buf_puts(out, str_trim(str_head(*rest, n)));
    *rest = str_skip(*rest, n);
    return true;
}

/* The fields of the next row. RC_NOTFOUND: there is none; RC_PARSE, RC_TOOBIG, RC_NOMEM. Lines are
 * counted by rows, as spreadsheets do. */
static enum rc next_row(struct table *t)
{
    if (!t->text.n)
        return RC_NOTFOUND;
    t->line++;
    for (t->n = 0;; t->n++) {
        struct buf *field = &t->fields[t->n];

        if (t->n == FIELDS_MAX)
            return RC_TOOBIG;
        buf_done(field);
        buf_init(field, FIELD_MAX);
        if (!take_field(&t->text, field))
            return RC_PARSE;
        TRY(buf_rc(field));
        if (str_starts(t->text, STR("\r\n")))
            t->text = str_skip(t->text, 1);
        if (t->text.n && t->text.p[0] != ',' && t->text.p[0] != '\n')
            return RC_PARSE;
        if (!t->text.n || t->text.p[0] == '\n')
            break;
        t->text = str_skip(t->text, 1);
    }
    t->n++;
    t->text = str_skip(t->text, 1);
    return RC_OK;
}

static size_t column(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_ieq(buf_str(&t->fields[i]), str_of(name)))
            return i;
    return FIELDS_MAX;
}

static struct str field(const struct table *t, size_t i)
{
    return i < t->n ? buf_str(&t->fields[i]) : (struct str){};
}

/* "target", or what HOST and PORT make together. */
static enum rc add_row(struct scan_targets *t, const struct table *row, const size_t at[2],
                       struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT((size_t)2 * FIELD_MAX);
    struct str host = field(row, at[0]), port = field(row, at[1]);
    bool v6 = str_find(host, ':') < host.n && port.n;

    if (!host.n)
        return RC_OK;
    buf_putz(&text, v6 ? "[" : "");
    buf_puts(&text, host);
    buf_putz(&text, v6 ? "]" : "");
    buf_putz(&text, port.n ? ":" : "");
    buf_puts(&text, port);
    TRY(buf_rc(&text));
    return scan_target_add(t, buf_str(&text), err);
}

static enum rc tell_line(const struct table *t, enum rc rc, const struct err *why, struct err *err)
{
    char digits[NUMBER], text[1024];

    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)t->line);
    if (!why->msg)
        return ERR(err, rc, msg_csv, str_of(digits));
    return ERR(err, rc, msg_csv_line, str_of(digits), str_of(err_textz(why, text, sizeof(text))));
}

static enum rc read_csv(struct scan_targets *t, struct str text, scan_unknown_fn unknown, void *arg,
                        struct err *err)
{
    static const char *const names[] = {"target", "endpoint", "host", "address", "name"};
    CLEANUP(table_done) struct table table = {.text = text};
    size_t at[2] = {FIELDS_MAX, FIELDS_MAX};
    struct err why = ERR_INIT;
    enum rc rc = next_row(&table);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return tell_line(&table, rc, &why, err);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at[0] == FIELDS_MAX; i++)
        at[0] = column(&table, names[i]);
    at[1] = column(&table, "port");
    if (at[0] == FIELDS_MAX)
        return ERR(err, RC_INVAL, msg_columns);
    while ((rc = next_row(&table)) == RC_OK) {
        rc = add_row(t, &table, at, &why);
        if (rc == RC_NOTFOUND)
            unknown(arg, &why);
        else if (rc != RC_OK)
            break;
    }
    return rc == RC_NOTFOUND ? RC_OK : tell_line(&table, rc, &why, err);
}

/* ---- files */

enum rc scan_import(struct scan_targets *t, const char *what, scan_unknown_fn unknown, void *arg,
                    struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SCAN_FILE_MAX);
    bool csv = str_starts(str_of(what), STR("csv:"));
    bool prometheus = str_starts(str_of(what), STR("prometheus:"));
    const char *path = what + (csv          ? sizeof("csv:") - 1
                               : prometheus ? sizeof("prometheus:") - 1
                                            : 0);
    struct err why = ERR_INIT;
    char said[1024];
    enum rc rc;

    TRY(file_read(AT_FDCWD, path, &text, err));
    if (prometheus)
        rc = scan_prometheus_read(t, str_of(path), buf_str(&text), unknown, arg, &why);
    else if (csv)
        rc = read_csv(t, buf_str(&text), unknown, arg, &why);
    else
        rc = scan_targets_read(t, buf_str(&text), unknown, arg, &why);
    if (rc == RC_OK)
        return rc;
    return ERR(err, rc, msg_in, str_of(path), str_of(err_textz(&why, said, sizeof(said))));
}
