/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "confine.h"

enum { SOMEBODY = 64901, PATH_BYTES = 128 };

/* A directory with a readable and a writable part, and one that no table names. */
static const char *const parts[] = {"read", "write", "other"};

static bool tree_make(struct check_dir *t)
{
    check_dir_init(t);
    if (fchmod(t->fd, 0755) != 0)
        return false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char name[PATH_BYTES];
        int fd;

        snprintf(name, sizeof(name), "%s/file", parts[i]);
        if (mkdirat(t->fd, parts[i], 0755) != 0)
            return false;
        fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return false;
        close(fd);
        if (geteuid() == 0 && (fchownat(t->fd, parts[i], SOMEBODY, SOMEBODY, 0) != 0 ||
                               fchownat(t->fd, name, SOMEBODY, SOMEBODY, 0) != 0))
            return false;
    }
    return true;
}

static const struct sandbox table = {
    .user = "autarky-test",
    .promises = SB_STDIO | SB_RPATH | SB_WPATH,
    .paths = {{"read", SB_READ}, {"write", SB_READ | SB_WRITE}, {"absent", SB_READ | SB_OPTIONAL}},
};

static int opens(void *arg, const char *path, int flags)
{
    struct check_dir *t = arg;
    int fd = openat(t->fd, path, flags | O_CLOEXEC, 0644);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int read_read(void *arg)
{
    return opens(arg, "read/file", O_RDONLY);
}

static int write_read(void *arg)
{
    return opens(arg, "read/file", O_WRONLY);
}

static int create_read(void *arg)
{
    return opens(arg, "read/new", O_WRONLY | O_CREAT);
}

static int write_write(void *arg)
{
    return opens(arg, "write/file", O_RDWR | O_TRUNC);
}

static int replace_write(void *arg)
{
    struct check_dir *t = arg;

    return opens(arg, "write/new", O_WRONLY | O_CREAT | O_EXCL) == 0 &&
                   renameat(t->fd, "write/new", t->fd, "write/moved") == 0 &&
                   unlinkat(t->fd, "write/moved", 0) == 0
               ? 0
               : -1;
}

static int read_other(void *arg)
{
    return opens(arg, "other/file", O_RDONLY);
}

static int create_other(void *arg)
{
    return opens(arg, "other/new", O_WRONLY | O_CREAT);
}

static int list_other(void *arg)
{
    return opens(arg, "other", O_RDONLY | O_DIRECTORY);
}

static int read_passwd(void *arg)
{
    return opens(arg, "/etc/passwd", O_RDONLY);
}

struct attempt {
    const char *name;
    confine_try fn;
    int full;
    int capped; /* at ABI 0: what user and modes alone leave */
};

static const struct attempt attempts[] = {
    {"read what is readable", read_read, CONFINE_WORKS, CONFINE_WORKS},
    {"write what is readable", write_read, CONFINE_FAILS, CONFINE_WORKS},
    {"create beside it", create_read, CONFINE_FAILS, CONFINE_WORKS},
    {"write what is writable", write_write, CONFINE_WORKS, CONFINE_WORKS},
    {"replace what is writable", replace_write, CONFINE_WORKS, CONFINE_WORKS},
    {"read elsewhere", read_other, CONFINE_FAILS, CONFINE_WORKS},
    {"create elsewhere", create_other, CONFINE_FAILS, CONFINE_WORKS},
    {"list elsewhere", list_other, CONFINE_FAILS, CONFINE_WORKS},
    {"read the system", read_passwd, CONFINE_FAILS, CONFINE_WORKS},
};

static long kernel_abi(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static void try_all(const char *abi, bool landlocked)
{
    CLEANUP(check_dir_done) struct check_dir t = {};
    struct confine_at at = {{.dir = -1, .uid = SOMEBODY, .gid = SOMEBODY}, abi, -1};

    CHECK(tree_make(&t));
    at.at.dir = t.fd;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        int expected = landlocked ? attempts[i].full : attempts[i].capped;
        int got = confine_run(&table, &at, attempts[i].fn, &t);

        if (got != expected)
            fail_msg("ABI %s: %s: %d, not %d", abi ? abi : "full", attempts[i].name, got, expected);
    }
}

static void paths_hold_with_this_kernel(void)
{
    try_all(NULL, kernel_abi() > 0);
}

#ifdef AUTARKY_TEST_HOOKS
static void paths_hold_with_abi_1_and_2(void)
{
    if (kernel_abi() < 2)
        skip();
    try_all("1", true);
    try_all("2", true);
}

/* The negative of all this: what fails above fails by Landlock, not by something else. */
static void without_landlock_modes_alone_decide(void)
{
    try_all("0", false);
}
#else
static void paths_hold_with_abi_1_and_2(void)
{
    skip();
}

static void without_landlock_modes_alone_decide(void)
{
    skip();
}
#endif

/* Without SB_WPATH writing is refused by seccomp, whatever Landlock says. */
static void reading_needs_no_landlock(void)
{
    struct sandbox sb = table;
    CLEANUP(check_dir_done) struct check_dir t = {};
    struct confine_at at = {{.dir = -1, .uid = SOMEBODY, .gid = SOMEBODY}, "0", -1};

    sb.promises = SB_STDIO | SB_RPATH;
    CHECK(tree_make(&t));
    at.at.dir = t.fd;
    CHECK_INT(confine_run(&sb, &at, read_read, &t), CONFINE_WORKS);
    CHECK_INT(confine_run(&sb, &at, write_write, &t), CONFINE_FAILS);
    CHECK_INT(confine_run(&sb, &at, replace_write, &t), CONFINE_FAILS);
}

static void a_path_that_is_missing(void)
{
    struct sandbox sb = table;
    CLEANUP(check_dir_done) struct check_dir t = {};
    struct sandbox_report report;
    CLEANUP(buf_done) struct buf text = BUF_INIT(1024);
    struct err err = ERR_INIT;

    if (kernel_abi() <= 0)
        skip();
    sb.paths[2].access = SB_READ;
    CHECK(tree_make(&t));
    /* Fails before anything is given up, so it can be tried right here. */
    CHECK_RC(sandbox_enter(&sb, &(struct sandbox_at){.dir = t.fd, .uid = SOMEBODY, .gid = SOMEBODY},
                           &report, &err),
             RC_NOTFOUND);
    err_text(&err, &text);
    CHECK(strstr(buf_z(&text), "absent is missing"));
}

/* ---- TCP ports */

static int listening(uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        return -1;
    *out_port = ntohs(at.sin_port);
    return fd;
}

static int connects(void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(*(uint16_t *)arg)};

    return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof(at));
}

