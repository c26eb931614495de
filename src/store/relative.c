/* SPDX-License-Identifier: Apache-2.0 */
/* The system's VFS of SQLite, but for one thing: a relative path stays relative. SQLite would put the working directory in
 * front, whose parents the process may not be allowed to search: core runs as a user of its own, in a data directory that
 * it was given, wherever that is (below /root, for instance). The working directory must then not change. */
#include <string.h>

#include "store/sql_int.h"

static sqlite3_vfs *system_vfs;

static int full_path(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
    size_t n = name ? strlen(name) : 0;

    if (n == 0 || name[0] == '/')
        return system_vfs->xFullPathname(vfs, name, cap, out);
    if (n >= (size_t)cap)
        return SQLITE_CANTOPEN;
    memcpy(out, name, n + 1);
    return SQLITE_OK;
}

int sql_relative_vfs(void)
{
    static sqlite3_vfs vfs;

    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return SQLITE_ERROR;
    vfs = *system_vfs;
    vfs.pNext = NULL;
    vfs.zName = SQL_RELATIVE_VFS;
    vfs.xFullPathname = full_path;
    return sqlite3_vfs_register(&vfs, 0);
}
