/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/also.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "client/pair.h"
#include "crypto/pem.h"

MSG(msg_form, "agent.also-form",
    "\"{0}\" is not link or copy, a colon, cert, chain, fullchain, privkey or combined, a colon "
    "and "
    "an absolute path");
MSG(msg_failed, "agent.also-failed", "{0} cannot be put in place: {1}");

enum { COPY_MAX = CLIENT_PAIR_MAX + CRYPTO_PEM_MAX, ALSO_LINK_MAX = 2 * AGENT_PATH_MAX };

static const char *const kinds[] = {"cert", "chain", "fullchain", "privkey", "combined"};
enum { FULLCHAIN = 2, PRIVKEY, COMBINED, KINDS };

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
        (a->link && a->what == COMBINED) || !str_starts(path, STR("/")) ||
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

static enum rc put_copy(const struct also *a)
{
    CLEANUP(buf_wipe) struct buf content = BUF_INIT(COPY_MAX);
    struct file_owner owner = a->p->owner.who;
    mode_t mode = a->what < PRIVKEY ? 0644 : a->p->owner.key;
    char real[PATH_MAX];
    const char *path = behind(a, real);
    struct stat st;

    TRY(content_of(a, &content));
    if (shows(path, buf_str(&content)))
        return RC_OK;
    if (stat(path, &st) == 0) {
        owner = (struct file_owner){st.st_uid, st.st_gid};
        mode = st.st_mode & 0777;
    }
    TRY(file_step());
    return file_write(AT_FDCWD, path, buf_str(&content), mode, owner, a->err);
}

static enum rc check(const struct also *a)
{
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
