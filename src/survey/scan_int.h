/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of `autarky scan`. */
#pragma once

#include "cmd/cmd.h"
#include "scan/judge.h"
#include "scan/scan.h"
#include "scan/state.h"

enum { SCAN_SAVE_SECONDS = 2, SCAN_PATH_MAX = 4096, SCAN_AWAY_MINUTES = 10 };

/* Counted for the last line. */
struct scan_tally {
    uint64_t tls, other;
    uint64_t verdicts[SCAN_VERDICTS];
};

/* scan_out.c: the file of results, or the server that they go to, and how far the scan has come. */
struct scan_out {
    const char *data; /* whose server gets them; NULL: they go to the file */
    bool quick;
    int64_t away; /* since when, by the monotonic clock, the server does not answer; 0: it does */
    int fd;
    char path[SCAN_PATH_MAX], state[SCAN_PATH_MAX];
    struct buf lines; /* found and not written yet */
    struct scan_saved saved;
    bool resumed;
};
void scan_out_init(struct scan_out *o);
void scan_out_done(struct scan_out *o);
/* Opens what an earlier run of the same scan (`digest`) left, or begins. RC_EXISTS: there is a file
 * that is no unfinished scan of these targets; RC_CONFLICT: another scan writes it; as file_write.
 */
enum rc scan_out_open(struct scan_out *o, const char *path, const unsigned char digest[static 32],
                      struct err *err);
/* The same, for the inventory of the server of `data`, which has to answer now. Beside the server
 * that was told nothing is kept but how far it has come, in DATA/scans. */
enum rc scan_out_server(struct scan_out *o, const char *data, const unsigned char digest[static 32],
                        struct err *err);
/* Writes what was found, and then down how far `s` has come. A server that is away is waited for,
 * SCAN_AWAY_MINUTES at most. */
enum rc scan_out_save(struct scan_out *o, const struct scan *s, struct err *err);
/* The scan is finished: there is nothing to go on with. */
enum rc scan_out_finish(struct scan_out *o, struct err *err);

/* scan_import.c: targets from files. */
/* "csv:FILE", whose first line names the columns, "prometheus:FILE" (scan/prometheus.h), or "FILE"
 * with a target a line. */
enum rc scan_import(struct scan_targets *t, const char *what, scan_unknown_fn unknown, void *arg,
                    struct err *err);

/* inventory.c: tells the server lines of scan/record.h, some at a time, and takes each off the
 * front of `lines` once it is on the server's disk. What was told twice counts once. As
 * cmd_control; RC_PARSE: a line that does not end, or is none. */
enum rc inventory_deliver(const char *data, bool quick, struct buf *lines, struct err *err);
