/* SPDX-License-Identifier: Apache-2.0 */
/* Each in a process of its own, for what is given up does not come back. */
#include "check.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/child.h"

/* The status of `fn`, in a child: 0, or the line of what was otherwise. */
static int in_child(int (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn());
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

static bool is(int what, rlim_t most)
{
    struct rlimit now;

    return getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_cur == most &&
           now.rlim_max == most;
}

static int lower_limits(void)
{
    const struct sandbox_child_limits first = {.cpu_seconds = 30, .files = 64, .file = 4096};
    const struct sandbox_child_limits more = {.cpu_seconds = 60, .files = 32};
    struct rlimit before;

    if (getrlimit(RLIMIT_AS, &before) != 0 || !sandbox_child_limit(&first))
        return 1;
    if (!is(RLIMIT_CORE, 0) || !is(RLIMIT_CPU, 30) || !is(RLIMIT_NOFILE, 64) ||
        !is(RLIMIT_FSIZE, 4096))
        return 2;
    if (!is(RLIMIT_AS, before.rlim_max) && before.rlim_cur == before.rlim_max)
        return 3; /* nobody has asked for that one */
    /* No limit is raised, whoever asks. */
    return sandbox_child_limit(&more) && is(RLIMIT_CPU, 30) && is(RLIMIT_NOFILE, 32) ? 0 : 4;
}

static void limits(void)
{
    CHECK_INT(in_child(lower_limits), 0);
}

static const gid_t some[] = {65534, 4711};
enum { OTHER = 65534 };

static int become_other(void)
{
    const struct sandbox_child_as as = {.become = true,
                                        .uid = OTHER,
                                        .gid = OTHER,
                                        .groups = some,
                                        .n_groups = 2,
                                        .no_new_privs = true};
    gid_t groups[8];
    uid_t real, effective, saved;

    if (!sandbox_child_become(&as))
        return geteuid() == 0 ? 1 : 0;
    if (getresuid(&real, &effective, &saved) != 0 || real != OTHER || effective != OTHER ||
        saved != OTHER || getegid() != OTHER)
        return 2;
    if (getgroups(8, groups) != 2 || groups[0] + groups[1] != OTHER + 4711)
        return 3;
    return setuid(0) != 0 && errno == EPERM && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 4;
}

static int stay(void)
{
    const struct sandbox_child_as as = {.no_new_privs = false};
    uid_t before = geteuid();

    return sandbox_child_become(&as) && geteuid() == before &&
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0
               ? 0
               : 1;
}

static void another_user(void)
{
    CHECK_INT(in_child(become_other), 0);
    CHECK_INT(in_child(stay), 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(limits), CHECK_TEST_ONCE(another_user))