static int binds_tcp([[maybe_unused]] void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof(at));
}

static int binds_udp([[maybe_unused]] void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return bind(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&at, sizeof(at));
}

static void only_the_ports_of_the_table(void)
{
    struct sandbox sb = {.user = "autarky-test", .promises = SB_STDIO | SB_INET_CONNECT};
    struct confine_at at = {{.dir = AT_FDCWD, .uid = SOMEBODY, .gid = SOMEBODY}, NULL, -1};
    uint16_t yes = 0;
    uint16_t no = 0;
    int one = listening(&yes);
    int two = listening(&no);

    if (kernel_abi() < 4)
        skip();
    CHECK(one >= 0 && two >= 0);
    CHECK_INT(confine_run(&sb, &at, connects, &no), CONFINE_WORKS);
    CHECK_INT(confine_run(&sb, &at, binds_tcp, NULL), CONFINE_FAILS);
    CHECK_INT(confine_run(&sb, &at, binds_udp, NULL), CONFINE_WORKS);
    sb.ports[0] = yes;
    CHECK_INT(confine_run(&sb, &at, connects, &yes), CONFINE_WORKS);
    CHECK_INT(confine_run(&sb, &at, connects, &no), CONFINE_FAILS);
    close(one);
    close(two);
}

CHECK_MAIN(CHECK_TEST_ONCE(paths_hold_with_this_kernel),
           CHECK_TEST_ONCE(paths_hold_with_abi_1_and_2),
           CHECK_TEST_ONCE(without_landlock_modes_alone_decide),
           CHECK_TEST_ONCE(reading_needs_no_landlock), CHECK_TEST_ONCE(a_path_that_is_missing),
           CHECK_TEST_ONCE(only_the_ports_of_the_table))
