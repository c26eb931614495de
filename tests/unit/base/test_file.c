/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The n-th of these calls fails: what the file layer asks of the kernel can all go wrong. */
static int calls, fail_at;

static bool fails_now(void)
{
    if (++calls != fail_at)
        return false;
    errno = EIO;
    return true;
}

/* Half of what was asked for, after a signal, as pipes and full disks do. */
static bool torn;

static ssize_t torn_write(int fd, const void *p, size_t n)
{
    static bool interrupt;

    if (!torn)
        return write(fd, p, n);
    interrupt = !interrupt;
    errno = EINTR;
    return interrupt ? -1 : write(fd, p, n / 2 + 1);
}

static ssize_t torn_read(int fd, void *p, size_t n)
{
    static bool interrupt;

    if (!torn)
        return read(fd, p, n);
    interrupt = !interrupt;
    errno = EINTR;
    return interrupt ? -1 : read(fd, p, n / 2 + 1);
}

/* NOLINTBEGIN(readability-identifier-naming,bugprone-suspicious-include): calls are replaced */
#define write(...) (fails_now() ? -1 : torn_write(__VA_ARGS__))
#define read(...) (fails_now() ? -1 : torn_read(__VA_ARGS__))
#define openat(...) (fails_now() ? -1 : openat(__VA_ARGS__))
#define fstat(...) (fails_now() ? -1 : fstat(__VA_ARGS__))
#define fsync(...) (fails_now() ? -1 : fsync(__VA_ARGS__))
#define fchmod(...) (fails_now() ? -1 : fchmod(__VA_ARGS__))
#define fchown(...) (fails_now() ? -1 : fchown(__VA_ARGS__))
#define renameat(...) (fails_now() ? -1 : renameat(__VA_ARGS__))
#define linkat(...) (fails_now() ? -1 : linkat(__VA_ARGS__))
#define mkdirat(...) (fails_now() ? -1 : mkdirat(__VA_ARGS__))
#include "base/file.c"
/* NOLINTEND(readability-identifier-naming,bugprone-suspicious-include) */
#undef write
#undef read
#undef openat
#undef fstat
#undef fsync
#undef fchmod
#undef fchown
#undef renameat
#undef linkat
#undef mkdirat

static void inject(int n)
{
    calls = 0;
    fail_at = n;
}

static mode_t mode_of(const struct check_dir *d, const char *name)
{
    struct stat st;

    return fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 07777 : 0;
}

/* CHECK that the file `name` in the directory `d` holds `expected`. */
#define CHECK_CONTENT(d, name, expected)                                                           \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf content_ = BUF_INIT(1 << 20);                                 \
        CHECK_OK(file_read((d)->fd, (name), &content_, NULL));                                     \
        CHECK_STR(buf_str(&content_), (expected));                                                 \
    } while (0)

