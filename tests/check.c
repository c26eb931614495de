/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "torture.h"

enum { TESTS_MAX = 200, NFTW_FDS = 8, MESSAGE_MAX = 2000 };

void check_fail(const char *file, int line, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, in the line above */
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    print_error("%s:%d: %s\n", file, line, text);
    _fail(file, line);
    abort(); /* not reached: a failing test jumps back to its runner */
}

void check_dir_init(struct check_dir *d)
{
    const char *base = getenv("TMPDIR");

    if (!base || strlen(base) > sizeof(d->path) - sizeof("/autarky-XXXXXX"))
        base = "/tmp";
    snprintf(d->path, sizeof(d->path), "%.48s/autarky-XXXXXX", base);
    if (!mkdtemp(d->path))
        fail_msg("%s: no temporary directory", d->path);
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        fail_msg("%s cannot be opened", d->path);
}

static int remove_one(const char *path, const struct stat *, int, struct FTW *)
{
    return remove(path);
}

void check_dir_done(struct check_dir *d)
{
    close(d->fd);
    if (nftw(d->path, remove_one, NFTW_FDS, FTW_DEPTH | FTW_PHYS) != 0)
        fail_msg("%s cannot be removed", d->path);
}

size_t check_dir_count(const struct check_dir *d, const char *but)
{
    DIR *dir = opendir(d->path);
    size_t n = 0;

    if (!dir)
        fail_msg("%s cannot be listed", d->path);
    for (const struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            n += !but || strncmp(e->d_name, but, strlen(but)) != 0;
    closedir(dir);
    return n;
}

/* Whether the n-th allocation was reached, and failed; 0: none does. */
static bool run_once(const struct check_test *t, unsigned long fail_at)
{
    size_t before = mem_live();
    bool fired;

    mem_fail_at(fail_at);
    t->fn();
    fired = mem_fail_fired();
    mem_fail_at(0);
    if (mem_live() != before)
        fail_msg("%s: %zu blocks leaked with AUTARKY_FAIL_ALLOC=%lu (0: none failed)", t->name,
                 mem_live() - before, fail_at);
    return fired;
}

/* Runs with the n-th allocation failing, n rising, until a whole run met no failure. */
static void torture_all(const struct check_test *t)
{
    unsigned long n = 1;

    while (n < TORTURE_ALLOCATIONS_MAX && run_once(t, n))
        n++;
    if (n == TORTURE_ALLOCATIONS_MAX)
        fail_msg("%s allocates more than %d times", t->name, TORTURE_ALLOCATIONS_MAX);
}

static void torture(const struct check_test *t)
{
    const unsigned long *fail_at;
    size_t n = torture_ways(t->fn, &fail_at);

    for (size_t i = 0; i < n; i++)
        (void)run_once(t, fail_at[i]);
}

static void run_case(void **state)
{
    const struct check_test *t = *state;
    const char *mode = getenv("AUTARKY_FAIL_ALLOC");
    uint64_t n;

    if (!mode || t->how == CHECK_ITSELF)
        (void)run_once(t, 0);
    else if (strcmp(mode, "all") == 0)
        torture_all(t);
    else if (strcmp(mode, "ways") == 0)
        torture(t);
    else if (str_u64(str_of(mode), TORTURE_ALLOCATIONS_MAX, &n) == RC_OK)
        (void)run_once(t, n);
    else
        fail_msg("AUTARKY_FAIL_ALLOC is none of \"all\", \"ways\" and a number: %s", mode);
}

int check_run(const struct check_test *tests, size_t n)
{
    static struct CMUnitTest cases[TESTS_MAX];
    bool torturing = getenv("AUTARKY_FAIL_ALLOC") != NULL;
    size_t m = 0;

    assert_true(n <= TESTS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!torturing || tests[i].how != CHECK_ONCE)
            cases[m++] = (struct CMUnitTest){
                .name = tests[i].name,
                .test_func = run_case,
                .initial_state = (void *)(uintptr_t)&tests[i],
            };
    return _cmocka_run_group_tests("unit", cases, m, NULL, NULL);
}
