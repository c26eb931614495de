/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ca/head.h"
#include "conf/policy.h"
#include "sandbox/users.h"

MSG(msg_read, "backup.read", "{0}: {1}");
MSG(msg_name, "backup.name",
    "{0} in the data directory: its name has characters that no file of Autarky has, or is too "
    "long or too deep; move it elsewhere");
MSG(msg_owner, "backup.owner",
    "{0} in the data directory belongs to user {1}, who is none of Autarky's: give it to who owns "
    "the data directory, or move it elsewhere");
MSG(msg_much, "backup.much",
    "the data directory has more than {0} MiB beside the database and the copies of logs: move "
    "what is not Autarky's elsewhere");

enum {
    ENTRIES_MAX = PACK_ENTRIES_MAX,
    LEFT_OUT_MAX = 256 * 1024,
    /* Of the directory of one role, which may have gone bad: all of them together stay within what
     * a backup may have. A site of the gateway's has some ten entries. */
    ROLE_ENTRIES = 8000,
    ROLE_BYTES = 16 << 20,
    ROLE_SAID = 16, /* lines about what is left out of it */
};

void gather_init(struct gather *g)
{
    *g = (struct gather){};
    arena_init(&g->arena, GATHER_BYTES_MAX);
    buf_init(&g->left_out, LEFT_OUT_MAX);
}

void gather_done(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->v[i].content.n)
            explicit_bzero((char *)(uintptr_t)g->v[i].content.p, g->v[i].content.n);
    mem_free(g->v);
    arena_done(&g->arena);
    buf_done(&g->left_out);
    gather_init(g);
}

static enum rc failed(struct str path, struct err *err)
{
    return ERR(err, errno == ENOENT ? RC_AGAIN : RC_IO, msg_read, path,
               str_of(strerrordesc_np(errno)));
}

static enum rc too_much(struct err *err)
{
    return ERR(err, RC_TOOBIG, msg_much, STR("128"));
}

/* ---- one file or directory */

/* What there is still room for, of a directory that a role owns. */
struct room {
    bool of_role; /* otherwise nothing below counts */
    size_t entries, bytes;
    unsigned said;
};

struct walk {
    struct gather *g;
    uid_t uid; /* who owns DATA */
    uid_t users[SANDBOX_USERS];
    struct room room; /* of where we are */
    struct err *err;
};

/* Names are shown as they are only where they are plain: a role gives what names it likes. */
static void leave_out(struct walk *w, struct str path, const char *why)
{
    struct buf *out = &w->g->left_out;

    if (w->room.of_role && w->room.said++ >= ROLE_SAID) {
        if (w->room.said == ROLE_SAID + 1)
            buf_printf(out, "%.*s: and more that is there\n",
                       STR_ARG(str_head(path, str_find(path, '/'))));
        return;
    }
    for (size_t i = 0; i < path.n; i++)
        buf_u8(out, path.p[i] > 0x20 && path.p[i] < 0x7f ? (unsigned char)path.p[i] : '?');
    buf_printf(out, ": %s\n", why);
}

static bool is_role(const struct walk *w, const struct stat *st)
{
    return st->st_uid != 0 && st->st_uid != w->uid;
}

/* No role can have the database left out by what it puts beside it. */
static bool has_room(const struct walk *w, struct str path, size_t bytes)
{
    return !w->room.of_role || str_eq(path, STR(PACK_DATABASE)) ||
           (w->room.entries > 0 && w->room.bytes >= bytes);
}

static void use_room(struct walk *w, size_t entries, size_t bytes)
{
    w->room.entries -= entries < w->room.entries ? entries : w->room.entries;
    w->room.bytes -= bytes < w->room.bytes ? bytes : w->room.bytes;
}

static enum rc owner_of(const struct walk *w, struct str path, uid_t uid, struct str *out)
{
    char number[16];

    *out = STR("");
    if (uid == w->uid || uid == 0)
        return RC_OK;
    for (size_t i = 0; i < SANDBOX_USERS; i++)
        if (uid == w->users[i]) {
            *out = str_of(sandbox_users[i]);
            return RC_OK;
        }
    snprintf(number, sizeof(number), "%u", (unsigned)uid);
    return ERR(w->err, RC_DENIED, msg_owner, path, str_of(number));
}

static enum rc add(struct walk *w, struct str path, const struct stat *st, struct gather_file **out)
{
    struct gather *g = w->g;
    struct gather_file *f, *more;

    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 64;

        if (g->n == ENTRIES_MAX)
            return too_much(w->err);
        more = mem_realloc(g->v, cap * sizeof(*g->v));
        if (!more)
            return RC_NOMEM;
        g->v = more;
        g->cap = cap;
    }
    f = &g->v[g->n];
    *f = (struct gather_file){.entry = {.dir = S_ISDIR(st->st_mode), .mode = st->st_mode & 0755}};
    TRY(owner_of(w, path, st->st_uid, &f->entry.owner));
    TRY(arena_str(&g->arena, path, &f->entry.path));
    use_room(w, 1, 0);
    g->n++;
    *out = f;
    return RC_OK;
}

