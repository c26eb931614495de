/* SPDX-License-Identifier: Apache-2.0 */
/* Which system call belongs to which promise. One that stands nowhere here ends the process. */
#include "sandbox/sandbox_int.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    CONNECTIONS = SB_ACCEPT | SB_INET_CONNECT | SB_UNIX,
    SOCKETS = SB_FDPASS | CONNECTIONS,
    FILES = SB_RPATH | SB_WPATH,
    LOOKS = FILES | SB_SANITIZER, /* the leak check reads /proc/self */
    TYPE = 0xf,                   /* of socket(2)'s type, without SOCK_CLOEXEC and SOCK_NONBLOCK */
    /* What makes clone(2) a thread of this process; the bits of new namespaces must be clear. */
    THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
    THREAD_MASK = THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                  CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE,
    OPEN_WRITES = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY),
};

#define S(call) SCMP_SYS(call)

static const int stdio[] = {
    S(read),
    S(readv),
    S(pread64),
    S(preadv),
    S(preadv2),
    S(write),
    S(writev),
    S(pwrite64),
    S(pwritev),
    S(pwritev2),
    S(lseek),
    S(close),
    S(close_range),
    S(dup),
    S(dup2),
    S(dup3),
    S(pipe),
    S(pipe2),
    S(eventfd2),
    S(fstat),
    S(poll),
    S(ppoll),
    S(select),
    S(pselect6),
    S(epoll_create),
    S(epoll_create1),
    S(epoll_ctl),
    S(epoll_wait),
    S(epoll_pwait),
    S(epoll_pwait2),
    S(timerfd_create),
    S(timerfd_settime),
    S(timerfd_gettime),
    S(brk),
    S(munmap),
    S(mremap),
    S(madvise),
    S(mlock),
    S(mlock2),
    S(munlock),
    S(futex),
    S(membarrier),
    S(rseq),
    S(sched_yield),
    S(sched_getaffinity),
    S(getcpu),
    S(clock_gettime),
    S(clock_getres),
    S(clock_nanosleep),
    S(nanosleep),
    S(gettimeofday),
    S(time),
    S(times),
    S(rt_sigprocmask),
    S(rt_sigreturn),
    S(rt_sigpending),
    S(rt_sigsuspend),
    S(rt_sigtimedwait),
    S(sigaltstack),
    S(restart_syscall),
    S(pause),
    S(getpid),
    S(gettid),
    S(getppid),
    S(getpgrp),
    S(getpgid),
    S(getsid),
    S(getuid),
    S(geteuid),
    S(getgid),
    S(getegid),
    S(getresuid),
    S(getresgid),
    S(getgroups),
    S(getrandom),
    S(getrusage),
    S(getrlimit),
    S(sysinfo),
    S(uname),
    S(umask),
    S(exit),
    S(exit_group),
};

static const int on_sockets[] = {
    S(recvmsg), S(sendmsg), S(recvfrom), S(shutdown), S(getsockopt), S(getsockname), S(getpeername),
};

static const int on_connections[] = {S(setsockopt), S(recvmmsg), S(sendmmsg)};
static const int on_listeners[] = {S(accept), S(accept4)};
/* bind(2): a UDP socket is bound before it sends; without listen(2) a bound TCP socket serves
 * nobody. */
static const int connecting[] = {S(connect), S(bind), S(sendto)};
static const int connecting_unix[] = {S(connect)};

static const int looking[] = {
    S(stat),      S(lstat),      S(newfstatat), S(statx),      S(access),
    S(faccessat), S(faccessat2), S(readlink),   S(readlinkat), S(getdents64),
    S(getcwd),    S(statfs),     S(fstatfs),    S(fadvise64),  S(readahead),
};

static const int writing[] = {
    S(open),      S(openat),  S(creat),     S(rename),          S(renameat),
    S(renameat2), S(link),    S(linkat),    S(unlink),          S(unlinkat),
    S(mkdir),     S(mkdirat), S(rmdir),     S(truncate),        S(ftruncate),
    S(fallocate), S(fsync),   S(fdatasync), S(sync_file_range), S(msync),
    S(flock),     S(chmod),   S(fchmod),    S(fchmodat),        S(utimensat),
};

static const int threads[] = {
    S(set_robust_list),    S(set_tid_address),        S(sched_getparam),
    S(sched_getscheduler), S(sched_get_priority_max), S(sched_get_priority_min),
};

static const int forking[] = {S(wait4), S(waitid), S(setitimer), S(set_robust_list)};

