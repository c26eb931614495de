/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to one DATA but does not lie in it, or may be held by one process only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/map.h"
#include "log/log.h"
#include "net/net.h"
#include "serve/serve_int.h"

enum { DIR_BYTES = 256, LOCK_BYTES = 16 };

MSG(msg_run_dir, "serve.run-directory", "the directory {0} for the control socket: {1}");
MSG(msg_run_dir_other, "serve.run-directory-foreign",
    "the directory {0} for the control socket belongs to somebody else or is open to others; "
    "remove it, or set XDG_RUNTIME_DIR to a directory of your own");
MSG(msg_lock, "serve.lock", "{0}/serve.lock: {1}");
MSG(msg_locked, "serve.locked",
    "another `autarky serve`, process {1}, serves {0} already; to end it: kill {1}");

/* One of ours, for us alone; /tmp belongs to everybody, so what is there already is looked at. */
static enum rc make_dir(const char *path, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return RC_OK;
    if (errno != EEXIST || lstat(path, &st) != 0)
        return ERR(err, RC_IO, msg_run_dir, str_of(path), str_of(strerrordesc_np(errno)));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return ERR(err, RC_DENIED, msg_run_dir_other, str_of(path));
    return RC_OK;
}

/* `dir` gets the run directory of this DATA; its parent is made too where it is ours. */
static enum rc run_dir(const char *data, bool make, char dir[static DIR_BYTES], struct err *err)
{
    static const unsigned char key[16] =
        "autarky control"; /* a name, no secret: both sides compute it */
    unsigned long long hash = map_siphash(key, str_of(data));
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0) {
        if (make)
            TRY(make_dir("/run/autarky", err));
        n = snprintf(dir, DIR_BYTES, "/run/autarky/%016llx", hash);
    } else if (xdg && xdg[0] == '/') {
        n = snprintf(dir, DIR_BYTES, "%s/autarky-%016llx", xdg, hash);
    } else {
        n = snprintf(dir, DIR_BYTES, "/tmp/autarky-%u-%016llx", (unsigned)geteuid(), hash);
    }
    if (n < 0 || n >= DIR_BYTES)
        return ERR(err, RC_TOOBIG, msg_run_dir, str_of(xdg), str_of(strerrordesc_np(ENAMETOOLONG)));
    return make ? make_dir(dir, err) : RC_OK;
}

enum rc serve_control_path(const char *data, bool make, struct buf *out, struct err *err)
{
    static const char name[] = "/control.sock";
    char dir[DIR_BYTES];

    if (strlen(data) + sizeof(name) - 1 <= NET_UNIX_PATH_MAX) {
        buf_printf(out, "%s%s", data, name);
        return buf_rc(out);
    }
    TRY(run_dir(data, make, dir, err));
    buf_printf(out, "%s%s", dir, name);
    return buf_rc(out);
}

enum rc serve_lock(int data, const char *data_name, int *out_fd, struct err *err)
{
    CLEANUP(fd_closep)
    int fd = openat(data, "serve.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    char pid[LOCK_BYTES] = "";
    ssize_t n;

    if (fd < 0)
        return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
        n = pread(fd, pid, sizeof(pid) - 1, 0);
        return ERR(err, RC_CONFLICT, msg_locked, str_of(data_name),
                   str_trim(str_bytes(pid, n > 0 ? (size_t)n : 0)));
    }
    snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
        return ERR(err, RC_IO, msg_lock, str_of(data_name), str_of(strerrordesc_np(errno)));
    *out_fd = fd_move(&fd);
    return RC_OK;
}

/* Locked by the backup under way, as backup/make.h has it. */
void serve_sweep(int data)
{
    static const char scratch[] = FILE_TEMP_PREFIX "backup";
    CLEANUP(fd_closep)
    int fd = openat(data, scratch, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct err err = ERR_INIT;

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        file_remove_tree(data, scratch, &err) != RC_OK)
        log_warn("serve.backup-left", LOG_ERR(&err));
}
