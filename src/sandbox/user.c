/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

#include "sandbox/sandbox_int.h"

enum { CAPS_MAX = 64 };

MSG(msg_regained, "sandbox.regained",
    "confining this process: {0} could be regained after it was given up");
MSG(msg_root_user, "sandbox.root-user", "confining this process: the user {0} is root");

enum rc sandbox_limits(const struct sandbox *sb, struct sandbox_report *out, struct err *err)
{
    struct rlimit core = {0, 0};
    struct rlimit files;

    umask(077);
    if (setrlimit(RLIMIT_CORE, &core) != 0)
        return SANDBOX_ERRNO(err, "setrlimit(RLIMIT_CORE)");
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return SANDBOX_ERRNO(err, "getrlimit(RLIMIT_NOFILE)");
    if (sb->files == 0) {
        sandbox_note(out, SANDBOX_LIMITS, SANDBOX_ON, "no core file, umask 077");
        return RC_OK;
    }
    if (files.rlim_max == RLIM_INFINITY || files.rlim_max >= sb->files || geteuid() == 0)
        files = (struct rlimit){sb->files, sb->files};
    else
        files.rlim_cur = files.rlim_max;
    /* Root without CAP_SYS_RESOURCE, as in a container, may not raise it either. */
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        if (errno != EPERM || getrlimit(RLIMIT_NOFILE, &files) != 0)
            return SANDBOX_ERRNO(err, "setrlimit(RLIMIT_NOFILE)");
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            return SANDBOX_ERRNO(err, "setrlimit(RLIMIT_NOFILE)");
    }
    if (files.rlim_cur < sb->files)
        sandbox_note(out, SANDBOX_LIMITS, SANDBOX_PARTLY,
                     "no core file, umask 077, only %llu open files, wanted %u: raise LimitNOFILE",
                     (unsigned long long)files.rlim_cur, sb->files);
    else
        sandbox_note(out, SANDBOX_LIMITS, SANDBOX_ON, "no core file, umask 077, %u open files",
                     sb->files);
    return RC_OK;
}

/* All three of each: a saved id that is still root would be a way back. */
static enum rc prove_dropped(const struct sandbox_at *at, struct err *err)
{
    uid_t uid[3];
    gid_t gid[3];

    if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0)
        return SANDBOX_ERRNO(err, "getresuid");
    for (size_t i = 0; i < 3; i++)
        if (uid[i] != at->uid || gid[i] != at->gid)
            return ERR(err, RC_DENIED, msg_regained, STR("a user or group id"));
    return RC_OK;
}

enum rc sandbox_user_drop(const struct sandbox *sb, const struct sandbox_at *at,
                          struct sandbox_report *out, struct err *err)
{
    if (geteuid() != 0) {
        sandbox_note(out, SANDBOX_USER, sb->user ? SANDBOX_OFF : SANDBOX_ON,
                     "not started as root: runs as the caller's user, uid %u%s%s",
                     (unsigned)geteuid(), sb->user ? ", not as " : "", sb->user ? sb->user : "");
        return RC_OK;
    }
    if (!sb->user) {
        sandbox_note(out, SANDBOX_USER, SANDBOX_ON, "root, which its work needs");
        return RC_OK;
    }
    if (at->uid == 0 || at->gid == 0)
        return ERR(err, RC_DENIED, msg_root_user, str_of(sb->user));
    /* Else the change of user would drop what the table keeps; sandbox_drop_caps drops the rest. */
    if (sb->caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_KEEPCAPS)");
    if (setgroups(0, NULL) != 0)
        return SANDBOX_ERRNO(err, "setgroups");
    if (setresgid(at->gid, at->gid, at->gid) != 0)
        return SANDBOX_ERRNO(err, "setresgid");
    if (setresuid(at->uid, at->uid, at->uid) != 0)
        return SANDBOX_ERRNO(err, "setresuid");
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_KEEPCAPS)");
    TRY(prove_dropped(at, err));
    sandbox_note(out, SANDBOX_USER, SANDBOX_ON, "%s, uid %u, gid %u, no other groups", sb->user,
                 (unsigned)at->uid, (unsigned)at->gid);
    return RC_OK;
}

