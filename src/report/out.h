/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, row by row, into three kinds of files at once: HTML for people, CSV for spreadsheets,
 * JSON for programs. What strangers wrote is a text in each of them and nothing else: escaped in
 * HTML, and in CSV never a formula (a cell that begins as one gets an apostrophe in front). */
#pragma once

#include "base/err.h"
#include "report/report.h"

enum { REPORT_COLUMNS_MAX = 12 };

struct report_table {
    const char *name;                            /* of its file, and of its member in JSON */
    const char *title;                           /* for people */
    const char *about;                           /* a sentence */
    const char *columns[REPORT_COLUMNS_MAX + 1]; /* ends with NULL */
};

struct report_out;

enum rc report_out_new(int dir, const char *name, struct report_out **out, struct err *err);
/* NULL is allowed. */
void report_out_free(struct report_out *o);
DEFINE_FREEP(report_out_free, struct report_out)

/* The next table; ends the one before. `table` stays until the end. */
enum rc report_out_table(struct report_out *o, const struct report_table *table);
/* A cell for each of its columns. */
enum rc report_out_row(struct report_out *o, const struct str *cells);
/* Ends all of it, with what stands above the tables. */
struct report_title {
    struct report_asked asked;
    const struct report_numbers *numbers;
};
enum rc report_out_end(struct report_out *o, const struct report_title *title);