static void writes_and_replaces(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    mode_t before = umask(077);
    char path[100];

    check_dir_init(&d);
    umask(before);
    CHECK_OK(file_write(d.fd, "f", STR("one"), 0644, FILE_OWNER_SELF, NULL));
    CHECK_CONTENT(&d, "f", "one");
    CHECK_INT(mode_of(&d, "f"), 0644);
    umask(077);
    CHECK_OK(file_write(d.fd, "f", STR("two, longer"), 0640, FILE_OWNER_SELF, NULL));
    umask(before);
    CHECK_CONTENT(&d, "f", "two, longer");
    CHECK_INT(mode_of(&d, "f"), 0640);
    CHECK_OK(file_write(d.fd, "f", (struct str){NULL, 0}, 0600, FILE_OWNER_SELF, NULL));
    CHECK_CONTENT(&d, "f", "");
    snprintf(path, sizeof(path), "%s/g", d.path);
    CHECK_OK(file_write(AT_FDCWD, path, STR("abs"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_CONTENT(&d, "g", "abs");
    CHECK_OK(file_write(d.fd, "./g", STR("dot"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_CONTENT(&d, "g", "dot");
    CHECK_INT(check_dir_count(&d, NULL), 2);
}

static void creates_only_once(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};

    check_dir_init(&d);
    CHECK_OK(file_create(d.fd, "f", STR("first"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_RC(file_create(d.fd, "f", STR("second"), 0600, FILE_OWNER_SELF, NULL), RC_EXISTS);
    CHECK_CONTENT(&d, "f", "first");
    CHECK(symlinkat("nowhere", d.fd, "link") == 0);
    CHECK_RC(file_create(d.fd, "link", STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_EXISTS);
    CHECK(mkdirat(d.fd, "dir", 0700) == 0);
    CHECK_RC(file_create(d.fd, "dir", STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_EXISTS);
    CHECK_INT(check_dir_count(&d, NULL), 3);
}

static void refuses_what_is_no_file(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    static const char *const names[] = {"link", "dir", "fifo", "", ".", "..", "dir/", "dir/.."};

    check_dir_init(&d);
    CHECK_OK(file_write(d.fd, "target", STR("safe"), 0600, FILE_OWNER_SELF, NULL));
    CHECK(symlinkat("target", d.fd, "link") == 0 && mkdirat(d.fd, "dir", 0700) == 0);
    CHECK(mkfifoat(d.fd, "fifo", 0600) == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_RC(file_write(d.fd, names[i], STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_INVAL);
        CHECK_RC(file_read(d.fd, names[i], &b, NULL), names[i][0] ? RC_INVAL : RC_NOTFOUND);
    }
    CHECK_INT(buf_str(&b).n, 0);
    CHECK_CONTENT(&d, "target", "safe");
    CHECK_RC(file_write(d.fd, "no/f", STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_NOTFOUND);
    CHECK_RC(file_write(d.fd, "target/f", STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_NOTFOUND);
    CHECK_RC(file_create(d.fd, "no/f", STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_NOTFOUND);
    CHECK_RC(file_read(d.fd, "no", &b, NULL), RC_NOTFOUND);
    CHECK_RC(file_read(d.fd, "target/f", &b, NULL), RC_NOTFOUND);
    CHECK_INT(check_dir_count(&d, NULL), 4);
}

/* Links on the way to the directory are the administrator's choice. */
static void follows_links_to_the_directory(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};

    check_dir_init(&d);
    CHECK(mkdirat(d.fd, "dir", 0700) == 0 && symlinkat("dir", d.fd, "link") == 0);
    CHECK_OK(file_write(d.fd, "link/f", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_CONTENT(&d, "dir/f", "x");
}

static void reads_within_the_limit(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(8);
    CLEANUP(mem_freep) char *big = mem_alloc(200'000);

    check_dir_init(&d);
    CHECK(big);
    CHECK_OK(file_write(d.fd, "f", STR("12345"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_write(d.fd, "empty", STR(""), 0600, FILE_OWNER_SELF, NULL));
    buf_putz(&b, "abc");
    CHECK_OK(file_read(d.fd, "f", &b, NULL));
    CHECK_STR(buf_str(&b), "abc12345");
    CHECK_OK(file_read(d.fd, "empty", &b, NULL));
    CHECK_RC(file_read(d.fd, "f", &b, NULL), RC_TOOBIG);
    CHECK_STR(buf_str(&b), "abc12345");
    buf_fail(&b, RC_PARSE);
    CHECK_RC(file_read(d.fd, "f", &b, NULL), RC_PARSE);
    buf_done(&b);
    buf_init(&b, 200'000);
    memset(big, 'x', 200'000);
    CHECK_OK(file_write(d.fd, "big", str_bytes(big, 200'000), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_read(d.fd, "big", &b, NULL));
    CHECK(str_eq(buf_str(&b), str_bytes(big, 200'000)));
}

/* Files of the kernel say that their size is 0. */
static void reads_files_without_a_size(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    CLEANUP(secret_freep) struct secret *s = NULL;

    CHECK_OK(file_read(AT_FDCWD, "/proc/self/status", &b, NULL));
    CHECK(str_starts(buf_str(&b), STR("Name:")));
    buf_done(&b);
    buf_init(&b, 20);
    CHECK_RC(file_read(AT_FDCWD, "/proc/self/status", &b, NULL), RC_TOOBIG);
    CHECK_INT(b.n, 0);
    CHECK_RC(file_read_secret(AT_FDCWD, "/proc/self/status", 20, &s, NULL), RC_TOOBIG);
    CHECK_OK(file_read_secret(AT_FDCWD, "/proc/self/status", 4096, &s, NULL));
    CHECK(memcmp(secret_bytes(s), "Name:", 5) == 0);
}

static void reads_secrets(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(secret_freep) struct secret *s = NULL;

    check_dir_init(&d);
    CHECK_OK(file_write(d.fd, "s", STR("secret"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_write(d.fd, "empty", STR(""), 0600, FILE_OWNER_SELF, NULL));
    CHECK(symlinkat("s", d.fd, "link") == 0);
    CHECK_RC(file_read_secret(d.fd, "s", 5, &s, NULL), RC_TOOBIG);
    CHECK_RC(file_read_secret(d.fd, "s", 0, &s, NULL), RC_TOOBIG);
    CHECK_RC(file_read_secret(d.fd, "empty", 100, &s, NULL), RC_INVAL);
    CHECK_RC(file_read_secret(d.fd, "link", 100, &s, NULL), RC_INVAL);
    CHECK_RC(file_read_secret(d.fd, "no", 100, &s, NULL), RC_NOTFOUND);
    CHECK(!s);
    CHECK_OK(file_read_secret(d.fd, "s", 6, &s, NULL));
    CHECK_INT(secret_len(s), 6);
    CHECK(memcmp(secret_bytes(s), "secret", 6) == 0);
    secret_free(MOVE(s));
    CHECK_OK(file_read_secret(d.fd, "s", SIZE_MAX, &s, NULL));
    CHECK_INT(secret_len(s), 6);
}

static void interrupted_and_partial_transfers_go_on(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    enum rc rc;

    check_dir_init(&d);
    torn = true;
    rc = file_write(d.fd, "f", STR("a longer content"), 0600, FILE_OWNER_SELF, NULL);
    if (rc == RC_OK)
        rc = file_read(d.fd, "f", &b, NULL);
    torn = false;
    CHECK_OK(rc);
    CHECK_STR(buf_str(&b), "a longer content");
}

static void owner_is_set(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct file_owner other = {12'345, 23'456};
    struct stat st;

    check_dir_init(&d);
    if (geteuid() != 0) {
        CHECK_RC(file_write(d.fd, "f", STR("x"), 0600, other, NULL), RC_IO);
        CHECK_INT(check_dir_count(&d, NULL), 0);
        return;
    }
    CHECK_OK(file_write(d.fd, "f", STR("x"), 04755, other, NULL));
    CHECK(fstatat(d.fd, "f", &st, 0) == 0);
    CHECK(st.st_uid == 12'345 && st.st_gid == 23'456);
    CHECK_INT(st.st_mode & 07777, 04755);
    CHECK_OK(file_mkdir(d.fd, "d", 0750, (struct file_owner){(uid_t)-1, 23'456}, NULL));
    CHECK(fstatat(d.fd, "d", &st, 0) == 0);
    CHECK(st.st_uid == 0 && st.st_gid == 23'456);
}

static void errors_name_the_path(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(3);
    struct err err = ERR_INIT;
    char text[200];

    check_dir_init(&d);
    CHECK_RC(file_read(d.fd, "no", &b, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "no cannot be opened: No such file or directory");
    CHECK_RC(file_write(d.fd, "no/f", STR("x"), 0600, FILE_OWNER_SELF, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "no cannot be opened: No such file or directory");
    CHECK_OK(file_write(d.fd, "f", STR("1234"), 0600, FILE_OWNER_SELF, &err));
    CHECK_RC(file_read(d.fd, "f", &b, &err), RC_TOOBIG);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))), "f is larger than 3 bytes");
    CHECK_RC(file_create(d.fd, "f", STR("x"), 0600, FILE_OWNER_SELF, &err), RC_EXISTS);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))), "f exists already");
}

static void path_may_not_be_endless(void)
{
    CLEANUP(mem_freep) char *path = mem_calloc(1, 5001);

    CHECK(path);
    memset(path, '/', 5000);
    path[4999] = 'f';
    CHECK_RC(file_write(AT_FDCWD, path, STR("x"), 0600, FILE_OWNER_SELF, NULL), RC_INVAL);
}

/* Whatever fails, the old content stays and nothing else is left behind; only when the directory
 * could not be synced is the new content in place. */
static void failed_writes_leave_nothing(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct file_owner self = {geteuid(), getegid()};
    enum rc rc = RC_IO;
    int n = 0;

    check_dir_init(&d);
    for (n = 1; rc == RC_IO; n++) {
        CHECK_OK(file_write(d.fd, "f", STR("old"), 0600, self, NULL));
        inject(n);
        rc = file_write(d.fd, "f", STR("new"), 0600, self, NULL);
        inject(0);
        CHECK(rc == RC_OK || rc == RC_IO);
        CHECK_CONTENT(&d, "f", n < 8 ? "old" : "new");
        CHECK_INT(check_dir_count(&d, NULL), 1);
    }
    CHECK_INT(n, 10); /* open directory, open, write, chown, chmod, sync, rename, sync; then none */
}

static void failed_creations_leave_nothing(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct file_owner self = {geteuid(), getegid()};
    enum rc rc = RC_IO;
    int n;

    check_dir_init(&d);
    for (n = 1; rc == RC_IO; n++) {
        inject(n);
        rc = file_create(d.fd, "f", STR("new"), 0600, self, NULL);
        inject(0);
        CHECK(rc == RC_OK || rc == RC_IO);
        CHECK_INT(check_dir_count(&d, NULL), n < 8 ? 0 : 1);
        CHECK_INT(check_dir_count(&d, "f"), 0);
        unlinkat(d.fd, "f", 0);
    }
    CHECK_INT(n, 10);
}

static void failed_reads_keep_the_buffer(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(7);
    CLEANUP(secret_freep) struct secret *s = NULL;
    enum rc rc = RC_IO;
    int n;

    check_dir_init(&d);
    CHECK_OK(file_write(d.fd, "f", STR("1234"), 0600, FILE_OWNER_SELF, NULL));
    buf_putz(&b, "abc");
    for (n = 1; rc == RC_IO; n++) {
        inject(n);
        rc = file_read(d.fd, "f", &b, NULL);
        inject(0);
        CHECK(rc == RC_OK || rc == RC_IO);
        CHECK_STR(buf_str(&b), rc == RC_OK ? "abc1234" : "abc");
    }
    CHECK_INT(n, 6); /* open, stat, read, read beyond */
    rc = RC_IO;
    for (n = 1; rc == RC_IO; n++) {
        inject(n);
        rc = file_read_secret(d.fd, "f", 4, &s, NULL);
        inject(0);
        CHECK(rc == RC_OK || (rc == RC_IO && !s));
    }
    CHECK_INT(n, 6);
}

static void directories(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct err err = ERR_INIT;

    check_dir_init(&d);
    CHECK_OK(file_mkdir(d.fd, "a", 0750, FILE_OWNER_SELF, NULL));
    CHECK_INT(mode_of(&d, "a"), 0750);
    CHECK_OK(file_mkdir(d.fd, "a", 0700, FILE_OWNER_SELF, NULL)); /* empty: set */
    CHECK_INT(mode_of(&d, "a"), 0700);
    CHECK_OK(file_write(d.fd, "a/f", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_mkdir(d.fd, "a", 0700, FILE_OWNER_SELF, NULL)); /* right */
    CHECK_RC(file_mkdir(d.fd, "a", 0750, FILE_OWNER_SELF, &err), RC_EXISTS);
    CHECK_RC(err.rc, RC_EXISTS);
    CHECK_INT(mode_of(&d, "a"), 0700);
    if (geteuid() == 0) { /* another's */
        CHECK(fchownat(d.fd, "a", 12'345, 0, 0) == 0);
        CHECK_RC(file_mkdir(d.fd, "a", 0700, FILE_OWNER_SELF, NULL), RC_EXISTS);
        CHECK_OK(file_mkdir(d.fd, "a", 0700, (struct file_owner){12'345, 0}, NULL));
        CHECK_RC(file_mkdir(d.fd, "a", 0700, (struct file_owner){12'345, 1}, NULL), RC_EXISTS);
    }
    CHECK_RC(file_mkdir(d.fd, "a/f", 0700, FILE_OWNER_SELF, NULL), RC_EXISTS);
    CHECK(symlinkat("a", d.fd, "link") == 0);
    CHECK_RC(file_mkdir(d.fd, "link", 0700, FILE_OWNER_SELF, NULL), RC_EXISTS);
    CHECK_RC(file_mkdir(d.fd, "no/b", 0700, FILE_OWNER_SELF, NULL), RC_NOTFOUND);
    CHECK_RC(file_mkdir(d.fd, "a/f/b", 0700, FILE_OWNER_SELF, NULL), RC_NOTFOUND);
    CHECK_RC(file_mkdir(d.fd, ".", 0700, FILE_OWNER_SELF, NULL), RC_INVAL);
    CHECK_OK(file_sync_dir(d.fd, "a", NULL));
    CHECK_OK(file_sync_dir(d.fd, ".", NULL));
    CHECK_RC(file_sync_dir(d.fd, "no", NULL), RC_NOTFOUND);
    CHECK_RC(file_sync_dir(d.fd, "a/f", NULL), RC_IO);
}

static void modes_are_mended(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    const struct file_owner another = {12'345, (gid_t)-1};
    mode_t old = 0;

    check_dir_init(&d);
    CHECK_OK(file_mkdir(d.fd, "a", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_write(d.fd, "a/f", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    CHECK(fchmodat(d.fd, "a/f", 04000, 0) == 0 && fchmodat(d.fd, "a", 0, 0) == 0);
    CHECK_OK(file_mend(d.fd, "a", 0700, FILE_OWNER_SELF, &old));
    CHECK_INT(old, 0);
    CHECK_INT(mode_of(&d, "a"), 0700);
    CHECK_OK(file_mend(d.fd, "a/f", 0600, FILE_OWNER_SELF, &old));
    CHECK_INT(old, 04000);
    CHECK_INT(mode_of(&d, "a/f"), 0600);
    CHECK_OK(file_mend(d.fd, "a/f", 0600, FILE_OWNER_SELF, &old));
    CHECK_INT(old, 0600);
    CHECK_RC(file_mend(d.fd, "a/f", 0644, another, &old), RC_DENIED);
    CHECK_RC(file_mend(d.fd, "a/no", 0600, FILE_OWNER_SELF, &old), RC_NOTFOUND);
    /* What it could be made to mean instead. */
    CHECK(symlinkat("f", d.fd, "a/link") == 0 && mkfifoat(d.fd, "a/fifo", 0600) == 0);
    CHECK_RC(file_mend(d.fd, "a/link", 0644, FILE_OWNER_SELF, &old), RC_INVAL);
    CHECK_RC(file_mend(d.fd, "a/fifo", 0644, FILE_OWNER_SELF, &old), RC_INVAL);
    CHECK(linkat(d.fd, "a/f", d.fd, "a/hard", 0) == 0);
    CHECK_RC(file_mend(d.fd, "a/f", 0644, FILE_OWNER_SELF, &old), RC_INVAL);
    CHECK_INT(mode_of(&d, "a/f"), 0600);
}

static void trees_are_removed(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    char path[4 * (FILE_TREE_DEPTH + 8)] = "deep";

    check_dir_init(&d);
    CHECK_OK(file_remove_tree(d.fd, "none", NULL));
    CHECK(mkdirat(d.fd, "kept", 0700) == 0 && mkdirat(d.fd, "kept/below", 0700) == 0);
    CHECK(mkdirat(d.fd, "t", 0700) == 0 && mkdirat(d.fd, "t/a", 0700) == 0);
    CHECK(mkdirat(d.fd, "t/a/b", 0700) == 0 && symlinkat("../../kept", d.fd, "t/a/link") == 0);
    CHECK(symlinkat("kept", d.fd, "link") == 0);
    CHECK_OK(file_remove_tree(d.fd, "t", NULL));
    CHECK_OK(file_remove_tree(d.fd, "link", NULL));
    CHECK_INT(check_dir_count(&d, NULL), 1);
    CHECK(faccessat(d.fd, "kept/below", F_OK, 0) == 0);
    for (size_t i = 0; i <= FILE_TREE_DEPTH + 1; i++) {
        CHECK(mkdirat(d.fd, path, 0700) == 0);
        memcpy(path + strlen(path), "/x", sizeof("/x"));
    }
    CHECK_RC(file_remove_tree(d.fd, "deep", NULL), RC_TOOBIG);
    CHECK_OK(file_remove_tree(d.fd, "deep/x", NULL)); /* as deep as may be */
}

static void failed_mkdir_leaves_nothing(void)
{
    CLEANUP(check_dir_done) struct check_dir d = {};
    struct file_owner self = {geteuid(), getegid()};
    enum rc rc = RC_IO;
    int n;

    check_dir_init(&d);
    for (n = 1; rc == RC_IO; n++) {
        inject(n);
        rc = file_mkdir(d.fd, "a", 0700, self, NULL);
        inject(0);
        CHECK(rc == RC_OK || rc == RC_IO);
        CHECK_INT(check_dir_count(&d, NULL), rc == RC_OK ? 1 : 0);
    }
    CHECK_INT(n, 9); /* open, mkdir, open, chown, chmod, sync, sync */
}

static _Noreturn void child_writes(const struct check_dir *d, char *content, size_t n)
{
    enum rc rc = RC_OK;

    for (char c = 'b'; rc == RC_OK; c = c == 'z' ? 'a' : (char)(c + 1)) {
        memset(content, c, n);
        rc = file_write(d->fd, "f", str_bytes(content, n), 0600, FILE_OWNER_SELF, NULL);
    }
    _exit(1);
}

/* A writer that is killed at any moment: readers see one of its contents, whole. */
static void killed_writer_leaves_whole_files(void)
{
    enum { SIZE = 50'000, READS = 40 };
    CLEANUP(check_dir_done) struct check_dir d = {};
    CLEANUP(buf_done) struct buf b = BUF_INIT(SIZE);
    CLEANUP(mem_freep) char *content = mem_alloc(SIZE);
    int status;
    pid_t pid;

    check_dir_init(&d);
    CHECK(content);
    memset(content, 'a', SIZE);
    CHECK_OK(file_write(d.fd, "f", str_bytes(content, SIZE), 0600, FILE_OWNER_SELF, NULL));
    pid = fork();
    if (pid == 0)
        child_writes(&d, content, SIZE);
    CHECK(pid > 0);
    for (int i = 0; i < READS; i++) {
        buf_reset(&b);
        if (i == READS - 1)
            kill(pid, SIGKILL);
        CHECK_OK(file_read(d.fd, "f", &b, NULL));
        CHECK_INT(b.n, SIZE);
        for (size_t k = 1; k < SIZE; k++)
            CHECK(b.p[k] == b.p[0]);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    unlinkat(d.fd, "f", 0);
    CHECK_INT(check_dir_count(&d, FILE_TEMP_PREFIX), 0);
}

CHECK_MAIN(CHECK_TEST(writes_and_replaces), CHECK_TEST(creates_only_once),
           CHECK_TEST(refuses_what_is_no_file), CHECK_TEST(follows_links_to_the_directory),
           CHECK_TEST(reads_within_the_limit), CHECK_TEST(reads_files_without_a_size),
           CHECK_TEST(reads_secrets), CHECK_TEST(interrupted_and_partial_transfers_go_on),
           CHECK_TEST(owner_is_set), CHECK_TEST(errors_name_the_path),
           CHECK_TEST(path_may_not_be_endless), CHECK_TEST_ONCE(failed_writes_leave_nothing),
           CHECK_TEST_ONCE(failed_creations_leave_nothing),
           CHECK_TEST_ONCE(failed_reads_keep_the_buffer), CHECK_TEST(directories),
           CHECK_TEST(modes_are_mended), CHECK_TEST(trees_are_removed),
           CHECK_TEST_ONCE(failed_mkdir_leaves_nothing),
           CHECK_TEST_ONCE(killed_writer_leaves_whole_files))
