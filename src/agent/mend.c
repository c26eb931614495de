/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read the key, as it was declared: others may have changed it since. */
#include "agent/mend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

MSG(msg_failed, "agent.mend-failed", "{0}/privkey.pem cannot be given its owner and mode: {1}");

#define KEY AGENT_HOME "/live/privkey.pem"

/* Without a declared mode a group may have been let in by a hook, by an ACL too, whose mask these
 * bits are: only what no key may have is taken away. */
static mode_t mode_of(const struct agent_owner *o, mode_t is)
{
    return o->declared ? o->key : is & (S_IRUSR | S_IWUSR | S_IRGRP);
}

static bool fits(const struct agent_owner *o, const struct stat *st)
{
    return (o->who.uid == (uid_t)-1 || st->st_uid == o->who.uid) &&
           (o->who.gid == (gid_t)-1 || st->st_gid == o->who.gid) &&
           (st->st_mode & 07777) == mode_of(o, st->st_mode & 07777);
}

bool agent_mend_needed(const struct agent_place *p, char out[static AGENT_MEND_TEXT])
{
    struct stat st;

    if (p->live == 0 || fstatat(p->dir, KEY, &st, AT_SYMLINK_NOFOLLOW) != 0 || fits(&p->owner, &st))
        return false;
    snprintf(out, AGENT_MEND_TEXT, "privkey.pem is of user %u, group %u, with mode %04o",
             (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)(st.st_mode & 07777));
    return true;
}

/* The owner first: the mode is meant for the new group, not for the one before. */
enum rc agent_mend(const struct agent_place *p, struct err *err)
{
    CLEANUP(fd_closep) int fd = openat(p->dir, KEY, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && fchown(fd, p->owner.who.uid, p->owner.who.gid) == 0 &&
        fchmod(fd, mode_of(&p->owner, st.st_mode & 07777)) == 0)
        return RC_OK;
    return ERR(err, errno == EPERM || errno == EACCES ? RC_DENIED : RC_IO, msg_failed,
               str_of(p->path), str_of(strerrordesc_np(errno)));
}

void agent_mend_look(const struct agent_world *w, const struct agent_place *p)
{
    char is[AGENT_MEND_TEXT];
    struct err err = ERR_INIT;

    if (!agent_mend_needed(p, is))
        return;
    err.rc = agent_mend(p, &err);
    if (err.rc == RC_OK)
        agent_say(w, true, "%s: %s; it is as declared again", p->path, is);
    else
        agent_say_err(w, is, &err);
}
