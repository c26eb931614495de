/* SPDX-License-Identifier: Apache-2.0 */
/* The only file here that touches the file system. What is checked is what is read: owner and mode
 * are those of the open descriptor. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "conf/load.h"

MSG(msg_none, "conf.no-file",
    "{0} does not exist; autarky init makes it, --data and --config say where it is");
MSG(msg_open, "conf.open", "{0} cannot be opened: {1}");
MSG(msg_link, "conf.link", "{0} is a symbolic link; put the file itself there");
MSG(msg_kind, "conf.kind", "{0} is no {1}");
MSG(msg_owner, "conf.owner",
    "{0} belongs to user {1}, who could so change what this program does; chown {2} {0}");
MSG(msg_mode, "conf.mode", "{0} has mode {1}: others than its owner may write it; chmod go-w {0}");
MSG(msg_big, "conf.big", "{0} is larger than {1} bytes, the most that a configuration file has");
MSG(msg_read, "conf.read", "{0} cannot be read: {1}");
MSG(msg_total, "conf.total", "with {0} the configuration files have more than {1} bytes together");
MSG(msg_files, "conf.files", "there are more than {0} configuration files, {1} among them");
MSG(msg_name, "conf.file-name",
    "{0} would not be read, for its name does not end in .yaml; rename it");
MSG(msg_path, "conf.file-path", "{0} is longer than {1} bytes, the most that a path has");

MSG(msg_secret, "conf.private-key",
    "{0} holds a private key, and what is in conf.d is told to several processes; keep the key "
    "elsewhere, certificates alone belong here");

enum { NUMBER_TEXT = 24 };

struct source {
    struct conf_input *in;
    struct err *err;
    struct buf names; /* of the files in turn; texts are in `in->bytes` */
    size_t name_n[CONF_FILES_MAX];
    size_t text_n[CONF_FILES_MAX];
    size_t n;
};

static struct str number(char text[static NUMBER_TEXT], const char *fmt, unsigned long v)
{
    return (struct str){text, (size_t)snprintf(text, NUMBER_TEXT, fmt, v)};
}

static enum rc check_open(const struct stat *st, mode_t kind, struct str path, struct err *err)
{
    char z[2][NUMBER_TEXT];

    if ((st->st_mode & S_IFMT) != kind)
        return ERR(err, RC_DENIED, msg_kind, path,
                   kind == S_IFDIR ? STR("directory") : STR("regular file"));
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return ERR(err, RC_DENIED, msg_owner, path, number(z[0], "%lu", st->st_uid),
                   number(z[1], "%lu", geteuid()));
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return ERR(err, RC_DENIED, msg_mode, path, number(z[0], "%04lo", st->st_mode & 07777));
    return RC_OK;
}

/* Opens and checks; RC_NOTFOUND without a message when there is nothing. */
static enum rc open_checked(int dir, const char *name, mode_t kind, struct str path, int *out,
                            struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;

    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return RC_NOTFOUND;
    if (fd < 0 && errno == ELOOP)
        return ERR(err, RC_DENIED, msg_link, path);
    if (fd < 0 || fstat(fd, &st) != 0)
        return ERR(err, RC_IO, msg_open, path, str_of(strerror(errno)));
    TRY(check_open(&st, kind, path, err));
    *out = fd_move(&fd);
    return RC_OK;
}

/* Appends the content to the input's bytes. */
static enum rc read_text(struct source *s, int fd, struct str path)
{
    struct buf *b = &s->in->bytes;
    size_t start = b->n;
    char z[NUMBER_TEXT];

    for (;;) {
        void *p = buf_reserve(b, 65536);
        ssize_t n;

        if (!p)
            return buf_rc(b);
        n = read(fd, p, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR(s->err, RC_IO, msg_read, path, str_of(strerror(errno)));
        if (n == 0)
            break;
        buf_advance(b, (size_t)n);
        if (b->n - start > CONF_FILE_BYTES_MAX)
            return ERR(s->err, RC_TOOBIG, msg_big, path, number(z, "%lu", CONF_FILE_BYTES_MAX));
        if (b->n > CONF_BYTES_MAX)
            return ERR(s->err, RC_TOOBIG, msg_total, path, number(z, "%lu", CONF_BYTES_MAX));
    }
    s->text_n[s->n] = b->n - start;
    return RC_OK;
}

/* In the text that was read last: any of the labels, as in "EC PRIVATE KEY". */
static bool has_key(const struct source *s)
{
    size_t n = s->text_n[s->n];

    return n && memmem(s->in->bytes.p + s->in->bytes.n - n, n, "PRIVATE KEY-----", 16);
}

static enum rc add_file(struct source *s, int dir, const char *name, struct str path)
{
    CLEANUP(fd_closep) int fd = -1;
    char z[NUMBER_TEXT];
    enum rc rc;

