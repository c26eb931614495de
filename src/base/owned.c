/* SPDX-License-Identifier: Apache-2.0 */
#include "base/owned.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

MSG(msg_relative, "base.program-relative",
    "the program \"{0}\" has to be an absolute path, as in /usr/local/sbin/page");
MSG(msg_missing, "base.program-missing", "there is no program {0}: {1} cannot be looked at: {2}");
MSG(msg_long, "base.program-path", "the path {0} is too long, or has too many links");
MSG(msg_owner, "base.program-owner",
    "the program {0} could be replaced by another one: {1} belongs to user {2}; mend it: chown "
    "root:root {1}");
MSG(msg_mode, "base.program-mode",
    "the program {0} could be replaced by another one: {1} can be written to by others than root; "
    "mend it: chmod go-w {1}");
MSG(msg_kind, "base.program-kind", "{0} is no file that can be executed; mend it: chmod 0755 {0}");
MSG(msg_no_file, "base.script-kind", "{0} is no file");

MSG(msg_place_relative, "base.place-relative", "the file \"{0}\" has to be an absolute path");
MSG(msg_place_missing, "base.place-missing",
    "there is no place for the file {0}: {1} cannot be looked at: {2}");
MSG(msg_place_owner, "base.place-owner",
    "the file {0} could be led elsewhere: {1} belongs to user {2}; choose a directory of root's, "
    "or "
    "chown root:root {1}");
MSG(msg_place_mode, "base.place-mode",
    "the file {0} could be led elsewhere: {1} can be written to by others than root; mend it: "
    "chmod go-w {1}");
MSG(msg_place_kind, "base.place-kind", "{0} is a directory, and it should be a file");

enum { NUMBER_BYTES = 16 };

/* What is walked to. */
static const struct kind {
    const struct msg *relative, *missing, *owner, *mode;
    bool place; /* the file itself does not matter */
} program_kind = {&msg_relative, &msg_missing, &msg_owner, &msg_mode, false},
  place_kind = {&msg_place_relative, &msg_place_missing, &msg_place_owner, &msg_place_mode, true};

struct walk {
    const struct kind *kind;
    struct str path; /* as it was given */
    uid_t self;
    char at[OWNED_PATH_MAX]; /* what was looked at; "" is the root directory */
    size_t n;
    char rest[OWNED_PATH_MAX]; /* what is still to be walked */
    unsigned links;
    bool loose; /* others may add to the directory that was looked at last */
    struct stat st;
};

static struct str here(const struct walk *w)
{
    return w->n ? str_bytes(w->at, w->n) : STR("/");
}

/* A file that is replaced does not. */
static bool matters(const struct walk *w)
{
    return !w->kind->place || S_ISDIR(w->st.st_mode) || S_ISLNK(w->st.st_mode);
}

/* Somebody may have put another name of a file there, which is not his, or a file of his own; the
 * sticky bit keeps him from neither. */
static enum rc deny_loose(struct walk *w, struct err *err)
{
    while (w->n && w->at[w->n - 1] != '/')
        w->n--;
    w->n -= w->n > 1;
    return ERR(err, RC_DENIED, *w->kind->mode, w->path, here(w));
}

static enum rc judge(struct walk *w, struct err *err)
{
    char uid[NUMBER_BYTES];
    bool group = w->st.st_mode & S_IWGRP && w->st.st_gid != 0;
    bool writable = (group || w->st.st_mode & S_IWOTH) && !S_ISLNK(w->st.st_mode);
    bool sticky = S_ISDIR(w->st.st_mode) && w->st.st_mode & S_ISVTX;

    if (w->loose && !S_ISDIR(w->st.st_mode))
        return deny_loose(w, err);
    if (!matters(w))
        return RC_OK;
    snprintf(uid, sizeof(uid), "%lu", (unsigned long)w->st.st_uid);
    if (w->st.st_uid != 0 && w->st.st_uid != w->self)
        return ERR(err, RC_DENIED, *w->kind->owner, w->path, here(w), str_of(uid));
    if (writable && !sticky)
        return ERR(err, RC_DENIED, *w->kind->mode, w->path, here(w));
    w->loose = writable;
    return RC_OK;
}

/* The link's target takes its place. */
static enum rc follow(struct walk *w, struct err *err)
{
    char target[OWNED_PATH_MAX];
    ssize_t n = readlink(w->at, target, sizeof(target));
    size_t rest = strlen(w->rest);

