/* SPDX-License-Identifier: Apache-2.0 */
/* The reports of months that `autarky report` has written to `reports` of the data directory:
 * listed, handed out, and mailed. Runs in core, which may read that directory and no more of it. */
#pragma once

#include "api/admin.h"
#include "conf/alert.h"

enum {
    SHELF_MONTHS_MAX = 240,           /* directories that are looked at, the newest first */
    SHELF_FILES_MAX = 32,             /* of one of them */
    SHELF_FILE_MAX = 4 * 1024 * 1024, /* bytes of a file that is handed out */
    SHELF_NUMBERS_MAX = 16 * 1024,    /* bytes of its numbers.json */
    SHELF_LETTERS_MAX = 24,           /* months that are mailed at a time */
    SHELF_LETTER_MAX = 16 * 1024,     /* bytes of a body */
};
#define SHELF_DIR "reports"

/* "2026-10" */
struct shelf_month {
    char text[8];
};

/* ---- what there is (shelf.c); `dir` is the data directory */

/* The months that there are, the newest first. A directory that is not there has none. */
enum rc shelf_months(int dir, struct shelf_month out[static SHELF_MONTHS_MAX], size_t *out_n);
/* {"items":[{"month","from","before","numbers":{...} (as `report --json` names them),"files":
 * [{"name","bytes"}...]}...],"next"}, the newest first; of one whose numbers cannot be read,
 * "month" and "error". `args`: {"limit","cursor"}. RC_INVAL, RC_IO. */
enum rc shelf_list_at(int dir, const struct json *args, struct json_out *o, struct err *err);
/* Appends a file of a month. `*out_type` is its media type, static. RC_NOTFOUND, also when it is no
 * name of a file of a report; RC_TOOBIG past SHELF_FILE_MAX. */
enum rc shelf_file_at(int dir, struct str month, struct str name, struct buf *out,
                      const char **out_type, struct err *err);
/* For the table of commands: shelf_list_at of the working directory, which is core's data
 * directory. */
enum rc shelf_list(const struct api_view *v, const struct json *args, struct json_out *o,
                   struct err *err);

/* ---- by mail (letter.c) */

/* What a receiver is told of one month; in the arena. */
struct shelf_letter {
    struct shelf_month month;
    struct str subject, body;
};
struct shelf_mail {
    const struct conf *conf;
    struct str receiver;
    struct str recipients;
    bool asked; /* for this month: it is mailed whether it was before or not */
    struct shelf_letter letters[SHELF_LETTERS_MAX];
    size_t n;
    when_t now;
    /* Set by shelf_mail_write: those that were not mailed before. */
    struct shelf_month mailed[SHELF_LETTERS_MAX];
    size_t n_mailed;
};

/* Makes the letters of that month; month "": of all that came after the last one that the receiver
 * was mailed, or of the newest where it was mailed none. RC_NOTFOUND (no such receiver, no such
 * report), RC_INVAL (it is not of mail), RC_CORRUPT. */
enum rc shelf_mail_read(int dir, struct store_txn *txn, struct arena *a, struct str month,
                        struct shelf_mail *m, struct err *err);
/* Writes down what is to be delivered, with the mark up to where the receiver was mailed: both or
 * nothing, and what another job has mailed meanwhile not again. */
enum rc shelf_mail_write(struct store_txn *txn, struct shelf_mail *m);