/* RC_TOOBIG: it is as no file of Autarky's; RC_QUOTA: all together are too much. */
static enum rc read_content(struct walk *w, int fd, struct gather_file *f)
{
    CLEANUP(buf_wipe) struct buf bytes = BUF_INIT(PACK_FILE_MAX + 1);
    ssize_t n = 1;

    while (n > 0) {
        char *p = buf_reserve(&bytes, 16 * 1024);

        if (!p)
            return buf_rc(&bytes);
        n = read(fd, p, 16 * 1024);
        if (n < 0)
            return failed(f->entry.path, w->err);
        buf_advance(&bytes, (size_t)n);
    }
    f->entry.size = buf_str(&bytes).n;
    if (f->entry.size > PACK_FILE_MAX)
        return RC_TOOBIG;
    use_room(w, 0, f->entry.size);
    return arena_str(&w->g->arena, buf_str(&bytes), &f->content) == RC_OK ? RC_OK : RC_QUOTA;
}

static const char too_full[] = "the directory has more than its role has any use for";

static enum rc take_file(struct walk *w, int fd, struct str path, const struct stat *st)
{
    bool database = str_eq(path, STR(PACK_DATABASE));
    enum rc rc = st->st_size > PACK_FILE_MAX && !database ? RC_TOOBIG : RC_OK;
    struct gather_file *f;

    if (rc == RC_OK && !has_room(w, path, database ? 0 : (size_t)st->st_size)) {
        leave_out(w, path, too_full);
        return RC_OK;
    }
    if (rc == RC_OK) {
        TRY(add(w, path, st, &f));
        rc = database ? RC_OK : read_content(w, fd, f);
        if (rc != RC_OK)
            w->g->n--;
    }
    if (rc == RC_TOOBIG) { /* it may have grown */
        leave_out(w, path, "it is larger than any file of Autarky's");
        return RC_OK;
    }
    return rc == RC_QUOTA ? too_much(w->err) : rc;
}

/* ---- directories */

static enum rc take_dir(struct walk *w, int fd, struct str path, unsigned depth);

/* A role owns its directory, and might put there what it may not read itself: nothing that another
 * one owns is taken from it. */
static bool foreign(const struct walk *w, const struct stat *dir, const struct stat *st)
{
    return is_role(w, dir) && st->st_uid != dir->st_uid;
}

/* A role stops no backup by what it has. */
static enum rc left_or(struct walk *w, struct str path, const char *why, enum rc rc)
{
    if (!w->room.of_role)
        return rc;
    leave_out(w, path, why);
    *w->err = ERR_INIT;
    return RC_OK;
}

/* Takes `fd`. NOLINTNEXTLINE(misc-no-recursion): PACK_DEPTH_MAX bounds it */
static enum rc take_below(struct walk *w, int fd, const struct stat *st, struct str path,
                          unsigned depth)
{
    const struct room before = w->room;
    enum rc rc;

    if (!before.of_role && is_role(w, st))
        w->room = (struct room){true, ROLE_ENTRIES, ROLE_BYTES, 0};
    rc = take_dir(w, fd, path, depth);
    if (!before.of_role)
        w->room = before;
    return rc;
}

/* By its name and kind, before it is opened; *out_skip: it is passed over. */
static enum rc judge(struct walk *w, const struct stat *above, const struct stat *st,
                     struct str path, unsigned depth, bool *out_skip)
{
    *out_skip = true;
    if (S_ISSOCK(st->st_mode))
        return RC_OK;
    if ((!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)) || foreign(w, above, st)) {
        leave_out(w, path, "it is no file, or not of who owns the directory");
        return RC_OK;
    }
    *out_skip = !pack_path_good(path) || depth > PACK_DEPTH_MAX;
    if (*out_skip)
        return left_or(w, path, "no file of Autarky's has such a name, or is so deep",
                       ERR(w->err, RC_INVAL, msg_name, path));
    return RC_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): PACK_DEPTH_MAX bounds it */
static enum rc take(struct walk *w, int dir, const struct stat *above, struct str path,
                    const char *name, unsigned depth)
{
    CLEANUP(fd_closep) int fd = -1;
    struct gather_file *ignored;
    struct stat st;
    bool skip;

    if (!has_room(w, path, 0))
        return left_or(w, path, too_full, RC_OK);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? RC_OK : failed(path, w->err);
    TRY(judge(w, above, &st, path, depth, &skip));
    if (skip)
        return RC_OK;
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return errno == ENOENT ? RC_OK
                               : left_or(w, path, "it cannot be read", failed(path, w->err));
    if (foreign(w, above, &st))
        return RC_OK; /* another one by now */
    if (S_ISREG(st.st_mode))
        return take_file(w, fd, path, &st);
    if (!S_ISDIR(st.st_mode))
        return RC_OK;
    TRY(add(w, path, &st, &ignored));
    return take_below(w, fd_move(&fd), &st, path, depth);
}

