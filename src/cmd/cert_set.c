/* SPDX-License-Identifier: Apache-2.0 */
/* Files that belong together, a key and its certificate, put in the place of others as one. All are
 * written under other names first, where a full disk ends it and nothing has changed; a mark says
 * that they are whole; then they only change their names, which whoever comes next finishes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/cert_int.h"

#define MARK ".autarky-new"
#define STAGED MARK "-"

enum { NAME_BYTES = 256, MARK_MODE = 0600 };

MSG(msg_name, "cmd.cert-set-name", "{0} cannot be put in its place: {1}");
MSG(msg_exists, "cmd.cert-set-exists", "{0} has appeared meanwhile; --force overwrites it");
MSG(msg_look, "cmd.cert-set-look", "the directory cannot be read: {0}");

static enum rc fail_name(const char *name, struct err *err)
{
    return ERR(err, RC_IO, msg_name, str_of(name), str_of(strerror(errno)));
}

enum rc cert_set_stage(const struct cert_out *o, const char *name, struct str content, mode_t mode,
                       struct err *err)
{
    char staged[NAME_BYTES];

    (void)snprintf(staged, sizeof(staged), STAGED "%s", name);
    return file_create(o->dir, staged, content, mode, o->owner, err);
}

/* Without `replace` one that is there stays. After a crash both names may be there. */
static enum rc put_name(int dir, const char *staged, const char *name, bool replace,
                        struct err *err)
{
    if (replace ? renameat(dir, staged, dir, name) != 0 : linkat(dir, staged, dir, name, 0) != 0)
        return errno == EEXIST ? ERR(err, RC_EXISTS, msg_exists, str_of(name))
                               : fail_name(name, err);
    if (unlinkat(dir, staged, 0) != 0 && errno != ENOENT)
        return fail_name(name, err);
    return RC_OK;
}

enum rc cert_set_commit(const struct cert_out *o, struct err *err)
{
    enum rc rc;

    TRY(file_create(o->dir, MARK, STR(""), MARK_MODE, o->owner, err));
    for (size_t i = 0; i < o->n; i++) {
        char staged[NAME_BYTES];

        (void)snprintf(staged, sizeof(staged), STAGED "%s", o->names[i]);
        rc = put_name(o->dir, staged, o->names[i], o->force, err);
        if (rc == RC_EXISTS)
            (void)unlinkat(o->dir, MARK, 0); /* somebody else's: not to be finished */
        TRY(rc);
    }
    TRY(file_sync_dir(o->dir, ".", err));
    return unlinkat(o->dir, MARK, 0) == 0 ? file_sync_dir(o->dir, ".", err) : fail_name(MARK, err);
}

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

enum rc cert_set_recover(int dir, struct err *err)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
    bool whole = faccessat(dir, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (!d) {
        fd_close(&fd);
        return ERR(err, RC_IO, msg_look, str_of(strerror(errno)));
    }
    for (const struct dirent *e; (e = readdir(d));) {
        if (!str_starts(str_of(e->d_name), STR(STAGED)))
            continue;
        if (whole)
            TRY(put_name(dir, e->d_name, e->d_name + strlen(STAGED), true, err));
        else if (unlinkat(dir, e->d_name, 0) != 0)
            return fail_name(e->d_name, err);
    }
    if (!whole)
        return RC_OK;
    TRY(file_sync_dir(dir, ".", err));
    return unlinkat(dir, MARK, 0) == 0 ? RC_OK : fail_name(MARK, err);
}
