/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that somebody else wrote gives up before it is executed: the runner's commands,
 * hooks of the ACME client. All of it is done between fork(2) and exec, by system calls only, in
 * this order: limits, then the user, for who is no longer root may not raise them any more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Core files are never written. 0: as it is. */
struct sandbox_child_limits {
    uint64_t cpu_seconds, files, processes; /* processes are all of that user, threads included */
    uint64_t memory, file;                  /* bytes: of addresses, of one file that it writes */
};

/* Who it is to be. What is no longer root has no capabilities either. */
struct sandbox_child_as {
    bool become; /* false: it stays who it is */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* beside `gid` */
    size_t n_groups;
    bool no_new_privs; /* it can gain no rights by what it executes: no sudo */
};

/* False, and errno: it is not to be executed. */
bool sandbox_child_limit(const struct sandbox_child_limits *l);
bool sandbox_child_become(const struct sandbox_child_as *as);
/* Every signal as a program finds it, none blocked. */
bool sandbox_default_signals(void);
