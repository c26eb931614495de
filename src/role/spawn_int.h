/* SPDX-License-Identifier: Apache-2.0 */
/* From the supervisor's side of fork(2) to the other: how a role's process is made and what it
 * finds. */
#pragma once

#include "role/role.h"

enum {
    ROLE_CHANNEL_FD = 3,
    ROLE_TEST_CLOCK_FD = 4, /* in test builds, when there is one */
    ROLE_SANDBOX_TEXT = 4096,
};

/* Executes `program` (NULL: this very program, even if its file was replaced) as `autarky
 * --role=NAME` with a clean environment and no descriptors but standard output and error and one
 * end of *out_fd. Its death comes as SIGCHLD; the supervisor's kills it. `test_clock` as of
 * role_test_clock_open. RC_IO. */
enum rc role_spawn(const struct role_def *def, const char *program, int test_clock, pid_t *out_pid,
                   int *out_fd, struct err *err);

/* The clock that tests steer: opened by the supervisor (*out_fd -1: none), found by its children.
 * Always RC_OK and none where it is not built in. */
enum rc role_test_clock_open(int *out_fd);
enum rc role_test_clock_inherit(void);
