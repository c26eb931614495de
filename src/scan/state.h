/* SPDX-License-Identifier: Apache-2.0 */
/* How far a scan has come, in a file that is replaced whole: with it, and what had been written
 * until then, a scan goes on where it was killed, and no endpoint is missing or twice. */
#pragma once

#include "scan/scan.h"

enum { SCAN_STATE_MAX = 1024 * 1024 };

struct scan_saved {
    unsigned char digest[32]; /* of the targets and all that decides what is found */
    uint64_t low;
    uint32_t more[SCAN_WINDOW];
    size_t n_more;
    uint64_t bytes; /* of the results that belong to it */
    when_t began;
};

/* RC_IO and the like as file_write; RC_NOMEM. The results are on disk before. */
enum rc scan_state_save(int dir, const char *path, const struct scan_saved *s, struct err *err);
/* RC_NOTFOUND: there is none. RC_CORRUPT: it is none. */
enum rc scan_state_load(int dir, const char *path, struct scan_saved *out, struct err *err);