static enum rc take_names(struct walk *w, DIR *d, struct str path, unsigned depth)
{
    CLEANUP(buf_done) struct buf below = BUF_INIT(PATH_MAX);
    const struct dirent *e;
    struct stat above;

    if (fstat(dirfd(d), &above) != 0)
        return failed(path, w->err);
    while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        buf_reset(&below);
        buf_printf(&below, "%.*s%s%s", STR_ARG(path), path.n ? "/" : "", e->d_name);
        TRY(buf_rc(&below));
        if (!pack_path_useless(buf_str(&below)))
            TRY(take(w, dirfd(d), &above, buf_str(&below), e->d_name, depth + 1));
    }
    return RC_OK;
}

/* Takes `fd`. NOLINTNEXTLINE(misc-no-recursion): PACK_DEPTH_MAX bounds it */
static enum rc take_dir(struct walk *w, int fd, struct str path, unsigned depth)
{
    DIR *d = fdopendir(fd);
    enum rc rc;

    if (!d) {
        fd_close(&fd);
        return failed(path, w->err);
    }
    rc = take_names(w, d, path, depth);
    closedir(d);
    return rc;
}

/* ---- all of it */

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct gather_file *)a)->entry.path,
                   ((const struct gather_file *)b)->entry.path);
}

/* In place of what DATA has of that name: it is what the server reads. */
static enum rc take_config(struct walk *w, const char *config)
{
    CLEANUP(fd_closep) int fd = open(config, O_RDONLY | O_CLOEXEC);
    enum rc rc = RC_NOTFOUND;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return failed(str_of(config), w->err);
    for (size_t i = 0; i < w->g->n; i++)
        if (str_eq(w->g->v[i].entry.path, STR("autarky.yaml")))
            rc = read_content(w, fd, &w->g->v[i]);
    if (rc != RC_NOTFOUND)
        return rc == RC_TOOBIG || rc == RC_QUOTA ? too_much(w->err) : rc;
    return take_file(w, fd, STR("autarky.yaml"), &st);
}

enum rc gather_read(struct gather *g, int data, const char *config, struct err *err)
{
    struct err own = ERR_INIT;
    struct walk w = {.g = g, .err = err ? err : &own};
    struct stat st;
    int fd = openat(data, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return failed(STR("the data directory"), err);
    if (fstat(fd, &st) != 0) {
        fd_close(&fd);
        return failed(STR("the data directory"), err);
    }
    w.uid = st.st_uid;
    for (size_t i = 0; i < SANDBOX_USERS; i++) {
        gid_t gid;

        if (sandbox_user_find(sandbox_users[i], &w.users[i], &gid, NULL) != RC_OK)
            w.users[i] = (uid_t)-1;
    }
    TRY(take_dir(&w, fd, STR(""), 0));
    if (config)
        TRY(take_config(&w, config));
    TRY(buf_rc(&g->left_out));
    if (g->n)
        qsort(g->v, g->n, sizeof(*g->v), by_path);
    return RC_OK;
}

static bool matters(struct str path)
{
    return (str_starts(path, STR("ca/")) && !str_eq(path, STR(CA_HEAD_FILE))) ||
           str_starts(path, STR("trust/")) || str_starts(path, STR("root/")) ||
           str_eq(path, STR(CONF_POLICY_ACCEPTED));
}

static size_t next_that_matters(const struct gather *g, size_t i)
{
    while (i < g->n && !matters(g->v[i].entry.path))
        i++;
    return i;
}

struct str gather_differ(const struct gather *a, const struct gather *b)
{
    size_t i = next_that_matters(a, 0), j = next_that_matters(b, 0);

    while (i < a->n && j < b->n) {
        const struct gather_file *x = &a->v[i], *y = &b->v[j];

        if (!str_eq(x->entry.path, y->entry.path) || !str_eq(x->content, y->content))
            return x->entry.path;
        i = next_that_matters(a, i + 1);
        j = next_that_matters(b, j + 1);
    }
    return i < a->n ? a->v[i].entry.path : j < b->n ? b->v[j].entry.path : STR("");
}

const struct gather_file *gather_find(const struct gather *g, const char *path)
{
    for (size_t i = 0; i < g->n; i++)
        if (str_eq(g->v[i].entry.path, str_of(path)))
            return &g->v[i];
    return NULL;
}
