/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of one process, declared as a table in the file of its role and entered once, before
 * the first byte from a stranger. Runs in every process of `autarky serve`. One file per mechanism:
 * user.c (user, groups, capabilities, limits), landlock.c (files, TCP ports, signals), seccomp.c
 * (system calls). */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* What a process promises to confine itself to. Whatever no promise covers ends the process with
 * SIGSYS and one line on standard error; what libraries are known to probe for harmlessly fails
 * with an errno instead (seccomp_calls.c). */
enum sandbox_promise {
    SB_STDIO =
        1 << 0, /* memory without execute rights, clocks, polling, use of descriptors it has */
    SB_FDPASS = 1 << 1,       /* messages, with descriptors, over sockets it was given: the channels
                                 between roles */
    SB_ACCEPT = 1 << 2,       /* accept from listeners it was given, and use those connections */
    SB_INET_CONNECT = 1 << 3, /* make TCP and UDP sockets and connect out; never listen */
    SB_UNIX = 1 << 4,         /* connect to Unix sockets */
    SB_RPATH = 1 << 5,        /* open and look at files, read only, as far as `paths` go */
    SB_WPATH = 1 << 6,        /* make, write, rename, remove and sync files, as far as `paths` go */
    SB_THREADS = 1 << 7,      /* threads; never processes */
    SB_EXEC = 1 << 8,         /* executes programs, which inherit a filter: no seccomp, Landlock,
                                 no-new-privileges */
    SB_SHARE = 1 << 9,        /* makes memory that others are handed to read (base/segment.h) */
    SB_FORK = 1 << 10, /* makes copies of itself, as confined as it is, and waits for them; never
                          executes, never signals */
    SB_SANITIZER =
        1 << 11, /* added to every table by a build with AddressSanitizer; see sandbox_strict */
};

enum sandbox_access {
    SB_READ = 1 << 0,     /* files and directories below the path, read only */
    SB_WRITE = 1 << 1,    /* and making, writing, renaming, removing them */
    SB_OPTIONAL = 1 << 2, /* nothing is granted, and nothing said, when the path does not exist */
};

enum { SANDBOX_PATHS_MAX = 16, SANDBOX_PORTS_MAX = 8, SANDBOX_REPORT_TEXT = 160 };

struct sandbox_path {
    const char *path; /* relative to sandbox_at.dir unless absolute; a directory or a file */
    unsigned access;  /* enum sandbox_access */
};

struct sandbox {
    const char *user;  /* system user to become when started as root; NULL: stays who it is */
    unsigned promises; /* enum sandbox_promise */
    uint64_t caps;     /* capabilities kept, as bits 1 << CAP_X; 0 for every role that reads from
                          strangers */
    unsigned files;    /* RLIMIT_NOFILE; 0: as inherited */
    struct sandbox_path paths[SANDBOX_PATHS_MAX];
    uint16_t
        ports[SANDBOX_PORTS_MAX]; /* with SB_INET_CONNECT: the only TCP ports, none given: all */
};

/* Where and as whom a table is entered. */
struct sandbox_at {
    int dir;   /* of relative paths: DATA */
    uid_t uid; /* of `user`, from sandbox_user_find; not looked at when the process is not root */
    gid_t gid;
    int parent_signal; /* comes when the parent ends; 0: none. A change of user forgets an earlier
                          one. */
};

enum sandbox_mechanism {
    SANDBOX_USER,
    SANDBOX_CAPABILITIES,
    SANDBOX_LIMITS,
    SANDBOX_NO_DUMP,
    SANDBOX_NO_NEW_PRIVS,
    SANDBOX_LANDLOCK,
    SANDBOX_SECCOMP,
    SANDBOX_MECHANISMS,
};

enum sandbox_state {
    SANDBOX_OFF,    /* not in force; the text says why */
    SANDBOX_PARTLY, /* in force as far as the kernel goes; the text says what is missing */
    SANDBOX_ON,
};

/* What is in force, mechanism by mechanism, in words for `status`, `doctor` and the log. */
struct sandbox_report {
    struct {
        enum sandbox_state state;
        char text[SANDBOX_REPORT_TEXT];
    } by[SANDBOX_MECHANISMS];
};

/* First thing in a process that makes an event loop before it confines itself: io_uring is then not
 * there. libuv from 1.45 on hands the kernel its work in such a ring where it can have one, past
 * every filter of system calls, and ends the process when the filter comes later. For good, with
 * PR_SET_NO_NEW_PRIVS; nothing in a process that executes programs, which is not confined either,
 * and where the kernel has no filters. */
enum rc sandbox_begin(const struct sandbox *sb, struct err *err);

/* Confines the calling process, for good. A mechanism that the kernel or a missing privilege
 * withholds is reported as off and is no error; one that ought to work and fails is, and the caller
 * must then exit: the process is half confined. RC_NOTFOUND names a path of the table that does not
 * exist; RC_DENIED when dropped rights could be regained. */
enum rc sandbox_enter(const struct sandbox *sb, const struct sandbox_at *at,
                      struct sandbox_report *out, struct err *err);

/* One line each, "landlock: partly: ABI 2: files; ...": on, partly or off, and what that means or
 * why. */
void sandbox_report_text(const struct sandbox_report *r, struct buf *out);

/* False in a build with AddressSanitizer, whose leak check needs ptrace, clone and /proc at exit:
 * there SB_SANITIZER is part of every table, and the tests of these few calls are left to the build
 * without it. */
bool sandbox_strict(void);