static const int sanitizer[] = {
    S(clone),           S(ptrace), S(wait4),
    S(prctl),           S(mmap),   S(mprotect),
    S(rt_sigaction),    S(tgkill), S(process_vm_readv),
    S(set_robust_list), S(kill),   S(fork),
    S(getdents),
};

/* The C library, libuv, OpenSSL, SQLite or libcurl try these and go on without. */
static const int no_files[] = {
    S(open),     S(openat),     S(creat),      S(stat),   S(lstat),  S(access),  S(faccessat),
    S(readlink), S(readlinkat), S(getdents64), S(getcwd), S(statfs), S(fstatfs),
};
static const int no_chown[] = {S(chown), S(fchown), S(fchownat), S(lchown)};
static const int newer[] = {
    S(clone3),         S(openat2),           S(io_uring_setup),
    S(io_uring_enter), S(io_uring_register), S(copy_file_range),
};
static const int sharing[] = {S(memfd_create)};
static const int sized[] = {S(ftruncate)};
static const int newer_files[] = {S(statx), S(faccessat2)};
static const int priorities[] = {
    S(getpriority),    S(setpriority),   S(sched_setaffinity), S(sched_setscheduler),
    S(sched_setparam), S(set_mempolicy), S(get_mempolicy),     S(mbind),
};

#define LIST(list) (list), sizeof(list) / sizeof((list)[0])

const struct sandbox_calls sandbox_calls[] = {
    {SB_STDIO, 0, LIST(stdio)},
    {SOCKETS, 0, LIST(on_sockets)},
    {CONNECTIONS, 0, LIST(on_connections)},
    {SB_ACCEPT, 0, LIST(on_listeners)},
    {SB_INET_CONNECT, 0, LIST(connecting)},
    {SB_UNIX, 0, LIST(connecting_unix)},
    {LOOKS, 0, LIST(looking)},
    {SB_WPATH, 0, LIST(writing)},
    {SB_SHARE, 0, LIST(sharing)},
    {SB_SHARE, 0, LIST(sized)},
    {SB_THREADS, 0, LIST(threads)},
    {SB_FORK, 0, LIST(forking)},
    {SB_SANITIZER, 0, LIST(sanitizer)},
    {LOOKS, EACCES, LIST(no_files)},
    {LOOKS, ENOSYS, LIST(newer_files)},
    {SB_EXEC, EPERM, LIST(no_chown)},
    {SB_EXEC, ENOSYS, LIST(newer)},
    {SB_EXEC | SB_SHARE, ENOSYS, LIST(sharing)},
    {SB_EXEC, EPERM, LIST(priorities)},
    {},
};

#define IS(i, v)                                                                                   \
    {                                                                                              \
        .arg = (i), .op = SCMP_CMP_EQ, .datum_a = (v)                                              \
    }
#define NOT(i, v)                                                                                  \
    {                                                                                              \
        .arg = (i), .op = SCMP_CMP_NE, .datum_a = (v)                                              \
    }
#define BITS(i, mask, v)                                                                           \
    {                                                                                              \
        .arg = (i), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (v)                    \
    }

