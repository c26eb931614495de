/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are executed because the configuration names them. Whoever may write to one, or to
 * a directory or a symbolic link on the way to it, could have his own executed in its place. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

enum { OWNED_LINKS_MAX = 16, OWNED_PATH_MAX = 4096 };

/* Whether nobody but root, and `self` (0: nobody besides), can put another program there: the file,
 * each directory and each symbolic link on the way belong to one of the two, and nobody else may
 * write to them, with the exception of root's group. In a directory with the sticky bit other
 * directories are good, for nobody can replace them there.
 *
 * RC_INVAL: no absolute path, or no program (a directory, a file that nobody may execute);
 * RC_NOTFOUND; RC_DENIED: somebody else can; RC_TOOBIG: OWNED_LINKS_MAX or OWNED_PATH_MAX; RC_IO.
 * `err` names the step that is wrong, and the command that mends it. */
enum rc owned_program(struct str path, uid_t self, struct err *err);
/* Whether nobody else can decide what is written where that path leads: as owned_program, for the
 * directories and links on the way. The file itself, which is replaced, may be anybody's, or
 * missing. */
enum rc owned_place(struct str path, uid_t self, struct err *err);
/* The same of a file that a program of ours has a shell read: nobody needs to be able to execute
 * it. */
enum rc owned_script(struct str path, uid_t self, struct err *err);
