/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by its system calls: no library has it, and the headers of Debian 12 end at ABI 2. */
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/sandbox_int.h"

/* The kernel's interface; names and values of linux/landlock.h of Linux 6.12. */
enum {
    CREATE_VERSION = 1 << 0,
    RULE_PATH_BENEATH = 1,
    RULE_NET_PORT = 2,

    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_ABI1 = (1 << 13) - 1, /* with the other kinds of MAKE */
    FS_REFER = 1 << 13,      /* ABI 2 */
    FS_TRUNCATE = 1 << 14,   /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15,  /* ABI 5 */

    NET_BIND_TCP = 1 << 0, /* ABI 4 */
    NET_CONNECT_TCP = 1 << 1,

    SCOPE_ABSTRACT_UNIX = 1 << 0, /* ABI 6 */
    SCOPE_SIGNAL = 1 << 1,

    ABI_REFER = 2,
    ABI_TRUNCATE = 3,
    ABI_NET = 4,
    ABI_IOCTL = 5,
    ABI_SCOPE = 6,
};

struct ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_attr {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

struct port_attr {
    uint64_t access;
    uint64_t port;
};

MSG(msg_path, "sandbox.path", "confining this process: {0}: {1}");
MSG(msg_path_missing, "sandbox.path-missing",
    "confining this process: {0} is missing in the data directory; was it made by `autarky init`?");

#ifdef AUTARKY_TEST_HOOKS
/* Older kernels, on this one. */
static long cap_abi(long abi)
{
    const char *z = getenv("AUTARKY_LANDLOCK_ABI");
    uint64_t cap;

    return z && str_u64(str_of(z), 99, &cap) == RC_OK && abi > (long)cap ? (long)cap : abi;
}
#else
static long cap_abi(long abi)
{
    return abi;
}
#endif

/* 0 when there is none; *why then says so. */
static long kernel_abi(const char **why)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

    if (abi < 0)
        *why = errno == EOPNOTSUPP ? "switched off at boot: add landlock to the lsm= parameter"
                                   : "this kernel has none";
    else
        *why = "ABI capped at 0 by a test";
    return abi < 0 ? 0 : cap_abi(abi);
}

static uint64_t fs_of_abi(long abi)
{
    uint64_t fs = FS_ABI1;

    if (abi >= ABI_REFER)
        fs |= FS_REFER;
    if (abi >= ABI_TRUNCATE)
        fs |= FS_TRUNCATE;
    if (abi >= ABI_IOCTL)
        fs |= FS_IOCTL_DEV;
    return fs;
}

static struct ruleset_attr attr_of(const struct sandbox *sb, long abi)
{
    struct ruleset_attr a = {.fs = fs_of_abi(abi)};

    if (abi >= ABI_NET) {
        a.net = NET_BIND_TCP;
        /* Without a list of ports every one may be connected to, and seccomp has granted the
         * socket. */
        if (!(sb->promises & SB_INET_CONNECT) || sb->ports[0])
            a.net |= NET_CONNECT_TCP;
    }
    if (abi >= ABI_SCOPE)
        a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
    return a;
}

static uint64_t rights_of(unsigned access, bool dir)
{
    uint64_t file = FS_READ_FILE;
    uint64_t below = FS_READ_DIR;

    if (access & SB_WRITE) {
        file |= FS_WRITE_FILE | FS_TRUNCATE;
        below |= FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER;
    }
    return dir ? file | below : file;
}

static enum rc add_path(int ruleset, const struct sandbox_path *p, int dir, uint64_t handled,
                        struct err *err)
{
    CLEANUP(fd_closep) int fd = openat(dir, p->path, O_PATH | O_CLOEXEC);
    struct path_attr attr;
    struct stat st;