    if (n <= 0)
        return ERR(err, RC_IO, *w->kind->missing, w->path, here(w), str_of(strerrordesc_np(errno)));
    if (++w->links > OWNED_LINKS_MAX || (size_t)n + rest + 2 > sizeof(w->rest))
        return ERR(err, RC_TOOBIG, msg_long, w->path);
    memmove(w->rest + n + 1, w->rest, rest + 1);
    memcpy(w->rest, target, (size_t)n);
    w->rest[n] = '/';
    while (w->n && w->at[--w->n] != '/')
        ;
    if (target[0] == '/')
        w->n = 0;
    w->at[w->n] = 0;
    return RC_OK;
}

static enum rc look(struct walk *w, struct err *err)
{
    if (lstat(w->n ? w->at : "/", &w->st) != 0)
        return ERR(err, errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO,
                   *w->kind->missing, w->path, here(w), str_of(strerrordesc_np(errno)));
    return judge(w, err);
}

static void up(struct walk *w)
{
    while (w->n && w->at[--w->n] != '/')
        ;
    w->at[w->n] = 0;
    w->loose = false; /* it was looked at on the way down, and what follows is looked at anew */
}

/* One step; false: there is none any more. */
static bool step(struct walk *w, enum rc *out, struct err *err)
{
    struct str rest = str_of(w->rest), name;

    while (str_starts(rest, STR("/")))
        rest = str_skip(rest, 1);
    if (rest.n == 0)
        return false;
    name = str_head(rest, str_find(rest, '/'));
    if (str_eq(name, STR("..")))
        up(w);
    *out = RC_OK;
    if (!str_eq(name, STR("..")) && !str_eq(name, STR("."))) {
        if (w->n + name.n + 2 > sizeof(w->at)) {
            *out = ERR(err, RC_TOOBIG, msg_long, w->path);
            return true;
        }
        w->at[w->n++] = '/';
        memcpy(w->at + w->n, name.p, name.n);
        w->n += name.n;
        w->at[w->n] = 0;
    }
    rest = str_skip(rest, name.n);
    memmove(w->rest, rest.p, rest.n + 1);
    *out = look(w, err);
    if (*out == RC_OK && S_ISLNK(w->st.st_mode))
        *out = follow(w, err);
    return true;
}

/* *out_mode is that of what was found at the end; 0: nothing is there, where that is allowed. */
static enum rc walk_all(struct walk *w, mode_t *out_mode, struct err *err)
{
    enum rc rc;

    if (!str_starts(w->path, STR("/")))
        return ERR(err, RC_INVAL, *w->kind->relative, w->path);
    if (str_copyz(w->path, w->rest, sizeof(w->rest)) != RC_OK)
        return ERR(err, RC_TOOBIG, msg_long, str_head(w->path, NUMBER_BYTES));
    TRY(look(w, err));
    while (step(w, &rc, err)) {
        if (rc == RC_NOTFOUND && w->kind->place && strspn(w->rest, "/") == strlen(w->rest)) {
            *out_mode = 0;
            return w->loose ? deny_loose(w, err) : RC_OK;
        }
        TRY(rc);
    }
    *out_mode = w->st.st_mode;
    return RC_OK;
}

enum rc owned_program(struct str path, uid_t self, struct err *err)
{
    struct walk w = {.kind = &program_kind, .path = path, .self = self};
    mode_t mode = 0;

    TRY(walk_all(&w, &mode, err));
    if (!S_ISREG(mode) || !(mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
        return ERR(err, RC_INVAL, msg_kind, path);
    return RC_OK;
}

enum rc owned_script(struct str path, uid_t self, struct err *err)
{
    struct walk w = {.kind = &program_kind, .path = path, .self = self};
    mode_t mode = 0;

    TRY(walk_all(&w, &mode, err));
    return S_ISREG(mode) ? RC_OK : ERR(err, RC_INVAL, msg_no_file, path);
}

enum rc owned_place(struct str path, uid_t self, struct err *err)
{
    struct walk w = {.kind = &place_kind, .path = path, .self = self};
    mode_t mode = 0;

    TRY(walk_all(&w, &mode, err));
    return S_ISDIR(mode) ? ERR(err, RC_INVAL, msg_place_kind, path) : RC_OK;
}
