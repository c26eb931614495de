/* SPDX-License-Identifier: Apache-2.0 */
/* The system users that roles run as: one per role, so that one role can neither signal nor trace
 * another, nor open its files. Made by `autarky init` when run as root; looked up by each role
 * before it confines itself. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

enum { SANDBOX_USERS = 11 };

/* "autarky-front", "-core", "-signer", "-prober", "-gateway", "-keeper", "-runner", "-courier",
 * "-txt", "-emissary". */
extern const char *const sandbox_users[SANDBOX_USERS];

/* RC_NOTFOUND, with the command that makes it, when there is no such user; RC_DENIED when it is
 * root by another name. */
enum rc sandbox_user_find(const char *name, uid_t *out_uid, gid_t *out_gid, struct err *err);

/* Makes the user and a group of the same name, without home, shell or password, by useradd(8);
 * nothing when it exists. `prefix` is a directory with an etc/ of its own, for images and tests;
 * NULL: this system. Waits for the program. RC_DENIED when not root. */
enum rc sandbox_user_create(const char *name, const char *prefix, struct err *err);
