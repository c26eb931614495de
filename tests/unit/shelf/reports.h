/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of months in a directory of the test. */
#pragma once

#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "shelf/shelf.h"

static inline enum rc put_file(const struct check_dir *d, const char *month, const char *name,
                               struct str text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "reports/%s/%s", month, name);
    return CHECK_SPARED(file_write(d->fd, path, text, 0600, FILE_OWNER_SELF, NULL));
}

static inline void put_month(const struct check_dir *d, const char *month)
{
    char path[128];

    (void)mkdirat(d->fd, "reports", 0700);
    (void)snprintf(path, sizeof(path), "reports/%s", month);
    (void)mkdirat(d->fd, path, 0700);
    (void)put_file(d, month, "numbers.json",
                   STR("{\"organization\":\"X\",\"from\":\"2026-10-01T00:00:00Z\",\"before\":"
                       "\"2026-11-01T00:00:00Z\",\"numbers\":{\"active\":12,\"issued\":5,"
                       "\"lapsed\":1,\"unknown\":9}}\n"));
}
