/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the files of a certificate are, and as whom hooks are executed: users and groups by name,
 * as the administrator gave them; and the label of files where SELinux says who may read them. */
#pragma once

#include "base/err.h"
#include "base/file.h"

enum {
    AGENT_LABEL_MAX = 255,
    AGENT_GROUPS_MAX = 256, /* of one user */
    AGENT_HOME_MAX = 256,
};

struct agent_owner {
    struct file_owner who;           /* of all files of a set; -1: as they are made */
    mode_t key;                      /* of privkey.pem; the others are 0644 */
    bool declared;                   /* that mode is, and not the usual one */
    char label[AGENT_LABEL_MAX + 1]; /* of SELinux; "": what their place gives them */
};
#define AGENT_OWNER_SELF ((struct agent_owner){.who = FILE_OWNER_SELF, .key = 0600})

/* Texts may be empty: as AGENT_OWNER_SELF. Users and groups by name or number, the mode in octal:
 * the owner may read, and nobody but the group besides. The label is USER:ROLE:TYPE, :LEVEL behind
 * it or not; whether there is such a one the kernel says when it is set. RC_NOTFOUND: no such user
 * or group; RC_INVAL: no such mode or label; RC_DENIED: only root gives files away. */
enum rc agent_owner_find(struct str user, struct str group, struct str mode, struct str label,
                         struct agent_owner *out, struct err *err);
/* Gives a file or directory the label, if there is one; `shown` is its name for messages. RC_DENIED
 * or RC_UNSUPPORTED, and why the kernel refuses. */
enum rc agent_owner_label(const struct agent_owner *o, int fd, const char *shown, struct err *err);

/* Another user, with all groups that are his: whom a hook is to be. */
struct agent_user {
    bool other; /* false: nobody else than who runs this */
    uid_t uid;
    gid_t gid;
    gid_t groups[AGENT_GROUPS_MAX]; /* `gid` among them */
    size_t n_groups;
    char home[AGENT_HOME_MAX];
};

/* By name or number; empty, and oneself: nobody else. RC_NOTFOUND: no such user; RC_DENIED: only
 * root becomes another one; RC_TOOBIG: more groups than AGENT_GROUPS_MAX, or a longer home. */
enum rc agent_user_find(struct str user, struct agent_user *out, struct err *err);
