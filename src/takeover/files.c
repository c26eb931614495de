/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/place.h"
#include "base/fd.h"
#include "base/file.h"
#include "takeover/key.h"
#include "takeover/takeover_int.h"

MSG(msg_open, "takeover.file", "{0} cannot be read: {1}");
MSG(msg_hands, "takeover.file-of-others",
    "{0} can be written to by others than root and the user who runs this; what it says is not "
    "believed: have it changed by `chown` and `chmod go-w`");

enum { NAMES_MAX = 2000 };

static enum rc check_hands(struct takeover_finder *f, struct str path, const char *real)
{
    struct stat st;

    if (stat(real, &st) != 0)
        return ERR(f->err, RC_IO, msg_open, path, str_of(strerrordesc_np(errno)));
    if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return RC_OK;
    return ERR(f->err, RC_DENIED, msg_hands, path);
}

static enum rc read_through(struct takeover_finder *f, struct str path, struct buf *out)
{
    char given[AGENT_PATH_MAX], real[PATH_MAX];
    enum rc rc = str_copyz(path, given, sizeof(given));

    if (rc == RC_OK && !realpath(given, real)) {
        rc = errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO;
        return ERR(f->err, rc, msg_open, path, str_of(strerrordesc_np(errno)));
    }
    if (rc != RC_OK)
        return ERR(f->err, rc, msg_open, path, str_of(rc_text(rc)));
    TRY(check_hands(f, path, real));
    return file_read(AT_FDCWD, real, out, f->err);
}

enum rc takeover_file(struct takeover_finder *f, struct str path, struct str *out)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(TAKEOVER_FILE_MAX);

    TRY(read_through(f, path, &b));
    return arena_str(&f->t->arena, buf_str(&b), out);
}

enum rc takeover_key_file(struct takeover_finder *f, struct str path, struct crypto_key **out)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(TAKEOVER_KEY_MAX);
    struct err why = ERR_INIT;
    char line[512];

    if (!buf_reserve(&b, TAKEOVER_KEY_MAX)) /* at once: growing leaves copies behind */
        return RC_NOMEM;
    TRY(read_through(f, path, &b));
    why.rc = takeover_key_read(buf_str(&b), out, &why);
    if (why.rc == RC_OK || why.rc == RC_NOMEM)
        return why.rc;
    return ERR(f->err, why.rc, msg_open, path, str_of(err_textz(&why, line, sizeof(line))));
}

static bool is_kind(struct str path, mode_t kind)
{
    char given[AGENT_PATH_MAX];
    struct stat st;

    return str_copyz(path, given, sizeof(given)) == RC_OK && stat(given, &st) == 0 &&
           (st.st_mode & S_IFMT) == kind;
}

bool takeover_is_file(struct str path)
{
    return is_kind(path, S_IFREG);
}

bool takeover_is_dir(struct str path)
{
    return is_kind(path, S_IFDIR);
}

enum rc takeover_join(struct takeover_finder *f, struct str a, struct str b, struct str *out)
{
    if (str_starts(b, STR("/")))
        return arena_str(&f->t->arena, b, out);
    *out = arena_printf(&f->t->arena, "%.*s/%.*s", STR_ARG(a), STR_ARG(b));
    return out->p ? RC_OK : RC_NOMEM;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum rc read_names(struct takeover_finder *f, DIR *d, struct str dir, const char *suffix,
                          struct str *list, size_t *n)
{
    const struct dirent *e;

    while (*n < NAMES_MAX && (e = readdir(d)) != NULL) {
        struct str name = str_of(e->d_name);

        if (e->d_name[0] == '.' || !str_ends(name, str_of(suffix)))
            continue;
        TRY(takeover_join(f, dir, name, &list[(*n)++]));
    }
    qsort(list, *n, sizeof(*list), by_text);
    return RC_OK;
}

enum rc takeover_list(struct takeover_finder *f, struct str dir, const char *suffix,
                      struct str **out, size_t *out_n)
{
    struct str *list = ARENA_ARRAY(&f->t->arena, struct str, NAMES_MAX);
    char path[AGENT_PATH_MAX];
    size_t n = 0;
    enum rc rc = RC_OK;
    DIR *d;

    if (!list)
        return RC_NOMEM;
    TRY(str_copyz(dir, path, sizeof(path)));
    d = opendir(path);
    if (d) {
        rc = read_names(f, d, dir, suffix, list, &n);
        closedir(d);
    }
    TRY(rc);
    *out = list;
    *out_n = n;
    return RC_OK;
}

struct str takeover_base(struct str path, const char *suffix)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/') {
            path = str_skip(path, i);
            break;
        }
    return str_ends(path, str_of(suffix)) ? str_head(path, path.n - strlen(suffix)) : path;
}
