/* SPDX-License-Identifier: Apache-2.0 */
#include "shelf/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/page.h"
#include "base/fd.h"
#include "base/file.h"
#include "report/report.h"

MSG(msg_file, "report.no-file", "there is no file \"{0}\" of a report \"{1}\"");
MSG(msg_long, "report.file-long",
    "{0} of {1} is too long to be handed out here; it is in " SHELF_DIR "/{1} of the data "
    "directory");
MSG(msg_dir, "report.shelf", SHELF_DIR " of the data directory cannot be read: {0}");

enum { PATH_ROOM = 128, NAME_ROOM = 64, ENTRIES_MAX = 4096 };

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".csv", "text/csv; charset=utf-8"},
    {".json", "application/json"},
};

/* The media type of what a report can consist of; NULL: of nothing like that. */
static const char *type_of(struct str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t stem = name.n - strlen(types[i].ending);

        if (name.n >= NAME_ROOM || !str_ends(name, str_of(types[i].ending)) || stem == 0)
            continue;
        for (size_t k = 0; k < stem; k++)
            if ((name.p[k] < 'a' || name.p[k] > 'z') && name.p[k] != '-')
                return NULL;
        return types[i].type;
    }
    return NULL;
}

static bool is_month(struct str text)
{
    struct report_span span;

    return report_month(text, &span) == RC_OK;
}

static DIR *open_dir(int dir, const char *path)
{
    CLEANUP(fd_closep) int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d)
        (void)fd_move(&fd);
    return d;
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(((const struct shelf_month *)b)->text, ((const struct shelf_month *)a)->text);
}

/* The oldest falls out when there are more than fit. */
static void add(struct shelf_month *out, size_t *n, const char *name)
{
    size_t at = *n;

    if (at == SHELF_MONTHS_MAX) {
        qsort(out, at, sizeof(*out), newest_first);
        at--;
        if (strcmp(out[at].text, name) > 0)
            return;
    }
    memcpy(out[at].text, name, sizeof(out[at].text));
    *n = at + 1;
}

enum rc shelf_months(int dir, struct shelf_month out[static SHELF_MONTHS_MAX], size_t *out_n)
{
    DIR *d = open_dir(dir, SHELF_DIR);
    const struct dirent *e;
    size_t n = 0, seen = 0;

    if (!d) {
        *out_n = 0;
        return errno == ENOENT ? RC_OK : RC_IO;
    }
    while ((e = readdir(d)) && seen++ < ENTRIES_MAX)
        if (is_month(str_of(e->d_name)))
            add(out, &n, e->d_name);
    closedir(d);
    qsort(out, n, sizeof(*out), newest_first);
    *out_n = n;
    return RC_OK;
}

/* ---- the list */

static void put_files(int dir, const char *path, struct json_out *o)
{
    DIR *d = open_dir(dir, path);
    const struct dirent *e;
    struct stat st;
    size_t n = 0;

    json_key(o, "files");
    json_arr(o);
    while (d && n < SHELF_FILES_MAX && (e = readdir(d))) {
        if (!type_of(str_of(e->d_name)) ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        json_obj(o);
        json_kv_z(o, "name", e->d_name);
        json_kv_u64(o, "bytes", (uint64_t)st.st_size);
        json_end(o);
        n++;
    }
    if (d)
        closedir(d);
    json_end(o);
}

/* Written anew, number by number: what is in the file is held to its form. */
static void put_numbers(const struct json *root, struct json_out *o)
{
    const struct json *numbers = json_get(root, "numbers");
    struct report_number all[REPORT_NUMBERS];
    const struct report_numbers none = {};

    report_numbers_list(&none, all);
    json_kv_str(o, "from", json_shown(root, "from"));
    json_kv_str(o, "before", json_shown(root, "before"));
    json_key(o, "numbers");
    json_obj(o);
    for (size_t i = 0; i < REPORT_NUMBERS; i++)
        json_kv_u64(o, all[i].name, json_shown_u64(numbers, all[i].name));
    json_end(o);
}

/* shelf_months has looked at the form. */
static int64_t number_of(const struct shelf_month *m)
{
    uint64_t year = 0, month = 0;
    struct str before, behind;

    str_cut(str_of(m->text), '-', &before, &behind);
    IGNORE_RC(str_u64(before, 9999, &year));
    IGNORE_RC(str_u64(behind, 99, &month));
    return (int64_t)(year * 100 + month);
}

/* A month, by the number that it is listed by: 202610. */
struct listed {
    int64_t n;
    struct shelf_month month;
};

static enum rc put_month(const void *arg, const void *row, struct json_out *o)
{
    const struct shelf_month *m = &((const struct listed *)row)->month;
    int dir = *(const int *)arg;
    CLEANUP(buf_done) struct buf text = BUF_INIT(SHELF_NUMBERS_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    char path[PATH_ROOM];
    enum rc rc;

    (void)snprintf(path, sizeof(path), SHELF_DIR "/%s/numbers.json", m->text);
    rc = file_read(dir, path, &text, NULL);
    if (rc == RC_OK)
        rc = json_parse(buf_str(&text), SHELF_NUMBERS_MAX, &doc, NULL);
    if (rc == RC_NOMEM)
        return rc;
    json_obj(o);
    json_kv_z(o, "month", m->text);
    if (rc == RC_OK) {
        put_numbers(json_root(doc), o);
        (void)snprintf(path, sizeof(path), SHELF_DIR "/%s", m->text);
        put_files(dir, path, o);
    } else
        json_kv_z(o, "error", rc_text(rc));
    json_end(o);
    return RC_OK;
}

enum rc shelf_list_at(int dir, const struct json *args, struct json_out *o, struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct listed),
                                         .at = offsetof(struct listed, n),
                                         .order = API_BY_NUMBER,
                                         .put = put_month};
    struct shelf_month months[SHELF_MONTHS_MAX];
    struct listed list[SHELF_MONTHS_MAX];
    struct api_memory all = {.rows = list, .down = true};
    enum rc rc = shelf_months(dir, months, &all.n);

    if (rc == RC_IO)
        return ERR(err, rc, msg_dir, str_of(strerrordesc_np(errno)));
    TRY(rc);
    for (size_t i = 0; i < all.n; i++)
        list[i] = (struct listed){number_of(&months[i]), months[i]};
    json_obj(o);
    TRY(api_list_of(&rows, &all, args, &dir, o, err));
    json_end(o);
    return RC_OK;
}

enum rc shelf_list(const struct api_view *v, const struct json *args, struct json_out *o,
                   struct err *err)
{
    (void)v;
    return shelf_list_at(AT_FDCWD, args, o, err);
}

/* ---- a file */

enum rc shelf_file_at(int dir, struct str month, struct str name, struct buf *out,
                      const char **out_type, struct err *err)
{
    const char *type = type_of(name);
    char path[PATH_ROOM];
    enum rc rc = RC_NOTFOUND;

    if (type && is_month(month)) {
        (void)snprintf(path, sizeof(path), SHELF_DIR "/%.*s/%.*s", STR_ARG(month), STR_ARG(name));
        rc = file_read(dir, path, out, err);
    }
    if (rc == RC_TOOBIG)
        return ERR(err, rc, msg_long, name, month);
    if (rc == RC_NOTFOUND || rc == RC_INVAL)
        return ERR(err, RC_NOTFOUND, msg_file, str_head(name, NAME_ROOM),
                   str_head(month, NAME_ROOM));
    TRY(rc);
    *out_type = type;
    return RC_OK;
}
