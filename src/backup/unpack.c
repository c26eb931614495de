/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "sandbox/users.h"

MSG(msg_write, "backup.write", "{0}/{1}: {2}");

enum { LIST_MAX = 32 << 20 };

void backup_found_init(struct backup_found *f)
{
    *f = (struct backup_found){};
    arena_init(&f->arena, UNPACK_KEPT_BYTES);
    buf_init(&f->list, LIST_MAX);
}

void backup_found_done(struct backup_found *f)
{
    for (size_t i = 0; i < f->n_kept; i++)
        if (f->kept[i].content.n)
            explicit_bzero((char *)(uintptr_t)f->kept[i].content.p, f->kept[i].content.n);
    mem_free(f->kept);
    arena_done(&f->arena);
    buf_done(&f->list);
    backup_found_init(f);
}

struct unpacking {
    const struct backup_unpack *in;
    struct backup_found *out;
    int fd; /* of the file under way; -1: it is not written */
    bool keep;
    struct buf content; /* of one that is kept */
    struct pack_entry entry;
    char path[PACK_PATH_MAX + 1], owner[PACK_OWNER_MAX + 1];
};

static void unpacking_done(struct unpacking *u)
{
    fd_close(&u->fd);
    buf_wipe(&u->content);
}

static enum rc failed(const struct unpacking *u, struct err *err)
{
    return ERR(err, RC_IO, msg_write, str_of(u->in->dir_name), str_of(u->path),
               str_of(strerrordesc_np(errno)));
}

static enum rc on_about(void *arg, const struct pack_about *about, struct err *)
{
    ((struct unpacking *)arg)->out->about = *about;
    return RC_OK;
}

/* What backup_check has to look into. */
static bool is_kept(struct str path)
{
    return str_starts(path, STR("ca/")) || str_starts(path, STR("root/")) ||
           str_eq(path, STR("trust/audit.pub")) || str_eq(path, STR("ca.passphrase"));
}

static enum rc set_owner(const struct unpacking *u, int fd, struct err *err)
{
    uid_t uid;
    gid_t gid;

    if (!u->in->owners || !u->owner[0])
        return RC_OK;
    TRY(sandbox_user_create(u->owner, NULL, err));
    TRY(sandbox_user_find(u->owner, &uid, &gid, err));
    return fchown(fd, uid, gid) == 0 ? RC_OK : failed(u, err);
}

static enum rc make_dir(struct unpacking *u, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;

    if (mkdirat(u->in->dir, u->path, 0700) != 0)
        return failed(u, err);
    fd = openat(u->in->dir, u->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(u, err);
    TRY(set_owner(u, fd, err));
    return fchmod(fd, u->entry.mode | 0700) == 0 ? RC_OK : failed(u, err);
}

static enum rc make_file(struct unpacking *u, struct err *err)
{
    u->fd = openat(u->in->dir, u->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return failed(u, err);
    TRY(set_owner(u, u->fd, err));
    return fchmod(u->fd, u->entry.mode) == 0 ? RC_OK : failed(u, err);
}

/* Its texts do not outlive the call. */
static void remember(struct unpacking *u, const struct pack_entry *e)
{
    u->entry = *e;
    memcpy(u->path, e->path.p, e->path.n);
    u->path[e->path.n] = 0;
    if (e->owner.n)
        memcpy(u->owner, e->owner.p, e->owner.n);
    u->owner[e->owner.n] = 0;
    u->entry.path = str_of(u->path);
    u->entry.owner = str_of(u->owner);
}

static enum rc on_entry(void *arg, const struct pack_entry *e, struct err *err)
{
    struct unpacking *u = arg;
    bool database = str_eq(e->path, STR(PACK_DATABASE)) || str_eq(e->path, STR("db"));

    fd_close(&u->fd);
    remember(u, e);
    if (e->dir)
        u->out->dirs++;
    else
        u->out->files++;
    if (e->dir)
        return u->in->whole || database ? make_dir(u, err) : RC_OK;
    if (database)
        u->out->database = e->size;
    u->keep = is_kept(e->path);
    buf_wipe(&u->content);
    return u->in->whole || database ? make_file(u, err) : RC_OK;
}

static enum rc on_bytes(void *arg, struct str bytes, struct err *err)
{
    struct unpacking *u = arg;

    if (u->keep)
        buf_puts(&u->content, bytes);
    TRY(buf_rc(&u->content));
    return u->fd < 0 || file_put_all(u->fd, bytes) ? RC_OK : failed(u, err);
}

static enum rc keep(struct unpacking *u)
{
    struct backup_found *f = u->out;
    struct unpack_kept *k;

    if (f->n_kept == UNPACK_KEPT_MAX)
        return RC_TOOBIG;
    if (!f->kept)
        f->kept = mem_calloc(UNPACK_KEPT_MAX, sizeof(*f->kept));
    if (!f->kept)
        return RC_NOMEM;
    k = &f->kept[f->n_kept];
    TRY(arena_str(&f->arena, str_of(u->path), &k->path));
    TRY(arena_str(&f->arena, buf_str(&u->content), &k->content));
    f->n_kept++;
    return RC_OK;
}

static enum rc on_whole(void *arg, const unsigned char sha256[static SEAL_SHA256], struct err *)
{
    struct unpacking *u = arg;
    struct buf *list = &u->out->list;

    text_hex(list, str_bytes(sha256, SEAL_SHA256));
    buf_printf(list, "  %llu  %04o %s %s\n", (unsigned long long)u->entry.size, u->entry.mode,
               u->owner[0] ? u->owner : "-", u->path);
    TRY(buf_rc(list));
    return u->keep ? keep(u) : RC_OK;
}

enum rc backup_unpack(const struct backup_unpack *in, struct backup_found *out, struct err *err)
{
    CLEANUP(seal_reader_freep) struct seal_reader *seal = NULL;
    CLEANUP(unpacking_done) struct unpacking u = {.in = in, .out = out, .fd = -1};
    const struct pack_visit visit = {on_about, on_entry, on_bytes, on_whole, &u};
    struct str passphrase = str_bytes(secret_bytes(in->passphrase), secret_len(in->passphrase));

    buf_init(&u.content, PACK_FILE_MAX);
    TRY(seal_reader_new(&in->from, passphrase, &seal, err));
    return pack_read(seal, &out->arena, &visit, &out->sum, err);
}