    if (s->n == CONF_FILES_MAX)
        return ERR(s->err, RC_TOOBIG, msg_files, number(z, "%lu", CONF_FILES_MAX), path);
    if (path.n > CONF_NAME_BYTES_MAX)
        return ERR(s->err, RC_TOOBIG, msg_path, path, number(z, "%lu", CONF_NAME_BYTES_MAX));
    rc = open_checked(dir, name, S_IFREG, path, &fd, s->err);
    if (rc == RC_NOTFOUND)
        return ERR(s->err, RC_NOTFOUND, msg_none, path);
    TRY(rc);
    TRY(read_text(s, fd, path));
    if (conf_file_is_pem(path) && has_key(s))
        return ERR(s->err, RC_INVAL, msg_secret, path);
    buf_puts(&s->names, path);
    s->name_n[s->n++] = path.n;
    return buf_rc(&s->names);
}

static int is_wanted(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return name.n && name.p[0] != '.' &&
           (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")) || conf_file_is_pem(name));
}

static void put_path(struct buf *b, const char *dir, const char *name)
{
    buf_reset(b);
    buf_putz(b, dir);
    if (!str_ends(str_of(dir), STR("/")))
        buf_putz(b, "/");
    buf_putz(b, name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum rc add_entry(struct source *s, int dir, const char *dir_name, const char *name)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(CONF_NAME_BYTES_MAX + 1);

    put_path(&path, dir_name, name);
    TRY(buf_rc(&path));
    if (!str_ends(str_of(name), STR(".yaml")) && !conf_file_is_pem(str_of(name)))
        return ERR(s->err, RC_INVAL, msg_name, buf_str(&path));
    return add_file(s, dir, name, buf_str(&path));
}

/* The list comes from libc's own allocator, and goes back there. */
static void free_list(struct dirent **list, int n)
{
    for (int i = 0; i < n; i++)
        free(list[i]); /* checksrc: allow free: scandir allocated it */
    free(list);        /* checksrc: allow free: scandir allocated it */
}

static enum rc add_directory(struct source *s, int data, const char *data_name)
{
    CLEANUP(fd_closep) int dir = -1;
    CLEANUP(buf_done) struct buf path = BUF_INIT(CONF_NAME_BYTES_MAX + 1);
    struct dirent **list = NULL;
    enum rc rc = RC_OK;
    int n;

    put_path(&path, data_name, "conf.d");
    TRY(buf_rc(&path));
    rc = open_checked(data, "conf.d", S_IFDIR, buf_str(&path), &dir, s->err);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    n = scandirat(dir, ".", &list, is_wanted, by_bytes);
    if (n < 0)
        return ERR(s->err, errno == ENOMEM ? RC_NOMEM : RC_IO, msg_read, buf_str(&path),
                   str_of(strerror(errno)));
    for (int i = 0; i < n && rc == RC_OK; i++)
        rc = add_entry(s, dir, buf_z(&path), list[i]->d_name);
    free_list(list, n);
    return rc;
}

/* Texts, then names, in one block that no longer moves. */
static enum rc settle(struct source *s)
{
    struct buf *b = &s->in->bytes;
    const char *text, *name;

    buf_puts(b, buf_str(&s->names));
    TRY(buf_rc(b));
    text = buf_str(b).p;
    name = text + (b->n - s->names.n);
    for (size_t i = 0; i < s->n; i++) {
        TRY(conf_input_add(s->in, str_bytes(name, s->name_n[i]), str_bytes(text, s->text_n[i])));
        name += s->name_n[i];
        text += s->text_n[i];
    }
    return RC_OK;
}

static enum rc read_all(struct source *s, int data, const char *data_name, const char *config)
{
    struct stat st;

    if (fstat(data, &st) != 0)
        return ERR(s->err, RC_IO, msg_open, str_of(data_name), str_of(strerror(errno)));
    TRY(check_open(&st, S_IFDIR, str_of(data_name), s->err));
    if (config)
        TRY(add_file(s, AT_FDCWD, config, str_of(config)));
    else
        TRY(add_entry(s, data, data_name, "autarky.yaml"));
    TRY(add_directory(s, data, data_name));
    return settle(s);
}

enum rc conf_input_read(struct conf_input *in, int data, const char *data_name, const char *config,
                        struct err *err)
{
    struct source s = {.in = in, .err = err};
    enum rc rc;

    buf_init(&s.names, CONF_FILES_MAX * CONF_NAME_BYTES_MAX);
    rc = read_all(&s, data, data_name, config);
    buf_done(&s.names);
    if (rc != RC_OK)
        conf_input_done(in);
    return rc;
}
