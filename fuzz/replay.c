/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every file of a corpus directory to a fuzzer's entry point: the corpus as a regression
 * test, no libFuzzer needed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static bool feed(int dir, const char *name)
{
    CLEANUP(buf_done) struct buf input = BUF_INIT(INPUT_MAX);
    CLEANUP(mem_freep) char *exact = NULL;

    if (file_read(dir, name, &input, NULL) != RC_OK)
        return false;
    /* A copy of the exact size, so that the address sanitizer sees a read past the end. */
    exact = mem_dup(buf_str(&input).p, input.n);
    return exact && LLVMFuzzerTestOneInput((const unsigned char *)exact, input.n) == 0;
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    int fed = 0;
    bool ok = true;

    if (!d) {
        fprintf(stderr, "%s: no corpus directory\n", argc == 2 ? argv[1] : argv[0]);
        return 1;
    }
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        fed++;
        if (!feed(dirfd(d), e->d_name)) {
            fprintf(stderr, "%s/%s: not fed\n", argv[1], e->d_name);
            ok = false;
        }
    }
    closedir(d);
    printf("%d inputs\n", fed);
    return ok && fed > 0 ? 0 : 1;
}
