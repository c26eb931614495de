/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of a test's own, gone when the variable is: CLEANUP(tmpdir_remove) struct tmpdir t;
 */
#pragma once

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TMPDIR_BYTES = 64, TMPDIR_OPEN = 16 };

struct tmpdir {
    char path[TMPDIR_BYTES];
};

/* Mode 0755, so that processes of other users can get to what is in it; false when it cannot be
 * made. */
[[maybe_unused]] static bool tmpdir_make(struct tmpdir *t)
{
    snprintf(t->path, sizeof(t->path), "/tmp/autarky-test-XXXXXX");
    if (mkdtemp(t->path) && chmod(t->path, 0755) == 0)
        return true;
    t->path[0] = '\0';
    return false;
}

static int tmpdir_remove_one(const char *path, [[maybe_unused]] const struct stat *st,
                             [[maybe_unused]] int type, [[maybe_unused]] struct FTW *ftw)
{
    return remove(path);
}

[[maybe_unused]] static void tmpdir_remove(struct tmpdir *t)
{
    if (t->path[0])
        nftw(t->path, tmpdir_remove_one, TMPDIR_OPEN, FTW_DEPTH | FTW_PHYS);
    t->path[0] = '\0';
}
