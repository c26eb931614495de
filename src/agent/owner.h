/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the files of a certificate are: users and groups by name, as the administrator gave them.
 */
#pragma once

#include "base/err.h"
#include "base/file.h"

struct agent_owner {
    struct file_owner who; /* of all files of a set; -1: as they are made */
    mode_t key;            /* of privkey.pem; the others are 0644 */
};
#define AGENT_OWNER_SELF ((struct agent_owner){FILE_OWNER_SELF, 0600})

/* Texts may be empty: as AGENT_OWNER_SELF. Users and groups by name or number, the mode in octal:
 * the owner may read, and nobody but the group besides. RC_NOTFOUND: no such user or group;
 * RC_INVAL: no such mode; RC_DENIED: only root gives files away. */
enum rc agent_owner_find(struct str user, struct str group, struct str mode,
                         struct agent_owner *out, struct err *err);
