/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/child.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Never more than it has: whoever is not root may not raise a limit. */
static bool limit(int what, uint64_t most)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){most, most}) == 0;
}

bool sandbox_child_limit(const struct sandbox_child_limits *l)
{
    const struct {
        int what;
        uint64_t most;
    } all[] = {{RLIMIT_CPU, l->cpu_seconds},
               {RLIMIT_NOFILE, l->files},
               {RLIMIT_NPROC, l->processes},
               {RLIMIT_AS, l->memory},
               {RLIMIT_FSIZE, l->file}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].most && !limit(all[i].what, all[i].most))
            return false;
    return limit(RLIMIT_CORE, 0);
}

bool sandbox_child_become(const struct sandbox_child_as *as)
{
    if (as->become &&
        (setgroups(as->n_groups, as->groups) != 0 || setresgid(as->gid, as->gid, as->gid) != 0 ||
         setresuid(as->uid, as->uid, as->uid) != 0))
        return false;
    return !as->no_new_privs || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool sandbox_default_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL); /* fails for some, which cannot be changed anyway */
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}