    if (fd < 0 && errno == ENOENT) {
        if (p->access & SB_OPTIONAL)
            return RC_OK;
        return ERR(err, RC_NOTFOUND, msg_path_missing, str_of(p->path));
    }
    if (fd < 0 || fstat(fd, &st) != 0)
        return ERR(err, RC_IO, msg_path, str_of(p->path), str_of(strerrordesc_np(errno)));
    attr = (struct path_attr){rights_of(p->access, S_ISDIR(st.st_mode)) & handled, fd};
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) != 0)
        return ERR(err, RC_IO, msg_path, str_of(p->path), str_of(strerrordesc_np(errno)));
    return RC_OK;
}

static enum rc add_paths(int ruleset, const struct sandbox *sb, int dir, uint64_t handled,
                         struct err *err)
{
    /* What the leak check and the report of a sanitizer read. */
    static const struct sandbox_path sanitizer[] = {
        {"/proc", SB_READ | SB_OPTIONAL},
        {"/usr/lib", SB_READ | SB_OPTIONAL},
    };

    for (size_t i = 0; i < SANDBOX_PATHS_MAX && sb->paths[i].path; i++)
        TRY(add_path(ruleset, &sb->paths[i], dir, handled, err));
    if (sb->promises & SB_SANITIZER)
        for (size_t i = 0; i < sizeof(sanitizer) / sizeof(sanitizer[0]); i++)
            TRY(add_path(ruleset, &sanitizer[i], dir, handled, err));
    return RC_OK;
}

static enum rc add_ports(int ruleset, const struct sandbox *sb, struct err *err)
{
    for (size_t i = 0; i < SANDBOX_PORTS_MAX && sb->ports[i]; i++) {
        struct port_attr attr = {NET_CONNECT_TCP, sb->ports[i]};

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) != 0)
            return SANDBOX_ERRNO(err, "landlock_add_rule, port");
    }
    return RC_OK;
}

static void describe(struct sandbox_report *out, long abi)
{
    if (abi >= ABI_SCOPE)
        sandbox_note(out, SANDBOX_LANDLOCK, SANDBOX_ON, "ABI %ld: files, TCP ports, signals", abi);
    else if (abi >= ABI_NET)
        sandbox_note(out, SANDBOX_LANDLOCK, SANDBOX_PARTLY,
                     "ABI %ld: files, TCP ports; signals by user and seccomp only", abi);
    else
        sandbox_note(out, SANDBOX_LANDLOCK, SANDBOX_PARTLY,
                     "ABI %ld: files; TCP ports and signals by user and seccomp only", abi);
}

enum rc sandbox_landlock_prepare(const struct sandbox *sb, const struct sandbox_at *at, int *out_fd,
                                 struct sandbox_report *out, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct ruleset_attr attr;
    const char *why = "";
    size_t size;
    long abi;

    if (sb->promises & SB_EXEC) {
        sandbox_note(out, SANDBOX_LANDLOCK, SANDBOX_OFF,
                     "executes programs, which would inherit it");
        return RC_OK;
    }
    abi = kernel_abi(&why);
    if (abi <= 0) {
        sandbox_note(out, SANDBOX_LANDLOCK, SANDBOX_OFF, "%s", why);
        return RC_OK;
    }
    attr = attr_of(sb, abi);
    size = abi >= ABI_SCOPE ? sizeof(attr)
           : abi >= ABI_NET ? offsetof(struct ruleset_attr, scoped)
                            : offsetof(struct ruleset_attr, net);
    fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return SANDBOX_ERRNO(err, "landlock_create_ruleset");
    TRY(add_paths(fd, sb, at->dir, attr.fs, err));
    if (attr.net & NET_CONNECT_TCP)
        TRY(add_ports(fd, sb, err));
    describe(out, abi);
    *out_fd = fd_move(&fd);
    return RC_OK;
}

enum rc sandbox_landlock_enforce(int ruleset, struct err *err)
{
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return SANDBOX_ERRNO(err, "landlock_restrict_self");
    return RC_OK;
}
