/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/also.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/staple.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/owned.h"
#include "client/pair.h"
#include "crypto/pem.h"

MSG(msg_form, "agent.also-form",
    "\"{0}\" is not link or copy, a colon, cert, chain, fullchain, privkey, combined or ocsp, a "
    "colon and an absolute path");
MSG(msg_long, "agent.also-long",
    "the name of {0} is too long: what is written beside it first ends in \".autarky-new\"; {1} "
    "bytes are possible");
MSG(msg_failed, "agent.also-failed", "{0} cannot be put in place: {1}");

enum {
    COPY_MAX = CLIENT_PAIR_MAX + CRYPTO_PEM_MAX,
    ALSO_LINK_MAX = 2 * AGENT_PATH_MAX,
    FRESH_MAX = PATH_MAX,
    FRESH_MORE = 13 /* bytes that its name is longer: fresh_of */
};

static const char *const kinds[] = {"cert", "chain", "fullchain", "privkey", "combined", "ocsp"};
enum { FULLCHAIN = 2, PRIVKEY, COMBINED, OCSP, KINDS };

struct also {
    const struct agent_place *p;
    bool link;
    unsigned what;
    char path[AGENT_PATH_MAX];
    struct err *err;
};

static enum rc failed(const struct also *a)
{
    return ERR(a->err, RC_IO, msg_failed, str_of(a->path), str_of(strerrordesc_np(errno)));
}

static enum rc parse(struct str text, struct also *a)
{
    struct str how, what, path, rest;

    str_cut(text, ':', &how, &rest);
    str_cut(rest, ':', &what, &path);
    a->link = str_eq(how, STR("link"));
    for (a->what = 0; a->what < KINDS; a->what++)
        if (str_eq(what, str_of(kinds[a->what])))
            break;
    if ((!a->link && !str_eq(how, STR("copy"))) || a->what == KINDS ||
        (a->link && a->what >= COMBINED) || !str_starts(path, STR("/")) ||
        str_copyz(path, a->path, sizeof(a->path)) != RC_OK)
        return ERR(a->err, RC_INVAL, msg_form, text);
    return RC_OK;
}

/* ---- links: relative where that is short, so that the whole may be moved or mounted elsewhere */

static bool in_dir(const char *path, struct str dir)
{
    return str_starts(str_of(path), dir) && path[dir.n] == '/' && !strchr(path + dir.n + 1, '/');
}

static void target_of(const struct also *a, char out[static ALSO_LINK_MAX])
{
    const char *slash = strrchr(a->p->path, '/');
    const char *before = "";
    char base[AGENT_PATH_MAX + 2];

    if (in_dir(a->path, str_of(a->p->path))) {
        before = "";
    } else if (slash && in_dir(a->path, str_bytes(a->p->path, (size_t)(slash - a->p->path)))) {
        snprintf(base, sizeof(base), "%s/", slash + 1);
        before = base;
    } else {
        snprintf(base, sizeof(base), "%s/", a->p->path);
        before = base;
    }
    snprintf(out, ALSO_LINK_MAX, "%s" AGENT_HOME "/live/%s.pem", before, kinds[a->what]);
}

static enum rc put_link(const struct also *a)
{
    char target[ALSO_LINK_MAX], is[ALSO_LINK_MAX], fresh[AGENT_PATH_MAX + 16];
    ssize_t n = readlink(a->path, is, sizeof(is));

    target_of(a, target);
    if (n > 0 && str_eq(str_bytes(is, (size_t)n), str_of(target)))
        return RC_OK;
    snprintf(fresh, sizeof(fresh), "%s.autarky-new", a->path);
    TRY(file_step());
    unlink(fresh);
    if (symlink(target, fresh) != 0)
        return failed(a);
    TRY(file_step());
    if (rename(fresh, a->path) == 0)
        return RC_OK;
    unlink(fresh);
    return failed(a);
}

/* ---- copies */

static enum rc read_one(const struct also *a, unsigned what, struct buf *out)
{
    char name[32], path[AGENT_PATH_MAX];

