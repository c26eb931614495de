/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "ev/clock.h"
#include "survey/scan_int.h"

enum {
    LINES_MAX = 256 * 1024 * 1024,
    AWAY_LINES_MAX = LINES_MAX / 4, /* that wait for a server that is away */
    MODE = 0600,
    DIRECTORY_MODE = 0700,
    DIGEST = 32,
};

MSG(msg_open, "cmd.scan-open", "cannot write {0}: {1}");
MSG(msg_data, "cmd.scan-data", "{0} is no data directory: {1}");
MSG(msg_exists, "cmd.scan-exists",
    "{0} is there already, and is no unfinished scan: name another file, or remove it");
MSG(msg_other, "cmd.scan-other",
    "{0} holds an unfinished scan of other targets, ports or settings: finish that one with what "
    "it "
    "was begun with, name another file, or remove it and {0}.state");
MSG(msg_busy, "cmd.scan-busy", "another scan is writing {0}");
MSG(msg_short, "cmd.scan-short",
    "{0} is shorter than the scan that it belongs to wrote: remove it and {0}.state, and begin "
    "anew");

void scan_out_init(struct scan_out *o)
{
    *o = (struct scan_out){.fd = -1};
    buf_init(&o->lines, LINES_MAX);
}

void scan_out_done(struct scan_out *o)
{
    fd_close(&o->fd);
    buf_done(&o->lines);
}

static enum rc failed(const struct scan_out *o, struct err *err)
{
    return ERR(err, RC_IO, msg_open, str_of(o->path), str_of(strerrordesc_np(errno)));
}

static enum rc open_file(struct scan_out *o, struct err *err)
{
    o->fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, MODE);
    if (o->fd < 0)
        return failed(o, err);
    if (flock(o->fd, LOCK_EX | LOCK_NB) != 0)
        return ERR(err, RC_CONFLICT, msg_busy, str_of(o->path));
    return RC_OK;
}

/* What was written behind the last state is of endpoints that are looked at once more. */
static enum rc go_back(struct scan_out *o, uint64_t size, struct err *err)
{
    if (size < o->saved.bytes)
        return ERR(err, RC_CORRUPT, msg_short, str_of(o->path));
    if (ftruncate(o->fd, (off_t)o->saved.bytes) != 0)
        return failed(o, err);
    o->resumed = true;
    return RC_OK;
}

static enum rc begin(struct scan_out *o, const char *path,
                     const unsigned char digest[static DIGEST], struct err *err)
{
    struct stat st;
    enum rc rc;

    if (strlen(path) + sizeof(".state") > sizeof(o->path))
        return RC_TOOBIG;
    snprintf(o->path, sizeof(o->path), "%s", path);
    snprintf(o->state, sizeof(o->state), "%s.state", path);
    TRY(open_file(o, err));
    if (fstat(o->fd, &st) != 0)
        return failed(o, err);
    rc = scan_state_load(AT_FDCWD, o->state, &o->saved, err);
    if (rc == RC_NOTFOUND && st.st_size)
        return ERR(err, RC_EXISTS, msg_exists, str_of(o->path));
    if (rc == RC_OK && memcmp(o->saved.digest, digest, sizeof(o->saved.digest)) != 0)
        return ERR(err, RC_EXISTS, msg_other, str_of(o->path));
    if (rc == RC_OK)
        return go_back(o, (uint64_t)st.st_size, err);
    if (rc != RC_NOTFOUND)
        return rc;
    memcpy(o->saved.digest, digest, sizeof(o->saved.digest));
    return RC_OK;
}

enum rc scan_out_open(struct scan_out *o, const char *path,
                      const unsigned char digest[static DIGEST], struct err *err)
{
    return begin(o, path, digest, err);
}

/* DATA/scans belongs to whom DATA belongs to. */
static enum rc make_directory(const char *data, const char *path, struct err *err)
{
    struct stat st;
    enum rc rc;

    if (stat(data, &st) != 0)
        return ERR(err, RC_INVAL, msg_data, str_of(data), str_of(strerrordesc_np(errno)));
    rc = file_mkdir(AT_FDCWD, path, DIRECTORY_MODE,
                    geteuid() ? FILE_OWNER_SELF : (struct file_owner){st.st_uid, st.st_gid}, err);
    return rc == RC_EXISTS ? RC_OK : rc; /* whether it can be written shows now */
}

enum rc scan_out_server(struct scan_out *o, const char *data,
                        const unsigned char digest[static DIGEST], struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(SCAN_PATH_MAX);

    o->data = data;
    TRY(inventory_deliver(data, o->quick, &o->lines, err));
    buf_printf(&path, "%s/scans", data);
    TRY(buf_rc(&path));
    TRY(make_directory(data, buf_z(&path), err));
    buf_putz(&path, "/");
    text_hex(&path, str_bytes(digest, DIGEST));
    TRY(buf_rc(&path));
    return begin(o, buf_z(&path), digest, err);
}

/* ---- a server that is away */

static bool is_away(enum rc rc)
{
    return rc == RC_NOTFOUND || rc == RC_NET || rc == RC_CLOSED || rc == RC_TIMEOUT ||
           rc == RC_AGAIN;
}

/* RC_AGAIN: it does not answer, and it is not too long yet. */
static enum rc tell_server(struct scan_out *o, struct err *err)
{
    struct err why = ERR_INIT;
    enum rc rc = inventory_deliver(o->data, o->quick, &o->lines, &why);
    int64_t now = clock_mono(clock_system());

    if (rc == RC_OK) {
        o->away = 0;
        return rc;
    }
    if (is_away(rc) && !o->away) {
        o->away = now;
        cmd_fail(&why);
        fprintf(stderr, "autarky: what is found waits for the server\n");
    }
    if (is_away(rc) && now - o->away < SCAN_AWAY_MINUTES * WHEN_MINUTE &&
        o->lines.n < AWAY_LINES_MAX)
        return RC_AGAIN;
    *err = why;
    return rc == RC_AGAIN ? RC_TIMEOUT : rc;
}

static enum rc write_lines(struct scan_out *o, struct err *err)
{
    TRY(buf_rc(&o->lines));
    if (o->data)
        return tell_server(o, err);
    if (o->lines.n && (!file_put_all(o->fd, buf_str(&o->lines)) || fdatasync(o->fd) != 0))
        return failed(o, err);
    o->saved.bytes += o->lines.n;
    buf_reset(&o->lines);
    return RC_OK;
}

enum rc scan_out_save(struct scan_out *o, const struct scan *s, struct err *err)
{
    enum rc rc = write_lines(o, err);

    if (rc == RC_AGAIN)
        return RC_OK;
    TRY(rc);
    o->saved.low = scan_position(s, o->saved.more, &o->saved.n_more);
    return scan_state_save(AT_FDCWD, o->state, &o->saved, err);
}

enum rc scan_out_finish(struct scan_out *o, struct err *err)
{
    enum rc rc;

    while ((rc = write_lines(o, err)) == RC_AGAIN)
        sleep(SCAN_SAVE_SECONDS);
    TRY(rc);
    if (o->data && unlink(o->path) != 0)
        return failed(o, err);
    return unlink(o->state) == 0 || errno == ENOENT ? RC_OK : failed(o, err);
}
