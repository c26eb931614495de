/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What goes back to the kernel is looked at; the n-th call that can fail does. */
static bool unmapped_dirty;
static int calls, fail_at;

static int looking_munmap(void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *inner = (unsigned char *)p + page;

    for (size_t i = 0; fail_at == 0 && i < n - 2 * page; i++)
        unmapped_dirty = unmapped_dirty || inner[i] != 0;
    return munmap(p, n);
}

static bool fails_now(void)
{
    return ++calls == fail_at;
}

/* NOLINTBEGIN(readability-identifier-naming,bugprone-suspicious-include): calls are replaced */
#define munmap(p, n) looking_munmap(p, n)
#define mmap(...) (fails_now() ? MAP_FAILED : mmap(__VA_ARGS__))
#define mprotect(...) (fails_now() ? -1 : mprotect(__VA_ARGS__))
#define mlock(...) (fails_now() ? -1 : mlock(__VA_ARGS__))
#define madvise(...) (fails_now() ? -1 : madvise(__VA_ARGS__))
#include "base/secret.c"
/* NOLINTEND(readability-identifier-naming,bugprone-suspicious-include) */

static void start(int fail)
{
    unmapped_dirty = false;
    calls = 0;
    fail_at = fail;
}

static void zero_aligned_and_wiped(void)
{
    static const size_t sizes[] = {1, 15, 16, 17, 4095, 4096, 4097, SECRET_MAX};

    start(0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CLEANUP(secret_freep) struct secret *s = NULL;
        unsigned char *p;

        CHECK_OK(secret_new(sizes[i], &s));
        p = secret_bytes(s);
        CHECK_INT(secret_len(s), sizes[i]);
        CHECK_INT((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            CHECK_INT(p[k], 0);
        memset(p, 0xa5, sizes[i]);
    }
    CHECK(!unmapped_dirty);
}

static void sizes_are_limited(void)
{
    struct secret *s = NULL;

    CHECK_RC(secret_new(0, &s), RC_INVAL);
    CHECK_RC(secret_new(SECRET_MAX + 1, &s), RC_INVAL);
    CHECK_RC(secret_new(SIZE_MAX, &s), RC_INVAL);
    CHECK(!s);
    secret_free(NULL);
}

static void trim_wipes_the_rest(void)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    unsigned char *p;

    start(0);
    CHECK_OK(secret_new(10, &s));
    p = secret_bytes(s);
    memcpy(p, "passphrase", 10);
    secret_trim(s, 11);
    CHECK_INT(secret_len(s), 10);
    secret_trim(s, 4);
    CHECK_INT(secret_len(s), 4);
    CHECK(memcmp(p, "pass\0\0\0\0\0\0", 10) == 0);
    secret_trim(s, 6);
    CHECK_INT(secret_len(s), 4);
    secret_trim(s, 0);
    CHECK_INT(secret_len(s), 0);
}

static void works_without_lock_but_not_without_memory(void)
{
    for (int n = 1; n <= 5; n++) {
        CLEANUP(secret_freep) struct secret *s = NULL;

        start(n);
        CHECK_RC(secret_new(100, &s), n <= 2 ? RC_NOMEM : RC_OK);
        CHECK(n > 2 || !s);
        fail_at = 0;
    }
}

/* The line of /proc/self/smaps with the flags of the mapping that holds `p`. */
static bool flags_of(const void *p, char flags[static 256])
{
    FILE *f = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;
    bool found = false;

    while (f && !found && fgets(line, sizeof(line), f)) {
        char *end;
        uintptr_t from = strtoul(line, &end, 16);

        if (*end == '-')
            inside = from <= (uintptr_t)p && (uintptr_t)p < strtoul(end + 1, NULL, 16);
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = str_copyz(str_trim(str_skip(str_of(line), 8)), flags, 256) == RC_OK;
    }
    if (f)
        fclose(f);
    return found;
}

/* Where locking works (the address sanitizer turns it into nothing), the secret is locked. */
static void locked_and_not_dumped(void)
{
    static _Alignas(4096) char own[4096];
    CLEANUP(secret_freep) struct secret *s = NULL;
    char flags[256] = "";
    char own_flags[256] = "";
    bool known;

    start(0);
    CHECK_OK(secret_new(100, &s));
    (void)(mlock)(own, sizeof(own));
    known = flags_of(secret_bytes(s), flags) && flags_of(own, own_flags);
    (void)munlock(own, sizeof(own));
    CHECK(!known || strstr(flags, "dd"));
    CHECK(!known || !strstr(own_flags, "lo") || strstr(flags, "lo"));
}

static void child_touches(struct secret *s, ptrdiff_t offset)
{
    volatile unsigned char *p = secret_bytes(s);

    signal(SIGSEGV, SIG_DFL);
    p[offset] = 1;
    _exit(0);
}

static void running_past_either_end_faults(void)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    ptrdiff_t page = sysconf(_SC_PAGESIZE);
    const ptrdiff_t offsets[] = {0, 31, 32, -(page - 32) - 1};

    start(0);
    CHECK_OK(secret_new(32, &s));
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0)
            child_touches(s, offsets[i]);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        if (i < 2)
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        else
            CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
}

CHECK_MAIN(CHECK_TEST(zero_aligned_and_wiped), CHECK_TEST(sizes_are_limited),
           CHECK_TEST(trim_wipes_the_rest), CHECK_TEST(works_without_lock_but_not_without_memory),
           CHECK_TEST_ONCE(locked_and_not_dumped), CHECK_TEST_ONCE(running_past_either_end_faults))
