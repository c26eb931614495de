/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, written so that a reader or a crash sees the old or the new content, never a part:
 * temporary file in the same directory, fsync, rename, fsync of the directory. Paths are relative
 * to an open directory (AT_FDCWD for none) and are never followed through a symbolic link at their
 * last step. A write that fails removes its temporary file; a crash may leave one, its name starts
 * with FILE_TEMP_PREFIX. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#define FILE_TEMP_PREFIX ".tmp-"

/* Owner of what is written: (uid_t)-1 keeps the caller's. */
struct file_owner {
    uid_t uid;
    gid_t gid;
};
#define FILE_OWNER_SELF ((struct file_owner){(uid_t)-1, (gid_t)-1})

/* Appends the content to `out`, whose limit holds. RC_NOTFOUND, RC_TOOBIG, RC_INVAL when it is no
 * regular file, RC_IO. A failure leaves the content of `out` as it was. */
enum rc file_read(int dir, const char *path, struct buf *out, struct err *err);
/* The same into a new secret; `max` bytes at most (and SECRET_MAX). RC_INVAL also when the file is
 * empty. */
enum rc file_read_secret(int dir, const char *path, size_t max, struct secret **out,
                         struct err *err);
/* Replaces or creates. RC_NOTFOUND when there is no such directory, RC_INVAL when `path` is
 * something else than a regular file; RC_IO, when only the last fsync failed, leaves the new
 * content in place. */
enum rc file_write(int dir, const char *path, struct str content, mode_t mode,
                   struct file_owner owner, struct err *err);
/* As file_write, but RC_EXISTS when the path exists; atomic too (link(2)). */
enum rc file_create(int dir, const char *path, struct str content, mode_t mode,
                    struct file_owner owner, struct err *err);
/* Makes a directory; one that exists gets owner and mode set when it is empty or already right,
 * else RC_EXISTS. With FILE_OWNER_SELF one that another user owns is not right; any group is. */
enum rc file_mkdir(int dir, const char *path, mode_t mode, struct file_owner owner,
                   struct err *err);
/* Gives a directory or regular file of that owner the mode it should have; *out_old is the one it
 * had, perhaps the same. For what a process less trusted than the caller owns and may have changed:
 * the owner is looked at and the mode set on one and the same object. RC_NOTFOUND, RC_DENIED when
 * another owns it, RC_INVAL when it is something else or has other names, RC_IO. */
enum rc file_mend(int dir, const char *path, mode_t mode, struct file_owner owner, mode_t *out_old);
/* Removes what is there: a file, a link, or a directory and all below it, which stays within
 * `path` whoever else may write there: no link is followed. RC_OK when there is nothing; RC_TOOBIG
 * for more than FILE_TREE_DEPTH directories in one another, RC_IO. */
enum rc file_remove_tree(int dir, const char *path, struct err *err);
enum { FILE_TREE_DEPTH = 32 };
/* fsync of a directory by path. */
enum rc file_sync_dir(int dir, const char *path, struct err *err);
/* Writes all of it to an open descriptor; false with errno when that failed. */
bool file_put_all(int fd, struct str content);

/* ---- several files that are exchanged as a whole: what a crash between two steps leaves */

#ifdef AUTARKY_TEST_HOOKS
/* Before each step of such an exchange: RC_CANCELLED when it, and all behind it, are not to happen,
 * as if the process had been killed before it. */
enum rc file_step(void);
/* The n-th step from now on; 0: none. */
void file_kill_at(unsigned n);
#else
static inline enum rc file_step(void)
{
    return RC_OK;
}
static inline void file_kill_at(unsigned)
{
}
#endif
