/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

MSG(msg_user, "agent.no-user", "there is no user \"{0}\" on this machine");
MSG(msg_group, "agent.no-group", "there is no group \"{0}\" on this machine");
MSG(msg_mode, "agent.key-mode",
    "the mode \"{0}\" is none for a key: four octal digits as in 0600 or 0640, read (and write) "
    "for its owner, read for its group, nothing for others");
MSG(msg_not_root, "agent.owner-not-root",
    "only root gives files to another user, {0}: run this as root or as that user");

MSG(msg_not_become, "agent.hook-user-not-root",
    "only root runs hooks as another user, {0}: run this as root, or as that user and without "
    "--hook-user");
MSG(msg_user_big, "agent.hook-user-big",
    "the user {0} is in too many groups, or has too long a home");

MSG(msg_label, "agent.selinux-label",
    "\"{0}\" is no label of SELinux: it is USER:ROLE:TYPE, or USER:ROLE:TYPE:LEVEL, as in "
    "system_u:object_r:cert_t:s0");
MSG(msg_refused, "agent.selinux-refused",
    "the kernel refuses the label {0} for {1}: {2}; what is in place stays there");

enum { NAME_BYTES = 64, ID_MAX = INT32_MAX, LABEL_PARTS = 3 };

static const struct passwd *entry_of(struct str user)
{
    char name[NAME_BYTES];

    if (str_copyz(user, name, sizeof(name)) != RC_OK)
        return NULL;
    /* cppcheck-suppress getpwnamCalled ; one thread */
    return getpwnam(name); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static enum rc find_user(struct str user, uid_t *out, struct err *err)
{
    const struct passwd *pw = entry_of(user);
    uint64_t number;

    if (user.n == 0)
        return RC_OK;
    if (pw)
        *out = pw->pw_uid;
    else if (str_u64(user, ID_MAX, &number) == RC_OK)
        *out = (uid_t)number;
    else
        return ERR(err, RC_NOTFOUND, msg_user, user);
    return geteuid() == 0 || *out == geteuid() ? RC_OK : ERR(err, RC_DENIED, msg_not_root, user);
}

static enum rc find_group(struct str group, gid_t *out, struct err *err)
{
    char name[NAME_BYTES];
    const struct group *gr = NULL;
    uint64_t number;

    if (group.n == 0)
        return RC_OK;
    if (str_copyz(group, name, sizeof(name)) == RC_OK)
        /* cppcheck-suppress getgrnamCalled ; one thread */
        gr = getgrnam(name); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (gr)
        *out = gr->gr_gid;
    else if (str_u64(group, ID_MAX, &number) == RC_OK)
        *out = (gid_t)number;
    else
        return ERR(err, RC_NOTFOUND, msg_group, group);
    return RC_OK;
}

static enum rc read_mode(struct str text, mode_t *out, struct err *err)
{
    mode_t mode = 0;

    if (text.n == 0)
        return RC_OK;
    for (size_t i = 0; i < text.n && text.n <= 4; i++) {
        if (text.p[i] < '0' || text.p[i] > '7')
            return ERR(err, RC_INVAL, msg_mode, text);
        mode = mode << 3 | (mode_t)(text.p[i] - '0');
    }
    if ((mode & ~(mode_t)0640) || !(mode & 0400))
        return ERR(err, RC_INVAL, msg_mode, text);
    *out = mode;
    return RC_OK;
}

/* Its form; what is in it is the policy's of the machine. */
static enum rc read_label(struct str label, struct agent_owner *o, struct err *err)
{
    struct str rest = label, part;
    size_t parts = 0;

    if (label.n == 0)
        return RC_OK;
    for (size_t i = 0; i < label.n; i++)
        if (label.p[i] <= ' ' || label.p[i] > '~')
            return ERR(err, RC_INVAL, msg_label, label);
    while (str_next(&rest, ':', &part)) {
        if (part.n == 0)
            return ERR(err, RC_INVAL, msg_label, label);
        parts++;
    }
    if (parts < LABEL_PARTS || str_ends(label, STR(":")) ||
        str_copyz(label, o->label, sizeof(o->label)) != RC_OK)
        return ERR(err, RC_INVAL, msg_label, label);
    return RC_OK;
}

static const char *why_refused(int e)
{
    switch (e) {
    case ENOTSUP:
        return "that file system keeps no labels";
    case EINVAL:
        return "the policy of this machine has no such label (seinfo -t)";
    case EPERM:
    case EACCES:
        return "that takes root, and by the policy of SELinux the right to relabel";
    default:
        return strerrordesc_np(e);
    }
}

enum rc agent_owner_label(const struct agent_owner *o, int fd, const char *shown, struct err *err)
{
    int e;

    if (!o->label[0] || fsetxattr(fd, "security.selinux", o->label, strlen(o->label) + 1, 0) == 0)
        return RC_OK;
    e = errno;
    return ERR(err, e == ENOTSUP ? RC_UNSUPPORTED : RC_DENIED, msg_refused, str_of(o->label),
               str_of(shown), str_of(why_refused(e)));
}

enum rc agent_owner_find(struct str user, struct str group, struct str mode, struct str label,
                         struct agent_owner *out, struct err *err)
{
    struct agent_owner o = AGENT_OWNER_SELF;

    TRY(find_user(user, &o.who.uid, err));
    TRY(find_group(group, &o.who.gid, err));
    TRY(read_mode(mode, &o.key, err));
    o.declared = mode.n > 0;
    TRY(read_label(label, &o, err));
    *out = o;
    return RC_OK;
}

/* ---- whom a hook is to be */

static enum rc take_entry(const struct passwd *pw, struct agent_user *u, struct err *err)
{
    struct str name = str_of(pw->pw_name);
    int n = AGENT_GROUPS_MAX;

    u->uid = pw->pw_uid;
    u->gid = pw->pw_gid;
    if (str_copyz(str_of(pw->pw_dir), u->home, sizeof(u->home)) != RC_OK ||
        getgrouplist(pw->pw_name, pw->pw_gid, u->groups, &n) < 0)
        return ERR(err, RC_TOOBIG, msg_user_big, name);
    u->n_groups = (size_t)n;
    u->other = pw->pw_uid != geteuid();
    return u->other && geteuid() != 0 ? ERR(err, RC_DENIED, msg_not_become, name) : RC_OK;
}

enum rc agent_user_find(struct str user, struct agent_user *out, struct err *err)
{
    struct agent_user u = {};
    const struct passwd *pw;
    uint64_t number;

    if (user.n > 0) {
        pw = entry_of(user);
        if (!pw && str_u64(user, ID_MAX, &number) == RC_OK)
            /* cppcheck-suppress getpwuidCalled ; one thread */
            pw = getpwuid((uid_t)number); /* NOLINT(concurrency-mt-unsafe): one thread */
        if (!pw)
            return ERR(err, RC_NOTFOUND, msg_user, user);
        TRY(take_entry(pw, &u, err));
    }
    *out = u;
    return RC_OK;
}