/* What the table keeps, in libcap-ng's working state; `have` restricts it to what there is. */
static void select_caps(uint64_t keep, capng_select_t set)
{
    capng_clear(set);
    for (unsigned c = 0; c <= CAP_LAST_CAP && c < CAPS_MAX; c++)
        if (keep & UINT64_C(1) << c)
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, c);
}

enum rc sandbox_bound_caps(const struct sandbox *sb, struct sandbox_report *out, struct err *err)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return SANDBOX_ERRNO(err, "clearing the ambient capabilities");
    if (capng_get_caps_process() != 0)
        return SANDBOX_ERRNO(err, "reading the capabilities");
    if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)) {
        sandbox_note(out, SANDBOX_CAPABILITIES, SANDBOX_PARTLY,
                     "none held; the bounding set stays, without CAP_SETPCAP it cannot be changed");
        return RC_OK;
    }
    select_caps(sb->caps, CAPNG_SELECT_BOUNDS);
    if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
        return SANDBOX_ERRNO(err, "reducing the capability bounding set");
    sandbox_note(out, SANDBOX_CAPABILITIES, SANDBOX_ON, "none");
    return RC_OK;
}

static size_t count_bits(uint64_t v)
{
    return (size_t)__builtin_popcountll(v);
}

/* The capabilities really held, asked of the kernel again. */
static enum rc held_caps(uint64_t *out, struct err *err)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

    if (syscall(SYS_capget, &head, data) != 0)
        return SANDBOX_ERRNO(err, "capget");
    *out = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        *out |= (uint64_t)(data[i].effective | data[i].permitted | data[i].inheritable) << 32 * i;
    return RC_OK;
}

enum rc sandbox_drop_caps(const struct sandbox *sb, struct sandbox_report *out, struct err *err)
{
    uint64_t have;
    uint64_t left;

    TRY(held_caps(&have, err));
    if (capng_get_caps_process() != 0)
        return SANDBOX_ERRNO(err, "reading the capabilities");
    select_caps(sb->caps & have, CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS) != 0)
        return SANDBOX_ERRNO(err, "dropping the capabilities");
    TRY(held_caps(&left, err));
    if (left & ~sb->caps)
        return ERR(err, RC_DENIED, msg_regained, STR("a capability"));
    /* Who keeps the right to become other users can become root, too. */
    if (geteuid() != 0 && !(left & UINT64_C(1) << CAP_SETUID) && setresuid(0, 0, 0) == 0)
        return ERR(err, RC_DENIED, msg_regained, STR("root"));
    if (sb->caps)
        sandbox_note(out, SANDBOX_CAPABILITIES, out->by[SANDBOX_CAPABILITIES].state,
                     "%zu kept of the %zu that its work needs", count_bits(left),
                     count_bits(sb->caps));
    return RC_OK;
}

enum rc sandbox_bind_to_parent(const struct sandbox_at *at, struct err *err)
{
    if (at->parent_signal && prctl(PR_SET_PDEATHSIG, at->parent_signal, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_PDEATHSIG)");
    return RC_OK;
}

enum rc sandbox_no_dump(struct sandbox_report *out, struct err *err)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_DUMPABLE)");
    sandbox_note(out, SANDBOX_NO_DUMP, SANDBOX_ON, "not dumpable, not traceable by its own user");
    return RC_OK;
}

enum rc sandbox_no_new_privs(const struct sandbox *sb, struct sandbox_report *out, struct err *err)
{
    if (sb->promises & SB_EXEC) {
        sandbox_note(out, SANDBOX_NO_NEW_PRIVS, SANDBOX_OFF,
                     "executes programs, which would inherit it");
        return RC_OK;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return SANDBOX_ERRNO(err, "prctl(PR_SET_NO_NEW_PRIVS)");
    sandbox_note(out, SANDBOX_NO_NEW_PRIVS, SANDBOX_ON, "set");
    return RC_OK;
}