    snprintf(name, sizeof(name), "%s.pem", kinds[what]);
    TRY(agent_place_file(a->p, a->p->live, name, path));
    return file_read(AT_FDCWD, path, out, a->err);
}

static enum rc content_of(const struct also *a, struct buf *out)
{
    if (a->what == OCSP)
        return agent_staple_get(a->p, a->p->live, out);
    if (!buf_reserve(out, COPY_MAX)) /* at once: growing leaves copies of the key behind */
        return RC_NOMEM;
    TRY(read_one(a, a->what == COMBINED ? FULLCHAIN : a->what, out));
    return a->what == COMBINED ? read_one(a, PRIVKEY, out) : RC_OK;
}

/* Where it is a link, the file behind it is what others read. */
static const char *behind(const struct also *a, char real[static PATH_MAX])
{
    return realpath(a->path, real) ? real : a->path;
}

static bool shows(const char *path, struct str content)
{
    CLEANUP(buf_wipe) struct buf is = BUF_INIT(COPY_MAX);

    return file_read(AT_FDCWD, path, &is, NULL) == RC_OK && str_eq(buf_str(&is), content);
}

/* An answer about the certificate before would have HAProxy refuse both. */
static enum rc drop_copy(const struct also *a, const char *path)
{
    TRY(file_step());
    return unlink(path) == 0 || errno == ENOENT ? RC_OK : failed(a);
}

/* What is written stands beside the file, under a name that is its own and no other program's, and
 * that HAProxy passes over in a directory: so what a cut leaves of it is known by the next run. */
static enum rc fresh_of(const char *path, char out[static FRESH_MAX])
{
    const char *base = strrchr(path, '/') + 1;
    int n = snprintf(out, FRESH_MAX, "%.*s.%s.autarky-new", (int)(base - path), path, base);

    return n > 0 && n < FRESH_MAX ? RC_OK : RC_TOOBIG;
}

