/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the inputs under tests/corpus, which the fuzzers' replay uses as well. */
#pragma once

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"

enum { CORPUS_MAX = 1 << 20 };

/* Appends tests/corpus/NAME; where tests/ is comes from the environment variable AUTARKY_TESTS. */
[[maybe_unused]] static enum rc corpus_read(const char *name, struct buf *out)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(4096);
    const char *tests = getenv("AUTARKY_TESTS");

    buf_printf(&path, "%s/corpus/%s", tests ? tests : "tests", name);
    TRY(buf_rc(&path));
    return file_read(AT_FDCWD, buf_z(&path), out, NULL);
}
