/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/owner.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

MSG(msg_user, "agent.no-user", "there is no user \"{0}\" on this machine");
MSG(msg_group, "agent.no-group", "there is no group \"{0}\" on this machine");
MSG(msg_mode, "agent.key-mode",
    "the mode \"{0}\" is none for a key: four octal digits as in 0600 or 0640, read (and write) "
    "for its owner, read for its group, nothing for others");
MSG(msg_not_root, "agent.owner-not-root",
    "only root gives files to another user, {0}: run this as root or as that user");

enum { NAME_BYTES = 64, ID_MAX = INT32_MAX };

static enum rc find_user(struct str user, uid_t *out, struct err *err)
{
    char name[NAME_BYTES];
    const struct passwd *pw = NULL;
    uint64_t number;

    if (user.n == 0)
        return RC_OK;
    if (str_copyz(user, name, sizeof(name)) == RC_OK)
        /* cppcheck-suppress getpwnamCalled ; one thread */
        pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): one thread */
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

enum rc agent_owner_find(struct str user, struct str group, struct str mode,
                         struct agent_owner *out, struct err *err)
{
    struct agent_owner o = AGENT_OWNER_SELF;

    TRY(find_user(user, &o.who.uid, err));
    TRY(find_group(group, &o.who.gid, err));
    TRY(read_mode(mode, &o.key, err));
    *out = o;
    return RC_OK;
}