/* Left by a run that was cut off, as whoever runs this or given away already; another's is not. */
static void sweep(const char *fresh, struct file_owner owner)
{
    struct stat st;

    if (lstat(fresh, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        (st.st_uid == geteuid() || st.st_uid == owner.uid))
        unlink(fresh);
}

struct copy {
    struct str content;
    struct file_owner owner;
    mode_t mode;
    struct agent_owner label; /* of which that alone counts */
};

/* That of the plan, else that of the file which is replaced: a service that SELinux confines goes
 * on reading it. Empty where the file system keeps none. */
static void label_of(const struct also *a, const char *path, struct agent_owner *out)
{
    ssize_t n;

    *out = a->p->owner;
    if (out->label[0])
        return;
    n = lgetxattr(path, "security.selinux", out->label, sizeof(out->label) - 1);
    out->label[n > 0 ? n : 0] = '\0';
}

static bool selinux_is_active(void)
{
    return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

/* Nothing is asked of the kernel that is so already; where no labels are kept, none decides, and
 * one that nobody declared is no reason to fail where it means nothing. */
static enum rc put_label(const struct also *a, int fd, const struct agent_owner *o)
{
    char is[AGENT_LABEL_MAX + 1] = "";
    ssize_t n = fgetxattr(fd, "security.selinux", is, sizeof(is) - 1);
    bool declared = a->p->owner.label[0];
    enum rc rc;

    is[n > 0 ? n : 0] = '\0';
    if (strcmp(is, o->label) == 0)
        return RC_OK;
    rc = agent_owner_label(o, fd, a->path, a->err);
    if (rc == RC_UNSUPPORTED || (rc == RC_DENIED && !declared && !selinux_is_active())) {
        *a->err = (struct err)ERR_INIT;
        return RC_OK;
    }
    return rc;
}

/* The owner before the mode, because changing the owner may clear bits of the mode. */
static bool fill(int fd, const struct copy *c)
{
    bool given = c->owner.uid != (uid_t)-1 || c->owner.gid != (gid_t)-1;

    return file_put_all(fd, c->content) &&
           (!given || fchown(fd, c->owner.uid, c->owner.gid) == 0) && fchmod(fd, c->mode) == 0 &&
           fsync(fd) == 0;
}

static enum rc replace(const struct also *a, const char *path, const char *fresh,
                       const struct copy *c)
{
    CLEANUP(fd_closep) int fd = -1;
    char dir[PATH_MAX];
    struct stat st;
    enum rc rc;

    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
        return failed(a);
    }
    TRY(file_step());
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(a);
    rc = put_label(a, fd, &c->label);
    if (rc == RC_OK && (!fill(fd, c) || file_step() != RC_OK || rename(fresh, path) != 0))
        rc = failed(a);
    if (rc != RC_OK) {
        unlink(fresh);
        return rc;
    }
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
    return file_sync_dir(AT_FDCWD, dir[0] ? dir : "/", a->err);
}

static enum rc put_copy(const struct also *a)
{
    CLEANUP(buf_wipe) struct buf content = BUF_INIT(COPY_MAX);
    struct copy c = {.owner = a->p->owner.who};
    char fresh[FRESH_MAX];
    mode_t mode = a->what == PRIVKEY || a->what == COMBINED ? a->p->owner.key : 0644;
    char real[PATH_MAX];
    const char *path = behind(a, real);
    struct stat st;
    enum rc rc;

    TRY(fresh_of(path, fresh));
    sweep(fresh, c.owner);
    rc = content_of(a, &content);
    if (rc == RC_NOTFOUND && a->what == OCSP)
        return drop_copy(a, path);
    TRY(rc);
    if (shows(path, buf_str(&content)))
        return RC_OK;
    if (stat(path, &st) == 0) {
        c.owner = (struct file_owner){st.st_uid, st.st_gid};
        sweep(fresh, c.owner);
        mode = st.st_mode & 0777;
    }
    c.content = buf_str(&content);
    c.mode = mode;
    label_of(a, path, &c.label);
    return replace(a, path, fresh, &c);
}

static enum rc check(const struct also *a)
{
    if (strlen(strrchr(a->path, '/') + 1) > NAME_MAX - FRESH_MORE)
        return ERR(a->err, RC_INVAL, msg_long, str_of(a->path), STR("242"));
    return owned_place(str_of(a->path), geteuid(), a->err);
}

enum rc agent_also_check(const struct agent_plan *plan, struct err *err)
{
    struct also a = {.err = err};

    for (size_t i = 0; i < plan->n_also; i++) {
        TRY(parse(plan->also[i], &a));
        TRY(check(&a));
    }
    return RC_OK;
}

enum rc agent_also_put(const struct agent_place *p, const struct agent_plan *plan, struct err *err)
{
    struct also a = {.p = p, .err = err};

    for (size_t i = 0; i < plan->n_also; i++) {
        TRY(parse(plan->also[i], &a));
        TRY(check(&a));
        TRY(a.link ? put_link(&a) : put_copy(&a));
    }
    return RC_OK;
}

static bool has(const struct agent_plan *plan, struct str also)
{
    for (size_t i = 0; i < plan->n_also; i++)
        if (str_eq(plan->also[i], also))
            return true;
    return false;
}

enum rc agent_also_leave(const struct agent_place *p, const struct agent_plan *was,
                         const struct agent_plan *now, struct err *err)
{
    CLEANUP(buf_done) struct buf is = BUF_INIT(AGENT_STAPLE_MAX);
    struct also a = {.p = p, .err = err};

    if (agent_staple_get(p, p->live, &is) != RC_OK)
        return RC_OK; /* nothing of ours can be there */
    for (size_t i = 0; i < was->n_also; i++) {
        if (!str_starts(was->also[i], STR(AGENT_ALSO_OCSP)) || has(now, was->also[i]))
            continue;
        TRY(parse(was->also[i], &a));
        TRY(check(&a));
        if (shows(a.path, buf_str(&is)))
            TRY(drop_copy(&a, a.path));
    }
    return RC_OK;
}