const struct sandbox_way sandbox_ways[] = {
    /* No memory is ever both ours to write and executable; nothing is loaded after start. */
    {S(mmap), SB_STDIO, SB_SANITIZER, 0, 1, {BITS(2, PROT_EXEC, 0)}},
    {S(mprotect), SB_STDIO, SB_SANITIZER, 0, 1, {BITS(2, PROT_EXEC, 0)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_DUPFD)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_DUPFD_CLOEXEC)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_GETFD)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_SETFD)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_GETFL)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_SETFL)}},
    {S(fcntl), SB_STDIO, 0, 0, 1, {IS(1, F_GET_SEALS)}},
    {S(fcntl), SB_SHARE, 0, 0, 1, {IS(1, F_ADD_SEALS)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_GETLK)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_SETLK)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_SETLKW)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_OFD_GETLK)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_OFD_SETLK)}},
    {S(fcntl), FILES, 0, 0, 1, {IS(1, F_OFD_SETLKW)}},
    {S(ioctl), SB_STDIO, 0, 0, 1, {IS(1, FIONBIO)}},
    {S(ioctl), SB_STDIO, 0, 0, 1, {IS(1, FIOCLEX)}},
    {S(ioctl), SB_STDIO, 0, 0, 1, {IS(1, FIONREAD)}},
    {S(ioctl), SB_STDIO, 0, 0, 1, {IS(1, TCGETS)}},
    {S(prctl), SB_STDIO, SB_SANITIZER, 0, 1, {IS(0, PR_SET_NAME)}},
    {S(prctl), SB_STDIO, SB_SANITIZER, 0, 1, {IS(0, PR_GET_NAME)}},
    {S(prctl), SB_STDIO, SB_SANITIZER, 0, 1, {IS(0, PR_GET_DUMPABLE)}},
    {S(prctl), SB_STDIO, SB_SANITIZER, 0, 1, {IS(0, PR_GET_NO_NEW_PRIVS)}},
    {S(prctl), SB_STDIO, SB_SANITIZER, 0, 1, {IS(0, PR_GET_SECCOMP)}},
    /* Reading its own limits, as sysconf(3) does. */
    {S(prlimit64), SB_STDIO, 0, 0, 2, {IS(0, 0), IS(2, 0)}},
    /* A copy that shall make none itself. */
    {S(prlimit64), SB_FORK, 0, 0, 2, {IS(0, 0), IS(1, RLIMIT_NPROC)}},
    /* The C library's fstat(3). */
    {S(newfstatat), SB_STDIO, LOOKS, 0, 1, {BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)}},
    {S(openat), LOOKS, SB_WPATH, 0, 1, {BITS(2, OPEN_WRITES, 0)}},
    {S(open), LOOKS, SB_WPATH, 0, 1, {BITS(1, OPEN_WRITES, 0)}},
    /* send(3): to whom it is connected, and to nobody else. */
    {S(sendto), SOCKETS, SB_INET_CONNECT, 0, 1, {IS(4, 0)}},
    /* The handler that says what was refused stays. */
    {S(rt_sigaction), SB_STDIO, SB_SANITIZER, 1, 1, {NOT(0, SIGSYS)}},
    {S(clone), SB_THREADS, SB_SANITIZER, 1, 1, {BITS(0, THREAD_MASK, THREAD)}},
    /* fork(3) of the C library: no thread, no new namespace, nothing shared. */
    {S(clone), SB_FORK, SB_SANITIZER, 1, 1, {BITS(0, THREAD_MASK, 0)}},
    {S(socket), SB_INET_CONNECT, 0, 1, 2, {IS(0, AF_INET), BITS(1, TYPE, SOCK_STREAM)}},
    {S(socket), SB_INET_CONNECT, 0, 1, 2, {IS(0, AF_INET), BITS(1, TYPE, SOCK_DGRAM)}},
    {S(socket), SB_INET_CONNECT, 0, 1, 2, {IS(0, AF_INET6), BITS(1, TYPE, SOCK_STREAM)}},
    {S(socket), SB_INET_CONNECT, 0, 1, 2, {IS(0, AF_INET6), BITS(1, TYPE, SOCK_DGRAM)}},
    {S(socket), SB_UNIX, 0, 1, 1, {IS(0, AF_UNIX)}},
    /* libcurl wakes itself with one; front talks through one to a prober behind TLS. */
    {S(socketpair), SB_INET_CONNECT | SB_UNIX | SB_ACCEPT | SB_FORK, 0, 1, 1, {IS(0, AF_UNIX)}},
    {},
};

static const struct {
    int nr;
    const char *name;
} call_names[] = {
    {S(execve), "execve"},
    {S(execveat), "execveat"},
    {S(fork), "fork"},
    {S(vfork), "vfork"},
    {S(clone), "clone"},
    {S(ptrace), "ptrace"},
    {S(socket), "socket"},
    {S(connect), "connect"},
    {S(bind), "bind"},
    {S(listen), "listen"},
    {S(accept), "accept"},
    {S(accept4), "accept4"},
    {S(sendto), "sendto"},
    {S(kill), "kill"},
    {S(tgkill), "tgkill"},
    {S(setuid), "setuid"},
    {S(setresuid), "setresuid"},
    {S(setgroups), "setgroups"},
    {S(capset), "capset"},
    {S(mount), "mount"},
    {S(chroot), "chroot"},
    {S(unlink), "unlink"},
    {S(unlinkat), "unlinkat"},
    {S(rename), "rename"},
    {S(renameat), "renameat"},
    {S(mkdir), "mkdir"},
    {S(mkdirat), "mkdirat"},
    {S(fsync), "fsync"},
    {S(fdatasync), "fdatasync"},
    {S(flock), "flock"},
    {S(setsockopt), "setsockopt"},
    {S(sendmmsg), "sendmmsg"},
    {S(recvmmsg), "recvmmsg"},
    {S(rt_sigaction), "rt_sigaction"},
    {S(socketpair), "socketpair"},
    {S(bpf), "bpf"},
    {S(ftruncate), "ftruncate"},
    {S(fchmod), "fchmod"},
    {S(unshare), "unshare"},
};

const char *sandbox_call_name(int nr)
{
    for (size_t i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++)
        if (call_names[i].nr == nr)
            return call_names[i].name;
    return NULL;
}
